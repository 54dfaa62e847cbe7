//! OTLP's JSON as it is specified, and as senders really write it.

use flightrec_ingest::otlp::model::{
    Any, AnyValue, ArrayValue, KeyValue, KeyValueList, ResourceSpans, Scope, ScopeSpans, Span, Status, TracesRequest,
};
use flightrec_ingest::otlp::{self, DecodeError, Encoding};

fn spans(span: &str) -> Vec<Span> {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    let mut request = otlp::traces(body.as_bytes(), Encoding::Json).unwrap();
    request.resource_spans.swap_remove(0).scope_spans.swap_remove(0).spans
}

fn span(span: &str) -> Span {
    spans(span).swap_remove(0)
}

/// The value of an attribute that is written like this.
fn value(json: &str) -> Option<AnyValue> {
    span(&format!(r#"{{"attributes":[{{"key":"k","value":{json}}}]}}"#)).attributes.swap_remove(0).value
}

fn some(any: impl Into<Option<Any>>) -> Option<AnyValue> {
    any.into().map(|any| AnyValue { value: Some(any) })
}

#[test]
fn the_specified_form_is_read() {
    let span = span(
        r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173",
            "name":"chat","kind":3,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
            "attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}],"droppedAttributesCount":1,
            "events":[{"timeUnixNano":"1544712660500000000","name":"choice","attributes":[{"key":"a","value":{"intValue":"1"}}]}],
            "links":[{"traceId":"5B8EFFF798038103D269B633813FC60D","spanId":"EEE19B7EC3C1B175","traceState":""}],
            "status":{"message":"boom","code":2}}"#,
    );
    assert_eq!(
        span.trace_id,
        [0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c]
    );
    assert_eq!(span.span_id, [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74]);
    assert_eq!(span.parent_span_id.last(), Some(&0x73));
    assert_eq!((span.name.as_str(), span.kind), ("chat", 3));
    assert_eq!(
        (span.start_time_unix_nano, span.end_time_unix_nano),
        (1_544_712_660_000_000_000, 1_544_712_661_000_000_000)
    );
    assert_eq!(span.attributes[0].value, some(Any::Str("some value".into())));
    assert_eq!((span.events[0].name.as_str(), span.events[0].time_unix_nano), ("choice", 1_544_712_660_500_000_000));
    assert_eq!(span.links[0].span_id.last(), Some(&0x75));
    assert_eq!(span.status, Some(Status { message: "boom".into(), code: 2 }));
}

#[test]
fn the_same_span_is_read_from_every_way_of_writing_it() {
    let specified = span(
        r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","kind":3,"startTimeUnixNano":"1544712660000000000",
            "status":{"code":2}}"#,
    );
    let others = [
        r#"{"trace_id":"5B8EFFF798038103D269B633813FC60C","span_id":"EEE19B7EC3C1B174","kind":"SPAN_KIND_CLIENT",
            "start_time_unix_nano":1544712660000000000,"status":{"code":"STATUS_CODE_ERROR"}}"#,
        r#"{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","parentSpanId":null,"name":null,"kind":"3",
            "startTimeUnixNano":1.54471266e18,"attributes":null,"events":[null],"links":[],"status":{"code":2,"message":null}}"#,
        r#"{"traceId":"W47_95gDgQPSabYzgT_GDA","spanId":"7uGbfsPBsXQ","flags":257,"kind":3.0,"deep":{"a":[{"b":{}}]},
            "startTimeUnixNano":" 1544712660000000000 ","name":["odd"],"status":{"code":2,"extra":[1,2]}}"#,
    ];
    for other in others {
        assert_eq!(span(other), specified, "{other}");
    }
}

#[test]
fn values_are_read_in_every_type() {
    let list = |values| some(Any::Array(ArrayValue { values }));
    let map = |values| some(Any::Map(KeyValueList { values }));
    let cases = [
        (r#"{"stringValue":"x"}"#, some(Any::Str("x".into()))),
        (r#"{"string_value":""}"#, some(Any::Str(String::new()))),
        (r#"{"boolValue":false}"#, some(Any::Bool(false))),
        (r#"{"boolValue":"true"}"#, some(Any::Bool(true))),
        (r#"{"intValue":"-7"}"#, some(Any::Int(-7))),
        (r#"{"intValue":7}"#, some(Any::Int(7))),
        (r#"{"intValue":7.0}"#, some(Any::Int(7))),
        (r#"{"intValue":7.5}"#, some(Any::Double(7.5))),
        (r#"{"doubleValue":1}"#, some(Any::Double(1.0))),
        (r#"{"doubleValue":"0.5"}"#, some(Any::Double(0.5))),
        (r#"{"doubleValue":"-Infinity"}"#, some(Any::Double(f64::NEG_INFINITY))),
        (r#"{"bytesValue":"aGk="}"#, some(Any::Bytes(b"hi".to_vec()))),
        (
            r#"{"arrayValue":{"values":[{"intValue":1},null,{}]}}"#,
            list(vec![some(Any::Int(1)).unwrap(), AnyValue::default(), AnyValue::default()]),
        ),
        (r#"{"arrayValue":{}}"#, list(Vec::new())),
        (
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"boolValue":true}}]}}"#,
            map(vec![KeyValue { key: "a".into(), value: some(Any::Bool(true)) }]),
        ),
        (r#"{"kvlist_value":{"values":null}}"#, map(Vec::new())),
        (r#"{"stringValue":null,"intValue":"3"}"#, some(Any::Int(3))),
        (r#"{"intValue":"3","stringValue":null}"#, some(Any::Int(3))),
        (r#"{"futureValue":{"a":1}}"#, Some(AnyValue::default())),
        (r#"{"intValue":"seven"}"#, Some(AnyValue::default())),
        ("{}", Some(AnyValue::default())),
        ("null", None),
    ];
    for (json, wanted) in cases {
        assert_eq!(value(json), wanted, "{json}");
    }
}

#[test]
fn an_odd_span_does_not_cost_its_neighbours() {
    let spans = spans(
        r#"{"traceId":"not an id","spanId":17,"startTimeUnixNano":{}},{"traceId":"5b8efff798038103d269b633813fc60c","name":"good"}"#,
    );
    assert_eq!((spans[0].trace_id.len(), spans[0].span_id.len(), spans[0].start_time_unix_nano), (1, 1, 0));
    assert_eq!((spans[1].trace_id.len(), spans[1].name.as_str()), (16, "good"));
}

#[test]
fn a_name_that_is_given_twice_loses_no_span() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}],"spans":[{"name":"b"}]}]}],"resource_spans":[{}]}"#;
    let request = otlp::traces(body, Encoding::Json).unwrap();
    assert_eq!(request.resource_spans.len(), 2);
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 2);
}

#[test]
fn text_that_is_not_the_request_is_refused() {
    for body in [
        "",
        "[]",
        "7",
        "\"text\"",
        "{",
        "{}{}",
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[[]]}"#,
        r#"{"resourceSpans":[7]}"#,
    ] {
        assert!(matches!(otlp::traces(body.as_bytes(), Encoding::Json), Err(DecodeError::Json(_))), "{body}");
    }
    for body in ["{}", " {} ", "null", r#"{"resourceSpans":null}"#, r#"{"resourceLogs":[{}]}"#] {
        assert_eq!(otlp::traces(body.as_bytes(), Encoding::Json).unwrap(), TracesRequest::default(), "{body}");
    }
}

#[test]
fn what_is_written_is_canonical() {
    let attribute = |key: &str, value| KeyValue { key: key.into(), value };
    let span = Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        name: "chat".into(),
        kind: 3,
        start_time_unix_nano: u64::MAX,
        attributes: vec![
            attribute("i", some(Any::Int(i64::MIN))),
            attribute("d", some(Any::Double(0.5))),
            attribute("n", some(Any::Double(f64::NAN))),
            attribute("b", some(Any::Bytes(vec![0xfb, 0xff]))),
            attribute("e", some(Any::Str(String::new()))),
            attribute("z", Some(AnyValue::default())),
            attribute("l", some(Any::Array(ArrayValue { values: vec![AnyValue::default()] }))),
        ],
        status: Some(Status { message: String::new(), code: 1 }),
        ..Span::default()
    };
    let scope = ScopeSpans { scope: Some(Scope { name: "s".into(), version: String::new() }), spans: vec![span] };
    let request = TracesRequest { resource_spans: vec![ResourceSpans { resource: None, scope_spans: vec![scope] }] };
    let wanted = concat!(
        r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":"abababababababababababababababab","#,
        r#""spanId":"cdcdcdcdcdcdcdcd","name":"chat","kind":3,"startTimeUnixNano":"18446744073709551615","attributes":["#,
        r#"{"key":"i","value":{"intValue":"-9223372036854775808"}},{"key":"d","value":{"doubleValue":0.5}},"#,
        r#"{"key":"n","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"+/8="}},"#,
        r#"{"key":"e","value":{"stringValue":""}},{"key":"z","value":{}},{"key":"l","value":{"arrayValue":{"values":[{}]}}}],"#,
        r#""status":{"code":1}}]}]}]}"#,
    );
    assert_eq!(String::from_utf8(otlp::encode_traces(&request, Encoding::Json)).unwrap(), wanted);
}

#[test]
fn the_data_points_of_metrics_are_counted_in_both_encodings() {
    let json = br#"{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{"name":"s"},"metrics":[
        {"name":"a","sum":{"dataPoints":[{"asInt":"1"},{"asDouble":2.5}],"aggregationTemporality":1,"isMonotonic":true}},
        {"name":"b","gauge":{"dataPoints":[{}]}},{"name":"c","histogram":{"data_points":[{"count":"3"}]}},
        {"name":"d","exponentialHistogram":{"dataPoints":[{"scale":1}]}},{"name":"e","summary":{"dataPoints":[{},{},{}]}},
        {"name":"f"},{"name":"g","sum":null}]}]}]}"#;
    assert_eq!(otlp::metrics_count(json, Encoding::Json).unwrap(), 8);

    // The same shapes in protobuf: a sum of two points, one of them with a field, and a summary of one.
    let sum = [0x3a, 0x0d, 0x0a, 0x09, 0x31, 1, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0x00];
    let summary = [0x5a, 0x02, 0x0a, 0x00];
    let metric = |kind: &[u8]| [&[0x12, kind.len() as u8 + 3, 0x0a, 0x01, b'm'], kind].concat();
    let metrics = [metric(&sum), metric(&summary)].concat();
    let scope = [&[0x12, metrics.len() as u8], metrics.as_slice()].concat();
    let resource = [&[0x0a, scope.len() as u8], scope.as_slice()].concat();
    assert_eq!(otlp::metrics_count(&resource, Encoding::Protobuf).unwrap(), 3);
    assert_eq!(otlp::metrics_count(b"", Encoding::Protobuf).unwrap(), 0);
    assert!(otlp::metrics_count(b"\x0a\x05", Encoding::Protobuf).is_err());
}
