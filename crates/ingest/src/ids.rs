//! Ids that follow from what they name, so that telemetry which is delivered again is known again.

use flightrec_events::{EventId, Id, SpanId, Timestamp, TraceId};
use sha2::{Digest, Sha256};

use crate::conventions::logs::LogFacts;
use crate::otlp::model::LogRecord;

/// What an event of a span or log record is about: one of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Opened,
    Closed,
    Inference,
    ToolCall,
    Message,
    SessionCreated,
    SessionEnded,
    PartOfTrace,
    PartOfSession,
    TraceOf,
    ChildOf,
}

/// A hash over parts, each with its length, so that no two lists of parts give the same bytes.
pub(crate) fn digest(about: About, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([about as u8]);
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The id of an event: version 7, its time the event's own and its random part a hash of what the event
/// is about. Ids that grow with time are cheap to look up; ids that follow from content are known again.
pub(crate) fn event_id(at: Timestamp, about: About, parts: &[&[u8]]) -> EventId {
    let hash = digest(about, parts);
    let mut random = [0; 16];
    random.copy_from_slice(&hash[..16]);
    EventId::v7(unix_ms(at), u128::from_be_bytes(random))
}

/// The id of an event that some transcript tells first-hand and others may copy: of the same time, what is told
/// first-hand has the smaller one, so that it counts.
pub(crate) fn ranked_event_id(at: Timestamp, is_copy: bool, about: About, parts: &[&[u8]]) -> EventId {
    let hash = digest(about, parts);
    let mut random = [0; 16];
    random.copy_from_slice(&hash[..16]);
    EventId::v7(unix_ms(at), ranked(u128::from_be_bytes(random), is_copy))
}

fn unix_ms(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros().div_euclid(1_000)).unwrap_or(0)
}

/// The first bit of a random part says whether it is a copy's.
const fn ranked(random: u128, is_copy: bool) -> u128 {
    const FIRST: u128 = 1 << 75;
    if is_copy { random | FIRST } else { random & !FIRST }
}

/// The session of a trace that names none: the trace's own id.
pub(crate) fn session_of_trace(trace: TraceId) -> Id {
    Id::new(trace.to_string()).unwrap_or_else(|_| unreachable!("32 hex digits are an id"))
}

/// What stands in for the session of a span that has not arrived.
pub(crate) fn session_of_span(trace: TraceId, span: SpanId) -> Id {
    Id::new(format!("{trace}/{span}")).unwrap_or_else(|_| unreachable!("hex digits and a slash are an id"))
}

/// Whether an id stands in for the session of a span of this trace that has not arrived.
pub(crate) fn is_stand_in(id: &Id, trace: TraceId) -> bool {
    id.as_str().strip_prefix(trace.to_string().as_str()).is_some_and(|rest| rest.starts_with('/'))
}

/// The id of a session as telemetry names it; a name that cannot be an id is replaced by its hash. `None` if
/// it is empty.
pub(crate) fn named_session(name: &str) -> Option<Id> {
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    Some(id(name))
}

/// Text as an id, or its hash if it is too long or holds control characters.
pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap_or_else(|_| {
        Id::new(format!("sha256:{}", hex(&Sha256::digest(text.as_bytes()))))
            .unwrap_or_else(|_| unreachable!("a prefix and hex digits are an id"))
    })
}

/// The trace of what happened in a session outside any trace.
pub(crate) fn trace_of_session(session: &Id) -> TraceId {
    trace_of_hash(&Sha256::digest([b"session:", session.as_str().as_bytes()].concat()).into())
}

/// A trace of its own for something that is named by these.
pub(crate) fn trace_of(parts: &[&[u8]]) -> TraceId {
    trace_of_hash(&digest(About::TraceOf, parts))
}

fn trace_of_hash(hash: &[u8; 32]) -> TraceId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // One hash in 2^128 is all zeros.
    TraceId::from_bytes(bytes).or_else(|| TraceId::from_bytes([1; 16])).unwrap_or_else(|| unreachable!("not zeros"))
}

/// Eight bytes of a digest, for what is only remembered.
pub(crate) fn short_key(about: About, parts: &[&[u8]]) -> u64 {
    let hash = digest(about, parts);
    let mut key = [0; 8];
    key.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(key)
}

/// What tells a log record from any other.
pub(crate) fn key_of_log(record: &LogRecord, log: &LogFacts<'_>, session: &Id) -> [u8; 24] {
    let hash = digest(
        About::Opened,
        &[
            session.as_str().as_bytes(),
            &record.trace_id,
            &record.span_id,
            log.event.as_bytes(),
            &log.at_unix_nano.to_le_bytes(),
            log.key.as_deref().unwrap_or_default().as_bytes(),
        ],
    );
    let mut key = [0; 24];
    key.copy_from_slice(&hash[..24]);
    key
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or_else(|| unreachable!("below 16")));
        }
        text
    })
}
