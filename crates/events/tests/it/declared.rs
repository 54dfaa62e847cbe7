//! Families that a file declares: the same rules, the same errors, no code.

use flightrec_events::{CheckedEvent, DeclareError, Kind, MAX_EVENT_BYTES, Registry, Rule, TextClass};
use serde_json::{Value, json};

use crate::sample::{SESSION, printed, stored};

const TERMINAL: &[u8] = include_bytes!("../../../../test-data/families/terminal.json");

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.declare(TERMINAL).unwrap();
    registry
}

fn envelope(code: &str, type_name: &str, payload: &Value) -> Value {
    json!({
        "event_id": "01999a7b-1c2d-7e3f-8a4b-5c6d7e8f9a0b", "code": code, "type": type_name,
        "timestamp": "2026-03-01T12:00:00.003151Z", "actor": "agent", "payload": payload,
    })
}

fn opened() -> Value {
    let mut event =
        envelope("FR-EVT-TERM-001", "terminal.opened", &json!({ "terminal_id": "t", "shell": "bash", "cwd": "/" }));
    event["model_session_id"] = json!(SESSION);
    event
}

fn command() -> Value {
    let payload = json!({
        "session_id": SESSION, "terminal_id": "t", "command_line": "ls -l", "started_at": "2026-03-01T12:00:00Z",
        "duration_ms": 4, "exit": { "code": 0, "signals": ["SIGTERM", "SIGKILL"] },
    });
    let mut event = envelope("FR-EVT-TERM-002", "terminal.command", &payload);
    event["model_session_id"] = json!(SESSION);
    event
}

pub(crate) fn closed() -> Value {
    envelope("FR-EVT-TERM-003", "terminal.closed", &json!({ "terminal_id": "t", "exit_code": null }))
}

fn first(event: &Value) -> (Rule, String) {
    let violation = registry().parse(event.to_string().as_bytes()).expect_err(&event.to_string()).violation;
    (violation.rule, violation.field.unwrap_or_default())
}

#[test]
fn the_pack_is_taken_and_its_events_come_back() {
    let registry = registry();
    let codes: Vec<_> = registry.declared().map(|family| (family.code(), family.type_name())).collect();
    let expected = [
        ("FR-EVT-TERM-001", "terminal.opened"),
        ("FR-EVT-TERM-002", "terminal.command"),
        ("FR-EVT-TERM-003", "terminal.closed"),
    ];
    assert_eq!(codes, expected);
    for json in [opened(), command(), closed()] {
        let event = registry.parse(json.to_string().as_bytes()).unwrap();
        assert_eq!((event.kind(), event.code()), (None, json["code"].as_str().unwrap()));
        let line = printed(&event);
        assert_eq!(registry.parse(line.as_bytes()).unwrap(), event);
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json);
        let bytes = stored(&event);
        let back = CheckedEvent::decode(&bytes).unwrap();
        assert_eq!((&back, stored(&back)), (&event, bytes.clone()));
        assert_eq!(back.into_event().check().unwrap(), event);
        for len in 0..bytes.len() {
            assert!(CheckedEvent::decode(&bytes[..len]).is_err());
        }
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            for change in [1, 2, 0x80, 0xff] {
                damaged[at] = bytes[at] ^ change;
                if let Ok(event) = CheckedEvent::decode(&damaged) {
                    let line = printed(&event);
                    assert!(serde_json::from_str::<Value>(&line).is_ok(), "byte {at} changed prints {line}");
                }
            }
            damaged[at] = bytes[at];
        }
    }
}

#[test]
fn an_undeclared_family_is_unknown() {
    let rejection = Registry::new().parse(closed().to_string().as_bytes()).unwrap_err();
    assert_eq!(rejection.violation.rule, Rule::UnknownCode);
    let mut event = closed();
    event["type"] = json!("terminal.opened");
    assert_eq!(first(&event), (Rule::CodeTypeMismatch, "type".to_owned()));
    event["type"] = json!("session.created");
    assert_eq!(first(&event), (Rule::CodeTypeMismatch, "type".to_owned()));
    event["type"] = json!("terminal.exploded");
    assert_eq!(first(&event), (Rule::UnknownType, "type".to_owned()));
}

#[test]
fn each_kind_of_violation_has_its_rule_and_path() {
    let cases: Vec<(&str, Option<Value>, Rule, &str)> = vec![
        ("/payload/terminal_id", None, Rule::MissingField, "payload.terminal_id"),
        ("/payload/exit/code", None, Rule::MissingField, "payload.exit.code"),
        ("/payload/colour", Some(json!(1)), Rule::UnknownField, "payload.colour"),
        ("/payload/exit/colour", Some(json!(1)), Rule::UnknownField, "payload.exit.colour"),
        ("/payload/command_line", Some(json!(5)), Rule::WrongType, "payload.command_line"),
        ("/payload/exit", Some(json!([])), Rule::WrongType, "payload.exit"),
        ("/payload/exit/signals/1", Some(json!(9)), Rule::WrongType, "payload.exit.signals[1]"),
        ("/payload/exit/signals/1", Some(json!("TERM")), Rule::BadValue, "payload.exit.signals[1]"),
        ("/payload/duration_ms", Some(json!(-1)), Rule::OutOfBounds, "payload.duration_ms"),
        ("/payload/terminal_id", Some(json!("")), Rule::OutOfBounds, "payload.terminal_id"),
        ("/payload/terminal_id", Some(json!("x".repeat(65))), Rule::OutOfBounds, "payload.terminal_id"),
        ("/payload/command_line", Some(json!("x".repeat(1025))), Rule::OutOfBounds, "payload.command_line"),
        ("/payload/exit/signals/0", Some(json!("x".repeat(257))), Rule::OutOfBounds, "payload.exit.signals[0]"),
        ("/payload/exit/signals", Some(json!(vec!["SIGHUP"; 1025])), Rule::OutOfBounds, "payload.exit.signals"),
        ("/payload/started_at", Some(json!("yesterday")), Rule::BadValue, "payload.started_at"),
        ("/payload/output_hash", Some(json!("ab")), Rule::BadValue, "payload.output_hash"),
        ("/payload/stdout", Some(json!("x")), Rule::InlineContent, "payload.stdout"),
        ("/payload/exit/text", Some(json!("x")), Rule::InlineContent, "payload.exit.text"),
        ("/payload/session_id", Some(json!("")), Rule::BadValue, "payload.session_id"),
        ("/payload/session_id", Some(json!("other")), Rule::CorrelationMismatch, "model_session_id"),
        ("/model_session_id", None, Rule::MissingModelSessionId, "model_session_id"),
        ("/model_session_id", Some(Value::Null), Rule::MissingModelSessionId, "model_session_id"),
        ("/payload", Some(json!([])), Rule::WrongType, "payload"),
        ("/seq", Some(json!(1)), Rule::AssignedByRecorder, "seq"),
    ];
    for (pointer, value, rule, field) in cases {
        let mut event = command();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match (value, event.pointer_mut(parent).unwrap()) {
            (Some(value), Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value,
            (Some(value), parent) => parent[name] = value,
            (None, parent) => drop(parent.as_object_mut().unwrap().remove(name).unwrap()),
        }
        assert_eq!(first(&event), (rule, field.to_owned()), "{pointer}");
    }
}

#[test]
fn enums_and_the_need_for_a_session_hold() {
    let mut event = opened();
    event["payload"]["shell"] = json!("tcsh");
    assert_eq!(first(&event), (Rule::BadValue, "payload.shell".to_owned()));
    let mut event = opened();
    event.as_object_mut().unwrap().remove("model_session_id");
    assert_eq!(first(&event), (Rule::MissingModelSessionId, "model_session_id".to_owned()));
    let mut event = closed();
    event["session_span_id"] = json!("00f067aa0ba902b7");
    assert_eq!(first(&event), (Rule::MissingModelSessionId, "model_session_id".to_owned()));
}

#[test]
fn codes_of_sessions_always_need_a_session() {
    let mut registry = Registry::new();
    let file = json!({ "$defs": { "FR-EVT-SESS-900": { "x-type": "session.renamed", "type": "object" } } });
    registry.declare(file.to_string().as_bytes()).unwrap();
    let mut event = envelope("FR-EVT-SESS-900", "session.renamed", &json!({}));
    let rejection = registry.parse(event.to_string().as_bytes()).unwrap_err();
    assert_eq!(rejection.violation.rule, Rule::MissingModelSessionId);
    event["model_session_id"] = json!("s");
    assert!(registry.parse(event.to_string().as_bytes()).is_ok());
}

#[test]
fn the_same_file_twice_changes_nothing() {
    let mut registry = registry();
    registry.declare(TERMINAL).unwrap();
    assert_eq!(registry.declared().count(), 3);
}

#[test]
fn clashes_are_refused_and_leave_the_registry_as_it_was() {
    let taken = |code: &str, type_name: &str| {
        let mut registry = registry();
        let file = json!({ "$defs": {
            "FR-EVT-AAA-001": { "x-type": "aaa.first", "type": "object" },
            code: { "x-type": type_name, "type": "object" },
        } });
        let outcome = registry.declare(file.to_string().as_bytes());
        assert!(matches!(outcome, Err(DeclareError::Taken { .. })), "{code} {type_name}: {outcome:?}");
        assert_eq!(registry.declared().count(), 3);
    };
    for &kind in Kind::ALL {
        taken(kind.code(), "my.own");
        taken("FR-EVT-MY-001", kind.type_name());
    }
    taken("FR-EVT-TERM-001", "terminal.opened");
    taken("FR-EVT-TERM-004", "terminal.opened");
    taken("FR-EVT-AAA-002", "aaa.first");
}

#[test]
fn a_file_that_cannot_be_used_says_what_to_do() {
    let cases = [
        ("{", "not valid JSON"),
        ("[]", "give it `$defs`"),
        ("{\"$defs\":{}}", "give it `$defs`"),
        ("{\"$defs\":{\"X-1\":{}}}", "give it `x-type`"),
        ("{\"$defs\":{\"X-1\":{\"x-type\":\"\"}}}", "`x-type`: must not be empty"),
        ("{\"$defs\":{\"\":{\"x-type\":\"x\"}}}", "its code: must not be empty"),
        ("{\"$defs\":{\"X-1\":{\"x-type\":\"x\",\"type\":\"strange\"}}}", "no valid JSON Schema"),
        ("{\"$defs\":{\"X-1\":{\"x-type\":\"x\",\"x-session-field\":3}}}", "`x-session-field` is the name"),
        ("{\"$defs\":{\"X-1\":{\"x-type\":\"x\",\"x-needs-session\":\"yes\"}}}", "`x-needs-session` is true or false"),
        ("{\"$defs\":{\"X-1\":{\"x-type\":\"x\",\"$ref\":\"https://example.com/s\"}}}", "no valid JSON Schema"),
    ];
    for (file, expected) in cases {
        let error = Registry::new().declare(file.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
}

#[test]
fn masking_keeps_a_declared_payload_valid_json() {
    let registry = registry();
    let mut json = command();
    json["payload"]["command_line"] = json!("export TOKEN=\"s3cret\"\n\u{0}\\");
    let mut event = registry.parse(json.to_string().as_bytes()).unwrap();
    let mut classes = Vec::new();
    event.map_text(&mut |class, text| {
        classes.push((class, text.to_owned()));
        text.contains("s3cret").then(|| text.replace("s3cret", "[REDACTED:\"password\":p1]"))
    });
    let line = printed(&event);
    assert!(!line.contains("s3cret"), "{line}");
    let back: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(back["payload"]["command_line"], "export TOKEN=\"[REDACTED:\"password\":p1]\"\n\u{0}\\");
    assert_eq!(registry.parse(line.as_bytes()).unwrap(), event);
    assert!(classes.contains(&(TextClass::FreeText, "SIGKILL".to_owned())));
    assert!(classes.contains(&(TextClass::Token, SESSION.to_owned())));

    let mut event = registry.parse(command().to_string().as_bytes()).unwrap();
    event.map_text(&mut |_, text| Some(if text == SESSION { "masked".to_owned() } else { text.to_owned() }));
    let back: Value = serde_json::from_str(&printed(&event)).unwrap();
    assert_eq!((&back["model_session_id"], &back["payload"]["session_id"]), (&json!("masked"), &json!("masked")));
    event.map_text(&mut |_, text| Some(format!("{text}\"{}", "é".repeat(900))));
    let back: Value = serde_json::from_str(&printed(&event)).unwrap();
    assert_eq!(back["model_session_id"], back["payload"]["session_id"]);
}

#[test]
fn a_large_declared_event_is_refused() {
    let mut registry = Registry::new();
    let file = json!({ "$defs": { "X-1": { "x-type": "x.one", "type": "object" } } });
    registry.declare(file.to_string().as_bytes()).unwrap();
    let payload = |len: usize| json!({ "list": vec!["y".repeat(250); len] });
    let parse = |len| registry.parse(envelope("X-1", "x.one", &payload(len)).to_string().as_bytes());
    assert!(parse(250).is_ok());
    let line = envelope("X-1", "x.one", &payload(260)).to_string();
    assert!(line.len() > MAX_EVENT_BYTES);
    assert_eq!(parse(260).unwrap_err().violation.rule, Rule::OutOfBounds);
}

#[test]
fn equal_declared_payloads_have_equal_bytes() {
    let registry = registry();
    let line = command().to_string();
    let turned = line
        .replace("\"payload\":{", "\"payload\":{\"output_hash\":\"")
        .replace("\"output_hash\":\"", &format!("\"output_hash\":\"{}\",", "a".repeat(64)));
    let mut sorted = command();
    sorted["payload"]["output_hash"] = json!("a".repeat(64));
    let one = registry.parse(turned.as_bytes()).unwrap();
    let other = registry.parse(sorted.to_string().as_bytes()).unwrap();
    assert_eq!(stored(&one), stored(&other));
}
