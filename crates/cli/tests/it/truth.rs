//! The answers against the truth of a workload; and again without any span in the record.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::support::{Store, ndjson};
use super::workload::{Generator, Workload};

const EVENTS: usize = 6_000;

fn recorded(events: &[Value]) -> Store {
    let store = Store::new();
    let ran = store.feed(["record"], &ndjson(events)).code(0);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    store
}

fn by<'v>(items: &'v [Value], key: &str) -> HashMap<Option<&'v str>, &'v Value> {
    items.iter().map(|item| (item[key].as_str(), item)).collect()
}

fn check_sessions(store: &Store, workload: &Workload) {
    let listed = store.list(&["sessions"]);
    assert_eq!(listed.len(), workload.sessions.len());
    let found = by(&listed, "session_id");
    for truth in &workload.sessions {
        let session = found[&Some(truth.id.as_str())];
        let total = truth.input + truth.output;
        let expected = json!({
            "state": truth.state, "parent_session_id": truth.parent, "spawn_depth": truth.depth, "role": truth.role,
            "model_id": truth.model, "wp_id": truth.wp, "messages": truth.messages, "model_runs": truth.runs,
            "tool_calls": truth.tool_calls, "spans": truth.spans, "open_spans": truth.open_spans,
            "tokens": {"input": truth.input, "output": truth.output, "cached": truth.cached, "cache_write": 0, "reasoning": 0, "total": total},
            "cost": {"own_nanos": truth.nanos, "inclusive_nanos": workload.inclusive_nanos(&truth.id), "unpriced_runs": truth.unpriced_runs},
        });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&session[field], value, "{field} of {}", truth.id);
        }
    }
}

fn check_packets(store: &Store, workload: &Workload) {
    let rows = store.list(&["cost", "--by", "wp"]);
    let found = by(&rows, "key");
    let packets = workload.packets();
    assert_eq!(rows.len(), packets.len());
    for (wp, (tokens, nanos, unpriced_runs, sessions)) in packets {
        let row = found[&wp.as_deref()];
        assert_eq!(
            (&row["tokens"]["total"], &row["cost"]["nanos"], &row["cost"]["unpriced_runs"], &row["sessions"]),
            (&json!(tokens), &json!(nanos), &json!(unpriced_runs), &json!(sessions)),
            "{wp:?}"
        );
    }
    // Whatever it is summed up by, the sum is the same.
    let sum: u64 = workload.sessions.iter().map(|truth| truth.nanos).sum();
    for key in ["session", "wp", "role", "model", "provider"] {
        let nanos: u64 =
            store.list(&["cost", "--by", key]).iter().map(|row| row["cost"]["nanos"].as_u64().unwrap()).sum();
        assert_eq!(nanos, sum, "{key}");
    }
}

fn check_trees(store: &Store, workload: &Workload) {
    let mut seen = Vec::new();
    let mut stack: Vec<(Value, Option<String>)> = store.list(&["tree"]).into_iter().map(|tree| (tree, None)).collect();
    while let Some((tree, parent)) = stack.pop() {
        let id = tree["session"]["session_id"].as_str().unwrap().to_owned();
        seen.push((id.clone(), parent));
        stack.extend(tree["children"].as_array().unwrap().iter().map(|child| (child.clone(), Some(id.clone()))));
    }
    let mut expected: Vec<_> = workload.sessions.iter().map(|truth| (truth.id.clone(), truth.parent.clone())).collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

/// Whether two events say the same: a whole number may be written with a point or without.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn every_answer_is_the_truth() {
    let workload = Generator::new(7).run(EVENTS);
    assert!(
        workload.sessions.iter().any(|truth| truth.depth >= 2)
            && workload.sessions.iter().any(|truth| truth.unpriced_runs > 0)
    );
    let store = recorded(&workload.events);
    check_all(&store, &workload);
    // Recorded in two halves by two processes, the answers are the same.
    let halves = Store::new();
    let (first, second) = workload.events.split_at(EVENTS / 2);
    halves.feed(["record"], &ndjson(first)).code(0);
    halves.feed(["record"], &ndjson(second)).code(0);
    for command in ["sessions", "cost", "spans", "messages", "tree"] {
        assert_eq!(halves.list(&[command]), store.list(&[command]), "{command}");
    }
    store.run(["verify"]).code(0);
}

#[test]
fn what_is_sealed_is_the_truth_as_well_alone_mixed_and_merged() {
    let workload = Generator::new(9).run(EVENTS);
    let store = Store::new();
    let segments = || std::fs::read_dir(store.path().join("archive/events")).unwrap().count();
    let mut merged = false;
    for part in workload.events.chunks(EVENTS / 5) {
        if store.path().exists() {
            let before = std::fs::read_dir(store.path().join("archive/events")).map_or(0, Iterator::count);
            store.run(["seal"]).code(0);
            merged |= segments() <= before;
        }
        store.feed(["record"], &ndjson(part)).code(0);
    }
    assert!(merged, "small segments become one");
    check_all(&store, &workload);
    store.run(["verify"]).code(0);
    let mixed: Vec<_> = ["sessions", "cost", "spans", "messages", "tree"].map(|command| store.list(&[command])).into();
    store.run(["seal"]).code(0);
    check_all(&store, &workload);
    std::fs::remove_dir_all(store.path().join("derived")).unwrap();
    check_all(&store, &workload);
    let sealed: Vec<_> = ["sessions", "cost", "spans", "messages", "tree"].map(|command| store.list(&[command])).into();
    assert_eq!(sealed, mixed);
    store.run(["verify"]).code(0);
}

fn check_all(store: &Store, workload: &Workload) {
    check_sessions(store, workload);
    check_packets(store, workload);
    check_trees(store, workload);
    for truth in workload.sessions.iter().step_by(9) {
        let spans = store.list(&["spans", "--session", &truth.id]);
        assert_eq!(spans.len() as u64, truth.spans);
        assert_eq!(spans.iter().filter(|span| span["end"].is_null()).count() as u64, truth.open_spans);
        assert_eq!(store.list(&["messages", "--session", &truth.id]).len() as u64, truth.messages);
        let shown = store.run(["show", &truth.id, "--format", "json"]).code(0).json();
        assert_eq!((&shown["session"]["state"], &shown["spans"]), (&json!(truth.state), &json!(spans)));
        let given: Vec<&Value> = workload.events.iter().filter(|event| event["model_session_id"] == truth.id).collect();
        let held = store.run(["export", "--replay", "--session", &truth.id]).code(0).lines();
        assert_eq!(held.len(), given.len());
        for (held, given) in held.iter().zip(given) {
            assert!(same(held, given), "{held} was {given}");
        }
    }
}

/// Takes away what may differ between a record with spans and one without: counts of spans, and positions.
fn without_spans(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for field in ["spans", "open_spans", "seq"] {
                fields.remove(field);
            }
            fields.values_mut().for_each(without_spans);
        }
        Value::Array(items) => items.iter_mut().for_each(without_spans),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn nothing_about_sessions_needs_a_span() {
    let workload = Generator::new(8).run(EVENTS);
    let with = recorded(&workload.events);
    let bare: Vec<Value> =
        workload.events.iter().filter(|event| !event["type"].as_str().unwrap().starts_with("span.")).cloned().collect();
    assert!(bare.len() < workload.events.len());
    let without = recorded(&bare);
    assert_eq!(without.list(&["spans"]), Vec::<Value>::new());
    for args in [
        &["sessions"][..],
        &["sessions", "--sort", "cost", "--state", "completed"],
        &["messages"],
        &["tree"],
        &["findings"],
        &["cost", "--by", "session"],
        &["cost", "--by", "wp"],
        &["cost", "--by", "role"],
        &["cost", "--by", "model"],
        &["cost", "--by", "provider"],
    ] {
        let (mut a, mut b) = (Value::from(with.list(args)), Value::from(without.list(args)));
        without_spans(&mut a);
        without_spans(&mut b);
        assert_eq!(a, b, "{args:?}");
    }
}
