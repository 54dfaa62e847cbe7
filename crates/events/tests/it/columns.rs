//! An event taken apart into columns comes back whole.

use std::collections::BTreeMap;

use flightrec_events::{Cell, CheckedEvent, ENVELOPE_LEAVES, Event, Kind, Leaf, LeafType, Registry};
use proptest::prelude::*;
use serde_json::json;

use crate::sample::{for_events_of_every_kind, full_event, parse, stored};

/// The leaves of one event, kept beyond it.
struct Row {
    kind: Kind,
    cells: BTreeMap<usize, Owned>,
}

#[derive(Debug, Clone, PartialEq)]
enum Owned {
    Text(String),
    Bytes(Vec<u8>),
    Int(i64),
    Time(i64),
    Double(f64),
    Bool(bool),
    Json(String),
}

impl Owned {
    fn new(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Cell::Int(n) => Self::Int(n),
            Cell::Time(us) => Self::Time(us),
            Cell::Double(n) => Self::Double(n),
            Cell::Bool(b) => Self::Bool(b),
            Cell::Json(text) => Self::Json(text.to_owned()),
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Bytes(bytes) => Cell::Bytes(bytes),
            Self::Int(n) => Cell::Int(*n),
            Self::Time(us) => Cell::Time(*us),
            Self::Double(n) => Cell::Double(*n),
            Self::Bool(b) => Cell::Bool(*b),
            Self::Json(text) => Cell::Json(text),
        }
    }

    fn is_of(&self, leaf_type: LeafType) -> bool {
        match self {
            Self::Text(_) => matches!(leaf_type, LeafType::Text | LeafType::Word),
            Self::Bytes(bytes) => leaf_type == LeafType::Bytes(bytes.len() as u8),
            Self::Int(_) => leaf_type == LeafType::Int,
            Self::Time(_) => leaf_type == LeafType::Time,
            Self::Double(_) => leaf_type == LeafType::Double,
            Self::Bool(_) => leaf_type == LeafType::Bool,
            Self::Json(_) => leaf_type == LeafType::Json,
        }
    }
}

impl Row {
    fn of(event: &CheckedEvent) -> Self {
        let mut cells = BTreeMap::new();
        let mut last = None;
        event.shred(&mut |leaf, cell| {
            assert!(last < Some(leaf), "leaves come in rising order");
            last = Some(leaf);
            cells.insert(leaf, Owned::new(cell));
        });
        Self { kind: event.kind().unwrap(), cells }
    }

    fn assemble(&self) -> Result<CheckedEvent, flightrec_events::DecodeError> {
        CheckedEvent::assemble(self.kind, &mut |leaf| self.cells.get(&leaf).map(Owned::cell))
    }
}

fn leaf(kind: Kind, number: usize) -> &'static Leaf {
    number.checked_sub(ENVELOPE_LEAVES).map_or_else(|| &Event::envelope_leaves()[number], |n| &kind.leaves()[n])
}

#[test]
fn every_event_comes_back_byte_for_byte() {
    for_events_of_every_kind(16, |_, json| {
        let event = parse(json);
        let back = Row::of(&event).assemble().unwrap();
        assert_eq!(back, event);
        assert_eq!(stored(&back), stored(&event));
    });
}

#[test]
fn a_full_event_fills_every_leaf_with_a_value_of_its_type() {
    assert_eq!(Event::envelope_leaves().len(), ENVELOPE_LEAVES);
    for &kind in Kind::ALL {
        let row = Row::of(&parse(&full_event(kind)));
        let numbers: Vec<usize> = row.cells.keys().copied().collect();
        assert_eq!(numbers, (0..ENVELOPE_LEAVES + kind.leaves().len()).collect::<Vec<_>>(), "{kind:?}");
        for (&number, value) in &row.cells {
            let leaf = leaf(kind, number);
            assert!(value.is_of(leaf.leaf_type()), "{kind:?} {}: {value:?}", leaf.name());
        }
    }
}

#[test]
fn a_leaf_that_is_not_nullable_is_always_filled() {
    for_events_of_every_kind(8, |kind, json| {
        let row = Row::of(&parse(json));
        for number in 0..ENVELOPE_LEAVES + kind.leaves().len() {
            let leaf = leaf(kind, number);
            assert!(leaf.is_nullable() || row.cells.contains_key(&number), "{kind:?} {}", leaf.name());
        }
    });
}

#[test]
fn names_of_a_kinds_leaves_are_unique_and_none_is_the_session() {
    for &kind in Kind::ALL {
        let mut names: Vec<&str> = kind.leaves().iter().map(Leaf::name).collect();
        assert!(kind.session_field().is_none_or(|session| !names.contains(&session)), "{kind:?}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{kind:?}");
    }
}

#[test]
fn numbers_that_json_readers_like_to_bend_come_back_as_they_are() {
    let mut json = full_event(Kind::SpanOpened);
    json["payload"]["attributes"] = json!({
        "whole": 3.0, "negative zero": -0.0, "large": 18_446_744_073_709_551_615_u64, "edge": i64::MIN,
        "tiny": 5e-324, "huge": 1.797_693_134_862_315_7e308, "third": 1.0 / 3.0, "list": [1, 1.0, "1", true],
    });
    let event = parse(&json);
    assert_eq!(stored(&Row::of(&event).assemble().unwrap()), stored(&event));
}

#[test]
fn a_declared_event_hands_out_its_envelope_alone() {
    let mut registry = Registry::new();
    registry
        .declare(
            br#"{"$defs": {"X-1": {"x-type": "x.y", "type": "object", "properties": {"n": {"type": "integer"}}}}}"#,
        )
        .unwrap();
    let line = br#"{"event_id":"01999a7b-1c2d-7e3f-8a4b-5c6d7e8f9a0b","code":"X-1","type":"x.y","timestamp":"2026-03-01T12:00:00Z","actor":"human","payload":{"n":1}}"#;
    let mut numbers = Vec::new();
    registry.parse(line).unwrap().shred(&mut |leaf, _| numbers.push(leaf));
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn missing_and_foreign_values_are_refused_and_never_panic() {
    let strangers = [
        Owned::Text("x".to_owned()),
        Owned::Bytes(vec![0; 16]),
        Owned::Bytes(Vec::new()),
        Owned::Int(-1),
        Owned::Int(i64::MAX),
        Owned::Time(i64::MIN),
        Owned::Double(f64::NAN),
        Owned::Double(-1.0),
        Owned::Bool(true),
        Owned::Json("[[".to_owned()),
        Owned::Json("{\"a\":null}".to_owned()),
    ];
    for &kind in Kind::ALL {
        let mut row = Row::of(&parse(&full_event(kind)));
        for number in 0..ENVELOPE_LEAVES + kind.leaves().len() {
            let leaf = leaf(kind, number);
            let own = row.cells.remove(&number).unwrap();
            let needed = !leaf.is_nullable() || (number == 8 && kind.session_field().is_some());
            assert_eq!(row.assemble().is_err(), needed, "{kind:?} without {}", leaf.name());
            for stranger in &strangers {
                row.cells.insert(number, stranger.clone());
                let fits = row.assemble().is_ok();
                assert!(!fits || stranger.is_of(leaf.leaf_type()), "{kind:?} {}: {stranger:?}", leaf.name());
            }
            row.cells.insert(number, own);
        }
    }
}

proptest! {
    #[test]
    fn json_of_any_kind_in_a_json_leaf_never_panics(text in ".{0,60}", which in 0..Kind::ALL.len()) {
        let kind = Kind::ALL[which];
        let mut row = Row::of(&parse(&full_event(kind)));
        let numbers: Vec<usize> = row.cells.keys().copied().collect();
        for number in numbers {
            if leaf(kind, number).leaf_type() == LeafType::Json {
                let own = row.cells.insert(number, Owned::Json(text.clone())).unwrap();
                let _any = row.assemble();
                row.cells.insert(number, own);
            }
        }
    }
}
