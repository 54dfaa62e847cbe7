// The colours and hatchings that the canvas draws with. Colours stand in the style sheet, for both themes, and are read
// from there; every meaning has a shape or a pattern beside its colour.

import type { Kind, Status, WaitCause } from "./lane";

const NAMES = [
  "page", "card", "line", "faint", "text", "soft", "accent", "run", "tool", "job", "other", "error", "cancelled",
  "abandoned", "queue", "place", "rate", "on-bar", "cost-1", "cost-2", "cost-3", "cost-4", "cost-5", "state-active",
  "state-blocked", "state-paused", "state-completed", "state-failed", "state-cancelled", "state-created", "select",
] as const; // prettier-ignore
type Name = (typeof NAMES)[number];

export interface Ink {
  of: Record<Name, string>;
  hatch: Record<WaitCause, CanvasPattern | string>;
  unpriced: CanvasPattern | string;
  font: string;
  smallFont: string;
}

type Dash = (pen: CanvasRenderingContext2D, size: number) => void;

const diagonal: Dash = (pen, size) => {
  pen.moveTo(-1, size + 1);
  pen.lineTo(size + 1, -1);
  pen.moveTo(-1, 1);
  pen.lineTo(1, -1);
  pen.moveTo(size - 1, size + 1);
  pen.lineTo(size + 1, size - 1);
};
const crossed: Dash = (pen, size) => {
  diagonal(pen, size);
  pen.moveTo(-1, -1);
  pen.lineTo(size + 1, size + 1);
};
const upright: Dash = (pen, size) => {
  pen.moveTo(size / 2, 0);
  pen.lineTo(size / 2, size);
};

function pattern(pen: CanvasRenderingContext2D, colour: string, size: number, width: number, dash: Dash, scale: number) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(size * scale);
  const on = tile.getContext("2d");
  if (!on) return colour;
  on.scale(scale, scale);
  on.strokeStyle = colour;
  on.lineWidth = width;
  on.beginPath();
  dash(on, size);
  on.stroke();
  const made = pen.createPattern(tile, "repeat");
  made?.setTransform(new DOMMatrix().scale(1 / scale));
  return made ?? colour;
}

/** Reads the colours as they stand now, for an element of the page. */
export function ink(element: Element, pen: CanvasRenderingContext2D, scale: number): Ink {
  const style = getComputedStyle(element);
  const of = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  const colours = of as Record<Name, string>;
  return {
    of: colours,
    hatch: {
      queue: pattern(pen, colours.queue, 6, 1, diagonal, scale),
      place: pattern(pen, colours.place, 5, 1, crossed, scale),
      rate: pattern(pen, colours.rate, 4, 1.6, upright, scale),
    },
    unpriced: pattern(pen, colours.soft, 4, 0.8, diagonal, scale),
    font: `12px ${style.fontFamily}`,
    smallFont: `10.5px ${style.fontFamily}`,
  };
}

export function spanColour(kind: Kind, status: Status): Name {
  if (status === "error") return "error";
  if (status === "cancelled") return "cancelled";
  if (status === "abandoned") return "abandoned";
  return { model_run: "run", tool_call: "tool", job: "job", other: "other", session: "other" }[kind] as Name;
}

/** Five steps from the cheapest to the dearest, each about three times the one before. */
export function costColour(nanos: number, most: number): Name {
  const share = most > 0 && nanos > 0 ? nanos / most : 0;
  const step = share === 0 ? 1 : Math.max(1, Math.min(5, 5 + Math.ceil(Math.log(share) / Math.log(3) - 1e-9)));
  return `cost-${step}` as Name;
}
