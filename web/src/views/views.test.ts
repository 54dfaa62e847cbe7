import { expect, test } from "vitest";

import type { RecordedEvent, Span } from "../api/shapes";
import { session } from "../timeline/made";
import { artifactsOf, gist } from "../ui/event";
import { unpricedWithChildren } from "../unpriced";
import { nested } from "./session/spans";
import { forest } from "./tree";

const shape = (nodes: ReturnType<typeof forest>): unknown[] => nodes.map((node) => [node.session.session_id, node.active, node.reach, shape(node.children)]);

test("a cascade cancel reaches what has not ended below, and itself", () => {
  const trees = forest([
    session("a", { state: "ACTIVE" }),
    session("b", { state: "COMPLETED", parent_session_id: "a" }),
    session("c", { state: "BLOCKED", parent_session_id: "a" }),
    session("d", { state: "ACTIVE", parent_session_id: "b" }),
  ]);
  expect(shape(trees)).toEqual([["a", 1, 3, [["b", 1, 1, [["d", 0, 1, []]]], ["c", 0, 1, []]]]]);
});

test("an orphan is a root that is told as one, and a circle ends", () => {
  const trees = forest([session("x", { parent_session_id: "gone" }), session("p", { parent_session_id: "q" }), session("q", { parent_session_id: "p" })]);
  expect(trees.map((node) => [node.session.session_id, node.isOrphan])).toEqual([["x", true], ["p", false]]);
  expect(trees[1]!.children.map((node) => node.session.session_id)).toEqual(["q"]);
});

const span = (id: string, parent: string | null) => ({ span_id: id, parent_span_id: parent }) as Span;

test("spans stand below their parents, each once, whatever they claim", () => {
  const placed = nested([span("a", null), span("b", "a"), span("c", "b"), span("d", "a"), span("e", "missing"), span("f", "g"), span("g", "f")]);
  expect(placed.map(({ span, depth }) => `${span.span_id}${depth}`)).toEqual(["a0", "b1", "c2", "d1", "e0", "f0", "g1"]);
});

const event = (type: string, payload: Record<string, unknown>) => ({ type, payload }) as RecordedEvent;

test("an inference without a price says so", () => {
  const usage = { prompt_tokens: 7, completion_tokens: 3 };
  expect(gist(event("llm_inference", { token_usage: usage }))).toBe("7 in, 3 out, unpriced");
  expect(gist(event("llm_inference", { token_usage: usage, cost_usd: 0.5 }))).toBe("7 in, 3 out, $0.500");
});

test("an event of a family that nobody knows is told by its first facts", () => {
  expect(gist(event("acme.thing", { a_b: "x", list: [1], n: 4 }))).toBe("a b x, n 4");
});

test("artifacts of an event are those it names by hash", () => {
  expect(artifactsOf(event("x", { body_ref: "sha256:ab", other: "ab" }))).toEqual([["body_ref", "sha256:ab"]]);
});

test("what has no price below a session is told of it too, and a circle counts once", () => {
  const unpriced = { own_nanos: 0, inclusive_nanos: 0, unpriced_runs: 2 };
  const sums = unpricedWithChildren([
    session("a"),
    session("b", { parent_session_id: "a", cost: unpriced }),
    session("c", { parent_session_id: "b", cost: unpriced }),
    session("p", { parent_session_id: "q", cost: unpriced }),
    session("q", { parent_session_id: "p" }),
  ]);
  expect(Object.fromEntries(sums)).toEqual({ a: 4, b: 4, c: 2, p: 2, q: 2 });
});
