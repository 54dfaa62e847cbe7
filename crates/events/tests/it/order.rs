//! Of several broken rules the first is named: JSON, then the envelope's table, then what stands
//! outside of it, then the payload's table, then correlation.

use flightrec_events::{Kind, Presence, Registry, Rule, schema};
use serde_json::{Value, json};

use crate::sample::full_event;

fn first(event: &Value) -> (Rule, String) {
    let violation = Registry::new().parse(event.to_string().as_bytes()).unwrap_err().violation;
    (violation.rule, violation.field.unwrap_or_default())
}

#[test]
fn of_two_missing_fields_the_first_row_is_named() {
    for &kind in Kind::ALL {
        let envelope = schema::envelope().iter().filter(|row| row.presence == Presence::Required);
        let payload = kind.fields().iter().filter(|row| row.presence != Presence::Optional);
        let payload = payload.map(|row| format!("payload.{}", row.name));
        let rows: Vec<String> = envelope.map(|row| row.name.to_owned()).chain(payload).collect();
        for (i, earlier) in rows.iter().enumerate() {
            for later in rows[i + 1..].iter().rev() {
                let mut event = full_event(kind);
                for path in [later, earlier] {
                    let (object, name) = match path.strip_prefix("payload.") {
                        Some(name) => (&mut event["payload"], name),
                        None => (&mut event, &**path),
                    };
                    object.as_object_mut().and_then(|fields| fields.remove(name));
                }
                assert_eq!(first(&event), (Rule::MissingField, earlier.clone()), "{kind:?}: {earlier}, {later}");
            }
        }
    }
}

#[test]
fn each_stage_comes_before_the_next() {
    let mut event = full_event(Kind::SessionMessage);
    let mut broken = |edit: &dyn Fn(&mut Value)| {
        edit(&mut event);
        first(&event)
    };
    let at = |rule, field: &str| (rule, field.to_owned());
    assert_eq!(broken(&|e| e["model_session_id"] = json!("other")), at(Rule::CorrelationMismatch, "model_session_id"));
    assert_eq!(broken(&|e| e["payload"]["zebra"] = json!(1)), at(Rule::UnknownField, "payload.zebra"));
    assert_eq!(broken(&|e| e["payload"]["text"] = json!("hello")), at(Rule::InlineContent, "payload.text"));
    assert_eq!(broken(&|e| e["payload"]["attachments"] = json!(3)), at(Rule::WrongType, "payload.attachments"));
    assert_eq!(
        broken(&|e| e["payload"]["source"] = json!({ "text": 1 })),
        at(Rule::InlineContent, "payload.source.text")
    );
    assert_eq!(broken(&|e| e["payload"]["role"] = json!("robot")), at(Rule::BadValue, "payload.role"));
    assert_eq!(broken(&|e| e["severity"] = json!("high")), at(Rule::UnknownField, "severity"));
    assert_eq!(broken(&|e| e["recorded_at"] = json!("now")), at(Rule::AssignedByRecorder, "recorded_at"));
    assert_eq!(broken(&|e| e["seq"] = Value::Null), at(Rule::AssignedByRecorder, "seq"));
    assert_eq!(broken(&|e| e["payload"] = json!([])), at(Rule::WrongType, "payload"));
    assert_eq!(broken(&|e| e["wsids"] = json!([""])), at(Rule::BadValue, "wsids[0]"));
    assert_eq!(broken(&|e| e["trace_id"] = json!(1)), at(Rule::WrongType, "trace_id"));
    assert_eq!(broken(&|e| e["timestamp"] = json!("now")), at(Rule::BadValue, "timestamp"));
    assert_eq!(broken(&|e| e["type"] = json!("span.closed")), at(Rule::CodeTypeMismatch, "type"));
    assert_eq!(broken(&|e| e["type"] = json!("no.such")), at(Rule::UnknownType, "type"));
    assert_eq!(broken(&|e| e["code"] = json!("no-such")), at(Rule::UnknownCode, "code"));
    assert_eq!(broken(&|e| e["event_id"] = json!(7)), at(Rule::WrongType, "event_id"));
}

#[test]
fn only_the_system_recovers_a_workflow() {
    let mut event = full_event(Kind::WorkflowRecovery);
    for actor in ["human", "agent"] {
        event["actor"] = json!(actor);
        assert_eq!(first(&event), (Rule::BadValue, "actor".to_owned()));
    }
}

#[test]
fn a_null_where_a_trace_is_needed_is_a_missing_field() {
    for &kind in Kind::ALL.iter().filter(|kind| kind.needs_trace()) {
        let mut event = full_event(kind);
        event["trace_id"] = Value::Null;
        assert_eq!(first(&event), (Rule::MissingField, "trace_id".to_owned()));
    }
}
