/** How the service is, asked again and again: the worse it is, the more often. */
import { queryOptions, useQuery } from "@tanstack/react-query";

import { client } from "@/lib/api/client";
import type { HealthReport } from "@/lib/api/client";
import { isSilence } from "@/lib/api/problem";
import type { Silent } from "@/lib/api/problem";

/** What the service says of itself, or who says nothing. `since` is when it fell silent. */
export type Health =
  | (HealthReport & { readonly silent?: undefined })
  | {
      readonly state: "unreachable";
      readonly silent: Silent;
      readonly since: string;
      readonly dependencies: readonly [];
      readonly collections: readonly [];
    };

const EVERY_MS = { ok: 5_000, degraded: 5_000, restoring: 2_000, down: 2_000, unreachable: 2_000 };
/** Longer than the web server waits for the backend, so that it can say who is silent. */
const PATIENCE_MS = 6_000;
const TIMED_OUT = 504;

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: async ({ signal, client: queries }): Promise<Health> => {
    const found = await asked(signal);
    if (typeof found !== "string") {
      return found;
    }
    const before = queries.getQueryData<Health>(["health"]);
    const since = before?.silent ? before.since : new Date().toISOString();
    return { state: "unreachable", silent: found, since, dependencies: [], collections: [] };
  },
  staleTime: 1_000,
  refetchInterval: (query) => EVERY_MS[query.state.data?.state ?? "unreachable"],
});

export function useHealth() {
  return useQuery(healthQuery);
}

/** Why nothing can be written now; undefined when it can. */
export function useWriteBlock(): string | undefined {
  const { data } = useHealth();
  return data?.state === "restoring"
    ? "A restore is under way: this can be changed when it is done."
    : undefined;
}

/** Tell whether it lacks nothing but its memory: then it answers, and forgets. */
export function onlyForgets({ state, dependencies }: Health): boolean {
  return state === "down" && dependencies.every((part) => part.state !== "down" || part.name === "redis");
}

async function asked(signal: AbortSignal): Promise<HealthReport | Silent> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const { data, error, response } = await client.GET("/health", { signal: patience });
    const body: unknown = data ?? error;
    if (isReport(body)) {
      return body;
    }
    return response.status === TIMED_OUT ? "hung" : "backend";
  } catch (error) {
    signal.throwIfAborted();
    // What answers, but in no words of ours, is some other server.
    return isSilence(error) ? "server" : "backend";
  }
}

function isReport(body: unknown): body is HealthReport {
  return typeof body === "object" && body !== null && "state" in body && "dependencies" in body;
}
