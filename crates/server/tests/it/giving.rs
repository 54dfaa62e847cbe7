//! Native events and content, handed in over HTTP.

use serde_json::{Value, json};

use super::served::{JSON, NDJSON, Served, created, event, message, ndjson};

#[test]
fn an_array_and_lines_have_the_same_verdicts() {
    let served = Served::new();
    let good = created("s-1", 1);
    let bad = json!({"event_id": "01999a7b-1c2d-7000-8000-ffffffffffff", "code": "NO-SUCH"});
    let events = [good.clone(), bad, json!(7), message("s-1", 2, 1), good.clone()];
    let answer = served.post("/api/v1/events", &[JSON], &serde_json::to_vec(&events).unwrap()).status(200).json();
    assert_eq!((&answer["accepted"], &answer["duplicate"], &answer["rejected"]), (&json!(2), &json!(1), &json!(2)));
    let words = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|item| format!("{} {}", item["line"], item["verdict"].as_str().unwrap())).collect()
    };
    assert_eq!(words(&answer), ["1 accepted", "2 rejected", "3 rejected", "4 accepted", "5 duplicate"]);
    let error = &answer["items"][1]["error"];
    assert_eq!((&error["code"], &error["rule"]), (&json!("HSK-400-INVALID-EVENT"), &json!("unknown_code")));
    assert_eq!(answer["items"][1]["event_id"], "01999a7b-1c2d-7000-8000-ffffffffffff");
    let again = served.post("/api/v1/events", &[NDJSON], &ndjson(&events)).status(200).json();
    assert_eq!(words(&again), ["1 duplicate", "2 rejected", "3 rejected", "4 duplicate", "5 duplicate"]);
    assert_eq!(served.events(), 2);
}

#[test]
fn one_event_by_itself_and_none_at_all() {
    let served = Served::new();
    let pretty = serde_json::to_vec_pretty(&created("s-1", 1)).unwrap();
    assert_eq!(served.post("/api/v1/events", &[JSON], &pretty).status(200).json()["accepted"], 1);
    for (content_type, body) in [(JSON, "[]"), (NDJSON, ""), (NDJSON, "\n\n"), (JSON, "")] {
        let answer = served.post("/api/v1/events", &[content_type], body.as_bytes()).status(200).json();
        assert_eq!(answer, json!({"accepted": 0, "duplicate": 0, "rejected": 0, "items": [], "next_cursor": null}));
    }
}

#[test]
fn what_is_no_list_of_events_is_refused() {
    let served = Served::new();
    assert_eq!(served.post("/api/v1/events", &[JSON], b"[{},").status(400).error().0, "bad_request");
    for headers in
        [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-www-form-urlencoded")]]
    {
        assert_eq!(served.post("/api/v1/events", headers, b"[]").status(415).error().0, "unsupported_form");
    }
    let (code, message) = served.post("/api/v1/events?mode=casual", &[JSON], b"[]").status(400).error();
    assert!(code == "bad_request" && message.contains("`mode`") && message.contains("strict"), "{message}");
}

#[test]
fn strict_unless_asked_otherwise() {
    let served = Served::new();
    let early = [message("s-1", 1, 1)];
    let answer = served.post("/api/v1/events", &[NDJSON], &ndjson(&early)).status(200).json();
    assert_eq!(answer["items"][0]["error"]["rule"], "unknown_session");
    let answer = served.post("/api/v1/events?mode=lenient", &[NDJSON], &ndjson(&early)).status(200).json();
    assert_eq!(answer["accepted"], 1);
}

#[test]
fn many_events_are_many_batches_and_one_answer() {
    let served = Served::new();
    let mut events = vec![created("s-1", 1)];
    events.extend((0..5_000).map(|i| message("s-1", 2, i)));
    events.insert(2_500, json!({}));
    let answer = served.post("/api/v1/events", &[JSON], &serde_json::to_vec(&events).unwrap()).status(200).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(5_001), &json!(1)));
    let items = answer["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[2_500]["line"], &items[2_500]["verdict"]),
        (5_002, &json!(2_501), &json!("rejected"))
    );
    assert_eq!(served.events(), 5_001);
}

#[test]
fn too_many_events_are_refused_and_those_before_are_kept() {
    let served = Served::new();
    let body = format!("[{}1]", "1,".repeat(flightrec_server::MAX_EVENTS_PER_REQUEST));
    let (code, message) = served.post("/api/v1/events", &[JSON], body.as_bytes()).status(413).error();
    assert!(code == "too_large" && message.contains("65536"), "{message}");
}

#[test]
fn secrets_are_in_no_answer() {
    let served = Served::new();
    let secret = "AKIAIOSFODNN7EXAMPLE";
    let mut bad = event("FR-EVT-SESS-001", "session.created", "s-1", 1, &json!({}));
    bad["payload"][secret] = json!(1);
    let answer = served.post("/api/v1/events", &[JSON], &serde_json::to_vec(&[bad]).unwrap()).status(200);
    assert!(!answer.text().contains(secret), "{}", answer.text());
    let content = format!("the key is {secret}, keep it");
    let artifact = served.post("/api/v1/artifacts", &[], content.as_bytes()).status(200).json();
    assert_eq!(artifact["redacted"], true);
    let kept = served.get(&format!("/api/v1/artifacts/{}", artifact["sha256"].as_str().unwrap())).status(200);
    assert!(kept.text().starts_with("the key is [REDACTED:") && !kept.text().contains(secret));
}

#[test]
fn content_comes_back_as_it_is_and_is_never_shown_by_a_browser() {
    let served = Served::new();
    let content = b"<script>alert(1)</script>\0\xff";
    let artifact = served.post("/api/v1/artifacts", &[("content-type", "text/html")], content).status(200).json();
    let sha256 = artifact["sha256"].as_str().unwrap();
    assert_eq!(artifact["artifact_id"], format!("sha256:{sha256}"));
    assert_eq!(artifact["bytes"], content.len());
    for name in [sha256.to_owned(), format!("sha256:{sha256}"), sha256.to_uppercase()] {
        let answer = served.get(&format!("/api/v1/artifacts/{name}")).status(200);
        assert_eq!(answer.body, content);
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
    }
    assert_eq!(served.get(&format!("/api/v1/artifacts/{}", "0".repeat(64))).status(404).error().0, "not_found");
    let (_, message) = served.get("/api/v1/artifacts/xyz").status(400).error();
    assert!(message.contains("`sha256`"), "{message}");
}
