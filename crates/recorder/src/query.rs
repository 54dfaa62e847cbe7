//! Filters and orders, the same for every surface.

use std::cmp::Reverse;
use std::sync::Arc;

use flightrec_events::{Backend, Kind, State, Timestamp};

use crate::fold::Row;
use crate::reader::RecordedEvent;
use crate::view::{SessionView, SpanView};

/// What a list of sessions is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionOrder {
    /// Creation, oldest first.
    #[default]
    Created,
    /// Latest event, latest first.
    Updated,
    /// Own cost, largest first.
    Cost,
    /// Tokens, most first.
    Tokens,
    /// Elapsed time, longest first.
    Elapsed,
    /// Role, then creation.
    Role,
    /// State, then creation.
    State,
}

/// Which sessions, in which order, how many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// In one of these states; any if empty.
    pub states: Vec<State>,
    /// With this role.
    pub role: Option<String>,
    /// Talking to this model.
    pub model: Option<String>,
    /// Of this work packet.
    pub wp: Option<String>,
    /// With this backend.
    pub backend: Option<Backend>,
    /// With an event at or after this time.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
    /// The order.
    pub order: SessionOrder,
    /// The most sessions; all if absent.
    pub limit: Option<usize>,
}

impl SessionFilter {
    /// Whether every session passes.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self { order: self.order, limit: self.limit, ..Self::default() }
    }

    /// Whether a session passes.
    pub fn takes(&self, session: &SessionView) -> bool {
        self.takes_row(&Row::of_view(session))
    }

    pub(crate) fn takes_row(&self, row: &Row<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        (self.states.is_empty() || self.states.contains(&row.state))
            && is(&self.role, row.role)
            && is(&self.model, row.model)
            && is(&self.wp, row.wp)
            && (self.backend.is_none() || self.backend == row.backend)
            && self.since.is_none_or(|since| row.updated_at().is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| row.created_at().or(row.updated_at()).is_some_and(|at| at < until))
    }

    pub(crate) fn arrange(&self, mut sessions: Vec<SessionView>) -> Vec<SessionView> {
        sessions.sort_by_cached_key(|session| (session.created_at, Arc::clone(&session.session_id)));
        match self.order {
            SessionOrder::Created => {}
            SessionOrder::Updated => sessions.sort_by_key(|session| Reverse(session.updated_at)),
            SessionOrder::Cost => sessions.sort_by_key(|session| Reverse(session.cost.own_nanos)),
            SessionOrder::Tokens => sessions.sort_by_key(|session| Reverse(session.tokens.total)),
            SessionOrder::Elapsed => sessions.sort_by_key(|session| Reverse(elapsed_us(session))),
            SessionOrder::Role => sessions.sort_by(|a, b| a.role.cmp(&b.role)),
            SessionOrder::State => sessions.sort_by_key(|session| session.state),
        }
        sessions.truncate(self.limit.unwrap_or(usize::MAX));
        sessions
    }
}

/// How long a session has lived by its own events, in microseconds; `None` if its beginning is unknown.
pub fn elapsed_us(session: &SessionView) -> Option<i64> {
    let end = session.ended_at.or(session.updated_at)?;
    Some(end.micros_since(session.created_at?))
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of this session, by its whole id.
    pub session: Option<Arc<str>>,
    /// From this position on.
    pub from_seq: Option<u64>,
    /// With one of these codes or types; any if empty.
    pub kinds: Vec<String>,
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// The most events; all if absent.
    pub limit: Option<usize>,
}

impl EventFilter {
    /// All events of one session.
    pub fn of_session(id: Arc<str>) -> Self {
        Self { session: Some(id), ..Self::default() }
    }

    /// Whether an event of a kind may pass; `None` stands for all declared families.
    pub(crate) fn may_take(&self, kind: Option<Kind>) -> bool {
        let is_named = |kind: Kind| self.kinds.iter().any(|name| name == kind.code() || name == kind.type_name());
        self.kinds.is_empty() || kind.is_none_or(is_named)
    }

    /// Whether the event's code or type is among the kinds.
    pub(crate) fn names(&self, event: &RecordedEvent) -> bool {
        self.kinds.iter().any(|wanted| wanted == event.event.code() || wanted == event.event.type_name())
    }

    /// Whether the event happened in the time that is wanted.
    pub(crate) fn is_in_time(&self, event: &RecordedEvent) -> bool {
        self.since.is_none_or(|since| event.event.timestamp >= since)
            && self.until.is_none_or(|until| event.event.timestamp < until)
    }
}

/// Which spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpanFilter {
    /// Of this session, by its whole id.
    pub session: Option<Arc<str>>,
    /// With `start < to AND end > from`; an open span has no end yet.
    pub overlaps: Option<(Timestamp, Timestamp)>,
    /// The most spans; all if absent.
    pub limit: Option<usize>,
}

impl SpanFilter {
    /// Whether a span passes.
    pub fn takes(&self, span: &SpanView) -> bool {
        self.overlaps.is_none_or(|(from, to)| {
            span.start.or(span.end).is_some_and(|start| start < to) && span.end.is_none_or(|end| end > from)
        })
    }

    pub(crate) fn arrange(&self, mut spans: Vec<SpanView>) -> Vec<SpanView> {
        spans.retain(|span| self.takes(span));
        spans.truncate(self.limit.unwrap_or(usize::MAX));
        spans
    }
}
