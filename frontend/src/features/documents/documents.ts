/** The list of documents, page by page, and what changes it. */
import { infiniteQueryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrapped } from "@/lib/api/client";
import { documentQuery } from "@/lib/api/documents";
import { ProblemError } from "@/lib/api/problem";

const PAGE = 50;
const KEY = ["documents"] as const;

export const documentsQuery = infiniteQueryOptions({
  queryKey: [...KEY, "list"],
  initialPageParam: null as string | null,
  queryFn: async ({ pageParam, signal }) =>
    unwrapped(
      await client.GET("/api/documents", {
        params: {
          query: { order: "newest", limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) },
        },
        signal,
      }),
    ),
  getNextPageParam: (last) => last.next,
});

/** Tell whether a list cannot be continued because the documents were restored or rebuilt. */
export function isStale(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 409;
}

export function useSearch(text: string) {
  return useQuery({
    queryKey: [...KEY, "search", text],
    queryFn: async ({ signal }) =>
      unwrapped(await client.POST("/api/search", { body: { text, limit: 20 }, signal })).hits,
    enabled: text !== "",
  });
}

export function useAddText() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (given: { title: string; text: string }) =>
      unwrapped(await client.POST("/api/documents", { body: { ...given, metadata: {} } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
}

export function useDeleteDocument() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => {
      const reply = await client.DELETE("/api/documents/{document_id}", {
        params: { path: { document_id: id } },
      });
      if (reply.response.status !== 404) {
        unwrapped(reply);
      }
    },
    onSuccess: (_, id) => {
      // Whoever still shows it is about to leave; whoever opens it again asks.
      void queries.invalidateQueries({ queryKey: documentQuery(id).queryKey, refetchType: "none" });
      void queries.invalidateQueries({ queryKey: [...KEY, "list"] });
    },
  });
}
