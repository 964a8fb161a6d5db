/** Which part of a text is shown, and what is marked in it. */
import { expect, test } from "vitest";

import { pieces, wider, windowAround } from "@/lib/passage";

const LONG = `${"A line of the text.\n".repeat(10_000)}END`;

test("a short text is shown whole, with the passage marked by characters", () => {
  const text = "𝄞 one. two. three.";
  const shown = pieces(text, windowAround(text), { start: 7, end: 11 });
  expect(shown).toEqual({ before: "𝄞 one. ", marked: "two.", after: " three." });
});

test("of a long text the part around the passage is shown, from the beginning of a line", () => {
  const window = windowAround(LONG, { start: 100_000, end: 100_019 });
  expect(LONG[window.from - 1]).toBe("\n");
  expect(window.to).toBeLessThan(LONG.length);
  const { before, marked, after } = pieces(LONG, window, { start: 100_000, end: 100_019 });
  expect(marked).toBe("A line of the text.");
  expect(before + marked + after).toBe(LONG.slice(window.from, window.to));
});

test("more and more is shown, up to everything", () => {
  let window = windowAround(LONG, { start: 100_000, end: 100_019 });
  for (let step = 0; step < 10; step += 1) {
    window = wider(LONG, wider(LONG, window, "back"), "on");
  }
  expect(window).toEqual({ from: 0, to: LONG.length });
});

test("a passage beyond the text marks nothing", () => {
  expect(pieces("short", { from: 0, to: 5 }, { start: 50, end: 60 })).toEqual({
    before: "short",
    marked: "",
    after: "",
  });
});
