/** Puts the page together: what is kept of the service, what goes on beside the pages, and the pages. */
import { QueryClientProvider } from "@tanstack/react-query";
import type { QueryClient } from "@tanstack/react-query";
import { RouterProvider } from "react-router";
import type { DataRouter } from "react-router";

import { LiveAnswers, LiveAnswersProvider } from "@/features/asking/live-answers";
import { sessionsQuery } from "@/features/asking/sessions";
import { streamed } from "@/features/asking/stream";
import { sendFile } from "@/features/documents/sending";
import { Uploads, UploadsProvider } from "@/features/documents/uploads";

export interface Parts {
  readonly queries: QueryClient;
  readonly answers: LiveAnswers;
  readonly uploads: Uploads;
}

/** Make what outlives every page. */
export function assemble(queries: QueryClient): Parts {
  const answers = new LiveAnswers(
    streamed,
    () => void queries.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  );
  return { queries, answers, uploads: new Uploads(sendFile) };
}

export function App({ parts, router }: { parts: Parts; router: DataRouter }) {
  return (
    <QueryClientProvider client={parts.queries}>
      <LiveAnswersProvider value={parts.answers}>
        <UploadsProvider value={parts.uploads}>
          <RouterProvider router={router} />
        </UploadsProvider>
      </LiveAnswersProvider>
    </QueryClientProvider>
  );
}
