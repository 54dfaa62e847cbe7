//! Nothing from a store reaches a terminal that a terminal would obey.

use serde_json::json;

use super::support::{
    Store, bare, created, created_as, event, finish, in_span, message, ndjson, span_opened, state, tool_call,
};

const TRICK: &str = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{200b}\r\nfake line";
/// Ids may hold no control characters, but may turn the direction of writing.
const TURNED: &str = "role\u{202e}redoc\u{2066}";

fn store() -> Store {
    let mut named = span_opened("s\u{202e}-1", 2, "00000000000000a1", None, "other", TRICK);
    named["payload"]["tags"] = json!([TURNED]);
    let mut declared = message("s\u{202e}-1", 3, 1);
    declared["payload"]["message_id"] = json!(TURNED);
    Store::with(&[
        created_as(
            "s\u{202e}-1",
            0,
            &json!({"label": TRICK, "role": TURNED, "model_id": TURNED, "wp_id": TURNED, "provider": TURNED}),
        ),
        state("s\u{202e}-1", 1, "CREATED", "ACTIVE", TRICK),
        named,
        declared,
        tool_call("s\u{202e}-1", 4, "00000000000000a1", Some(TRICK)),
        created_as("s-2", 5, &json!({"parent_session_id": TURNED, "spawn_depth": 1})),
    ])
}

/// Characters that a terminal obeys or that mislead a reader; line ends separate lines.
fn misleads(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn tables_json_and_csv_are_harmless() {
    let store = store();
    store.run(["hold", "s\u{202e}", "--reason", TRICK]).code(0);
    for args in [
        &["sessions"][..],
        &["sessions", "--group-by", "role"],
        &["show", "s\u{202e}"],
        &["events"],
        &["spans"],
        &["messages"],
        &["tree"],
        &["cost", "--by", "role"],
        &["findings"],
        &["hold"],
        &["verify"],
        &["doctor"],
    ] {
        for format in ["table", "json", "ndjson"] {
            let ran = store.run(args.iter().chain(&["--format", format])).code(0);
            assert!(!ran.stdout.is_empty());
            assert!(!ran.stdout.contains(misleads), "{args:?} {format}: {:?}", ran.stdout);
        }
    }
    let exported = store.run(["export"]).code(0);
    assert!(!exported.stdout.contains(misleads));
    // The values are what they were: only their notation is harmless.
    assert_eq!(store.list(&["sessions"])[0]["label"], TRICK);
    assert_eq!(exported.lines()[1]["payload"]["reason"], TRICK);
}

#[test]
fn messages_about_input_and_arguments_are_harmless() {
    let store = store();
    let mut unknown = created("s-3", 6);
    unknown["payload"]["\u{1b}[2J\u{202e}"] = json!(1);
    let ran = store.feed(["record"], &ndjson(&[unknown])).code(3);
    assert!(!ran.stderr.contains(misleads), "{:?}", ran.stderr);
    let ran = store.run(["show", "\u{1b}[2J\u{202e}"]).code(1);
    assert!(!ran.stderr.contains(misleads), "{:?}", ran.stderr);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let store = Store::with(&[created("s-1", 0), state("s-1", 1, "CREATED", "ACTIVE", "go")]);
    let plain = store.run(["sessions"]).code(0).stdout;
    assert!(!plain.contains('\u{1b}'));
    let colourful = store.run(["sessions", "--color", "always"]).code(0).stdout;
    assert!(colourful.contains("\u{1b}[32mACTIVE\u{1b}[0m"), "{colourful:?}");
    assert_eq!(store.run(["sessions", "--color", "never"]).code(0).stdout, plain);
    let mut command = bare();
    command.arg("--data").arg(store.path()).args(["sessions", "--format", "json", "--color", "always"]);
    assert!(!finish(command, b"").code(0).stdout.contains('\u{1b}'));
}

#[test]
fn an_event_in_the_table_is_one_line() {
    let store = store();
    store
        .record(&[in_span(
            event(
                "FR-EVT-SPAN-001",
                "span.opened",
                "s-2",
                7,
                json!({"kind": "other", "name": "x\ny", "parent_span_id": null}),
            ),
            "00000000000000a2",
        )])
        .code(0);
    let table = store.run(["events"]).code(0).stdout;
    assert_eq!(table.lines().count(), 8, "{table}");
}
