//! Where the spans of one request belong: their sessions, and which of them lie in others.

use flightrec_events::{Id, SpanId, Timestamp, TraceId};
use rustc_hash::FxHashMap;

use crate::attributes::Attributes;
use crate::facts::{Facts, Work};
use crate::ids;
use crate::memory::Memory;
use crate::otlp::model::Span;

/// How far the spans above a span are looked at.
const MAX_ANCESTORS: usize = 4_096;

/// Where the span above a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Above {
    /// There is none: a root.
    Nothing,
    /// In the same request, at this index.
    Here(usize),
    /// In an earlier request.
    Earlier,
    /// It has not arrived.
    Missing,
}

/// A span with its place.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) span: &'a Span,
    pub(crate) facts: Facts<'a>,
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: Timestamp,
    /// `None` while it is open.
    pub(crate) end: Option<Timestamp>,
    pub(crate) above: Above,
    /// The session that it names itself.
    pub(crate) own: Option<Id>,
    /// The id that it is recorded under.
    pub(crate) session: Id,
    /// The id that the span above it is recorded under.
    pub(crate) session_above: Option<Id>,
    /// Whether it lies in a tool call of this request.
    pub(crate) in_tool: bool,
}

impl<'a> Placed<'a> {
    /// A span that can be recorded, its place not yet known.
    ///
    /// # Errors
    /// Says what is wrong with a span that cannot be recorded.
    pub(crate) fn new(span: &'a Span, facts: Facts<'a>) -> Result<Self, String> {
        let name = || span.name.chars().take(256).collect::<String>();
        let trace = trace_id(&span.trace_id)
            .ok_or_else(|| format!("span {:?} has no trace id: 16 bytes, not all zero, are needed", name()))?;
        let id = span_id(&span.span_id)
            .ok_or_else(|| format!("span {:?} has no span id: 8 bytes, not all zero, are needed", name()))?;
        let beyond = || format!("the times of span {:?} are no dates", name());
        let start = match span.start_time_unix_nano {
            0 => span.end_time_unix_nano,
            start => start,
        };
        let start = timestamp(start).ok_or_else(beyond)?;
        let end = match span.end_time_unix_nano {
            0 => None,
            end => Some(timestamp(end).ok_or_else(beyond)?),
        };
        let (id, parent, end) = match announced(span) {
            Some((announced, parent)) => (announced, parent, None),
            None => (id, span_id(&span.parent_span_id), end),
        };
        let own = facts.session.as_deref().and_then(ids::named_session);
        let session = own.clone().unwrap_or_else(|| ids::session_of_trace(trace));
        Ok(Self {
            span,
            trace,
            id,
            parent,
            start,
            end,
            above: Above::Nothing,
            own,
            session,
            session_above: None,
            in_tool: false,
            facts,
        })
    }

    /// Whether a session that is not known otherwise comes to be by this span.
    pub(crate) fn makes_session(&self) -> bool {
        match self.facts.work {
            Work::Agent | Work::ModelCall | Work::ToolCall => true,
            Work::Step | Work::Plain => self.own.is_some() && self.facts.source != crate::facts::Source::Plain,
        }
    }
}

/// The span that a span announces, and the one above that: Logfire sends a span without length when another
/// begins, so that open work is seen. It stands for the beginning of the span that it lies in.
fn announced(span: &Span) -> Option<(SpanId, Option<SpanId>)> {
    if span.start_time_unix_nano != span.end_time_unix_nano {
        return None;
    }
    let attributes = Attributes::new(&span.attributes);
    if attributes.str("logfire.span_type") != Some("pending_span") {
        return None;
    }
    let announced = span_id(&span.parent_span_id)?;
    let above = attributes.str("logfire.pending_parent_id").and_then(|id| u64::from_str_radix(id, 16).ok());
    Some((announced, above.and_then(|id| SpanId::from_bytes(id.to_be_bytes()))))
}

/// A trace id as OTLP carries it.
pub(crate) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    TraceId::from_bytes(bytes.try_into().ok()?)
}

/// A span id as OTLP carries it.
pub(crate) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    SpanId::from_bytes(bytes.try_into().ok()?)
}

/// A time as OTLP carries it.
pub(crate) fn timestamp(unix_nano: u64) -> Option<Timestamp> {
    Timestamp::from_micros(i64::try_from(unix_nano / 1_000).ok()?)
}

/// Places the spans of one request.
pub(crate) fn spans(spans: &mut [Placed<'_>], memory: &Memory) {
    let index: FxHashMap<(TraceId, SpanId), usize> =
        spans.iter().enumerate().map(|(at, span)| ((span.trace, span.id), at)).collect();
    for span in spans.iter_mut() {
        let Some(parent) = span.parent else { continue };
        span.above = match index.get(&(span.trace, parent)) {
            Some(at) => Above::Here(*at),
            None if memory.spans.get(&(span.trace, parent)).is_some() => Above::Earlier,
            None => Above::Missing,
        };
    }
    let mut done = vec![false; spans.len()];
    for at in 0..spans.len() {
        settle(spans, &mut done, at, memory);
    }
}

/// Gives a span, and first those above it, their sessions.
fn settle(spans: &mut [Placed<'_>], done: &mut [bool], from: usize, memory: &Memory) {
    let mut path = vec![from];
    while let Some(at) = path.last()
        && !done[*at]
        && let Above::Here(above) = spans[*at].above
        && !done[above]
    {
        if path.contains(&above) || path.len() >= MAX_ANCESTORS {
            // Spans that lie in each other, or deeper than any real ones: they hang below nothing.
            spans[*path.last().unwrap_or(&from)].above = Above::Nothing;
            break;
        }
        path.push(above);
    }
    while let Some(at) = path.pop() {
        if std::mem::replace(&mut done[at], true) {
            continue;
        }
        let (session_above, in_tool) = match (spans[at].above, spans[at].parent) {
            (Above::Here(above), _) => {
                let above = &spans[above];
                (Some(above.session.clone()), above.in_tool || above.facts.work == Work::ToolCall)
            }
            (Above::Earlier, Some(parent)) => (memory.spans.get(&(spans[at].trace, parent)).cloned(), false),
            (Above::Missing, Some(parent)) => (Some(ids::session_of_span(spans[at].trace, parent)), false),
            (Above::Nothing, _) | (Above::Earlier | Above::Missing, None) => (None, false),
        };
        let span = &mut spans[at];
        if let (None, Some(above)) = (&span.own, &session_above) {
            span.session = above.clone();
        }
        span.session_above = session_above;
        span.in_tool = in_tool;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Source;
    use crate::otlp::model::{Any, AnyValue, KeyValue};

    fn text(key: &str, value: &str) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::Str(value.to_owned())) }) }
    }

    #[test]
    fn a_pending_span_stands_for_the_beginning_of_the_span_that_it_lies_in() {
        let mut pending = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            parent_span_id: vec![3; 8],
            start_time_unix_nano: 1_000,
            end_time_unix_nano: 1_000,
            attributes: vec![
                text("logfire.span_type", "pending_span"),
                text("logfire.pending_parent_id", "0404040404040404"),
            ],
            ..Span::default()
        };
        let place = |span: &Span| {
            let placed = Placed::new(span, Facts::new(Source::GenAi, Work::Agent)).unwrap();
            (placed.id, placed.parent, placed.end.is_some())
        };
        let id = |byte: u8| SpanId::from_bytes([byte; 8]).unwrap();
        assert_eq!(place(&pending), (id(3), Some(id(4)), false));
        pending.attributes[1] = text("logfire.pending_parent_id", "0000000000000000");
        assert_eq!(place(&pending), (id(3), None, false), "the beginning of a root");
        pending.attributes[0] = text("logfire.span_type", "span");
        assert_eq!(place(&pending), (id(2), Some(id(3)), true), "any other span");
    }
}
