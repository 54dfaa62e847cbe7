//! Targets of the vocabulary: events as JSON, as stored bytes, and declared families.

use std::sync::OnceLock;

use flightrec_events::{CheckedEvent, Registry};

/// A line of each built-in family, all valid.
const EVENTS: &str = include_str!("../seeds/events.ndjson");

/// A declaration file as users write them.
const DECLARATION: &[u8] = include_bytes!("../../test-data/families/terminal.json");

/// Events of the declared families.
const DECLARED: &str = include_str!("../seeds/declared.ndjson");

/// The built-in families and those of [`DECLARATION`].
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut registry = Registry::new();
        registry.declare(DECLARATION).expect("the declaration is valid");
        registry
    })
}

/// One event as a line of JSON. What is accepted comes back the same through both written forms.
pub(crate) fn json(data: &[u8]) {
    let Ok(event) = registry().parse(data) else {
        return;
    };
    let line = written(&event);
    let again = registry().parse(&line).expect("an accepted event is accepted again as it was written");
    assert_eq!(event, again, "JSON lost something");
    assert_eq!(line, written(&again), "JSON does not repeat itself");

    let bytes = encoded(&event);
    let decoded = CheckedEvent::decode(&bytes).expect("what was encoded can be decoded");
    assert_eq!(event, decoded, "the stored form lost something");
    assert_eq!(line, written(&decoded), "the stored form prints otherwise");
}

/// The stored form of one event. What is decoded is encoded to the same meaning.
pub(crate) fn stored(data: &[u8]) {
    let Ok(event) = CheckedEvent::decode(data) else {
        return;
    };
    let bytes = encoded(&event);
    let again = CheckedEvent::decode(&bytes).expect("what was encoded can be decoded");
    assert_eq!(event, again, "the stored form lost something");
    assert_eq!(bytes, encoded(&again), "the stored form does not repeat itself");
    let line = written(&event);
    if let Err(error) = serde_json::from_slice::<serde_json::Value>(&line) {
        panic!("what was decoded prints as no JSON: {error}: {}", String::from_utf8_lossy(&line));
    }
}

/// A declaration file. What is accepted can be declared again, and its families take or refuse events without a panic.
pub(crate) fn declaration(data: &[u8]) {
    let mut registry = Registry::new();
    if registry.declare(data).is_err() {
        return;
    }
    let before = registry.declared().count();
    registry.declare(data).expect("declaring the same file twice changes nothing");
    assert_eq!(registry.declared().count(), before);
    for line in DECLARED.lines() {
        if let Ok(event) = registry.parse(line.as_bytes()) {
            let decoded = CheckedEvent::decode(&encoded(&event)).expect("what was encoded can be decoded");
            assert_eq!(event, decoded, "the stored form lost something of a declared family");
        }
    }
}

fn lines() -> impl Iterator<Item = &'static str> {
    EVENTS.lines().chain(DECLARED.lines())
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    lines().map(|line| line.as_bytes().to_vec()).collect()
}

pub(crate) fn stored_seeds() -> Vec<Vec<u8>> {
    checked().iter().map(encoded).collect()
}

/// The seeds as events: one of each family.
pub(crate) fn checked() -> Vec<CheckedEvent> {
    lines().map(|line| registry().parse(line.as_bytes()).expect("the seeds are valid events")).collect()
}

pub(crate) fn declaration_seeds() -> Vec<Vec<u8>> {
    vec![DECLARATION.to_vec()]
}

fn written(event: &CheckedEvent) -> Vec<u8> {
    let mut line = Vec::new();
    event.write_json(&mut line, None);
    line
}

fn encoded(event: &CheckedEvent) -> Vec<u8> {
    let mut bytes = Vec::new();
    event.encode(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_an_accepted_event_and_families_differ() {
        let events = checked();
        let codes: std::collections::BTreeSet<&str> = events.iter().map(|event| event.code()).collect();
        assert!(events.len() >= 22 && codes.len() == events.len(), "{codes:?}");
    }
}
