/** How answers of the backend are kept, and when they are asked for again. */
import { QueryClient } from "@tanstack/react-query";

import { isSilence } from "@/lib/api/problem";

const RETRIES = 2;
const RETRY_MS = 400;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // The backend is often on a machine without the internet, so the browser's "offline" says nothing. A cut
      // that is over at once (a network that changes) is not shown; what goes on failing is asked again when the
      // service is back (see lib/service); a refusal is final.
      queries: {
        networkMode: "always",
        retry: (tries, error) => tries < RETRIES && isSilence(error),
        retryDelay: RETRY_MS,
        staleTime: 10_000,
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}
