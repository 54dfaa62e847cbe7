//! Damaged and hostile requests: an answer, never a panic, and no more memory than the bound.

use std::error::Error as _;

use flightrec_ingest::otlp::{self, DecodeError, Encoding};
use proptest::prelude::*;

use crate::captures;

/// How many bytes of a request are damaged one by one.
const DAMAGED_BYTES: usize = 4_000;

/// A request of spans and one of log records, each cut to what a test can damage byte by byte.
fn samples(encoding: Encoding) -> [Vec<u8>; 2] {
    let mut traces = captures::traces("strands").swap_remove(0);
    let mut logs = captures::logs("openai-sdk-otelv2-logs").swap_remove(0);
    for scope in traces.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
        scope.spans.truncate(2);
    }
    for scope in logs.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs) {
        scope.log_records.truncate(5);
    }
    [otlp::encode_traces(&traces, encoding), otlp::encode_logs(&logs, encoding)]
}

/// Decodes the bytes as every kind of request: any answer is right but a panic.
fn decode(bytes: &[u8], encoding: Encoding) {
    let _ = otlp::traces(bytes, encoding).map(|request| otlp::encode_traces(&request, Encoding::Json));
    let _ = otlp::logs(bytes, encoding).map(|request| otlp::encode_logs(&request, Encoding::Json));
    let _ = otlp::metrics_count(bytes, encoding);
    let _ = Encoding::sniff(bytes);
}

#[test]
fn each_byte_of_a_request_can_be_damaged() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for sample in samples(encoding) {
            let mut bytes = sample.clone();
            for at in 0..bytes.len().min(DAMAGED_BYTES) {
                for mask in [0xff, 0x01] {
                    bytes[at] ^= mask;
                    decode(&bytes, encoding);
                    bytes[at] = sample[at];
                }
            }
        }
    }
}

#[test]
fn a_request_can_be_cut_at_each_byte() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for sample in samples(encoding) {
            for length in 0..sample.len().min(DAMAGED_BYTES) {
                decode(&sample[..length], encoding);
            }
        }
    }
}

#[test]
fn a_cut_request_is_refused() {
    let [traces, logs] = samples(Encoding::Json);
    assert!(matches!(otlp::traces(&traces[..traces.len() - 1], Encoding::Json), Err(DecodeError::Json(_))));
    assert!(matches!(otlp::logs(&logs[..logs.len() - 1], Encoding::Json), Err(DecodeError::Json(_))));
    let [traces, logs] = samples(Encoding::Protobuf);
    assert!(matches!(otlp::traces(&traces[..traces.len() - 1], Encoding::Protobuf), Err(DecodeError::Protobuf(_))));
    assert!(matches!(otlp::logs(&logs[..logs.len() - 1], Encoding::Protobuf), Err(DecodeError::Protobuf(_))));
}

#[test]
fn a_few_bytes_that_ask_for_much_memory_are_refused() {
    // Two bytes for each span without a field, wrapped in a scope and in a resource.
    let spans = [0x12, 0x00].repeat(4 << 20);
    let wrap = |tag: u8, inner: &[u8]| {
        let mut bytes = vec![tag];
        prost::encode_length_delimiter(inner.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(inner);
        bytes
    };
    let bomb = wrap(0x0a, &wrap(0x12, &spans));
    assert!(matches!(otlp::traces(&bomb, Encoding::Protobuf), Err(DecodeError::TooLarge { .. })));
    assert!(otlp::traces(&wrap(0x0a, &wrap(0x12, &spans[..1 << 20])), Encoding::Protobuf).is_ok());

    let spans = vec!["{}"; 4 << 20].join(",");
    let bomb = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    assert!(matches!(otlp::traces(bomb.as_bytes(), Encoding::Json), Err(DecodeError::TooLarge { .. })));

    // A value within a value within a value: the depth is bounded, and so is the way back.
    let deep = (0..10_000).fold(String::from("{}"), |inner, _| format!(r#"{{"arrayValue":{{"values":[{inner}]}}}}"#));
    let deep = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{deep}}}]}}]}}]}}"#);
    assert!(matches!(otlp::logs(deep.as_bytes(), Encoding::Json), Err(DecodeError::Json(_))));
    let deep = (0..200).fold(Vec::new(), |inner, _| wrap(0x2a, &wrap(0x0a, &inner)));
    let deep = wrap(0x0a, &wrap(0x12, &wrap(0x12, &wrap(0x2a, &deep))));
    assert!(matches!(otlp::logs(&deep, Encoding::Protobuf), Err(DecodeError::Protobuf(_))));
}

#[test]
fn an_error_repeats_nothing_of_the_request() {
    let secrets = [
        (Encoding::Json, r#"{"resourceSpans":"sk-secret"}"#),
        (Encoding::Json, r#"{"resourceSpans":[{"scopeSpans":{"sk-secret":1}}]}"#),
        (Encoding::Json, r#"{"resourceSpans":[{"resource":"sk-secret"}]}"#),
        (Encoding::Json, r#"{"resourceSpans":[{"resource":["sk-secret"]}]}"#),
        (Encoding::Json, "sk-secret"),
        (Encoding::Json, r#"["sk-secret"]"#),
        (Encoding::Json, r#"{"sk-secret":sk-secret}"#),
        (Encoding::Protobuf, "sk-secret"),
    ];
    for (encoding, text) in secrets {
        let error = otlp::traces(text.as_bytes(), encoding).expect_err(text);
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(!cause.is_empty() && !cause.contains("secret"), "{cause}");
        assert!(!error.to_string().contains("secret"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode(&bytes, Encoding::Protobuf);
        decode(&bytes, Encoding::Json);
    }
}
