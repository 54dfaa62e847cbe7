// Lanes made up for tests.

import type { LaneAnswer, Session, SpanColumns, SpanKind, SpanStatus, State } from "../api/shapes";
import { type Lane, laneOf } from "./lane";

export const ORIGIN = 1_760_000_000_000;

export interface MadeSpan {
  id?: string;
  parent?: number;
  kind?: SpanKind;
  name?: string;
  /** Milliseconds after the origin. */
  start: number;
  /** Null while it is open. */
  end: number | null;
  status?: SpanStatus;
  nanos?: number | null;
  tokens?: number | null;
}

export const at = (ms: number) => new Date(ORIGIN + ms).toISOString();

export function session(id: string, facts: Partial<Session> = {}): Session {
  return {
    session_id: id,
    parent_session_id: null,
    state: "COMPLETED" as State,
    role: "coder",
    model_id: "m-1",
    provider: "p-1",
    backend: "cloud",
    wp_id: "WP-1",
    mt_id: null,
    spawn_depth: 0,
    label: null,
    source: "native",
    created_at: at(0),
    updated_at: at(1000),
    ended_at: at(1000),
    tokens: { input: 0, output: 0, cached: 0, cache_write: 0, reasoning: 0, total: 0 },
    cost: { own_nanos: 0, inclusive_nanos: 0, unpriced_runs: 0 },
    messages: 0,
    model_runs: 0,
    tool_calls: 0,
    spans: 0,
    open_spans: 0,
    findings: [],
    ...facts,
  };
}

export function columns(spans: readonly MadeSpan[]): SpanColumns {
  return {
    id: spans.map((span, n) => span.id ?? `${n}`.padStart(16, "0")),
    parent: spans.map((span) => span.parent ?? -1),
    kind: spans.map((span) => span.kind ?? "model_run"),
    name: spans.map((_, n) => n),
    start_us: spans.map((span) => span.start * 1000),
    end_us: spans.map((span) => (span.end === null ? null : span.end * 1000)),
    status: spans.map((span) => (span.end === null ? null : (span.status ?? "ok"))),
    nanos: spans.map((span) => span.nanos ?? null),
    tokens: spans.map((span) => span.tokens ?? null),
  };
}

export function lane(id: string, spans: readonly MadeSpan[], more: Partial<Session> & Partial<Pick<LaneAnswer, "waits" | "states" | "handovers">> = {}): Lane {
  const { waits = [], states = [], handovers = [], ...facts } = more;
  const words = spans.map((span) => span.name ?? "work");
  return laneOf({ session: session(id, facts), states, waits, handovers, spans: columns(spans) }, ORIGIN, words, ORIGIN + 1000);
}
