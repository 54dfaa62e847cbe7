//! What a session does, or what it waits for, and since when.

use flightrec_events::{SpanKind, State, Timestamp};
use flightrec_recorder::lanes::{LaneView, WaitKind};

/// What a session does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doing {
    /// Of what kind that is.
    pub(super) kind: DoingKind,
    /// What it is, in the words of the record.
    pub(super) what: String,
    /// Since when, if the record says it.
    pub(super) since: Option<Timestamp>,
}

/// What kind of thing a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DoingKind {
    /// Nothing that is on record.
    Nothing,
    /// It works at a span.
    Works,
    /// Its job stands in the queue.
    Queued,
    /// A limit holds its job.
    Held,
    /// It waits for something else, or has ended: for the reason of its state.
    Rests,
}

impl Doing {
    /// Nothing that is on record.
    pub(super) const NOTHING: Self = Self { kind: DoingKind::Nothing, what: String::new(), since: None };

    /// What the lane of a session says last.
    pub(super) fn of(lane: &LaneView) -> Self {
        let state = lane.session.state;
        let reason = lane.states.iter().rev().find(|step| step.to_state == state);
        let rests = || match reason {
            Some(step) => Self { kind: DoingKind::Rests, what: step.reason.clone(), since: Some(step.timestamp) },
            None => Self { since: lane.session.created_at, ..Self::NOTHING },
        };
        if state.is_terminal() || state == State::Paused {
            return rests();
        }
        let since = |wait: &flightrec_recorder::lanes::WaitView| Some(wait.start);
        if let Some(wait) = lane.waits.iter().rev().find(|wait| wait.end.is_none()) {
            return match wait.kind {
                WaitKind::Queue => Self { kind: DoingKind::Queued, what: "queued".to_owned(), since: since(wait) },
                WaitKind::Hold => {
                    let limit = wait.limit.as_deref().unwrap_or("a limit");
                    let provider = wait.provider.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
                    Self { kind: DoingKind::Held, what: format!("held by {limit}{provider}"), since: since(wait) }
                }
            };
        }
        let open = lane.spans.iter().rev().filter(|span| span.end.is_none() && span.kind != Some(SpanKind::Session));
        match open.max_by_key(|span| span.start) {
            Some(span) if state == State::Active => {
                let what = span.name.clone().unwrap_or_else(|| span.span_id.to_string());
                Self { kind: DoingKind::Works, what, since: span.start }
            }
            Some(_) | None => rests(),
        }
    }

    /// How long it has been at it, in microseconds.
    pub(super) fn age_us(&self, now: Timestamp) -> Option<i64> {
        self.since.map(|since| now.micros_since(since).max(0))
    }
}
