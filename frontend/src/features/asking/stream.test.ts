/** The stream of an answer, as it comes over the network. */
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";

import { streamed } from "@/features/asking/stream";
import type { StreamEvent } from "@/features/asking/turns";
import { CITED, QUOTED, eventStream, network, refused } from "@/testing/network";

const PATH = "*/api/query/stream";

async function events(signal = new AbortController().signal): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for await (const event of streamed("Why?", "s1", signal)) {
    all.push(event);
  }
  return all;
}

test("events are read in their order, wherever the network cuts them", async () => {
  let body: unknown;
  network.use(
    http.post(PATH, async ({ request }) => {
      body = await request.json();
      const bytes = new Uint8Array(
        await eventStream(
          ["citations", { citations: [CITED] }],
          ["delta", { text: "Größe 𝄞" }],
          ["of.tomorrow", {}],
          ["restarted", { reason: "died" }],
          ["answer", QUOTED],
        ).arrayBuffer(),
      );
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          bytes.forEach((byte) => {
            controller.enqueue(Uint8Array.of(byte));
          });
          controller.close();
        },
      });
      return new HttpResponse(stream, { headers: { "Content-Type": "text/event-stream" } });
    }),
  );
  const all = await events();
  expect(all.map(({ kind }) => kind)).toEqual(["citations", "delta", "restarted", "answer"]);
  expect(all[1]).toEqual({ kind: "delta", text: "Größe 𝄞" });
  expect(body).toEqual({ question: "Why?", session_id: "s1", limit: 5 });
});

test("a refusal before the stream is the backend's own", async () => {
  network.use(http.post(PATH, () => refused(503, "The embedder is broken.")));
  await expect(events()).rejects.toThrow("The embedder is broken.");
});

test("a stream that ends before its answer says that it broke off", async () => {
  network.use(http.post(PATH, () => eventStream(["delta", { text: "The" }])));
  await expect(events()).rejects.toThrow("broke off");
});

test("an error in the stream is its last event", async () => {
  network.use(
    http.post(PATH, () => eventStream(["error", { what: "Lost.", hint: "" }], ["delta", { text: "x" }])),
  );
  expect(await events()).toEqual([{ kind: "error", problem: { what: "Lost.", hint: "" } }]);
});
