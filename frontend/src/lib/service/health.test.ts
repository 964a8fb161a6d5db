/** How the service is, by what it says or does not say. */
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";

import { createQueryClient } from "@/lib/api/query-client";
import { healthQuery, onlyForgets } from "@/lib/service/health";
import { WELL, network, refused } from "@/testing/network";

async function health() {
  return createQueryClient().query(healthQuery);
}

test("a service that is down says so itself, with 503", async () => {
  network.use(http.get("*/health", () => HttpResponse.json({ ...WELL, state: "down" }, { status: 503 })));
  expect((await health()).state).toBe("down");
});

test.each([
  ["a proxy without a backend", "backend", () => refused(502, "Nobody is there.")],
  ["a proxy whose backend hangs", "hung", () => refused(504, "It did not answer in time.")],
  ["no answer", "server", () => HttpResponse.error()],
  ["another server", "backend", () => HttpResponse.html("<p>It works!</p>")],
])("%s is unreachable, since the first time", async (_, silent, answer) => {
  network.use(http.get("*/health", answer));
  const queries = createQueryClient();
  const first = await queries.query(healthQuery);
  const second = await queries.query({ ...healthQuery, staleTime: 0 });
  expect(first).toMatchObject({ state: "unreachable", silent });
  expect(second).toEqual(first);
});

const part = (name: string, state: "ok" | "down") => ({
  name,
  state,
  reason: "",
  since: "2026-05-04T12:00:00Z",
});

test.each([
  ["its memory alone", [part("index", "ok"), part("redis", "down")], true],
  ["more than its memory", [part("index", "down"), part("redis", "down")], false],
  ["its index", [part("index", "down"), part("redis", "ok")], false],
])("a service without %s", (_, dependencies, forgets) => {
  expect(onlyForgets({ ...WELL, state: "down", dependencies })).toBe(forgets);
  expect(onlyForgets({ ...WELL, dependencies })).toBe(false);
});
