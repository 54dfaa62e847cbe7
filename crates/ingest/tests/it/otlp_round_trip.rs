//! Whatever is written is read back the same, in both encodings.

use flightrec_ingest::otlp::model::{
    Any, AnyValue, ArrayValue, KeyValue, KeyValueList, LogRecord, LogsRequest, Resource, ResourceLogs, ResourceSpans,
    Scope, ScopeLogs, ScopeSpans, Span, SpanEvent, SpanLink, Status, TracesRequest,
};
use flightrec_ingest::otlp::{self, Encoding};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        any::<String>().prop_map(|value| Some(Any::Str(value))),
        any::<bool>().prop_map(|value| Some(Any::Bool(value))),
        any::<i64>().prop_map(|value| Some(Any::Int(value))),
        (prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE)
            .prop_map(|value| Some(Any::Double(value))),
        vec(any::<u8>(), 0..9).prop_map(|value| Some(Any::Bytes(value))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(3, 12, 3, |inner| {
        let list = vec(inner.clone(), 0..3).prop_map(|values| Any::Array(ArrayValue { values }));
        let map = vec(key_value(inner), 0..3).prop_map(|values| Any::Map(KeyValueList { values }));
        prop_oneof![list, map].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    (any::<String>(), option::of(value)).prop_map(|(key, value)| KeyValue { key, value })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(any_value()), 0..4)
}

/// An id of that length, or none.
fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), length), Just(Vec::new())]
}

fn a_span() -> impl Strategy<Value = Span> {
    let event = (any::<u64>(), any::<String>(), attributes())
        .prop_map(|(time_unix_nano, name, attributes)| SpanEvent { time_unix_nano, name, attributes });
    let link = (id(16), id(8), attributes()).prop_map(|(trace_id, span_id, attributes)| SpanLink {
        trace_id,
        span_id,
        attributes,
    });
    let status = option::of((any::<String>(), any::<i32>()).prop_map(|(message, code)| Status { message, code }));
    let ids = (id(16), id(8), id(8));
    (ids, any::<String>(), any::<i32>(), any::<(u64, u64)>(), attributes(), vec(event, 0..3), vec(link, 0..3), status)
        .prop_map(
            |((trace_id, span_id, parent_span_id), name, kind, (start, end), attributes, events, links, status)| Span {
                trace_id,
                span_id,
                parent_span_id,
                name,
                kind,
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                attributes,
                events,
                links,
                status,
            },
        )
}

fn scope() -> impl Strategy<Value = Option<Scope>> {
    option::of(any::<(String, String)>().prop_map(|(name, version)| Scope { name, version }))
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::of(attributes().prop_map(|attributes| Resource { attributes }))
}

fn traces_request() -> impl Strategy<Value = TracesRequest> {
    let scope = (scope(), vec(a_span(), 0..3)).prop_map(|(scope, spans)| ScopeSpans { scope, spans });
    let resource =
        (resource(), vec(scope, 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans { resource, scope_spans });
    vec(resource, 0..3).prop_map(|resource_spans| TracesRequest { resource_spans })
}

fn logs_request() -> impl Strategy<Value = LogsRequest> {
    let record = (any::<(u64, u64)>(), option::of(any_value()), attributes(), id(16), id(8), any::<String>()).prop_map(
        |((time_unix_nano, observed_time_unix_nano), body, attributes, trace_id, span_id, event_name)| LogRecord {
            time_unix_nano,
            body,
            attributes,
            trace_id,
            span_id,
            observed_time_unix_nano,
            event_name,
        },
    );
    let scope = (scope(), vec(record, 0..3)).prop_map(|(scope, log_records)| ScopeLogs { scope, log_records });
    let resource =
        (resource(), vec(scope, 0..3)).prop_map(|(resource, scope_logs)| ResourceLogs { resource, scope_logs });
    vec(resource, 0..3).prop_map(|resource_logs| LogsRequest { resource_logs })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn spans_come_back_as_they_were_written(request in traces_request()) {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let bytes = otlp::encode_traces(&request, encoding);
            prop_assert_eq!(&otlp::traces(&bytes, encoding).unwrap(), &request);
        }
    }

    #[test]
    fn log_records_come_back_as_they_were_written(request in logs_request()) {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let bytes = otlp::encode_logs(&request, encoding);
            prop_assert_eq!(&otlp::logs(&bytes, encoding).unwrap(), &request);
        }
    }
}
