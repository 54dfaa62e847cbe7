//! What telemetry told of a session: folded so that neither order nor repetition of its spans matters.
//!
//! A host that records its own sessions says when they begin and end, once, in order. Telemetry does
//! not: every span is one witness, late or early. So each fact is kept with the time of its witness, and
//! the earliest witness counts.
//!
//! Transcripts are told apart from other telemetry, because both may tell of the same words, calls and usage under
//! ids of their own, and where an agent shares its session's id in telemetry its transcript says which are its own.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use flightrec_events::families::session::{SessionCreated, SessionStateChange};
use flightrec_events::telemetry::{ACTOR_PREFIX, NO_CONVENTION, TRANSCRIPT_PREFIX, UNKNOWN};
use flightrec_events::{Backend, Event, Id, Payload, State, TraceId};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::usage::{Amounts, Charge, Witness};

/// Where an event was mapped from; `None` if its host recorded it.
pub(crate) fn telemetry_source(event: &Event) -> Option<&Id> {
    event.actor_id.as_ref().filter(|actor| actor.as_str().starts_with(ACTOR_PREFIX) || is_transcript(actor))
}

/// Whether what a source tells was read in a transcript.
pub(crate) fn is_transcript(source: &Id) -> bool {
    source.as_str().starts_with(TRANSCRIPT_PREFIX)
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

/// Charges of one kind of witness for the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Alike {
    count: u32,
    /// What one of them charged, and to which account.
    account: u32,
    nanos: Option<u64>,
}

/// Charges that have nothing in common but their numbers: some by spans, some by log records, some by transcripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Twins {
    spans: Alike,
    logs: Alike,
    transcripts: Alike,
}

impl Alike {
    fn merge(&mut self, other: &Self) {
        if other.count > 0 {
            *self = Self { count: self.count.saturating_add(other.count), ..*other };
        }
    }
}

impl Twins {
    fn of(&mut self, witness: Witness) -> &mut Alike {
        match witness {
            Witness::Span => &mut self.spans,
            Witness::Log => &mut self.logs,
            Witness::Transcript => &mut self.transcripts,
        }
    }

    /// What is charged although better witnesses charged it too. A transcript names models and responses, log
    /// records at least models.
    fn too_many(&self) -> [(&Alike, u32); 2] {
        let (spans, logs, transcripts) = (self.spans.count, self.logs.count, self.transcripts.count);
        [(&self.logs, logs.min(transcripts)), (&self.spans, spans.min(logs.max(transcripts)))]
    }

    const fn is_empty(&self) -> bool {
        self.spans.count == 0 && self.logs.count == 0 && self.transcripts.count == 0
    }
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
    /// The same of those that transcripts tell.
    transcribed_messages: FxHashSet<u64>,
    /// Hashes of the ids of its tool calls, and of their traces: a span and a log record may tell of one.
    tool_calls: FxHashSet<(u64, u64)>,
    /// Hashes of the ids of the tool calls that transcripts tell.
    transcribed_calls: FxHashSet<u64>,
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
            let key = key_of(message.message_id.as_str());
            let heard = if is_transcript(source) { &mut self.transcribed_messages } else { &mut self.messages };
            heard.insert(key);
        } else if let Payload::ToolCall(call) = &event.payload {
            let key = key_of(call.tool_call_id.as_str());
            if is_transcript(source) {
                self.transcribed_calls.insert(key);
            } else {
                self.tool_calls.insert((key, key_of(&event.trace_id)));
            }
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

    /// Remembers a charge that other witnesses may make as well, without naming its response.
    pub(crate) fn charged(&mut self, witness: Witness, charge: &Charge) {
        let alike = self.twins.entry(numbers(&charge.amounts)).or_default().of(witness);
        *alike = Alike { count: alike.count.saturating_add(1), account: charge.account, nanos: charge.amounts.nanos };
    }

    /// Forgets such a charge, which was taken back.
    pub(crate) fn taken_back(&mut self, witness: Witness, charge: &Charge) {
        let numbers = numbers(&charge.amounts);
        let Some(twins) = self.twins.get_mut(&numbers) else { return };
        let alike = twins.of(witness);
        alike.count = alike.count.saturating_sub(1);
        if alike.count == 0 {
            *alike = Alike::default();
        }
        if twins.is_empty() {
            self.twins.remove(&numbers);
        }
    }

    /// What some witnesses charged although better ones charged it too: accounts and amounts to take back.
    pub(crate) fn told_twice(&self) -> Vec<(u32, Amounts, u32)> {
        let mut twice = Vec::new();
        for ([input, output, cached, cache_write, reasoning], twins) in &self.twins {
            for (alike, times) in twins.too_many().into_iter().filter(|(_, times)| *times > 0) {
                let amounts = Amounts {
                    input: *input,
                    output: *output,
                    cached: *cached,
                    cache_write: *cache_write,
                    reasoning: *reasoning,
                    nanos: alike.nanos,
                };
                twice.push((alike.account, amounts, times));
            }
        }
        twice
    }

    /// Whether some usage was charged by witnesses of more than one kind.
    pub(crate) fn may_be_told_twice(&self) -> bool {
        self.twins.values().any(|twins| twins.too_many().iter().any(|(_, times)| *times > 0))
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
        self.transcribed_messages.extend(&other.transcribed_messages);
        self.tool_calls.extend(&other.tool_calls);
        self.transcribed_calls.extend(&other.transcribed_calls);
        for (key, more) in &other.twins {
            let twins = self.twins.entry(*key).or_default();
            twins.spans.merge(&more.spans);
            twins.logs.merge(&more.logs);
            twins.transcripts.merge(&more.transcripts);
        }
    }

    /// How many messages its thread holds.
    pub(crate) fn messages(&self) -> u64 {
        let transcribed = self.transcribed_messages.iter().filter(|key| !self.messages.contains(key));
        (self.messages.len() + transcribed.count()) as u64
    }

    /// How many tools were called.
    pub(crate) fn tool_calls(&self) -> u64 {
        if self.transcribed_calls.is_empty() {
            return self.tool_calls.len() as u64;
        }
        let told: FxHashSet<u64> = self.tool_calls.iter().map(|(call, _)| *call).collect();
        let transcribed = self.transcribed_calls.iter().filter(|call| !told.contains(call));
        (self.tool_calls.len() + transcribed.count()) as u64
    }

    /// Whether telemetry other than transcripts told of words or calls in it.
    pub(crate) fn may_share(&self) -> bool {
        !self.messages.is_empty() || !self.tool_calls.is_empty()
    }

    /// Whether a transcript told of words or calls in it.
    pub(crate) fn is_transcribed(&self) -> bool {
        !self.transcribed_messages.is_empty() || !self.transcribed_calls.is_empty()
    }

    /// Leaves to an agent what its transcript tells: telemetry told it here, because the agent shares this session's id.
    pub(crate) fn leave_to(&mut self, agent: &Self) {
        self.messages.retain(|key| !agent.transcribed_messages.contains(key));
        self.tool_calls.retain(|(call, _)| !agent.transcribed_calls.contains(call));
    }

    /// Whether a message is an agent's own, by [`leave_to`](Self::leave_to).
    pub(crate) fn is_left(&self, message_id: &str) -> bool {
        let key = key_of(message_id);
        !self.messages.contains(&key) && !self.transcribed_messages.contains(&key)
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

fn numbers(amounts: &Amounts) -> [u64; 5] {
    let Amounts { input, output, cached, cache_write, reasoning, nanos: _ } = *amounts;
    [input, output, cached, cache_write, reasoning]
}

/// A hash that stands for an id.
fn key_of<T: Hash + ?Sized>(id: &T) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    id.hash(&mut hasher);
    hasher.finish()
}
