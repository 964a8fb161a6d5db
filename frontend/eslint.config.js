// The page's rules: types are strict, hooks and accessibility are checked, and imports go one way:
// lib -> components -> features -> app. A feature knows no other feature.
import { readdirSync } from "node:fs";

import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import globals from "globals";
import { defineConfig, globalIgnores } from "eslint/config";
import typescript from "typescript-eslint";

const features = readdirSync(new URL("src/features", import.meta.url));

/** Files of a room may not import what these patterns match; a path across rooms begins with `@/`. */
function room(files, forbidden, message) {
  const climbing = {
    group: ["../*"],
    message: "Name the room: import from @/lib, @/components or @/features.",
  };
  const upwards = { group: forbidden, message };
  return {
    files,
    rules: {
      "no-restricted-imports": ["error", { patterns: forbidden.length ? [climbing, upwards] : [climbing] }],
    },
  };
}

export default defineConfig(
  globalIgnores(["dist", "src/lib/api/schema.ts"]),
  js.configs.recommended,
  typescript.configs.strictTypeChecked,
  typescript.configs.stylisticTypeChecked,
  hooks.configs.flat["recommended-latest"],
  a11y.flatConfigs.strict,
  {
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 80, skipBlankLines: true, skipComments: true }],
      "no-console": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      // Numbers are shown as they are; nothing else is put into a template by accident.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  room(["src/app/**", "src/main.tsx", "src/testing/**"], []),
  room(
    ["src/lib/**"],
    ["@/components/*", "@/features/*", "@/app/*"],
    "lib knows nothing of what is built on it.",
  ),
  room(["src/components/**"], ["@/features/*", "@/app/*"], "Components know nothing of features."),
  ...features.map((feature) =>
    room(
      [`src/features/${feature}/**`],
      ["@/app/*", ...features.filter((other) => other !== feature).map((other) => `@/features/${other}/*`)],
      "A feature knows neither the app nor another feature: what two need belongs to lib or components.",
    ),
  ),
  {
    files: ["**/*.test.{ts,tsx}", "src/testing/**"],
    // A suite is one long function.
    rules: { "max-lines-per-function": "off" },
  },
  { files: ["**/*.js"], extends: [typescript.configs.disableTypeChecked] },
);
