import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { theme } from "@/app/theme";

/** renderPage shows a part of the console at an address of its own; links lead nowhere, but have their addresses. */
export async function renderPage(page: ReactNode) {
  const root = createRootRoute();
  const here = createRoute({ getParentRoute: () => root, path: "/", component: () => page });
  const rest = createRoute({ getParentRoute: () => root, path: "$", component: () => <p>another page</p> });
  const router = createRouter({ routeTree: root.addChildren([here, rest]), history: createMemoryHistory({ initialEntries: ["/"] }) });
  await router.load();
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, networkMode: "always" }, mutations: { networkMode: "always" } } });
  return render(
    <MantineProvider env="test" theme={theme}>
      <QueryClientProvider client={client}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
}
