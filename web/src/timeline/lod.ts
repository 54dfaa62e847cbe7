// Level of detail: what of a row is visible becomes at most about one block for each pixel, however many spans there are.
// Spans that are wide enough stay themselves; runs of narrow ones become one block that knows how busy it is.

import { type Row, lowerBound, upperBound } from "./rows";

/** Takes a block: from when to when, the place of its first span in the row, and how many spans it stands for. */
export type Take = (from: number, to: number, place: number, count: number) => void;

/** Passes on the blocks of a row between two times, from left to right. Spans narrower than `narrowPx` are merged. */
export function blocks(row: Row, from: number, to: number, msPerPx: number, narrowPx: number, take: Take): void {
  const { start, end } = row;
  const narrow = msPerPx * narrowPx;
  let at = upperBound(end, from);
  while (at < start.length && start[at]! < to) {
    const begin = start[at]!;
    if (end[at]! - begin >= narrow) {
      take(begin, end[at]!, at, 1);
      at++;
      continue;
    }
    // A run of narrow spans: each step leaps at least a pixel, so that the work depends on pixels.
    let next = at + 1;
    let edge = end[at]!;
    for (;;) {
      let reached = lowerBound(start, Math.max(edge, begin) + msPerPx, next);
      // Of spans that do not overlap, only the last within a pixel can be wide.
      const last = reached - 1;
      const isWide = reached > next && end[last]! - start[last]! >= narrow;
      if (isWide) reached = last;
      if (reached > next) edge = end[reached - 1]!;
      const isOver = reached === next || isWide || edge > to;
      next = reached;
      if (isOver) break;
    }
    take(begin, Math.max(edge, begin), at, next - at);
    at = next;
  }
}
