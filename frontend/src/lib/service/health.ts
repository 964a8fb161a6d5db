/** How the service is, asked again and again: the worse it is, the more often. */
import { queryOptions, useQuery } from "@tanstack/react-query";

import { client } from "@/lib/api/client";
import type { HealthReport } from "@/lib/api/client";

/** What the service says of itself, or that it says nothing. `since` is when it fell silent. */
export type Health =
  | (HealthReport & { readonly since?: undefined })
  | {
      readonly state: "unreachable";
      readonly since: string;
      readonly dependencies: readonly [];
      readonly collections: readonly [];
    };

const EVERY_MS = { ok: 15_000, degraded: 5_000, restoring: 2_000, down: 2_000, unreachable: 2_000 };
const PATIENCE_MS = 8_000;

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: async ({ signal, client: queries }): Promise<Health> => {
    const report = await asked(signal);
    if (report) {
      return report;
    }
    const before = queries.getQueryData<Health>(["health"]);
    const since = before?.state === "unreachable" ? before.since : new Date().toISOString();
    return { state: "unreachable", since, dependencies: [], collections: [] };
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

async function asked(signal: AbortSignal): Promise<HealthReport | undefined> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const { data, error } = await client.GET("/health", { signal: patience });
    const body: unknown = data ?? error;
    return isReport(body) ? body : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function isReport(body: unknown): body is HealthReport {
  return typeof body === "object" && body !== null && "state" in body && "dependencies" in body;
}
