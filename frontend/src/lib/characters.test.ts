/** Offsets of the backend and indices here. */
import { expect, test } from "vitest";

import { unitIndex } from "@/lib/characters";

test.each([
  ["abc", 2, 2],
  ["𝄞bc", 1, 2],
  ["a𝄞𝄞c", 3, 5],
  ["abc", 9, 3],
  ["", 1, 0],
])("character %#: in %s, offset %i is index %i", (text, offset, index) => {
  expect(unitIndex(text, offset)).toBe(index);
});
