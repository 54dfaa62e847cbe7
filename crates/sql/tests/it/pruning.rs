//! Conditions on sessions, positions and times spare reading.

use flightrec_sql::Engine;

use crate::support::{Store, ask};
use crate::workload::{Generator, Workload};

const EVENTS: usize = 24_000;
const COLUMNS: &str = "seq, timestamp, model_session_id, payload_reason";

/// Two segments, and nothing beside them.
fn sealed() -> (Store, Workload) {
    let workload = Generator::new(9).run(EVENTS);
    // The first is the larger one: nothing has a reason to merge them.
    let (first, second) = workload.events.split_at(EVENTS / 2 + 600);
    let store = Store::with(first);
    store.seal();
    store.record(second);
    store.seal();
    assert_eq!(store.segments().len(), 2);
    (store, workload)
}

/// What the engine says of a query that it ran.
fn told(engine: &Engine, condition: &str) -> String {
    let rows = ask(engine, &format!("EXPLAIN ANALYZE SELECT {COLUMNS} FROM events WHERE {condition}"));
    rows.iter().map(|row| row[1].as_str().unwrap()).collect()
}

/// A number of a plan, such as `98.70 K`.
fn number(text: &str) -> f64 {
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let factor = match unit {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        other => panic!("{other} in {text}"),
    };
    number.parse::<f64>().unwrap() * factor
}

/// A metric, such as `bytes_scanned=98.70 K`.
fn metric<'t>(told: &'t str, name: &str) -> &'t str {
    let value = told.split(&format!("{name}=")).nth(1).unwrap_or_else(|| panic!("{name} in {told}"));
    value.split([',', ']']).next().unwrap()
}

/// How many there were of something, and how many had to be read, as in `2 total → 1 matched`.
fn pruned(told: &str, name: &str) -> (f64, f64) {
    let (total, matched) = metric(told, name).split_once('→').unwrap();
    (number(total.replace("total", "").trim()), number(matched.replace("matched", "").trim()))
}

#[test]
fn conditions_spare_reading() {
    let (store, workload) = sealed();
    let engine = store.engine();
    let whole = number(metric(&told(&engine, "payload_reason IS NULL OR seq > 0"), "bytes_scanned"));

    let id = &workload.sessions[7].id;
    let one = told(&engine, &format!("model_session_id = '{id}'"));
    assert_eq!(pruned(&one, "row_groups_pruned_bloom_filter"), (2.0, 1.0), "{one}");
    let (rows, read) = pruned(&one, "page_index_rows_pruned");
    assert!(read < rows / 2.0, "{one}");
    assert!(number(metric(&one, "bytes_scanned")) < whole / 2.0, "{one}");

    for condition in ["seq BETWEEN 100 AND 120", "timestamp < '2026-03-01T12:00:01Z'"] {
        let told = told(&engine, condition);
        assert_eq!(pruned(&told, "row_groups_pruned_statistics"), (2.0, 1.0), "{told}");
        assert!(number(metric(&told, "bytes_scanned")) < whole * 0.6, "{told}");
    }
    // What no column's statistics tell is found all the same.
    let all = ask(&engine, "SELECT count(*) FROM events WHERE trace_id IS NOT NULL")[0][0].as_u64().unwrap();
    assert!(all > 0);
}
