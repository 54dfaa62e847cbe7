//! What is accepted comes back the same through both written forms.

use flightrec_events::{CheckedEvent, Event, Kind, Registry, SessionPrefix};
use serde_json::Value;

use crate::sample::{for_events_of_every_kind, full_event, parse, printed, stored};

#[test]
fn the_stored_form_keeps_everything() {
    for_events_of_every_kind(16, |kind, json| {
        let event = parse(json);
        let bytes = stored(&event);
        let back = CheckedEvent::decode(&bytes).unwrap();
        assert_eq!(back, event);
        assert_eq!(stored(&back), bytes);
        assert_eq!(back.kind(), Some(kind));
        let session = CheckedEvent::stored_session(&bytes).unwrap();
        assert_eq!(session.as_deref(), event.model_session_id.as_ref().map(flightrec_events::Id::as_str));
        if let Some(session) = &event.model_session_id {
            assert!(SessionPrefix::new(session.as_str()).matches(&bytes));
        }
    });
}

#[test]
fn the_json_form_keeps_everything() {
    for_events_of_every_kind(16, |_, json| {
        let event = parse(json);
        let line = printed(&event);
        let back = Registry::new().parse(line.as_bytes()).unwrap();
        assert_eq!(back, event);
        assert_eq!(printed(&back), line);
        serde_json::from_str::<Value>(&line).unwrap();
    });
}

#[test]
fn equal_content_has_equal_bytes_however_it_is_spelled() {
    for_events_of_every_kind(16, |_, json| {
        let event = parse(json);
        for turn in 0..4 {
            let spelled = respelled(json, turn);
            let other = Registry::new().parse(spelled.as_bytes()).unwrap();
            assert_eq!(stored(&other), stored(&event), "{spelled}");
        }
    });
}

/// The same event with its keys turned around, and in odd turns without its optional nulls.
fn respelled(json: &Value, turn: usize) -> String {
    match json {
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .filter(|(name, value)| turn.is_multiple_of(2) || !value.is_null() || is_nullable(name))
                .map(|(name, value)| format!(" {}:\t{}", Value::from(name.as_str()), respelled(value, turn)))
                .collect();
            let len = fields.len().max(1);
            fields.rotate_left(turn * 7 % len);
            if turn > 1 {
                fields.reverse();
            }
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| respelled(item, turn)).collect::<Vec<_>>().join(" ,"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json.to_string(),
    }
}

/// Whether some table asks for an explicit null under this name.
fn is_nullable(name: &str) -> bool {
    use flightrec_events::Presence;
    Kind::ALL.iter().flat_map(|kind| kind.fields()).any(|row| row.name == name && row.presence == Presence::Nullable)
}

#[test]
fn a_stored_event_prints_its_place_and_all_envelope_fields() {
    for &kind in Kind::ALL {
        let mut json = full_event(kind);
        for name in ["actor_id", "workflow_id", "wsids"] {
            json.as_object_mut().unwrap().remove(name);
        }
        let event = parse(&json);
        let mut out = Vec::new();
        event.write_json(&mut out, Some((17, event.timestamp)));
        let line: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["seq"], 17);
        assert_eq!(line["recorded_at"], "2026-03-01T12:00:00.003151Z");
        assert!(line.as_object().unwrap()["actor_id"].is_null() && line.as_object().unwrap()["wsids"].is_null());
        assert_eq!(line["payload"], serde_json::from_str::<Value>(&printed(&event)).unwrap()["payload"]);
    }
}

#[test]
fn an_event_built_by_hand_is_checked_like_a_line() {
    for_events_of_every_kind(4, |_, json| {
        let event: Event = parse(json).into_event();
        assert_eq!(event.clone().check().unwrap(), parse(json));
    });
}
