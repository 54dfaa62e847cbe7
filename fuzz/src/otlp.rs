//! OTLP, in both of its encodings, through decoding and mapping.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use flightrec_events::Registry;
use flightrec_ingest::contents::KeptContents;
use flightrec_ingest::mapper::{Logs, Mapped, Mapper, Spans};
use flightrec_ingest::otlp::{self, Encoding};
use flightrec_ingest::prices::PriceTable;

const ENCODINGS: [Encoding; 2] = [Encoding::Protobuf, Encoding::Json];

/// A request with spans: what decodes is written and read again unchanged, and maps to checked events.
pub(crate) fn traces(data: &[u8]) {
    for encoding in ENCODINGS {
        let Ok(request) = otlp::traces(data, encoding) else { continue };
        // As bytes: a number that is none equals not even itself.
        let written = otlp::encode_traces(&request, Encoding::Protobuf);
        if let Ok(again) = otlp::traces(&written, Encoding::Protobuf) {
            assert_eq!(otlp::encode_traces(&again, Encoding::Protobuf), written, "a request changed on its way");
        }
        let spans = Spans::read(&request);
        let told: usize = request.resource_spans.iter().flat_map(|of| &of.scope_spans).map(|of| of.spans.len()).sum();
        let mapped = mapper().spans(spans, &KeptContents::default());
        assert!(mapped.taken <= told as u64, "more spans were taken than came");
        known_again(&mapped, &mapper().spans(Spans::read(&request), &KeptContents::default()));
    }
}

/// A request with log records.
pub(crate) fn logs(data: &[u8]) {
    for encoding in ENCODINGS {
        let Ok(request) = otlp::logs(data, encoding) else { continue };
        let written = otlp::encode_logs(&request, Encoding::Protobuf);
        if let Ok(again) = otlp::logs(&written, Encoding::Protobuf) {
            assert_eq!(otlp::encode_logs(&again, Encoding::Protobuf), written, "a request changed on its way");
        }
        let mapped = mapper().logs(Logs::read(&request), &KeptContents::default());
        known_again(&mapped, &mapper().logs(Logs::read(&request), &KeptContents::default()));
    }
}

fn mapper() -> Mapper {
    let empty = PriceTable::with_user(br#"{"date":"2026-11-01","prices":[]}"#);
    Mapper::new(empty.expect("a list without entries is a list"), Arc::new(Registry::new()))
}

/// What is delivered again has the same events.
fn known_again(first: &Mapped, second: &Mapped) {
    assert_eq!(first.groups, second.groups, "a second delivery is mapped otherwise");
}

pub(crate) fn traces_seeds() -> Vec<Vec<u8>> {
    let mut seeds = captured("traces");
    seeds.push(br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"chat","kind":"SPAN_KIND_CLIENT","startTimeUnixNano":"1795332014510417873","endTimeUnixNano":1795332015510417873,"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"7"}}],"status":{"code":2}}]}]}]}"#.to_vec());
    seeds
}

pub(crate) fn logs_seeds() -> Vec<Vec<u8>> {
    captured("logs")
}

/// The smallest request of each capture, as it was sent where it was sent plain.
fn captured(signal: &str) -> Vec<Vec<u8>> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-data/captures");
    let entries =
        |path: &Path| fs::read_dir(path).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut directories: Vec<_> = entries(&captures).collect();
    directories.sort();
    let of_signal = format!("-{signal}.bin");
    directories
        .iter()
        .filter_map(|directory| {
            let named = entries(directory).filter(|path| path.to_string_lossy().ends_with(&of_signal));
            named.filter_map(|path| fs::read(path).ok()).min_by_key(Vec::len)
        })
        .filter(|body| body.len() < 64 * 1024)
        .collect()
}
