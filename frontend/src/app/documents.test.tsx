/** Documents, as a person handles them. */
import { screen, within } from "@testing-library/react";
import { HttpResponse, delay, http } from "msw";
import { expect, test } from "vitest";

import { TIDES, WELL, network, refused } from "@/testing/network";
import { shownAt } from "@/testing/shown";
import { SilentSocket } from "@/testing/silent-socket";

function page(numbers: number[], next: string | null) {
  const documents = numbers.map((number) => ({ ...TIDES, id: `d${number}`, title: `Document ${number}` }));
  return HttpResponse.json({ documents, next, generation: "e:9" });
}

async function titles(): Promise<(string | null)[]> {
  const list = await screen.findByRole("region", { name: "All documents" });
  return within(list)
    .getAllByRole("link")
    .map((link) => link.firstChild?.textContent ?? null);
}

test("the list goes on page by page, and begins again when its cursor is stale", async () => {
  let restored = false;
  network.use(
    http.get("*/api/documents", ({ request }) => {
      const cursor = new URL(request.url).searchParams.get("cursor");
      if (restored) {
        return cursor ? refused(409, "The list cannot be continued.") : page([7], null);
      }
      return cursor === null ? page([1, 2], "e:2:2") : page([3], "e:3:3");
    }),
  );
  const { user } = shownAt("/documents");
  expect(await titles()).toEqual(["Document 1", "Document 2"]);
  await user.click(screen.getByRole("button", { name: "Show more" }));
  await screen.findByText("Document 3");
  restored = true;
  await user.click(screen.getByRole("button", { name: "Show more" }));
  expect(await screen.findByText(/restored or rebuilt meanwhile/)).toBeVisible();
  expect(await titles()).toEqual(["Document 7"]);
});

test("more is shown also when an event makes the list fresh while it loads", async () => {
  let asked = 0;
  network.use(
    http.get("*/api/documents", async ({ request }) => {
      if (new URL(request.url).searchParams.get("cursor") === null) {
        return page([2, 1], "e:2:-1");
      }
      asked += 1;
      if (asked === 1) {
        SilentSocket.all[0]?.says({ kind: "document.added", id: "d3" });
        await delay("infinite");
      }
      return page([0], null);
    }),
  );
  const { user } = shownAt("/documents");
  await user.click(await screen.findByRole("button", { name: "Show more" }));
  await screen.findByText("Document 0");
  expect(await titles()).toEqual(["Document 2", "Document 1", "Document 0"]);
});

test("a text is added and shown; what the service refuses stays in the form with its reason", async () => {
  network.use(
    http.post("*/api/documents", () => refused(413, "Tides has too many bytes.", "Split it."), {
      once: true,
    }),
    http.post("*/api/documents", () => HttpResponse.json(TIDES, { status: 201 })),
  );
  const { router, user } = shownAt("/documents");
  await user.click(await screen.findByRole("button", { name: "Add a text" }));
  await user.type(screen.getByLabelText("Title"), "Tides");
  await user.type(screen.getByLabelText("Text"), "The moon.");
  await user.click(screen.getByRole("button", { name: "Add" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("Tides has too many bytes.Split it.");
  expect(screen.getByLabelText("Text")).toHaveValue("The moon.");
  await user.click(screen.getByRole("button", { name: "Add" }));
  expect(await screen.findByRole("heading", { name: "Tides" })).toBeVisible();
  expect(router.state.location.pathname).toBe("/documents/tides");
});

test("files are sent, each with its own end", async () => {
  network.use(
    http.post("*/api/documents/files", () => refused(415, "a.pdf is no kind of file.", "Convert it."), {
      once: true,
    }),
    http.post("*/api/documents/files", () => HttpResponse.json({ documents: [TIDES] }, { status: 201 })),
  );
  const { user } = shownAt("/documents");
  const input = await screen.findByLabelText("Files to add");
  await user.upload(input, [new File(["x"], "a.md"), new File(["x"], "tides.md")]);
  expect(await screen.findByText(/a.pdf is no kind of file/)).toHaveTextContent("Convert it.");
  expect(await screen.findByRole("link", { name: "tides.md" })).toHaveAttribute("href", "/documents/tides");
});

test("a document is deleted only after asking", async () => {
  let deleted = 0;
  network.use(
    http.delete("*/api/documents/tides", () => {
      deleted += 1;
      return new HttpResponse(null, { status: 204 });
    }),
  );
  const { router, user } = shownAt("/documents/tides");
  await user.click(await screen.findByRole("button", { name: "Delete" }));
  await user.click(screen.getByRole("button", { name: "Keep it" }));
  expect(deleted).toBe(0);
  await user.click(screen.getByRole("button", { name: "Delete" }));
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
  await screen.findByRole("heading", { name: "Documents" });
  expect(router.state.location.pathname).toBe("/documents");
  expect(deleted).toBe(1);
});

test("while a restore is under way, what writes says why it cannot", async () => {
  network.use(http.get("*/health", () => HttpResponse.json({ ...WELL, state: "restoring" })));
  const { user } = shownAt("/documents");
  await screen.findByText("A restore is under way.");
  const add = screen.getByRole("button", { name: "Add a text" });
  expect(add).toHaveAttribute("aria-disabled", "true");
  expect(add).toHaveAccessibleDescription(/restore is under way/);
  await user.click(add);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("a search shows passages, and each opens where it stands", async () => {
  const hit = {
    passage_id: 1,
    document_id: "tides",
    title: "Tides",
    start: 12,
    end: 48,
    text: "The moon",
    score: 1,
  };
  network.use(http.post("*/api/search", () => HttpResponse.json({ hits: [hit] })));
  const { user } = shownAt("/documents");
  await user.type(await screen.findByRole("textbox", { name: "Search in all documents" }), "moon{Enter}");
  await user.click(await screen.findByRole("link", { name: /Tides/ }));
  expect((await screen.findByText("The moon pulls the water of the sea.")).tagName).toBe("MARK");
});
