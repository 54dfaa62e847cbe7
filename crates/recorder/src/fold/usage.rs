//! The ledger that lets usage count once, whatever is repeated, replayed, forked or resumed.
//!
//! Usage is keyed by the provider's response id where there is one, else by the span. Of several
//! reports under one key exactly one is charged, chosen by a rule that does not depend on the order
//! of arrival: first-hand over second-hand telemetry, the most tokens, then a known cost over none, then a stated cost over one from a price
//! table, then the earliest time, then the smallest event id.
//!
//! Telemetry names a response in every span that has to do with it, some with the provider and some
//! without; and emulated providers name their responses alike in every trace. So a response of telemetry
//! is one within its trace, whoever is said to have served it.

use flightrec_events::families::work::LlmInference;
use flightrec_events::telemetry::{PRICE_TABLE, TRACELOOP, USER_PRICE_TABLE};
use flightrec_events::{Event, SpanId, TraceId};
use flightrec_journal::sabotage::{Sabotage, sabotaged};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::told::telemetry_source;

/// Traceloop's libraries count the tokens of streams themselves: one too many where the provider's own
/// library says so.
const SECOND_HAND: &str = TRACELOOP;

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
}

impl Charge {
    pub(crate) fn new(session: u32, account: u32, event: &Event, inference: &LlmInference) -> Self {
        Self {
            session,
            account,
            amounts: Amounts::of(inference),
            timestamp_us: event.timestamp.as_micros(),
            event_id: *event.event_id.as_bytes(),
            is_second_hand: telemetry_source(event).is_some_and(|source| source.as_str() == SECOND_HAND),
            is_stated: inference.price_source.as_ref().is_none_or(|source| {
                ![PRICE_TABLE, USER_PRICE_TABLE].iter().any(|table| source.as_str().starts_with(table))
            }),
        }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Posting {
    /// The charges to take back: one under the response id, one under the span.
    pub(crate) take_back: [Option<Charge>; 2],
    /// The charge to make.
    pub(crate) make: Option<Charge>,
    /// Whether the same usage had been reported before.
    pub(crate) repeated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Entry {
    Charged(Charge),
    /// The span's usage is charged under response ids.
    Superseded,
}

/// All keys that were ever charged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    entries: FxHashMap<[u8; 16], Entry>,
}

impl Ledger {
    /// Decides what one report of usage changes.
    pub(crate) fn post(&mut self, event: &Event, inference: &LlmInference, charge: Charge) -> Posting {
        if sabotaged(Sabotage::UsageCountedTwice) {
            return Posting { make: Some(charge), ..Posting::default() };
        }
        let span = event.trace_id.zip(event.activity_span_id).map(|(trace, span)| span_key(trace, span));
        match (&inference.request_id, span) {
            (Some(request), span) => {
                let key = match (telemetry_source(event), event.trace_id) {
                    (Some(_), Some(trace)) => short_hash(&[b"traced", trace.as_bytes(), request.as_str().as_bytes()]),
                    (Some(_) | None, _) => {
                        response_key(inference.provider.as_ref().map(AsRef::as_ref), request.as_str())
                    }
                };
                let mut posting = self.compete(key, charge);
                if let Some(span) = span
                    && let Some(Entry::Charged(old)) = self.entries.insert(span, Entry::Superseded)
                {
                    // The span had reported the same usage before its response id was known.
                    posting.repeated = true;
                    posting.take_back[1] = Some(old);
                }
                posting
            }
            (None, Some(span)) => self.compete(span, charge),
            (None, None) => Posting { make: Some(charge), ..Posting::default() },
        }
    }

    /// Every charge that stands.
    pub(crate) fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::Charged(charge) => Some(charge),
            Entry::Superseded => None,
        })
    }

    fn compete(&mut self, key: [u8; 16], charge: Charge) -> Posting {
        match self.entries.get(&key) {
            None => {
                self.entries.insert(key, Entry::Charged(charge));
                Posting { make: Some(charge), ..Posting::default() }
            }
            Some(Entry::Charged(old)) if charge.beats(old) => {
                let take_back = [Some(*old), None];
                self.entries.insert(key, Entry::Charged(charge));
                Posting { take_back, make: Some(charge), repeated: true }
            }
            Some(Entry::Charged(_) | Entry::Superseded) => Posting { repeated: true, ..Posting::default() },
        }
    }
}

fn response_key(provider: Option<&str>, request: &str) -> [u8; 16] {
    short_hash(&[b"response", provider.unwrap_or_default().as_bytes(), request.as_bytes()])
}

fn span_key(trace: TraceId, span: SpanId) -> [u8; 16] {
    short_hash(&[b"span", trace.as_bytes(), span.as_bytes()])
}

fn short_hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize()[..16]);
    key
}
