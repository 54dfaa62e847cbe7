//! The conformance vectors: raw lines into a fresh store, and what must be said of each.

use std::collections::HashMap;

use flightrec_events::lifecycle::{Life, force, step};
use flightrec_events::{EventId, Id, Registry, Rule, Violation};
use serde::Deserialize;

use crate::sample::printed;

#[derive(Deserialize)]
struct Vector {
    name: String,
    mode: Mode,
    lines: Vec<String>,
    expect: Vec<Expected>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Strict,
    Lenient,
}

#[derive(Deserialize, Debug)]
struct Expected {
    verdict: String,
    rule: Option<String>,
    field: Option<String>,
}

/// What a store does with a line, less the storing: shape and correlation, identity, then state.
#[derive(Default)]
struct Admission {
    registry: Registry,
    contents: HashMap<EventId, String>,
    sessions: HashMap<Id, Life>,
}

enum Verdict {
    Accepted,
    Duplicate,
    Rejected(Violation),
}

impl Admission {
    fn admit(&mut self, line: &[u8], mode: Mode) -> Verdict {
        let event = match self.registry.parse(line) {
            Ok(event) => event,
            Err(rejection) => return Verdict::Rejected(rejection.violation),
        };
        let content = printed(&event);
        if let Some(known) = self.contents.get(&event.event_id) {
            return if *known == content {
                Verdict::Duplicate
            } else {
                Verdict::Rejected(Violation::at(Rule::EventIdConflict, "event_id", "another content has this id"))
            };
        }
        if let Some(session) = &event.model_session_id {
            let present = self.sessions.get(session).copied();
            let next = match (step(present, &event), mode) {
                (Ok(next), _) => next,
                (Err(_), Mode::Lenient) => force(present, &event),
                (Err(violation), Mode::Strict) => return Verdict::Rejected(violation),
            };
            self.sessions.insert(session.clone(), next);
        }
        self.contents.insert(event.event_id, content);
        Verdict::Accepted
    }
}

fn run(vectors: &str) -> usize {
    let mut count = 0;
    for line in vectors.lines() {
        let vector: Vector = serde_json::from_str(line).unwrap();
        assert_eq!(vector.lines.len(), vector.expect.len(), "{}", vector.name);
        let mut admission = Admission::default();
        for (line, expected) in vector.lines.iter().zip(&vector.expect) {
            let (verdict, rule, field) = match admission.admit(line.as_bytes(), vector.mode) {
                Verdict::Accepted => ("accepted", None, None),
                Verdict::Duplicate => ("duplicate", None, None),
                Verdict::Rejected(violation) => ("rejected", Some(violation.rule.name()), violation.field),
            };
            let told = format!("{}: {verdict} {rule:?} {field:?}, expected {expected:?}", vector.name);
            assert_eq!(verdict, expected.verdict, "{told}");
            if expected.rule.is_some() {
                assert_eq!(rule, expected.rule.as_deref(), "{told}");
            }
            if expected.field.is_some() {
                assert_eq!(field, expected.field, "{told}");
            }
        }
        count += 1;
    }
    count
}

#[test]
fn the_given_vectors_get_their_verdicts() {
    assert_eq!(run(include_str!("../../../../test-data/conformance.ndjson")), 441);
}

#[test]
fn all_vectors_of_another_seed_get_their_verdicts() {
    assert_eq!(run(include_str!("../../../../test-data/conformance-all.ndjson")), 853);
}
