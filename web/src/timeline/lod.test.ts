import { describe, expect, test } from "vitest";

import { blocks } from "./lod";
import { type MadeSpan, ORIGIN, lane } from "./made";

interface Block {
  from: number;
  to: number;
  place: number;
  count: number;
}

function all(spans: readonly MadeSpan[], from: number, to: number, msPerPx: number): Block[] {
  const row = lane("s", spans).rows[0]!;
  const found: Block[] = [];
  blocks(row, ORIGIN + from, ORIGIN + to, msPerPx, 1.5, (from, to, place, count) =>
    found.push({ from: from - ORIGIN, to: to - ORIGIN, place, count }),
  );
  return found;
}

describe("level of detail", () => {
  const turns = Array.from({ length: 100_000 }, (_, n): MadeSpan => ({ start: n * 10, end: n * 10 + 8 }));

  test("a hundred thousand spans are about a block for each pixel, and none is lost", () => {
    const found = all(turns, 0, 1_000_000, 1000);
    expect(found.length).toBeLessThanOrEqual(1001);
    expect(found.reduce((sum, block) => sum + block.count, 0)).toBe(100_000);
  });

  test("closer up, spans are themselves", () => {
    const found = all(turns, 500, 560, 0.1);
    expect(found.map((block) => block.count)).toEqual(found.map(() => 1));
    expect(found[0]).toEqual({ from: 500, to: 508, place: 50, count: 1 });
    expect(found.length).toBe(6);
  });

  test("a wide span among narrow ones stays itself", () => {
    const narrow = Array.from({ length: 50 }, (_, n): MadeSpan => ({ start: n, end: n + 0.5 }));
    const after = narrow.map(({ start, end }) => ({ start: start + 500, end: end! + 500 }));
    const found = all([...narrow, { start: 50, end: 500 }, ...after], 0, 600, 10);
    const wide = found.find((block) => block.to - block.from > 400)!;
    expect(wide).toEqual({ from: 50, to: 500, place: 50, count: 1 });
    expect(found.reduce((sum, block) => sum + block.count, 0)).toBe(101);
  });

  test("what lies outside is left out, and what reaches in is not", () => {
    const found = all([{ start: 0, end: 100 }, { start: 200, end: 300 }, { start: 400, end: 500 }], 250, 400, 1);
    expect(found.map((block) => block.place)).toEqual([1]);
  });

  test("blocks come from left to right and never overlap, at any scale", () => {
    for (const msPerPx of [0.01, 0.5, 3, 7, 50, 400, 9000]) {
      const found = all(turns.slice(0, 4000), 0, 40_000, msPerPx);
      for (let n = 1; n < found.length; n++) expect(found[n]!.from).toBeGreaterThanOrEqual(found[n - 1]!.to);
      expect(found.reduce((sum, block) => sum + block.count, 0)).toBe(4000);
    }
  });
});
