//! The one file that decides which segments there are.

use flightrec_archive::{Manifest, ManifestError, SegmentEntry};
use flightrec_journal::{Origin, SegmentId, Seq, StoreId};

use crate::sample::{Log, STORE, Store};

/// The manifest behind one segment of some blocks.
fn sealed(store: &Store, log: &Log, before: &Manifest, blocks: std::ops::Range<usize>) -> (Manifest, SegmentEntry) {
    let (at, len, _, chain) = log.blocks[blocks.end - 1];
    let entry = log.seal(&*store.storage, blocks);
    let segment = before.origin().segment.plus(1);
    let origin = Origin { segment, seq: Seq::new((at + len) as u64 + 1), chain };
    (before.with(entry.clone(), origin), entry)
}

#[test]
fn a_manifest_comes_back_and_settles_its_files() {
    let (store, log) = (Store::new(), Log::new(2));
    let empty = Manifest::load(&*store.storage, STORE).unwrap();
    assert_eq!((empty.generation(), empty.origin().segment), (0, SegmentId::FIRST));
    let half = log.blocks.len() / 2;
    let (one, first) = sealed(&store, &log, &empty, 0..half);
    one.commit(&*store.storage).unwrap();
    assert_eq!(Manifest::load(&*store.storage, STORE).unwrap(), one);
    // Not settled yet: the segment is read under its temporary name.
    store.open(&first).verify().unwrap();
    let (two, second) = sealed(&store, &log, &one, half..log.blocks.len());
    std::fs::write(store.path("mine.parquet"), b"not a segment").unwrap();
    one.settle(&*store.storage).unwrap();
    assert!(store.path(&first.file).exists());
    assert!(!store.path(&format!("{}.tmp", second.file)).exists(), "no manifest names it");
    let (two_again, _) = sealed(&store, &log, &one, half..log.blocks.len());
    assert_eq!(two, two_again);
    two.commit(&*store.storage).unwrap();
    two.settle(&*store.storage).unwrap();
    two.settle(&*store.storage).unwrap();
    for entry in two.segments() {
        store.open(entry).verify().unwrap();
    }
    assert_eq!(two.foreign_files(&*store.storage).unwrap(), ["mine.parquet"]);
}

#[test]
fn segments_that_do_not_follow_are_refused() {
    let (store, log) = (Store::new(), Log::new(2));
    let empty = Manifest::empty(STORE);
    let (third, two_thirds) = (log.blocks.len() / 3, 2 * log.blocks.len() / 3);
    let (one, _) = sealed(&store, &log, &empty, 0..third);
    let (gap, _) = sealed(&store, &log, &one, two_thirds..log.blocks.len());
    assert!(matches!(gap.commit(&*store.storage), Err(ManifestError::Broken { .. })));
    let wrong = Origin { chain: one.segments()[0].chain_start, ..one.origin() };
    let broken = empty.with(one.segments()[0].clone(), wrong);
    let error = broken.commit(&*store.storage).unwrap_err().to_string();
    assert!(error.contains("the journal") && error.contains("chain"), "{error}");
}

#[test]
fn a_changed_manifest_is_refused() {
    let (store, log) = (Store::new(), Log::new(1));
    let (one, _) = sealed(&store, &log, &Manifest::empty(STORE), 0..log.blocks.len());
    one.commit(&*store.storage).unwrap();
    let path = store.dir.path().join("archive/MANIFEST");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Manifest::load(&*store.storage, STORE).is_err(), "byte {at}");
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(Manifest::load(&*store.storage, STORE).is_err(), "cut at {at}");
    }
    std::fs::write(&path, &whole).unwrap();
    let another = Manifest::load(&*store.storage, StoreId::from_bytes([9; 16]));
    assert!(matches!(another, Err(ManifestError::ForeignStore { .. })));
}
