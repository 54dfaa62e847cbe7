//! The tables say what every other answer says, wherever the events lie, and what is true.

use std::collections::BTreeMap;

use flightrec_recorder::query::{SessionFilter, SpanFilter};
use flightrec_recorder::{CostKey, Reader};
use flightrec_sql::Engine;
use serde_json::{Map, Value, json};

use crate::support::{Store, ask, objects};
use crate::workload::{Generator, Workload};

const EVENTS: usize = 3_000;

/// The same events sealed, not sealed, half sealed, and sealed in two segments with a rest.
fn stores(workload: &Workload) -> Vec<(&'static str, Store)> {
    let events = &workload.events;
    let sealed = Store::with(events);
    sealed.seal();
    let mixed = Store::mixed(&events[..EVENTS / 2], &events[EVENTS / 2..]);
    let several = Store::mixed(&events[..EVENTS / 3], &events[EVENTS / 3..EVENTS / 2]);
    several.seal();
    several.record(&events[EVENTS / 2..]);
    vec![("live", Store::with(events)), ("sealed", sealed), ("mixed", mixed), ("several", several)]
}

/// A view as the table has it: nested objects flattened.
fn flat(view: &Value) -> Value {
    let mut fields = Map::new();
    for (name, value) in view.as_object().unwrap() {
        match value {
            Value::Object(inner) => {
                fields.extend(inner.iter().map(|(inner, value)| (format!("{name}_{inner}"), value.clone())));
            }
            Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(fields)
}

/// Rows of a table; lists of objects are JSON text there.
fn rows(engine: &Engine, query: &str) -> Vec<String> {
    sorted(objects(engine, query).into_iter().map(|mut row| {
        for name in ["findings", "links"] {
            if let Some(Value::String(text)) = row.get(name) {
                row[name] = serde_json::from_str(text).unwrap();
            }
        }
        row
    }))
}

/// Rows in an order of their own.
fn sorted(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_iter().map(|row| row.to_string()).collect();
    rows.sort();
    rows
}

fn flattened<T: serde::Serialize>(views: &[T]) -> Vec<String> {
    sorted(views.iter().map(|view| flat(&serde_json::to_value(view).unwrap())))
}

fn check_folded(name: &str, engine: &Engine, reader: &Reader) {
    let sessions = reader.sessions(&SessionFilter::default());
    let spans = reader.spans(&SpanFilter::default()).unwrap();
    let messages = reader.messages(None).unwrap();
    assert!(!sessions.is_empty() && !spans.is_empty() && !messages.is_empty());
    assert_eq!(rows(engine, "SELECT * FROM sessions"), flattened(&sessions), "{name}");
    assert_eq!(rows(engine, "SELECT * FROM spans"), flattened(&spans), "{name}");
    assert_eq!(rows(engine, "SELECT * FROM messages"), flattened(&messages), "{name}");
    for session in sessions.iter().step_by(5) {
        let id = &session.session_id;
        let of_one = |table: &str| rows(engine, &format!("SELECT * FROM {table} WHERE session_id = '{id}'"));
        assert_eq!(of_one("sessions"), flattened(std::slice::from_ref(session)), "{name}");
        let filter = SpanFilter { session: Some(id.clone()), ..SpanFilter::default() };
        assert_eq!(of_one("spans"), flattened(&reader.spans(&filter).unwrap()), "{name}");
        assert_eq!(of_one("messages"), flattened(&reader.messages(Some(id.clone())).unwrap()), "{name}");
    }
}

/// The roll-ups of costs in SQL are those of the recorder.
fn check_costs(name: &str, engine: &Engine, reader: &Reader) {
    let keys = [
        (CostKey::Session, "session_id"),
        (CostKey::WorkPacket, "wp_id"),
        (CostKey::Role, "role"),
        (CostKey::Model, "model_id"),
        (CostKey::Provider, "provider"),
    ];
    for (key, column) in keys {
        let query = format!(
            "SELECT {column}, sum(tokens_input), sum(tokens_output), sum(tokens_cached), sum(tokens_total), \
             coalesce(sum(cost_nanos), 0), count(*) FILTER (WHERE cost_nanos IS NULL) FROM costs GROUP BY {column}"
        );
        let expected = reader.cost(key, &SessionFilter::default()).into_iter().filter(|row| row.tokens.total > 0);
        let expected = expected.map(|row| {
            let (tokens, cost) = (row.tokens, row.cost);
            json!([row.key, tokens.input, tokens.output, tokens.cached, tokens.total, cost.nanos, cost.unpriced_runs])
        });
        assert_eq!(sorted(ask(engine, &query).into_iter().map(Value::from)), sorted(expected), "{name}: {column}");
    }
}

fn check_truth(name: &str, engine: &Engine, workload: &Workload) {
    let query = "SELECT s.session_id, s.state, s.model_runs, count(t.tool_call_id), \
                 (SELECT count(*) FROM inferences i WHERE i.session_id = s.session_id) AS runs, \
                 (SELECT count(*) FROM messages m WHERE m.session_id = s.session_id) AS messages \
                 FROM sessions s LEFT JOIN tool_calls t ON t.session_id = s.session_id \
                 GROUP BY s.session_id, s.state, s.model_runs";
    let reported = |id: &str| {
        let of = |event: &&Value| event["type"] == "llm_inference" && event["model_session_id"] == id;
        workload.events.iter().filter(of).count()
    };
    let expected = workload
        .sessions
        .iter()
        .map(|truth| json!([truth.id, truth.state, truth.runs, truth.tool_calls, reported(&truth.id), truth.messages]));
    assert_eq!(sorted(ask(engine, query).into_iter().map(Value::from)), sorted(expected), "{name}");
    let trees = ask(engine, "SELECT session_id, parent_session_id, cost_inclusive_nanos FROM sessions");
    let expected =
        workload.sessions.iter().map(|truth| json!([truth.id, truth.parent, workload.inclusive_nanos(&truth.id)]));
    assert_eq!(sorted(trees.into_iter().map(Value::from)), sorted(expected), "{name}");
    let packets = "SELECT wp_id, sum(tokens_total), sum(cost_own_nanos), sum(cost_unpriced_runs), count(*) FROM sessions \
                   GROUP BY wp_id";
    let expected = workload
        .packets()
        .into_iter()
        .map(|(wp, (tokens, nanos, unpriced, sessions))| json!([wp, tokens, nanos, unpriced, sessions]));
    assert_eq!(sorted(ask(engine, packets).into_iter().map(Value::from)), sorted(expected), "{name}");
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &workload.events {
        *kinds.entry(event["type"].as_str().unwrap()).or_default() += 1;
    }
    let counted = ask(engine, "SELECT type, count(*) FROM events WHERE type NOT LIKE 'recorder.%' GROUP BY type");
    let expected = kinds.into_iter().map(|(kind, count)| json!([kind, count]));
    assert_eq!(sorted(counted.into_iter().map(Value::from)), sorted(expected), "{name}");
}

#[test]
fn the_tables_agree_with_every_other_answer_wherever_events_lie() {
    let workload = Generator::new(11).run(EVENTS);
    for (name, store) in stores(&workload) {
        let (engine, reader) = (store.engine(), store.reader());
        check_folded(name, &engine, &reader);
        check_costs(name, &engine, &reader);
        check_truth(name, &engine, &workload);
    }
}
