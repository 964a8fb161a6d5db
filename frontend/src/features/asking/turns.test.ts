/** A turn as its answer comes. */
import { expect, test } from "vitest";

import { after, begun, isRunning, notKept } from "@/features/asking/turns";
import type { StreamEvent } from "@/features/asking/turns";
import { CITED, QUOTED } from "@/testing/network";

const NEW = begun("Why?", new Date("2026-05-04T12:00:00Z"));

function told(...events: StreamEvent[]) {
  return events.reduce(after, NEW);
}

test("pieces add up, and what was void is dropped", () => {
  const turn = told(
    { kind: "citations", citations: [CITED] },
    { kind: "delta", text: "The " },
    { kind: "delta", text: "moo" },
    { kind: "restarted", reason: "the model died" },
    { kind: "delta", text: "Quote." },
  );
  expect(turn).toMatchObject({ stage: "writing", text: "Quote.", citations: [CITED] });
  expect(isRunning(turn)).toBe(true);
});

test("the whole answer counts, with what had to be left out", () => {
  const turn = told({ kind: "delta", text: "half" }, { kind: "answer", answer: QUOTED });
  expect(turn).toMatchObject({ stage: "done", text: QUOTED.text, notes: QUOTED.notes });
});

test("an error keeps what had come", () => {
  const problem = { what: "Lost.", hint: "Ask again." };
  expect(told({ kind: "delta", text: "half" }, { kind: "error", problem })).toMatchObject({
    stage: "failed",
    text: "half",
    problem,
  });
});

test("a finished turn that was loaded from the service is not shown twice", () => {
  const done = told({ kind: "answer", answer: QUOTED });
  const kept = { question: "Why?", answer: QUOTED.text, citations: [], asked: NEW.asked, model: null };
  expect(notKept([kept], [done, NEW])).toEqual([NEW]);
  expect(notKept([], [done])).toEqual([done]);
});
