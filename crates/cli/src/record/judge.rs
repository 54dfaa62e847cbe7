//! Verdicts without a store: those that a recording into an empty store would give.

use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::sync::Arc;

use flightrec_events::lifecycle::{self, Life};
use flightrec_events::{CheckedEvent, EventId, Registry, Rejection, Rule, Violation};
use flightrec_recorder::Mode;
use flightrec_recorder::redact::Redactor;
use rustc_hash::FxHashMap;

use super::intake::parse;
use super::lines::Line;
use super::verdicts::Verdict;

/// What it remembers: every event's id with a digest of its content, and the life of every session.
pub(crate) struct Judge {
    registry: Registry,
    mode: Mode,
    redactor: Redactor,
    seen: FxHashMap<[u8; 16], u64>,
    digest: RandomState,
    lives: FxHashMap<Arc<str>, Life>,
    stored: Vec<u8>,
}

impl Judge {
    /// A judge of a registry's events.
    pub(crate) fn new(registry: Registry, mode: Mode) -> Self {
        Self {
            registry,
            mode,
            redactor: Redactor::new(),
            seen: FxHashMap::default(),
            digest: RandomState::new(),
            lives: FxHashMap::default(),
            stored: Vec::new(),
        }
    }

    /// Judges one line, in the order JSON, shape, correlation, identity, state.
    pub(crate) fn judge(&mut self, line: &Line<'_>) -> (Option<EventId>, Verdict) {
        match parse(&self.registry, line) {
            Ok(event) => (Some(event.event_id), self.admit(event)),
            Err(Rejection { event_id, violation }) => (event_id, Verdict::Rejected(violation)),
        }
    }

    fn admit(&mut self, mut event: CheckedEvent) -> Verdict {
        self.redactor.redact_event(&mut event);
        self.stored.clear();
        event.encode(&mut self.stored);
        let digest = self.digest.hash_one(&self.stored);
        match self.seen.entry(*event.event_id.as_bytes()) {
            Entry::Occupied(seen) if *seen.get() == digest => return Verdict::Duplicate,
            Entry::Occupied(_) => {
                let message = "an earlier line has another event under this id";
                return Verdict::Rejected(Violation::at(Rule::EventIdConflict, "event_id", message));
            }
            Entry::Vacant(_) => {}
        }
        if let Some(session) = &event.model_session_id {
            let before = self.lives.get(session.as_str()).copied();
            let after = match (lifecycle::step(before, &event), self.mode) {
                (Ok(after), Mode::Strict | Mode::Lenient) => after,
                (Err(_), Mode::Lenient) => lifecycle::force(before, &event),
                (Err(violation), Mode::Strict) => return Verdict::Rejected(violation),
            };
            if before != Some(after) {
                self.lives.insert(session.shared(), after);
            }
        }
        self.seen.insert(*event.event_id.as_bytes(), digest);
        Verdict::Accepted
    }
}
