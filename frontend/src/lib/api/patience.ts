/** Requests that wait for an answer: told of when it is late, and given up when nobody will answer. */
import { silence } from "@/lib/api/problem";
import type { Silent } from "@/lib/api/problem";

const LATE_MS = 2_000;
/** What asks and writes nothing, though it is sent like what writes. */
const ASKING = new Set(["/api/query/stream", "/api/search"]);

const whenLate = new Set<() => void>();
const waiting = new Set<AbortController>();

/** Be told when an answer is late; returns how to stop being told. */
export function onLate(listener: () => void): () => void {
  whenLate.add(listener);
  return () => whenLate.delete(listener);
}

/** End the wait of every request that can be made again without harm; what writes goes on waiting. */
export function giveUp(silent: Silent): void {
  for (const controller of waiting) {
    controller.abort(silence(silent));
  }
}

/** Fetch; whether an answer to it is late or will never come is seen by others. */
export async function patient(request: Request): Promise<Response> {
  const controller = new AbortController();
  const path = new URL(request.url).pathname;
  if (request.method === "GET" || ASKING.has(path)) {
    waiting.add(controller);
  }
  // A late answer about health is no reason to ask for it.
  const late = path === "/health" ? undefined : setTimeout(tell, LATE_MS);
  try {
    return await globalThis.fetch(request, { signal: AbortSignal.any([request.signal, controller.signal]) });
  } finally {
    clearTimeout(late);
    waiting.delete(controller);
  }
}

function tell(): void {
  for (const listener of whenLate) {
    listener();
  }
}
