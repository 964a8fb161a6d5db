/** Files on their way, one after the other. */
import { expect, test } from "vitest";

import type { Send } from "@/features/documents/sending";
import { Uploads } from "@/features/documents/uploads";
import { ProblemError } from "@/lib/api/problem";
import { TIDES } from "@/testing/network";

/** Sends that the test ends, in the order in which they began. */
function sends() {
  const begun: { name: string; sent: (share: number) => void; done: () => void; fail: () => void }[] = [];
  const send: Send = (file, sent, signal) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        reject(new DOMException("stopped", "AbortError"));
      });
      begun.push({
        name: file.name,
        sent,
        done: () => {
          resolve(TIDES);
        },
        fail: () => {
          reject(new ProblemError({ what: `${file.name} is broken.`, hint: "Mend it." }, 415));
        },
      });
    });
  return { begun, uploads: new Uploads(send) };
}

const files = (...names: string[]) => names.map((name) => new File(["text"], name));
const settled = () => new Promise((resolve) => setTimeout(resolve));

test("one is sent at a time, and a broken one does not hold up the next", async () => {
  const { begun, uploads } = sends();
  uploads.add(files("a.txt", "b.txt", "c.txt"));
  expect(uploads.all().map(({ stage }) => stage)).toEqual(["sending", "waiting", "waiting"]);
  begun[0]?.sent(0.5);
  expect(uploads.all()[0]).toMatchObject({ stage: "sending", sent: 0.5 });
  begun[0]?.sent(1);
  expect(uploads.all()[0]).toMatchObject({ stage: "reading" });
  begun[0]?.done();
  await settled();
  begun[1]?.fail();
  await settled();
  begun[2]?.done();
  await settled();
  expect(uploads.all().map(({ stage }) => stage)).toEqual(["done", "failed", "done"]);
  expect(uploads.all()[1]?.problem).toEqual({ what: "b.txt is broken.", hint: "Mend it." });
});

test("one that failed is sent again where it stands", async () => {
  const { begun, uploads } = sends();
  uploads.add(files("a.txt"));
  begun[0]?.fail();
  await settled();
  uploads.again(uploads.all()[0]?.id ?? 0);
  begun[1]?.done();
  await settled();
  expect(uploads.all()).toMatchObject([{ stage: "done", document: { id: "tides" } }]);
  expect(uploads.all()[0]).not.toHaveProperty("problem");
});

test("one that is taken off the list is stopped, and the next begins", async () => {
  const { begun, uploads } = sends();
  uploads.add(files("a.txt", "b.txt"));
  uploads.remove(uploads.all()[0]?.id ?? 0);
  await settled();
  expect(begun.map(({ name }) => name)).toEqual(["a.txt", "b.txt"]);
  expect(uploads.all().map(({ file }) => file.name)).toEqual(["b.txt"]);
});
