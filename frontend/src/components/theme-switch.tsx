/** One button that goes through the themes: the system's, light, dark. */
import { Monitor, Moon, Sun } from "lucide-react";

import { IconButton } from "@/components/button";
import { THEMES, chooseTheme, useTheme } from "@/lib/theme";

const ICONS = { system: Monitor, light: Sun, dark: Moon };
const NAMES = { system: "as the system", light: "light", dark: "dark" };

export function ThemeSwitch() {
  const theme = useTheme();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const Icon = ICONS[theme];
  return (
    <IconButton
      label={`Theme: ${NAMES[theme]}. Switch to ${NAMES[next]}`}
      onClick={() => {
        chooseTheme(next);
      }}
    >
      <Icon className="size-4.5" aria-hidden="true" />
    </IconButton>
  );
}
