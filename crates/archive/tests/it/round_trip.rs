//! What was sealed comes back, record by record, to the last byte.

use std::collections::{BTreeMap, HashSet};

use flightrec_archive::{Seal, SealError, SealedBlock};
use flightrec_events::{CheckedEvent, Kind};
use flightrec_journal::{ChainHash, Seq};

use crate::sample::{Log, STORE, Store, events};

#[test]
fn the_sample_has_every_kind() {
    let kinds: HashSet<_> = events().iter().map(|event| event.kind()).collect();
    for kind in Kind::ALL {
        assert!(kinds.contains(&Some(*kind)), "{kind:?}");
    }
    assert!(kinds.contains(&None), "a declared one");
}

#[test]
fn a_segment_gives_the_log_back_block_by_block() {
    let (store, log) = (Store::new(), Log::new(5));
    let entry = log.seal(&*store.storage, 0..log.blocks.len());
    let segment = store.open(&entry);
    segment.verify().unwrap();
    let blocks: Vec<_> = segment.log().unwrap().collect();
    assert_eq!(blocks.len(), log.blocks.len());
    for (block, (at, len, stamp_us, link)) in blocks.iter().zip(&log.blocks) {
        assert_eq!((block.first_seq(), block.stamp_us(), block.link()), (Seq::new(*at as u64 + 1), *stamp_us, *link));
        let records: Vec<&[u8]> = block.records().map(|(_, record)| record).collect();
        assert_eq!(records, log.records[*at..at + len]);
        assert_eq!(segment.link_at(block.last_seq()), Some(*link));
    }
    let inside = log.blocks.iter().find(|(_, len, ..)| *len > 1).unwrap();
    assert_eq!(segment.link_at(Seq::new(inside.0 as u64 + 1)), None, "no block ends there");
}

#[test]
fn each_session_is_found_whole_and_alone() {
    let (store, log) = (Store::new(), Log::new(40));
    let half = log.blocks.len() / 2;
    let segments = [0..half, half..log.blocks.len()].map(|blocks| store.open(&log.seal(&*store.storage, blocks)));
    let mut expected: BTreeMap<String, Vec<Seq>> = BTreeMap::new();
    for (at, record) in log.records.iter().enumerate() {
        let event = CheckedEvent::decode(record).unwrap();
        if let Some(session) = &event.model_session_id {
            expected.entry(session.as_str().to_owned()).or_default().push(Seq::new(at as u64 + 1));
        }
    }
    for (session, seqs) in &expected {
        let mut found = Vec::new();
        for segment in &segments {
            for event in segment.session(session).unwrap() {
                let event = event.unwrap();
                let mut stored = Vec::new();
                event.event.encode(&mut stored);
                assert_eq!(stored, log.records[event.seq.get() as usize - 1]);
                found.push(event.seq);
            }
        }
        assert_eq!(found, *seqs, "{session}");
    }
    assert_eq!(segments[0].session("nobody").unwrap().count(), 0);
    let several: Vec<&str> = expected.keys().take(3).map(String::as_str).collect();
    let rows = segments[0].sessions(&several).unwrap().count();
    assert_eq!(rows, several.iter().map(|one| segments[0].session(one).unwrap().count()).sum::<usize>());
}

/// Their columns give up their dictionaries on the way, and more rows are read than are in memory at once.
#[test]
fn many_events_unlike_each_other_are_found_from_anywhere() {
    let (store, log) = (Store::new(), Log::of_unlike(20_000));
    let segment = store.open(&log.seal(&*store.storage, 0..log.blocks.len()));
    segment.verify().unwrap();
    for session in 0..7 {
        let found: Vec<_> = segment.session(&format!("session-{session}")).unwrap().map(Result::unwrap).collect();
        let expected = log.records.iter().skip(session).step_by(7).map(|record| CheckedEvent::decode(record).unwrap());
        assert!(expected.eq(found.iter().map(|event| event.event.clone())), "session {session}");
    }
    for at in (0..log.records.len()).step_by(997) {
        let found = segment.event(Seq::new(at as u64 + 1)).unwrap().unwrap();
        assert_eq!(found.event, CheckedEvent::decode(&log.records[at]).unwrap());
    }
}

#[test]
fn of_a_session_the_kinds_that_are_wanted_are_found_and_no_others() {
    let (store, log) = (Store::new(), Log::new(3));
    let segment = store.open(&log.seal(&*store.storage, 0..log.blocks.len()));
    let all: Vec<_> = log.records.iter().map(|record| CheckedEvent::decode(record).unwrap()).collect();
    let sessions: HashSet<&str> =
        all.iter().filter_map(|event| Some(event.model_session_id.as_ref()?.as_str())).collect();
    let asked: [&dyn Fn(Option<Kind>) -> bool; 5] = [
        &|_| true,
        &|_| false,
        &|kind| kind.is_none(),
        &|kind| matches!(kind, Some(Kind::SpanOpened | Kind::SpanClosed)),
        &|kind| kind.is_none_or(|kind| kind != Kind::LlmInference),
    ];
    for (at, wanted) in asked.into_iter().enumerate() {
        for session in &sessions {
            let of = |event: &&CheckedEvent| {
                event.model_session_id.as_ref().is_some_and(|id| id.as_str() == *session) && wanted(event.kind())
            };
            let found = segment.session(session).unwrap().of_kinds(wanted).map(|event| event.unwrap().event);
            assert!(found.eq(all.iter().filter(of).cloned()), "{session}, question {at}");
        }
    }
}

#[test]
fn an_event_is_found_by_its_position() {
    let (store, log) = (Store::new(), Log::new(3));
    let from = log.blocks.len() / 3;
    let segment = store.open(&log.seal(&*store.storage, from..log.blocks.len()));
    let first = log.blocks[from].0;
    for at in (0..log.records.len()).step_by(7) {
        let found = segment.event(Seq::new(at as u64 + 1)).unwrap();
        assert_eq!(found.is_some(), at >= first, "{at}");
        if let Some(found) = found {
            let mut stored = Vec::new();
            found.event.encode(&mut stored);
            assert_eq!(stored, log.records[at]);
        }
    }
}

#[test]
fn the_same_blocks_become_the_same_bytes() {
    let log = Log::new(3);
    let bytes = [Store::new(), Store::new()].map(|store| {
        let entry = log.seal(&*store.storage, 0..log.blocks.len());
        (entry.sha256, std::fs::read(store.path(&format!("{}.tmp", entry.file))).unwrap())
    });
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn what_does_not_follow_is_not_sealed() {
    let log = Log::new(1);
    let (at, len, stamp_us, link) = log.blocks[1];
    let records: Vec<&[u8]> = log.records[at..at + len].iter().map(Vec::as_slice).collect();
    let block = SealedBlock { first_seq: Seq::new(at as u64 + 1), stamp_us, link, records: &records };
    let behind = || Seal::new(STORE, log.blocks[0].3);
    behind().push(block).unwrap();
    assert!(matches!(Seal::new(STORE, ChainHash::genesis(STORE)).push(block), Err(SealError::Chain { .. })));
    assert!(matches!(behind().push(SealedBlock { stamp_us: stamp_us + 1, ..block }), Err(SealError::Chain { .. })));
    let changed = [b"no event".as_slice()];
    assert!(matches!(behind().push(SealedBlock { records: &changed, ..block }), Err(SealError::Record { .. })));
    assert!(matches!(behind().push(SealedBlock { records: &[], ..block }), Err(SealError::Empty)));
    let mut seal = behind();
    seal.push(block).unwrap();
    assert!(matches!(seal.push(block), Err(SealError::Gap { .. })));
    assert!(matches!(behind().write(&*Store::new().storage), Err(SealError::Empty)));
}
