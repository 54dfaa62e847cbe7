// Dark, light, or as the machine has it. The choice stays in this browser.

import { signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "flightrec.theme";

function kept(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}

export const theme = signal<Theme>(kept());
/** Moves when the colours that are shown may have changed. */
export const colours = signal(0);

const machine = matchMedia("(prefers-color-scheme: dark)");

function show(): void {
  const isDark = theme.value === "dark" || (theme.value === "auto" && machine.matches);
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
  colours.value++;
}

export function apply(next: Theme): void {
  theme.value = next;
  show();
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that keeps nothing shows what is chosen until it is closed.
  }
}

export const cycle = () => apply(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!);

machine.addEventListener("change", show);
