/** Numbers and times in words. */
import { expect, test } from "vitest";

import { ago, counted, sized } from "@/lib/words";

const NOON = new Date("2026-05-04T12:00:00Z");

test.each([
  ["2026-05-04T11:59:30Z", "just now"],
  ["2026-05-04T11:57:00Z", "3 minutes ago"],
  ["2026-05-03T12:00:00Z", "yesterday"],
  ["2025-03-04T12:00:00Z", "last year"],
])("%s was %s", (then, words) => {
  expect(ago(then, NOON)).toBe(words);
});

test("one is singular, all else is plural, and thousands are grouped", () => {
  expect([counted(1, "passage"), counted(0, "passage"), counted(12345, "passage")]).toEqual([
    "1 passage",
    "0 passages",
    "12,345 passages",
  ]);
});

test("sizes are in the unit that reads best", () => {
  expect([sized(1), sized(1_500), sized(25_000), sized(41_000_000)]).toEqual([
    "1 byte",
    "1.5 kB",
    "25 kB",
    "41 MB",
  ]);
});
