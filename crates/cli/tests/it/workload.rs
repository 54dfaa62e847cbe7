//! A deterministic workload with its truth: sessions with turns, tools, spawns and costs, interleaved, and what a reader
//! must answer about them. The truth is kept while the events are made, and not derived from them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// Model, provider, backend, and prices per token of input and output in nano-dollars.
type Model = (&'static str, &'static str, &'static str, Option<(u64, u64)>);

/// What sessions talk to; the last has no price.
const MODELS: [Model; 5] = [
    ("claude-sonnet", "anthropic", "cloud", Some((3_000, 15_000))),
    ("gpt-large", "openai", "cloud", Some((2_500, 10_000))),
    ("qwen-coder", "ollama", "local", Some((0, 0))),
    ("mini", "openai", "cloud", Some((150, 600))),
    ("house-model", "vllm", "local", None),
];
const ROLES: [&str; 4] = ["orchestrator", "coder", "validator", "researcher"];

/// What a reader must answer about one session.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) depth: u64,
    pub(crate) role: &'static str,
    pub(crate) model: &'static str,
    pub(crate) wp: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) nanos: u64,
    pub(crate) runs: u64,
    pub(crate) unpriced_runs: u64,
    pub(crate) messages: u64,
    pub(crate) tool_calls: u64,
    pub(crate) spans: u64,
    pub(crate) open_spans: u64,
}

/// A work packet's tokens, nano-dollars, unpriced runs and sessions.
pub(crate) type PacketTotals = (u64, u64, u64, u64);

/// Events in order, and the truth about every session.
pub(crate) struct Workload {
    pub(crate) events: Vec<Value>,
    pub(crate) sessions: Vec<Truth>,
}

impl Workload {
    /// The totals of every work packet.
    pub(crate) fn packets(&self) -> BTreeMap<Option<String>, PacketTotals> {
        let mut packets: BTreeMap<Option<String>, PacketTotals> = BTreeMap::new();
        for session in &self.sessions {
            let sums = packets.entry(session.wp.clone()).or_default();
            sums.0 += session.input + session.output;
            sums.1 += session.nanos;
            sums.2 += session.unpriced_runs;
            sums.3 += 1;
        }
        packets
    }

    /// What a session cost with all its descendants.
    pub(crate) fn inclusive_nanos(&self, id: &str) -> u64 {
        let children = self.sessions.iter().filter(|session| session.parent.as_deref() == Some(id));
        let own = self.sessions.iter().find(|session| session.id == id).unwrap().nanos;
        own + children.map(|child| self.inclusive_nanos(&child.id)).sum::<u64>()
    }
}

/// Where a session stands in its life.
enum Step {
    BeginTurn,
    Tool { job: String, run: String, left: u64 },
    Infer { job: String, run: String },
    Done,
}

struct Live {
    index: usize,
    trace: String,
    span: String,
    turns: u64,
    children: u64,
    step: Step,
}

pub(crate) struct Generator {
    state: u64,
    now_us: u64,
    events: Vec<Value>,
    truth: Vec<Truth>,
    live: Vec<Live>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, now_us: 0, events: Vec::new(), truth: Vec::new(), live: Vec::new() }
    }

    /// Makes at least so many events; sessions that have not ended by then stay open.
    pub(crate) fn run(mut self, events: usize) -> Workload {
        while self.events.len() < events {
            while self.live.len() < 8 {
                self.open(None);
            }
            let at = self.below(self.live.len() as u64) as usize;
            let mut live = self.live.swap_remove(at);
            self.step(&mut live);
            if !matches!(live.step, Step::Done) {
                self.live.push(live);
            }
        }
        Workload { events: self.events, sessions: self.truth }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            let _infallible = write!(text, "{:016x}", self.next() | 1);
        }
        text.truncate(digits);
        text
    }

    fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-7{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    fn emit(&mut self, session: &str, code: &str, type_name: &str, payload: Value, around: &Value) {
        self.now_us += 20 + self.below(900);
        let us = self.now_us;
        let (s, us) = (us / 1_000_000, us % 1_000_000);
        let mut event = json!({
            "event_id": self.uuid(), "code": code, "type": type_name,
            "timestamp": format!("2026-03-01T{:02}:{:02}:{:02}.{us:06}Z", 12 + s / 3600, s / 60 % 60, s % 60),
            "actor": "agent", "model_session_id": session,
        });
        event.as_object_mut().unwrap().extend(around.as_object().unwrap().clone());
        event["payload"] = payload;
        self.events.push(event);
    }

    fn open(&mut self, parent: Option<&Live>) {
        let model = MODELS[self.below(MODELS.len() as u64) as usize];
        let (id, span) = (self.uuid(), self.hex(16));
        let above = parent.map(|live| self.truth[live.index].clone());
        let wp = match &above {
            Some(above) => above.wp.clone(),
            None => Some(self.below(7)).filter(|wp| *wp > 0).map(|wp| format!("WP-{wp:03}")),
        };
        let role = ROLES[self.below(ROLES.len() as u64) as usize];
        let depth = above.as_ref().map_or(0, |above| above.depth + 1);
        let trace = parent.map_or_else(|| self.hex(32), |live| live.trace.clone());
        let mut payload = json!({
            "session_id": id, "model_id": model.0, "backend": model.2, "role": role, "wp_id": wp, "mt_id": null,
            "memory_policy": "SESSION_SCOPED", "spawn_depth": depth, "provider": model.1,
        });
        if let Some(above) = &above {
            payload["parent_session_id"] = json!(above.id);
        }
        let around = json!({"session_span_id": span, "trace_id": trace});
        self.emit(&id, "FR-EVT-SESS-001", "session.created", payload, &around);
        let opened = json!({"kind": "session", "name": format!("session {role}"), "parent_span_id": parent.map(|live| &live.span)});
        self.emit(&id, "FR-EVT-SPAN-001", "span.opened", opened, &around);
        let index = self.truth.len();
        self.truth.push(Truth {
            id,
            parent: above.map(|above| above.id),
            depth,
            role,
            model: model.0,
            wp,
            state: "CREATED",
            input: 0,
            cached: 0,
            output: 0,
            nanos: 0,
            runs: 0,
            unpriced_runs: 0,
            messages: 0,
            tool_calls: 0,
            spans: 1,
            open_spans: 1,
        });
        let turns = 2 + self.below(6);
        self.live.push(Live { index, trace, span, turns, children: 0, step: Step::BeginTurn });
    }

    fn change(&mut self, live: &Live, to: &'static str, reason: &str) {
        let (id, from) = (self.truth[live.index].id.clone(), self.truth[live.index].state);
        let payload = json!({"session_id": id, "from_state": from, "to_state": to, "reason": reason});
        self.emit(&id, "FR-EVT-SESS-002", "session.state_change", payload, &json!({"session_span_id": live.span}));
        self.truth[live.index].state = to;
    }

    fn say(&mut self, live: &Live, role: &str, span: &str, tokens: Option<u64>) {
        let (hash, message, id) = (self.hex(64), self.uuid(), self.truth[live.index].id.clone());
        let payload = json!({
            "session_id": id, "message_id": message, "role": role, "content_hash": hash,
            "content_artifact_id": format!("sha256:{hash}"), "token_count": tokens,
        });
        let around = json!({"session_span_id": live.span, "activity_span_id": span});
        self.emit(&id, "FR-EVT-SESS-004", "session.message", payload, &around);
        self.truth[live.index].messages += 1;
    }

    fn step(&mut self, live: &mut Live) {
        live.step = match std::mem::replace(&mut live.step, Step::Done) {
            Step::BeginTurn if live.turns == 0 => self.end(live),
            Step::BeginTurn => self.begin_turn(live),
            Step::Tool { job, run, left: 0 } => Step::Infer { job, run },
            Step::Tool { job, run, left } => {
                self.call_tool(live, &job, &run);
                Step::Tool { job, run, left: left - 1 }
            }
            Step::Infer { job, run } => {
                self.infer(live, &job, &run);
                live.turns -= 1;
                let may_spawn = self.truth[live.index].depth < 3 && live.children < 4;
                if may_spawn && self.below(6) == 0 {
                    self.spawn(live);
                }
                Step::BeginTurn
            }
            Step::Done => Step::Done,
        };
    }

    fn begin_turn(&mut self, live: &Live) -> Step {
        let (job, run, id) = (self.uuid(), self.hex(16), self.truth[live.index].id.clone());
        let around = json!({"session_span_id": live.span, "job_id": job});
        let enqueue =
            json!({"session_id": id, "job_id": job, "lane": "PRIMARY", "priority": 50, "concurrency_group": null});
        self.emit(&id, "FR-EVT-SESS-SCHED-001", "session_scheduler.enqueue", enqueue, &around);
        let dispatch = json!({"session_id": id, "job_id": job, "lane": "PRIMARY", "queue_wait_ms": 3});
        self.emit(&id, "FR-EVT-SESS-SCHED-002", "session_scheduler.dispatch", dispatch, &around);
        self.change(live, "ACTIVE", "dispatched");
        let opened = json!({"kind": "model_run", "name": "chat", "parent_span_id": live.span});
        let around =
            json!({"session_span_id": live.span, "activity_span_id": run, "trace_id": live.trace, "job_id": job});
        self.emit(&id, "FR-EVT-SPAN-001", "span.opened", opened, &around);
        self.truth[live.index].spans += 1;
        self.truth[live.index].open_spans += 1;
        self.say(live, "USER", &run, Some(12));
        let left = self.below(3);
        Step::Tool { job, run, left }
    }

    fn call_tool(&mut self, live: &Live, job: &str, run: &str) {
        let (span, call, id) = (self.hex(16), self.uuid(), self.truth[live.index].id.clone());
        let around =
            json!({"session_span_id": live.span, "activity_span_id": span, "trace_id": live.trace, "job_id": job});
        let opened = json!({"kind": "tool_call", "name": "fs.read", "parent_span_id": run});
        self.emit(&id, "FR-EVT-SPAN-001", "span.opened", opened, &around);
        self.say(live, "TOOL_CALL", &span, None);
        let payload = json!({
            "tool_call_id": call, "tool_id": "fs.read", "tool_version": "1", "transport": "local", "side_effect": "READ",
            "idempotency": "IDEMPOTENT", "actor": {"kind": "agent"}, "ok": true,
            "timing": {"started_at": "2026-03-01T12:00:00.000000Z", "ended_at": "2026-03-01T12:00:00.250000Z", "duration_ms": 4},
        });
        self.emit(&id, "FR-EVT-007", "tool_call", payload, &around);
        self.say(live, "TOOL_RESULT", &span, None);
        self.emit(&id, "FR-EVT-SPAN-002", "span.closed", json!({"status": "ok"}), &around);
        self.truth[live.index].tool_calls += 1;
        self.truth[live.index].spans += 1;
    }

    fn infer(&mut self, live: &Live, job: &str, run: &str) {
        let truth = self.truth[live.index].clone();
        let (_, provider, _, price) = MODELS.into_iter().find(|model| model.0 == truth.model).unwrap();
        let (input, output) = (200 + self.below(9_000), 10 + self.below(1_500));
        let cached = self.below(100);
        let nanos = price.map(|(per_input, per_output)| input * per_input + output * per_output);
        let mut payload = json!({
            "model_id": truth.model, "provider": provider, "request_id": format!("req_{}", self.hex(24)),
            "token_usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output, "cached_prompt_tokens": cached},
        });
        if let Some(nanos) = nanos {
            payload["cost_usd"] = json!(nanos as f64 / 1e9);
        }
        let around =
            json!({"session_span_id": live.span, "activity_span_id": run, "trace_id": live.trace, "job_id": job});
        self.emit(&truth.id, "FR-EVT-006", "llm_inference", payload.clone(), &around);
        if self.below(10) == 0 {
            // Reported again under the same response: it counts once.
            self.emit(&truth.id, "FR-EVT-006", "llm_inference", payload, &around);
        }
        let truth = &mut self.truth[live.index];
        truth.input += input;
        truth.cached += cached;
        truth.output += output;
        truth.nanos += nanos.unwrap_or(0);
        truth.runs += 1;
        truth.unpriced_runs += u64::from(nanos.is_none());
        truth.open_spans -= 1;
        let id = truth.id.clone();
        self.say(live, "ASSISTANT", run, Some(output));
        self.emit(&id, "FR-EVT-SPAN-002", "span.closed", json!({"status": "ok"}), &around);
        self.change(live, "BLOCKED", "awaiting_input");
    }

    fn spawn(&mut self, live: &mut Live) {
        let (id, depth) = (self.truth[live.index].id.clone(), self.truth[live.index].depth + 1);
        let around = json!({"session_span_id": live.span});
        let asked =
            json!({"requester_session_id": id, "child_role": "coder", "spawn_depth": depth, "spawn_mode": "ONE_SHOT"});
        self.emit(&id, "FR-EVT-SESS-SPAWN-001", "session.spawn_requested", asked, &around);
        self.open(Some(live));
        let child = self.truth.last().unwrap().clone();
        let answer = json!({"requester_session_id": id, "child_session_id": child.id, "child_role": child.role, "spawn_depth": depth});
        self.emit(&id, "FR-EVT-SESS-SPAWN-002", "session.spawn_accepted", answer, &around);
        live.children += 1;
    }

    fn end(&mut self, live: &Live) -> Step {
        let (end, status) =
            [("COMPLETED", "ok"), ("FAILED", "error"), ("CANCELLED", "cancelled")][self.below(3) as usize];
        self.change(live, end, "the end");
        let truth = self.truth[live.index].clone();
        let payload = json!({
            "session_id": truth.id, "total_tokens": truth.input + truth.output, "total_cost_usd": truth.nanos as f64 / 1e9,
            "duration_ms": 7, "messages_count": truth.messages, "final_state": end,
        });
        self.emit(&truth.id, "FR-EVT-SESS-003", "session.completed", payload, &json!({"session_span_id": live.span}));
        let around = json!({"session_span_id": live.span, "trace_id": live.trace});
        self.emit(&truth.id, "FR-EVT-SPAN-002", "span.closed", json!({"status": status}), &around);
        self.truth[live.index].open_spans -= 1;
        Step::Done
    }
}
