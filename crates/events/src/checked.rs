//! The rules that can be told from an event alone, and the [`CheckedEvent`] that keeps them all.

use std::ops::Deref;

use crate::event::{Event, MAX_EVENT_BYTES};
use crate::families::Kind;
use crate::ids::SpanId;
use crate::value::{TextClass, Value, check_items, missing};
use crate::violation::{Rule, Violation};
use crate::vocabulary::Actor;

/// Texts, lists and attributes of together more bytes than this make it worth measuring the whole
/// event. JSON writes a byte as six at most, so that smaller ones, with the small fields around
/// them, stay within [`MAX_EVENT_BYTES`] in any case.
const BULK_WORTH_MEASURING: usize = 8 * 1024;

fn check_shape(event: &Event) -> Result<(), Violation> {
    let kind = event.kind();
    check_actor(kind, event.actor)?;
    if event.trace_id.is_none() && kind.is_some_and(Kind::needs_trace) {
        return Err(missing("trace_id"));
    }
    check_span(kind, event.span_id())?;
    if let Some(wsids) = &event.wsids {
        check_items(wsids.len()).map_err(|v| v.within("wsids"))?;
    }
    event.payload.check().map_err(|v| v.within("payload"))?;
    let bulk = event.payload.bulk_bytes() + event.wsids.as_ref().map_or(0, Value::bulk_bytes);
    if bulk > BULK_WORTH_MEASURING {
        let mut json = Vec::with_capacity(bulk);
        event.write_json(&mut json, None);
        check_size(json.len())?;
    }
    Ok(())
}

fn check_correlation(event: &Event) -> Result<(), Violation> {
    let at = |rule, message: String| Err(Violation::at(rule, "model_session_id", message));
    match (&event.model_session_id, event.payload.session()) {
        (None, _) if event.payload.needs_session() => {
            at(Rule::MissingModelSessionId, "required for this family".to_owned())
        }
        (None, _) if event.activity_span_id.is_some() || event.session_span_id.is_some() => {
            at(Rule::MissingModelSessionId, "required on an event that carries a span id".to_owned())
        }
        (Some(session), Some(named)) if session != named => {
            let field = event.payload.session_field().unwrap_or("session_id");
            at(Rule::CorrelationMismatch, format!("must equal payload.{field}"))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// The bound on an event as JSON.
pub(crate) fn check_size(len: usize) -> Result<(), Violation> {
    if len > MAX_EVENT_BYTES {
        let message = format!("an event is at most {MAX_EVENT_BYTES} bytes, found {len}; keep content in artifacts");
        return Err(Violation::new(Rule::OutOfBounds, message));
    }
    Ok(())
}

/// Only the system may say that it recovered a workflow.
pub(crate) fn check_actor(kind: Option<Kind>, actor: Actor) -> Result<(), Violation> {
    if kind == Some(Kind::WorkflowRecovery) && actor != Actor::System {
        return Err(Violation::at(Rule::BadValue, "actor", "must be system for this family"));
    }
    Ok(())
}

/// A span event names its span.
pub(crate) fn check_span(kind: Option<Kind>, span: Option<SpanId>) -> Result<(), Violation> {
    if span.is_none() && matches!(kind, Some(Kind::SpanOpened | Kind::SpanClosed)) {
        let message = "a span event names the span: activity_span_id, or else session_span_id";
        return Err(Violation::at(Rule::MissingField, "activity_span_id", message));
    }
    Ok(())
}

/// An event that keeps every rule that can be told from the event alone: the only thing that can
/// be recorded. It can be read but not changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedEvent(Box<Event>);

impl CheckedEvent {
    /// Offers every text to `map`, which answers with a replacement where there must be one. Equal
    /// texts of one class must get equal answers, so that correlation holds; bounds are kept by
    /// cutting.
    pub fn map_text(&mut self, map: &mut dyn FnMut(TextClass, &str) -> Option<String>) {
        let event = &mut *self.0;
        let singles = [
            &mut event.actor_id,
            &mut event.job_id,
            &mut event.workflow_id,
            &mut event.model_id,
            &mut event.model_session_id,
            &mut event.capability_id,
            &mut event.policy_decision_id,
        ];
        for id in singles.into_iter().flatten() {
            id.map_text(map);
        }
        if let Some(wsids) = &mut event.wsids {
            wsids.map_text(map);
        }
        event.payload.map_text(map);
    }

    /// The event itself, to be changed and checked again.
    pub fn into_event(self) -> Event {
        *self.0
    }

    pub(crate) const fn trusted(event: Box<Event>) -> Self {
        Self(event)
    }
}

impl TryFrom<Box<Event>> for CheckedEvent {
    type Error = Violation;

    fn try_from(event: Box<Event>) -> Result<Self, Violation> {
        check_shape(&event)?;
        check_correlation(&event)?;
        Ok(Self(event))
    }
}

impl Deref for CheckedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0
    }
}
