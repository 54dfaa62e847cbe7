//! Requests as real emitters sent them, from `test-data/captures`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flightrec_ingest::otlp::model::{LogsRequest, Span, TracesRequest};
use flightrec_ingest::otlp::{self, Encoding};
use serde_json::Value;

/// What is in a folder of `test-data/captures`, and what its spans and log records add up to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capture {
    pub name: &'static str,
    pub spans: usize,
    pub traces: usize,
    pub logs: usize,
}

/// All of them. The counts are those of the protobuf compiler's own decoder.
pub(crate) const ALL: [Capture; 13] = [
    Capture { name: "anthropic-sdk-traceloop", spans: 45, traces: 4, logs: 0 },
    Capture { name: "claude-code-std", spans: 0, traces: 0, logs: 65 },
    Capture { name: "claude-code-traces", spans: 64, traces: 6, logs: 65 },
    Capture { name: "codex-cli", spans: 3149, traces: 128, logs: 197 },
    Capture { name: "google-adk", spans: 50, traces: 7, logs: 17 },
    Capture { name: "langgraph-traceloop", spans: 102, traces: 12, logs: 0 },
    Capture { name: "openai-agents-genai", spans: 65, traces: 11, logs: 24 },
    Capture { name: "openai-agents-openinference", spans: 106, traces: 11, logs: 0 },
    Capture { name: "openai-sdk-otelv2-latest", spans: 43, traces: 8, logs: 20 },
    Capture { name: "openai-sdk-otelv2-logs", spans: 43, traces: 8, logs: 91 },
    Capture { name: "pydantic-ai", spans: 51, traces: 9, logs: 0 },
    Capture { name: "strands", spans: 66, traces: 7, logs: 0 },
    Capture { name: "vercel-ai", spans: 32, traces: 6, logs: 0 },
];

/// One request of a capture.
#[derive(Debug)]
pub(crate) struct Request {
    pub is_traces: bool,
    pub encoding: Encoding,
    pub body: Vec<u8>,
}

/// The requests of a capture in the order in which they were sent, decompressed.
pub(crate) fn requests(name: &str) -> Vec<Request> {
    let folder = folder(name);
    let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let bodies: BTreeSet<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "bin")).collect();
    assert!(!bodies.is_empty(), "{} holds no request", folder.display());
    bodies.iter().map(|path| request(path)).collect()
}

fn request(path: &Path) -> Request {
    let headers: Value = serde_json::from_slice(&fs::read(path.with_extension("headers.json")).unwrap()).unwrap();
    let header = |name: &str| headers["headers"][name].as_str().unwrap_or_default().to_owned();
    let mut body = fs::read(path).unwrap();
    if header("content-encoding") == "gzip" {
        let mut plain = Vec::new();
        GzDecoder::new(body.as_slice()).read_to_end(&mut plain).unwrap();
        body = plain;
    }
    let encoding =
        if header("content-type").starts_with("application/json") { Encoding::Json } else { Encoding::Protobuf };
    Request { is_traces: path.to_string_lossy().contains("-traces."), encoding, body }
}

/// Every request of a capture that carries spans.
pub(crate) fn traces(name: &str) -> Vec<TracesRequest> {
    let requests = requests(name).into_iter().filter(|request| request.is_traces);
    requests.map(|request| otlp::traces(&request.body, request.encoding).unwrap()).collect()
}

/// Every request of a capture that carries log records.
pub(crate) fn logs(name: &str) -> Vec<LogsRequest> {
    let requests = requests(name).into_iter().filter(|request| !request.is_traces);
    requests.map(|request| otlp::logs(&request.body, request.encoding).unwrap()).collect()
}

/// The spans of requests.
pub(crate) fn spans(requests: &[TracesRequest]) -> impl Iterator<Item = &Span> {
    requests
        .iter()
        .flat_map(|request| &request.resource_spans)
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| &scope.spans)
}

/// What the model answered while a capture was made, a line for each answer.
pub(crate) fn truth(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder(name).join("truth.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test-data/captures").join(name)
}
