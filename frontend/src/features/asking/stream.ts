/** Asks a question and gives the answer as it comes: server-sent events over fetch. */
import { EventSourceParserStream } from "eventsource-parser/stream";

import type { Answer, Citation } from "@/lib/api/client";
import { client, unwrapped } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import type { Problem } from "@/lib/api/problem";
import type { StreamEvent } from "@/features/asking/turns";

const BROKEN_OFF: Problem = {
  what: "The answer broke off: the connection to the backend was lost.",
  hint: "Ask again when the backend is back.",
};

/** Yield the events of an answer, up to `answer` or `error`. Throws ProblemError, and AbortError when stopped. */
export async function* streamed(
  question: string,
  sessionId: string,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const reply = await client.POST("/api/query/stream", {
    body: { question, session_id: sessionId, limit: 5 },
    parseAs: "stream",
    signal,
  });
  const body = unwrapped<unknown>(reply);
  if (!(body instanceof ReadableStream)) {
    throw new ProblemError(BROKEN_OFF, 0);
  }
  const events = (body as ReadableStream<BufferSource>)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of read(events, signal)) {
    const said = parsed(event, data);
    if (said) {
      yield said;
      if (said.kind === "answer" || said.kind === "error") {
        return;
      }
    }
  }
  throw new ProblemError(BROKEN_OFF, 0);
}

/** The stream piece by piece (not every browser iterates one); what breaks off says so in our words. */
async function* read<T>(stream: ReadableStream<T>, signal: AbortSignal): AsyncGenerator<T> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TypeError ? new ProblemError(BROKEN_OFF, 0) : error;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parsed(kind: string | undefined, data: string): StreamEvent | undefined {
  switch (kind) {
    case "citations":
      return { kind, citations: (JSON.parse(data) as { citations: Citation[] }).citations };
    case "delta":
      return { kind, text: (JSON.parse(data) as { text: string }).text };
    case "restarted":
      return { kind, reason: (JSON.parse(data) as { reason: string }).reason };
    case "answer":
      return { kind, answer: JSON.parse(data) as Answer };
    case "error":
      return { kind, problem: JSON.parse(data) as Problem };
    default:
      // A later backend may say more than this page knows.
      return undefined;
  }
}
