/** Asking, as a person does it. */
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, delay, http } from "msw";
import { expect, test } from "vitest";

import { CITED, QUOTED, TIDES, eventStream, network, refused } from "@/testing/network";
import { shownAt } from "@/testing/shown";

async function ask(user: ReturnType<typeof shownAt>["user"], question = "Why is there a tide?{Enter}") {
  await user.type(await screen.findByRole("textbox", { name: /ask/i }), question);
}

test("a question is answered under an address of its own, with its notes and its passage", async () => {
  const { router, user } = shownAt("/");
  await ask(user);
  expect(await screen.findByRole("heading", { name: "Why is there a tide?" })).toBeVisible();
  expect(router.state.location.pathname).toMatch(/^\/ask\/[0-9a-f]{32}$/);
  expect(await screen.findByText(/No model server is configured/)).toBeVisible();

  await user.click(screen.getByRole("link", { name: "Source 1: Tides" }));
  const dialog = await screen.findByRole("dialog", { name: "Tides" });
  expect((await within(dialog).findByText(CITED.passage)).tagName).toBe("MARK");
});

test("Shift+Enter begins a new line, and an empty question is not asked", async () => {
  const { router, user } = shownAt("/");
  await ask(user, "  {Enter}One{Shift>}{Enter}{/Shift}Two");
  expect(screen.getByRole("textbox", { name: /ask/i })).toHaveValue("  One\nTwo");
  expect(router.state.location.pathname).toBe("/");
});

test("a passage of a document that has gone or changed is shown as it was", async () => {
  network.use(
    http.get("*/api/documents/tides", () => HttpResponse.json({ ...TIDES, text: "Something else." })),
  );
  const { user } = shownAt("/");
  await ask(user);
  await user.click(await screen.findByRole("link", { name: "Source 1: Tides" }));
  expect(await screen.findByText(/has been replaced since/)).toBeVisible();
  expect(within(screen.getByRole("dialog")).getByText(CITED.passage).tagName).toBe("MARK");
});

test("what fails is told, and can be asked again", async () => {
  network.use(
    http.post("*/api/query/stream", () => refused(503, "Redis is away.", "Start it."), { once: true }),
  );
  const { user } = shownAt("/");
  await ask(user);
  expect(await screen.findByRole("alert")).toHaveTextContent("Redis is away.Start it.");
  await user.click(screen.getByRole("button", { name: "Ask again" }));
  expect(await screen.findByRole("link", { name: "Source 1: Tides" })).toBeVisible();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("an answer that comes can be stopped, and says that it is not kept", async () => {
  network.use(
    http.post("*/api/query/stream", async () => {
      await delay("infinite");
      return eventStream();
    }),
  );
  const { user } = shownAt("/");
  await ask(user);
  await user.click(await screen.findByRole("button", { name: "Stop the answer" }));
  expect(await screen.findByText(/You stopped this answer/)).toBeVisible();
  expect(screen.getByRole("button", { name: "Ask" })).toBeDisabled();
});

test("a kept conversation is opened, gone on with, and deleted after asking", async () => {
  const summary = { id: "s1", title: "Why?", turns: 1, last_asked: "2026-05-04T12:00:00Z" };
  const turn = {
    question: "Why?",
    answer: QUOTED.text,
    citations: [CITED],
    asked: summary.last_asked,
    model: "llama",
  };
  let kept = true;
  network.use(
    http.get("*/api/sessions", () => HttpResponse.json({ sessions: kept ? [summary] : [] })),
    http.get("*/api/sessions/s1", () => HttpResponse.json({ id: "s1", turns: [turn] })),
    http.delete("*/api/sessions/s1", () => {
      kept = false;
      return new HttpResponse(null, { status: 204 });
    }),
  );
  const { router, user } = shownAt("/history");
  const main = await screen.findByRole("main");
  await user.click(await within(main).findByRole("link", { name: /Why\?/ }));
  expect(await screen.findByText(/Written by llama/)).toBeVisible();
  await ask(user, "And then?{Enter}");
  await waitFor(() => {
    expect(screen.getAllByRole("article").map((one) => within(one).getByRole("heading").textContent)).toEqual(
      ["Why?", "And then?"],
    );
  });
  await user.click(screen.getByRole("button", { name: "Delete “Why?”" }));
  await user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
  await waitFor(() => {
    expect(router.state.location.pathname).toBe("/");
  });
  expect(await screen.findByText("What you ask is kept here.")).toBeVisible();
});

test("a conversation of which nothing is kept says so", async () => {
  shownAt("/ask/unknown");
  expect(await screen.findByText(/Nothing is kept of this conversation/)).toBeVisible();
});
