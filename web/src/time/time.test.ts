import { expect, test } from "vitest";

import { Scale } from "./scale";
import { step, ticks } from "./ticks";

test("zooming keeps what is under the pointer where it is", () => {
  const scale = new Scale(1000, 2000, 500);
  for (const x of [0, 120, 499]) {
    const time = scale.time(x);
    for (const factor of [0.01, 0.5, 3]) expect(scale.zoomed(factor, x).x(time)).toBeCloseTo(x, 6);
  }
});

test("panning moves by pixels, and there and back is nothing", () => {
  const scale = new Scale(0, 1000, 500);
  expect(scale.panned(50).from).toBe(100);
  expect(scale.panned(50).panned(-50)).toEqual(scale);
});

test("nobody zooms into nothing or gets lost beyond the ends", () => {
  let scale = new Scale(0, 1000, 500);
  for (let n = 0; n < 200; n++) scale = scale.zoomed(0.5, 250);
  expect(scale.to - scale.from).toBeGreaterThan(0);
  const far = new Scale(0, 1000, 500).panned(1e9).within(0, 1000);
  expect(far.from).toBeLessThanOrEqual(1050);
  const wide = new Scale(-1e9, 1e9, 500).within(0, 1000);
  expect(wide.to - wide.from).toBeCloseTo(1100, 6);
});

test("an axis has lines at times that people would name", () => {
  const minute = 60_000;
  expect([step(700), step(1), step(45_000), step(7 * minute)]).toEqual([1000, 1, minute, 10 * minute]);
  const found = ticks(0, 10 * minute, minute, 0);
  expect(found.map((tick) => tick.at)).toEqual(Array.from({ length: 11 }, (_, n) => n * minute));
  expect(found[0]!.major).toBe(true);
  // Half an hour off UTC, full hours still are full hours here.
  const offset = -330 * minute;
  for (const tick of ticks(0, 1e8, 3_600_000, offset)) expect((tick.at - offset) % 3_600_000).toBe(0);
});

test("an axis never has more lines than a screen has room for", () => {
  for (const span of [0.2, 3, 1e3, 1e7, 1e11, 1e13]) {
    const found = ticks(1.7e12, 1.7e12 + span, span / 12, 0);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(13);
  }
  expect(ticks(5, 5, 1, 0)).toEqual([]);
});
