// Pointer, wheel and touch on the timeline: drag to move, pinch or Ctrl+wheel to zoom, Shift+drag to choose a stretch.

import type { Deck, Found } from "./deck";

export interface Gestures {
  /** The pointer rests on something, or on nothing. */
  hover(found: Found | null, x: number, y: number): void;
  press(found: Found): void;
  open(found: Found): void;
  /** A stretch of the canvas is being chosen, in its pixels; null when it is not any more. */
  choose(from: number, to: number, isDone: boolean): void;
}

const CLICK_PX = 4;

export function listen(area: HTMLElement, deck: Deck, scroller: HTMLElement, gestures: Gestures): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let begun: { x: number; y: number; isChoosing: boolean } | null = null;
  let moved = false;
  const at = (event: MouseEvent) => {
    const box = area.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const point = at(event);
    pointers.set(event.pointerId, point);
    if (pointers.size === 1) {
      begun = { ...point, isChoosing: event.shiftKey };
      moved = false;
    }
  };
  const move = (event: PointerEvent) => {
    const point = at(event);
    const last = pointers.get(event.pointerId);
    if (!last || !begun) {
      gestures.hover(deck.find(point.x, point.y), event.clientX, event.clientY);
      return;
    }
    pointers.set(event.pointerId, point);
    if (!moved && Math.hypot(point.x - begun.x, point.y - begun.y) < CLICK_PX) return;
    if (!moved) {
      moved = true;
      area.setPointerCapture(event.pointerId);
      gestures.hover(null, 0, 0);
    }
    const others = [...pointers.values()].filter((other) => other !== point);
    if (others.length === 1) {
      const other = others[0]!;
      const [before, after] = [Math.abs(last.x - other.x), Math.abs(point.x - other.x)];
      if (before > 8 && after > 8) deck.zoom(before / after, (point.x + other.x) / 2 - deck.gutterPx);
      deck.pan((last.x - point.x) / 2);
    } else if (begun.isChoosing) {
      gestures.choose(begun.x, point.x, false);
    } else {
      deck.pan(last.x - point.x);
      scroller.scrollTop += last.y - point.y;
    }
  };
  const up = (event: PointerEvent) => {
    if (!pointers.delete(event.pointerId) || !begun) return;
    const point = at(event);
    if (!moved) {
      const found = deck.find(point.x, point.y);
      if (found) gestures.press(found);
    } else if (begun.isChoosing) {
      gestures.choose(begun.x, point.x, true);
    }
    if (pointers.size === 0) begun = null;
  };
  const cancel = (event: PointerEvent) => {
    pointers.delete(event.pointerId);
    begun = null;
  };
  const leave = () => gestures.hover(null, 0, 0);
  const twice = (event: MouseEvent) => {
    const point = at(event);
    const found = deck.find(point.x, point.y);
    if (found) gestures.open(found);
  };
  const wheel = (event: WheelEvent) => {
    const x = at(event).x - deck.gutterPx;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      deck.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.008), Math.max(0, x));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      deck.pan(event.deltaX || event.deltaY);
    }
  };

  area.addEventListener("pointerdown", down);
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerup", up);
  area.addEventListener("pointercancel", cancel);
  area.addEventListener("pointerleave", leave);
  area.addEventListener("dblclick", twice);
  area.addEventListener("wheel", wheel, { passive: false });
  return () => {
    area.removeEventListener("pointerdown", down);
    area.removeEventListener("pointermove", move);
    area.removeEventListener("pointerup", up);
    area.removeEventListener("pointercancel", cancel);
    area.removeEventListener("pointerleave", leave);
    area.removeEventListener("dblclick", twice);
    area.removeEventListener("wheel", wheel);
  };
}
