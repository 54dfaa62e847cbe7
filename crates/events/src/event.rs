//! The envelope around every payload.

use crate::checked::CheckedEvent;
use crate::families::{Kind, Payload};
use crate::ids::{EventId, SpanId, TraceId};
use crate::text::Id;
use crate::time::Timestamp;
use crate::value::{FieldSpec, Presence, Shape, Value};
use crate::violation::Violation;
use crate::vocabulary::Actor;

/// The most bytes of one event as JSON.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

/// One event, its fields typed but the rules between them not yet checked.
///
/// ```
/// use flightrec_events::*;
/// use flightrec_events::families::session::SessionStateChange;
/// let session = Id::new("01999a7b-0000-7000-8000-000000000001").unwrap();
/// let change = SessionStateChange {
///     session_id: session.clone(),
///     from_state: State::Created,
///     to_state: State::Active,
///     reason: Reason::new("dispatched").unwrap(),
///     job_id: None,
/// };
/// let event = Event::new(EventId::v7(0, 1), Timestamp::default(), Actor::System, change);
/// assert_eq!(event.clone().check().unwrap_err().rule, Rule::MissingModelSessionId);
/// assert!(event.in_session(session).check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Identity and idempotency key.
    pub event_id: EventId,
    /// When it happened, on the emitter's clock.
    pub timestamp: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// Which one.
    pub actor_id: Option<Id>,
    /// The W3C trace.
    pub trace_id: Option<TraceId>,
    /// The job.
    pub job_id: Option<Id>,
    /// The workflow.
    pub workflow_id: Option<Id>,
    /// The model.
    pub model_id: Option<Id>,
    /// The session: the primary correlation key.
    pub model_session_id: Option<Id>,
    /// The span of the activity it belongs to.
    pub activity_span_id: Option<SpanId>,
    /// The session's own span.
    pub session_span_id: Option<SpanId>,
    /// Workspaces.
    pub wsids: Option<Vec<Id>>,
    /// The capability that was used.
    pub capability_id: Option<Id>,
    /// The policy decision that allowed it.
    pub policy_decision_id: Option<Id>,
    /// What happened.
    pub payload: Payload,
}

/// The rows of the envelope, in the order of the contract.
pub(crate) const ENVELOPE: &[FieldSpec] = &[
    row(1, "event_id", Presence::Required, EventId::SHAPE, "Stable identity and idempotency key."),
    row(2, "code", Presence::Required, Shape::Id, "The schema id, such as FR-EVT-SESS-001."),
    row(3, "type", Presence::Required, Shape::Id, "The type name that belongs to the code."),
    row(4, "timestamp", Presence::Required, Shape::Timestamp, "When it happened, on the emitter's clock."),
    row(5, "actor", Presence::Required, Actor::SHAPE, "Who caused it."),
    row(6, "actor_id", Presence::Optional, Shape::Id, "Which one."),
    row(
        7,
        "trace_id",
        Presence::Optional,
        TraceId::SHAPE,
        "W3C trace id; required for llm_inference, tool_call and span.*",
    ),
    row(8, "job_id", Presence::Optional, Shape::Id, "The job."),
    row(9, "workflow_id", Presence::Optional, Shape::Id, "The workflow."),
    row(10, "model_id", Presence::Optional, Shape::Id, "The model."),
    row(11, "model_session_id", Presence::Optional, Shape::Id, "The session: the primary correlation key."),
    row(12, "activity_span_id", Presence::Optional, SpanId::SHAPE, "The span of the activity it belongs to."),
    row(13, "session_span_id", Presence::Optional, SpanId::SHAPE, "The session's own span."),
    row(14, "wsids", Presence::Optional, Shape::List(&Shape::Id), "Workspaces."),
    row(15, "capability_id", Presence::Optional, Shape::Id, "The capability that was used."),
    row(16, "policy_decision_id", Presence::Optional, Shape::Id, "The policy decision that allowed it."),
    row(17, "payload", Presence::Required, Shape::Object(&[]), "Exactly the fields of its family."),
];

const fn row(tag: u8, name: &'static str, presence: Presence, shape: Shape, doc: &'static str) -> FieldSpec {
    FieldSpec { name, tag, presence, shape, doc }
}

impl Event {
    /// An event with nothing but what every event has.
    pub fn new(event_id: EventId, timestamp: Timestamp, actor: Actor, payload: impl Into<Payload>) -> Self {
        Self {
            event_id,
            timestamp,
            actor,
            actor_id: None,
            trace_id: None,
            job_id: None,
            workflow_id: None,
            model_id: None,
            model_session_id: None,
            activity_span_id: None,
            session_span_id: None,
            wsids: None,
            capability_id: None,
            policy_decision_id: None,
            payload: payload.into(),
        }
    }

    /// Sets `model_session_id`.
    #[must_use]
    pub fn in_session(mut self, session: Id) -> Self {
        self.model_session_id = Some(session);
        self
    }

    /// Sets the trace and the session's own span.
    #[must_use]
    pub fn in_session_span(mut self, trace: TraceId, span: SpanId) -> Self {
        self.trace_id = Some(trace);
        self.session_span_id = Some(span);
        self
    }

    /// Sets the span of the activity.
    #[must_use]
    pub fn in_activity(mut self, span: SpanId) -> Self {
        self.activity_span_id = Some(span);
        self
    }

    /// Sets the job.
    #[must_use]
    pub fn in_job(mut self, job: Id) -> Self {
        self.job_id = Some(job);
        self
    }

    /// The built-in kind; `None` for a declared family.
    pub const fn kind(&self) -> Option<Kind> {
        self.payload.kind()
    }

    /// The schema id of its family.
    pub fn code(&self) -> &str {
        if let Payload::Declared(payload) = &self.payload { payload.code() } else { self.kind().map_or("", Kind::code) }
    }

    /// The type name of its family.
    pub fn type_name(&self) -> &str {
        if let Payload::Declared(payload) = &self.payload {
            payload.type_name()
        } else {
            self.kind().map_or("", Kind::type_name)
        }
    }

    /// The span that a `span.*` event opens or closes.
    pub fn span_id(&self) -> Option<SpanId> {
        self.activity_span_id.or(self.session_span_id)
    }

    /// Checks every rule that can be told from the event alone.
    ///
    /// # Errors
    /// The first broken rule, in the order shape, correlation.
    pub fn check(self) -> Result<CheckedEvent, Violation> {
        CheckedEvent::try_from(Box::new(self))
    }
}
