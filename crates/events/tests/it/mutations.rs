//! Every way to break one field of one event, made from the tables, with the rule and the path that
//! must be named.

use flightrec_events::{FieldSpec, Kind, MAX_COUNT, MAX_EVENT_BYTES, Presence, Registry, Rule, Shape, schema};
use serde_json::{Value, json};

use crate::sample::{full, full_event};

/// One broken event.
pub(crate) struct Mutation {
    pub(crate) event: Value,
    pub(crate) rule: Rule,
    pub(crate) field: String,
    /// Whether JSON Schema can say the same.
    pub(crate) in_schema: bool,
}

/// What to do to one place of an event.
struct Edit {
    pointer: String,
    value: Option<Value>,
    rule: Rule,
    field: String,
    in_schema: bool,
}

/// Every single mutation of this kind's full sample.
pub(crate) fn mutations_of(kind: Kind) -> Vec<Mutation> {
    let base = full_event(kind);
    let mut edits = Vec::new();
    for row in schema::envelope() {
        match row.name {
            "code" => put(&mut edits, "code", json!("FR-EVT-NONE"), Rule::UnknownCode),
            "type" => put(&mut edits, "type", json!("no.such"), Rule::UnknownType),
            "payload" => {}
            _ => at_row(&mut edits, row, "", ""),
        }
        for value in others(row.shape).into_iter().filter(|_| matches!(row.name, "code" | "type" | "payload")) {
            put(&mut edits, row.name, value, Rule::WrongType);
        }
        if row.presence == Presence::Required || (row.name == "trace_id" && kind.needs_trace()) {
            let edit = Edit { in_schema: true, ..edit(&format!("/{}", row.name), row.name, None, Rule::MissingField) };
            edits.push(edit);
        }
    }
    put(&mut edits, "seq", json!(3), Rule::AssignedByRecorder);
    put(&mut edits, "recorded_at", full(Shape::Timestamp), Rule::AssignedByRecorder);
    put(&mut edits, "severity", json!("high"), Rule::UnknownField);
    put(&mut edits, "content", json!("hello"), Rule::UnknownField);
    at_object(&mut edits, kind.fields(), "/payload", "payload");
    let mutations = edits.into_iter().map(|edit| {
        let mut event = base.clone();
        let (parent, name) = edit.pointer.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap();
        match (edit.value, parent) {
            (Some(value), Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value,
            (Some(value), parent) => parent[name] = value,
            (None, parent) => drop(parent.as_object_mut().unwrap().remove(name).unwrap()),
        }
        Mutation { event, rule: edit.rule, field: edit.field, in_schema: edit.in_schema }
    });
    mutations.collect()
}

fn edit(pointer: &str, field: &str, value: Option<Value>, rule: Rule) -> Edit {
    Edit { pointer: pointer.to_owned(), value, rule, field: field.to_owned(), in_schema: true }
}

fn put(edits: &mut Vec<Edit>, name: &str, value: Value, rule: Rule) {
    edits.push(edit(&format!("/{name}"), name, Some(value), rule));
}

fn at_object(edits: &mut Vec<Edit>, rows: &'static [FieldSpec], pointer: &str, path: &str) {
    for row in rows {
        at_row(edits, row, pointer, &format!("{path}."));
        if row.presence != Presence::Optional {
            let field = format!("{path}.{}", row.name);
            edits.push(edit(&format!("{pointer}/{}", row.name), &field, None, Rule::MissingField));
        }
    }
    let mut stranger = |name: &str, rule| {
        edits.push(edit(&format!("{pointer}/{name}"), &format!("{path}.{name}"), Some(json!("x")), rule));
    };
    stranger("extra_field", Rule::UnknownField);
    for name in
        ["content", "body", "body_text", "raw_body", "text", "prompt", "response", "arguments", "result", "Prompt"]
    {
        stranger(name, Rule::InlineContent);
    }
}

fn at_row(edits: &mut Vec<Edit>, row: &FieldSpec, pointer: &str, path: &str) {
    let (pointer, field) = (format!("{pointer}/{}", row.name), format!("{path}{}", row.name));
    if row.presence == Presence::Required {
        edits.push(edit(&pointer, &field, Some(Value::Null), Rule::WrongType));
    }
    at_place(edits, row.shape, &pointer, &field);
}

fn at_place(edits: &mut Vec<Edit>, shape: Shape, pointer: &str, field: &str) {
    for value in others(shape) {
        edits.push(edit(pointer, field, Some(value), Rule::WrongType));
    }
    for (value, rule) in breaches(shape) {
        edits.push(edit(pointer, field, Some(value), rule));
    }
    match shape {
        Shape::List(item) => {
            at_place(edits, *item, &format!("{pointer}/1"), &format!("{field}[1]"));
            edits.push(edit(&format!("{pointer}/1"), &format!("{field}[1]"), Some(Value::Null), Rule::WrongType));
        }
        Shape::Object(rows) => at_object(edits, rows, pointer, field),
        Shape::Attributes => at_attributes(edits, pointer, field),
        Shape::Id
        | Shape::Text { .. }
        | Shape::Uuid
        | Shape::Hex { .. }
        | Shape::ArtifactId
        | Shape::Timestamp
        | Shape::Count
        | Shape::Number
        | Shape::Usd
        | Shape::Bool
        | Shape::OneOf(_) => {}
    }
}

fn at_attributes(edits: &mut Vec<Edit>, pointer: &str, field: &str) {
    let mut put = |name: &str, place: &str, value: Value, rule| {
        edits.push(edit(&format!("{pointer}/{name}"), &format!("{field}.{name}{place}"), Some(value), rule));
    };
    put("name", "", json!({ "nested": 1 }), Rule::WrongType);
    put("name", "", Value::Null, Rule::WrongType);
    put("name", "", json!("x".repeat(257)), Rule::OutOfBounds);
    put("name", "", json!(vec![0; 1025]), Rule::OutOfBounds);
    put("mixed", "[1]", json!([1, [2]]), Rule::WrongType);
    put("mixed", "[1]", json!([1, "x".repeat(257)]), Rule::OutOfBounds);
    for name in ["prompt", "gen_ai.Response", "tool.arguments"] {
        let field = format!("{field}.{name}");
        let edit = edit(&format!("{pointer}/{name}"), &field, Some(json!("x")), Rule::InlineContent);
        edits.push(Edit { in_schema: false, ..edit });
    }
}

/// Values of every JSON type that the shape does not have; null is treated with the presence.
fn others(shape: Shape) -> Vec<Value> {
    let types = [json!(true), json!(5), json!("5"), json!([]), json!({})];
    let own = match shape {
        Shape::Bool => 0,
        Shape::Count | Shape::Number | Shape::Usd => 1,
        Shape::Id
        | Shape::Text { .. }
        | Shape::Uuid
        | Shape::Hex { .. }
        | Shape::ArtifactId
        | Shape::Timestamp
        | Shape::OneOf(_) => 2,
        Shape::List(_) => 3,
        Shape::Object(_) | Shape::Attributes => 4,
    };
    types.into_iter().enumerate().filter(|(i, _)| *i != own).map(|(_, value)| value).collect()
}

/// Values of the right JSON type that the shape refuses.
fn breaches(shape: Shape) -> Vec<(Value, Rule)> {
    let bad = |text: &str| (json!(text), Rule::BadValue);
    let beyond = |value: Value| (value, Rule::OutOfBounds);
    match shape {
        Shape::Id => vec![beyond(json!("x".repeat(257))), bad(""), bad("a\u{0}b"), bad("\u{7f}"), bad("x\u{9b}31m")],
        Shape::Text { max_bytes } => vec![beyond(json!("x".repeat(max_bytes + 1)))],
        Shape::Uuid => vec![bad("not-a-uuid"), bad(""), bad("01999a7b-1c2d-7e3f-8a4b-5c6d7e8f9a0")],
        Shape::Hex { digits } => {
            let mut all = vec![bad(&"A".repeat(digits)), bad("ab12"), bad(&"a".repeat(digits + 1)), bad("")];
            if digits < 64 {
                all.push(bad(&"0".repeat(digits)));
            }
            all
        }
        Shape::ArtifactId => {
            vec![bad(&"a".repeat(64)), bad(&format!("sha256:{}", "A".repeat(64))), beyond(json!("x".repeat(257)))]
        }
        Shape::Timestamp => vec![
            bad("2026-03-01T12:00:00"),
            bad("2026-03-01T12:00:00+02:00"),
            bad("2026-02-30T12:00:00Z"),
            bad("2026-03-01T25:00:00Z"),
            bad("1772366400"),
        ],
        Shape::Count => {
            vec![beyond(json!(-1)), beyond(json!(MAX_COUNT + 1)), beyond(json!(1e300)), (json!(1.5), Rule::WrongType)]
        }
        Shape::Number => vec![beyond(json!(-1)), beyond(json!(-0.5))],
        Shape::Usd => {
            vec![beyond(json!(-1)), beyond(json!(-0.5)), beyond(json!(1_000_000_000.5)), beyond(json!(1e300))]
        }
        Shape::OneOf(_) => vec![bad("NO_SUCH"), bad("")],
        Shape::List(item) => vec![beyond(json!(vec![full(*item); 1025]))],
        Shape::Bool | Shape::Object(_) | Shape::Attributes => Vec::new(),
    }
}

#[test]
fn every_single_mutation_is_refused_by_rule_and_path() {
    let registry = Registry::new();
    let mut count = 0;
    for &kind in Kind::ALL {
        for mutation in mutations_of(kind) {
            let line = mutation.event.to_string();
            let told = format!("{kind:?}: {} at {}", mutation.rule, mutation.field);
            let rejection = registry.parse(line.as_bytes()).expect_err(&told);
            if line.len() > MAX_EVENT_BYTES {
                assert_eq!(
                    (rejection.violation.rule, &rejection.violation.field),
                    (Rule::OutOfBounds, &None),
                    "{told}"
                );
                continue;
            }
            assert_eq!(rejection.violation.rule, mutation.rule, "{told}: {rejection}");
            assert_eq!(rejection.violation.field.as_deref(), Some(&*mutation.field), "{told}: {rejection}");
            assert_eq!(rejection.event_id.is_some(), !mutation.field.starts_with("event_id"), "{told}");
            count += 1;
        }
    }
    assert!(count > 5_000, "only {count} mutations");
}

#[test]
fn no_rejection_repeats_a_value() {
    const SECRET: &str = "hunter2-is-a-secret";
    let registry = Registry::new();
    for &kind in Kind::ALL {
        for mutation in mutations_of(kind) {
            let mut event = mutation.event;
            replace_long_texts(&mut event, SECRET);
            if let Err(rejection) = registry.parse(event.to_string().as_bytes()) {
                assert!(!rejection.to_string().contains("hunter2"), "{rejection}");
            }
        }
    }
}

/// Puts the secret in the place of every text but the names of the family.
fn replace_long_texts(json: &mut Value, secret: &str) {
    match json {
        Value::String(text) if !text.starts_with("FR-EVT-") && !text.contains('.') => secret.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_long_texts(item, secret)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace_long_texts(value, secret)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
