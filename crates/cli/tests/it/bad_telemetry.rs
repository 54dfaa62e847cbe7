//! Telemetry that is wrong, late, incomplete, too much, or says what it should not: what can be taken is taken,
//! the rest is refused by name, and nobody else is harmed.

use std::collections::BTreeSet;

use flightrec_events::Timestamp;
use flightrec_ingest::otlp::{self, Encoding};
use serde_json::{Value, json};
use tonic::Code;
use tonic::codec::CompressionEncoding;

use super::support::Store;
use super::wire::{JSON, PROTOBUF, Up};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// The start of the day in which everything here happens, in nanoseconds.
const DAY_NS: u64 = 1_772_323_200_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// A value as OTLP/JSON holds it.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(values) => json!({"arrayValue": {"values": values.iter().map(any).collect::<Vec<_>>()}}),
        Value::Object(object) => {
            json!({"kvlistValue": {"values": pairs(object.iter().map(|(key, value)| (key.as_str(), value)))}})
        }
    }
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a Value)>) -> Vec<Value> {
    pairs.map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

/// A span of one second, at second `at_s` of the day.
fn span(id: u64, parent: Option<u64>, at_s: u64, name: &str, attributes: &Value) -> Value {
    let attributes = attributes.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value));
    let mut span = json!({
        "traceId": TRACE, "spanId": format!("{id:016x}"), "name": name, "kind": 1, "attributes": pairs(attributes),
        "startTimeUnixNano": (DAY_NS + at_s * SECOND_NS).to_string(),
        "endTimeUnixNano": (DAY_NS + (at_s + 1) * SECOND_NS).to_string(),
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    span
}

/// An agent's span that names its session.
fn agent(id: u64, at_s: u64, session: &str) -> Value {
    let attributes = json!({
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "tester", "gen_ai.conversation.id": session,
    });
    span(id, None, at_s, "invoke_agent tester", &attributes)
}

/// A model call that names no session.
fn chat(id: u64, parent: Option<u64>, at_s: u64) -> Value {
    let attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2,
    });
    span(id, parent, at_s, "chat gpt-4o", &attributes)
}

/// A span that names its session, after everything else that it says.
fn of_session(session: &str, mut span: Value) -> Value {
    let name = json!({"key": "gen_ai.conversation.id", "value": {"stringValue": session}});
    span["attributes"].as_array_mut().unwrap().push(name);
    span
}

fn request(spans: impl Into<Value>) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "test"}, "spans": spans.into()}]}]})
}

fn protobuf(request: &Value) -> Vec<u8> {
    let request = otlp::traces(request.to_string().as_bytes(), Encoding::Json).unwrap();
    otlp::encode_traces(&request, Encoding::Protobuf)
}

/// The kinds of a session's findings.
fn kinds(session: &Value) -> Vec<&str> {
    session["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}

/// The one session of a store.
#[track_caller]
fn only_session(store: &Store) -> Value {
    let mut sessions = store.list(&["sessions"]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.remove(0)
}

#[track_caller]
fn is_recorded_whole(answer: &Value) {
    assert_eq!(answer, &json!({}));
}

/// Bytes without meaning that follow from the seed.
fn junk(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn spans_without_ids_are_refused_by_name_and_the_others_are_kept() {
    let with = |id: u64, name: &str, field: &str, value: &str| {
        let mut span = span(id, None, 0, name, &json!({}));
        span[field] = json!(value);
        span
    };
    let spans = vec![
        with(1, "zero trace", "traceId", &"0".repeat(32)),
        agent(2, 0, "s-1"),
        with(3, "no trace", "traceId", ""),
        with(4, "zero span", "spanId", &"0".repeat(16)),
        with(5, "short span", "spanId", "abcd"),
        with(6, "zero parent", "parentSpanId", &"0".repeat(16)),
    ];
    let request = request(spans);
    let store = Store::new();
    let up = Up::start(&store);
    let why = "span \"zero trace\" has no trace id: 16 bytes, not all zero, are needed";
    for _delivery in 0..2 {
        let answer = up.spans(&request);
        assert_eq!(answer, json!({"partialSuccess": {"rejectedSpans": "4", "errorMessage": why}}));
    }
    let answer = up.caller().export("traces", &protobuf(&request)).unwrap();
    assert_eq!(answer, message(1, &[&[0x08, 4], message(2, why.as_bytes()).as_slice()].concat()));
    let spans = store.list(&["spans"]);
    let found: Vec<_> = spans.iter().map(|span| (span["name"].as_str().unwrap(), &span["parent_span_id"])).collect();
    assert_eq!(found, [("invoke_agent tester", &Value::Null), ("zero parent", &Value::Null)]);
}

/// A field of a protobuf message that is a message, or text.
fn message(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

#[test]
fn one_bad_span_of_many_costs_no_other() {
    let mut spans: Vec<Value> = (1..=1_000).map(|id| chat(id, (id > 1).then_some(1), id)).collect();
    spans[0] = agent(1, 0, "s-1");
    spans[499]["spanId"] = json!("0000000000000000");
    spans[499]["name"] = json!("the bad one");
    let store = Store::new();
    let up = Up::start(&store);
    for _delivery in 0..2 {
        let partial = up.spans(&request(spans.clone()))["partialSuccess"].clone();
        assert_eq!(partial["rejectedSpans"], "1");
        assert!(partial["errorMessage"].as_str().unwrap().contains("\"the bad one\""), "{partial}");
        let session = only_session(&store);
        assert_eq!((&session["spans"], &session["model_runs"]), (&json!(999), &json!(998)));
        assert_eq!(session["tokens"]["input"], 9_980);
    }
}

#[test]
fn a_span_that_ends_before_it_starts_is_a_finding() {
    let store = Store::new();
    let up = Up::start(&store);
    let mut backwards = agent(1, 10, "s-1");
    backwards["endTimeUnixNano"] = json!((DAY_NS + 9 * SECOND_NS).to_string());
    is_recorded_whole(&up.spans(&request(vec![backwards])));
    let session = only_session(&store);
    assert_eq!(kinds(&session), ["clock_skew"]);
    assert_eq!(session["findings"][0]["span_id"], "0000000000000001");
    let spans = store.list(&["spans"]);
    assert_eq!(
        (&spans[0]["start"], &spans[0]["end"]),
        (&json!("2026-03-01T00:00:10.000000Z"), &json!("2026-03-01T00:00:09.000000Z"))
    );
}

#[test]
fn a_clock_that_runs_ahead_is_a_finding() {
    let store = Store::new();
    let up = Up::start(&store);
    is_recorded_whole(&up.spans(&request(vec![agent(1, 0, "s-1")])));
    let recorded_at = store.list(&["events"]).pop().unwrap()["recorded_at"].as_str().unwrap().to_owned();
    let now_ns = u64::try_from(Timestamp::parse_text(&recorded_at).unwrap().as_micros()).unwrap() * 1_000;
    let ahead = |id: u64, session: &str, ahead_s: u64| {
        let mut span = agent(id, 0, session);
        span["traceId"] = json!(format!("{id:032x}"));
        span["startTimeUnixNano"] = json!((now_ns + ahead_s * SECOND_NS).to_string());
        span["endTimeUnixNano"] = json!((now_ns + (ahead_s + 1) * SECOND_NS).to_string());
        span
    };
    is_recorded_whole(&up.spans(&request(vec![ahead(2, "a-minute", 60), ahead(3, "an-hour", 3_600)])));
    for session in store.list(&["sessions"]) {
        let found: BTreeSet<&str> = kinds(&session).into_iter().collect();
        let expected: &[&str] = if session["session_id"] == "an-hour" { &["clock_skew"] } else { &[] };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{session}");
        assert_eq!(session["state"], "COMPLETED");
    }
}

#[test]
fn ten_thousand_attributes_are_taken_and_that_some_were_left_out_is_told() {
    let store = Store::new();
    let up = Up::start(&store);
    let mut many = chat(1, None, 0);
    let mut attributes: Vec<Value> =
        (0..10_000).map(|n| json!({"key": format!("app.key-{n}"), "value": any(&json!(n))})).collect();
    attributes.extend(many["attributes"].as_array().unwrap().clone());
    many["attributes"] = json!(attributes);
    is_recorded_whole(&up.spans(&request(vec![of_session("s-1", many)])));
    // What tells of the work is found wherever it stands.
    let session = only_session(&store);
    assert_eq!((&session["session_id"], &session["tokens"]["total"]), (&json!("s-1"), &json!(12)), "{session}");
    assert_eq!(kinds(&session), ["dropped_events"]);
    assert_eq!(session["findings"][0]["span_id"], "0000000000000001");
    let opened = store.list(&["events", "--kind", "span.opened"]);
    let kept = opened[0]["payload"]["attributes"].as_object().unwrap();
    assert!(!kept.is_empty() && kept.iter().all(|(key, n)| *key == format!("app.key-{n}")), "{kept:?}");
}

#[test]
fn attributes_of_wrong_types_tell_nothing_and_harm_nobody() {
    let store = Store::new();
    let up = Up::start(&store);
    let wrong = json!({
        "gen_ai.operation.name": ["chat"], "gen_ai.conversation.id": 42, "gen_ai.request.model": {"name": "gpt-4o"},
        "gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": -5, "gen_ai.provider.name": true,
        "gen_ai.response.id": [1, [2, {"three": null}]], "gen_ai.input.messages": 3.5, "gen_ai.output.messages": "{",
        "gen_ai.response.finish_reasons": {"why": null}, "gen_ai.tool.name": null, "error.type": 7,
    });
    // Numbers as text and whole numbers as fractions are what some exporters send.
    let odd = json!({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": "12",
        "gen_ai.usage.output_tokens": 3.0, "gen_ai.usage.cache_read.input_tokens": 1e300,
    });
    let mut wild = span(3, Some(1), 2, "wild", &json!({}));
    wild["attributes"] = json!([
        {"key": "a", "value": {"doubleValue": "NaN"}}, {"key": "b", "value": {"doubleValue": "-Infinity"}},
        {"key": "c", "value": {"intValue": i64::MIN.to_string()}}, {"key": "d"}, {"key": "", "value": any(&json!(1))},
        {"key": "e", "value": null}, {"key": "f", "value": {"bytesValue": "AAH/"}}, {"key": "c", "value": any(&json!("twice"))},
    ]);
    is_recorded_whole(&up.spans(&request(vec![
        span(1, None, 0, "wrong", &wrong),
        span(2, Some(1), 1, "odd", &odd),
        wild,
        agent(4, 3, "s-1"),
    ])));
    let session = only_session(&store);
    // One trace, one session: the one that a span names as text.
    assert_eq!((&session["session_id"], &session["spans"]), (&json!("s-1"), &json!(4)), "{session}");
    let tokens = &session["tokens"];
    assert_eq!((&tokens["input"], &tokens["output"], &tokens["cached"]), (&json!(12), &json!(3), &json!(0)));
    assert_eq!(session["model_runs"], 1, "{session}");
    // What stands where messages do is content, whatever its form.
    assert_eq!((&session["messages"], &session["tool_calls"]), (&json!(2), &json!(0)), "{session}");
    store.run(["verify"]).code(0);
}

/// One span of a hundred megabytes, as JSON, as protobuf and packed.
struct Giant {
    json: Vec<u8>,
    protobuf: Vec<u8>,
    zstd: Vec<u8>,
}

impl Giant {
    const BYTES: usize = 100_000_000;
    /// How often it is sent by [`Self::is_refused`].
    const DELIVERIES: u64 = 7;

    fn new() -> Self {
        let name = "x".repeat(Self::BYTES);
        let json = request(vec![span(2, None, 1, "GIANT", &json!({}))]).to_string().replace("GIANT", &name);
        // The fields of a span: 1 is its trace, 2 its id, 5 its name.
        let fields = [message(1, &[7; 16]), message(2, &[7; 8]), message(5, name.as_bytes())];
        let protobuf = message(1, &message(2, &message(2, &fields.concat())));
        let zstd = zstd::encode_all(protobuf.as_slice(), 1).unwrap();
        Self { json: json.into_bytes(), protobuf, zstd }
    }

    /// Sends it in every form and by every door.
    fn is_refused(&self, up: &Up) {
        let chunked = ("transfer-encoding", "chunked");
        for (headers, body) in [
            (&[PROTOBUF][..], &self.protobuf),
            (&[PROTOBUF, chunked], &self.protobuf),
            (&[JSON], &self.json),
            (&[JSON, chunked], &self.json),
            (&[PROTOBUF, ("content-encoding", "zstd")], &self.zstd),
        ] {
            assert_eq!(up.post("/v1/traces", headers, body).status, 413, "{headers:?}");
        }
        for mut caller in [up.caller(), up.caller().compressing(CompressionEncoding::Zstd)] {
            let status = caller.export("traces", &self.protobuf).unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        }
    }
}

#[test]
fn a_span_of_a_hundred_megabytes_is_refused_and_nobody_else_notices() {
    let giant = Giant::new();
    for (options, limit_bytes) in [
        // Bodies of 64 MiB are taken: what a few of them need, and less than was sent.
        (&[][..], Giant::DELIVERIES * Giant::BYTES as u64 * 2 / 3),
        (&["--max-body-bytes", "4000000"], Giant::BYTES as u64 * 3 / 4),
    ] {
        let store = Store::new();
        let up = Up::start_with(&store, options);
        is_recorded_whole(&up.spans(&request(vec![agent(1, 0, "before")])));
        // The program itself takes some, and more with its query engine.
        let before_bytes = up.peak_bytes();
        std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                let mut connection = up.connect();
                for n in 0..50_u64 {
                    let mut span = agent(1, 10 + n, "meanwhile");
                    span["traceId"] = json!(format!("{:032x}", 100 + n));
                    let body = request(vec![span]).to_string();
                    let answer = connection.ask("POST", "/v1/traces", &[JSON], body.as_bytes()).unwrap();
                    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
                }
            });
            giant.is_refused(&up);
            others.join().unwrap();
        });
        is_recorded_whole(&up.spans(&request(vec![chat(3, Some(1), 2)])));
        let more_bytes = up.peak_bytes() - before_bytes;
        assert!(more_bytes < limit_bytes, "{} MB more with {options:?}", more_bytes / 1_000_000);
        up.stop();
        let sessions = store.list(&["sessions"]);
        let spans: Vec<_> = sessions.iter().map(|session| (&session["session_id"], &session["spans"])).collect();
        assert_eq!(spans, [(&json!("before"), &json!(2)), (&json!("meanwhile"), &json!(50))]);
        store.run(["verify"]).code(0);
    }
}

#[test]
fn a_small_request_that_would_take_much_memory_is_refused() {
    /// The parts of one request, and what the growing list of them needs meanwhile.
    const LIMIT_BYTES: u64 = 4 * otlp::MAX_STRUCTURE_BYTES as u64;
    let store = Store::new();
    let up = Up::start(&store);
    // Two bytes for each of a million and a half spans that say nothing.
    let spans = message(1, &message(2, &[0x12, 0x00].repeat(1_500_000)));
    assert_eq!(up.post("/v1/traces", &[PROTOBUF], &spans).status, 413);
    assert_eq!(up.caller().export("traces", &spans).unwrap_err().code(), Code::ResourceExhausted);
    let peak_bytes = up.peak_bytes();
    assert!(peak_bytes < 100_000_000, "{} MB: protobuf is refused before it is decoded", peak_bytes / 1_000_000);
    let spans = format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{}{{}}]}}]}}]}}", "{},".repeat(1_500_000));
    assert_eq!(up.post("/v1/traces", &[JSON], spans.as_bytes()).status, 413);
    is_recorded_whole(&up.spans(&request(vec![agent(1, 0, "s-1")])));
    let peak_bytes = up.peak_bytes();
    assert!(peak_bytes < LIMIT_BYTES, "{} MB", peak_bytes / 1_000_000);
}

#[test]
fn spans_of_unknown_conventions_stay_plain_and_are_found_by_their_trace() {
    let store = Store::new();
    let up = Up::start(&store);
    let attributes = json!({"http.request.method": "GET", "url.path": "/things", "http.response.status_code": 200});
    let spans = vec![
        span(1, None, 0, "GET /things", &attributes),
        span(2, Some(1), 0, "SELECT things", &json!({"db.system.name": "postgresql"})),
    ];
    is_recorded_whole(&up.spans(&request(spans)));
    assert_eq!(store.list(&["sessions"]), [] as [Value; 0]);
    assert_eq!(up.list("/api/v1/sessions"), [] as [Value; 0]);
    let found = store.list(&["spans", "--session", TRACE]);
    let names: Vec<_> = found.iter().map(|span| (&span["name"], &span["kind"], &span["status"])).collect();
    let (other, ok) = (json!("other"), json!("ok"));
    assert_eq!(names, [(&json!("GET /things"), &other, &ok), (&json!("SELECT things"), &other, &ok)]);
    assert_eq!(store.list(&["spans"]), found);
    assert_eq!(up.list(&format!("/api/v1/spans?session={TRACE}")), found);
    let kept = &store.list(&["events", "--kind", "span.opened"])[0]["payload"]["attributes"];
    assert_eq!((&kept["http.request.method"], &kept["url.path"]), (&json!("GET"), &json!("/things")));
}

#[test]
fn junk_is_refused_and_leaves_nothing() {
    let store = Store::new();
    let up = Up::start(&store);
    let before = store.list(&["events"]);
    let mut connection = up.connect();
    let mut caller = up.caller();
    let mut refused = 0;
    for seed in 0..60 {
        let mut body = junk(seed, 1 + (seed as usize * 97) % 3_000);
        if seed % 2 == 0 {
            // No field of protobuf has this wire type.
            body[0] = 0x0f;
        }
        for signal in ["traces", "logs", "metrics"] {
            let path = format!("/v1/{signal}");
            let answer = connection.ask("POST", &path, &[JSON], &body).unwrap();
            assert_eq!(answer.status, 400, "{seed} {}", answer.text());
            let answer = connection.ask("POST", &path, &[PROTOBUF], &body).unwrap();
            let status = caller.export(signal, &body).err().map(|status| status.code());
            // Now and then junk is a message of fields that nobody knows.
            let expected = if answer.status == 200 && seed % 2 == 1 { None } else { Some(Code::InvalidArgument) };
            assert_eq!(status, expected, "{seed} {}", answer.text());
            assert!(answer.status == 400 || expected.is_none(), "{seed} {}", answer.text());
            refused += u32::from(answer.status == 400);
        }
    }
    assert!(refused > 150, "{refused}");
    assert_eq!(store.list(&["events"]), before);
    is_recorded_whole(&up.spans(&request(vec![agent(1, 0, "s-1")])));
}

#[test]
fn what_is_cut_off_anywhere_is_refused_whole() {
    let capture = |path: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test-data/captures/");
        std::fs::read(format!("{folder}{path}")).unwrap()
    };
    let store = Store::new();
    let up = Up::start(&store);
    let before = store.files();
    let mut connection = up.connect();
    for (path, signal, headers) in [
        ("anthropic-sdk-traceloop/0001-traces.bin", "/v1/traces", PROTOBUF),
        ("claude-code-traces/0016-logs.bin", "/v1/logs", PROTOBUF),
        ("claude-code-std/0016-logs.bin", "/v1/logs", JSON),
    ] {
        let whole = capture(path);
        for cut in (37..whole.len()).step_by(37) {
            let answer = connection.ask("POST", signal, &[headers], &whole[..cut]).unwrap();
            assert_eq!(answer.status, 400, "{path} at {cut}: {}", answer.text());
        }
        assert_eq!(store.files(), before, "{path}");
    }
    let answer = connection.ask("POST", "/v1/traces", &[PROTOBUF], &capture("anthropic-sdk-traceloop/0001-traces.bin"));
    assert_eq!(answer.unwrap().status, 200);
    assert!(!store.list(&["sessions"]).is_empty());
}

#[test]
fn metrics_are_answered_and_not_recorded() {
    let store = Store::new();
    let up = Up::start(&store);
    let before = store.list(&["events"]);
    let point = json!({"timeUnixNano": DAY_NS.to_string(), "asInt": "1"});
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "tokens", "sum": {"dataPoints": [point, point], "aggregationTemporality": 2, "isMonotonic": true}},
        {"name": "load", "gauge": {"dataPoints": [point]}},
    ]}]}]});
    let answer = up.post("/v1/metrics", &[JSON], metrics.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    let partial = answer.json()["partialSuccess"].clone();
    assert_eq!(partial["rejectedDataPoints"], "3");
    let why = "metrics are not recorded: their sums repeat what spans and log records carry";
    assert_eq!(partial["errorMessage"], why);

    // A request of one gauge with two points; the fields are those of the protocol.
    let gauge = message(5, &[message(1, &[]), message(1, &[])].concat());
    let metric = message(2, &[message(1, b"load"), gauge].concat());
    let answer = up.caller().export("metrics", &message(1, &message(2, &metric))).unwrap();
    assert_eq!(answer, message(1, &[&[0x08, 2], message(2, why.as_bytes()).as_slice()].concat()));
    assert_eq!(store.list(&["events"]), before);
    up.stop();

    let file = store.beside("saved.json");
    std::fs::write(&file, metrics.to_string()).unwrap();
    let before = store.list(&["events"]).len();
    let said = store.run(["import", "otlp", "--format", "json", file.to_str().unwrap()]).code(0).json();
    assert_eq!((&said["data_points"], &said["events_added"]), (&json!(3), &json!(0)), "{said}");
    // The recorder itself tells that it opened the store.
    assert!(store.list(&["events"])[before..].iter().all(|event| event["actor"] == "system"));
}

#[test]
fn open_work_is_seen_at_once_and_closed_later() {
    let store = Store::new();
    let up = Up::start(&store);
    let whole = [agent(1, 0, "s-1"), chat(2, Some(1), 0)];
    let mut open = whole.clone();
    open[0]["endTimeUnixNano"] = json!("0");
    open[1].as_object_mut().unwrap().remove("endTimeUnixNano");
    for _delivery in 0..2 {
        is_recorded_whole(&up.spans(&request(open.to_vec())));
        let spans = store.list(&["spans", "--session", "s-1"]);
        assert_eq!(spans.len(), 2);
        assert!(spans.iter().all(|span| span["end"].is_null() && span["status"].is_null()), "{spans:?}");
        let session = only_session(&store);
        assert_eq!((&session["state"], &session["open_spans"]), (&json!("ACTIVE"), &json!(2)), "{session}");
        assert_eq!((&session["model_runs"], &session["ended_at"]), (&json!(0), &Value::Null), "{session}");
    }
    for _delivery in 0..2 {
        is_recorded_whole(&up.spans(&request(whole.to_vec())));
        let spans = store.list(&["spans", "--session", "s-1"]);
        assert_eq!(spans.len(), 2);
        assert!(spans.iter().all(|span| span["end"] == "2026-03-01T00:00:01.000000Z"), "{spans:?}");
        let session = only_session(&store);
        assert_eq!((&session["state"], &session["open_spans"]), (&json!("COMPLETED"), &json!(0)), "{session}");
        assert_eq!((&session["model_runs"], &session["tokens"]["total"]), (&json!(1), &json!(12)), "{session}");
        assert_eq!(kinds(&session), [] as [&str; 0]);
    }
}

#[test]
fn children_are_seen_before_their_parents_end() {
    let store = Store::new();
    let up = Up::start(&store);
    // The model call comes first, then the step that it lies in, and the agent at last.
    is_recorded_whole(&up.spans(&request(vec![chat(3, Some(2), 2)])));
    let session = only_session(&store);
    assert_eq!((&session["session_id"], &session["spans"]), (&json!(TRACE), &json!(1)), "{session}");
    assert_eq!((&session["state"], &session["tokens"]["total"]), (&json!("ACTIVE"), &json!(12)), "{session}");
    assert_eq!(kinds(&session), ["orphan_parent"]);

    is_recorded_whole(&up.spans(&request(vec![span(2, Some(1), 1, "step", &json!({}))])));
    is_recorded_whole(&up.spans(&request(vec![of_session("s-1", chat(4, Some(2), 3))])));
    let session = only_session(&store);
    assert_eq!((&session["session_id"], &session["spans"]), (&json!("s-1"), &json!(3)), "{session}");
    assert_eq!(session["state"], "ACTIVE", "one call has ended, and not the work that it is part of");

    is_recorded_whole(&up.spans(&request(vec![agent(1, 0, "s-1")])));
    let session = only_session(&store);
    assert_eq!((&session["session_id"], &session["spans"]), (&json!("s-1"), &json!(4)), "{session}");
    assert_eq!((&session["state"], &session["tokens"]["total"]), (&json!("COMPLETED"), &json!(24)), "{session}");
    assert_eq!(kinds(&session), [] as [&str; 0]);
    // Whoever knows it by its trace finds it still.
    let shown = store.run(["show", TRACE, "--format", "json"]).code(0).json();
    assert_eq!(shown["session"]["session_id"], "s-1", "{shown}");
    let spans = store.list(&["spans"]);
    assert!(spans.iter().all(|span| span["session_id"] == "s-1"), "{spans:?}");
}

#[test]
fn a_parent_that_never_comes_is_a_finding() {
    let store = Store::new();
    let up = Up::start(&store);
    is_recorded_whole(&up.spans(&request(vec![agent(1, 0, "s-1"), chat(3, Some(2), 2), chat(4, Some(1), 3)])));
    up.stop();
    let session = only_session(&store);
    assert_eq!((&session["session_id"], &session["spans"]), (&json!("s-1"), &json!(3)), "{session}");
    assert_eq!(kinds(&session), ["orphan_parent"]);
    assert_eq!(session["findings"][0]["span_id"], "0000000000000002");
    let listed = store.list(&["findings", "--kind", "orphan_parent"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["session_id"], "s-1");
}

/// Secrets, put together here so that no scanner finds them in this file.
fn secrets() -> Vec<String> {
    [
        ("AKIA", "QYLPMN5HFIQR7XYA"),
        ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
        ("glpat-", "x7Kd2mQ9vTz4LpWn8RsY"),
        (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        ),
    ]
    .map(|(head, tail)| format!("{head}{tail}"))
    .to_vec()
}

/// A span of every kind with this secret wherever text may stand, and a log record.
fn betraying(secret: &str, n: u64) -> (Value, Value) {
    let messages = |role: &str| {
        json!([{"role": role, "parts": [{"type": "text", "content": format!("the key is {secret}, keep it")}]}])
            .to_string()
    };
    let spans = [
        ("invoke_agent", json!({"gen_ai.agent.name": secret, "gen_ai.system_instructions": messages("system")})),
        (
            "chat",
            json!({
                "gen_ai.request.model": format!("model-{secret}"), "gen_ai.response.id": secret, "error.type": secret,
                "gen_ai.input.messages": messages("user"), "gen_ai.output.messages": messages("assistant"),
                "gen_ai.response.finish_reasons": [secret], "gen_ai.provider.name": secret,
                "gen_ai.usage.input_tokens": 1,
            }),
        ),
        (
            "execute_tool",
            json!({
                "gen_ai.tool.name": format!("tool-{secret}"), "gen_ai.tool.call.id": format!("call-{secret}"),
                "gen_ai.tool.call.arguments": json!({"token": secret, "list": [{"deep": format!("x={secret}")}]}).to_string(),
                "gen_ai.tool.call.result": format!("export TOKEN={secret}\n"),
            }),
        ),
    ];
    let mut all = Vec::new();
    for (at, (operation, mut attributes)) in spans.into_iter().enumerate() {
        let id = n * 16 + at as u64 + 1;
        for (key, value) in [
            ("gen_ai.operation.name", operation.to_owned()),
            ("gen_ai.conversation.id", format!("s-{n}")),
            ("app.setting", secret.to_owned()),
            ("app.sentence", format!("a sentence with {secret} in it")),
            (format!("app.{secret}").as_str(), "value".to_owned()),
        ] {
            attributes[key] = json!(value);
        }
        let mut span = span(id, (at > 0).then_some(n * 16 + 1), n, &format!("{operation} {secret}"), &attributes);
        span["traceId"] = json!(format!("{:032x}", n + 1));
        span["status"] = json!({"code": 2, "message": format!("failed with {secret}")});
        let content = json!({"key": "content", "value": {"stringValue": format!("event {secret}")}});
        let time = span["startTimeUnixNano"].clone();
        span["events"] =
            json!([{"name": format!("gen_ai.user.message {secret}"), "timeUnixNano": time, "attributes": [content]}]);
        span["traceState"] = json!(format!("vendor={secret}"));
        all.push(span);
    }
    let mut request = request(all);
    let host = json!({"key": "host.name", "value": {"stringValue": secret}});
    request["resourceSpans"][0]["resource"] = json!({"attributes": [host]});
    let log = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{
        "timeUnixNano": (DAY_NS + n * SECOND_NS).to_string(), "traceId": format!("{:032x}", n + 1),
        "spanId": format!("{:016x}", n * 16 + 2), "eventName": "gen_ai.user.message",
        "body": any(&json!({"content": format!("the log says {secret}")})),
        "attributes": pairs([("gen_ai.system", &json!("openai")), ("app.setting", &json!(secret))].into_iter()),
    }]}]}]});
    (request, log)
}

#[test]
fn no_secret_in_telemetry_is_at_rest_or_in_an_answer() {
    let store = Store::new();
    let up = Up::start(&store);
    let mut answers = Vec::new();
    for (n, secret) in (0..).zip(secrets()) {
        let (spans, log) = betraying(&secret, n);
        let answer = up.spans(&spans);
        is_recorded_whole(&answer);
        let answer = up.post("/v1/logs", &[JSON], log.to_string().as_bytes());
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
        // A refusal does not repeat what it refuses.
        let mut nameless = span(1, None, 0, &format!("name {secret}"), &json!({}));
        nameless["spanId"] = json!("");
        let refused = up.spans(&request(vec![nameless]));
        assert_eq!(refused["partialSuccess"]["rejectedSpans"], "1");
        answers.push(refused.to_string());
        let misplaced = json!({"resourceSpans": secret, "resourceLogs": [secret]}).to_string();
        for path in ["/v1/traces", "/v1/logs"] {
            let refused = up.post(path, &[JSON], misplaced.as_bytes());
            assert_eq!(refused.status, 400);
            answers.push(refused.text());
        }
    }
    let messages = store.list(&["messages"]);
    assert_eq!(messages.len(), 4 * secrets().len(), "{messages:?}");
    assert!(messages.iter().all(|message| message["redacted"] == true), "{messages:?}");
    let calls = store.list(&["events", "--kind", "tool_call"]);
    assert_eq!(calls.len(), secrets().len());
    let refs = calls.iter().flat_map(|call| [&call["payload"]["args_ref"], &call["payload"]["result_ref"]]);
    for artifact in messages.iter().map(|message| &message["artifact_id"]).chain(refs) {
        let content = store.run(["artifact", "get", artifact.as_str().unwrap()]).code(0).stdout;
        assert!(content.contains("[REDACTED:"), "{content}");
        answers.push(content);
    }
    for list in ["events", "sessions", "spans", "messages", "findings"] {
        answers.push(store.run([list, "--format", "json"]).code(0).stdout);
    }
    answers.push(store.run(["export", "--format", "otlp"]).code(0).stdout);
    answers.push(String::from_utf8(up.connect().ask("GET", "/metrics", &[], b"").unwrap().body).unwrap());
    up.stop();
    for secret in secrets() {
        let file = store.beside("misplaced-spans.json");
        std::fs::write(&file, json!({"resourceSpans": secret}).to_string()).unwrap();
        answers.push(store.run(["import", "otlp", file.to_str().unwrap()]).code(3).stderr);
    }
    for secret in secrets() {
        for (path, bytes) in store.files() {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} in {}",
                path.display()
            );
        }
        for answer in &answers {
            let around = answer.find(&secret).map(|at| &answer[at.saturating_sub(200)..at + secret.len()]);
            assert_eq!(around, None, "{secret}");
        }
    }
    store.run(["verify"]).code(0);
}
