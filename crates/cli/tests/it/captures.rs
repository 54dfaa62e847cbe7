//! Telemetry as real agent frameworks sent it: taken in by every door and in every order, it gives the same
//! sessions, and their totals are what the models answered.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flightrec_ingest::otlp::{self, Encoding};
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;

use super::support::{Store, finish};
use super::wire::Up;

/// Prices of a model, in nano-dollars per million tokens: input, cached input, output.
struct Rates(u64, u64, u64);

/// Used by one call: input tokens, those of them from a cache, output tokens.
type Use = (u64, u64, u64);

const GPT_4O: Rates = Rates(2_500_000_000, 1_250_000_000, 10_000_000_000);
const GPT_5_MINI: Rates = Rates(250_000_000, 25_000_000, 2_000_000_000);
const GPT_5_CODEX: Rates = Rates(1_250_000_000, 125_000_000, 10_000_000_000);
const SONNET_4_5: Rates = Rates(3_000_000_000, 300_000_000, 15_000_000_000);
const OPUS_4_8: Rates = Rates(5_000_000_000, 500_000_000, 25_000_000_000);

/// What the supervisor of the reference conversation used, and the researcher that it asks.
const SUPERVISOR: [Use; 3] = [(310, 0, 41), (512, 256, 38), (640, 512, 57)];
const RESEARCHER: [Use; 2] = [(150, 0, 44), (330, 128, 29)];

/// A difference between what the models answered and what the telemetry tells.
struct Unseen {
    /// Calls, input, cached and output tokens that the telemetry does not tell; less than none if only it does.
    less: [i64; 4],
    why: &'static str,
}

/// A capture, and what is known of it beside its files.
struct Capture {
    name: &'static str,
    /// One of its sessions.
    session: &'static str,
    /// What that session used, model by model.
    used: &'static [(Rates, &'static [Use])],
    /// Where the prices of its model calls come from.
    price_sources: &'static [Option<&'static str>],
    /// What its telemetry does not tell.
    unseen: &'static [Unseen],
}

#[test]
fn anthropic_sdk_traceloop() {
    check(&Capture {
        name: "anthropic-sdk-traceloop",
        session: "s-A",
        used: &[(SONNET_4_5, &SUPERVISOR), (SONNET_4_5, &RESEARCHER)],
        price_sources: &[Some("table:2026-11-22 anthropic/claude-sonnet-4-5")],
        unseen: &[],
    });
}

#[test]
fn claude_code_std() {
    check(&Capture {
        name: "claude-code-std",
        session: "11111111-1111-4111-8111-111111111111",
        used: &[(OPUS_4_8, &CLAUDE_CODE_A)],
        price_sources: &[Some("emitter:otlp:claude_code")],
        unseen: &[Unseen { less: [1, 2_600, 2_500, 19], why: "a call to warm up, made without telemetry" }],
    });
}

#[test]
fn claude_code_traces() {
    check(&Capture {
        name: "claude-code-traces",
        session: "11111111-1111-4111-8111-111111111111",
        used: &[(OPUS_4_8, &CLAUDE_CODE_A)],
        price_sources: &[Some("emitter:otlp:claude_code"), Some("table:2026-11-22 anthropic/claude-opus-4-8")],
        unseen: &[Unseen { less: [1, 2_600, 2_500, 19], why: "a call to warm up, made without telemetry" }],
    });
}

const CLAUDE_CODE_A: [Use; 7] = [
    (2_310, 2_000, 81),
    (1_500, 0, 50),
    (1_700, 1_500, 22),
    (2_900, 2_300, 64),
    (3_300, 2_900, 44),
    (3_500, 3_300, 33),
    (2_600, 2_500, 19),
];

#[test]
fn codex_cli() {
    check(&Capture {
        name: "codex-cli",
        session: "01a20220-81a8-7733-aa44-c328a9d8c5e1",
        used: &[(GPT_5_CODEX, &[(2_310, 2_000, 81), (2_900, 2_300, 40), (3_100, 2_900, 22), (3_300, 3_100, 14)])],
        // Its spans name no model: its log records do, and are charged.
        price_sources: &[None, Some("table:2026-11-22 openai/gpt-5-codex")],
        unseen: &[],
    });
}

#[test]
fn google_adk() {
    check(&Capture {
        name: "google-adk",
        session: "sess-A",
        used: &[(GPT_4O, &SUPERVISOR)],
        // Its log records name no model: its spans do, and are charged.
        price_sources: &[None, Some("table:2026-11-22 openai/gpt-4o")],
        unseen: &[],
    });
}

#[test]
fn langgraph_traceloop() {
    check(&Capture {
        name: "langgraph-traceloop",
        session: "thread-A",
        used: &[(GPT_4O, &SUPERVISOR), (GPT_4O, &RESEARCHER)],
        price_sources: &[Some("table:2026-11-22 openai/gpt-4o")],
        unseen: &[],
    });
}

#[test]
fn openai_agents_genai() {
    check(&Capture {
        name: "openai-agents-genai",
        session: "thread-A",
        used: &[(GPT_5_MINI, &SUPERVISOR), (GPT_4O, &RESEARCHER)],
        price_sources: &[Some("table:2026-11-22 openai/gpt-4o"), Some("table:2026-11-22 openai/gpt-5-mini")],
        unseen: &[],
    });
}

#[test]
fn openai_agents_openinference() {
    check(&Capture {
        name: "openai-agents-openinference",
        session: "92df33e0c0d8988409b187b0bc74cc37",
        used: &[(GPT_5_MINI, &SUPERVISOR), (GPT_4O, &[(150, 0, 44), (330, 0, 29)])],
        price_sources: &[Some("table:2026-11-22 openai/gpt-4o"), Some("table:2026-11-22 openai/gpt-5-mini")],
        unseen: &[Unseen {
            less: [0, 0, 2 * 128, 0],
            why: "calls by way of chat completions do not tell cached tokens",
        }],
    });
}

/// What the spans of the OpenAI SDK do not tell: neither of its captures has cached tokens.
const OPENAI_SDK: &[Unseen] = &[
    Unseen { less: [1, 77, 0, 7], why: "a call of the Responses API, which is not instrumented" },
    Unseen { less: [1, 222, 0, 31], why: "a stream that was abandoned, and with it its usage" },
    Unseen { less: [0, 0, 1_992, 0], why: "no call tells cached tokens" },
];

#[test]
fn openai_sdk_otelv2_latest() {
    check(&Capture {
        name: "openai-sdk-otelv2-latest",
        session: "conv-A",
        used: &[(GPT_4O, &[(310, 0, 41), (512, 0, 38), (640, 0, 57), (150, 0, 44), (330, 0, 29)])],
        price_sources: &[Some("table:2026-11-22 openai/gpt-4o")],
        unseen: OPENAI_SDK,
    });
}

#[test]
fn openai_sdk_otelv2_logs() {
    check(&Capture {
        name: "openai-sdk-otelv2-logs",
        session: "conv-A",
        used: &[(GPT_4O, &[(310, 0, 41), (512, 0, 38), (640, 0, 57), (150, 0, 44), (330, 0, 29)])],
        price_sources: &[Some("table:2026-11-22 openai/gpt-4o")],
        unseen: OPENAI_SDK,
    });
}

#[test]
fn pydantic_ai() {
    check(&Capture {
        name: "pydantic-ai",
        session: "01a20217-1ca6-70c3-ba04-03d96a4238f5",
        used: &[(GPT_4O, &SUPERVISOR)],
        price_sources: &[Some("emitter:otlp:gen_ai")],
        unseen: &[
            Unseen { less: [-1, -52, 0, -4], why: "a session with a model of its own, that asks nobody" },
            Unseen { less: [-1, -54, 0, -2], why: "another of them, which failed" },
        ],
    });
}

#[test]
fn strands() {
    check(&Capture {
        name: "strands",
        session: "sess-A",
        used: &[(GPT_4O, &SUPERVISOR), (GPT_4O, &RESEARCHER)],
        price_sources: &[Some("table:2026-11-22 openai/gpt-4o")],
        unseen: &[],
    });
}

#[test]
fn vercel_ai() {
    check(&Capture {
        name: "vercel-ai",
        session: "va-A",
        used: &[],
        price_sources: &[None],
        // Its models are mocks of its own: nobody else knows what they answered.
        unseen: &[],
    });
}

/// Takes a capture in by every door and in every order.
fn check(capture: &Capture) {
    let requests = requests(capture.name);
    let files: Vec<&Path> = requests.iter().map(|request| request.path.as_path()).collect();
    let store = Store::new();
    import(&store, &[], &files);
    let answers = Answers::of(&store);

    answers.are_as_stated(capture.name);
    totals_are_the_truth(capture, &answers.sessions);
    costs_are_exact(capture, &store, &answers.sessions);

    assert_eq!(import(&store, &[], &files)["events_added"], 0, "a second import");
    assert_eq!(Answers::of(&store), answers, "after a second import");
    every_order_gives_the_same(&files, &answers);
    every_door_gives_the_same(&requests, &answers);
    an_export_gives_the_same(&store, &answers);
    store.run(["verify"]).code(0);
}

/// A request of a capture, as it was sent.
struct Request {
    path: PathBuf,
    signal: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test-data/captures").join(name)
}

/// The requests of a capture in the order in which they were sent.
fn requests(name: &str) -> Vec<Request> {
    let entries = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "bin")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name}");
    let read = |path: PathBuf| {
        let told: Value = serde_json::from_slice(&fs::read(path.with_extension("headers.json")).unwrap()).unwrap();
        let kept = ["content-type", "content-encoding", "transfer-encoding"];
        let headers =
            kept.iter().filter_map(|name| Some(((*name).to_owned(), told["headers"][name].as_str()?.to_owned())));
        let signal = match told["path"].as_str().unwrap() {
            "/v1/traces" => "traces",
            "/v1/logs" => "logs",
            other => panic!("{other} in {}", path.display()),
        };
        Request { signal, headers: headers.collect(), body: fs::read(&path).unwrap(), path }
    };
    paths.into_iter().map(read).collect()
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn is_gzip(&self) -> bool {
        self.header("content-encoding") == Some("gzip")
    }

    fn encoding(&self) -> Encoding {
        match self.header("content-type") {
            Some("application/json") => Encoding::Json,
            Some("application/x-protobuf") => Encoding::Protobuf,
            other => panic!("{other:?}"),
        }
    }

    /// The request as gRPC carries it: protobuf, compressed by whoever carries it.
    fn as_message(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        if self.is_gzip() {
            body.clear();
            GzDecoder::new(self.body.as_slice()).read_to_end(&mut body).unwrap();
        }
        if self.encoding() == Encoding::Json {
            assert_eq!(self.signal, "logs");
            return otlp::encode_logs(&otlp::logs(&body, Encoding::Json).unwrap(), Encoding::Protobuf);
        }
        body
    }
}

/// Everything that is asked of a store, without the positions in its log.
#[derive(PartialEq)]
struct Answers {
    sessions: Vec<Value>,
    spans: Vec<Value>,
    messages: Vec<Value>,
}

impl Answers {
    #[track_caller]
    fn of(store: &Store) -> Self {
        let mut sessions: Vec<Value> = store.list(&["sessions"]).into_iter().map(without_positions).collect();
        let mut spans = store.list(&["spans"]);
        let mut messages: Vec<Value> = store.list(&["messages"]).into_iter().map(without_positions).collect();
        sessions.sort_by_cached_key(|session| session["session_id"].to_string());
        spans.sort_by_cached_key(|span| format!("{} {} {}", span["session_id"], span["trace_id"], span["span_id"]));
        messages.sort_by_cached_key(|message| format!("{} {}", message["session_id"], message["message_id"]));
        Self { sessions, spans, messages }
    }

    /// The sessions have exactly the facts that were counted by hand.
    fn are_as_stated(&self, name: &str) {
        let stated: Vec<Value> =
            serde_json::from_slice(&fs::read(folder(name).join("sessions.json")).unwrap()).unwrap();
        assert!(!stated.is_empty());
        let mut agents: BTreeMap<&str, u64> = BTreeMap::new();
        for span in self.spans.iter().filter(|span| span["kind"] == "job") {
            *agents.entry(span["session_id"].as_str().unwrap()).or_default() += 1;
        }
        let facts = |session: &Value| {
            let id = session["session_id"].as_str().unwrap();
            let kinds: Vec<&Value> =
                session["findings"].as_array().unwrap().iter().map(|found| &found["kind"]).collect();
            let mut facts = json!({
                "agents": agents.get(id).copied().unwrap_or(0), "input": session["tokens"]["input"],
                "output": session["tokens"]["output"], "cached": session["tokens"]["cached"],
                "own_nanos": session["cost"]["own_nanos"], "unpriced_runs": session["cost"]["unpriced_runs"],
                "findings": kinds,
            });
            let same = ["session_id", "parent_session_id", "state", "role", "model_id", "source"];
            for field in same.into_iter().chain(["model_runs", "tool_calls", "messages", "spans"]) {
                facts[field] = session[field].clone();
            }
            facts
        };
        let found: Vec<Value> = self.sessions.iter().map(facts).collect();
        same_lists("sessions as stated", &found, &stated);
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sessions, spans, messages } = self;
        write!(f, "{} sessions, {} spans, {} messages", sessions.len(), spans.len(), messages.len())
    }
}

/// An answer without where in the log it stands.
fn without_positions(mut answer: Value) -> Value {
    let object = answer.as_object_mut().unwrap();
    object.remove("seq");
    if let Some(findings) = object.get_mut("findings") {
        let findings = findings.as_array_mut().unwrap();
        for finding in findings.iter_mut() {
            finding.as_object_mut().unwrap().remove("seq");
        }
        findings.sort_by_cached_key(ToString::to_string);
    }
    answer
}

/// Compares lists, and names the first place where they part.
#[track_caller]
fn same_lists(what: &str, found: &[Value], expected: &[Value]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[track_caller]
fn same(what: &str, store: &Store, expected: &Answers) {
    let found = Answers::of(store);
    same_lists(&format!("sessions {what}"), &found.sessions, &expected.sessions);
    same_lists(&format!("spans {what}"), &found.spans, &expected.spans);
    same_lists(&format!("messages {what}"), &found.messages, &expected.messages);
}

/// Imports files in one process; gives what it says.
#[track_caller]
fn import(store: &Store, options: &[&str], files: &[&Path]) -> Value {
    let mut command = store.command(["import", "otlp", "--format", "json"]);
    command.env_remove("FLIGHTREC_PRICES").args(options).args(files);
    let said = finish(command, b"").code(0).json();
    assert_eq!((&said["files"], &said["refused"]), (&json!(files.len()), &json!(0)), "{said}");
    said
}

/// What the models answered, less what the telemetry is known not to tell, is what all sessions used.
fn totals_are_the_truth(capture: &Capture, sessions: &[Value]) {
    let Ok(truth) = fs::read_to_string(folder(capture.name).join("truth.jsonl")) else {
        assert_eq!(capture.name, "vercel-ai", "only its models are mocks");
        return;
    };
    let mut expected = [0; 4];
    for call in truth.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        // Neither a failed call nor one whose caller went away while it hung was answered.
        if call["error"].is_null() && call["hang"].is_null() {
            let count = |name: &str| call[name].as_i64().unwrap_or(0);
            let used = [1, count("input_tokens"), count("cached"), count("output_tokens")];
            expected.iter_mut().zip(used).for_each(|(sum, used)| *sum += used);
        }
    }
    assert!(expected.iter().all(|sum| *sum > 0));
    for Unseen { less, .. } in capture.unseen {
        expected.iter_mut().zip(less).for_each(|(sum, less)| *sum -= less);
    }
    let sum = |of: &dyn Fn(&Value) -> &Value| sessions.iter().map(|session| of(session).as_i64().unwrap()).sum::<i64>();
    let found = [
        sum(&|session| &session["model_runs"]),
        sum(&|session| &session["tokens"]["input"]),
        sum(&|session| &session["tokens"]["cached"]),
        sum(&|session| &session["tokens"]["output"]),
    ];
    let reasons: Vec<&str> = capture.unseen.iter().map(|unseen| unseen.why).collect();
    assert_eq!(found, expected, "calls, input, cached, output; apart from {reasons:?}");
}

/// The cost of one session is what its calls cost, each rounded to the nano-dollar.
fn costs_are_exact(capture: &Capture, store: &Store, sessions: &[Value]) {
    let mut nanos = 0;
    for (Rates(input_rate, cached_rate, output_rate), calls) in capture.used {
        for (input, cached, output) in *calls {
            let millionths = (input - cached) * input_rate + cached * cached_rate + output * output_rate;
            nanos += (millionths + 500_000) / 1_000_000;
        }
    }
    let session = sessions.iter().find(|session| session["session_id"] == capture.session).unwrap();
    assert_eq!(session["cost"]["own_nanos"], nanos);
    let unpriced = if capture.used.is_empty() { &session["model_runs"] } else { &json!(0) };
    assert_eq!(&session["cost"]["unpriced_runs"], unpriced);

    let inferences = store.list(&["events", "--session", capture.session, "--kind", "llm_inference"]);
    let source = |event: &Value| event["payload"]["price_source"].as_str().map(str::to_owned);
    let mut sources: Vec<Option<String>> = inferences.iter().map(source).collect();
    sources.sort();
    sources.dedup();
    assert_eq!(sources.iter().map(Option::as_deref).collect::<Vec<_>>(), capture.price_sources);
    for event in &inferences {
        let payload = &event["payload"];
        assert_eq!(payload["cost_usd"].is_null(), payload["price_source"].is_null(), "{payload}");
    }
}

/// Backwards, shuffled, twice over, and a process for each file.
fn every_order_gives_the_same(files: &[&Path], answers: &Answers) {
    let backwards: Vec<&Path> = files.iter().rev().copied().collect();
    let mut orders = vec![("backwards".to_owned(), backwards.clone()), ("twice over".to_owned(), files.repeat(2))];
    for seed in [1, 2] {
        orders.push((format!("shuffled with {seed}"), shuffled(files.to_vec(), seed)));
    }
    for (order, files) in &orders {
        let store = Store::new();
        import(&store, &[], files);
        same(order, &store, answers);
    }
    let store = Store::new();
    for file in backwards {
        import(&store, &[], &[file]);
    }
    same("backwards in a process each", &store, answers);
}

/// Over HTTP as they were sent, and over gRPC, twice each and in no order.
fn every_door_gives_the_same(requests: &[Request], answers: &Answers) {
    let twice: Vec<&Request> = requests.iter().chain(requests).collect();

    let store = Store::new();
    let up = Up::start(&store);
    let mut connection = up.connect();
    for request in shuffled(twice.clone(), 3) {
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = connection.ask("POST", &format!("/v1/{}", request.signal), &headers, &request.body).unwrap();
        assert_eq!(answer.status, 200, "{}: {}", request.path.display(), answer.text());
        nothing_was_refused(request.signal, request.encoding(), &answer.body);
    }
    same("over HTTP", &store, answers);
    assert_eq!(up.list("/api/v1/sessions"), store.list(&["sessions"]));
    up.stop();
    same("over HTTP, after the server", &store, answers);

    let store = Store::new();
    let up = Up::start(&store);
    let (mut plain, mut gzip) = (up.caller(), up.caller().compressing(CompressionEncoding::Gzip));
    for request in shuffled(twice, 4) {
        let caller = if request.is_gzip() { &mut gzip } else { &mut plain };
        let answer = caller.export(request.signal, &request.as_message()).unwrap();
        nothing_was_refused(request.signal, Encoding::Protobuf, &answer);
    }
    same("over gRPC", &store, answers);
    // Nobody but its callers drives a connection: the server would wait for it to say good-bye.
    drop((plain, gzip));
    up.stop();
}

/// Partial success may say that some log records tell nothing of sessions; it counts nothing as refused.
#[track_caller]
fn nothing_was_refused(signal: &str, encoding: Encoding, answer: &[u8]) {
    let is_told = match encoding {
        Encoding::Json => {
            let answer: Value = serde_json::from_slice(answer).unwrap();
            answer == json!({}) || (signal == "logs" && answer["partialSuccess"]["rejectedLogRecords"] == "0")
        }
        // How many were refused would stand first in the message that is field 1.
        Encoding::Protobuf => answer.is_empty() || (signal == "logs" && matches!(answer, [0x0a, _, 0x12, ..])),
    };
    assert!(is_told, "{}", String::from_utf8_lossy(answer));
}

/// Out as spans and in again.
fn an_export_gives_the_same(store: &Store, answers: &Answers) {
    let exported = store.beside("exported.json");
    store.run(["export", "--format", "otlp", "--output", exported.to_str().unwrap()]).code(0);
    let other = Store::new();
    import(&other, &["--signal", "traces"], &[&exported]);
    same("of an export", &other, answers);
    assert_eq!(import(store, &["--signal", "traces"], &[&exported])["events_added"], 0, "its own export");
    same("after its own export", store, answers);
}

/// The same items in an order that follows from the seed.
fn shuffled<T>(mut items: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for at in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(at, (state % (at as u64 + 1)) as usize);
    }
    items
}
