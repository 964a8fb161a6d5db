/** The line of events: heard, lost, taken up again. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { follow, wait } from "@/lib/service/follow";
import type { Ears } from "@/lib/service/follow";
import { SilentSocket } from "@/testing/silent-socket";

const line = { connect: () => new SilentSocket() as unknown as WebSocket, random: () => 1 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function listening() {
  const heard: string[] = [];
  const lost: number[] = [];
  const ears: Ears = { heard: ({ kind }) => heard.push(kind), lost: (code) => lost.push(code) };
  return { follower: follow(line, ears), heard, lost };
}

test("events are heard, and what is none is passed over", () => {
  const { heard, follower } = listening();
  SilentSocket.all[0]?.says({ kind: "hello", state: "ok" });
  SilentSocket.all[0]?.says([]);
  SilentSocket.all[0]?.dispatchEvent(new MessageEvent("message", { data: "no JSON" }));
  expect(heard).toEqual(["hello"]);
  follower.stop();
});

test("a lost line is taken up again, ever more slowly, until something is heard", () => {
  const { follower, lost } = listening();
  for (const milliseconds of [500, 1_000, 2_000]) {
    SilentSocket.all.at(-1)?.breaks();
    const before = SilentSocket.all.length;
    vi.advanceTimersByTime(milliseconds - 1);
    expect(SilentSocket.all).toHaveLength(before);
    vi.advanceTimersByTime(1);
    expect(SilentSocket.all).toHaveLength(before + 1);
  }
  SilentSocket.all.at(-1)?.says({ kind: "hello" });
  SilentSocket.all.at(-1)?.breaks();
  vi.advanceTimersByTime(500);
  expect(SilentSocket.all).toHaveLength(5);
  expect(lost).toEqual([1006, 1006, 1006, 1006]);
  follower.stop();
});

test("a hurried follower does not wait, and a stopped one does not come back", () => {
  const { follower, lost } = listening();
  follower.hurry();
  expect(SilentSocket.all).toHaveLength(1);
  SilentSocket.all[0]?.breaks();
  follower.hurry();
  expect(SilentSocket.all).toHaveLength(2);
  follower.stop();
  vi.advanceTimersByTime(60_000);
  expect(SilentSocket.all).toHaveLength(2);
  expect(lost).toHaveLength(1);
});

test("the wait is bounded, and half of it is chance", () => {
  expect(wait(0, () => 0)).toBe(250);
  expect(wait(30, () => 1)).toBe(20_000);
});
