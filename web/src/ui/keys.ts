// Keys. What a key does is said by the view that is shown; letters can be switched off, for those who speak to their
// machine and would press them unmeant.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Key {
  /** As the event has it in `key`, with `Shift+` before it where that matters. */
  press: string;
  does: string;
  run: () => void;
}

const KEPT = "flightrec.letters";
const layers: (readonly Key[])[] = [];
/** All that works now, for the help. */
export const known = signal<readonly Key[]>([]);
export const lettersWork = signal(readKept());

function readKept(): boolean {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

export function setLetters(work: boolean): void {
  lettersWork.value = work;
  try {
    localStorage.setItem(KEPT, work ? "on" : "off");
  } catch {
    // See themes.
  }
}

function told(): void {
  known.value = layers.flat();
}

/** Keys that work while a component is shown. */
export function useKeys(make: () => readonly Key[], depends: readonly unknown[]): void {
  useEffect(() => {
    const layer = make();
    layers.push(layer);
    told();
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      told();
    };
  }, depends as unknown[]);
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) &&
  !(target instanceof HTMLInputElement && ["checkbox", "radio", "button"].includes(target.type));

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const isLetter = event.key.length === 1;
  if (isTyping(event.target) && event.key !== "Escape") return;
  if (isLetter && !lettersWork.value) return;
  // Buttons, links and dialogs have keys of their own.
  const element = event.target instanceof Element ? event.target : null;
  if ((event.key === "Enter" || event.key === " ") && element?.closest("a, button, summary, [role=tab]")) return;
  if (document.querySelector("dialog[open]") && event.key !== "?") return;
  const name = event.shiftKey && !isLetter ? `Shift+${event.key}` : event.key;
  for (const layer of layers.toReversed()) {
    const key = layer.find((key) => key.press === name);
    if (!key) continue;
    event.preventDefault();
    key.run();
    return;
  }
}

export const listen = () => document.addEventListener("keydown", pressed);
