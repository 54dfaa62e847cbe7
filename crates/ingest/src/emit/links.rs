//! Sessions: that they exist, whose part a stand-in is, who spawned whom.

use std::hash::Hash;

use flightrec_events::families::session::{SessionCreated, SessionLinked};
use flightrec_events::telemetry::UNKNOWN;
use flightrec_events::{Backend, Count, Id, LinkEvidence, LinkRelation, MemoryPolicy, SpanId, Timestamp, TraceId};
use rustc_hash::FxHashMap;

use super::emitter::{Emitter, Witness};
use crate::facts::{Facts, Source, Work};
use crate::ids::{self, About};
use crate::memory;
use crate::place::{self, Above, Placed};

/// The most links of one span that are kept.
pub(super) const MAX_LINKS: usize = 128;

/// The spans of a request that tell of something first.
#[derive(Debug, Default)]
pub(super) struct Firsts<'a> {
    /// The span by which a session comes to be.
    made: FxHashMap<&'a Id, usize>,
    /// The agent span that gives a session its role.
    role: FxHashMap<&'a Id, usize>,
    /// The span that tells the session of a trace.
    trace: FxHashMap<TraceId, usize>,
}

impl<'a> Firsts<'a> {
    pub(super) fn of(spans: &'a [Placed<'a>]) -> Self {
        let mut firsts = Self::default();
        for (at, span) in spans.iter().enumerate() {
            if span.makes_session() {
                keep_first(&mut firsts.made, &span.session, at, |at| (witnessed_us(&spans[at]), spans[at].id));
            }
            let began = |at: usize| (spans[at].start, spans[at].id);
            if span.facts.work == Work::Agent && span.facts.agent.is_some() {
                keep_first(&mut firsts.role, &span.session, at, began);
            }
            if span.own.is_some() {
                keep_first(&mut firsts.trace, span.trace, at, began);
            }
        }
        firsts
    }
}

impl Emitter<'_> {
    /// Tells that a session exists, if nobody earlier did.
    pub(super) fn introduce(&mut self, witness: &Witness, at: usize, span: &Placed<'_>, firsts: &Firsts<'_>) {
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

    pub(super) fn introduce_by_log(&mut self, witness: &Witness, at: Timestamp, is_named: bool, facts: &Facts<'_>) {
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

    pub(super) fn created(&mut self, witness: &Witness, at: Timestamp, role: Option<&str>) {
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
    pub(super) fn tie(&mut self, witness: &Witness, span: &Placed<'_>, firsts: &Firsts<'_>, at: usize) {
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
    pub(super) fn miss(&mut self, witness: &Witness, at: Timestamp, trace: TraceId, missing: SpanId) {
        if self.memory.missing.get(&(trace, missing)).is_some() {
            return;
        }
        self.memory.missing.put((trace, missing), ());
        let (stand_in, whole) = (ids::session_of_span(trace, missing), ids::session_of_trace(trace));
        self.part_of(witness, About::PartOfTrace, at, &stand_in, &whole, LinkEvidence::Trace, missing);
    }

    #[expect(clippy::too_many_arguments, reason = "a link has two ends, an evidence, a witness and a time")]
    pub(super) fn part_of(
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
    pub(super) fn child_of(
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

    pub(super) fn spawned(&mut self, witness: &Witness, facts: &Facts<'_>, at: Timestamp) {
        for child in &facts.spawned {
            if let Some(child) = ids::named_session(child) {
                let named = child.as_str().as_bytes();
                self.child_of(witness, at, &child, &witness.session, LinkEvidence::ToolResult, &[named]);
            }
        }
    }
}

/// Keeps, of the indices of spans under one key, the one that is first in an order.
fn keep_first<K: Hash + Eq, O: Ord>(firsts: &mut FxHashMap<K, usize>, key: K, at: usize, order: impl Fn(usize) -> O) {
    let held = firsts.entry(key).or_insert(at);
    if order(at) < order(*held) {
        *held = at;
    }
}

/// When a span witnessed that its session exists: one that follows no convention counts after all others,
/// because a session is marked with the convention that told of it.
fn witnessed_us(span: &Placed<'_>) -> i64 {
    if span.facts.source == Source::Plain { memory::NO_CONVENTION_US } else { span.start.as_micros() }
}
