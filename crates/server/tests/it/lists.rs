//! Lists: filters, pages, cursors.

use serde_json::{Value, json};

use super::served::{Served, created, message, small_world};

const LISTS: [&str; 12] = [
    "/api/v1/events",
    "/api/v1/sessions",
    "/api/v1/sessions?sort=updated",
    "/api/v1/sessions?sort=cost",
    "/api/v1/sessions?sort=tokens",
    "/api/v1/sessions?sort=elapsed",
    "/api/v1/sessions?sort=role",
    "/api/v1/sessions?sort=state",
    "/api/v1/spans",
    "/api/v1/costs?by=session",
    "/api/v1/costs?by=wp",
    "/api/v1/findings",
];

fn with(path: &str, parameter: &str) -> String {
    format!("{path}{}{parameter}", if path.contains('?') { '&' } else { '?' })
}

/// All items of a list, page by page.
#[track_caller]
fn paged(served: &Served, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = None::<String>;
    loop {
        let mut page = with(path, &format!("limit={limit}"));
        if let Some(cursor) = &cursor {
            page = with(&page, &format!("cursor={cursor}"));
        }
        let answer = served.get(&page).status(200).json();
        let found = answer["items"].as_array().unwrap();
        assert!(found.len() <= limit && (found.len() == limit || answer["next_cursor"].is_null()), "{page}");
        items.extend(found.iter().cloned());
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return items,
        }
    }
}

#[test]
fn pages_of_any_size_make_the_whole_list() {
    let served = Served::new();
    served.record(&small_world(7));
    let of_session = ["events", "spans", "messages"].map(|list| format!("/api/v1/sessions/s-2/{list}"));
    for path in LISTS.into_iter().chain(of_session.iter().map(String::as_str)) {
        let whole = served.list(path);
        assert!(whole.len() > 1, "{path}");
        for limit in [1, 2, 3, whole.len(), 1_000] {
            assert_eq!(paged(&served, path, limit), whole, "{path} {limit}");
        }
    }
}

#[test]
fn the_order_is_that_of_the_reader() {
    use flightrec_recorder::query::{SessionFilter, SessionOrder};
    let served = Served::new();
    served.record(&small_world(7));
    for (word, order) in [
        ("created", SessionOrder::Created),
        ("updated", SessionOrder::Updated),
        ("cost", SessionOrder::Cost),
        ("tokens", SessionOrder::Tokens),
        ("elapsed", SessionOrder::Elapsed),
        ("role", SessionOrder::Role),
        ("state", SessionOrder::State),
    ] {
        let expected = served.recorder.reader().sessions(&SessionFilter { order, ..SessionFilter::default() });
        let found = served.list(&format!("/api/v1/sessions?sort={word}"));
        assert_eq!(json!(found), serde_json::to_value(expected).unwrap(), "{word}");
    }
}

#[test]
fn a_cursor_survives_what_is_recorded_meanwhile() {
    let served = Served::new();
    served.record(&small_world(4));
    for path in ["/api/v1/events", "/api/v1/sessions", "/api/v1/sessions/s-1/messages", "/api/v1/spans"] {
        let before = served.list(path);
        let first = served.get(&with(path, "limit=2")).status(200).json();
        // Sessions that sort before and after those of the first page, and more of everything.
        let tag = path.replace('/', "-");
        served.record(&[
            created(&format!("a{tag}"), 0),
            created(&format!("z{tag}"), 900),
            message("s-1", 950, 9_000 + tag.len() as u32),
        ]);
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = served.list(&with(path, &format!("cursor={cursor}")));
        let joined: Vec<Value> = first["items"].as_array().unwrap().iter().chain(&rest).cloned().collect();
        let key = |item: &Value| {
            ["seq", "span_id", "session_id"].iter().find_map(|name| item.get(name).map(ToString::to_string)).unwrap()
        };
        let keys: Vec<String> = joined.iter().map(key).collect();
        let unique: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len(), "{path}: nothing comes twice");
        for item in &before {
            assert!(keys.contains(&key(item)), "{path}: {item} is missing");
        }
    }
}

#[test]
fn limits_are_told_and_never_hidden() {
    let served = Served::new();
    let mut events = vec![created("s-1", 1)];
    events.extend((0..1_500).map(|i| message("s-1", 2, i)));
    served.record(&events);
    for path in ["/api/v1/events", "/api/v1/sessions/s-1/messages"] {
        let page = served.get(path).status(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), 1_000);
        assert!(page["next_cursor"].is_string());
        for limit in ["0", "1001", "-1", "many", "1.5"] {
            let (code, message) = served.get(&with(path, &format!("limit={limit}"))).status(400).error();
            assert!(code == "bad_request" && message.contains("`limit`"), "{message}");
        }
    }
    assert!(paged(&served, "/api/v1/events", 1_000).len() >= 1_501);
}

#[test]
fn filters_are_those_of_the_command_line() {
    let served = Served::new();
    served.record(&small_world(7));
    let ids = |path: &str| -> Vec<String> {
        let items = served.list(path);
        items.iter().map(|item| item["session_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/api/v1/sessions?role=validator"), ["s-1", "s-3", "s-5", "s-7"]);
    assert_eq!(ids("/api/v1/sessions?wp=WP-1&model=m-1"), ["s-4"]);
    assert_eq!(ids("/api/v1/sessions?state=active"), [""; 0]);
    assert_eq!(ids("/api/v1/sessions?state=active,created&state=failed").len(), 7);
    assert_eq!(ids("/api/v1/sessions?backend=cloud"), [""; 0]);
    assert_eq!(ids("/api/v1/sessions?until=2026-03-01T12:00:03Z"), ["s-1", "s-2"]);
    assert_eq!(ids("/api/v1/sessions?since=2026-03-01T12:00:21Z"), ["s-6", "s-7"]);
    assert_eq!(ids("/api/v1/sessions?role="), ids("/api/v1/sessions"));
    assert_eq!(ids("/api/v1/spans?role=validator&overlaps=2026-03-01T12:00:00Z..2026-03-01T12:00:12Z"), ["s-1"]);
    assert_eq!(ids("/api/v1/spans?session=s-3").len(), 2);
    assert_eq!(ids("/api/v1/findings?kind=unpriced"), ["s-3", "s-6"]);
    let events = |query: &str| served.list(&format!("/api/v1/events?{query}")).len();
    assert_eq!(events("kind=session.created"), 7);
    assert_eq!(events("kind=FR-EVT-SPAN-*&session=s-1"), 3);
    assert_eq!(events("kind=session.created,llm_inference&role=coder"), 6);
    assert_eq!(events("session=s-1&since=2026-03-01T12:00:15Z&until=2026-03-01T12:00:16Z"), 1);
    let last = served.recorder.reader().last_seq().unwrap();
    assert_eq!(events(&format!("from_seq={last}")), 1);
    let rate = served.get("/api/v1/rate?window=1h&at=2026-03-01T12:30:00Z").status(200).json();
    assert_eq!((&rate["window_s"], &rate["tokens_per_minute"]), (&json!(3_600), &json!(11)));
}

#[test]
fn what_makes_no_sense_is_named() {
    let served = Served::new();
    served.record(&small_world(2));
    for (path, parameter) in [
        ("/api/v1/sessions?state=asleep", "state"),
        ("/api/v1/sessions?backend=moon", "backend"),
        ("/api/v1/sessions?sort=beauty", "sort"),
        ("/api/v1/sessions?since=yesterday", "since"),
        ("/api/v1/sessions?since=2026-01-02&until=2026-01-01", "since"),
        ("/api/v1/sessions?colour=red", "colour"),
        ("/api/v1/sessions?role=a&role=b", "role"),
        ("/api/v1/sessions?cursor=zz", "cursor"),
        ("/api/v1/sessions?kind=x", "kind"),
        ("/api/v1/events?kind=nothing.*", "kind"),
        ("/api/v1/events?from_seq=first", "from_seq"),
        ("/api/v1/spans?overlaps=noon", "overlaps"),
        ("/api/v1/spans?overlaps=now..2h", "overlaps"),
        ("/api/v1/costs?by=colour", "by"),
        ("/api/v1/rate?window=2d", "window"),
        ("/api/v1/findings?kind=beauty", "kind"),
    ] {
        let (code, message) = served.get(path).status(400).error();
        assert_eq!(code, "bad_request", "{path}");
        assert!(message.contains(&format!("`{parameter}`")), "{path}: {message}");
    }
    // A cursor is good for the order that it comes from.
    let page = served.get("/api/v1/sessions?limit=1&sort=cost").status(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    served.get(&format!("/api/v1/sessions?sort=cost&cursor={cursor}")).status(200);
    for path in ["/api/v1/sessions?", "/api/v1/sessions?sort=role&", "/api/v1/events?"] {
        served.get(&format!("{path}cursor={cursor}")).status(400);
    }
}

#[test]
fn sessions_are_named_by_a_unique_beginning() {
    let served = Served::new();
    served.record(&[created("abc-1", 1), created("abd-2", 2), created("x/y z", 3)]);
    for tail in ["", "/events", "/spans", "/messages", "/tree", "/cost"] {
        served.get(&format!("/api/v1/sessions/abc{tail}")).status(200);
        served.get(&format!("/api/v1/sessions/x%2Fy%20z{tail}")).status(200);
        let (code, message) = served.get(&format!("/api/v1/sessions/ab{tail}")).status(409).error();
        assert!(code == "ambiguous" && message.contains("abc-1"), "{message}");
        let (code, message) = served.get(&format!("/api/v1/sessions/nobody{tail}")).status(404).error();
        assert!(code == "not_found" && message.contains("nobody"), "{message}");
    }
    served.get("/api/v1/events?session=ab").status(409);
    served.get("/api/v1/spans?session=nobody").status(404);
}
