import { QueryClient } from "@tanstack/react-query";
import { shouldRetry } from "@/lib/http";

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // What the browser thinks of the network says little about a server on the same machine.
      queries: { networkMode: "always", retry: shouldRetry, retryDelay: (n) => Math.min(500 * 2 ** n, 5_000), staleTime: 2_000, refetchOnWindowFocus: true },
      mutations: { networkMode: "always", retry: false },
    },
  });
}
