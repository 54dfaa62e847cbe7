// The latest work: what a day's record shows first is its last burst, not the hours without any before it.

import type { Lane } from "./lane";

/** Work that lies this far apart may belong together whatever its length. */
const NEAR_MS = 120_000;

/** From when to when the latest lanes lie, going back until nothing happened for longer than the work that came after. */
export function latest(lanes: readonly Lane[]): { first: number; last: number } | null {
  const byEnd = lanes.toSorted((a, b) => b.last - a.last);
  const newest = byEnd[0];
  if (!newest) return null;
  const last = newest.last;
  let first = newest.first;
  for (const lane of byEnd) {
    const idle = first - lane.last;
    if (idle > Math.max(NEAR_MS, last - first)) break;
    first = Math.min(first, lane.first);
  }
  return { first, last: Math.max(last, first + 1) };
}
