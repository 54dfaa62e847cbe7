//! Families that the user declares: known to the store from then on.

use serde_json::json;

use super::support::{Store, bare, created, event, finish, ndjson};

const FAMILIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test-data/families/terminal.json");

fn opened() -> serde_json::Value {
    event("FR-EVT-TERM-001", "terminal.opened", "s-1", 1, json!({"terminal_id": "t-1", "shell": "bash", "cwd": "src"}))
}

#[test]
fn a_declared_family_is_taken_and_remembered() {
    let store = Store::with(&[created("s-1", 0)]);
    let refused = store.record(&[opened()]).code(3);
    assert_eq!(refused.lines()[0]["error"]["rule"], "unknown_code");
    store.feed(["record", "--families", FAMILIES], &ndjson(&[opened()])).code(0);
    // From now on the store knows it by itself.
    store.record(&[opened()]).code(0);
    assert_eq!(store.list(&["events", "--kind", "terminal.*"]).len(), 2);
    let listed = store.run(["schema"]).code(0).stdout;
    assert!(listed.contains("FR-EVT-TERM-001") && listed.contains("terminal.opened"), "{listed}");
    let schema = store.run(["schema", "FR-EVT-TERM-001", "--format", "json"]).code(0).json();
    assert_eq!(schema["title"], "terminal.opened");
    assert!(store.run(["schema", "terminal.opened"]).code(0).stdout.contains("terminal_id"));
    store.run(["verify"]).code(0);
}

#[test]
fn validating_knows_only_what_it_is_told() {
    let input = ndjson(&[created("s-1", 0), opened()]);
    let run = |args: &[&str]| {
        let mut command = bare();
        command.args(["validate", "-", "--format", "ndjson"]).args(args).env("HOME", "/nonexistent");
        finish(command, &input)
    };
    assert_eq!(run(&[]).code(3).lines()[1]["error"]["rule"], "unknown_code");
    run(&["--families", FAMILIES]).code(0);
}

#[test]
fn a_declaration_that_cannot_be_used_is_named() {
    let store = Store::new();
    let bad = store.beside("bad.json");
    std::fs::write(&bad, "{}}").unwrap();
    for path in [bad.to_str().unwrap(), "/no/such/file.json"] {
        let ran = store.feed(["record", "--families", path], b"").code(1);
        assert!(ran.stderr.contains(path), "{}", ran.stderr);
    }
    let taken = store.beside("taken.json");
    let families = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"FR-EVT-SESS-001": {"x-type": "mine", "type": "object", "additionalProperties": false, "properties": {}}},
    });
    std::fs::write(&taken, families.to_string()).unwrap();
    store.feed(["record", "--families", taken.to_str().unwrap()], b"").code(1);
    assert!(!store.path().exists(), "nothing is made before the families are known to be good");
}
