// The shapes of answers, as docs and /openapi.json have them. Absent facts are null.

export type State = "CREATED" | "ACTIVE" | "PAUSED" | "BLOCKED" | "COMPLETED" | "FAILED" | "CANCELLED";
export const STATES: readonly State[] = ["ACTIVE", "BLOCKED", "PAUSED", "CREATED", "COMPLETED", "FAILED", "CANCELLED"];

export interface Tokens {
  input: number;
  output: number;
  cached: number;
  cache_write: number;
  reasoning: number;
  total: number;
}

export interface Finding {
  kind: string;
  severity: "info" | "warning" | "error";
  session_id: string | null;
  span_id: string | null;
  seq: number | null;
  detail: string;
}

export interface Session {
  session_id: string;
  parent_session_id: string | null;
  state: State;
  role: string | null;
  model_id: string | null;
  provider: string | null;
  backend: string | null;
  wp_id: string | null;
  mt_id: string | null;
  spawn_depth: number | null;
  label: string | null;
  source: string;
  created_at: string | null;
  updated_at: string | null;
  ended_at: string | null;
  tokens: Tokens;
  cost: { own_nanos: number; inclusive_nanos: number; unpriced_runs: number };
  messages: number;
  model_runs: number;
  tool_calls: number;
  spans: number;
  open_spans: number;
  findings: Finding[];
}

export interface StateChange {
  timestamp: string;
  from_state: State;
  to_state: State;
  reason: string;
  seq: number;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  relation: string | null;
}

export type SpanKind = "session" | "job" | "model_run" | "tool_call" | "other";
export type SpanStatus = "ok" | "error" | "cancelled" | "abandoned";

export interface Span {
  trace_id: string | null;
  span_id: string;
  parent_span_id: string | null;
  session_id: string | null;
  session_span_id: string | null;
  kind: SpanKind | null;
  name: string | null;
  job_id: string | null;
  model_id: string | null;
  start: string | null;
  end: string | null;
  status: SpanStatus | null;
  tokens_in: number | null;
  tokens_out: number | null;
  cost_nanos: number | null;
  error_code: string | null;
  tags: string[];
  links: SpanLink[];
}

export type MessageRole = "SYSTEM" | "USER" | "ASSISTANT" | "TOOL_CALL" | "TOOL_RESULT";

export interface Message {
  message_id: string;
  session_id: string;
  role: MessageRole;
  content_hash: string;
  artifact_id: string | null;
  token_count: number | null;
  timestamp: string;
  tool_call_id: string | null;
  redacted: boolean | null;
  span_id: string | null;
  seq: number;
}

/** An event; the payload has the fields of its code. */
export interface RecordedEvent {
  event_id: string;
  code: string;
  type: string;
  timestamp: string;
  actor: string;
  actor_id: string | null;
  trace_id: string | null;
  job_id: string | null;
  workflow_id: string | null;
  model_id: string | null;
  model_session_id: string | null;
  activity_span_id: string | null;
  session_span_id: string | null;
  payload: Record<string, unknown>;
  seq: number;
  recorded_at: string;
}

export interface Tree {
  session: Session;
  children: Tree[];
}

export interface SessionDetail {
  session: Session;
  states: StateChange[];
  spans: Span[];
  children: Tree[];
}

export interface CostRow {
  key: string | null;
  sessions: number;
  tokens: Tokens;
  cost: { nanos: number; unpriced_runs: number };
}

export interface Rate {
  window_s: number;
  active_sessions: number;
  tokens_per_minute: number;
  nanos_per_minute: number;
  unpriced_runs: number;
}

export interface Budget {
  budget_type: string;
  session_id: string | null;
  wp_id: string | null;
  unit: "tokens" | "nanos";
  used: number;
  mark: number;
  limit: number | null;
  status: "below" | "warned" | "reached";
  action: string | null;
  told_at: string | null;
  seq: number;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Wait {
  kind: "queue" | "hold";
  job_id: string;
  start: string;
  end: string | null;
  limit: string | null;
  provider: string | null;
  reason: string | null;
  backoff_ms: number | null;
  seq: number;
}

export interface Handover {
  kind: "spawn" | "announce_back";
  from_session_id: string;
  to_session_id: string;
  at: string;
  seq: number;
}

/** The spans of a lane in columns; the n-th entry of each is of the n-th span. */
export interface SpanColumns {
  id: string[];
  parent: number[];
  kind: (SpanKind | null)[];
  name: number[];
  start_us: number[];
  end_us: (number | null)[];
  status: (SpanStatus | null)[];
  nanos: (number | null)[];
  tokens: (number | null)[];
}

export interface LaneAnswer {
  session: Session;
  states: StateChange[];
  waits: Wait[];
  handovers: Handover[];
  spans: SpanColumns;
}

export interface TimelineAnswer extends Page<LaneAnswer> {
  seq: number;
  now: string;
  origin: string;
  words: string[];
  damage: string[];
}
