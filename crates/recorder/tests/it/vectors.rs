//! The conformance vectors through the library: verdict, rule and field, in a fresh store each.

use flightrec_recorder::events::Registry;
use flightrec_recorder::view::Outcome;
use flightrec_recorder::{Mode, Recorder};
use serde_json::Value;

#[test]
fn every_conformance_vector_gets_its_verdict() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test-data/conformance.ndjson");
    let text = std::fs::read_to_string(path).unwrap();
    let mut count = 0;
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let name = vector["name"].as_str().unwrap();
        let mode = if vector["mode"] == "lenient" { Mode::Lenient } else { Mode::Strict };
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(dir.path()).unwrap();
        let lines = vector["lines"].as_array().unwrap();
        let expected = vector["expect"].as_array().unwrap();
        assert_eq!(lines.len(), expected.len(), "{name}");
        for (line, expected) in lines.iter().zip(expected) {
            let (verdict, rule, field) = submit(&recorder, mode, line.as_str().unwrap().as_bytes());
            assert_eq!(verdict, expected["verdict"], "{name}: {rule:?} {field:?}");
            if let Some(wanted) = expected["rule"].as_str() {
                assert_eq!(rule.as_deref(), Some(wanted), "{name}");
            }
            if let Some(wanted) = expected["field"].as_str() {
                assert_eq!(field.as_deref(), Some(wanted), "{name}");
            }
        }
        count += 1;
    }
    assert!(count >= 400, "{count}");
}

fn submit(recorder: &Recorder, mode: Mode, line: &[u8]) -> (&'static str, Option<String>, Option<String>) {
    let event = match Registry::new().parse(line) {
        Ok(event) => event,
        Err(rejection) => {
            return ("rejected", Some(rejection.violation.rule.name().to_owned()), rejection.violation.field);
        }
    };
    match recorder.record_batch(vec![event], mode).unwrap().durable().unwrap().remove(0) {
        Outcome::Recorded { .. } => ("accepted", None, None),
        Outcome::Duplicate => ("duplicate", None, None),
        Outcome::Rejected(violation) => ("rejected", Some(violation.rule.name().to_owned()), violation.field),
    }
}
