//! Questions in SQL over HTTP, in the build with the query engine and in the one without.

use serde_json::json;

use super::served::{JSON, Served, created};

#[cfg(not(feature = "sql"))]
#[test]
fn a_build_without_the_engine_says_how_to_get_it() {
    let served = Served::new();
    for body in [json!({"query": "SELECT 1"}).to_string(), String::new()] {
        let (code, message) = served.post("/api/v1/sql", &[JSON], body.as_bytes()).status(501).error();
        assert_eq!(code, "not_built");
        assert!(message.contains("--features sql") && message.contains("archive/events/*.parquet"), "{message}");
    }
    served.record(&[created("s-1", 1)]);
}

#[cfg(feature = "sql")]
mod answering {
    use serde_json::Value;

    use super::*;
    use crate::client::{Connection, Response};

    /// A query without an end that anybody would wait for.
    const ENDLESS: &str =
        "SELECT count(*) FROM generate_series(1, 1000000000) a CROSS JOIN generate_series(1, 1000000000) b";

    fn ask(served: &Served, body: &Value) -> Response {
        served.post("/api/v1/sql", &[JSON], body.to_string().as_bytes())
    }

    #[test]
    fn columns_rows_and_whether_there_were_more() {
        let served = Served::new();
        served.record(&[created("s-1", 1), created("s-2", 2), created("s-3", 3)]);
        let query = "SELECT session_id, created_at, cost_own_nanos FROM sessions ORDER BY session_id";
        let answer = ask(&served, &json!({"query": query})).status(200).json();
        let columns = json!([
            {"name": "session_id", "type": "text"},
            {"name": "created_at", "type": "timestamp"},
            {"name": "cost_own_nanos", "type": "bigint"},
        ]);
        assert_eq!((&answer["columns"], &answer["truncated"]), (&columns, &json!(false)));
        let listed = served.list("/api/v1/sessions");
        let expected: Vec<Value> =
            listed.iter().map(|session| json!([session["session_id"], session["created_at"], 0])).collect();
        assert_eq!(answer["rows"], Value::from(expected));
        let answer = ask(&served, &json!({"query": query, "max_rows": 2})).status(200).json();
        assert_eq!((answer["rows"].as_array().unwrap().len(), &answer["truncated"]), (2, &json!(true)));
        // What was recorded meanwhile is in the next answer.
        served.record(&[created("s-4", 4)]);
        let answer = ask(&served, &json!({"query": "SELECT count(*) FROM sessions"})).status(200).json();
        assert_eq!(answer["rows"], json!([[4]]));
    }

    #[test]
    fn what_cannot_be_answered_has_its_status_and_reason() {
        let served = Served::new();
        served.record(&[created("s-1", 1)]);
        for (body, status, code, said) in [
            (json!({"query": "SELEC 1"}), 400, "bad_request", "line 1, column 1"),
            (json!({"query": "SELECT * FROM sesions"}), 400, "bad_request", "did you mean `sessions`"),
            (json!({"query": "DROP TABLE events"}), 400, "bad_request", "DROP is refused"),
            (json!({"query": "SELECT 1; SELECT 2"}), 400, "bad_request", "one at a time"),
            (json!({"query": "SELECT CAST('x' AS INT)"}), 400, "bad_request", "Cannot cast"),
            (json!({"query": ENDLESS, "timeout_ms": 50}), 422, "too_costly", "50 ms"),
            (json!({"sql": "SELECT 1"}), 400, "bad_request", "query"),
            (json!({"query": "SELECT 1", "max_rows": -1}), 400, "bad_request", "max_rows"),
            (json!(["SELECT 1"]), 400, "bad_request", "query"),
        ] {
            let (found, message) = ask(&served, &body).status(status).error();
            assert_eq!(found, code, "{body}");
            assert!(message.contains(said), "{body}: {message}");
        }
        let plain = served.post("/api/v1/sql", &[("content-type", "text/plain")], b"SELECT 1");
        assert_eq!(plain.status(415).error().0, "unsupported_form");
        let huge = json!({"query": format!("SELECT '{}'", "x".repeat(1 << 20))});
        assert_eq!(ask(&served, &huge).status(413).error().0, "too_large");
        assert_eq!(served.events(), 1);
    }

    #[test]
    fn a_client_that_goes_ends_its_query() {
        let served = Served::new();
        served.record(&[created("s-1", 1)]);
        let body = json!({"query": ENDLESS, "timeout_ms": 3_600_000}).to_string();
        let mut connection = Connection::open(served.http);
        let length = body.len().to_string();
        connection.request("POST", "/api/v1/sql", &[JSON, ("content-length", &length)], body.as_bytes());
        drop(connection);
        // It would have the one turn for an hour.
        let answer = ask(&served, &json!({"query": "SELECT 1", "timeout_ms": 600_000})).status(200).json();
        assert_eq!(answer["rows"], json!([[1]]));
    }
}
