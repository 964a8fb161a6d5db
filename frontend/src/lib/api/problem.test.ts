/** Whatever fails is told in words that say what to do. */
import { expect, test } from "vitest";

import { problemError, problemOf } from "@/lib/api/problem";

test("the backend's own words are kept", () => {
  const error = problemError(413, { error: { what: "Too large.", hint: "Split it.", request_id: "r" } });
  expect(problemOf(error)).toEqual({ what: "Too large.", hint: "Split it." });
  expect(error.status).toBe(413);
});

test("who is silent is told: the server, the backend behind it, or one that hangs", () => {
  expect(problemOf(new TypeError("Failed to fetch")).what).toBe("The server cannot be reached.");
  expect(problemOf(new DOMException("", "TimeoutError")).what).toBe("The server cannot be reached.");
  expect(problemOf(problemError(502, "<html>")).what).toBe("The backend cannot be reached.");
  expect(problemOf(problemError(504, "<html>")).what).toBe("The backend does not answer.");
});

test("anything else says what it was", () => {
  expect(problemOf(new RangeError("no such page")).what).toContain("no such page");
  expect(problemError(418, undefined).problem.what).toContain("418");
});
