// The minimap as a part of the page: drag its window, or click where to look.

import { useEffect, useRef } from "preact/hooks";

import { colours } from "../ui/theme";
import { Scale } from "../time/scale";
import type { Deck } from "./deck";
import { ink } from "./ink";
import type { Lane } from "./lane";
import { load, paintMap } from "./minimap";

export function Overview({ deck, lanes, now }: { deck: Deck; lanes: readonly Lane[]; now: () => number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current!;
    const pen = element.getContext("2d", { alpha: false });
    if (!pen) return;
    let shown = load(lanes, deck.first, deck.last, now());
    let wanted = 0;
    let colour = ink(element, pen, 1);
    const draw = () => {
      wanted = 0;
      const scale = devicePixelRatio || 1;
      const { clientWidth: width, clientHeight: height } = element;
      if (element.width !== Math.round(width * scale)) {
        element.width = Math.round(width * scale);
        element.height = Math.round(height * scale);
      }
      // While work is open the end of time moves.
      if (deck.last > shown.last + (shown.last - shown.first) / 200) shown = load(lanes, deck.first, deck.last, now());
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      paintMap(pen, colour, shown, deck.window.peek(), width, height);
    };
    const ask = () => {
      if (wanted === 0) wanted = requestAnimationFrame(draw);
    };
    const stops = [
      deck.window.subscribe(ask),
      colours.subscribe(() => {
        colour = ink(element, pen, 1);
        ask();
      }),
    ];
    const resized = new ResizeObserver(ask);
    resized.observe(element);
    return () => {
      stops.forEach((stop) => stop());
      resized.disconnect();
      cancelAnimationFrame(wanted);
    };
  }, [deck, lanes]);

  const grabbed = useRef<{ offset: number } | null>(null);
  const timeAt = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    return deck.first + ((event.clientX - box.left) / box.width) * (deck.last - deck.first);
  };
  const moveTo = (from: number) => {
    const { scale } = deck;
    deck.look(new Scale(from, from + scale.to - scale.from, scale.width));
  };
  const down = (event: PointerEvent) => {
    canvas.current!.setPointerCapture(event.pointerId);
    const time = timeAt(event);
    const { from, to } = deck.scale;
    const isInside = time >= from && time <= to && to - from < (deck.last - deck.first) * 0.98;
    grabbed.current = { offset: isInside ? time - from : (to - from) / 2 };
    moveTo(time - grabbed.current.offset);
  };
  return (
    <canvas
      ref={canvas}
      class="overview"
      role="img"
      aria-label="All of time: how many model runs and waits were under way. The framed part is shown above."
      onPointerDown={down}
      onPointerMove={(event) => grabbed.current && moveTo(timeAt(event) - grabbed.current.offset)}
      onPointerUp={() => (grabbed.current = null)}
      onPointerCancel={() => (grabbed.current = null)}
    />
  );
}
