/** What each event makes stale. */
import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { staleness } from "@/lib/service/freshness";

const KEYS = [["health"], ["documents", "list"], ["sessions"], ["session", "s1"], ["login"]];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function filled(): QueryClient {
  const queries = new QueryClient();
  KEYS.forEach((key) => queries.setQueryData(key, {}));
  return queries;
}

function stale(queries: QueryClient): unknown[] {
  return KEYS.filter((key) => queries.getQueryState(key)?.isInvalidated).map(([first]) => first);
}

test.each([
  ["hello", ["health", "documents", "sessions"]],
  ["restore.changed", ["health", "documents", "sessions", "session"]],
  ["health.changed", ["health", "sessions"]],
  ["document.added", ["health", "documents"]],
  ["index.changed", ["health", "documents"]],
])("%s makes %j stale, and no more", (kind, keys) => {
  const queries = filled();
  staleness(queries).ears.heard({ kind });
  vi.advanceTimersByTime(400);
  expect(stale(queries)).toEqual(keys);
});

test("events that come close together count once", () => {
  const queries = filled();
  const { ears } = staleness(queries);
  let asked = 0;
  queries.getQueryCache().subscribe(({ type }) => {
    asked += type === "updated" ? 1 : 0;
  });
  for (let count = 0; count < 100; count += 1) {
    ears.heard({ kind: "document.added" });
  }
  vi.advanceTimersByTime(1_000);
  expect(asked).toBe(2);
});

test("a lost line asks how the service is, and whether we are still let in when it was closed for that", () => {
  const queries = filled();
  const { ears } = staleness(queries);
  ears.lost(1006);
  expect(stale(queries)).toEqual(["health"]);
  ears.lost(1008);
  expect(stale(queries)).toEqual(["health", "login"]);
});
