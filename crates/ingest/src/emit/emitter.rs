//! What all events of a span or log record share, and a span's own beginning and end.

use flightrec_events::families::parts::SpanLink as LinkedSpan;
use flightrec_events::families::session::SessionStateChange;
use flightrec_events::families::work::{SpanClosed, SpanOpened};
use flightrec_events::{
    Actor, CheckedEvent, Count, Event, Id, Label, Payload, Reason, SpanId, SpanKind, SpanStatus, State, Timestamp,
    TraceId, Usd,
};

use super::links::{Firsts, MAX_LINKS};
use crate::contents::KeptContents;
use crate::facts::{Source, Work};
use crate::ids::{self, About};
use crate::mapper::Mapped;
use crate::memory::Memory;
use crate::otlp::model::Span;
use crate::place::{self, Above, Placed};
use crate::prices::PriceTable;
use crate::tags;

/// Writes the events of one request.
pub(crate) struct Emitter<'m> {
    pub(super) memory: &'m mut Memory,
    pub(super) prices: &'m PriceTable,
    pub(super) contents: &'m KeptContents,
    pub(super) mapped: &'m mut Mapped,
    pub(super) group: Vec<CheckedEvent>,
}

/// Who tells, and of what: what the events of one span or log record share.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    pub(super) source: Source,
    /// The source as the actor of events.
    pub(super) actor: Id,
    pub(super) session: Id,
    pub(super) trace: TraceId,
    /// The span that the events belong to.
    pub(super) span: Option<SpanId>,
    /// What tells this witness from any other.
    pub(super) key: [u8; 24],
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

    pub(super) fn end_group(&mut self) {
        if !self.group.is_empty() {
            self.mapped.groups.push(std::mem::take(&mut self.group));
        }
    }

    pub(super) fn push(
        &mut self,
        witness: &Witness,
        at: Timestamp,
        about: About,
        parts: &[&[u8]],
        payload: impl Into<Payload>,
    ) {
        let mut all: Vec<&[u8]> = vec![&witness.key];
        all.extend(parts);
        self.push_as(ids::event_id(at, about, &all), witness, at, None, payload);
    }

    pub(super) fn push_as(
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

pub(super) fn is_error(span: &Span) -> bool {
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
