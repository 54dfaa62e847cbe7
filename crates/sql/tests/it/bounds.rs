//! Rows, time and memory have limits; whoever goes ends the query.

use flightrec_sql::{Engine, Limits, Options, SqlError};
use serde_json::json;

use crate::support::{Store, ask, try_ask};
use crate::workload::Generator;

/// A query without an end that anybody would wait for.
const ENDLESS: &str =
    "SELECT count(*) FROM generate_series(1, 1000000000) a CROSS JOIN generate_series(1, 1000000000) b";

#[test]
fn an_answer_says_whether_there_were_more_rows() {
    let store = Store::with(&Generator::new(3).run(500).events);
    let engine = store.engine();
    let all = ask(&engine, "SELECT seq FROM events").len();
    for (max_rows, rows, truncated) in
        [(0, 0, true), (1, 1, true), (all - 1, all - 1, true), (all, all, false), (all + 1, all, false)]
    {
        for query in [
            "SELECT seq FROM events",
            "SELECT seq FROM events ORDER BY seq",
            "WITH a AS (SELECT * FROM events) SELECT seq FROM a",
        ] {
            let limits = Limits { max_rows: Some(max_rows), ..Limits::default() };
            let (found, more) = try_ask(&engine, query, limits).unwrap();
            assert_eq!((found.len(), more), (rows, truncated), "{query} {max_rows}");
        }
    }
    let limits = Limits { max_rows: Some(1), ..Limits::default() };
    for query in ["EXPLAIN SELECT 1", "DESCRIBE sessions", "SHOW TABLES", "EXPLAIN ANALYZE SELECT seq FROM events"] {
        assert_eq!(try_ask(&engine, query, limits).unwrap().0.len(), 1, "{query}");
    }
}

#[test]
fn a_query_ends_with_its_time() {
    let store = Store::with(&[]);
    let engine = store.engine();
    let limits = Limits { timeout_ms: Some(50), ..Limits::default() };
    let error = try_ask(&engine, ENDLESS, limits).unwrap_err();
    assert!(matches!(error, SqlError::Timeout { limit_ms: 50 }), "{error}");
    assert!(error.to_string().contains("50 ms"));
    assert_eq!(ask(&engine, "SELECT 1"), [[json!(1)]]);
}

#[test]
fn whoever_waits_for_a_turn_waits_no_longer_than_their_time() {
    let store = Store::with(&[]);
    let engine = store.engine();
    let slow = "SELECT value FROM generate_series(1, 1000000000000)";
    let mut answer = engine.query_blocking(slow, Limits::default()).unwrap();
    assert!(answer.next_blocking().unwrap().is_some());
    let limits = Limits { timeout_ms: Some(50), ..Limits::default() };
    assert!(matches!(try_ask(&engine, "SELECT 1", limits), Err(SqlError::Timeout { .. })));
    // Nobody takes the rest: its query ends, and the next one has its turn.
    drop(answer);
    assert_eq!(ask(&engine, "SELECT 1"), [[json!(1)]]);
}

#[test]
fn a_query_that_would_take_all_memory_says_so() {
    let store = Store::with(&Generator::new(3).run(2_000).events);
    let options = Options { memory_bytes: 8 << 20, ..Options::default() };
    let engine = Engine::new(store.reader(), &options).unwrap();
    for query in [
        "SELECT a.*, b.* FROM events a CROSS JOIN events b ORDER BY a.recorded_at, b.recorded_at, a.seq * b.seq",
        "SELECT a.value, b.value FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 100000) b ORDER BY a.value * b.value",
        "SELECT a.value * b.value, count(*) FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 100000) b GROUP BY 1",
        "SELECT array_agg(a.value) FROM generate_series(1, 100000000) a",
    ] {
        let error = try_ask(&engine, query, Limits::default()).unwrap_err();
        assert!(matches!(error, SqlError::Memory { limit_bytes, .. } if limit_bytes == 8 << 20), "{query}: {error}");
    }
    assert_eq!(ask(&engine, "SELECT count(*) FROM sessions").len(), 1);
}

#[test]
fn no_depth_of_a_query_ends_the_process() {
    let store = Store::with(&[]);
    let engine = store.engine();
    let deep = [
        format!("SELECT {}1", "1 + ".repeat(950)),
        format!("SELECT {}1", "1 + ".repeat(10_000)),
        format!("SELECT 1{}", "::int".repeat(450)),
        format!("SELECT {}1{}", "(".repeat(1_400), ")".repeat(1_400)),
        format!("SELECT {}true", "NOT ".repeat(950)),
        format!("SELECT true{}", " IS NULL".repeat(450)),
        format!("{}SELECT 1{}", "SELECT * FROM (".repeat(500), ")".repeat(500)),
        format!("SELECT 1 WHERE {}1 = 1", "1 = 1 AND ".repeat(450)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(300)),
        format!("SELECT 1 FROM (SELECT 1) {}", "CROSS JOIN (SELECT 1) ".repeat(150)),
    ];
    for query in deep {
        // Either is right: an answer, or an error that says what is too deep.
        let outcome = try_ask(&engine, &query, Limits::default());
        assert!(!matches!(outcome, Err(SqlError::Engine(_))), "{}: {outcome:?}", &query[..40]);
    }
    assert_eq!(ask(&engine, "SELECT 1"), [[json!(1)]]);
}
