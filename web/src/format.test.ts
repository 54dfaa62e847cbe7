import { expect, test } from "vitest";

import { cost, costInWords, duration, millis, money, short } from "./format";

test("money is as exact as it must be, and nothing is never something", () => {
  const shown = [0, 1, 50_000, 4_700_000, 42_000_000, 1_500_000_000, 33_780e9].map(money);
  expect(shown).toEqual(["$0", "<$0.0001", "<$0.0001", "$0.0047", "$0.042", "$1.50", "$33,780"]);
});

test("what has no price is never shown as free", () => {
  expect([cost(0, 0), cost(0, 2), cost(5e9, 1)]).toEqual(["$0", "unpriced", "$5.00 +?"]);
  expect(costInWords(0, 1)).toBe("1 model run has no price");
  expect(costInWords(1_250_000_001, 3)).toBe("$1.250000001, and 3 model runs have no price");
});

test("durations", () => {
  const shown = [0, 0.25, 4.2, 999, 6230, 59_999, 61_000, 7_500_000, 3e8, -5, Infinity].map(duration);
  expect(shown).toEqual(["0 ms", "250 \u00b5s", "4.2 ms", "999 ms", "6.23 s", "60.0 s", "1 min 1 s", "2 h 5 min", "3 d 11 h", "\u22125.0 ms", "\u2013"]);
});

test("microseconds are kept", () => {
  expect(millis("2026-03-01T12:00:00.123456Z") - Date.parse("2026-03-01T12:00:00.123Z")).toBeCloseTo(0.456, 3);
  expect(millis("2026-03-01T12:00:00Z")).toBe(Date.parse("2026-03-01T12:00:00Z"));
  expect(millis(null)).toBeNaN();
});

test("counts in short", () => {
  expect([0, 999, 1000, 63_412, 1e6, 2.5e9].map(short)).toEqual(["0", "999", "1k", "63.4k", "1M", "2.5G"]);
});
