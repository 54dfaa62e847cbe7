//! What other programs draw of sessions: a trace for the Perfetto UI, a page for a browser.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::support::{Store, created, created_as, event, inference, span_closed, span_opened, state, tool_call};

const SPANS: [&str; 4] = ["00f067aa0ba902b1", "00f067aa0ba902b2", "00f067aa0ba902b3", "00f067aa0ba902b4"];

/// A parent that spawns a child and gets its result; spans that nest, cross and stay open; a wait; unpriced runs.
fn store() -> Store {
    let job = |code: &str, name: &str, at_s: u32, rest: &Value| {
        let mut payload = json!({"session_id": "parent", "job_id": "j-1"});
        payload.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        event(code, name, "parent", at_s, payload)
    };
    let accepted =
        json!({"requester_session_id": "parent", "child_session_id": "child", "child_role": "coder", "spawn_depth": 1});
    let back = json!({
        "child_session_id": "child", "requester_session_id": "parent", "status": "COMPLETED",
        "summary_artifact_id": format!("sha256:{:064x}", 7), "mailbox_message_id": "mail-1",
    });
    Store::with(&[
        created_as("parent", 0, &json!({"role": "lead", "label": "the plan"})),
        job(
            "FR-EVT-SESS-SCHED-001",
            "session_scheduler.enqueue",
            1,
            &json!({"lane": "PRIMARY", "priority": 50, "concurrency_group": null}),
        ),
        job(
            "FR-EVT-SESS-SCHED-003",
            "session_scheduler.rate_limited",
            2,
            &json!({"provider": "p-1", "backoff_ms": 250, "attempt": 0, "limit": "request_rate"}),
        ),
        job(
            "FR-EVT-SESS-SCHED-002",
            "session_scheduler.dispatch",
            4,
            &json!({"lane": "PRIMARY", "queue_wait_ms": 3000}),
        ),
        state("parent", 4, "CREATED", "ACTIVE", "dispatched"),
        span_opened("parent", 4, SPANS[0], None, "model_run", "chat m-1"),
        span_opened("parent", 5, SPANS[1], Some(SPANS[0]), "tool_call", "inner"),
        span_closed("parent", 6, SPANS[1]),
        span_opened("parent", 7, SPANS[2], Some(SPANS[0]), "tool_call", "crosses"),
        span_closed("parent", 8, SPANS[0]),
        span_closed("parent", 9, SPANS[2]),
        inference("parent", 8, SPANS[0], (100, 20), Some(0.25)),
        event("FR-EVT-SESS-SPAWN-002", "session.spawn_accepted", "parent", 9, accepted),
        created_as("child", 9, &json!({"parent_session_id": "parent", "spawn_depth": 1})),
        span_opened("child", 10, SPANS[3], None, "model_run", "still open"),
        inference("child", 11, SPANS[3], (7, 3), None),
        state("child", 12, "CREATED", "COMPLETED", "done"),
        event("FR-EVT-SESS-SPAWN-004", "session.announce_back", "child", 12, back),
        created("stranger", 13),
    ])
}

/// What a field of the format may be, as its public schema says; nothing else is let through.
#[derive(Clone, Copy)]
enum Field {
    Varint,
    Fixed,
    Text,
    Of(&'static [(u64, &'static str, Field)]),
}

const CLOCK: &[(u64, &str, Field)] = &[(1, "clock_id", Field::Varint), (2, "timestamp", Field::Varint)];
const NOTE: &[(u64, &str, Field)] = &[
    (3, "uint_value", Field::Varint),
    (5, "double_value", Field::Fixed),
    (6, "string_value", Field::Text),
    (10, "name", Field::Text),
];
const TRACK: &[(u64, &str, Field)] = &[
    (1, "uuid", Field::Varint),
    (2, "name", Field::Text),
    (3, "process", Field::Of(&[(1, "pid", Field::Varint), (6, "process_name", Field::Text)])),
    (5, "parent_uuid", Field::Varint),
    (8, "counter", Field::Of(&[(6, "unit_name", Field::Text)])),
    (11, "child_ordering", Field::Varint),
    (12, "sibling_order_rank", Field::Varint),
];
const EVENT: &[(u64, &str, Field)] = &[
    (4, "debug_annotations", Field::Of(NOTE)),
    (9, "type", Field::Varint),
    (11, "track_uuid", Field::Varint),
    (22, "categories", Field::Text),
    (23, "name", Field::Text),
    (30, "counter_value", Field::Varint),
    (44, "double_counter_value", Field::Fixed),
    (47, "flow_ids", Field::Fixed),
    (48, "terminating_flow_ids", Field::Fixed),
];
const PACKET: &[(u64, &str, Field)] = &[
    (6, "clock_snapshot", Field::Of(&[(1, "clocks", Field::Of(CLOCK))])),
    (8, "timestamp", Field::Varint),
    (10, "trusted_packet_sequence_id", Field::Varint),
    (11, "track_event", Field::Of(EVENT)),
    (60, "track_descriptor", Field::Of(TRACK)),
];

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

/// Reads a message strictly: every field known, of the right wire type, to the last byte.
fn read(mut bytes: &[u8], fields: &[(u64, &'static str, Field)]) -> Value {
    let mut message = serde_json::Map::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (_, name, field) =
            fields.iter().find(|(tag, ..)| *tag == key >> 3).unwrap_or_else(|| panic!("field {}", key >> 3));
        let mut take = |length: usize| {
            let (taken, rest) = bytes.split_at(length);
            bytes = rest;
            taken
        };
        let value = match (key & 7, field) {
            (0, Field::Varint) => json!(varint(&mut bytes)),
            (1, Field::Fixed) => json!(u64::from_le_bytes(take(8).try_into().unwrap())),
            (2, Field::Text) => {
                let length = varint(&mut bytes) as usize;
                let (text, rest) = bytes.split_at(length);
                bytes = rest;
                json!(std::str::from_utf8(text).unwrap())
            }
            (2, Field::Of(inner)) => {
                let length = varint(&mut bytes) as usize;
                let (part, rest) = bytes.split_at(length);
                bytes = rest;
                read(part, inner)
            }
            (wire, _) => panic!("{name} has wire type {wire}"),
        };
        message.entry(*name).or_insert_with(|| json!([])).as_array_mut().unwrap().push(value);
    }
    Value::Object(message)
}

/// The packets of a trace, each field as a list of its values.
fn packets(trace: &[u8]) -> Vec<Value> {
    let whole = read(trace, &[(1, "packet", Field::Of(PACKET))]);
    whole["packet"].as_array().unwrap().clone()
}

fn exported(store: &Store, args: &[&str]) -> Vec<Value> {
    let path = store.beside("trace.pftrace");
    let mut all = vec!["export", "--format", "perfetto", "--output", path.to_str().unwrap()];
    all.extend(args);
    store.run(all).code(0);
    packets(&std::fs::read(path).unwrap())
}

/// Every track by its number, with the path of names that leads to it; each was described before it was used.
fn tracks(packets: &[Value]) -> BTreeMap<u64, String> {
    let mut tracks = BTreeMap::new();
    for packet in packets {
        if let Some(track) = packet.get("track_descriptor").map(|tracks| &tracks[0]) {
            let name = track["name"][0].as_str().unwrap();
            let path = match track.get("parent_uuid") {
                Some(parent) => format!("{} / {name}", tracks[&parent[0].as_u64().unwrap()]),
                None => name.to_owned(),
            };
            assert!(tracks.insert(track["uuid"][0].as_u64().unwrap(), path).is_none());
        }
        if let Some(event) = packet.get("track_event") {
            assert!(tracks.contains_key(&event[0]["track_uuid"][0].as_u64().unwrap()), "{packet}");
            assert_eq!(packet["trusted_packet_sequence_id"], json!([1]));
        }
    }
    tracks
}

#[test]
fn a_trace_has_a_track_for_each_session_below_the_one_that_spawned_it() {
    let packets = exported(&store(), &[]);
    let names: BTreeSet<String> = tracks(&packets).into_values().collect();
    let parent = "lead the plan parent";
    let expected = [
        parent.to_owned(),
        format!("{parent} / queue"),
        format!("{parent} / held by limits"),
        format!("{parent} / spans"),
        format!("{parent} / spans beside them 1"),
        format!("{parent} / cost so far"),
        format!("{parent} / tokens so far"),
        format!("{parent} / coder child"),
        format!("{parent} / coder child / spans"),
        format!("{parent} / coder child / cost so far"),
        format!("{parent} / coder child / tokens so far"),
        format!("{parent} / coder child / unpriced runs so far"),
        "coder stranger".to_owned(),
    ];
    assert_eq!(names, expected.into_iter().collect());
    let one = tracks(&exported(&store(), &["--session", "parent"]));
    assert!(one.values().all(|name| !name.contains("child")), "{one:?}");
    let tree = tracks(&exported(&store(), &["--session", "parent", "--tree"]));
    assert_eq!(tree.len(), 12);
}

#[test]
fn slices_nest_on_every_track_and_flows_have_both_ends() {
    let packets = exported(&store(), &[]);
    let tracks = tracks(&packets);
    let mut open: BTreeMap<u64, Vec<(String, u64)>> = BTreeMap::new();
    let mut closed = BTreeMap::new();
    let (mut from, mut to) = (BTreeMap::new(), BTreeMap::new());
    let mut counted: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for packet in packets.iter().filter(|packet| packet.get("track_event").is_some()) {
        let event = &packet["track_event"][0];
        let (track, at) = (event["track_uuid"][0].as_u64().unwrap(), packet["timestamp"][0].as_u64().unwrap());
        let stack = open.entry(track).or_default();
        match event["type"][0].as_u64().unwrap() {
            1 => stack.push((event["name"][0].as_str().unwrap().to_owned(), at)),
            2 => {
                let (name, begun) = stack.pop().unwrap();
                closed.insert(name, (at - begun) / 1_000_000_000);
            }
            3 => {
                for (ends, field) in [(&mut from, "flow_ids"), (&mut to, "terminating_flow_ids")] {
                    if let Some(id) = event.get(field) {
                        ends.insert(id[0].as_u64().unwrap(), tracks[&track].clone());
                    }
                }
            }
            4 => {
                let dollars = event.get("double_counter_value").map(|bits| f64::from_bits(bits[0].as_u64().unwrap()));
                let value = dollars.unwrap_or_else(|| event["counter_value"][0].as_u64().unwrap() as f64);
                counted.entry(tracks[&track].rsplit(" / ").next().unwrap().to_owned()).or_default().push(value);
            }
            other => panic!("{other}"),
        }
    }
    for (name, seconds) in [("chat m-1", 4), ("inner", 1), ("crosses", 2), ("queued", 1), ("held by request_rate", 2)] {
        assert_eq!(closed[name], seconds, "{name}");
    }
    let left: Vec<&str> = open.values().flatten().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["ACTIVE", "still open", "CREATED"]);
    let ends: Vec<(String, String)> = from.iter().map(|(id, from)| (from.clone(), to[id].clone())).collect();
    let (parent, child) = ("lead the plan parent".to_owned(), "lead the plan parent / coder child".to_owned());
    assert_eq!(ends, [(parent.clone(), child.clone()), (child, parent)]);
    assert_eq!((&counted["cost so far"], &counted["tokens so far"]), (&vec![0.25, 0.0], &vec![120.0, 10.0]));
    assert_eq!(counted["unpriced runs so far"], [1.0]);
}

#[test]
fn what_makes_no_sense_is_said() {
    let store = store();
    for args in [
        &["--format", "html"][..],
        &["--format", "html", "--session", "parent", "--replay"],
        &["--format", "perfetto", "--kind", "session.*"],
        &["--tree"],
        &["--session", "parent", "--tree"],
        &["--session", "parent", "--format", "json"],
    ] {
        let ran = store.run(["export"].iter().chain(args)).code(2);
        assert!(ran.stdout.is_empty() && ran.stderr.len() > 20, "{args:?}: {}", ran.stderr);
    }
    store.run(["sessions", "--format", "perfetto"]).code(2);
    store.run(["export", "--format", "html", "--session", "nobody"]).code(1);
}

const TRICK: &str =
    "</pre></td></title><script>alert(1)</script><img src=x onerror=alert(2)>\" onclick=\"x' &lt;\u{202e}";

/// A store with markup in every field that takes any text.
fn hostile() -> Store {
    let store = Store::new();
    let content = format!("{TRICK}\nwrite to jane.doe@example.com, password=correct-horse-7");
    let put = store.feed(["artifact", "put", "-", "--format", "json"], content.as_bytes()).code(0).json();
    let said = json!({
        "session_id": "s-1", "message_id": TRICK.replace(char::is_control, ""), "role": "USER", "content_hash": put["sha256"],
        "content_artifact_id": put["artifact_id"], "token_count": 3, "tool_call_id": "c-1\"><script>",
    });
    let facts = json!({"label": TRICK, "role": TRICK, "model_id": TRICK, "wp_id": TRICK, "provider": TRICK});
    let mut named = span_opened("s-1", 2, SPANS[0], None, "other", TRICK);
    named["payload"]["tags"] = json!([TRICK]);
    let held = json!({
        "session_id": "s-1", "job_id": TRICK, "provider": TRICK, "backoff_ms": 1, "attempt": 0, "limit": TRICK, "reason": TRICK,
    });
    store
        .record(&[
            created_as("s-1", 0, &facts),
            state("s-1", 1, "CREATED", "ACTIVE", TRICK),
            named,
            event("FR-EVT-SESS-004", "session.message", "s-1", 3, said),
            tool_call("s-1", 4, SPANS[0], Some(TRICK)),
            event("FR-EVT-SESS-SCHED-003", "session_scheduler.rate_limited", "s-1", 5, held),
        ])
        .code(0);
    store
}

/// The elements of a page, each as what stands between its brackets.
fn elements(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|part| part.split('>').next().unwrap()).collect()
}

const ELEMENTS: &str = "meta title style body main header section h1 h2 h3 h4 p span svg line text rect nav ul li a dl dt dd \
    div table thead tbody tr th td article pre details summary html head !doctype";

/// No element but those that the page is made of, and none that runs or fetches anything.
#[track_caller]
fn check_elements(page: &str) {
    let known: BTreeSet<&str> = ELEMENTS.split_whitespace().collect();
    for element in elements(page) {
        let name = element.trim_start_matches('/').split_whitespace().next().unwrap();
        assert!(known.contains(name), "<{element}>");
        assert!(!element.contains(" src=") && !element.contains(" style=") && !element.contains(" on"), "<{element}>");
        assert!(!element.contains(" href=") || element.contains(" href=\"#session-"), "<{element}>");
    }
}

#[test]
fn a_page_shows_one_session_and_needs_nothing_else() {
    let page = store().run(["export", "--format", "html", "--session", "parent", "--tree"]).code(0).stdout;
    for text in ["lead the plan parent", "coder child", "request_rate", "chat m-1", "session.spawn_accepted", "$0.25"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("stranger"));
    let alone = store().run(["export", "--format", "html", "--session", "parent"]).code(0).stdout;
    assert!(!alone.contains("id=\"session-child\"") && alone.contains("id=\"session-parent\""));
    check_elements(&page);
    let policy = elements(&page).into_iter().find(|element| element.contains("Content-Security-Policy")).unwrap();
    assert!(policy.contains("default-src &#39;none&#39;") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn no_field_becomes_markup_and_no_secret_leaves_in_a_page() {
    let store = hostile();
    let page = store.run(["export", "--format", "html", "--session", "s-1"]).code(0).stdout;
    assert!(page.matches("&lt;script&gt;alert(1)").count() > 10, "the fields are there");
    check_elements(&page);
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("[REDACTED:") && !page.contains("correct-horse") && !page.contains("jane.doe"), "{page}");
    let trace = exported(&store, &[]);
    assert!(trace.len() > 5);
}
