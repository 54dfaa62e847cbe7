//! `model_session_id`: where it must stand, and what it must equal.

use flightrec_events::{Kind, Registry, Rule, Violation};
use serde_json::{Value, json};

use crate::sample::full_event;

fn violation(event: &Value) -> Option<Violation> {
    Registry::new().parse(event.to_string().as_bytes()).err().map(|rejection| rejection.violation)
}

fn without(mut event: Value, names: &[&str]) -> Value {
    for name in names {
        event.as_object_mut().unwrap().remove(*name);
    }
    event
}

fn is_missing(event: &Value) -> bool {
    let violation = violation(event).map(|v| (v.rule, v.field.unwrap_or_default()));
    violation == Some((Rule::MissingModelSessionId, "model_session_id".to_owned()))
}

const SPANS: [&str; 2] = ["activity_span_id", "session_span_id"];

#[test]
fn session_families_need_it_and_it_equals_their_session() {
    let families: [(&str, &str); 15] = [
        ("FR-EVT-SESS-001", "session_id"),
        ("FR-EVT-SESS-002", "session_id"),
        ("FR-EVT-SESS-003", "session_id"),
        ("FR-EVT-SESS-004", "session_id"),
        ("FR-EVT-SESS-005", "session_id"),
        ("FR-EVT-SESS-LINK-001", "session_id"),
        ("FR-EVT-SESS-SCHED-001", "session_id"),
        ("FR-EVT-SESS-SCHED-002", "session_id"),
        ("FR-EVT-SESS-SCHED-003", "session_id"),
        ("FR-EVT-SESS-SCHED-004", "session_id"),
        ("FR-EVT-SESS-SPAWN-001", "requester_session_id"),
        ("FR-EVT-SESS-SPAWN-002", "requester_session_id"),
        ("FR-EVT-SESS-SPAWN-003", "requester_session_id"),
        ("FR-EVT-SESS-SPAWN-004", "child_session_id"),
        ("FR-EVT-SESS-SPAWN-005", "root_session_id"),
    ];
    let ours = [("FR-EVT-SESS-CKPT-001", "session_id"), ("FR-EVT-SESS-ACCESS-001", "session_id")];
    let families: Vec<_> = families.into_iter().chain(ours).collect();
    assert_eq!(Kind::ALL.iter().filter(|kind| kind.session_field().is_some()).count(), families.len());
    for (code, field) in families {
        let event = full_event(Kind::from_code(code).unwrap());
        assert!(is_missing(&without(event.clone(), &["model_session_id"])), "{code}");
        let mut null = without(event.clone(), &SPANS);
        null["model_session_id"] = Value::Null;
        assert!(is_missing(&null), "{code}");
        let mut other = event;
        other["payload"][field] = json!("another-session");
        let violation = violation(&other).unwrap();
        assert_eq!((violation.rule, violation.field.as_deref()), (Rule::CorrelationMismatch, Some("model_session_id")));
        assert_eq!(violation.message, format!("must equal payload.{field}"));
    }
}

#[test]
fn any_event_with_a_span_needs_it_and_no_other() {
    for &kind in Kind::ALL.iter().filter(|kind| kind.session_field().is_none()) {
        let event = without(full_event(kind), &["model_session_id"]);
        for gone in SPANS {
            assert!(is_missing(&without(event.clone(), &[gone])), "{kind:?} without {gone}");
        }
        let bare = violation(&without(event, &SPANS));
        if matches!(kind, Kind::SpanOpened | Kind::SpanClosed) {
            let bare = bare.unwrap();
            assert_eq!((bare.rule, bare.field.as_deref()), (Rule::MissingField, Some("activity_span_id")));
        } else {
            assert_eq!(bare, None, "{kind:?}");
        }
    }
}
