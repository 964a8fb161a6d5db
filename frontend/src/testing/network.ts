/** A small backend for unit tests, which answers as the real one does; a test replaces what it is about. */
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";

import type { Answer, Citation, DocumentSummary, HealthReport, StoredDocument } from "@/lib/api/client";

export const TIDES: StoredDocument = {
  id: "tides",
  title: "Tides",
  text: "𝄞 Prelude.\n\nThe moon pulls the water of the sea. The tide follows.",
  passages: 1,
  characters: 62,
  sequence: 1,
  added: "2026-05-04T12:00:00Z",
  metadata: { source: "almanac" },
};

/** Offsets count characters, and 𝄞 is one. */
export const CITED: Citation = {
  number: 1,
  document_id: "tides",
  title: "Tides",
  start: 12,
  end: 48,
  score: 0.8,
  passage: "The moon pulls the water of the sea.",
};

export const QUOTED: Answer = {
  text: "The moon pulls the water of the sea. [1]",
  citations: [CITED],
  model: null,
  cached: false,
  notes: ["No model server is configured: the passages themselves are quoted."],
  generation: "e:1",
};

export const WELL: HealthReport = {
  state: "ok",
  dependencies: ["index", "redis", "embedder"].map((name) => ({
    name,
    state: "ok" as const,
    reason: "",
    since: "2026-05-04T12:00:00Z",
  })),
  collections: [
    { name: "documents", epoch: "e", sequence: 1, documents: 1, passages: 1, model: "words", dimension: 64 },
  ],
};

/** The backend's way to say no. */
export function refused(status: number, what: string, hint = "Do something.") {
  return HttpResponse.json({ error: { what, hint, request_id: "r" } }, { status });
}

/** Server-sent events as one body. */
export function eventStream(...events: readonly (readonly [string, object])[]) {
  const body = events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("");
  return new HttpResponse(body, { headers: { "Content-Type": "text/event-stream" } });
}

function listed({
  id,
  title,
  passages,
  characters,
  sequence,
  added,
  metadata,
}: StoredDocument): DocumentSummary {
  return { id, title, passages, characters, sequence, added, metadata };
}

export const network = setupServer(
  http.get("*/api/login", () => refused(404, "Not Found: GET /api/login.")),
  http.get("*/health", () => HttpResponse.json(WELL)),
  http.get("*/api/sessions", () => HttpResponse.json({ sessions: [] })),
  http.get("*/api/sessions/:id", ({ params }) =>
    refused(404, `There is no session ${String(params["id"])}.`),
  ),
  http.get("*/api/documents", () =>
    HttpResponse.json({ documents: [listed(TIDES)], next: null, generation: "e:1" }),
  ),
  http.get("*/api/documents/tides", () => HttpResponse.json(TIDES)),
  http.post("*/api/query/stream", () =>
    eventStream(["citations", { citations: [CITED] }], ["delta", { text: QUOTED.text }], ["answer", QUOTED]),
  ),
);
