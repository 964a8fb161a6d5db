/** Questions on their way, beside the pages. */
import { expect, test } from "vitest";

import { LiveAnswers } from "@/features/asking/live-answers";
import type { Ask } from "@/features/asking/live-answers";
import type { StreamEvent } from "@/features/asking/turns";
import { ProblemError } from "@/lib/api/problem";
import { QUOTED } from "@/testing/network";

/** Answers with events; then it fails, or waits until it is stopped. */
function answering(events: StreamEvent[], end?: Error | "waits"): Ask {
  return async function* (_question, _session, signal) {
    yield* events;
    if (end === "waits") {
      signal.throwIfAborted();
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(new DOMException("stopped", "AbortError"));
        });
      });
    } else if (end) {
      throw end;
    }
  };
}

const HALF: StreamEvent[] = [{ kind: "delta", text: "The moon" }];

test("an answer that came whole is done, and its session is told of", async () => {
  const answered: string[] = [];
  const live = new LiveAnswers(answering([{ kind: "answer", answer: QUOTED }]), (id) => answered.push(id));
  await live.ask("s1", "Why?");
  expect(live.turns("s1")).toMatchObject([{ question: "Why?", stage: "done", text: QUOTED.text }]);
  expect(live.turns("s2")).toEqual([]);
  expect(answered).toEqual(["s1"]);
});

test("a stopped answer keeps what had come, and can be asked again in its place", async () => {
  const live = new LiveAnswers(answering(HALF, "waits"), () => undefined);
  const asked = live.ask("s1", "Why?");
  live.stop("s1");
  await asked;
  expect(live.turns("s1")).toMatchObject([{ stage: "stopped" }]);
  const again = live.again("s1");
  expect(live.turns("s1")).toMatchObject([{ question: "Why?", stage: "searching" }]);
  live.stop("s1");
  await again;
});

test("what fails says why", async () => {
  const lost = new ProblemError({ what: "Lost.", hint: "Ask again." }, 0);
  const live = new LiveAnswers(answering(HALF, lost), () => undefined);
  await live.ask("s1", "Why?");
  expect(live.turns("s1")).toMatchObject([{ stage: "failed", text: "The moon", problem: { what: "Lost." } }]);
});

test("a session answers one question at a time, and forgets when it is deleted", async () => {
  const live = new LiveAnswers(answering(HALF, "waits"), () => undefined);
  const first = live.ask("s1", "Why?");
  await live.ask("s1", "How?");
  expect(live.turns("s1").map(({ question }) => question)).toEqual(["Why?"]);
  live.forget("s1");
  await first;
  expect(live.turns("s1")).toEqual([]);
});
