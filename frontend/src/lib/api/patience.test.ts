/** Requests that wait: lateness is told, and those that write nothing can be given up. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { giveUp, onLate, patient } from "@/lib/api/patience";
import { ProblemError } from "@/lib/api/problem";

const late = vi.fn();
let forget: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", fetchForEver);
  forget = onLate(late);
});
afterEach(() => {
  forget();
  late.mockClear();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** The other end takes every request and never answers. */
function fetchForEver(_: unknown, { signal }: { signal: AbortSignal }): Promise<Response> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });
}

function sent(method: string, path: string) {
  let end: unknown = "none";
  const stop = new AbortController();
  patient(new Request(`http://here${path}`, { method, signal: stop.signal })).catch((error: unknown) => {
    end = error;
  });
  return { end: () => end, stop };
}

test("an answer that is late is told of, once, and not when it was about health", async () => {
  const asked = sent("GET", "/api/documents");
  const health = sent("GET", "/health");
  await vi.advanceTimersByTimeAsync(1_999);
  expect(late).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(late).toHaveBeenCalledOnce();
  asked.stop.abort();
  health.stop.abort();
});

test.each([
  ["GET", "/api/sessions", true],
  ["POST", "/api/query/stream", true],
  ["POST", "/api/search", true],
  ["POST", "/api/documents", false],
  ["DELETE", "/api/documents/tides", false],
])("%s %s is given up: %s", async (method, path, given) => {
  const asked = sent(method, path);
  giveUp("hung");
  await vi.advanceTimersByTimeAsync(0);
  if (given) {
    expect(asked.end()).toBeInstanceOf(ProblemError);
    expect(asked.end()).toHaveProperty("problem.what", "The backend does not answer.");
  } else {
    expect(asked.end()).toBe("none");
  }
  asked.stop.abort();
});

test("what was stopped is told as stopped", async () => {
  const asked = sent("GET", "/api/documents");
  asked.stop.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.end()).toHaveProperty("name", "AbortError");
});
