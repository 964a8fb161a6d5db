/** What is a quotation, and what only looks like one. */
import { expect, test } from "vitest";

import { quotesOf } from "@/features/asking/quotes";
import { CITED } from "@/testing/network";

const LINED = { ...CITED, number: 2, passage: "Tides come\n  twice a __day__. Boats wait." };

test("every part is from the passage that it cites, whatever its white space", () => {
  const answer = "The moon pulls the water of the sea. [1]\n\nTides come twice a __day__. [2]";
  expect(quotesOf(answer, [CITED, LINED])?.map(({ text }) => text)).toEqual([
    "The moon pulls the water of the sea.",
    "Tides come twice a __day__.",
  ]);
});

test.each([
  ["words that are not in the passage", "The sun pulls the water. [1]"],
  ["a number that cites nothing", "The moon pulls the water of the sea. [7]"],
  ["a part without a number", "The moon pulls the water of the sea. [1]\n\nSo it is."],
  ["nothing", ""],
])("%s is no quotation", (_, answer) => {
  expect(quotesOf(answer, [CITED])).toBeUndefined();
});
