import { describe, expect, test } from "vitest";

import { type Lane } from "./lane";
import { type MadeSpan, ORIGIN, lane } from "./made";
import { MAX_ROWS, placeAt } from "./rows";

const rowsOf = ({ spans }: Lane) => [...spans.row];

/** Numbers that look like chance and are the same each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 4_294_967_296;
}

describe("rows", () => {
  test("a child lies below its parent, and the session's own span is the lane itself", () => {
    const found = lane("s", [
      { kind: "session", start: 0, end: 100 },
      { parent: 0, start: 0, end: 50 },
      { parent: 1, kind: "tool_call", start: 10, end: 20 },
      { parent: 0, start: 60, end: 90 },
    ]);
    expect(rowsOf(found)).toEqual([-1, 0, 1, 0]);
  });

  test("spans that overlap lie in rows of their own, those that touch do not", () => {
    const found = lane("s", [
      { start: 0, end: 50 },
      { start: 40, end: 80 },
      { start: 50, end: 60 },
    ]);
    expect(rowsOf(found)).toEqual([0, 1, 0]);
  });

  test("spans that claim to lie in each other are shown all the same", () => {
    const found = lane("s", [
      { parent: 1, start: 0, end: 50 },
      { parent: 0, start: 10, end: 40 },
    ]);
    expect(rowsOf(found).toSorted()).toEqual([0, 1]);
  });

  test("what is never closed needs no more rows than there are", () => {
    const spans = Array.from({ length: 500 }, (_, n): MadeSpan => ({ start: n, end: null }));
    const found = lane("s", spans, { state: "ACTIVE", ended_at: null, open_spans: 500 });
    expect(found.rows.length).toBe(MAX_ROWS);
    expect(found.rows.reduce((sum, row) => sum + row.spans.length, 0)).toBe(500);
  });

  test("in any lane no two spans of a row overlap, but for the last row, and every span has a place", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = chance(seed);
      const spans = Array.from({ length: 80 }, (_, n): MadeSpan => {
        const start = Math.floor(next() * 1000);
        return { start, end: start + Math.floor(next() * 120), parent: n > 0 && next() < 0.5 ? Math.floor(next() * n) : -1 };
      });
      const found = lane("s", spans);
      expect(found.rows.reduce((sum, row) => sum + row.spans.length, 0)).toBe(80);
      for (const row of found.rows.slice(0, MAX_ROWS - 1)) {
        for (let place = 1; place < row.spans.length; place++) {
          const before = found.spans.end[row.spans[place - 1]!]!;
          expect(row.start[place]!).toBeGreaterThanOrEqual(before);
        }
      }
    }
  });

  test("the span at a time is found, or the nearest within reach", () => {
    const found = lane("s", [
      { start: 0, end: 10 },
      { start: 20, end: 30 },
    ]);
    const row = found.rows[0]!;
    const placed = (time: number, slack: number) => placeAt(row, found.spans, ORIGIN + time, slack);
    expect([placed(5, 0), placed(25, 0), placed(12, 0), placed(12, 3), placed(18, 3), placed(99, 3)]).toEqual([0, 1, -1, 0, 1, -1]);
  });
});
