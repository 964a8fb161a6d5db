/** Light or dark: the system's choice until a person makes one, which is remembered in this browser. */
import { useSyncExternalStore } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "synapse-theme";
const listeners = new Set<() => void>();
let current: Theme | undefined;

/** Show the page in the remembered theme; once, before the first paint. */
export function applyTheme(): void {
  const theme = chosen();
  if (theme === "system") {
    delete document.documentElement.dataset["theme"];
  } else {
    document.documentElement.dataset["theme"] = theme;
  }
}

export function chooseTheme(theme: Theme): void {
  current = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that forbids storage forgets it with the page.
  }
  applyTheme();
  listeners.forEach((listener) => {
    listener();
  });
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, chosen);
}

function chosen(): Theme {
  if (current) {
    return current;
  }
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === kept) ?? "system";
  } catch {
    return "system";
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
