// A lane: one session over time, in flat arrays, so that a hundred thousand spans are a few megabytes and drawing makes
// no garbage.

import type { Handover, LaneAnswer, Session, SpanColumns, StateChange, TimelineAnswer, Wait } from "../api/shapes";
import { millis } from "../format";
import { type Row, placed } from "./rows";

export const KINDS = ["model_run", "tool_call", "job", "other", "session"] as const;
export type Kind = (typeof KINDS)[number];
export const STATUSES = ["open", "ok", "error", "cancelled", "abandoned"] as const;
export type Status = (typeof STATUSES)[number];
const ERROR = STATUSES.indexOf("error");

/** Why a job waits: in the queue, for a place that others have, or because of a rate. */
export type WaitCause = "queue" | "place" | "rate";

export interface WaitBar {
  start: number;
  /** Infinity while it goes on. */
  end: number;
  cause: WaitCause;
  wait: Wait;
}

/** The spans of a lane. An open one ends at Infinity, and what is not known is NaN. */
export interface Spans {
  count: number;
  id: string[];
  name: string[];
  parent: Int32Array;
  kind: Uint8Array;
  status: Uint8Array;
  start: Float64Array;
  end: Float64Array;
  nanos: Float64Array;
  tokens: Float64Array;
  /** Which row of the lane each is in; -1 for the session's own span, which is the lane itself. */
  row: Int16Array;
}

export interface Lane {
  session: Session;
  states: StateChange[];
  handovers: Handover[];
  waits: WaitBar[];
  spans: Spans;
  rows: Row[];
  /** When it begins. */
  first: number;
  /** When the last thing that is known of it happened. */
  last: number;
  /** Whether it is at work or waits, so that it grows with the present. */
  isOpen: boolean;
  waitedMs: number;
}

/** Limits that are about how much in a time, and not about how many at once. */
const RATES = new Set(["request_rate", "token_rate", "provider_pause", "backoff"]);

function causeOf(wait: Wait): WaitCause {
  if (wait.kind === "queue") return "queue";
  return wait.limit === null || RATES.has(wait.limit) ? "rate" : "place";
}

/** Open work of which nothing was heard for so long is drawn to where it was last heard of: its process may be gone. */
export const SILENT_MS = 6 * 3_600_000;

export const isTerminal = (session: Session) =>
  session.state === "COMPLETED" || session.state === "FAILED" || session.state === "CANCELLED";

/** A name without the kind before it, which the picture shows anyway. */
const bare = (name: string, kind: string | null) =>
  kind !== null && name.length > kind.length + 1 && name.startsWith(`${kind} `) ? name.slice(kind.length + 1) : name;

function spansOf(columns: SpanColumns, origin: number, words: readonly string[]): Spans {
  const count = columns.id.length;
  const spans: Spans = {
    count,
    id: columns.id,
    name: columns.name.map((place, at) => bare(words[place] ?? "", columns.kind[at] ?? null)),
    parent: Int32Array.from(columns.parent),
    kind: new Uint8Array(count),
    status: new Uint8Array(count),
    start: new Float64Array(count),
    end: new Float64Array(count),
    nanos: new Float64Array(count),
    tokens: new Float64Array(count),
    row: new Int16Array(count),
  };
  for (let at = 0; at < count; at++) {
    const end = columns.end_us[at] ?? null;
    spans.kind[at] = KINDS.indexOf(columns.kind[at] ?? "other");
    spans.status[at] = STATUSES.indexOf(columns.status[at] ?? "open");
    spans.start[at] = origin + (columns.start_us[at] ?? 0) / 1000;
    spans.end[at] = end === null ? Number.POSITIVE_INFINITY : Math.max(origin + end / 1000, spans.start[at]!);
    spans.nanos[at] = columns.nanos[at] ?? Number.NaN;
    spans.tokens[at] = columns.tokens[at] ?? Number.NaN;
  }
  return spans;
}

export function laneOf(answer: LaneAnswer, origin: number, words: readonly string[], now: number): Lane {
  const { session } = answer;
  const spans = spansOf(answer.spans, origin, words);
  const ended = isTerminal(session) ? millis(session.ended_at ?? session.updated_at) : Number.NaN;
  // What its session left open is over with the session.
  if (!Number.isNaN(ended)) {
    for (let at = 0; at < spans.count; at++) {
      if (spans.end[at] === Number.POSITIVE_INFINITY) spans.end[at] = Math.max(ended, spans.start[at]!);
    }
  }
  const waits = answer.waits.map((wait): WaitBar => {
    const end = wait.end === null ? ended : millis(wait.end);
    return {
      start: millis(wait.start),
      end: Number.isNaN(end) ? Number.POSITIVE_INFINITY : end,
      cause: causeOf(wait),
      wait,
    };
  });
  const rows = placed(spans, ERROR);
  const lane: Lane = {
    session,
    states: answer.states,
    handovers: answer.handovers,
    waits,
    spans,
    rows,
    first: Number.NaN,
    last: Number.NaN,
    isOpen: !isTerminal(session) && (session.open_spans > 0 || waits.some((wait) => wait.end === Infinity)),
    waitedMs: 0,
  };
  measure(lane);
  lane.isOpen &&= now - lane.last < SILENT_MS;
  return lane;
}

function measure(lane: Lane): void {
  let first = millis(lane.session.created_at);
  let last = millis(lane.session.ended_at ?? lane.session.updated_at);
  const take = (start: number, end: number) => {
    if (!(first <= start)) first = start;
    const known = end === Number.POSITIVE_INFINITY ? start : end;
    if (!(last >= known)) last = known;
  };
  for (let at = 0; at < lane.spans.count; at++) take(lane.spans.start[at]!, lane.spans.end[at]!);
  for (const wait of lane.waits) {
    take(wait.start, wait.end);
    if (wait.end !== Number.POSITIVE_INFINITY) lane.waitedMs += wait.end - wait.start;
  }
  lane.first = Number.isNaN(first) ? 0 : first;
  lane.last = Number.isNaN(last) ? lane.first : Math.max(last, lane.first);
}

export function lanesOf(answer: TimelineAnswer): Lane[] {
  const origin = millis(answer.origin);
  const now = millis(answer.now);
  return answer.items.map((item) => laneOf(item, origin, answer.words, now));
}

/** Whether a model run used something that nobody has priced; a run that got no answer used nothing. */
export const isUnpriced = (spans: Spans, at: number) =>
  KINDS[spans.kind[at]!] === "model_run" && Number.isNaN(spans.nanos[at]!) && spans.tokens[at]! > 0;

/** Where a lane ends on the screen: at the present if it is open. */
export const endOf = (lane: Lane, now: number) => (lane.isOpen ? Math.max(lane.last, now) : lane.last);

/** The name by which people know a session. */
export const nameOf = (session: Session) => session.label ?? session.role ?? session.session_id.slice(0, 13);
