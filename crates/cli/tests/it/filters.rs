//! Filters, orders, groups, prefixes and times: the same words on every command.

use serde_json::{Value, json};

use super::support::{Store, created_as, inference, message, span_closed, span_opened, state};

const CODER: &str = "0199aaaa-0000-7000-8000-000000000001";
const WRITER: &str = "0199aaab-0000-7000-8000-000000000002";
const CHILD: &str = "0199cccc-0000-7000-8000-000000000003";

/// Three sessions: a coder of WP-1 at 12:00, a writer of WP-2 in the cloud at 13:00, and the coder's child without a packet.
fn store() -> Store {
    Store::with(&[
        created_as(CODER, 0, &json!({"wp_id": "WP-1"})),
        state(CODER, 1, "CREATED", "ACTIVE", "go"),
        span_opened(CODER, 10, "00000000000000a1", None, "model_run", "first"),
        inference(CODER, 20, "00000000000000a1", (10, 5), Some(0.5)),
        span_closed(CODER, 30, "00000000000000a1"),
        message(CODER, 31, 1),
        created_as(WRITER, 3600, &json!({"wp_id": "WP-2", "role": "writer", "model_id": "m-2", "backend": "cloud"})),
        span_opened(WRITER, 3610, "00000000000000b1", None, "model_run", "second"),
        inference(WRITER, 3620, "00000000000000b1", (1000, 500), Some(0.25)),
        message(WRITER, 3621, 2),
        created_as(CHILD, 40, &json!({"parent_session_id": CODER, "spawn_depth": 1, "role": "checker"})),
    ])
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["session_id"].as_str().unwrap()).collect()
}

#[test]
fn sessions_by_every_filter() {
    let store = store();
    for (args, expected) in [
        (vec![], vec![CODER, CHILD, WRITER]),
        (vec!["--state", "active"], vec![CODER]),
        (vec!["--state", "ACTIVE,created"], vec![CODER, CHILD, WRITER]),
        (vec!["--state", "FAILED"], vec![]),
        (vec!["--role", "writer"], vec![WRITER]),
        (vec!["--model", "m-1"], vec![CODER, CHILD]),
        (vec!["--wp", "WP-2"], vec![WRITER]),
        (vec!["--backend", "cloud"], vec![WRITER]),
        (vec!["--since", "2026-03-01T12:30:00Z"], vec![WRITER]),
        (vec!["--until", "2026-03-01T12:30:00Z"], vec![CODER, CHILD]),
        (vec!["--since", "2026-03-01", "--until", "2026-03-02"], vec![CODER, CHILD, WRITER]),
        (vec!["--sort", "cost"], vec![CODER, WRITER, CHILD]),
        (vec!["--sort", "tokens"], vec![WRITER, CODER, CHILD]),
        (vec!["--sort", "updated"], vec![WRITER, CHILD, CODER]),
        (vec!["--sort", "elapsed", "--limit", "1"], vec![CODER]),
        (vec!["--sort", "role"], vec![CHILD, CODER, WRITER]),
        (vec!["--limit", "0"], vec![]),
        (vec!["--group-by", "wp"], vec![CODER, WRITER, CHILD]),
        (vec!["--group-by", "role"], vec![CHILD, CODER, WRITER]),
    ] {
        let listed = store.list(&[&["sessions"], args.as_slice()].concat());
        assert_eq!(ids(&listed), expected, "{args:?}");
    }
}

#[test]
fn groups_have_headings_and_subtotals() {
    let table = store().run(["sessions", "--group-by", "wp"]).code(0).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[1] == "work packet WP-1" && lines[5] == "work packet WP-2" && lines[9] == "work packet (none)",
        "{table}"
    );
    assert!(lines[3].starts_with("1 session ") && lines[3].contains("$0.50"), "{table}");
}

#[test]
fn the_same_filters_on_events_spans_messages_cost_and_trees() {
    let store = store();
    let session_of =
        |item: &Value| item["session_id"].as_str().or(item["model_session_id"].as_str()).unwrap().to_owned();
    for command in ["events", "spans", "messages"] {
        for (args, session) in [
            (vec!["--role", "writer"], WRITER),
            (vec!["--wp", "WP-1"], CODER),
            (vec!["--session", "0199aaab"], WRITER),
            (vec!["--state", "active"], CODER),
            (vec!["--backend", "cloud", "--model", "m-2"], WRITER),
        ] {
            let listed = store.list(&[&[command], args.as_slice()].concat());
            assert!(
                !listed.is_empty() && listed.iter().all(|item| session_of(item) == session),
                "{command} {args:?}: {listed:?}"
            );
        }
        assert_eq!(store.list(&[command, "--session", "0199aaab", "--role", "coder"]), Vec::<Value>::new());
        assert_eq!(store.list(&[command, "--limit", "1"]).len(), 1);
        assert!(
            store.list(&[command, "--since", "2026-03-01T13:00:00Z"]).iter().all(|item| session_of(item) == WRITER)
        );
        assert!(
            store.list(&[command, "--until", "2026-03-01T13:00:00Z"]).iter().all(|item| session_of(item) != WRITER)
        );
    }
    let costs = store.list(&["cost", "--by", "session", "--role", "writer"]);
    assert_eq!((costs.len(), &costs[0]["key"]), (1, &json!(WRITER)));
    assert_eq!(store.list(&["cost", "--limit", "2"]).len(), 2);
    let table = store.run(["cost", "--limit", "1"]).code(0).stdout;
    assert!(table.contains("… and 2 smaller rows") && table.contains("$0.75"), "{table}");
    let trees = store.list(&["tree", "--role", "checker"]);
    assert_eq!((trees.len(), &trees[0]["session"]["session_id"]), (1, &json!(CODER)));
    let by_tokens = store.list(&["tree", "--sort", "tokens", "--limit", "1"]);
    assert_eq!(by_tokens[0]["session"]["session_id"], WRITER);
}

#[test]
fn events_by_kind_and_position() {
    let store = store();
    assert_eq!(store.list(&["events", "--kind", "session.created"]).len(), 3);
    assert_eq!(store.list(&["events", "--kind", "FR-EVT-SPAN-001,FR-EVT-SPAN-002"]).len(), 3);
    assert_eq!(store.list(&["events", "--kind", "span.*", "--kind", "llm_inference"]).len(), 5);
    assert_eq!(store.list(&["events", "--kind", "FR-EVT-SESS-*"]).len(), 6);
    assert_eq!(store.list(&["events", "--from-seq", "10"]).len(), 2);
    assert_eq!(store.list(&["events", "--from-seq", "99"]).len(), 0);
    assert!(store.run(["events", "--kind", "nonsense"]).code(2).stderr.contains("flightrec schema"));
}

#[test]
fn spans_that_overlap_a_range() {
    let store = store();
    let names = |range: &str| {
        let spans = store.list(&["spans", "--overlaps", range]);
        spans.iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // [start, end) against [from, to): touching is not overlapping; an open span has no end yet.
    assert_eq!(names("2026-03-01T12:00:29Z..2026-03-01T12:00:40Z"), ["first"]);
    assert_eq!(names("2026-03-01T12:00:30Z..2026-03-01T12:00:40Z"), Vec::<String>::new());
    assert_eq!(names("2026-03-01T12:00:00Z..2026-03-01T12:00:10Z"), Vec::<String>::new());
    assert_eq!(names("2026-03-01T12:00:00Z..2026-03-01T12:00:10.000001Z"), ["first"]);
    assert_eq!(names("2026-03-09.."), ["second"]);
    assert_eq!(names(".."), ["first", "second"]);
    store.run(["spans", "--overlaps", "2026-03-02..2026-03-01"]).code(2);
    store.run(["spans", "--overlaps", "2026-03-02"]).code(2);
}

#[test]
fn a_unique_beginning_is_enough_and_an_ambiguous_one_is_not() {
    let store = store();
    for args in [
        ["show", "0199aaa"],
        ["tree", "0199aaa"],
        ["events", "--session=0199aaa"],
        ["spans", "--session=0199aaa"],
        ["messages", "--session=0199aaa"],
        ["export", "--session=0199aaa"],
        ["findings", "--session=0199aaa"],
    ] {
        let stderr = store.run(args).code(1).stderr;
        assert!(
            stderr.starts_with("flightrec: ")
                && stderr.contains("2 sessions")
                && stderr.contains(CODER)
                && stderr.contains(WRITER),
            "{stderr}"
        );
    }
    store.run(["show", "0199aaaa"]).code(0);
    store.run(["show", CODER]).code(0);
    let stderr = store.run(["show", "nobody"]).code(1).stderr;
    assert!(stderr.contains("nobody") && stderr.contains("flightrec sessions"), "{stderr}");
    store.run(["show", ""]).code(2);
}

#[test]
fn what_a_table_calls_a_session_can_be_typed() {
    let store = store();
    let table = store.run(["sessions"]).code(0).stdout;
    for (line, id) in table.lines().skip(1).zip([CODER, CHILD, WRITER]) {
        let short = line.split_whitespace().next().unwrap();
        assert!(id.starts_with(short) && short.len() == 8, "{line}");
        assert_eq!(store.run(["show", short, "--format", "json"]).code(0).json()["session"]["session_id"], id);
    }
}

#[test]
fn times_that_make_no_sense_are_explained() {
    let store = store();
    for args in [
        ["sessions", "--since=yesterday"],
        ["events", "--until=25:00"],
        ["cost", "--since=2 hours"],
        ["rate", "--at=x"],
    ] {
        let stderr = store.run(args).code(2).stderr;
        assert!(stderr.contains("RFC 3339") && stderr.contains("2h"), "{stderr}");
    }
    store.run(["sessions", "--since", "2026-03-02", "--until", "2026-03-01"]).code(2);
    store.run(["rate", "--window", "0s"]).code(2);
    store.run(["rate", "--window", "2d"]).code(2);
    assert_eq!(store.list(&["sessions", "--since", "1h"]).len(), 0);
}

#[test]
fn findings_by_session_and_kind() {
    let store = store();
    store.record(&[inference(CHILD, 50, "00000000000000c1", (1, 1), None)]).code(0);
    assert_eq!(store.list(&["findings", "--kind", "unpriced"]).len(), 1);
    assert_eq!(store.list(&["findings", "--kind", "gap"]).len(), 0);
    assert_eq!(store.list(&["findings", "--session", "0199cccc"]).len(), 1);
    assert_eq!(store.list(&["findings", "--session", "0199aaab"]).len(), 0);
    assert!(store.run(["findings", "--kind", "x"]).code(2).stderr.contains("orphan_parent"));
}
