//! The redactor sees every text of an event, and what it answers keeps the event readable.

use std::collections::BTreeSet;

use flightrec_events::{CheckedEvent, FieldSpec, Kind, Registry, Shape, TextClass};
use serde_json::Value;

use crate::sample::{full_event, parse, printed, stored};

/// Gives each text of the event, and each name of an open attribute, a mark of its own.
fn mark(json: &mut Value, shape: Shape, marks: &mut BTreeSet<(String, bool)>) {
    let mut next = |free: bool| {
        let mark = format!("mark-{}", marks.len());
        marks.insert((mark.clone(), free));
        mark
    };
    match (shape, json) {
        (Shape::Id, json) => *json = Value::from(next(false)),
        (Shape::Text { .. }, json) => *json = Value::from(next(true)),
        (Shape::List(item), Value::Array(items)) => items.iter_mut().for_each(|json| mark(json, *item, marks)),
        (Shape::Object(rows), json) => mark_rows(json, rows, marks),
        (Shape::Attributes, Value::Object(fields)) => {
            let (name, text, inner) = (next(false), next(true), next(true));
            fields.insert(name, Value::from(text));
            fields.insert("mixed".to_owned(), Value::from(vec![inner]));
        }
        (
            Shape::Uuid
            | Shape::Hex { .. }
            | Shape::ArtifactId
            | Shape::Timestamp
            | Shape::Count
            | Shape::Number
            | Shape::Usd
            | Shape::Bool
            | Shape::OneOf(_)
            | Shape::List(_)
            | Shape::Attributes,
            _,
        ) => {}
    }
}

fn mark_rows(json: &mut Value, rows: &[FieldSpec], marks: &mut BTreeSet<(String, bool)>) {
    for row in rows.iter().filter(|row| !matches!(row.name, "code" | "type" | "payload")) {
        mark(&mut json[row.name], row.shape, marks);
    }
}

#[test]
fn every_text_is_offered_with_its_class() {
    for &kind in Kind::ALL {
        let mut json = full_event(kind);
        let mut marks = BTreeSet::new();
        mark_rows(&mut json, flightrec_events::schema::envelope(), &mut marks);
        mark_rows(&mut json["payload"], kind.fields(), &mut marks);
        if let Some(field) = kind.session_field() {
            let lost = json["payload"][field].as_str().unwrap().to_owned();
            marks.remove(&(lost, false));
            json["payload"][field] = json["model_session_id"].clone();
        }
        let mut seen = BTreeSet::new();
        let mut event = parse(&json);
        event.map_text(&mut |class, text| {
            if text.starts_with("mark-") {
                seen.insert((text.to_owned(), class == TextClass::FreeText));
            }
            None
        });
        assert_eq!(seen, marks, "{kind:?}");
        assert_eq!(event, parse(&json), "{kind:?}");
    }
}

#[test]
fn what_is_masked_is_gone_and_the_event_stays_valid() {
    for &kind in Kind::ALL {
        let mut event = parse(&full_event(kind));
        event.map_text(&mut |_, text| Some(text.replace("some", "[REDACTED:password:p1]").replace("reason", "[R]")));
        let line = printed(&event);
        assert!(!line.contains("some-id") && !line.contains("reason\\\""), "{line}");
        assert_eq!(Registry::new().parse(line.as_bytes()).unwrap(), event);
        assert_eq!(CheckedEvent::decode(&stored(&event)).unwrap(), event);
    }
}

#[test]
fn a_mask_that_outgrows_its_field_is_cut() {
    for &kind in Kind::ALL {
        let mut event = parse(&full_event(kind));
        event.map_text(&mut |_, text| Some(format!("{text}{}", "é".repeat(2000))));
        assert_eq!(Registry::new().parse(printed(&event).as_bytes()).unwrap(), event);
    }
}
