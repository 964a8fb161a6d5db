/** The sessions that the service keeps: listed, opened, deleted. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { useLiveAnswers } from "@/features/asking/live-answers";
import { client, unwrapped } from "@/lib/api/client";
import type { Turn } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: async ({ signal }) =>
    unwrapped(await client.GET("/api/sessions", { params: { query: { limit: 100 } }, signal })).sessions,
});

export function sessionQuery(id: string) {
  return queryOptions({
    queryKey: ["session", id],
    queryFn: async ({ signal }): Promise<readonly Turn[]> =>
      unwrapped(
        await client.GET("/api/sessions/{session_id}", { params: { path: { session_id: id } }, signal }),
      ).turns,
    // Once loaded, what is added is added here: see LiveAnswers.
    staleTime: Infinity,
    gcTime: Infinity,
  });
}

export function useDeleteSession() {
  const queries = useQueryClient();
  const live = useLiveAnswers();
  return useMutation({
    mutationFn: async (id: string) => {
      const reply = await client.DELETE("/api/sessions/{session_id}", {
        params: { path: { session_id: id } },
      });
      if (reply.response.status !== 404) {
        unwrapped(reply);
      }
    },
    onSuccess: (_, id) => {
      live.forget(id);
      // Whoever still shows it is about to leave; whoever opens it again asks.
      void queries.invalidateQueries({ queryKey: sessionQuery(id).queryKey, refetchType: "none" });
      void queries.invalidateQueries({ queryKey: sessionsQuery.queryKey });
    },
  });
}

/** Tell whether an error says that there is no such session. */
export function isMissing(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 404;
}
