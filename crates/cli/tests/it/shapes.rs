//! The JSON of every command, key by key, and its other formats.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::support::{
    Store, created, created_as, inference, keys, message, span_closed, span_opened, state, tool_call,
};

const PARENT: &str = "0199aaaa-0000-7000-8000-000000000001";
const CHILD: &str = "0199bbbb-0000-7000-8000-000000000002";
const SPAN: &str = "00f067aa0ba902b7";

const SESSION: &str = "session_id parent_session_id state role model_id provider backend wp_id mt_id spawn_depth label source \
    created_at updated_at ended_at tokens cost messages model_runs tool_calls spans open_spans findings";
const TOKENS: &str = "input output cached cache_write reasoning total";

fn store() -> Store {
    Store::with(&[
        created_as(
            PARENT,
            0,
            &json!({"wp_id": "WP-1", "role": "orchestrator", "label": "the plan", "provider": "p-1"}),
        ),
        created_as(CHILD, 1, &json!({"parent_session_id": PARENT, "spawn_depth": 1, "wp_id": "WP-1"})),
        state(PARENT, 2, "CREATED", "ACTIVE", "dispatched"),
        span_opened(PARENT, 3, SPAN, None, "model_run", "chat m-1"),
        message(PARENT, 4, 7),
        inference(PARENT, 5, SPAN, (100, 20), Some(0.0123)),
        inference(CHILD, 6, "00f067aa0ba902b8", (10, 2), None),
        tool_call(PARENT, 7, SPAN, Some("it broke")),
        span_closed(PARENT, 8, SPAN),
        state(PARENT, 9, "ACTIVE", "COMPLETED", "done"),
    ])
}

#[track_caller]
fn has_keys(object: &Value, expected: &str) {
    let mut expected: Vec<&str> = expected.split_whitespace().collect();
    expected.sort_unstable();
    assert_eq!(keys(object), expected);
}

#[track_caller]
fn is_session(session: &Value) {
    has_keys(session, SESSION);
    has_keys(&session["tokens"], TOKENS);
    has_keys(&session["cost"], "own_nanos inclusive_nanos unpriced_runs");
    for finding in session["findings"].as_array().unwrap() {
        has_keys(finding, "kind severity session_id span_id seq detail");
    }
}

#[test]
fn a_session() {
    let sessions = store().list(&["sessions"]);
    assert_eq!(sessions.len(), 2);
    sessions.iter().for_each(is_session);
    let parent = &sessions[0];
    assert_eq!(parent["session_id"], PARENT);
    assert_eq!(parent["parent_session_id"], Value::Null);
    assert_eq!(parent["state"], "COMPLETED");
    assert_eq!(parent["label"], "the plan");
    assert_eq!(parent["source"], "native");
    assert_eq!(parent["created_at"], "2026-03-01T12:00:00.000000Z");
    assert_eq!(parent["ended_at"], "2026-03-01T12:00:09.000000Z");
    assert_eq!(
        parent["tokens"],
        json!({"input": 100, "output": 20, "cached": 0, "cache_write": 0, "reasoning": 0, "total": 120})
    );
    assert_eq!(parent["cost"], json!({"own_nanos": 12_300_000, "inclusive_nanos": 12_300_000, "unpriced_runs": 0}));
    assert_eq!(
        [&parent["messages"], &parent["model_runs"], &parent["tool_calls"], &parent["spans"], &parent["open_spans"]],
        [1, 1, 1, 1, 0]
    );
    assert_eq!(sessions[1]["cost"]["unpriced_runs"], 1);
    assert_eq!(sessions[1]["findings"][0]["kind"], "unpriced");
}

#[test]
fn a_session_in_detail() {
    let shown = store().run(["show", "0199aaaa", "--format", "json"]).code(0).json();
    has_keys(&shown, "session states spans children");
    is_session(&shown["session"]);
    assert_eq!(shown["states"].as_array().unwrap().len(), 2);
    has_keys(&shown["states"][0], "timestamp from_state to_state reason seq");
    assert_eq!(shown["spans"].as_array().unwrap().len(), 1);
    assert_eq!(shown["children"].as_array().unwrap().len(), 1);
    let line = store().run(["show", "0199aaaa", "--format", "ndjson"]).code(0);
    assert_eq!(line.lines(), [shown]);
}

#[test]
fn a_span() {
    let spans = store().list(&["spans"]);
    assert_eq!(spans.len(), 1);
    has_keys(
        &spans[0],
        "trace_id span_id parent_span_id session_id session_span_id kind name job_id model_id start end status tokens_in \
         tokens_out cost_nanos error_code tags links",
    );
    assert_eq!(spans[0]["tags"], json!(["a", "b"]));
    assert_eq!(spans[0]["end"], "2026-03-01T12:00:08.000000Z");
    assert_eq!(spans[0]["session_span_id"], Value::Null);
}

#[test]
fn a_message() {
    let messages = store().list(&["messages"]);
    assert_eq!(messages.len(), 1);
    has_keys(
        &messages[0],
        "message_id session_id role content_hash artifact_id token_count timestamp tool_call_id redacted span_id seq",
    );
    assert_eq!(messages[0]["seq"], 5);
    assert_eq!(messages[0]["redacted"], Value::Null);
}

#[test]
fn an_event() {
    let events = store().list(&["events"]);
    assert_eq!(events.len(), 10);
    for (event, seq) in events.iter().zip(1..) {
        has_keys(
            event,
            "event_id code type timestamp actor actor_id trace_id job_id workflow_id model_id model_session_id \
             activity_span_id session_span_id wsids capability_id policy_decision_id payload seq recorded_at",
        );
        assert_eq!(event["seq"], seq);
    }
}

#[test]
fn a_tree() {
    let store = store();
    let trees = store.list(&["tree"]);
    assert_eq!(trees.len(), 1);
    has_keys(&trees[0], "session children");
    is_session(&trees[0]["session"]);
    has_keys(&trees[0]["children"][0], "session children");
    assert_eq!(trees[0]["children"][0]["session"]["session_id"], CHILD);
    let one = store.run(["tree", "0199aaaa", "--format", "json"]).code(0).json();
    let named = store.run(["tree", "--session", "0199aaaa", "--format", "json"]).code(0).json();
    assert_eq!(one, named);
    assert_eq!(one, trees[0]);
    let leaf = store.run(["tree", "0199bbbb", "--format", "json"]).code(0).json();
    assert_eq!(leaf["children"], json!([]));
    let drawn = store.run(["tree"]).code(0).stdout;
    assert!(drawn.lines().nth(2).unwrap().starts_with("└─ 0199bbbb"), "{drawn}");
}

#[test]
fn a_cost_row_by_every_key() {
    let store = store();
    for (by, key) in [
        ("session", json!(PARENT)),
        ("wp", json!("WP-1")),
        ("role", json!("orchestrator")),
        ("model", json!("m-1")),
        ("provider", json!("p-1")),
    ] {
        let rows = store.list(&["cost", "--by", by]);
        for row in &rows {
            has_keys(row, "key sessions tokens cost");
            has_keys(&row["tokens"], TOKENS);
            has_keys(&row["cost"], "nanos unpriced_runs");
        }
        assert_eq!(rows[0]["key"], key, "{by}");
        assert_eq!(rows[0]["cost"]["nanos"], 12_300_000, "{by}");
        let unpriced: u64 = rows.iter().map(|row| row["cost"]["unpriced_runs"].as_u64().unwrap()).sum();
        assert_eq!(unpriced, 1, "{by}");
    }
    let table = store.run(["cost", "--by", "wp"]).code(0).stdout;
    assert!(table.contains("$0.0123 + 1 unpriced"), "{table}");
}

#[test]
fn a_rate() {
    let store = store();
    let rate =
        store.run(["rate", "--window", "30s", "--at", "2026-03-01T12:00:10Z", "--format", "json"]).code(0).json();
    assert_eq!(
        rate,
        json!({"window_s": 30, "active_sessions": 0, "tokens_per_minute": 264, "nanos_per_minute": 24_600_000, "unpriced_runs": 1})
    );
    let later = store.run(["rate", "--at", "2026-03-01T13:00:00Z", "--format", "json"]).code(0).json();
    assert_eq!(later["tokens_per_minute"], 0);
}

#[test]
fn a_finding() {
    let findings = store().list(&["findings"]);
    assert_eq!(findings.len(), 1);
    has_keys(&findings[0], "kind severity session_id span_id seq detail");
    assert_eq!(
        [&findings[0]["kind"], &findings[0]["severity"], &findings[0]["session_id"]],
        ["unpriced", "warning", CHILD]
    );
}

#[test]
fn a_verification() {
    let store = store();
    let verified = store.run(["verify", "--format", "json"]).code(0).json();
    has_keys(&verified, "ok events first_seq last_seq chain_head damage artifacts projections");
    has_keys(&verified["artifacts"], "checked missing bad");
    assert_eq!(verified["ok"], true);
    assert_eq!([&verified["events"], &verified["first_seq"], &verified["last_seq"]], [10, 1, 10]);
    assert_eq!([&verified["artifacts"]["checked"], &verified["artifacts"]["missing"]], [0, 1]);
    assert_eq!(verified["projections"], "match");
    assert!(store.run(["verify"]).code(0).stdout.starts_with("ok: "));
}

#[test]
fn a_verdict() {
    let store = Store::new();
    let mut twice = created("s-1", 0);
    let first = twice.clone();
    let id = twice["event_id"].clone();
    twice["payload"]["role"] = json!("other");
    let mut unknown = created("s-2", 0);
    unknown["payload"]["foo"] = json!(1);
    let verdicts = store.record(&[first.clone(), first, twice, unknown.clone()]).code(3).stdout;
    let lines: Vec<&str> = verdicts.lines().collect();
    let id = id.as_str().unwrap();
    assert_eq!(lines[0], format!(r#"{{"line":1,"event_id":"{id}","verdict":"accepted","error":null}}"#));
    assert_eq!(lines[1], format!(r#"{{"line":2,"event_id":"{id}","verdict":"duplicate","error":null}}"#));
    assert!(
        lines[2].starts_with(&format!(
            r#"{{"line":3,"event_id":"{id}","verdict":"rejected","error":{{"code":"HSK-400-INVALID-EVENT","rule":"event_id_conflict","field":"event_id","message":""#
        )),
        "{}",
        lines[2]
    );
    let id = unknown["event_id"].as_str().unwrap();
    assert!(
        lines[3].starts_with(&format!(
            r#"{{"line":4,"event_id":"{id}","verdict":"rejected","error":{{"code":"HSK-400-INVALID-EVENT","rule":"unknown_field","field":"payload.foo","message":""#
        )),
        "{}",
        lines[3]
    );
    assert_eq!(lines.len(), 4);
}

#[test]
fn every_list_is_the_same_in_every_format() {
    let store = store();
    for command in ["sessions", "events", "spans", "messages", "cost", "findings"] {
        let items = store.list(&[command]);
        assert!(!items.is_empty(), "{command}");
        let lines = store.run([command, "--format", "ndjson"]).code(0);
        assert_eq!(lines.lines(), items, "{command}");
        let csv = store.run([command, "--format", "csv"]).code(0).stdout;
        let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert_eq!(header, flattened(lines.stdout.lines().next().unwrap(), command == "events"), "{command}");
        assert_eq!(csv.lines().count(), items.len() + 1, "{command}");
        let table = store.run([command]).code(0).stdout;
        assert!(table.lines().count() > items.len(), "{command}: {table}");
    }
}

/// The names of an object's fields in the order in which they are printed, nested objects flattened.
fn flattened(json: &str, keep_payload: bool) -> Vec<String> {
    let Fields(fields) = serde_json::from_str(json).unwrap();
    let mut names = Vec::new();
    for (name, value) in fields {
        if value.get().starts_with('{') && !(keep_payload && name == "payload") {
            names.extend(flattened(value.get(), false).into_iter().map(|inner| format!("{name}.{inner}")));
        } else {
            names.push(name);
        }
    }
    names
}

/// An object with its keys in the order of the text.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[test]
fn single_objects_as_csv() {
    let store = store();
    for (args, columns) in [(vec!["rate"], 5), (vec!["verify"], 10), (vec!["show", "0199aaaa"], 30)] {
        let csv = store.run(args.iter().chain(&["--format", "csv"])).code(0).stdout;
        assert_eq!(csv.lines().count(), 2, "{csv}");
        assert_eq!(csv.lines().next().unwrap().split(',').count(), columns, "{csv}");
    }
    let tree = store.run(["tree", "--format", "csv"]).code(0).stdout;
    assert_eq!(tree.lines().count(), 3, "{tree}");
}

#[test]
fn empty_lists_are_lists() {
    let store = Store::with(&[created("s-1", 0)]);
    for command in ["spans", "messages", "findings"] {
        assert_eq!(store.run([command, "--format", "json"]).code(0).stdout, "[]\n", "{command}");
        assert_eq!(store.run([command, "--format", "ndjson"]).code(0).stdout, "", "{command}");
        assert_eq!(store.run([command, "--format", "csv"]).code(0).stdout.lines().count(), 1, "{command}");
        let table = store.run([command]).code(0);
        assert_eq!((table.stdout.as_str(), table.stderr.as_str()), ("", format!("no {command}\n").as_str()));
        assert_eq!(store.run([command, "-q"]).code(0).stderr, "");
    }
}
