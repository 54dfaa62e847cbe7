// The minimap: all of time at once, as high as there is work, with the stretch that the timeline shows.

import type { Ink } from "./ink";
import { KINDS, type Lane, endOf } from "./lane";

const RUN = KINDS.indexOf("model_run");
export const BUCKETS = 600;

/** How many model runs and waits are under way, over time. */
export interface Load {
  first: number;
  last: number;
  runs: Float32Array;
  waits: Float32Array;
  most: number;
}

export function load(lanes: readonly Lane[], first: number, last: number, now: number): Load {
  const runs = new Float32Array(BUCKETS + 1);
  const waits = new Float32Array(BUCKETS + 1);
  const span = Math.max(1e-3, last - first);
  const add = (into: Float32Array, from: number, to: number) => {
    const a = Math.min(BUCKETS - 1, Math.max(0, Math.floor(((from - first) / span) * BUCKETS)));
    const b = Math.min(BUCKETS, Math.max(a + 1, Math.ceil(((to - first) / span) * BUCKETS)));
    into[a]! += 1;
    into[b]! -= 1;
  };
  for (const lane of lanes) {
    const { spans } = lane;
    let ran = false;
    for (let at = 0; at < spans.count; at++) {
      if (spans.kind[at] !== RUN) continue;
      ran = true;
      add(runs, spans.start[at]!, Math.min(spans.end[at]!, now));
    }
    // Where nobody tells of model runs, its life stands for it.
    if (!ran) add(runs, lane.first, endOf(lane, now));
    for (const bar of lane.waits) add(waits, bar.start, Math.min(bar.end, now));
  }
  let most = 1;
  for (let at = 1; at < BUCKETS; at++) {
    runs[at]! += runs[at - 1]!;
    waits[at]! += waits[at - 1]!;
    most = Math.max(most, runs[at]! + waits[at]!);
  }
  most = Math.max(most, runs[0]! + waits[0]!);
  return { first, last, runs, waits, most };
}

export function paintMap(
  pen: CanvasRenderingContext2D,
  ink: Ink,
  { runs, waits, most, first, last }: Load,
  window: { from: number; to: number },
  width: number,
  height: number,
): void {
  pen.fillStyle = ink.of.card;
  pen.fillRect(0, 0, width, height);
  const step = width / BUCKETS;
  const edge = (at: number) => Math.round(at * step);
  const high = height - 4;
  for (let at = 0; at < BUCKETS; at++) {
    const run = (runs[at]! / most) * high;
    const wait = (waits[at]! / most) * high;
    if (run > 0) {
      pen.fillStyle = ink.of.run;
      pen.fillRect(edge(at), height - run, edge(at + 1) - edge(at), run);
    }
    if (wait > 0) {
      pen.fillStyle = ink.hatch.place;
      pen.fillRect(edge(at), height - run - wait, edge(at + 1) - edge(at), wait);
    }
  }
  const x = (time: number) => ((time - first) / Math.max(1e-3, last - first)) * width;
  const [a, b] = [Math.max(0, x(window.from)), Math.min(width, x(window.to))];
  pen.globalAlpha = 0.62;
  pen.fillStyle = ink.of.page;
  pen.fillRect(0, 0, a, height);
  pen.fillRect(b, 0, width - b, height);
  pen.globalAlpha = 1;
  pen.strokeStyle = ink.of.accent;
  pen.lineWidth = 1.5;
  pen.strokeRect(a + 0.75, 0.75, Math.max(3, b - a - 1.5), height - 1.5);
}
