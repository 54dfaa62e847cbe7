//! A server with a store of its own, telemetry that is understood, and events to record.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use flightrec_recorder::view::Outcome;
use flightrec_recorder::{Mode, Recorder};
use flightrec_server::{Encoding, Intake, Options, Refusal, Server, Signal, Taken};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::client::{self, Response};

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

/// A server that stops with the test.
pub(crate) struct Served {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) intake: Arc<Lines>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _dir: TempDir,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(choose: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(dir.path().join("store")).unwrap();
        Self::over(dir, recorder, choose)
    }

    pub(crate) fn over(dir: TempDir, recorder: Recorder, choose: impl FnOnce(&mut Options)) -> Self {
        let recorder = Arc::new(recorder);
        let intake = Arc::new(Lines::new(Arc::clone(&recorder)));
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut options = Options { listen: any_port, grpc_listen: any_port, ..Options::default() };
        choose(&mut options);
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let (recorder, intake) = (Arc::clone(&recorder), Arc::clone(&intake));
            move || {
                runtime().block_on(async {
                    let server = Server::bind(options, recorder, intake).await.unwrap();
                    tell.send((server.http_address(), server.grpc_address())).unwrap();
                    server.serve(async { drop(stopped.await) }).await;
                });
            }
        });
        let (http, grpc) = told.recv().unwrap();
        Self { http, grpc, recorder, intake, stop: Some(stop), thread: Some(thread), _dir: dir }
    }

    /// Asks the server to stop, and does not wait.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    /// Waits until the server has stopped.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        client::ask(self.http, "GET", path, &[], b"")
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        client::ask(self.http, "POST", path, headers, body)
    }

    /// The items of a list that fits on one page.
    #[track_caller]
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let list = self.get(path).status(200).json();
        assert_eq!(list["next_cursor"], Value::Null, "{path}");
        list["items"].as_array().unwrap().clone()
    }

    /// Records events by way of the API.
    #[track_caller]
    pub(crate) fn record(&self, events: &[Value]) {
        let answer = self.post("/api/v1/events", &[JSON], &serde_json::to_vec(events).unwrap()).status(200).json();
        assert_eq!(answer["accepted"], json!(events.len()), "{answer}");
    }

    /// How many events the store holds, those that a recorder writes about itself apart.
    pub(crate) fn events(&self) -> usize {
        let all = self.recorder.reader().events(&flightrec_recorder::query::EventFilter::default());
        all.filter(|event| !event.as_ref().unwrap().event.code().starts_with("FR-EVT-REC")).count()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.intake.open_gate();
        // It may have stopped by itself.
        let _stopped = self.stop.take().map(|stop| stop.send(()).is_ok());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(ended.is_none_or(|ended| ended.is_ok()), "the server panicked");
        }
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One request as it was handed on.
pub(crate) type Seen = (Signal, Encoding, Vec<u8>);

/// Understands telemetry that is written as native events, one a line; and knows a few words.
pub(crate) struct Lines {
    recorder: Arc<Recorder>,
    seen: Mutex<Vec<Seen>>,
    gate: Mutex<Gate>,
    changed: Condvar,
}

/// Requests wait here while it is closed.
#[derive(Default)]
struct Gate {
    is_closed: bool,
    waiting: usize,
}

impl Lines {
    fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, seen: Mutex::default(), gate: Mutex::default(), changed: Condvar::new() }
    }

    /// Everything that was handed on so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn close_gate(&self) {
        self.gate.lock().unwrap().is_closed = true;
    }

    pub(crate) fn open_gate(&self) {
        self.gate.lock().unwrap().is_closed = false;
        self.changed.notify_all();
    }

    /// Waits until so many requests wait at the gate.
    pub(crate) fn wait_for(&self, waiting: usize) {
        let gate = self.gate.lock().unwrap();
        drop(self.changed.wait_while(gate, |gate| gate.waiting < waiting).unwrap());
    }

    fn pass_gate(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting += 1;
        self.changed.notify_all();
        gate = self.changed.wait_while(gate, |gate| gate.is_closed).unwrap();
        gate.waiting -= 1;
    }
}

impl Intake for Lines {
    fn take(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Taken, Refusal> {
        self.seen.lock().unwrap().push((signal, encoding, body.to_vec()));
        self.pass_gate();
        match body {
            b"garbage" => return Err(Refusal::Malformed("not telemetry".to_owned())),
            b"huge" => return Err(Refusal::TooLarge),
            b"later" => return Err(Refusal::Unavailable { retry_after_s: 7 }),
            b"panic" => panic!("a request that its reader cannot bear"),
            _ => {}
        }
        if signal == Signal::Metrics {
            return Ok(Taken { taken: 0, refused: 3, message: Some("metrics are not recorded".to_owned()) });
        }
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let parsed: Vec<_> = lines.map(|line| self.recorder.registry().parse(line)).collect();
        let refused = parsed.iter().filter(|event| event.is_err()).count() as u64;
        let events = parsed.into_iter().filter_map(Result::ok).collect();
        let unavailable = Refusal::Unavailable { retry_after_s: 1 };
        let ticket = self.recorder.record_batch(events, Mode::Lenient).map_err(|_| unavailable.clone())?;
        let outcomes = ticket.durable().map_err(|_| unavailable)?;
        let taken = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Rejected(_))).count() as u64;
        Ok(Taken { taken, refused, message: (refused > 0).then(|| format!("{refused} are no events")) })
    }
}

/// An event id that no other test uses.
fn event_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("01999a7b-1c2d-7000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An event of one session at second `at_s` of a certain day.
pub(crate) fn event(code: &str, type_name: &str, session: &str, at_s: u32, payload: &Value) -> Value {
    json!({
        "event_id": event_id(), "code": code, "type": type_name, "actor": "system", "model_session_id": session,
        "timestamp": format!("2026-03-01T{:02}:{:02}:{:02}.000000Z", 12 + at_s / 3600, at_s / 60 % 60, at_s % 60),
        "payload": payload,
    })
}

pub(crate) fn created(session: &str, at_s: u32) -> Value {
    created_as(session, at_s, &json!({}))
}

/// A session's creation, with some of its facts replaced.
pub(crate) fn created_as(session: &str, at_s: u32, facts: &Value) -> Value {
    let mut payload = json!({
        "session_id": session, "model_id": "m-1", "backend": "local", "role": "coder", "wp_id": null, "mt_id": null,
        "memory_policy": "EPHEMERAL", "spawn_depth": 0,
    });
    payload.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    event("FR-EVT-SESS-001", "session.created", session, at_s, &payload)
}

pub(crate) fn message(session: &str, at_s: u32, number: u32) -> Value {
    let hash = format!("{number:064x}");
    let payload = json!({
        "session_id": session, "message_id": format!("{session}-m{number}"), "role": "USER", "content_hash": hash,
        "content_artifact_id": format!("sha256:{hash}"), "token_count": 3,
    });
    event("FR-EVT-SESS-004", "session.message", session, at_s, &payload)
}

pub(crate) fn span_opened(session: &str, at_s: u32, span: &str) -> Value {
    let payload = json!({"kind": "model_run", "name": "work", "parent_span_id": null, "tags": ["a"]});
    in_span(event("FR-EVT-SPAN-001", "span.opened", session, at_s, &payload), span)
}

pub(crate) fn span_closed(session: &str, at_s: u32, span: &str) -> Value {
    in_span(event("FR-EVT-SPAN-002", "span.closed", session, at_s, &json!({"status": "ok"})), span)
}

/// An inference; without a price if `cost_usd` is `None`.
pub(crate) fn inference(session: &str, at_s: u32, span: &str, cost_usd: Option<f64>) -> Value {
    let mut payload = json!({
        "model_id": "m-1", "token_usage": {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100},
        "provider": "p-1", "request_id": format!("req-{session}-{at_s}"),
    });
    if let Some(cost) = cost_usd {
        payload["cost_usd"] = json!(cost);
    }
    in_span(event("FR-EVT-006", "llm_inference", session, at_s, &payload), span)
}

fn in_span(mut event: Value, span: &str) -> Value {
    event["trace_id"] = json!("4bf92f3577b34da6a3ce929d0e0e4736");
    event["activity_span_id"] = json!(span);
    event
}

pub(crate) fn ndjson(events: &[Value]) -> Vec<u8> {
    events.iter().flat_map(|event| format!("{event}\n").into_bytes()).collect()
}

/// Sessions `s-1` to `s-n` with a parent, costs, spans, messages and findings among them.
pub(crate) fn small_world(n: u32) -> Vec<Value> {
    let mut events = Vec::new();
    for i in 1..=n {
        let session = format!("s-{i}");
        let facts = json!({
            "role": if i % 2 == 0 { "coder" } else { "validator" }, "model_id": format!("m-{}", i % 3),
            "wp_id": if i % 2 == 0 { json!("WP-1") } else { Value::Null }, "spawn_depth": u32::from(i > 1),
            "parent_session_id": if i > 1 { json!("s-1") } else { Value::Null },
            "budget": {"tokens": 1_000_000},
        });
        events.push(created_as(&session, i, &facts));
        let spans = [format!("{:016x}", 0x1000 + i), format!("{:016x}", 0x2000 + i)];
        events.push(span_opened(&session, i + 10, &spans[0]));
        events.push(inference(&session, i + 11, &spans[0], (i % 3 != 0).then_some(0.25 * f64::from(i))));
        events.push(span_closed(&session, i + 12, &spans[0]));
        events.push(span_opened(&session, i + 13, &spans[1]));
        events.push(message(&session, i + 14, 2 * i));
        events.push(message(&session, i + 15, 2 * i + 1));
    }
    events
}
