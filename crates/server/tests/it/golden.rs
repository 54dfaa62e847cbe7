//! Answers of a small store, letter for letter: what clients may rely on, and the examples of the API's description.
//!
//! `UPDATE_GOLDEN=1 cargo test -p flightrec-server golden` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flightrec_recorder::events::Timestamp;
use flightrec_recorder::{Clock, IdSource, Options, Recorder};
use serde_json::{Value, json};

use super::served::Served;

const PARENT: &str = "01999a7b-0000-7000-8000-000000000001";
const CHILD: &str = "01999a7b-0000-7000-8000-000000000002";

/// It is always the same moment.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::parse_text("2026-03-01T12:01:00Z").unwrap()
    }
}

/// Ids that count.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl IdSource for Counting {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// A parent with a budget that spawned a child, which waits; priced and unpriced runs.
fn world() -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let mut add = |code: &str, name: &str, session: &str, at_s: u32, span: Option<&str>, payload: Value| {
        let number = events.len() + 1;
        let mut event = json!({
            "event_id": format!("01999a7b-1c2d-7000-8000-{number:012x}"), "code": code, "type": name, "actor": "system",
            "model_session_id": session, "timestamp": format!("2026-03-01T12:00:{at_s:02}.000000Z"), "payload": payload,
        });
        if let Some(span) = span {
            event["trace_id"] = json!("4bf92f3577b34da6a3ce929d0e0e4736");
            event["activity_span_id"] = json!(span);
        }
        events.push(event);
    };
    let created = |session: &str, role: &str, depth: u32| {
        json!({
            "session_id": session, "model_id": "m-1", "backend": "cloud", "role": role, "wp_id": "WP-1", "mt_id": null,
            "memory_policy": "EPHEMERAL", "spawn_depth": depth, "provider": "p-1",
        })
    };
    let mut parent = created(PARENT, "orchestrator", 0);
    parent["label"] = json!("plan the work");
    parent["budget"] = json!({"tokens": 1000, "cost_usd": 0.5, "warn_percent": 80, "action": "PAUSE"});
    let mut child = created(CHILD, "coder", 1);
    child["parent_session_id"] = json!(PARENT);
    let state = |session: &str, from: &str, to: &str, reason: &str| json!({"session_id": session, "from_state": from, "to_state": to, "reason": reason});
    let inference = |request: &str, tokens: (u64, u64)| {
        json!({
            "model_id": "m-1", "provider": "p-1", "request_id": request,
            "token_usage": {"prompt_tokens": tokens.0, "completion_tokens": tokens.1, "total_tokens": tokens.0 + tokens.1},
        })
    };
    let (run, call) = ("00f067aa0ba902b1", "00f067aa0ba902b2");
    add("FR-EVT-SESS-001", "session.created", PARENT, 0, None, parent);
    add("FR-EVT-SESS-002", "session.state_change", PARENT, 1, None, state(PARENT, "CREATED", "ACTIVE", "dispatched"));
    let opened = json!({"kind": "model_run", "name": "chat m-1", "parent_span_id": null});
    add("FR-EVT-SPAN-001", "span.opened", PARENT, 1, Some(run), opened);
    let said = json!({
        "session_id": PARENT, "message_id": "m-1", "role": "USER", "content_hash": format!("{:064x}", 7),
        "content_artifact_id": format!("sha256:{:064x}", 7), "token_count": 12,
    });
    add("FR-EVT-SESS-004", "session.message", PARENT, 2, None, said);
    let mut priced = inference("req-1", (400, 50));
    priced["cost_usd"] = json!(0.0125);
    add("FR-EVT-006", "llm_inference", PARENT, 5, Some(run), priced);
    add("FR-EVT-SPAN-002", "span.closed", PARENT, 6, Some(run), json!({"status": "ok"}));
    let accepted =
        json!({"requester_session_id": PARENT, "child_session_id": CHILD, "child_role": "coder", "spawn_depth": 1});
    add("FR-EVT-SESS-SPAWN-002", "session.spawn_accepted", PARENT, 7, None, accepted);
    add("FR-EVT-SESS-001", "session.created", CHILD, 7, None, child);
    let job =
        json!({"session_id": CHILD, "job_id": "job-1", "lane": "SUBAGENT", "priority": 50, "concurrency_group": null});
    add("FR-EVT-SESS-SCHED-001", "session_scheduler.enqueue", CHILD, 8, None, job);
    let held = json!({
        "session_id": CHILD, "job_id": "job-1", "provider": "p-1", "backoff_ms": 250, "attempt": 0, "limit": "model",
        "reason": "2 of 2 are active",
    });
    add("FR-EVT-SESS-SCHED-003", "session_scheduler.rate_limited", CHILD, 9, None, held);
    let opened = json!({"kind": "tool_call", "name": "read_file", "parent_span_id": null});
    add("FR-EVT-SPAN-001", "span.opened", CHILD, 10, Some(call), opened);
    add("FR-EVT-006", "llm_inference", CHILD, 11, Some(call), inference("req-2", (300, 100)));
    let warning = json!({
        "session_id": PARENT, "budget_type": "WP_TOKENS", "current_value": 850, "threshold_value": 800, "action": "WARN",
        "wp_id": "WP-1",
    });
    add("FR-EVT-SESS-005", "session.budget_warning", PARENT, 12, None, warning);
    events
}

fn served() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { clock: Arc::new(Still), ids: Arc::<Counting>::default(), ..Options::default() };
    let recorder = Recorder::open_with(dir.path().join("store"), options).unwrap();
    let served = Served::over(dir, recorder, |options| options.clock = Arc::new(Still));
    served.record(&world());
    served
}

/// The same with the fields of every object in order: some builds of the JSON library keep theirs.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> =
                fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

#[test]
fn every_answer_is_what_it_was() {
    let served = served();
    let document = served.get("/openapi.json").status(200).json();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let writes = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut compared = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operation = &operations["get"];
        if !path.starts_with("/api/") || !operation["responses"]["200"]["content"]["application/json"].is_object() {
            continue;
        }
        let name = operation["operationId"].as_str().unwrap();
        let answer = served.get(&path.replace("{id}", PARENT)).status(200).json();
        let text = format!("{}\n", serde_json::to_string_pretty(&sorted(answer)).unwrap());
        // The version of this program is on record, and says nothing about the API.
        let text = text.replace(env!("CARGO_PKG_VERSION"), "x.y.z");
        let file = golden.join(format!("{name}.json"));
        if writes {
            std::fs::write(&file, &text).unwrap();
        }
        let held = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(text, held, "{name}: if this is meant, UPDATE_GOLDEN=1 writes it anew");
        let example = &operation["responses"]["200"]["content"]["application/json"]["example"];
        assert!(writes || *example == serde_json::from_str::<Value>(&held).unwrap(), "{name} is no example yet");
        compared += 1;
    }
    let files = std::fs::read_dir(golden).unwrap().count();
    assert!(compared == files && compared >= 14, "{compared} answers, {files} files");
}
