//! The published JSON Schemas say what the parser does, as far as a schema can say it.

use flightrec_events::{Kind, Registry, schema};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::mutations::mutations_of;
use crate::sample::{for_events_of_every_kind, full_event};

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap()
}

#[test]
fn every_schema_is_valid_itself() {
    for &kind in Kind::ALL {
        let schema = schema::event_schema(kind);
        assert_eq!(schema["$schema"], schema::DIALECT);
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "{kind:?}");
    }
    assert!(jsonschema::draft202012::meta::is_valid(&schema::registry_schema(&Registry::new())));
}

#[test]
fn what_the_parser_takes_the_schema_takes() {
    let validators: Vec<_> = Kind::ALL.iter().map(|&kind| validator(&schema::event_schema(kind))).collect();
    for_events_of_every_kind(8, |kind, event| {
        let at = Kind::ALL.iter().position(|&other| other == kind).unwrap();
        let errors: Vec<_> = validators[at].iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{kind:?}: {errors:?} in {event}");
    });
}

#[test]
fn what_the_parser_refuses_the_schema_refuses() {
    for &kind in Kind::ALL {
        let validator = validator(&schema::event_schema(kind));
        assert!(validator.is_valid(&full_event(kind)));
        for mutation in mutations_of(kind).into_iter().filter(|mutation| mutation.in_schema) {
            let told = format!("{kind:?}: {} at {}", mutation.rule, mutation.field);
            assert!(!validator.is_valid(&mutation.event), "{told}");
        }
    }
}

#[test]
fn one_document_holds_all_families_and_tells_them_apart() {
    let mut registry = Registry::new();
    registry.declare(include_bytes!("../../../../test-data/families/terminal.json")).unwrap();
    let document = schema::registry_schema(&registry);
    assert!(jsonschema::draft202012::meta::is_valid(&document));
    let validator = validator(&document);
    for &kind in Kind::ALL {
        assert!(validator.is_valid(&full_event(kind)), "{kind:?}");
    }
    let mut closed = crate::declared::closed();
    assert!(
        validator.is_valid(&closed),
        "{:?}",
        validator.iter_errors(&closed).map(|e| e.to_string()).collect::<Vec<_>>()
    );
    closed["payload"]["exit_code"] = json!("none");
    assert!(!validator.is_valid(&closed));
    assert!(!validator.is_valid(&json!({ "code": "no-such" })));
}

#[test]
fn the_reference_page_names_every_family_field_and_rule() {
    let page = schema::reference_page();
    for &kind in Kind::ALL {
        assert!(page.contains(&format!("`{}` `{}`", kind.code(), kind.type_name())));
        assert!(kind.fields().iter().all(|row| page.contains(&format!("| `{}` |", row.name))));
    }
    assert!(flightrec_events::Rule::ALL.iter().all(|rule| page.contains(&format!("| `{rule}` |"))));
}
