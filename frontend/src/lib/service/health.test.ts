/** How the service is, by what it says or does not say. */
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";

import { createQueryClient } from "@/lib/api/query-client";
import { healthQuery } from "@/lib/service/health";
import { WELL, network, refused } from "@/testing/network";

async function health() {
  return createQueryClient().query(healthQuery);
}

test("a service that is down says so itself, with 503", async () => {
  network.use(http.get("*/health", () => HttpResponse.json({ ...WELL, state: "down" }, { status: 503 })));
  expect((await health()).state).toBe("down");
});

test.each([
  ["a proxy without a backend", () => refused(502, "The backend does not answer.")],
  ["no answer", () => HttpResponse.error()],
  ["another server", () => HttpResponse.html("<p>It works!</p>")],
])("%s is unreachable, since the first time", async (_, answer) => {
  network.use(http.get("*/health", answer));
  const queries = createQueryClient();
  const first = await queries.query(healthQuery);
  const second = await queries.query({ ...healthQuery, staleTime: 0 });
  expect(first.state).toBe("unreachable");
  expect(second).toEqual(first);
});
