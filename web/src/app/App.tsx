import { MantineProvider } from "@mantine/core";
import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { Failure, Loading } from "@/components/ui/States";
import { SignInAgain } from "@/features/session/components/SignInAgain";
import { SignInPage } from "@/features/session/components/SignInPage";
import { unreachableError } from "@/lib/errors";
import { useSession } from "@/lib/roles";
import { session } from "@/lib/session";
import { newRouter } from "./router";
import { theme } from "./theme";

/** App is the console: the sign-in where there is no session, else the page that the address names. */
export function App({ client }: { client: QueryClient }) {
  return (
    // Mantine's own <style> elements would need holes in the content security policy; app.css has what they would say.
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={client}>
        <Gate client={client} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Gate({ client }: { client: QueryClient }) {
  const state = useSession();
  const user = "user" in state ? state.user.id : undefined;
  useForget(client, user);
  useEffect(() => {
    if (state.phase === "starting") void session.start();
    if (state.phase !== "unreachable") return;
    const timer = setTimeout(() => void session.start(), 2_000);
    return () => clearTimeout(timer);
  }, [state]);
  switch (state.phase) {
    case "starting":
      return <Loading label="Starting" />;
    case "unreachable":
      return <Failure error={unreachableError(undefined)} retry={() => void session.start()} />;
    case "signed-out":
      return <SignInPage />;
    case "signed-in":
    case "expired":
      return (
        <>
          <Pages key={state.user.id} />
          {state.phase === "expired" && <SignInAgain user={state.user} />}
        </>
      );
  }
}

function Pages() {
  const [router] = useState(newRouter);
  return <RouterProvider router={router} />;
}

/** useForget drops what one user has read before another, or nobody, sees the page. */
function useForget(client: QueryClient, user: string | undefined): void {
  const before = useRef(user);
  useEffect(() => {
    if (before.current !== user) client.clear();
    before.current = user;
  }, [client, user]);
}
