// The rows of a lane: a span lies below its parent, and spans that overlap lie in rows of their own. Within a row no two
// spans overlap, so what is visible of it is found by bisection.

import type { Spans } from "./lane";

/** A lane has no more rows; what would need more lies over others in the last. */
export const MAX_ROWS = 32;
const SESSION = 4;

/** The spans of a row, by start. Sums stand before each span and one after the last, so that the sum of any stretch is one
 * subtraction. */
export interface Row {
  spans: Uint32Array;
  start: Float64Array;
  /** The latest end of this and all before it. */
  end: Float64Array;
  errors: Uint32Array;
  busyMs: Float64Array;
  nanos: Float64Array;
}

/** Puts every span of a lane into a row. */
export function placed(spans: Spans, error: number): Row[] {
  const order = Array.from({ length: spans.count }, (_, at) => at);
  const depths = depthsOf(spans);
  order.sort((a, b) => spans.start[a]! - spans.start[b]! || depths[a]! - depths[b]! || a - b);
  const free: number[] = [];
  const members: number[][] = [];
  for (const at of order) {
    if (spans.kind[at] === SESSION && depths[at] === 0) {
      spans.row[at] = -1;
      continue;
    }
    const parent = spans.parent[at]!;
    let row = parent >= 0 ? Math.min(spans.row[parent]! + 1, MAX_ROWS - 1) : 0;
    while (row < MAX_ROWS - 1 && (free[row] ?? Number.NEGATIVE_INFINITY) > spans.start[at]!) row++;
    while (members.length <= row) {
      members.push([]);
      free.push(Number.NEGATIVE_INFINITY);
    }
    spans.row[at] = row;
    free[row] = Math.max(free[row]!, spans.end[at]!);
    members[row]!.push(at);
  }
  return members.map((members) => rowOf(spans, members, error));
}

/** How deep each span lies; spans that claim to lie in each other are cut where the circle closes. */
function depthsOf(spans: Spans): Int32Array {
  const depths = new Int32Array(spans.count).fill(-1);
  const above: number[] = [];
  for (let at = 0; at < spans.count; at++) {
    let next = at;
    while (next >= 0 && depths[next] === -1) {
      depths[next] = -2;
      above.push(next);
      next = spans.parent[next]!;
    }
    if (next >= 0 && depths[next] === -2) {
      spans.parent[above.at(-1)!] = -1;
      next = -1;
    }
    let depth = next >= 0 ? depths[next]! : -1;
    while (above.length > 0) depths[above.pop()!] = ++depth;
  }
  return depths;
}

function rowOf(spans: Spans, members: number[], error: number): Row {
  const count = members.length;
  const row: Row = {
    spans: Uint32Array.from(members),
    start: new Float64Array(count),
    end: new Float64Array(count),
    errors: new Uint32Array(count + 1),
    busyMs: new Float64Array(count + 1),
    nanos: new Float64Array(count + 1),
  };
  let latest = Number.NEGATIVE_INFINITY;
  members.forEach((at, place) => {
    const [start, end, nanos] = [spans.start[at]!, spans.end[at]!, spans.nanos[at]!];
    latest = Math.max(latest, end);
    row.start[place] = start;
    row.end[place] = latest;
    row.errors[place + 1] = row.errors[place]! + (spans.status[at] === error ? 1 : 0);
    row.busyMs[place + 1] = row.busyMs[place]! + (end === Number.POSITIVE_INFINITY ? 0 : end - start);
    row.nanos[place + 1] = row.nanos[place]! + (Number.isNaN(nanos) ? 0 : nanos);
  });
  return row;
}

/** The first place from `low` on whose value is at least `wanted`. */
export function lowerBound(values: Float64Array, wanted: number, low = 0, high = values.length): number {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first place whose value is greater than `wanted`. */
export function upperBound(values: Float64Array, wanted: number, low = 0, high = values.length): number {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place in a row of the span that lies at a time, or of the nearest within `slackMs`; -1 if there is none. */
export function placeAt(row: Row, spans: Spans, time: number, slackMs: number): number {
  const next = upperBound(row.start, time);
  const before = next - 1;
  if (before >= 0 && spans.end[row.spans[before]!]! > time) return before;
  const gapBefore = before >= 0 ? time - spans.end[row.spans[before]!]! : Number.POSITIVE_INFINITY;
  const gapAfter = next < row.start.length ? row.start[next]! - time : Number.POSITIVE_INFINITY;
  if (Math.min(gapBefore, gapAfter) > slackMs) return -1;
  return gapBefore <= gapAfter ? before : next;
}
