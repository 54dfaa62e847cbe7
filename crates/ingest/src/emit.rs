//! Events from placed spans and log records.

use std::borrow::Cow;

use flightrec_events::families::parts::{SpanLink as LinkedSpan, TokenUsage, ToolActor, ToolError, ToolTiming};
use flightrec_events::families::session::{SessionCreated, SessionLinked, SessionMessage, SessionStateChange};
use flightrec_events::families::work::{LlmInference, SpanClosed, SpanOpened, ToolCall};
use flightrec_events::{
    Actor, Backend, CheckedEvent, Count, Event, Id, Idempotency, Label, LinkEvidence, LinkRelation, MemoryPolicy,
    Payload, Reason, SideEffect, SpanId, SpanKind, SpanStatus, State, Timestamp, TraceId, Transport, Usd,
};
use rustc_hash::FxHashMap;

use crate::contents::{Kept, KeptContents};
use crate::conventions::logs::LogFacts;
use crate::facts::{Facts, Message, Source, Tool, UNKNOWN, Usage, Work};
use crate::ids::{self, About};
use crate::mapper::Mapped;
use crate::memory::{self, Memory};
use crate::otlp::model::{LogRecord, Span};
use crate::place::{self, Above, Placed};
use crate::prices::PriceTable;
use crate::tags;

/// The most links of one span that are kept.
const MAX_LINKS: usize = 128;

/// Writes the events of one request.
pub(crate) struct Emitter<'m> {
    memory: &'m mut Memory,
    prices: &'m PriceTable,
    contents: &'m KeptContents,
    mapped: &'m mut Mapped,
    group: Vec<CheckedEvent>,
}

/// Who tells, and of what: what the events of one span or log record share.
#[derive(Debug, Clone)]
struct Witness {
    source: Source,
    /// The source as the actor of events.
    actor: Id,
    session: Id,
    trace: TraceId,
    /// The span that the events belong to.
    span: Option<SpanId>,
    /// What tells this witness from any other.
    key: [u8; 24],
}

/// The spans of a request that tell of something first.
#[derive(Debug, Default)]
struct Firsts<'a> {
    /// The span by which a session comes to be.
    made: FxHashMap<&'a Id, usize>,
    /// The agent span that gives a session its role.
    role: FxHashMap<&'a Id, usize>,
    /// The span that tells the session of a trace.
    trace: FxHashMap<TraceId, usize>,
}

impl<'a> Firsts<'a> {
    fn of(spans: &'a [Placed<'a>]) -> Self {
        let mut firsts = Self::default();
        let earlier = |at: usize, held: usize| {
            let order = |at: usize| (spans[at].start, spans[at].id);
            order(at) < order(held)
        };
        for (at, span) in spans.iter().enumerate() {
            let keep = |held: &mut usize| {
                if earlier(at, *held) {
                    *held = at;
                }
            };
            if span.makes_session() {
                let keep = |held: &mut usize| {
                    let order = |at: usize| (witnessed_us(&spans[at]), spans[at].id);
                    if order(at) < order(*held) {
                        *held = at;
                    }
                };
                firsts.made.entry(&span.session).and_modify(keep).or_insert(at);
            }
            if span.facts.work == Work::Agent && span.facts.agent.is_some() {
                firsts.role.entry(&span.session).and_modify(keep).or_insert(at);
            }
            if span.own.is_some() {
                firsts.trace.entry(span.trace).and_modify(keep).or_insert(at);
            }
        }
        firsts
    }
}

impl<'m> Emitter<'m> {
    pub(crate) fn new(
        memory: &'m mut Memory,
        prices: &'m PriceTable,
        contents: &'m KeptContents,
        mapped: &'m mut Mapped,
    ) -> Self {
        Self { memory, prices, contents, mapped, group: Vec::new() }
    }

    /// Writes the events of all spans of a request.
    pub(crate) fn spans(&mut self, spans: &[Placed<'_>]) {
        let firsts = Firsts::of(spans);
        for (at, span) in spans.iter().enumerate() {
            let witness = Witness::of_span(span, self.memory.name(span.facts.source.as_str()));
            self.introduce(&witness, at, span, &firsts);
            self.tie(&witness, span, &firsts, at);
            self.opened(&witness, span);
            self.told(&witness, &span.facts, (span.start, span.end), span.span);
            self.closed(&witness, span);
            self.memory.spans.put((span.trace, span.id), span.session.clone());
            self.mapped.taken += 1;
            self.end_group();
        }
    }

    fn end_group(&mut self) {
        if !self.group.is_empty() {
            self.mapped.groups.push(std::mem::take(&mut self.group));
        }
    }

    fn push(&mut self, witness: &Witness, at: Timestamp, about: About, parts: &[&[u8]], payload: impl Into<Payload>) {
        let mut all: Vec<&[u8]> = vec![&witness.key];
        all.extend(parts);
        self.push_as(ids::event_id(at, about, &all), witness, at, None, payload);
    }

    fn push_as(
        &mut self,
        event_id: flightrec_events::EventId,
        witness: &Witness,
        at: Timestamp,
        model: Option<Id>,
        payload: impl Into<Payload>,
    ) {
        let mut event = Event::new(event_id, at, Actor::Agent, payload);
        event.actor_id = Some(witness.actor.clone());
        event.trace_id = Some(witness.trace);
        event.model_id = model;
        let session = event.payload.session().unwrap_or(&witness.session).clone();
        event.activity_span_id = witness.span;
        event.model_session_id = Some(session);
        match event.check() {
            Ok(event) => self.group.push(event),
            Err(violation) => self.mapped.refuse(format!("an event of a span or log record: {violation}")),
        }
    }

    /// Tells that a session exists, if nobody earlier did.
    fn introduce(&mut self, witness: &Witness, at: usize, span: &Placed<'_>, firsts: &Firsts<'_>) {
        let (start_us, made_us) = (span.start.as_micros(), witnessed_us(span));
        let mut known = self.memory.sessions.get(&span.session).copied().unwrap_or_default();
        let makes = firsts.made.get(&span.session) == Some(&at) && made_us < known.created_us;
        let names = firsts.role.get(&span.session) == Some(&at) && start_us < known.role_us;
        if !makes && !names {
            return;
        }
        known.created_us = known.created_us.min(made_us);
        if names {
            known.role_us = start_us;
        }
        self.memory.sessions.put(span.session.clone(), known);
        let role = span.facts.agent.as_deref().filter(|_| span.facts.work == Work::Agent);
        self.created(witness, span.start, role);
    }

    fn created(&mut self, witness: &Witness, at: Timestamp, role: Option<&str>) {
        let created = SessionCreated {
            session_id: witness.session.clone(),
            model_id: ids::id(UNKNOWN),
            backend: Backend::Cloud,
            role: ids::id(role.unwrap_or(UNKNOWN)),
            wp_id: None,
            mt_id: None,
            memory_policy: MemoryPolicy::SessionScoped,
            spawn_depth: Count::default(),
            parent_session_id: None,
            provider: None,
            label: None,
            capability_grants: None,
            trigger_source: None,
            budget: None,
        };
        self.push(witness, at, About::SessionCreated, &[], created);
    }

    /// Tells what a span says of sessions: which one its trace belongs to, whose part a stand-in is, who spawned whom.
    fn tie(&mut self, witness: &Witness, span: &Placed<'_>, firsts: &Firsts<'_>, at: usize) {
        let start_us = span.start.as_micros();
        if firsts.trace.get(&span.trace) == Some(&at)
            && self.memory.traces.get(&span.trace).is_none_or(|earliest| start_us < *earliest)
        {
            self.memory.traces.put(span.trace, start_us);
            let trace = ids::session_of_trace(span.trace);
            self.part_of(witness, About::TraceOf, span.start, &trace, &span.session, LinkEvidence::Attribute, span.id);
        }
        if self.memory.missing.get(&(span.trace, span.id)).is_some() {
            let stand_in = ids::session_of_span(span.trace, span.id);
            let evidence = LinkEvidence::ParentSpan;
            self.part_of(witness, About::PartOfSession, span.start, &stand_in, &span.session, evidence, span.id);
        }
        if let (Above::Missing, Some(parent)) = (span.above, span.parent) {
            self.miss(witness, span.start, span.trace, parent);
        }
        if let (Some(_), Some(above)) = (&span.own, &span.session_above) {
            self.child_of(witness, span.start, &span.session, above, LinkEvidence::ParentSpan, &[]);
        }
        if span.above == Above::Nothing && span.makes_session() {
            for link in span.span.links.iter().take(MAX_LINKS) {
                if let (Some(trace), Some(linked)) = (place::trace_id(&link.trace_id), place::span_id(&link.span_id)) {
                    let known = self.memory.spans.get(&(trace, linked)).cloned();
                    let above = known.unwrap_or_else(|| {
                        self.miss(witness, span.start, trace, linked);
                        ids::session_of_span(trace, linked)
                    });
                    let named: [&[u8]; 2] = [&link.trace_id, &link.span_id];
                    self.child_of(witness, span.start, &span.session, &above, LinkEvidence::SpanLink, &named);
                }
            }
        }
    }

    /// Notes that a span which others name has not arrived: until it does, the trace tells its session.
    fn miss(&mut self, witness: &Witness, at: Timestamp, trace: TraceId, missing: SpanId) {
        if self.memory.missing.get(&(trace, missing)).is_some() {
            return;
        }
        self.memory.missing.put((trace, missing), ());
        let (stand_in, whole) = (ids::session_of_span(trace, missing), ids::session_of_trace(trace));
        self.part_of(witness, About::PartOfTrace, at, &stand_in, &whole, LinkEvidence::Trace, missing);
    }

    #[expect(clippy::too_many_arguments, reason = "a link has two ends, an evidence, a witness and a time")]
    fn part_of(
        &mut self,
        witness: &Witness,
        about: About,
        at: Timestamp,
        stand_in: &Id,
        session: &Id,
        evidence: LinkEvidence,
        span: SpanId,
    ) {
        if stand_in == session {
            return;
        }
        let linked = SessionLinked {
            session_id: stand_in.clone(),
            relation: LinkRelation::PartOf,
            target_session_id: session.clone(),
            evidence,
            span_id: Some(span),
        };
        self.push(witness, at, about, &[stand_in.as_str().as_bytes()], linked);
    }

    /// Tells who spawned whom. What the witness names tells this from its other links: not where that is placed,
    /// which depends on what came before, so that a second delivery is known again.
    fn child_of(
        &mut self,
        witness: &Witness,
        at: Timestamp,
        child: &Id,
        parent: &Id,
        evidence: LinkEvidence,
        named: &[&[u8]],
    ) {
        if child == parent {
            return;
        }
        let key = ids::short_key(About::ChildOf, &[child.as_str().as_bytes(), parent.as_str().as_bytes()]);
        if self.memory.spawns.get(&key).is_some_and(|earliest| *earliest <= at.as_micros()) {
            return;
        }
        self.memory.spawns.put(key, at.as_micros());
        let linked = SessionLinked {
            session_id: child.clone(),
            relation: LinkRelation::ChildOf,
            target_session_id: parent.clone(),
            evidence,
            span_id: witness.span,
        };
        self.push(witness, at, About::ChildOf, named, linked);
    }

    fn opened(&mut self, witness: &Witness, span: &Placed<'_>) {
        let links: Vec<LinkedSpan> = span.span.links.iter().take(MAX_LINKS).filter_map(linked_span).collect();
        let (tags, attributes) = tags::of(span, self.memory);
        let opened = SpanOpened {
            kind: match span.facts.work {
                Work::Agent => SpanKind::Job,
                Work::ModelCall => SpanKind::ModelRun,
                Work::ToolCall => SpanKind::ToolCall,
                Work::Step | Work::Plain => SpanKind::Other,
            },
            name: label(&span.span.name),
            parent_span_id: span.parent,
            links: (!links.is_empty()).then_some(links),
            tags: (!tags.is_empty()).then_some(tags),
            attributes: (!attributes.is_empty()).then_some(attributes),
        };
        let model = span.facts.model.as_deref().filter(|model| span.facts.work == Work::ModelCall && !model.is_empty());
        let model = model.map(|model| self.memory.name(model));
        let event_id = ids::event_id(span.start, About::Opened, &[&witness.key]);
        self.push_as(event_id, witness, span.start, model, opened);
    }

    /// Tells what the work itself was: messages, the call of a tool, the use of a model.
    fn told(
        &mut self,
        witness: &Witness,
        facts: &Facts<'_>,
        (start, end): (Timestamp, Option<Timestamp>),
        span: &Span,
    ) {
        self.messages(witness, &facts.messages, start, end);
        let Some(end) = end else { return };
        if let (Work::ToolCall, Some(tool)) = (facts.work, &facts.tool) {
            let failed = facts.failure.is_some() || is_error(span);
            self.tool_call(witness, facts, tool, failed, (start, end), &span.name);
        }
        if let (Work::ModelCall, Some(usage)) = (facts.work, &facts.usage) {
            self.inference(witness, facts, usage, (start, end));
        }
        self.spawned(witness, facts, start);
    }

    fn spawned(&mut self, witness: &Witness, facts: &Facts<'_>, at: Timestamp) {
        for child in &facts.spawned {
            if let Some(child) = ids::named_session(child) {
                let named = child.as_str().as_bytes();
                self.child_of(witness, at, &child, &witness.session, LinkEvidence::ToolResult, &[named]);
            }
        }
    }

    fn messages(&mut self, witness: &Witness, messages: &[Message<'_>], start: Timestamp, end: Option<Timestamp>) {
        let mut told: FxHashMap<[u8; 32], u32> = FxHashMap::default();
        for message in messages {
            let Some(kept) = self.contents.find(&message.content) else { continue };
            let at = if message.is_answer { end.unwrap_or(start) } else { start };
            let call = message.tool_call_id.as_deref().unwrap_or_default();
            let alike = ids::digest(
                About::Message,
                &[message.role.as_str().as_bytes(), kept.sha256.as_bytes(), call.as_bytes()],
            );
            let nth = told.entry(alike).or_default();
            self.message(witness, message, &kept, at, (&alike, *nth));
            *nth += 1;
        }
    }

    /// Tells of a message, unless it was told of before with the same time or an earlier one.
    fn message(
        &mut self,
        witness: &Witness,
        message: &Message<'_>,
        kept: &Kept,
        at: Timestamp,
        (alike, nth): (&[u8; 32], u32),
    ) {
        let whole = ids::digest(About::Message, &[alike, &nth.to_le_bytes()]);
        let message_id = ids::hex(&whole[..16]);
        let session = witness.session.as_str().as_bytes();
        let key = ids::short_key(About::Message, &[session, &whole]);
        if self.memory.messages.get(&key).is_some_and(|earliest| *earliest <= at.as_micros()) {
            return;
        }
        self.memory.messages.put(key, at.as_micros());
        let said = SessionMessage {
            session_id: witness.session.clone(),
            message_id: ids::id(&message_id),
            role: message.role,
            content_hash: kept.sha256,
            token_count: None,
            content_artifact_id: Some(kept.artifact_id),
            tool_call_id: message.tool_call_id.as_deref().filter(|id| !id.is_empty()).map(ids::id),
            redacted: kept.redacted.then_some(true),
            source: None,
            attachments: None,
        };
        self.push(witness, at, About::Message, &[&whole], said);
    }

    fn tool_call(
        &mut self,
        witness: &Witness,
        facts: &Facts<'_>,
        tool: &Tool<'_>,
        failed: bool,
        (start, end): (Timestamp, Timestamp),
        name: &str,
    ) {
        let arguments = tool.arguments.as_deref().and_then(|text| self.contents.find(text));
        let result = tool.result.as_deref().and_then(|text| self.contents.find(text));
        let ok = tool.ok.unwrap_or(!failed);
        let call_id = match tool.call_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => ids::id(id),
            None => ids::id(&witness.span.map_or_else(|| ids::hex(&witness.key), |span| span.to_string())),
        };
        let call = ToolCall {
            tool_call_id: call_id,
            tool_id: ids::id(tool.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(name)),
            tool_version: ids::id(UNKNOWN),
            transport: if tool.mcp_server.is_some() { Transport::Mcp } else { Transport::Other },
            side_effect: SideEffect::Execute,
            idempotency: Idempotency::NonIdempotent,
            actor: ToolActor { kind: ids::id("agent"), agent_id: facts.agent.as_deref().map(ids::id), model_id: None },
            ok,
            timing: ToolTiming { started_at: start, ended_at: end, duration_ms: millis(start, end) },
            idempotency_key: None,
            args_ref: arguments.map(|kept| ids::id(&kept.artifact_id.to_string())),
            args_hash: arguments.map(|kept| kept.sha256),
            result_ref: result.map(|kept| ids::id(&kept.artifact_id.to_string())),
            result_hash: result.map(|kept| kept.sha256),
            error: (!ok).then(|| ToolError {
                code: facts.failure.as_ref().and_then(|failure| failure.code.as_deref()).map(ids::id),
                kind: facts.failure.as_ref().filter(|failure| failure.cancelled).map(|_| ids::id("cancelled")),
                message: None,
                retryable: None,
            }),
            resources_touched: None,
            capability_ids: None,
            parent_span_id: None,
        };
        self.push(witness, start, About::ToolCall, &[], call);
    }

    fn inference(&mut self, witness: &Witness, facts: &Facts<'_>, usage: &Usage, (start, end): (Timestamp, Timestamp)) {
        let stated = usage.cost_nanos.map(|nanos| (nanos, Cow::Owned(format!("emitter:{}", witness.source.as_str()))));
        let priced = stated.or_else(|| {
            let model = facts.model.as_deref()?;
            let priced = self.prices.price(facts.provider.as_deref(), model, usage, start)?;
            Some((priced.nanos, Cow::Owned(priced.source)))
        });
        let count = Count::saturating;
        let inference = LlmInference {
            model_id: facts
                .model
                .as_deref()
                .filter(|model| !model.is_empty())
                .map_or_else(|| ids::id(UNKNOWN), |model| self.memory.name(model)),
            token_usage: TokenUsage {
                prompt_tokens: count(usage.input),
                completion_tokens: count(usage.output),
                total_tokens: count(usage.input.saturating_add(usage.output)),
                cached_prompt_tokens: usage.cached.map(count),
                cache_write_tokens: usage.cache_write.map(count),
                reasoning_tokens: usage.reasoning.map(count),
            },
            latency_ms: Some(facts.duration_ms.map_or_else(|| millis(start, end), count)),
            time_to_first_token_ms: facts.time_to_first_token_ms.map(count),
            prompt_hash: None,
            response_hash: None,
            provider: facts.provider.as_deref().filter(|name| !name.is_empty()).map(|name| self.memory.name(name)),
            request_id: facts.response_id.as_deref().filter(|id| !id.is_empty()).map(ids::id),
            finish_reason: facts
                .finish_reason
                .as_deref()
                .filter(|reason| !reason.is_empty())
                .map(|reason| self.memory.name(reason)),
            cost_usd: priced.as_ref().and_then(|(nanos, _)| Usd::from_nanos(*nanos)),
            price_source: priced.map(|(_, source)| ids::id(&source)),
        };
        self.push(witness, end.max(start), About::Inference, &[], inference);
    }

    /// Tells how a span ended, and with it a session, if it is the one that the session's work hangs on.
    fn closed(&mut self, witness: &Witness, span: &Placed<'_>) {
        let Some(end) = span.end else { return };
        let failure = span.facts.failure.as_ref();
        let status = match failure {
            Some(failure) if failure.cancelled => SpanStatus::Cancelled,
            Some(_) => SpanStatus::Error,
            None if is_error(span.span) => SpanStatus::Error,
            None => SpanStatus::Ok,
        };
        let code = failure.and_then(|failure| failure.code.as_deref()).filter(|code| !code.is_empty()).map(ids::id);
        let sum = span.facts.usage.as_ref().filter(|_| span.facts.work != Work::ModelCall);
        let closed = SpanClosed {
            status,
            error_code: code.or_else(|| (status != SpanStatus::Ok).then(|| ids::id(status.as_str()))),
            tokens_in: sum.map(|usage| Count::saturating(usage.input)),
            tokens_out: sum.map(|usage| Count::saturating(usage.output)),
            cost_usd: sum.and_then(|usage| usage.cost_nanos).and_then(Usd::from_nanos),
        };
        self.push(witness, end, About::Closed, &[], closed);
        let Some(to_state) = ends_session(span, status) else { return };
        let change = SessionStateChange {
            session_id: span.session.clone(),
            from_state: State::Active,
            to_state,
            reason: Reason::new(format!("span {} ended", span.id)).unwrap_or_else(|_| unreachable!("it is short")),
            job_id: None,
        };
        self.push(witness, end, About::SessionEnded, &[], change);
    }

    /// Writes the events of one log record.
    pub(crate) fn log(&mut self, record: &LogRecord, log: &LogFacts<'_>) {
        let Some(at) = place::timestamp(log.at_unix_nano) else {
            self.mapped.refuse(format!("the time of log record {:?} is no date", log.event));
            return;
        };
        let facts = &log.facts;
        let trace = place::trace_id(&record.trace_id);
        let span = place::span_id(&record.span_id);
        let own = facts.session.as_deref().and_then(ids::named_session);
        let session = match (&own, trace, span) {
            (Some(own), _, _) => own.clone(),
            (None, Some(trace), Some(span)) => match self.memory.spans.get(&(trace, span)) {
                Some(session) => session.clone(),
                None => ids::session_of_span(trace, span),
            },
            (None, Some(trace), None) => ids::session_of_trace(trace),
            (None, None, _) => {
                self.mapped.left_out += 1;
                return;
            }
        };
        // Not where it is placed: that depends on what came before, and a second delivery is to be known again.
        let named = own.clone().or_else(|| trace.map(ids::session_of_trace)).unwrap_or_else(|| session.clone());
        let witness = Witness {
            source: facts.source,
            actor: self.memory.name(facts.source.as_str()),
            trace: trace.unwrap_or_else(|| ids::trace_of_session(&session)),
            span: span.filter(|_| log.anchored && trace.is_some()),
            key: ids::key_of_log(record, log, &named),
            session,
        };
        if let (None, Some(trace), Some(span)) = (&own, trace, span)
            && self.memory.spans.get(&(trace, span)).is_none()
        {
            self.miss(&witness, at, trace, span);
        }
        self.introduce_by_log(&witness, at, own.is_some(), facts);
        let took_us = facts.duration_ms.unwrap_or(0).min(u64::from(u32::MAX)) as i64 * 1_000;
        let start = Timestamp::from_micros(at.as_micros() - took_us).unwrap_or(at);
        self.messages(&witness, &facts.messages, at, Some(at));
        if let (Work::ToolCall, Some(tool)) = (facts.work, &facts.tool) {
            self.tool_call(&witness, facts, tool, facts.failure.is_some(), (start, at), UNKNOWN);
        }
        if let (Work::ModelCall, Some(usage)) = (facts.work, &facts.usage) {
            self.inference(&witness, facts, usage, (start, at));
        }
        self.spawned(&witness, facts, at);
        self.mapped.taken += 1;
        self.end_group();
    }

    fn introduce_by_log(&mut self, witness: &Witness, at: Timestamp, is_named: bool, facts: &Facts<'_>) {
        if !is_named && !matches!(facts.work, Work::ModelCall | Work::ToolCall | Work::Agent) {
            return;
        }
        let mut known = self.memory.sessions.get(&witness.session).copied().unwrap_or_default();
        if known.created_us <= at.as_micros() {
            return;
        }
        known.created_us = at.as_micros();
        self.memory.sessions.put(witness.session.clone(), known);
        let role = facts.agent.as_deref().filter(|_| facts.work == Work::Agent);
        self.created(witness, at, role);
    }
}

impl Witness {
    fn of_span(span: &Placed<'_>, actor: Id) -> Self {
        let mut key = [0; 24];
        key[..16].copy_from_slice(span.trace.as_bytes());
        key[16..].copy_from_slice(span.id.as_bytes());
        Self {
            source: span.facts.source,
            actor,
            session: span.session.clone(),
            trace: span.trace,
            span: Some(span.id),
            key,
        }
    }
}

/// When a span witnessed that its session exists: one that follows no convention counts after all others,
/// because a session is marked with the convention that told of it.
fn witnessed_us(span: &Placed<'_>) -> i64 {
    if span.facts.source == Source::Plain { memory::NO_CONVENTION_US } else { span.start.as_micros() }
}

/// Whether the end of a span is the end of its session's work, and how that ended. A root tells it; so does
/// the topmost span of a session that lies in another's. A failed agent tells it, too, because roots often
/// say nothing of failures below them; not one that another's tool called, who may have coped.
fn ends_session(span: &Placed<'_>, status: SpanStatus) -> Option<State> {
    let is_work = span.facts.source != Source::Plain || span.own.is_some();
    let is_agent = span.facts.work == Work::Agent;
    let is_top = match (span.above, &span.own, &span.session_above) {
        (Above::Nothing, _, _) => is_work,
        (Above::Missing, Some(_), _) => is_agent,
        // Where the span above was recorded under a stand-in, both may turn out to lie in one session.
        (Above::Here(_) | Above::Earlier, Some(_), Some(above)) if ids::is_stand_in(above, span.trace) => is_agent,
        (Above::Here(_) | Above::Earlier, Some(own), Some(above)) => is_work && own != above,
        (Above::Here(_) | Above::Earlier | Above::Missing, _, _) => false,
    };
    match status {
        SpanStatus::Ok => is_top.then_some(State::Completed),
        SpanStatus::Error | SpanStatus::Abandoned => (is_top || (is_agent && !span.in_tool)).then_some(State::Failed),
        // Nobody cancels one call of a model and goes on: whoever ran the agent gave up.
        SpanStatus::Cancelled => {
            let is_call = span.facts.work == Work::ModelCall;
            (is_top || ((is_agent || is_call) && !span.in_tool)).then_some(State::Cancelled)
        }
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

fn linked_span(link: &crate::otlp::model::SpanLink) -> Option<LinkedSpan> {
    Some(LinkedSpan {
        trace_id: place::trace_id(&link.trace_id)?,
        span_id: place::span_id(&link.span_id)?,
        relation: None,
    })
}

/// Text for people, cut to what a label holds.
pub(crate) fn label(text: &str) -> Label {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = if clean.trim().is_empty() { "unnamed" } else { clean.as_str() };
    let mut end = text.len().min(256);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Label::new(&text[..end]).unwrap_or_else(|_| unreachable!("at most 256 bytes without control characters"))
}

fn millis(start: Timestamp, end: Timestamp) -> Count {
    Count::saturating(u64::try_from(end.micros_since(start) / 1_000).unwrap_or(0))
}
