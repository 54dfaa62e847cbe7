//! Rows of events are the events, wherever they lie, with ids and hashes as text.

use flightrec_recorder::query::EventFilter;
use serde_json::{Value, json};

use crate::support::{Store, ask, objects};
use crate::workload::Generator;

const EVENTS: usize = 2_000;

fn store() -> Store {
    let events = Generator::new(5).run(EVENTS).events;
    Store::mixed(&events[..EVENTS / 2], &events[EVENTS / 2..])
}

/// The field that `model_session_id` equals has no column.
fn is_session(event: &Value, value: &Value) -> bool {
    *value == event["model_session_id"]
}

#[test]
fn every_field_of_every_event_is_a_column() {
    let store = store();
    let rows = objects(&store.engine(), "SELECT * FROM events ORDER BY seq");
    let reader = store.reader();
    let mut compared = 0;
    for (event, row) in reader.events(&EventFilter::default()).zip(&rows) {
        let mut text = Vec::new();
        event.unwrap().write_json(&mut text);
        let event: Value = serde_json::from_slice(&text).unwrap();
        for (name, value) in event.as_object().unwrap() {
            match (name.as_str(), value) {
                ("payload", _) => {}
                ("wsids", Value::Array(_)) => assert_eq!(row["wsids"], value.to_string()),
                _ => assert_eq!(&row[name], value, "{name} of {event}"),
            }
        }
        for (name, value) in event["payload"].as_object().unwrap() {
            let of = |suffix: &str| row.get(format!("payload_{name}{suffix}"));
            let is_same = |shown: &Value| match (shown, value) {
                (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
                (Value::String(text), Value::Array(_) | Value::Object(_)) => {
                    serde_json::from_str::<Value>(text).unwrap() == *value
                }
                (a, b) => a == b,
            };
            if let (Value::Object(fields), None) = (value, of("")) {
                for (inner, value) in fields {
                    assert_eq!(of(&format!("_{inner}")), Some(value), "{name}.{inner} of {event}");
                    compared += 1;
                }
                continue;
            }
            if is_session(&event, value) {
                continue;
            }
            let held = ["", "_int", "_text", "_bytes", "_double"].iter().filter_map(|suffix| of(suffix));
            assert!(held.into_iter().any(is_same), "{name} of {event} is not in {row}");
            compared += 1;
        }
    }
    assert_eq!(rows.len() as u64, reader.event_count());
    assert!(compared > 4 * rows.len(), "{compared}");
}

#[test]
fn what_is_shown_as_text_is_found_by_that_text() {
    let store = store();
    let engine = store.engine();
    let known = "SELECT seq, event_id, trace_id, payload_content_hash, payload_content_artifact_id FROM events \
                 WHERE payload_content_artifact_id IS NOT NULL AND payload_content_hash IS NOT NULL ORDER BY seq";
    let rows = ask(&engine, known);
    assert!(rows.len() > 100);
    for row in [&rows[0], &rows[rows.len() / 2], &rows[rows.len() - 1]] {
        let [seq, event_id, _, hash, artifact] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(artifact, &json!(format!("sha256:{}", hash.as_str().unwrap())), "an empty twin is filled");
        for (column, value) in
            [("event_id", event_id), ("payload_content_hash", hash), ("payload_content_artifact_id", artifact)]
        {
            let found = ask(&engine, &format!("SELECT seq FROM events WHERE {column} = '{}'", value.as_str().unwrap()));
            assert!(found.contains(&vec![seq.clone()]), "{column} {value}");
        }
    }
    let traced =
        ask(&engine, "SELECT trace_id, count(*) FROM events WHERE trace_id IS NOT NULL GROUP BY trace_id LIMIT 5");
    for row in traced {
        let query = format!("SELECT count(*) FROM events WHERE trace_id = '{}'", row[0].as_str().unwrap());
        assert_eq!(ask(&engine, &query), [[row[1].clone()]]);
    }
}

#[test]
fn what_comes_later_is_seen_by_the_next_query() {
    let store = store();
    let engine = store.engine();
    let count = || ask(&engine, "SELECT count(*), count(DISTINCT seq), max(seq) FROM events");
    let held = || vec![vec![json!(store.reader().event_count()); 3]];
    assert_eq!(count(), held());
    store.record(&Generator::new(6).run(300).events);
    assert_eq!(count(), held());
    store.seal();
    assert_eq!(count(), held());
}
