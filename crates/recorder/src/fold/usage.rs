//! The ledger that lets usage count once, whatever is repeated, replayed, forked or resumed.
//!
//! Usage is keyed by the provider's response id where there is one, else by the span, else by the event. Of several
//! reports under one key exactly one is charged, chosen by a rule that does not depend on the order
//! of arrival: first-hand over second-hand telemetry, the most tokens, then a known cost over none, then a stated cost over one from a price
//! table, then the earliest time, then the smallest event id.
//!
//! Telemetry names a response in every span that has to do with it, some with the provider and some
//! without; and emulated providers name their responses alike in every trace. So a response of telemetry
//! is one within its trace, whoever is said to have served it.
//!
//! Transcripts name responses that are one wherever they stand: in the file of a session, in the files of those that
//! were forked from it or went on with it, and in the telemetry of that session. So a report may have several
//! keys, and keys that one report has are one key from then on.

use flightrec_events::families::work::LlmInference;
use flightrec_events::telemetry::{self, CODEX_TRANSCRIPT, PRICE_TABLE, TRACELOOP, USER_PRICE_TABLE};
use flightrec_events::{Event, SpanId, TraceId};
use flightrec_journal::sabotage::{Sabotage, sabotaged};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::cold_keys::ColdKeys;
use super::page::{Entries, Key};
use super::sessions::digest_of;
use super::told::{is_transcript, telemetry_source};

/// Traceloop's libraries count the tokens of streams themselves: one too many where the provider's own
/// library says so.
const SECOND_HAND: &str = TRACELOOP;

/// The longest chain of keys that is followed.
pub(super) const MAX_CHAIN: usize = 4_096;

/// What one model call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Amounts {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    pub(crate) reasoning: u64,
    /// `None` is unpriced, never zero.
    pub(crate) nanos: Option<u64>,
}

impl Amounts {
    fn of(inference: &LlmInference) -> Self {
        let usage = &inference.token_usage;
        let count = |value: Option<flightrec_events::Count>| value.map_or(0, flightrec_events::Count::get);
        Self {
            input: usage.prompt_tokens.get(),
            output: usage.completion_tokens.get(),
            cached: count(usage.cached_prompt_tokens),
            cache_write: count(usage.cache_write_tokens),
            reasoning: count(usage.reasoning_tokens),
            nanos: inference.cost_usd.map(flightrec_events::Usd::nanos),
        }
    }

    pub(crate) const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// Who reports usage that other witnesses may report, too, with nothing in common but the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Witness {
    Span,
    Log,
    Transcript,
}

/// One charge: whose account it stands in, and what decides between rival reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// The session, as an index into the projection.
    pub(crate) session: u32,
    /// The model and provider, as an index into the projection.
    pub(crate) account: u32,
    pub(crate) amounts: Amounts,
    pub(crate) timestamp_us: i64,
    event_id: [u8; 16],
    /// Whether the emitter stated the cost, rather than a price table.
    is_stated: bool,
    /// Whether it was counted by a library around the one that made the call, which sees less of it.
    is_second_hand: bool,
    /// Whether a transcript told of it: it says whose it is more exactly than telemetry, where sub-agents share a session.
    is_transcribed: bool,
    /// Set where others may report the same without naming the response.
    pub(crate) witness: Option<Witness>,
}

impl Charge {
    pub(crate) fn new(session: u32, account: u32, event: &Event, inference: &LlmInference) -> Self {
        let source = telemetry_source(event);
        let is_transcribed = source.is_some_and(is_transcript);
        let witness = source.and_then(|source| match (is_transcribed, &inference.request_id) {
            (true, _) => (source.as_str() == CODEX_TRANSCRIPT).then_some(Witness::Transcript),
            (false, Some(_)) => None,
            (false, None) => Some(if event.activity_span_id.is_some() { Witness::Span } else { Witness::Log }),
        });
        Self {
            session,
            account,
            amounts: Amounts::of(inference),
            timestamp_us: event.timestamp.as_micros(),
            event_id: *event.event_id.as_bytes(),
            is_second_hand: source.is_some_and(|source| source.as_str() == SECOND_HAND),
            is_transcribed,
            witness,
            is_stated: inference.price_source.as_ref().is_none_or(|source| {
                ![PRICE_TABLE, USER_PRICE_TABLE].iter().any(|table| source.as_str().starts_with(table))
            }),
        }
    }

    /// The event that reported it.
    pub(crate) const fn event_id(&self) -> &[u8; 16] {
        &self.event_id
    }

    pub(crate) fn beats(&self, other: &Self) -> bool {
        let strength = |charge: &Self| {
            let (total, priced) = (charge.amounts.total(), charge.amounts.nanos.is_some());
            (total > 0 && !charge.is_second_hand, total, priced, priced && charge.is_stated)
        };
        let age = |charge: &Self| (charge.timestamp_us, charge.event_id);
        strength(self).cmp(&strength(other)).then_with(|| age(other).cmp(&age(self))).is_gt()
    }
}

/// What a report changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Posting {
    /// The charges to take back: those under the response's keys, and one under the span.
    pub(crate) take_back: Vec<Charge>,
    /// The charge to make.
    pub(crate) make: Option<Charge>,
    /// Whether the same usage had been reported before.
    pub(crate) repeated: bool,
}

/// What the ledger says under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    Charged(Charge, Option<Placement>),
    /// The usage of a span of a session is charged under response ids.
    Superseded(u32),
    /// It is the same response as that of another key, as a report of a session told.
    Same(Key, u32),
}

/// The earliest transcript that tells of a response: it says which session that belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Placement {
    at_us: i64,
    event_id: [u8; 16],
    session: u32,
}

impl Entry {
    /// The charge that stands under the key, if one does.
    pub(crate) const fn charge(&self) -> Option<Charge> {
        match self {
            Entry::Charged(charge, _) => Some(*charge),
            Entry::Superseded(_) | Entry::Same(..) => None,
        }
    }

    /// The session that it belongs to, and is packed with.
    pub(crate) const fn session(&self) -> u32 {
        match self {
            Entry::Charged(charge, _) => charge.session,
            Entry::Superseded(session) | Entry::Same(_, session) => *session,
        }
    }
}

/// The keys that were charged, of the sessions that are not packed; and where to look for the others.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: FxHashMap<Key, Entry>,
    /// By session, its keys; some may have gone to another since.
    keys: FxHashMap<u32, Vec<Key>>,
    pub(crate) cold: ColdKeys,
}

impl Ledger {
    /// The keys that a report of usage may meet, beside those that they lead to.
    pub(crate) fn keys_of(event: &Event, inference: &LlmInference) -> Vec<Key> {
        let span = event.trace_id.zip(event.activity_span_id).map(|(trace, span)| span_key(trace, span));
        let Some(request) = &inference.request_id else { return Vec::from_iter(span) };
        let provider = inference.provider.as_ref().map(AsRef::as_ref);
        let (key, other) = keys_of(event, provider, request.as_str());
        [Some(key), other, span].into_iter().flatten().collect()
    }

    /// What is held under a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    fn put(&mut self, key: Key, entry: Entry) -> Option<Entry> {
        let old = self.entries.insert(key, entry);
        if old.is_none_or(|old| old.session() != entry.session()) {
            self.keys.entry(entry.session()).or_default().push(key);
        }
        old
    }

    /// Takes in the entries of a session that is not packed any more.
    pub(crate) fn take_in(&mut self, entries: Entries) {
        for (key, entry) in entries {
            // Whatever the ledger holds under the key came later.
            if !self.entries.contains_key(&key) {
                self.put(key, entry);
            }
        }
    }

    /// The entries of a session that is not packed, by key.
    pub(crate) fn entries_of(&self, session: u32) -> Entries {
        let keys = self.keys.get(&session).into_iter().flatten();
        let held = keys.filter_map(|key| Some((*key, *self.entries.get(key)?)));
        let mut entries: Entries = held.filter(|(_, entry)| entry.session() == session).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        entries
    }

    /// Gives the entries of a session away, to be packed with it.
    pub(crate) fn give_away(&mut self, session: u32) -> Entries {
        let entries = self.entries_of(session);
        self.keys.remove(&session);
        for (key, _) in &entries {
            self.entries.remove(key);
        }
        entries
    }

    /// Decides what one report of usage changes. Everything that its keys lead to must have been taken in.
    pub(crate) fn post(&mut self, event: &Event, inference: &LlmInference, charge: Charge) -> Posting {
        if sabotaged(Sabotage::UsageCountedTwice) {
            return Posting { make: Some(charge), ..Posting::default() };
        }
        let span = event.trace_id.zip(event.activity_span_id).map(|(trace, span)| span_key(trace, span));
        match (&inference.request_id, span) {
            (Some(request), span) => {
                let provider = inference.provider.as_ref().map(AsRef::as_ref);
                let (key, other) = keys_of(event, provider, request.as_str());
                let mut posting = self.compete(key, other, charge);
                // A transcript has no spans of its own: several responses may lie in one of its turns.
                if let Some(span) = span.filter(|_| !charge.is_transcribed)
                    && let Some(Entry::Charged(old, _)) = self.put(span, Entry::Superseded(charge.session))
                {
                    // The span had reported the same usage before its response id was known.
                    posting.repeated = true;
                    posting.take_back.push(old);
                }
                posting
            }
            (None, Some(span)) => self.compete(span, None, charge),
            // Nothing but the event itself names it.
            (None, None) => self.compete(digest_of(&[b"event", &charge.event_id]), None, charge),
        }
    }

    /// The key that a key is the same as in the end.
    fn root_of(&self, key: Key) -> Key {
        let mut at = key;
        // A chain is as long as two groups of one response were found to be one, which is a few times; only a
        // forged snapshot holds a circle.
        for _ in 0..MAX_CHAIN {
            match self.entries.get(&at) {
                Some(Entry::Same(next, _)) => at = *next,
                Some(Entry::Charged(..) | Entry::Superseded(_)) | None => return at,
            }
        }
        at
    }

    /// Lets a report compete with all others under its keys, which are one from now on.
    fn compete(&mut self, key: Key, other: Option<Key>, charge: Charge) -> Posting {
        let root = self.root_of(key);
        let other_root = other.map(|other| self.root_of(other)).filter(|other| *other != root);
        let own_place = Placement { at_us: charge.timestamp_us, event_id: charge.event_id, session: charge.session };
        let mut place = charge.is_transcribed.then_some(own_place);
        let mut best = charge;
        let mut old = Vec::new();
        for at in [Some(root), other_root].into_iter().flatten() {
            match self.entries.get(&at) {
                Some(Entry::Charged(held, placed)) => {
                    if !best.beats(held) {
                        best = *held;
                    }
                    old.push(*held);
                    place = place.into_iter().chain(*placed).min();
                }
                Some(Entry::Superseded(_) | Entry::Same(..)) => {
                    return Posting { repeated: true, ..Posting::default() };
                }
                None => {}
            }
        }
        if let Some(place) = place {
            best.session = place.session;
        }
        self.put(root, Entry::Charged(best, place));
        for same in [other, other_root].into_iter().flatten().filter(|same| *same != root) {
            self.put(same, Entry::Same(root, charge.session));
        }
        let repeated = !old.is_empty();
        if matches!(old.as_slice(), [held] if *held == best) {
            return Posting { repeated, ..Posting::default() };
        }
        Posting { take_back: old, make: Some(best), repeated }
    }
}

/// The keys of a response: the one that every report of its kind has, and another that joins it with others.
///
/// Claude Code names the same requests in its telemetry and in its transcripts; there sub-agents are sessions of
/// their own, here they share one.
fn keys_of(event: &Event, provider: Option<&str>, request: &str) -> (Key, Option<Key>) {
    let in_session = || {
        let session = telemetry::whole_session(event.model_session_id.as_ref()?.as_str());
        Some(digest_of(&[b"in session", session.as_bytes(), request.as_bytes()]))
    };
    match (telemetry_source(event), event.trace_id) {
        (Some(source), _) if is_transcript(source) => {
            (digest_of(&[b"transcribed", source.as_str().as_bytes(), request.as_bytes()]), in_session())
        }
        (Some(source), Some(trace)) => {
            let other = if source.as_str() == telemetry::CLAUDE_CODE { in_session() } else { None };
            (digest_of(&[b"traced", trace.as_bytes(), request.as_bytes()]), other)
        }
        (Some(_) | None, _) => (response_key(provider, request), None),
    }
}

fn response_key(provider: Option<&str>, request: &str) -> Key {
    digest_of(&[b"response", provider.unwrap_or_default().as_bytes(), request.as_bytes()])
}

fn span_key(trace: TraceId, span: SpanId) -> Key {
    digest_of(&[b"span", trace.as_bytes(), span.as_bytes()])
}
