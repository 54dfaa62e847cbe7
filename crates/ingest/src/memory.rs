//! What the mapper remembers of the telemetry that came lately, bounded whatever comes.
//!
//! Nothing here is truth: it saves events that would say nothing new, and finds the session of a parent
//! that came in an earlier request. What is forgotten is said again, which changes no answer.

use std::borrow::Borrow;
use std::hash::Hash;

use flightrec_events::families::session::{SessionCreated, SessionLinked};
use flightrec_events::telemetry::UNKNOWN;
use flightrec_events::{Event, Id, LinkEvidence, LinkRelation, Payload, SpanId, TraceId};
use rustc_hash::FxHashMap;

use crate::facts::Source;
use crate::ids;

/// How many entries of one kind are remembered at least; twice as many at most.
const GENERATION: usize = 65_536;

/// A map that forgets what was not asked for lately: when the young half is full, the old one goes.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: FxHashMap<K, V>,
    old: FxHashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: FxHashMap::default(), old: FxHashMap::default() }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Recent<K, V> {
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

/// The time of a witness that follows no convention: after any other.
pub(crate) const NO_CONVENTION_US: i64 = i64::MAX - 1;

/// What is known of a session: when the earliest witnesses of it began, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Witnessed {
    pub(crate) created_us: i64,
    pub(crate) role_us: i64,
}

impl Default for Witnessed {
    fn default() -> Self {
        Self { created_us: i64::MAX, role_us: i64::MAX }
    }
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Under which id a span was recorded.
    pub(crate) spans: Recent<(TraceId, SpanId), Id>,
    /// Spans that have not arrived and that others named as their parent.
    pub(crate) missing: Recent<(TraceId, SpanId), ()>,
    /// The start of the earliest span of a trace that names a session, in microseconds.
    pub(crate) traces: Recent<TraceId, i64>,
    pub(crate) sessions: Recent<Id, Witnessed>,
    /// Who was said to have spawned whom, by a hash of both ids, and when at the earliest.
    pub(crate) spawns: Recent<u64, i64>,
    /// When a message was said at the earliest, by a hash of session and message.
    pub(crate) messages: Recent<u64, i64>,
    /// Names that come again and again: models, tools, keys of attributes.
    names: Recent<Box<str>, Id>,
}

impl Memory {
    /// A name as an id, which names that came lately share.
    pub(crate) fn name(&mut self, name: &str) -> Id {
        if let Some(id) = self.names.get(name) {
            return id.clone();
        }
        let id = ids::id(name);
        // Only what is an id as it stands is worth remembering, and bounded.
        if id.as_str() == name {
            self.names.put(name.into(), id.clone());
        }
        id
    }

    /// Remembers an event of the record, as if it had been mapped lately.
    pub(crate) fn recall(&mut self, event: &Event) {
        let at_us = event.timestamp.as_micros();
        if let Payload::SpanOpened(_) = &event.payload {
            if let (Some(trace), Some(span), Some(session)) =
                (event.trace_id, event.activity_span_id, &event.model_session_id)
            {
                self.spans.put((trace, span), session.clone());
            }
        } else if let Payload::SessionCreated(created) = &event.payload {
            let is_plain = event.actor_id.as_ref().is_some_and(|actor| actor.as_str() == Source::Plain.as_str());
            self.recall_session(if is_plain { NO_CONVENTION_US } else { at_us }, created);
        } else if let Payload::SessionLinked(linked) = &event.payload {
            self.recall_link(at_us, event.trace_id, linked);
        }
    }

    fn recall_session(&mut self, at_us: i64, created: &SessionCreated) {
        let mut witnessed = self.sessions.get(&created.session_id).copied().unwrap_or_default();
        witnessed.created_us = witnessed.created_us.min(at_us);
        if created.role.as_str() != UNKNOWN {
            witnessed.role_us = witnessed.role_us.min(at_us);
        }
        self.sessions.put(created.session_id.clone(), witnessed);
    }

    fn recall_link(&mut self, at_us: i64, trace: Option<TraceId>, linked: &SessionLinked) {
        let Some(trace) = trace else { return };
        match (linked.relation, linked.evidence, linked.span_id) {
            (LinkRelation::PartOf, LinkEvidence::Trace, Some(span)) => self.missing.put((trace, span), ()),
            (LinkRelation::PartOf, LinkEvidence::Attribute, _) => {
                let earliest = self.traces.get(&trace).copied().unwrap_or(i64::MAX).min(at_us);
                self.traces.put(trace, earliest);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_lately_is_found_and_the_rest_is_bounded() {
        let mut recent = Recent::default();
        for n in 0..5 * GENERATION {
            recent.put(n, n);
        }
        assert_eq!(recent.get(&(5 * GENERATION - 1)), Some(&(5 * GENERATION - 1)));
        assert_eq!(recent.get(&0), None);
        assert!(recent.young.len() + recent.old.len() <= 2 * GENERATION);
    }
}
