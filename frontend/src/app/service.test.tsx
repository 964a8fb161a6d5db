/** The page while the service changes under it. */
import { act, screen, waitFor } from "@testing-library/react";
import { HttpResponse, delay, http } from "msw";
import { expect, test } from "vitest";

import { WELL, network, refused } from "@/testing/network";
import { shownAt } from "@/testing/shown";
import { SilentSocket } from "@/testing/silent-socket";

test.each([
  ["server", "The server cannot be reached.", () => HttpResponse.error()],
  ["backend", "The backend cannot be reached.", () => refused(502, "Nobody is there.")],
  ["backend that hangs", "The backend does not answer.", () => refused(504, "No answer.")],
])("a lost %s is told of on every page, and so is its return", async (_, words, answer) => {
  shownAt("/documents");
  await screen.findByText("Tides");
  network.use(http.get("*/health", answer));
  act(() => {
    SilentSocket.all[0]?.breaks();
  });
  expect(await screen.findByText(words)).toBeVisible();
  network.use(http.get("*/health", () => HttpResponse.json(WELL)));
  await waitFor(() => {
    expect(screen.queryByText(words)).toBeNull();
  });
  expect(screen.getByText("Everything works again.")).toBeInTheDocument();
});

test("a question to a backend that hangs is given up, and can be asked again", async () => {
  network.use(
    http.post("*/api/query/stream", () => delay("infinite")),
    http.get("*/health", () => refused(504, "No answer.")),
  );
  const { user } = shownAt("/");
  await user.type(await screen.findByRole("textbox", { name: "Ask your documents" }), "Why?{Enter}");
  expect(await screen.findByRole("alert", {}, { timeout: 15_000 })).toHaveTextContent(
    "The backend does not answer.",
  );
  expect(screen.getByRole("button", { name: "Ask again" })).toBeVisible();
}, 20_000);

test("without its memory alone the service is limited, not down", async () => {
  const [index, redis, embedder] = WELL.dependencies.map((part) =>
    part.name === "redis" ? { ...part, state: "down" as const, reason: "Redis is away." } : part,
  );
  const report = { ...WELL, state: "down", dependencies: [index, redis, embedder] };
  network.use(http.get("*/health", () => HttpResponse.json(report, { status: 503 })));
  shownAt("/status");
  expect(await screen.findByText("Conversations are not kept now.")).toBeVisible();
  expect(screen.getByText(/You can ask all the same. Redis: Redis is away./)).toBeVisible();
  expect(screen.getByText("Limited")).toBeVisible();
});

test("a page that is opened while nobody answers says so, and is whole when somebody does", async () => {
  const silent = ["login", "documents", "sessions"].map((name) =>
    http.get(`*/api/${name}`, () => HttpResponse.error()),
  );
  network.use(
    http.get("*/health", () => HttpResponse.error()),
    ...silent,
  );
  shownAt("/documents");
  expect((await screen.findAllByText("The server cannot be reached."))[0]).toBeVisible();
  expect(await screen.findByRole("alert")).toBeVisible();
  network.resetHandlers();
  expect(await screen.findByText("Tides")).toBeVisible();
  expect(screen.queryByText("The server cannot be reached.")).toBeNull();
});

test("what is missing is named with its reason and since when", async () => {
  const redis = {
    name: "redis",
    state: "down",
    reason: "Redis cannot be reached.",
    since: "2026-05-04T12:00:00Z",
  };
  network.use(
    http.get("*/health", () =>
      HttpResponse.json({ ...WELL, state: "down", dependencies: [redis] }, { status: 503 }),
    ),
  );
  shownAt("/status");
  expect(await screen.findByText(/Redis: Redis cannot be reached./)).toBeVisible();
  expect(await screen.findByText("Redis cannot be reached.")).toBeVisible();
  expect(screen.getByText(/^Since/)).toBeVisible();
});

test("events make the list fresh", async () => {
  shownAt("/documents");
  await screen.findByText("Tides");
  network.use(
    http.get("*/api/documents", () => HttpResponse.json({ documents: [], next: null, generation: "e:2" })),
  );
  act(() => {
    SilentSocket.all[0]?.says({ kind: "document.deleted", id: "tides" });
  });
  expect(await screen.findByText("No documents yet")).toBeVisible();
});

test("whoever is not signed in signs in, and is where they wanted to go", async () => {
  let signedIn = false;
  network.use(
    http.get("*/api/login", () => HttpResponse.json({ required: true, signed_in: signedIn })),
    http.post("*/api/login", async ({ request }) => {
      const { token } = (await request.json()) as { token: string };
      signedIn = token === "right";
      return signedIn ? new HttpResponse(null, { status: 204 }) : refused(401, "Wrong token.", "Look it up.");
    }),
  );
  const { user } = shownAt("/documents");
  const field = await screen.findByLabelText("Token");
  expect(field).toHaveFocus();
  await user.type(field, "wrong{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("That is not the token of this service.");
  await user.clear(field);
  await user.type(field, "right{Enter}");
  expect(await screen.findByText("Tides")).toBeVisible();
  expect(screen.getAllByRole("button", { name: "Sign out" })[0]).toBeVisible();
});

test("a 401 anywhere leads to the sign-in", async () => {
  network.use(http.get("*/api/documents", () => refused(401, "Sign in first.")));
  shownAt("/documents");
  expect(await screen.findByLabelText("Token")).toBeVisible();
});

test("the slash goes to the question, but not while one is typing", async () => {
  const { router, user } = shownAt("/documents");
  const search = await screen.findByRole("textbox", { name: "Search in all documents" });
  await user.type(search, "a/b");
  expect(search).toHaveValue("a/b");
  search.blur();
  await user.keyboard("/");
  expect(router.state.location.pathname).toBe("/");
  expect(await screen.findByRole("textbox", { name: "Ask your documents" })).toHaveFocus();
});

test("the theme is chosen, remembered, and given back to the system", async () => {
  const { user } = shownAt("/");
  const button = (await screen.findAllByRole("button", { name: /^Theme/ })).at(-1) ?? document.body;
  const seen = [];
  for (let press = 0; press < 3; press += 1) {
    await user.click(button);
    seen.push([document.documentElement.dataset["theme"], localStorage.getItem("synapse-theme")]);
  }
  expect(seen).toEqual([
    ["light", "light"],
    ["dark", "dark"],
    [undefined, "system"],
  ]);
});

test("an address that names nothing says so", async () => {
  shownAt("/nowhere");
  expect(await screen.findByRole("heading", { name: "There is nothing here" })).toBeVisible();
});
