//! Small events, and a recorder for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use flightrec_recorder::events::families::parts::{TokenUsage, ToolActor, ToolTiming};
use flightrec_recorder::events::families::session::{SessionCreated, SessionMessage, SessionStateChange};
use flightrec_recorder::events::families::work::{LlmInference, SpanClosed, SpanOpened, ToolCall};
use flightrec_recorder::events::{
    Actor, Backend, CheckedEvent, Count, Event, EventId, Id, Idempotency, Label, MemoryPolicy, MessageRole, Payload,
    Reason, Sha256Hex, SideEffect, SpanId, SpanKind, SpanStatus, State, Timestamp, TraceId, Transport, Usd,
};
use flightrec_recorder::journal::{Compression, Prepare, WriterOptions};
use flightrec_recorder::view::{Outcome, SessionView, VerifyView};
use flightrec_recorder::{Clock, Mode, Options, Packing, Reader, Recorder};

use crate::memory::Memory;

/// 2026-03-01T12:00:00Z
pub(crate) const NOON_US: i64 = 1_772_366_400_000_000;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct Standing(pub(crate) AtomicI64);

impl Standing {
    pub(crate) fn at_noon() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOON_US)))
    }
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(crate) fn options() -> Options {
    Options {
        clock: Standing::at_noon(),
        journal: WriterOptions {
            first_segment_bytes: 32 << 10,
            max_segment_bytes: 256 << 10,
            grow_bytes: 16 << 10,
            compression: Compression::Zstd(1),
            prepare: Prepare::Inline,
        },
        // Whatever is told of sessions is told of packed ones as well.
        packing: Packing { sessions: 3, events: 5 },
        ..Options::default()
    }
}

pub(crate) fn open(memory: &Memory) -> Recorder {
    Recorder::open_storage(memory.shared(), options()).unwrap()
}

pub(crate) fn read(memory: &Memory) -> Reader {
    Reader::open_storage(memory.shared()).unwrap()
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A version 7 id that grows with `n`.
pub(crate) fn v7(n: u64) -> EventId {
    EventId::v7(1_772_366_400_000 + n / 8, u128::from(n) << 8)
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOON_US + seconds * 1_000_000).unwrap()
}

pub(crate) fn span(n: u64) -> SpanId {
    SpanId::from_bytes((n + 1).to_be_bytes()).unwrap()
}

pub(crate) fn trace() -> TraceId {
    TraceId::from_bytes([7; 16]).unwrap()
}

/// Event `n` of a session.
pub(crate) fn event(n: u64, session: &str, payload: impl Into<Payload>) -> Event {
    Event::new(v7(n), at(n as i64 % 1_000), Actor::Agent, payload).in_session(id(session))
}

pub(crate) fn created(n: u64, session: &str) -> CheckedEvent {
    created_by(n, session, None)
}

pub(crate) fn created_by(n: u64, session: &str, parent: Option<&str>) -> CheckedEvent {
    event(n, session, creation(session, parent)).check().unwrap()
}

pub(crate) fn creation(session: &str, parent: Option<&str>) -> SessionCreated {
    SessionCreated {
        session_id: id(session),
        model_id: id("m-1"),
        backend: Backend::Cloud,
        role: id("coder"),
        wp_id: Some(id("wp-1")),
        mt_id: None,
        memory_policy: MemoryPolicy::Ephemeral,
        spawn_depth: Count::default(),
        parent_session_id: parent.map(id),
        provider: Some(id("acme")),
        label: None,
        capability_grants: None,
        trigger_source: None,
        budget: None,
    }
}

pub(crate) fn change(n: u64, session: &str, from: State, to: State) -> CheckedEvent {
    let change = SessionStateChange {
        session_id: id(session),
        from_state: from,
        to_state: to,
        reason: Reason::new("because").unwrap(),
        job_id: None,
    };
    event(n, session, change).check().unwrap()
}

pub(crate) fn message(n: u64, session: &str) -> CheckedEvent {
    let message = SessionMessage {
        session_id: id(session),
        message_id: id(&format!("msg-{n}")),
        role: MessageRole::User,
        content_hash: Sha256Hex::from_bytes([n as u8; 32]),
        token_count: None,
        content_artifact_id: None,
        tool_call_id: None,
        redacted: None,
        source: None,
        attachments: None,
    };
    event(n, session, message).check().unwrap()
}

/// What an inference says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) nanos: Option<u64>,
    pub(crate) request: Option<String>,
    pub(crate) span: Option<u64>,
    pub(crate) model: Option<&'static str>,
}

pub(crate) fn inference(n: u64, session: &str, usage: &Usage) -> CheckedEvent {
    let inference = LlmInference {
        model_id: id(usage.model.unwrap_or("m-1")),
        token_usage: TokenUsage {
            prompt_tokens: Count::saturating(usage.input),
            completion_tokens: Count::saturating(usage.output),
            total_tokens: Count::saturating(usage.input + usage.output),
            cached_prompt_tokens: Some(Count::saturating(usage.input / 2)),
            cache_write_tokens: None,
            reasoning_tokens: Some(Count::saturating(usage.output / 2)),
        },
        latency_ms: None,
        time_to_first_token_ms: None,
        prompt_hash: None,
        response_hash: None,
        provider: Some(id("acme")),
        request_id: usage.request.as_deref().map(id),
        finish_reason: None,
        cost_usd: usage.nanos.map(|nanos| Usd::from_nanos(nanos).unwrap()),
        price_source: None,
    };
    let mut event = event(n, session, inference);
    event.trace_id = Some(trace());
    event.activity_span_id = usage.span.map(span);
    event.check().unwrap()
}

pub(crate) fn tool_call(n: u64, session: &str, started: i64, ended: i64) -> CheckedEvent {
    let call = ToolCall {
        tool_call_id: id(&format!("call-{n}")),
        tool_id: id("ls"),
        tool_version: id("1"),
        transport: Transport::Local,
        side_effect: SideEffect::Read,
        idempotency: Idempotency::Idempotent,
        actor: ToolActor { kind: id("agent"), agent_id: None, model_id: None },
        ok: true,
        timing: ToolTiming { started_at: at(started), ended_at: at(ended), duration_ms: Count::default() },
        idempotency_key: None,
        args_ref: None,
        args_hash: None,
        result_ref: None,
        result_hash: None,
        error: None,
        resources_touched: None,
        capability_ids: None,
        parent_span_id: None,
    };
    let mut event = event(n, session, call);
    event.trace_id = Some(trace());
    event.check().unwrap()
}

pub(crate) fn span_opened(n: u64, session: &str, number: u64, seconds: i64) -> CheckedEvent {
    let opened = SpanOpened {
        kind: SpanKind::ModelRun,
        name: Label::new("run").unwrap(),
        parent_span_id: None,
        links: None,
        tags: None,
        attributes: None,
    };
    on_span(event(n, session, opened), number, seconds)
}

pub(crate) fn span_closed(n: u64, session: &str, number: u64, seconds: i64) -> CheckedEvent {
    let closed =
        SpanClosed { status: SpanStatus::Ok, error_code: None, tokens_in: None, tokens_out: None, cost_usd: None };
    on_span(event(n, session, closed), number, seconds)
}

fn on_span(mut event: Event, number: u64, seconds: i64) -> CheckedEvent {
    event.trace_id = Some(trace());
    event.activity_span_id = Some(span(number));
    event.timestamp = at(seconds);
    event.check().unwrap()
}

/// Records leniently, and waits.
pub(crate) fn take(recorder: &Recorder, events: Vec<CheckedEvent>) -> Vec<Outcome> {
    recorder.record_batch(events, Mode::Lenient).unwrap().durable().unwrap()
}

/// Records strictly, and waits.
pub(crate) fn take_strictly(recorder: &Recorder, events: Vec<CheckedEvent>) -> Vec<Outcome> {
    recorder.record_batch(events, Mode::Strict).unwrap().durable().unwrap()
}

pub(crate) fn recorded(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Recorded { .. })).count()
}

/// The session, which is there.
pub(crate) fn session(reader: &Reader, id: &str) -> SessionView {
    reader.session(id).unwrap().session
}

pub(crate) fn verify(reader: &Reader) -> VerifyView {
    reader.verify(&mut |_| ()).unwrap()
}

/// Some of everything: 3 sessions, states, messages, usage, spans, a tool call.
pub(crate) fn workload(first: u64) -> Vec<CheckedEvent> {
    let mut events = Vec::new();
    let mut n = first;
    let mut next = || {
        n += 1;
        n
    };
    for (number, name) in ["s-a", "s-b", "s-c"].into_iter().enumerate() {
        let name = &format!("{name}-{first}");
        let parent = (number > 0).then(|| format!("s-a-{first}"));
        let usage = Usage { input: 100, output: 10, nanos: Some(1_000), span: Some(next()), ..Usage::default() };
        events.extend([
            created_by(next(), name, parent.as_deref()),
            change(next(), name, State::Created, State::Active),
            span_opened(next(), name, 500 + number as u64, 1),
            message(next(), name),
            inference(next(), name, &usage),
            inference(next(), name, &Usage { request: Some(format!("r-{number}-{first}")), nanos: None, ..usage }),
            tool_call(next(), name, 1, 2),
            span_closed(next(), name, 500 + number as u64, 9),
        ]);
    }
    events
}
