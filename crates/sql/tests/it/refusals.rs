//! What cannot be answered is refused with its place and what would be right; nothing is ever written.

use flightrec_sql::{Limits, Place, SqlError};

use crate::support::{Store, try_ask};
use crate::workload::Generator;

#[track_caller]
fn refused(store: &Store, query: &str) -> SqlError {
    try_ask(&store.engine(), query, Limits::default()).map(|rows| panic!("{query}: {rows:?}")).unwrap_err()
}

#[test]
fn an_error_names_the_place_and_what_there_is() {
    let store = Store::with(&Generator::new(3).run(200).events);
    for (query, line, column, said) in [
        ("SELEC 1", 1, 1, "SELEC"),
        ("SELECT *\nFROM sesions", 2, 6, "did you mean `sessions`"),
        (
            "SELECT 1 FROM nothing_like_it",
            1,
            15,
            "There are: costs, events, inferences, messages, sessions, spans, tool_calls",
        ),
        ("SELECT rol FROM sessions", 1, 8, "did you mean `role`"),
        ("SELECT role FROM sessions WHERE modl_id = 'x'", 1, 33, "did you mean `model_id`"),
        ("SELECT session_id FROM sessions s JOIN costs c ON s.session_id = c.session_id", 1, 8, "session_id"),
        ("SELECT cnt(*) FROM sessions", 1, 8, "cnt"),
        ("SELECT (1", 1, 10, "expected"),
    ] {
        let error = refused(&store, query);
        let SqlError::Query { place, message } = &error else { panic!("{query}: {error:?}") };
        assert_eq!(*place, Some(Place { line, column }), "{query}: {message}");
        assert!(message.to_lowercase().contains(&said.to_lowercase()), "{query}: {message}");
    }
    for query in ["SELECT CAST('x' AS INT)", "SELECT 1 / 0", "SELECT CAST(payload_reason AS TIMESTAMP) FROM events"] {
        assert!(matches!(refused(&store, query), SqlError::Values(_)), "{query}: {:?}", refused(&store, query));
    }
}

#[test]
fn nothing_reaches_files_or_settings() {
    let store = Store::with(&Generator::new(3).run(200).events);
    let outside = store.path().join("outside.parquet");
    let location = outside.display();
    for query in [
        format!("COPY events TO '{location}'"),
        format!("COPY (SELECT 1) TO '{location}' STORED AS PARQUET"),
        format!("CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '{location}'"),
        format!("INSERT INTO sessions SELECT * FROM sessions; SELECT '{location}'"),
        "INSERT INTO sessions SELECT * FROM sessions".to_owned(),
        "WITH x AS (DELETE FROM events RETURNING seq) SELECT * FROM x".to_owned(),
        "DELETE FROM events".to_owned(),
        "DROP TABLE events".to_owned(),
        "CREATE TABLE y AS SELECT * FROM events".to_owned(),
        "EXPLAIN ANALYZE INSERT INTO sessions SELECT * FROM sessions".to_owned(),
        "SET datafusion.runtime.memory_limit = '100G'".to_owned(),
        format!("SELECT * FROM '{location}'"),
        format!("SELECT * FROM read_parquet('{location}')"),
        "SELECT * FROM '/etc/passwd'".to_owned(),
        "SELECT repeat('x', 1000000000)".to_owned(),
        "SELECT array_repeat(1, 10000000000)".to_owned(),
        "SELECT generate_series(1, 10000000000)".to_owned(),
        "SELECT range(10000000000)".to_owned(),
        "SELECT lpad('x', 2000000000)".to_owned(),
    ] {
        let error = refused(&store, &query);
        assert!(
            matches!(error, SqlError::Query { .. } | SqlError::Writes { .. } | SqlError::Several { .. }),
            "{query}: {error:?}"
        );
    }
    assert!(!outside.exists());
}
