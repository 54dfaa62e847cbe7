//! How much memory a request may take once it is decoded.
//!
//! A few bytes can stand for a structure of a few hundred: a span without a field is two bytes of protobuf.
//! So the structures that a request asks for are summed up before, in protobuf, or while, in JSON, they are
//! made, and a request that asks for too much is refused.

use std::cell::Cell;
use std::mem::size_of;

use super::metrics::{Metric, ResourceMetrics, ScopeMetrics};
use super::model::{
    AnyValue, KeyValue, LogRecord, ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans, Span, SpanEvent, SpanLink,
};
use super::wire::{Malformed, Walk};

/// The most bytes that the structures of one request may take, its text and bytes apart: those are never
/// longer than the request itself.
pub const MAX_STRUCTURE_BYTES: usize = 256 << 20;

/// How deep the messages of protobuf are followed; the decoder refuses what is deeper.
const MAX_PROTOBUF_DEPTH: usize = 100;

/// The fewest bytes that a message takes in protobuf: its tag and its length.
const MIN_MESSAGE_BYTES: usize = 2;

/// The most that a message takes in memory, and so what the fewest bytes can ask for.
const MAX_MESSAGE_SIZE_BYTES: usize = size_of::<Span>();
const _: () =
    assert!(MAX_MESSAGE_SIZE_BYTES >= size_of::<LogRecord>() && MAX_MESSAGE_SIZE_BYTES >= size_of::<Metric>());

/// What is left of the memory that a request may take.
#[derive(Debug)]
pub(crate) struct Budget {
    left_bytes: Cell<usize>,
    is_exceeded: Cell<bool>,
}

/// The request asks for more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded;

impl Budget {
    pub(crate) const fn new(limit_bytes: usize) -> Self {
        Self { left_bytes: Cell::new(limit_bytes), is_exceeded: Cell::new(false) }
    }

    /// Takes the memory of a structure.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Exceeded> {
        let Some(left) = self.left_bytes.get().checked_sub(bytes) else {
            self.is_exceeded.set(true);
            return Err(Exceeded);
        };
        self.left_bytes.set(left);
        Ok(())
    }

    /// Whether more was asked for than there was.
    pub(crate) const fn is_exceeded(&self) -> bool {
        self.is_exceeded.get()
    }
}

/// A message of OTLP, as far as its parts are messages too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    TracesRequest,
    LogsRequest,
    MetricsRequest,
    ResourceSpans,
    ResourceLogs,
    ResourceMetrics,
    ScopeSpans,
    ScopeLogs,
    ScopeMetrics,
    Resource,
    Span,
    SpanEvent,
    SpanLink,
    LogRecord,
    Metric,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
}

impl Shape {
    /// The message that a field holds, and what it takes beside the message that holds it.
    const fn part(self, number: u64) -> Option<(Self, usize)> {
        Some(match (self, number) {
            (Self::TracesRequest, 1) => (Self::ResourceSpans, size_of::<ResourceSpans>()),
            (Self::LogsRequest, 1) => (Self::ResourceLogs, size_of::<ResourceLogs>()),
            (Self::MetricsRequest, 1) => (Self::ResourceMetrics, size_of::<ResourceMetrics>()),
            (Self::ResourceSpans | Self::ResourceLogs, 1) => (Self::Resource, 0),
            (Self::ResourceSpans, 2) => (Self::ScopeSpans, size_of::<ScopeSpans>()),
            (Self::ResourceLogs, 2) => (Self::ScopeLogs, size_of::<ScopeLogs>()),
            (Self::ResourceMetrics, 2) => (Self::ScopeMetrics, size_of::<ScopeMetrics>()),
            (Self::ScopeSpans, 2) => (Self::Span, size_of::<Span>()),
            (Self::ScopeLogs, 2) => (Self::LogRecord, size_of::<LogRecord>()),
            (Self::ScopeMetrics, 2) => (Self::Metric, size_of::<Metric>()),
            (Self::Span, 11) => (Self::SpanEvent, size_of::<SpanEvent>()),
            (Self::Span, 13) => (Self::SpanLink, size_of::<SpanLink>()),
            (Self::LogRecord, 5) | (Self::KeyValue, 2) => (Self::AnyValue, 0),
            (Self::Resource | Self::KeyValueList, 1)
            | (Self::Span, 9)
            | (Self::SpanEvent, 3)
            | (Self::SpanLink, 4)
            | (Self::LogRecord, 6) => (Self::KeyValue, size_of::<KeyValue>()),
            (Self::AnyValue, 5) => (Self::ArrayValue, 0),
            (Self::AnyValue, 6) => (Self::KeyValueList, 0),
            (Self::ArrayValue, 1) => (Self::AnyValue, size_of::<AnyValue>()),
            _ => return None,
        })
    }
}

/// Takes from the budget what decoding this request will allocate for its structures.
///
/// A request that is too short to ask for too much is not looked at and takes nothing.
/// Bytes that are no protobuf are left to the decoder, which says what is wrong with them and comes no
/// further than this does.
pub(crate) fn measure(request: &[u8], shape: Shape, budget: &Budget) -> Result<(), Exceeded> {
    if request.len() / MIN_MESSAGE_BYTES <= budget.left_bytes.get() / MAX_MESSAGE_SIZE_BYTES {
        return Ok(());
    }
    let mut open = vec![(shape, Walk::new(request))];
    while let Some((shape, walk)) = open.last_mut() {
        let shape = *shape;
        match walk.next() {
            Err(Malformed) => return Ok(()),
            Ok(None) => {
                open.pop();
            }
            Ok(Some(field)) => {
                if let (Some(bytes), Some((part, size_bytes))) = (field.bytes, shape.part(field.number)) {
                    budget.take(size_bytes)?;
                    if open.len() < MAX_PROTOBUF_DEPTH {
                        open.push((part, Walk::new(bytes)));
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::otlp::model::{Any, ArrayValue, TracesRequest};

    #[test]
    fn every_structure_of_a_request_is_taken_from_the_budget() {
        let any = |value| Some(AnyValue { value: Some(value) });
        let list = ArrayValue { values: vec![AnyValue::default(); 3] };
        let attributes = vec![KeyValue { key: "k".into(), value: any(Any::Array(list)) }; 5];
        let events = vec![SpanEvent { attributes: attributes.clone(), ..SpanEvent::default() }; 2];
        let span = Span { attributes, events, links: vec![SpanLink::default(); 4], ..Span::default() };
        let scope = ScopeSpans { scope: None, spans: vec![span; 7] };
        let request =
            TracesRequest { resource_spans: vec![ResourceSpans { resource: None, scope_spans: vec![scope] }] };

        let pairs = 5 * 3 * size_of::<AnyValue>() + 5 * size_of::<KeyValue>();
        let span = size_of::<Span>() + 3 * pairs + 2 * size_of::<SpanEvent>() + 4 * size_of::<SpanLink>();
        let all = size_of::<ResourceSpans>() + size_of::<ScopeSpans>() + 7 * span;

        let bytes = request.encode_to_vec();
        assert!(bytes.len() / MIN_MESSAGE_BYTES > all / MAX_MESSAGE_SIZE_BYTES);
        let budget = Budget::new(all);
        assert_eq!(measure(&bytes, Shape::TracesRequest, &budget), Ok(()));
        assert_eq!(budget.left_bytes.get(), 0);
        let budget = Budget::new(all - 1);
        assert_eq!(measure(&bytes, Shape::TracesRequest, &budget), Err(Exceeded));
        assert!(budget.is_exceeded());
    }
}
