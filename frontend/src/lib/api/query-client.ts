/** How answers of the backend are kept: tried once, and asked again when something has changed. */
import { QueryClient } from "@tanstack/react-query";

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // The backend is often on a machine without the internet, so the browser's "offline" says nothing. What
      // failed is asked again when the service is back (see lib/service), so nothing is retried blindly.
      queries: { networkMode: "always", retry: false, staleTime: 10_000 },
      mutations: { networkMode: "always", retry: false },
    },
  });
}
