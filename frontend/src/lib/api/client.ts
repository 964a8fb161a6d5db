/** The backend's API, typed by its own description. Answers that are not good are thrown as ProblemError. */
import createClient from "openapi-fetch";

import { patient } from "@/lib/api/patience";
import { problemError } from "@/lib/api/problem";
import type { components, paths } from "@/lib/api/schema";

type Schemas = components["schemas"];
export type Citation = Schemas["CitationReply"];
export type Answer = Schemas["AnswerReply"];
export type Turn = Schemas["TurnReply"];
export type SessionSummary = Schemas["SessionSummaryReply"];
export type DocumentSummary = Schemas["DocumentSummary"];
export type StoredDocument = Schemas["DocumentReply"];
export type DocumentsPage = Schemas["DocumentsReply"];
export type Hit = Schemas["HitReply"];
export type Condition = Schemas["ConditionReply"];
export type Collection = Schemas["CollectionReply"];
export type HealthReport = Schemas["HealthReply"];

export const client = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: patient,
});

const whenRefused = new Set<() => void>();

/** Be told when an answer says that nobody is signed in; returns how to stop being told. */
export function onRefused(listener: () => void): () => void {
  whenRefused.add(listener);
  return () => whenRefused.delete(listener);
}

/** Note the status of an answer that did not come through the client. */
export function noteStatus(status: number): void {
  if (status === 401) {
    for (const listener of whenRefused) {
      listener();
    }
  }
}

client.use({
  onResponse({ response }) {
    noteStatus(response.status);
  },
});

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a good answer. Throws ProblemError otherwise. */
export function unwrapped<T>({ data, error, response }: Reply<T>): T {
  // A 204 has no body, so data alone does not tell.
  if (!response.ok) {
    throw problemError(response.status, error);
  }
  return data as T;
}
