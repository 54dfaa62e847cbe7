//! What telemetry told of a session: folded so that neither order nor repetition of its spans matters.
//!
//! A host that records its own sessions says when they begin and end, once, in order. Telemetry does
//! not: every span is one witness, late or early. So each fact is kept with the time of its witness, and
//! the earliest witness counts.

use std::sync::Arc;

use flightrec_events::families::session::{SessionCreated, SessionStateChange};
use flightrec_events::families::work::LlmInference;
use flightrec_events::telemetry::{ACTOR_PREFIX, NO_CONVENTION, UNKNOWN};
use flightrec_events::{Backend, Event, Id, Payload, State, TraceId};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::usage::{Amounts, Charge};

/// Where an event was mapped from; `None` if its host recorded it.
pub(crate) fn telemetry_source(event: &Event) -> Option<&Id> {
    event.actor_id.as_ref().filter(|actor| actor.as_str().starts_with(ACTOR_PREFIX))
}

/// A fact and when its earliest witness saw it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Said {
    at_us: i64,
    pub(crate) what: Arc<str>,
}

fn hear(held: &mut Option<Said>, at_us: i64, what: &Id) {
    if what.as_str() == UNKNOWN {
        return;
    }
    let later = held.as_ref().is_some_and(|held| (held.at_us, &*held.what) <= (at_us, what.as_str()));
    if !later {
        *held = Some(Said { at_us, what: what.shared() });
    }
}

fn earlier(held: &mut Option<Said>, other: Option<&Said>) {
    *held = held.take().into_iter().chain(other.cloned()).min();
}

/// How the work of one trace ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct End {
    at_us: i64,
    /// The gravest end counts: a failure below a root that says nothing of it is a failure.
    state: State,
}

/// Reports of one usage that have nothing in common but their numbers: some from spans, some from log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Twins {
    logs: u32,
    spans: u32,
    /// What one of the span reports charged, and to which account.
    span_account: u32,
    span_nanos: Option<u64>,
}

/// Everything that telemetry told of one session id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The time of its first event.
    pub(crate) first_us: Option<i64>,
    /// The time of its last event. That it was created is told by whichever witness came first: no sign of life.
    pub(crate) last_us: Option<i64>,
    /// The convention that told of it; `None` while only spans outside any session are known.
    pub(crate) source: Option<Said>,
    pub(crate) role: Option<Said>,
    pub(crate) model: Option<Said>,
    pub(crate) provider: Option<Said>,
    pub(crate) label: Option<Arc<str>>,
    ends: FxHashMap<[u8; 16], End>,
    /// Hashes of the ids of its messages: history is told again with every call.
    messages: FxHashSet<u64>,
    /// Hashes of its tool calls, each by its trace and id: a span and a log record may tell of one.
    tool_calls: FxHashSet<u64>,
    /// By input, output, cached, cache-write and reasoning tokens.
    twins: FxHashMap<[u64; 5], Twins>,
}

impl Told {
    /// Takes one event in, usage apart.
    pub(crate) fn hear(&mut self, source: &Id, event: &Event) {
        let at_us = event.timestamp.as_micros();
        if !matches!(event.payload, Payload::SessionLinked(_)) {
            self.first_us = self.first_us.into_iter().chain([at_us]).min();
            if !matches!(event.payload, Payload::SessionCreated(_)) {
                self.last_us = self.last_us.max(Some(at_us));
            }
        }
        if let Payload::SessionCreated(created) = &event.payload {
            self.created(source, at_us, created);
        } else if let Payload::SessionStateChange(change) = &event.payload {
            self.ended(event.trace_id, at_us, change);
        } else if let Payload::SessionMessage(message) = &event.payload {
            self.messages.insert(key_of(&message.message_id, None));
        } else if let Payload::ToolCall(call) = &event.payload {
            self.tool_calls.insert(key_of(&call.tool_call_id, event.trace_id));
        } else if let (Payload::SpanOpened(_), Some(model)) = (&event.payload, &event.model_id) {
            // A call that told no usage, because it failed, names the model only where no other does.
            hear(&mut self.model, at_us.saturating_add(i64::MAX / 2), model);
        } else if let Payload::LlmInference(inference) = &event.payload {
            hear(&mut self.model, at_us, &inference.model_id);
            if let Some(provider) = &inference.provider {
                hear(&mut self.provider, at_us, provider);
            }
        }
    }

    fn created(&mut self, source: &Id, at_us: i64, created: &SessionCreated) {
        // A span of no convention tells where a session comes from only if nothing else does.
        let source_us = if source.as_str() == NO_CONVENTION { i64::MAX } else { at_us };
        hear(&mut self.source, source_us, source);
        hear(&mut self.role, at_us, &created.role);
        hear(&mut self.model, at_us, &created.model_id);
        if let Some(provider) = &created.provider {
            hear(&mut self.provider, at_us, provider);
        }
        let label = created.label.as_ref().map(|label| Arc::<str>::from(label.as_str()));
        self.label = self.label.take().into_iter().chain(label).min();
    }

    fn ended(&mut self, trace: Option<TraceId>, at_us: i64, change: &SessionStateChange) {
        let end = End { at_us, state: change.to_state };
        let trace = trace.map_or([0; 16], |trace| *trace.as_bytes());
        self.ends.entry(trace).and_modify(|held| *held = gravest(*held, end)).or_insert(end);
    }

    /// Remembers a report of usage that names no response: it may be told by a log record as well.
    pub(crate) fn hear_usage(&mut self, event: &Event, inference: &LlmInference, charge: &Charge) {
        if inference.request_id.is_some() {
            return;
        }
        let Amounts { input, output, cached, cache_write, reasoning, nanos } = charge.amounts;
        let twins = self.twins.entry([input, output, cached, cache_write, reasoning]).or_default();
        if event.activity_span_id.is_some() {
            twins.spans += 1;
            twins.span_account = charge.account;
            twins.span_nanos = nanos;
        } else {
            twins.logs += 1;
        }
    }

    /// What spans charged although log records charged it too: accounts and amounts to take back.
    pub(crate) fn told_twice(&self) -> Vec<(u32, Amounts, u32)> {
        let twice = |(key, twins): (&[u64; 5], &Twins)| {
            let [input, output, cached, cache_write, reasoning] = *key;
            let amounts = Amounts { input, output, cached, cache_write, reasoning, nanos: twins.span_nanos };
            (twins.span_account, amounts, twins.logs.min(twins.spans))
        };
        self.twins.iter().map(twice).filter(|(_, _, times)| *times > 0).collect()
    }

    /// Whether some span reported usage that log records may report, too.
    pub(crate) fn may_be_told_twice(&self) -> bool {
        self.twins.values().any(|twins| twins.logs > 0 && twins.spans > 0)
    }

    /// Takes in what was told of another id of the same session.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.first_us = self.first_us.into_iter().chain(other.first_us).min();
        self.last_us = self.last_us.max(other.last_us);
        earlier(&mut self.source, other.source.as_ref());
        earlier(&mut self.role, other.role.as_ref());
        earlier(&mut self.model, other.model.as_ref());
        earlier(&mut self.provider, other.provider.as_ref());
        self.label = self.label.take().into_iter().chain(other.label.clone()).min();
        for (trace, end) in &other.ends {
            self.ends.entry(*trace).and_modify(|held| *held = gravest(*held, *end)).or_insert(*end);
        }
        self.messages.extend(&other.messages);
        self.tool_calls.extend(&other.tool_calls);
        for (key, more) in &other.twins {
            let twins = self.twins.entry(*key).or_default();
            twins.logs += more.logs;
            if more.spans > 0 {
                twins.spans += more.spans;
                (twins.span_account, twins.span_nanos) = (more.span_account, more.span_nanos);
            }
        }
    }

    /// How many messages its thread holds.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.len() as u64
    }

    /// How many tools were called.
    pub(crate) fn tool_calls(&self) -> u64 {
        self.tool_calls.len() as u64
    }

    /// Its state, and when it ended if it has. A session goes on when a span opens after its latest end.
    pub(crate) fn state(&self, open_since_us: Option<i64>) -> (State, Option<i64>) {
        let Some(last) = self.ends.values().max() else { return (State::Active, None) };
        if open_since_us.is_some_and(|since| since >= last.at_us) {
            return (State::Active, None);
        }
        (last.state, Some(last.at_us).filter(|_| last.state.is_terminal()))
    }

    /// Where the model runs: telemetry comes from callers of hosted models unless it names a local server.
    pub(crate) fn backend(&self) -> Backend {
        let local = |said: &Said| matches!(&*said.what, "ollama" | "llama.cpp" | "vllm" | "lmstudio" | "local");
        if self.provider.as_ref().is_some_and(local) { Backend::Local } else { Backend::Cloud }
    }
}

fn gravest(a: End, b: End) -> End {
    End { at_us: a.at_us.max(b.at_us), state: a.state.max(b.state) }
}

/// A hash that stands for an id, in its trace where the id is unique there alone.
fn key_of(id: &Id, trace: Option<TraceId>) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    (id.as_str(), trace).hash(&mut hasher);
    hasher.finish()
}
