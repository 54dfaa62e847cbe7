//! Sessions out as OTLP: spans that any backend reads, and in them the events, whole, so that what is taken
//! in again gives the same answers.
//!
//! Each event stands as a span event of the span that it belongs to, its name the event's type, its JSON in
//! the attribute [`EVENT`]. An event outside any span stands in a span that is made for it, marked with
//! [`CARRIER`]. The spans carry OpenTelemetry's attributes for generative AI, so that other backends show
//! models, tools and tokens; this recorder reads the events and nothing else of them.

use flightrec_events::families::work::{LlmInference, ToolCall};
use flightrec_events::{CheckedEvent, Event, Id, Payload, Registry, Rejection, SpanId, SpanKind, SpanStatus, TraceId};
use rustc_hash::FxHashMap;

use crate::attributes::Attributes;
use crate::ids;
use crate::otlp::model::{
    Any, AnyValue, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanEvent, SpanLink, Status,
    TracesRequest,
};

/// The name of the scope of every exported span.
pub const SCOPE: &str = "flightrec";
/// The attribute of a span event that holds an event of the record as JSON.
pub const EVENT: &str = "flightrec.event";
/// The attribute of a span event that holds the event's position: they are taken in again in its order.
pub const SEQ: &str = "flightrec.seq";
/// The attribute that marks a span which is none, but carries events outside any span.
pub const CARRIER: &str = "flightrec.carrier";

/// The most events of one request.
const MAX_EVENTS: usize = 4_096;

/// Builds requests from the events of one session, in the order of the record.
#[derive(Debug)]
pub struct SessionExport {
    session: Id,
    spans: Vec<Span>,
    index: FxHashMap<(TraceId, SpanId), usize>,
    events: usize,
}

impl SessionExport {
    /// An export of the session with this id.
    pub fn new(session: &str) -> Self {
        Self { session: ids::id(session), spans: Vec::new(), index: FxHashMap::default(), events: 0 }
    }

    /// Adds an event; gives a request once it holds as many as one should.
    pub fn add(&mut self, seq: u64, event: &CheckedEvent) -> Option<TracesRequest> {
        let mut json = Vec::new();
        event.write_json(&mut json, None);
        let at = self.span_of(event);
        let span = &mut self.spans[at];
        describe(span, event);
        let nanos = unix_nanos(event);
        span.events.push(SpanEvent {
            time_unix_nano: nanos,
            name: event.type_name().to_owned(),
            attributes: vec![
                pair(SEQ, Any::Int(i64::try_from(seq).unwrap_or(i64::MAX))),
                pair(EVENT, Any::Str(String::from_utf8_lossy(&json).into_owned())),
            ],
        });
        self.events += 1;
        (self.events >= MAX_EVENTS).then(|| self.take())
    }

    /// The last request, if anything is left.
    pub fn finish(mut self) -> Option<TracesRequest> {
        (!self.spans.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> TracesRequest {
        self.index.clear();
        self.events = 0;
        let scope = Scope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let spans = ScopeSpans { scope: Some(scope), spans: std::mem::take(&mut self.spans) };
        let resource = Resource { attributes: vec![pair("service.name", Any::Str(SCOPE.to_owned()))] };
        TracesRequest { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans: vec![spans] }] }
    }

    /// The span that an event belongs to.
    fn span_of(&mut self, event: &Event) -> usize {
        let key = event.trace_id.zip(event.span_id());
        let (trace, span) = key.unwrap_or_else(|| carrier(&self.session));
        if let Some(at) = self.index.get(&(trace, span)) {
            return *at;
        }
        let nanos = unix_nanos(event);
        let mut attributes = vec![pair("gen_ai.conversation.id", Any::Str(self.session.as_str().to_owned()))];
        if key.is_none() {
            attributes.push(pair(CARRIER, Any::Bool(true)));
        }
        self.spans.push(Span {
            trace_id: trace.as_bytes().to_vec(),
            span_id: span.as_bytes().to_vec(),
            name: if key.is_none() { "session".to_owned() } else { "span".to_owned() },
            kind: 1,
            start_time_unix_nano: nanos,
            end_time_unix_nano: if key.is_none() { nanos } else { 0 },
            attributes,
            ..Span::default()
        });
        self.index.insert((trace, span), self.spans.len() - 1);
        self.spans.len() - 1
    }
}

/// The events that an exported span carries, each with its position, or why one cannot be read.
pub(crate) fn carried(span: &Span, registry: &Registry) -> Vec<(u64, Result<CheckedEvent, Rejection>)> {
    let of_event = |event: &SpanEvent| {
        let attributes = Attributes::new(&event.attributes);
        let json = attributes.str(EVENT)?;
        Some((attributes.u64(SEQ).unwrap_or(u64::MAX), registry.parse(json.as_bytes())))
    };
    span.events.iter().filter_map(of_event).collect()
}

fn carrier(session: &Id) -> (TraceId, SpanId) {
    let trace = ids::trace_of_session(session);
    let mut span = [0; 8];
    span.copy_from_slice(&trace.as_bytes()[..8]);
    let span = SpanId::from_bytes(span).or_else(|| SpanId::from_bytes([1; 8]));
    (trace, span.unwrap_or_else(|| unreachable!("eight ones are a span id")))
}

/// Tells other backends what an event says of its span.
fn describe(span: &mut Span, event: &Event) {
    let nanos = unix_nanos(event);
    if let Payload::SpanOpened(opened) = &event.payload {
        opened.name.as_str().clone_into(&mut span.name);
        span.start_time_unix_nano = nanos;
        span.parent_span_id = opened.parent_span_id.map_or_else(Vec::new, |parent| parent.as_bytes().to_vec());
        span.kind = if opened.kind == SpanKind::ModelRun { 3 } else { 1 };
        span.links = opened
            .links
            .iter()
            .flatten()
            .map(|link| SpanLink {
                trace_id: link.trace_id.as_bytes().to_vec(),
                span_id: link.span_id.as_bytes().to_vec(),
                attributes: Vec::new(),
            })
            .collect();
        if let Some(operation) = operation(opened.kind) {
            span.attributes.push(pair("gen_ai.operation.name", Any::Str(operation.to_owned())));
        }
    } else if let Payload::SpanClosed(closed) = &event.payload {
        span.end_time_unix_nano = nanos;
        let message = closed.error_code.as_ref().map_or_else(String::new, |code| code.as_str().to_owned());
        span.status = Some(match closed.status {
            SpanStatus::Ok => Status { message: String::new(), code: 1 },
            SpanStatus::Error | SpanStatus::Cancelled | SpanStatus::Abandoned => Status { message, code: 2 },
        });
    } else if let Payload::LlmInference(inference) = &event.payload {
        describe_inference(span, inference);
    } else if let Payload::ToolCall(call) = &event.payload {
        describe_tool(span, call);
    }
}

const fn operation(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::ModelRun => Some("chat"),
        SpanKind::ToolCall => Some("execute_tool"),
        SpanKind::Session | SpanKind::Job => Some("invoke_agent"),
        SpanKind::Other => None,
    }
}

fn describe_inference(span: &mut Span, inference: &LlmInference) {
    let usage = &inference.token_usage;
    let count = |count: flightrec_events::Count| Any::Int(count.get() as i64);
    let text = |id: &Id| Any::Str(id.as_str().to_owned());
    let known = [
        ("gen_ai.response.model", Some(text(&inference.model_id))),
        ("gen_ai.provider.name", inference.provider.as_ref().map(text)),
        ("gen_ai.response.id", inference.request_id.as_ref().map(text)),
        ("gen_ai.usage.input_tokens", Some(count(usage.prompt_tokens))),
        ("gen_ai.usage.output_tokens", Some(count(usage.completion_tokens))),
        ("gen_ai.usage.cache_read.input_tokens", usage.cached_prompt_tokens.map(count)),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write_tokens.map(count)),
    ];
    span.attributes.extend(known.into_iter().filter_map(|(key, any)| Some(pair(key, any?))));
}

fn describe_tool(span: &mut Span, call: &ToolCall) {
    span.attributes.push(pair("gen_ai.tool.name", Any::Str(call.tool_id.as_str().to_owned())));
    span.attributes.push(pair("gen_ai.tool.call.id", Any::Str(call.tool_call_id.as_str().to_owned())));
}

fn unix_nanos(event: &Event) -> u64 {
    u64::try_from(event.timestamp.as_micros()).unwrap_or(0).saturating_mul(1_000)
}

fn pair(key: &str, any: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(any) }) }
}
