//! Segments that take the place of others.

use std::collections::BTreeSet;
use std::sync::Arc;

use flightrec_archive::{Forget, ForgetNothing, Kept, Manifest, RewriteError, Segment, SegmentEntry, rewrite};
use flightrec_events::CheckedEvent;
use flightrec_journal::Seq;

use crate::sample::{Log, STORE, Store};

/// Forgets some sessions, and counts.
#[derive(Default)]
struct Forgets {
    sessions: BTreeSet<String>,
    all: bool,
    gone: BTreeSet<u64>,
    kept: u64,
}

impl Forget for Forgets {
    fn forgets(&self, session: &str) -> bool {
        self.all || self.sessions.contains(session)
    }

    fn forgotten(&mut self, seq: Seq, _event: &CheckedEvent) {
        self.gone.insert(seq.get());
    }

    fn kept(&mut self, _event: &CheckedEvent) {
        self.kept += 1;
    }
}

/// The log in three segments.
fn thirds(store: &Store, log: &Log) -> Vec<Arc<Segment>> {
    let len = log.blocks.len();
    let parts = [0..len / 3, len / 3..2 * len / 3, 2 * len / 3..len];
    parts.map(|part| Arc::new(store.open(&log.seal(&*store.storage, part)))).to_vec()
}

fn records(segment: &Segment) -> Vec<(u64, Vec<u8>)> {
    let log = segment.log().unwrap();
    log.flat_map(|block| block.records().map(|(seq, record)| (seq.get(), record.to_vec())).collect::<Vec<_>>())
        .collect()
}

#[test]
fn merged_segments_are_the_log_that_they_were() {
    let (store, log) = (Store::new(), Log::new(3));
    let parts = thirds(&store, &log);
    let entry = rewrite(&*store.storage, STORE, &parts, 4, &mut ForgetNothing).unwrap();
    let merged = store.open(&entry);
    merged.verify().unwrap();
    let before: Vec<_> = parts.iter().flat_map(|part| records(part)).collect();
    assert_eq!(records(&merged), before);
    assert_eq!(entry.events, log.records.len() as u64);
    // One segment made of the whole log at once has the same rows.
    let whole = log.seal(&*store.storage, 0..log.blocks.len());
    assert_eq!((whole.events, whole.chain_start, whole.chain_end), (entry.events, entry.chain_start, entry.chain_end));
    assert_eq!(merged.blocks(), store.open(&whole).blocks());
    assert_ne!(whole.file, entry.file);
}

#[test]
fn what_is_forgotten_is_gone_and_the_rest_is_proven() {
    let (store, log) = (Store::new(), Log::new(3));
    let parts = thirds(&store, &log);
    let sessions = BTreeSet::from(["s-1".to_owned()]);
    let mut forgets = Forgets { sessions: sessions.clone(), ..Forgets::default() };
    let entry = rewrite(&*store.storage, STORE, &parts, 9, &mut forgets).unwrap();
    let rest = store.open(&entry);
    rest.verify().unwrap();
    assert!(!forgets.gone.is_empty() && forgets.kept == entry.events);
    assert_eq!(entry.forgotten(), forgets.gone.len() as u64);
    assert!(rest.session("s-1").unwrap().next().is_none());
    assert!(
        !rest.holds_any(|session| session == "s-1").unwrap() && parts[0].holds_any(|session| session == "s-1").unwrap()
    );
    let mut before: Vec<_> = parts.iter().flat_map(|part| records(part)).collect();
    before.retain(|(seq, _)| !forgets.gone.contains(seq));
    assert_eq!(records(&rest), before);
    // Forgetting goes on from there, to nothing.
    let mut all = Forgets { all: true, ..Forgets::default() };
    let less = rewrite(&*store.storage, STORE, &[Arc::new(rest)], 10, &mut all).unwrap();
    let nothing = store.open(&less);
    nothing.verify().unwrap();
    let without_session = log.records.iter().filter(|record| CheckedEvent::stored_session(record).unwrap().is_none());
    assert_eq!(less.events, without_session.count() as u64);
    assert!(nothing.blocks().iter().any(|block| block.records == Kept::None));
}

#[test]
fn a_segment_may_lose_all_its_rows() {
    let store = Store::new();
    let log = Log::new(1);
    // Blocks of events that all have a session.
    let has_session = |at: usize| {
        let (start, len, ..) = log.blocks[at];
        log.records[start..start + len].iter().all(|record| CheckedEvent::stored_session(record).unwrap().is_some())
    };
    let at = (0..log.blocks.len()).find(|at| has_session(*at)).unwrap();
    let part = Arc::new(store.open(&log.seal(&*store.storage, at..at + 1)));
    let entry = rewrite(&*store.storage, STORE, &[part], 1, &mut Forgets { all: true, ..Forgets::default() }).unwrap();
    let empty = store.open(&entry);
    empty.verify().unwrap();
    assert_eq!((entry.events, records(&empty).len()), (0, 0));
    assert!(empty.session("s-1").unwrap().next().is_none());
    assert_eq!(empty.event(entry.first_seq).unwrap(), None);
}

#[test]
fn segments_that_do_not_follow_are_not_merged() {
    let (store, log) = (Store::new(), Log::new(2));
    let parts = thirds(&store, &log);
    let gap = [Arc::clone(&parts[0]), Arc::clone(&parts[2])];
    let refused = rewrite(&*store.storage, STORE, &gap, 1, &mut ForgetNothing).unwrap_err();
    assert!(matches!(refused, RewriteError::Seal(_)), "{refused}");
    assert!(matches!(rewrite(&*store.storage, STORE, &[], 1, &mut ForgetNothing), Err(RewriteError::Seal(_))));
}

#[test]
fn a_damaged_segment_is_not_rewritten() {
    let (store, log) = (Store::new(), Log::new(2));
    let entry = log.seal(&*store.storage, 0..log.blocks.len());
    let path = store.path(&format!("{}.tmp", entry.file));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[2000] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let part = Arc::new(store.open(&entry));
    let refused = rewrite(&*store.storage, STORE, &[part], 1, &mut ForgetNothing).unwrap_err();
    assert!(matches!(refused, RewriteError::Read(_)), "{refused}");
}

#[test]
fn a_manifest_lets_go_of_what_was_replaced() {
    let (store, log) = (Store::new(), Log::new(3));
    let mut manifest = Manifest::empty(STORE);
    let mut entries: Vec<SegmentEntry> = Vec::new();
    let len = log.blocks.len();
    for part in [0..len / 3, len / 3..2 * len / 3, 2 * len / 3..len] {
        let entry = log.seal(&*store.storage, part);
        let segment = manifest.origin().segment.plus(1);
        let origin = flightrec_journal::Origin { segment, seq: entry.last_seq.plus(1), chain: entry.chain_end };
        manifest = manifest.with(entry.clone(), origin);
        manifest.commit(&*store.storage).unwrap();
        manifest.settle(&*store.storage).unwrap();
        entries.push(entry);
    }
    let tail: Vec<_> = entries[1..].iter().map(|entry| Arc::new(store.open(entry))).collect();
    let merged = rewrite(&*store.storage, STORE, &tail, manifest.next_generation(), &mut ForgetNothing).unwrap();
    let next = manifest.replacing(vec![merged.clone()]);
    assert_eq!(next.segments(), [entries[0].clone(), merged.clone()]);
    next.commit(&*store.storage).unwrap();
    assert_eq!(Manifest::load(&*store.storage, STORE).unwrap(), next);
    next.settle(&*store.storage).unwrap();
    for gone in &entries[1..] {
        assert!(!store.path(&gone.file).exists());
    }
    assert!(next.foreign_files(&*store.storage).unwrap().is_empty());
    next.segments().iter().for_each(|entry| store.open(entry).verify().unwrap());
}
