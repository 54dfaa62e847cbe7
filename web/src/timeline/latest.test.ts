import { expect, test } from "vitest";

import { latest } from "./latest";
import { ORIGIN, at, lane } from "./made";

const from = (first: number, last: number) =>
  lane(`${first}`, [{ start: first, end: last }], { created_at: at(first), updated_at: at(last), ended_at: at(last) });
const HOUR = 3_600_000;

test("the latest burst of work ends where nothing happened for longer than it took", () => {
  const day = [from(0, 60_000), from(20 * HOUR, 20 * HOUR + 30_000), from(20 * HOUR + 40_000, 20 * HOUR + 90_000)];
  expect(latest(day)).toEqual({ first: ORIGIN + 20 * HOUR, last: ORIGIN + 20 * HOUR + 90_000 });
});

test("work without long pauses is one burst, however long it goes on", () => {
  const steady = Array.from({ length: 50 }, (_, n) => from(n * 100_000, n * 100_000 + 20_000));
  expect(latest(steady)).toEqual({ first: ORIGIN, last: ORIGIN + 49 * 100_000 + 20_000 });
});

test("a pause is short beside work that is long", () => {
  expect(latest([from(0, HOUR), from(3 * HOUR, 8 * HOUR)])).toEqual({ first: ORIGIN, last: ORIGIN + 8 * HOUR });
});

test("without lanes there is none", () => {
  expect(latest([])).toBeNull();
});
