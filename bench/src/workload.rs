//! Events of the shape of the reference workload: sessions of about 200 events, many at a time, one in
//! eight spawned by another. Deterministic for a seed.

use flightrec_recorder::events::families::parts::{TokenUsage, ToolActor, ToolTiming};
use flightrec_recorder::events::families::session::{
    SchedulerDispatch, SchedulerEnqueue, SessionCompleted, SessionCreated, SessionMessage, SessionStateChange,
};
use flightrec_recorder::events::families::work::{LlmInference, SpanClosed, SpanOpened, ToolCall};
use flightrec_recorder::events::{
    Actor, ArtifactId, Backend, CheckedEvent, Count, Event, EventId, FinalState, Id, Idempotency, Label, Lane,
    MemoryPolicy, MessageRole, Payload, Reason, Sha256Hex, SideEffect, SpanId, SpanKind, SpanStatus, State, Timestamp,
    TraceId, Transport, Usd,
};

const MODELS: &[(&str, &str, Backend, u64, u64)] = &[
    ("claude-sonnet", "anthropic", Backend::Cloud, 3000, 15000),
    ("gpt-large", "openai", Backend::Cloud, 2500, 10000),
    ("gemini-pro", "google", Backend::Cloud, 1250, 10000),
    ("qwen-coder-32b", "ollama", Backend::Local, 0, 0),
];
const ROLES: &[&str] = &["orchestrator", "coder", "validator", "researcher", "reviewer"];
const TOOLS: &[&str] = &["fs.read", "fs.write", "shell.run", "web.search", "tests.run"];

/// A small generator of numbers.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Numbers that repeat for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn hash(&mut self) -> Sha256Hex {
        let mut bytes = [0; 32];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes());
        }
        Sha256Hex::from_bytes(bytes)
    }

    fn span(&mut self) -> SpanId {
        SpanId::from_bytes((self.next() | 1).to_be_bytes()).expect("not zero")
    }

    fn trace(&mut self) -> TraceId {
        let mut bytes = [1; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        TraceId::from_bytes(bytes).expect("not zero")
    }

    fn uuid(&mut self, now_us: i64) -> EventId {
        EventId::v7(now_us as u64 / 1000, u128::from(self.next()) << 64 | u128::from(self.next()))
    }
}

struct Session {
    id: Id,
    trace: TraceId,
    span: SpanId,
    model: usize,
    state: State,
    turns_left: u64,
    parent: Option<usize>,
    tokens: u64,
    nanos: u64,
    messages: u64,
}

/// Endless events.
pub struct Workload {
    dice: Dice,
    now_us: i64,
    live: Vec<Session>,
    active: usize,
    ready: std::collections::VecDeque<CheckedEvent>,
    /// Whether the first of the live sessions is a long one, which has every second turn.
    is_first_long: bool,
}

fn id(text: &str) -> Id {
    Id::new(text).expect("short and plain")
}

fn count(value: u64) -> Count {
    Count::saturating(value)
}

impl Workload {
    /// A workload with so many sessions at a time.
    pub fn new(seed: u64, active: usize) -> Self {
        Self {
            dice: Dice::new(seed),
            now_us: 1_760_000_000_000_000,
            live: Vec::new(),
            active,
            ready: Default::default(),
            is_first_long: false,
        }
    }

    /// A workload whose first session has so many turns: one of two until it ends.
    pub fn with_long_session(seed: u64, active: usize, turns: u64) -> Self {
        let mut workload = Self::new(seed, active);
        workload.open_session(None);
        workload.live[0].turns_left = turns;
        workload.is_first_long = true;
        workload
    }

    fn emit(
        &mut self,
        at: usize,
        actor: Actor,
        payload: impl Into<Payload>,
        activity: Option<SpanId>,
        job: Option<&Id>,
    ) {
        self.now_us += 20 + self.dice.below(880) as i64;
        let session = &self.live[at];
        let event_id = self.dice.uuid(self.now_us);
        let time = Timestamp::from_micros(self.now_us).expect("within range");
        let mut event = Event::new(event_id, time, actor, payload)
            .in_session(session.id.clone())
            .in_session_span(session.trace, session.span);
        event.activity_span_id = activity;
        event.job_id = job.cloned();
        self.ready.push_back(event.check().expect("the workload keeps every rule"));
    }

    fn open_session(&mut self, parent: Option<usize>) {
        let model = self.dice.below(MODELS.len() as u64) as usize;
        let (name, provider, backend, _, _) = MODELS[model];
        let session_id = id(&self.dice.uuid(self.now_us).to_string());
        let role = ROLES[self.dice.below(ROLES.len() as u64) as usize];
        let wp = format!("WP-{:03}", self.dice.below(40));
        let (trace, parent_id, parent_span) = match parent {
            Some(at) => (self.live[at].trace, Some(self.live[at].id.clone()), Some(self.live[at].span)),
            None => (self.dice.trace(), None, None),
        };
        let span = self.dice.span();
        let turns_left = 6 + self.dice.below(12);
        self.live.push(Session {
            id: session_id.clone(),
            trace,
            span,
            model,
            state: State::Created,
            turns_left,
            parent,
            tokens: 0,
            nanos: 0,
            messages: 0,
        });
        let at = self.live.len() - 1;
        let created = SessionCreated {
            session_id,
            model_id: id(name),
            backend,
            role: id(role),
            wp_id: Some(id(&wp)),
            mt_id: None,
            memory_policy: MemoryPolicy::SessionScoped,
            spawn_depth: count(u64::from(parent.is_some())),
            parent_session_id: parent_id,
            provider: Some(id(provider)),
            label: None,
            capability_grants: None,
            trigger_source: None,
            budget: None,
        };
        self.emit(at, Actor::System, created, None, None);
        let opened = SpanOpened {
            kind: SpanKind::Session,
            name: label(&format!("session {role}")),
            parent_span_id: parent_span,
            links: None,
            tags: None,
            attributes: None,
        };
        self.emit(at, Actor::System, opened, None, None);
    }

    fn state(&mut self, at: usize, to: State, reason: &str) {
        let change = SessionStateChange {
            session_id: self.live[at].id.clone(),
            from_state: self.live[at].state,
            to_state: to,
            reason: Reason::new(reason).expect("short"),
            job_id: None,
        };
        self.live[at].state = to;
        self.emit(at, Actor::System, change, None, None);
    }

    fn message(&mut self, at: usize, role: MessageRole, span: SpanId, job: &Id, tokens: Option<u64>) {
        self.live[at].messages += 1;
        let hash = self.dice.hash();
        let message = SessionMessage {
            session_id: self.live[at].id.clone(),
            message_id: id(&self.dice.uuid(self.now_us).to_string()),
            role,
            content_hash: hash,
            token_count: tokens.map(count),
            content_artifact_id: Some(ArtifactId::new(hash)),
            tool_call_id: None,
            redacted: None,
            source: None,
            attachments: None,
        };
        self.emit(at, Actor::Agent, message, Some(span), Some(job));
    }

    fn turn(&mut self, at: usize) {
        let (model, provider, _, price_in, price_out) = MODELS[self.live[at].model];
        let job = id(&self.dice.uuid(self.now_us).to_string());
        let run = self.dice.span();
        let session_id = self.live[at].id.clone();
        let enqueue = SchedulerEnqueue {
            session_id: session_id.clone(),
            job_id: job.clone(),
            lane: Lane::Primary,
            priority: count(50),
            concurrency_group: Some(id(provider)),
            attempt: Some(count(0)),
            queue_depth: None,
            max_retries: None,
            retry_backoff: None,
            timeout_ms: None,
            cancellation_token: None,
            max_tokens_budget: None,
            estimated_cost_usd: None,
        };
        self.emit(at, Actor::System, enqueue, None, Some(&job));
        let dispatch = SchedulerDispatch {
            session_id,
            job_id: job.clone(),
            lane: Lane::Primary,
            queue_wait_ms: count(self.dice.below(900)),
            attempt: None,
        };
        self.emit(at, Actor::System, dispatch, None, Some(&job));
        self.state(at, State::Active, "dispatched");
        self.open_span(at, run, SpanKind::ModelRun, &format!("chat {model}"), self.live[at].span, &job);
        let tokens = 20 + self.dice.below(1980);
        self.message(at, MessageRole::User, run, &job, Some(tokens));
        for _ in 0..self.dice.below(3) {
            self.tool(at, run, &job);
        }
        let (read, written) = (200 + self.dice.below(8800), 10 + self.dice.below(1490));
        let nanos = read * price_in + written * price_out;
        self.live[at].tokens += read + written;
        self.live[at].nanos += nanos;
        let inference = LlmInference {
            model_id: id(model),
            token_usage: TokenUsage {
                prompt_tokens: count(read),
                completion_tokens: count(written),
                total_tokens: count(read + written),
                cached_prompt_tokens: None,
                cache_write_tokens: None,
                reasoning_tokens: None,
            },
            latency_ms: Some(count(200 + self.dice.below(19_800))),
            time_to_first_token_ms: None,
            prompt_hash: Some(self.dice.hash()),
            response_hash: Some(self.dice.hash()),
            provider: Some(id(provider)),
            request_id: Some(id(&format!("req_{:016x}{:08x}", self.dice.next(), self.dice.next() as u32))),
            finish_reason: None,
            cost_usd: Usd::from_nanos(nanos),
            price_source: None,
        };
        self.emit(at, Actor::Agent, inference, Some(run), Some(&job));
        self.message(at, MessageRole::Assistant, run, &job, Some(written));
        self.close_span(at, run, SpanStatus::Ok, Some((read, written, nanos)), Some(&job));
        self.state(at, State::Blocked, "awaiting_input");
    }

    fn tool(&mut self, at: usize, run: SpanId, job: &Id) {
        let tool = TOOLS[self.dice.below(TOOLS.len() as u64) as usize];
        let span = self.dice.span();
        self.open_span(at, span, SpanKind::ToolCall, tool, run, job);
        self.message(at, MessageRole::ToolCall, span, job, None);
        let started = Timestamp::from_micros(self.now_us).expect("within range");
        let call = ToolCall {
            tool_call_id: id(&self.dice.uuid(self.now_us).to_string()),
            tool_id: id(tool),
            tool_version: id("1.2.0"),
            transport: Transport::Local,
            side_effect: SideEffect::Read,
            idempotency: Idempotency::Idempotent,
            actor: ToolActor { kind: id("agent"), agent_id: Some(id("coder")), model_id: None },
            ok: true,
            timing: ToolTiming { started_at: started, ended_at: started, duration_ms: count(self.dice.below(4000)) },
            idempotency_key: None,
            args_ref: None,
            args_hash: Some(self.dice.hash()),
            result_ref: None,
            result_hash: Some(self.dice.hash()),
            error: None,
            resources_touched: None,
            capability_ids: None,
            parent_span_id: None,
        };
        self.emit(at, Actor::Agent, call, Some(span), Some(job));
        self.message(at, MessageRole::ToolResult, span, job, None);
        self.close_span(at, span, SpanStatus::Ok, None, Some(job));
    }

    fn open_span(&mut self, at: usize, span: SpanId, kind: SpanKind, name: &str, parent: SpanId, job: &Id) {
        let opened = SpanOpened {
            kind,
            name: label(name),
            parent_span_id: Some(parent),
            links: None,
            tags: None,
            attributes: None,
        };
        self.emit(at, Actor::Agent, opened, Some(span), Some(job));
    }

    fn close_span(
        &mut self,
        at: usize,
        span: SpanId,
        status: SpanStatus,
        usage: Option<(u64, u64, u64)>,
        job: Option<&Id>,
    ) {
        let closed = SpanClosed {
            status,
            error_code: None,
            tokens_in: usage.map(|usage| count(usage.0)),
            tokens_out: usage.map(|usage| count(usage.1)),
            cost_usd: usage.and_then(|usage| Usd::from_nanos(usage.2)),
        };
        self.emit(at, Actor::Agent, closed, Some(span), job);
    }

    fn finish(&mut self, at: usize) {
        self.state(at, State::Completed, "done");
        let session = &self.live[at];
        let completed = SessionCompleted {
            session_id: session.id.clone(),
            total_tokens: count(session.tokens),
            total_cost_usd: Usd::from_nanos(session.nanos),
            duration_ms: count(1000),
            messages_count: count(session.messages),
            final_state: Some(FinalState::Completed),
            unpriced_runs: None,
        };
        self.emit(at, Actor::System, completed, None, None);
        let closed =
            SpanClosed { status: SpanStatus::Ok, error_code: None, tokens_in: None, tokens_out: None, cost_usd: None };
        self.emit(at, Actor::System, closed, None, None);
        let last = self.live.len() - 1;
        self.live.swap_remove(at);
        for session in &mut self.live {
            session.parent =
                session.parent.filter(|parent| *parent != at).map(|parent| if parent == last { at } else { parent });
        }
    }

    /// One long session with `turns` turns and nothing else.
    pub fn one_session(&mut self, turns: u64) -> Vec<CheckedEvent> {
        self.open_session(None);
        let at = self.live.len() - 1;
        for _ in 0..turns {
            self.turn(at);
        }
        self.finish(at);
        self.ready.drain(..).collect()
    }
}

fn label(text: &str) -> Label {
    Label::new(text).expect("short")
}

impl Iterator for Workload {
    type Item = CheckedEvent;

    fn next(&mut self) -> Option<CheckedEvent> {
        while self.ready.is_empty() {
            while self.live.len() < self.active {
                let parent = (!self.live.is_empty() && self.dice.below(8) == 0)
                    .then(|| self.dice.below(self.live.len() as u64) as usize);
                self.open_session(parent);
            }
            let long = self.is_first_long && self.dice.below(2) == 0;
            let at = if long { 0 } else { self.dice.below(self.live.len() as u64) as usize };
            if self.live[at].turns_left == 0 {
                self.is_first_long &= at != 0;
                self.finish(at);
            } else {
                self.live[at].turns_left -= 1;
                self.turn(at);
            }
        }
        self.ready.pop_front()
    }
}
