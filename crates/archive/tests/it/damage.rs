//! A damaged, missing, foreign or swapped segment is named, and never read as something else.

use flightrec_archive::{ReadError, Segment};
use flightrec_events::CheckedEvent;
use flightrec_journal::StoreId;

use crate::sample::{Log, STORE, Store};

#[test]
fn no_changed_byte_is_ever_taken_for_an_event() {
    let (store, log) = (Store::new(), Log::new(1));
    let entry = log.seal(&*store.storage, 0..log.blocks.len());
    let path = store.path(&format!("{}.tmp", entry.file));
    let whole = std::fs::read(&path).unwrap();
    let session = log.records.iter().find_map(|record| CheckedEvent::stored_session(record).unwrap()).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).unwrap();
        let Ok(segment) = Segment::open(&*store.storage, STORE, &entry) else { continue };
        assert!(segment.verify().is_err(), "byte {at} of {}", whole.len());
        for event in segment.session(&session).into_iter().flatten().map_while(Result::ok) {
            let mut stored = Vec::new();
            event.event.encode(&mut stored);
            assert_eq!(stored, log.records[event.seq.get() as usize - 1], "byte {at}");
        }
    }
    for len in (0..whole.len()).step_by(997) {
        std::fs::write(&path, &whole[..len]).unwrap();
        assert!(Segment::open(&*store.storage, STORE, &entry).is_err(), "cut at {len}");
    }
}

#[test]
fn files_that_are_not_this_segment_are_named() {
    let (store, log) = (Store::new(), Log::new(2));
    let half = log.blocks.len() / 2;
    let (first, second) = (log.seal(&*store.storage, 0..half), log.seal(&*store.storage, half..log.blocks.len()));
    let path = |entry: &flightrec_archive::SegmentEntry| store.path(&format!("{}.tmp", entry.file));
    let open = |entry| Segment::open(&*store.storage, STORE, entry).map(drop).unwrap_err();

    let another = StoreId::from_bytes([1; 16]);
    let refused = Segment::open(&*store.storage, another, &first).map(drop).unwrap_err();
    assert!(matches!(refused, ReadError::ForeignStore { .. } | ReadError::Missing { .. }), "{refused}");
    let kept = std::fs::read(path(&first)).unwrap();
    std::fs::copy(path(&second), store.path(&first.file)).unwrap();
    std::fs::remove_file(path(&first)).unwrap();
    assert!(matches!(open(&first), ReadError::Swapped { .. }));
    std::fs::write(store.path(&first.file), vec![7; first.bytes as usize]).unwrap();
    assert!(matches!(open(&first), ReadError::NotParquet { .. }));
    std::fs::write(store.path(&first.file), &kept[..kept.len() - 1]).unwrap();
    assert!(matches!(open(&first), ReadError::WrongLength { .. }));
    std::fs::remove_file(store.path(&first.file)).unwrap();
    assert!(matches!(open(&first), ReadError::Missing { .. }));
    std::fs::write(store.path(&first.file), &kept).unwrap();
    store.open(&first).verify().unwrap();
}
