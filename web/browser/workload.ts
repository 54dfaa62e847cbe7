// Sessions made up for tests and measurements: valid events, the same for a seed, given to the server as anybody would.

import { createHash } from "node:crypto";

type Event = Record<string, unknown>;

/** Numbers that look like chance and are the same each time. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Shape {
  sessions: number;
  /** Model runs of each; two spans each, with its tool call. */
  runs: number;
  seed?: number;
  /** When the first begins, in milliseconds since 1970. */
  start?: number;
  /** Instead of the usual names, everywhere where text may stand; behind ids, which have to differ. */
  text?: string;
}

const ROLES = ["orchestrator", "coder", "validator", "researcher", "reviewer"];
const MODELS = [
  ["northern-large", "north", "cloud"],
  ["northern-small", "north", "cloud"],
  ["house-coder-14b", "house", "local"],
] as const;
const TOOLS = ["fs.read", "fs.write", "shell.run", "tests.run", "web.search"];

/** The events of one session after the other, each session's in order. */
export class Workload {
  private readonly next: () => number;
  private ids = 0;

  constructor(private readonly shape: Shape) {
    this.next = chance(shape.seed ?? 1);
  }

  *events(): Generator<Event> {
    for (let n = 0; n < this.shape.sessions; n++) yield* this.session(n);
  }

  id(n: number): string {
    return `0199${n.toString(16).padStart(4, "0")}-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
  }

  private event(session: string, at: number, code: string, type: string, payload: Event, more: Event = {}): Event {
    const id = (++this.ids).toString(16).padStart(12, "0");
    return {
      event_id: `01990000-0000-7000-8000-${id}`,
      code: `FR-EVT-${code}`,
      type,
      timestamp: new Date(at).toISOString().replace("Z", "000Z"),
      actor: "system",
      model_session_id: session,
      ...more,
      payload,
    };
  }

  private *session(n: number): Generator<Event> {
    const { runs, text } = this.shape;
    const session = this.id(n);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(this.next() * of.length)]!;
    const [model, provider, backend] = pick(MODELS);
    const parent = n % 4 === 0 ? null : this.id(n - (n % 4));
    let at = (this.shape.start ?? 1_760_000_000_000) + Math.floor(n / 12) * 40_000 + Math.floor(this.next() * 20_000);
    const own = `${(n + 1).toString(16).padStart(8, "0")}00000000`;
    const trace = (n + 1).toString(16).padStart(32, "0");
    const of = { session_span_id: own, trace_id: trace };
    yield this.event(session, at, "SESS-001", "session.created", {
      session_id: session, model_id: text ?? model, backend, role: text ?? ROLES[n % 4 === 0 ? 0 : (n % ROLES.length)]!,
      wp_id: text ?? `WP-${String(Math.floor(n / 40)).padStart(3, "0")}`, mt_id: null, memory_policy: "SESSION_SCOPED",
      spawn_depth: parent === null ? 0 : 1, provider: text ?? provider, label: text ?? `task ${n}`, ...(parent === null ? {} : { parent_session_id: parent }),
    }, of); // prettier-ignore
    yield this.event(session, at, "SPAN-001", "span.opened", { kind: "session", name: text ?? `session ${n}`, parent_span_id: null }, of);
    let state = "CREATED";
    const enter = (to: string, reason: string) => {
      const change = this.event(session, at, "SESS-002", "session.state_change", { session_id: session, from_state: state, to_state: to, reason }, of);
      state = to;
      return change;
    };
    for (let run = 0; run < runs; run++) {
      const job = `job-${n}-${run}${text ?? ""}`;
      const span = `${(n + 1).toString(16).padStart(8, "0")}${(2 * run + 1).toString(16).padStart(8, "0")}`;
      const tool = `${(n + 1).toString(16).padStart(8, "0")}${(2 * run + 2).toString(16).padStart(8, "0")}`;
      const inRun = { ...of, activity_span_id: span, job_id: job };
      yield this.event(session, at, "SESS-SCHED-001", "session_scheduler.enqueue", { session_id: session, job_id: job, lane: "PRIMARY", priority: 50, concurrency_group: null }, of);
      if (text !== undefined || this.next() < 0.15) {
        at += 40;
        yield this.event(session, at, "SESS-SCHED-003", "session_scheduler.rate_limited", {
          session_id: session, job_id: job, provider: text ?? provider, backoff_ms: 500, attempt: 0, limit: text ?? pick(["request_rate", "model", "provider"]), reason: text ?? "no place for now",
        }, of); // prettier-ignore
        at += 200 + Math.floor(this.next() * 1500);
      }
      yield this.event(session, at, "SESS-SCHED-002", "session_scheduler.dispatch", { session_id: session, job_id: job, lane: "PRIMARY", queue_wait_ms: 0 }, of);
      if (state !== "ACTIVE") yield enter("ACTIVE", text ?? "dispatched");
      yield this.event(session, at, "SPAN-001", "span.opened", { kind: "model_run", name: text ?? model, parent_span_id: own }, inRun);
      at += 300 + Math.floor(this.next() * 1200);
      const [input, output] = [400 + Math.floor(this.next() * 4000), 30 + Math.floor(this.next() * 500)];
      yield this.event(session, at, "006", "llm_inference", {
        model_id: text ?? model, provider, request_id: `req-${n}-${run}`, token_usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
        ...(backend === "local" ? {} : { cost_usd: Number((input * 3e-6 + output * 15e-6).toFixed(9)), price_source: "list" }),
      }, inRun); // prettier-ignore
      const hash = createHash("sha256").update(`${n} ${run}`).digest("hex");
      yield this.event(session, at, "SESS-004", "session.message", {
        session_id: session, message_id: `m-${n}-${run}${text ?? ""}`, role: "ASSISTANT", content_hash: hash, content_artifact_id: `sha256:${hash}`, token_count: output,
      }, inRun); // prettier-ignore
      yield this.event(session, at, "SPAN-001", "span.opened", { kind: "tool_call", name: text ?? pick(TOOLS), parent_span_id: span }, { ...inRun, activity_span_id: tool });
      at += 20 + Math.floor(this.next() * 400);
      const hasFailed = this.next() < 0.04 || text !== undefined;
      yield this.event(session, at, "SPAN-002", "span.closed", { status: hasFailed ? "error" : "ok", ...(text === undefined ? {} : { error_code: text }) }, { ...inRun, activity_span_id: tool });
      yield this.event(session, at, "SPAN-002", "span.closed", { status: "ok" }, inRun);
      at += 50 + Math.floor(this.next() * 500);
    }
    yield this.event(session, at, "SPAN-002", "span.closed", { status: "ok" }, of);
    yield enter(this.next() < 0.05 ? "FAILED" : "COMPLETED", text ?? "the model gave its final answer");
  }
}

/** Gives events to a server, in requests of a few thousand; every one must be accepted. */
export async function record(url: string, events: Iterable<Event>): Promise<number> {
  let lines: string[] = [];
  let sent = 0;
  const send = async () => {
    const answer = await fetch(`${url}/api/v1/events`, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body: lines.join("\n") });
    const told = (await answer.json()) as { accepted?: number; items?: unknown[] };
    if (told.accepted !== lines.length) throw new Error(`not all were accepted: ${JSON.stringify(told).slice(0, 600)}`);
    sent += lines.length;
    lines = [];
  };
  for (const event of events) if (lines.push(JSON.stringify(event)) >= 5_000) await send();
  if (lines.length > 0) await send();
  return sent;
}
