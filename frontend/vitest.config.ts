/** How the unit tests run: the page's own build settings, in a document without a browser. */
import { mergeConfig } from "vite";
import { defineConfig } from "vitest/config";

import page from "./vite.config.ts";

export default defineConfig((environment) =>
  mergeConfig(page(environment), {
    test: {
      environment: "jsdom",
      setupFiles: ["src/testing/setup.ts"],
      testTimeout: 30_000,
      include: ["src/**/*.test.{ts,tsx}"],
      // Two cores, shared: a worker each costs more in starting than it saves.
      maxWorkers: 2,
    },
  }),
);
