//! Clients that have an answer already, and budgets.

use flightrec_server::all_routes;
use serde_json::{Value, json};

use super::client::{Response, ask};
use super::served::{Served, created_as, event, inference, message, small_world};

fn get_with(served: &Served, path: &str, tag: &str) -> Response {
    ask(served.http, "GET", path, &[("if-none-match", tag)], b"")
}

/// An answer without the moment at which it was given.
fn facts(answer: &Response) -> Value {
    let mut json = answer.json();
    json.as_object_mut().unwrap().remove("now");
    json
}

/// Every question over the API, with something in place of the braces and of the present time.
fn questions() -> Vec<String> {
    let of = |path: &str| match path {
        "/api/v1/rate" => format!("{path}?at=2026-03-01T12:01:00Z"),
        _ => path.replace("{id}", "s-1"),
    };
    let is_question = |(port, method, path): &(&str, &str, &str)| {
        *port == "http" && *method == "GET" && path.starts_with("/api/") && !path.ends_with("/stream")
    };
    let paths = all_routes().filter(is_question).map(|(.., path)| path).filter(|path| !path.contains("{sha256}"));
    paths.map(of).collect()
}

#[test]
fn every_answer_has_a_tag_until_something_is_recorded() {
    let served = Served::new();
    served.record(&small_world(3));
    let questions = questions();
    assert!(questions.len() >= 14, "{questions:?}");
    for path in &questions {
        let answer = served.get(path).status(200);
        let tag = answer.header("etag").unwrap_or_else(|| panic!("{path} has no tag")).to_owned();
        for sent in [tag.clone(), tag.trim_start_matches("W/").to_owned(), format!("\"other\", {tag}")] {
            let known = get_with(&served, path, &sent).status(304);
            assert_eq!((known.header("etag"), known.body.len()), (Some(tag.as_str()), 0), "{path}");
            assert!(known.header("content-type").is_none() && known.header("content-security-policy").is_some());
        }
        for sent in ["\"other\"", "", "*", &tag[..tag.len() - 2]] {
            assert_eq!(facts(&get_with(&served, path, sent).status(200)), facts(&answer), "{path} {sent}");
        }
        served.record(&[message("s-1", 40, 1_000 + u32::try_from(served.events()).unwrap())]);
        get_with(&served, path, &tag).status(200);
    }
}

#[test]
fn tags_are_of_one_question_and_of_no_moment() {
    let served = Served::new();
    served.record(&small_world(3));
    let tag = |path: &str| served.get(path).status(200).header("etag").map(str::to_owned);
    let sessions = tag("/api/v1/sessions").unwrap();
    let others =
        ["/api/v1/sessions?role=coder", "/api/v1/sessions?limit=2", "/api/v1/sessions?role=validator", "/api/v1/costs"];
    for other in others {
        assert_ne!(tag(other).unwrap(), sessions, "{other}");
    }
    assert_ne!(tag("/api/v1/sessions/s-1"), tag("/api/v1/sessions/s-2"));
    for path in ["/api/v1/rate", "/api/v1/rate?at=now", "/api/v1/sessions?since=2h", "/api/v1/spans?overlaps=2h..now"] {
        assert_eq!(tag(path), None, "{path}");
    }
    assert!(tag("/api/v1/spans?overlaps=2026-03-01T12:00:00Z..2026-03-02T12:00:00Z").is_some());
    // What is not done has no tag, and whoever may not ask is not told that nothing has changed.
    assert!(served.get("/api/v1/sessions/nobody").status(404).header("etag").is_none());
    let refused =
        ask(served.http, "GET", "/api/v1/sessions", &[("if-none-match", &sessions), ("host", "evil.example")], b"");
    refused.status(403);
}

fn budget_of(served: &Served, kind: &str) -> Value {
    let budgets = served.list("/api/v1/budgets");
    budgets.into_iter().find(|budget| budget["budget_type"] == kind).unwrap_or(Value::Null)
}

#[test]
fn budgets_stand_where_their_sessions_are() {
    let served = Served::new();
    let budget = json!({"tokens": 300, "cost_usd": 2.0, "warn_percent": 50, "action": "CANCEL"});
    served.record(&[
        created_as("parent", 0, &json!({"budget": budget})),
        created_as("child", 1, &json!({"parent_session_id": "parent", "spawn_depth": 1})),
        inference("child", 2, "00000000000000aa", Some(0.25)),
        created_as("no-limit", 3, &json!({"budget": {"note": "none that is known"}})),
    ]);
    let tokens = budget_of(&served, "SESSION_TOKENS");
    assert_eq!((&tokens["used"], &tokens["limit"], &tokens["mark"]), (&json!(100), &json!(300), &json!(150)));
    assert_eq!(
        (&tokens["status"], &tokens["action"], &tokens["told_at"]),
        (&json!("below"), &json!("CANCEL"), &Value::Null)
    );
    let cost = budget_of(&served, "SESSION_COST_USD");
    assert_eq!(
        (&cost["used"], &cost["limit"], &cost["unit"]),
        (&json!(250_000_000), &json!(2_000_000_000_u64), &json!("nanos"))
    );
    served.record(&[inference("child", 5, "00000000000000ab", Some(1.0))]);
    assert_eq!(budget_of(&served, "SESSION_TOKENS")["status"], "warned");
    served.record(&[inference("parent", 6, "00000000000000ac", None)]);
    let tokens = budget_of(&served, "SESSION_TOKENS");
    assert_eq!((&tokens["status"], &tokens["used"], &tokens["mark"]), (&json!("reached"), &json!(300), &json!(300)));
    assert_eq!(served.list("/api/v1/budgets?session=par").len(), 2);
    assert!(served.list("/api/v1/budgets?session=chi").is_empty());
}

#[test]
fn budgets_that_only_warnings_tell_of() {
    let served = Served::new();
    let warning = |kind: &str, at_s: u32, values: (f64, f64), wp: Value| {
        let payload = json!({
            "session_id": "s-1", "budget_type": kind, "current_value": values.0, "threshold_value": values.1, "wp_id": wp,
        });
        event("FR-EVT-SESS-005", "session.budget_warning", "s-1", at_s, &payload)
    };
    let of_packet = |at_s, values| {
        let mut event = warning("WP_COST_USD", at_s, values, json!("WP-9"));
        event["payload"]["action"] = json!("PAUSE");
        event
    };
    let mut global = warning("GLOBAL_TOKENS_PER_MINUTE", 3, (900.0, 800.0), Value::Null);
    global["payload"].as_object_mut().unwrap().remove("wp_id");
    served.record(&[created_as("s-1", 0, &json!({"wp_id": "WP-9"})), of_packet(2, (0.41, 0.4)), global]);
    let packet = budget_of(&served, "WP_COST_USD");
    assert_eq!(
        (&packet["status"], &packet["wp_id"], &packet["limit"]),
        (&json!("warned"), &json!("WP-9"), &Value::Null)
    );
    assert_eq!((&packet["used"], &packet["mark"]), (&json!(410_000_000), &json!(400_000_000)));
    served.record(&[of_packet(4, (0.52, 0.5))]);
    let packet = budget_of(&served, "WP_COST_USD");
    assert_eq!(
        (&packet["status"], &packet["mark"]),
        (&json!("reached"), &json!(500_000_000)),
        "the second, higher mark"
    );
    assert_eq!(budget_of(&served, "GLOBAL_TOKENS_PER_MINUTE")["used"], 900);
    assert_eq!(served.list("/api/v1/budgets").len(), 2);
}
