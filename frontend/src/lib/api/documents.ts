/** Reading one document: what the documents page and a citation both show. */
import { queryOptions } from "@tanstack/react-query";

import { client, unwrapped } from "@/lib/api/client";

export function documentQuery(id: string) {
  return queryOptions({
    queryKey: ["documents", "one", id],
    queryFn: async ({ signal }) =>
      unwrapped(
        await client.GET("/api/documents/{document_id}", { params: { path: { document_id: id } }, signal }),
      ),
    // A stored document never changes; it can only go.
    staleTime: 300_000,
  });
}

/** Where a document is read, with a passage of it shown when one is given (offsets in characters). */
export function documentPath(id: string, passage?: { start: number; end: number }): string {
  const path = `/documents/${encodeURIComponent(id)}`;
  return passage ? `${path}?start=${passage.start}&end=${passage.end}` : path;
}
