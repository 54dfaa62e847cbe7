// Small marks, drawn: the state of a session by its shape, and text that fits.

import type { State } from "../api/shapes";
import type { Ink } from "./ink";

type Pen = CanvasRenderingContext2D;

/** A state has a shape of its own; its colour only helps. */
export function stateMark(pen: Pen, ink: Ink, state: State, x: number, y: number, size: number): void {
  const half = size / 2;
  const colour = ink.of[`state-${state.toLowerCase()}` as keyof Ink["of"]];
  pen.strokeStyle = colour;
  pen.fillStyle = colour;
  pen.lineWidth = 1.6;
  pen.beginPath();
  switch (state) {
    case "ACTIVE":
      pen.moveTo(x - half * 0.7, y - half);
      pen.lineTo(x + half, y);
      pen.lineTo(x - half * 0.7, y + half);
      pen.fill();
      return;
    case "BLOCKED":
      pen.arc(x, y, half - 0.8, 0, 2 * Math.PI);
      pen.moveTo(x, y - half * 0.55);
      pen.lineTo(x, y);
      pen.lineTo(x + half * 0.4, y);
      break;
    case "PAUSED":
      pen.moveTo(x - half * 0.45, y - half * 0.8);
      pen.lineTo(x - half * 0.45, y + half * 0.8);
      pen.moveTo(x + half * 0.45, y - half * 0.8);
      pen.lineTo(x + half * 0.45, y + half * 0.8);
      break;
    case "COMPLETED":
      pen.moveTo(x - half * 0.8, y);
      pen.lineTo(x - half * 0.2, y + half * 0.6);
      pen.lineTo(x + half * 0.8, y - half * 0.6);
      break;
    case "FAILED":
      pen.moveTo(x - half * 0.65, y - half * 0.65);
      pen.lineTo(x + half * 0.65, y + half * 0.65);
      pen.moveTo(x + half * 0.65, y - half * 0.65);
      pen.lineTo(x - half * 0.65, y + half * 0.65);
      break;
    case "CANCELLED":
      pen.arc(x, y, half - 0.8, 0, 2 * Math.PI);
      pen.moveTo(x - half * 0.5, y + half * 0.5);
      pen.lineTo(x + half * 0.5, y - half * 0.5);
      break;
    case "CREATED":
      pen.arc(x, y, half * 0.4, 0, 2 * Math.PI);
      break;
  }
  pen.stroke();
}

export function chevron(pen: Pen, colour: string, x: number, y: number, isFolded: boolean): void {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.beginPath();
  if (isFolded) {
    pen.moveTo(x - 1.5, y - 3.5);
    pen.lineTo(x + 2, y);
    pen.lineTo(x - 1.5, y + 3.5);
  } else {
    pen.moveTo(x - 3.5, y - 1.5);
    pen.lineTo(x, y + 2);
    pen.lineTo(x + 3.5, y - 1.5);
  }
  pen.stroke();
}

const widths = new Map<string, number>();

function widthOf(pen: Pen, text: string): number {
  const key = `${pen.font}\n${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size > 20_000) widths.clear();
    width = pen.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

/** The text, or as much of it as fits with an ellipsis; nothing if that is less than two letters. */
export function fitting(pen: Pen, text: string, width: number): string {
  const whole = widthOf(pen, text);
  if (whole <= width) return text;
  const letters = Math.floor((text.length * (width - 8)) / whole);
  return letters < 2 ? "" : `${text.slice(0, letters).trimEnd()}\u2026`;
}

/** Draws text that ends at `x`; gives where it begins. */
export function textBefore(pen: Pen, text: string, x: number, y: number): number {
  pen.textAlign = "right";
  pen.fillText(text, x, y);
  pen.textAlign = "left";
  return x - widthOf(pen, text);
}
