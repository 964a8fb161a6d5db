/** The page while the service changes under it. */
import { act, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";

import { WELL, network, refused } from "@/testing/network";
import { shownAt } from "@/testing/shown";
import { SilentSocket } from "@/testing/silent-socket";

test("a lost backend is told of on every page, and so is its return", async () => {
  shownAt("/documents");
  await screen.findByText("Tides");
  network.use(http.get("*/health", () => HttpResponse.error()));
  act(() => {
    SilentSocket.all[0]?.breaks();
  });
  expect(await screen.findByText("The backend cannot be reached.")).toBeVisible();
  network.use(http.get("*/health", () => HttpResponse.json(WELL)));
  await waitFor(() => {
    expect(screen.queryByText("The backend cannot be reached.")).toBeNull();
  });
  expect(screen.getByText("Everything works again.")).toBeInTheDocument();
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
