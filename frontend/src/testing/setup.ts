/** What every unit test starts from: a document without leftovers, a network of our own, and what jsdom lacks. */
import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterAll, afterEach, beforeAll } from "vitest";

import { network } from "@/testing/network";
import { SilentSocket } from "@/testing/silent-socket";

// A busy machine loads a page's part slowly; what is right comes at once elsewhere.
configure({ asyncUtilTimeout: 10_000 });

beforeAll(() => {
  network.listen({ onUnhandledRequest: "error" });
  Object.defineProperty(globalThis, "WebSocket", { value: SilentSocket, configurable: true });
});
afterEach(() => {
  cleanup();
  network.resetHandlers();
  localStorage.clear();
  SilentSocket.all.length = 0;
});
afterAll(() => {
  network.close();
});

// jsdom lays nothing out and shows no dialogs.
Element.prototype.scrollIntoView = () => undefined;
window.scrollTo = () => undefined;
window.matchMedia = (media) =>
  ({
    media,
    matches: true,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }) as never;
HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};
HTMLDialogElement.prototype.close = function () {
  this.open = false;
};
