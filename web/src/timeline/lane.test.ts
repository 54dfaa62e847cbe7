import { expect, test } from "vitest";

import type { Wait } from "../api/shapes";
import { SILENT_MS, endOf, isUnpriced } from "./lane";
import { linksOf } from "./links";
import { ORIGIN, at, lane } from "./made";

const wait = (start: number, end: number | null, limit: string | null, kind: Wait["kind"] = "hold"): Wait => ({
  kind, job_id: "j", start: at(start), end: end === null ? null : at(end), limit, provider: "p", reason: null, backoff_ms: 0, seq: 1,
}); // prettier-ignore

test("a wait is for its turn, for a place, or because of a rate", () => {
  const found = lane("s", [], {
    waits: [wait(0, 10, null, "queue"), wait(10, 20, "model"), wait(20, 40, "request_rate"), wait(40, 50, null)],
  });
  expect(found.waits.map((bar) => bar.cause)).toEqual(["queue", "place", "rate", "rate"]);
  expect(found.waitedMs).toBe(50);
});

test("open work ends at the present, and with its session at the latest", () => {
  const open = lane("s", [{ start: 0, end: null }], { state: "ACTIVE", ended_at: null, open_spans: 1, updated_at: at(5) });
  expect([open.isOpen, open.spans.end[0], endOf(open, ORIGIN + 900)]).toEqual([true, Number.POSITIVE_INFINITY, ORIGIN + 900]);
  const over = lane("s", [{ start: 0, end: null }], { state: "FAILED", ended_at: at(70), waits: [wait(3, null, "model")] });
  expect([over.isOpen, over.spans.end[0], over.waits[0]?.end, endOf(over, ORIGIN + 900)]).toEqual([false, ORIGIN + 70, ORIGIN + 70, ORIGIN + 70]);
});

test("open work of which nothing was heard for hours ends where it was last heard of", () => {
  const facts = { state: "ACTIVE", created_at: at(-SILENT_MS), updated_at: at(-SILENT_MS), ended_at: null, open_spans: 1 } as const;
  const found = lane("s", [{ start: -SILENT_MS, end: null }], facts);
  expect([found.isOpen, endOf(found, ORIGIN + 900)]).toEqual([false, ORIGIN - SILENT_MS]);
});

test("an unknown price is not a price of zero", () => {
  const found = lane("s", [{ start: 0, end: 1, nanos: null }, { start: 1, end: 2, nanos: 0 }]);
  expect([...found.spans.nanos]).toEqual([Number.NaN, 0]);
});

test("unpriced is what used tokens without a price, and not a run without an answer", () => {
  const { spans } = lane("s", [
    { start: 0, end: 1, tokens: 9 },
    { start: 1, end: 2, tokens: null, status: "error" },
    { start: 2, end: 3, tokens: 9, nanos: 0 },
    { start: 3, end: 4, tokens: 9, kind: "tool_call" },
    { start: 4, end: 5, tokens: 0, status: "error" },
  ]);
  expect([0, 1, 2, 3, 4].map((at) => isUnpriced(spans, at))).toEqual([true, false, false, false, false]);
});

test("a name does not repeat its kind", () => {
  const found = lane("s", [{ start: 0, end: 1, name: "model_run large" }, { start: 1, end: 2, name: "model_run" }]);
  expect(found.spans.name).toEqual(["large", "model_run"]);
});

test("a child of whose spawn nobody told is linked where it begins, another once", () => {
  const handovers = [{ kind: "spawn", from_session_id: "a", to_session_id: "b", at: at(4), seq: 1 } as const];
  const links = linksOf([
    lane("a", [], { handovers }),
    lane("b", [], { parent_session_id: "a", created_at: at(5) }),
    lane("c", [], { parent_session_id: "a", created_at: at(2) }),
  ]);
  expect(links).toEqual([
    { kind: "spawn", from: "a", to: "c", at: ORIGIN + 2 },
    { kind: "spawn", from: "a", to: "b", at: ORIGIN + 4 },
  ]);
});
