//! Someone, or the disk itself, changes bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_journal::{
    Batch, ChainHash, Compression, Damage, OpenError, Origin, ReadError, Reader, ScanItem, SegmentId, Seq, Storage,
    StoreId, Torn, Writer, WriterOptions, verify,
};

use super::forge;
use crate::disk::SimStorage;
use crate::history::{History, STORE, genesis};
use crate::script::small_options;

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A small store of several segments, and what belongs into it.
pub(super) struct Sample {
    pub(super) files: Files,
    pub(super) history: History,
    pub(super) chain_head: ChainHash,
    /// The last record of which a later block says that it was synced.
    pub(super) proven: u64,
    /// The log was closed in the end.
    pub(super) closed: bool,
    /// How the files looked after each orderly close.
    pub(super) older: Vec<Files>,
}

/// What a reader gets out of changed files.
pub(super) struct Judged {
    pub(super) served: Vec<u64>,
    pub(super) missing: Vec<u64>,
    pub(super) damage: Vec<Damage>,
    pub(super) torn: Option<Torn>,
    pub(super) chain_head: ChainHash,
}

fn options(compression: Compression) -> WriterOptions {
    WriterOptions { max_segment_bytes: 16 << 10, ..small_options(compression) }
}

impl Sample {
    pub(super) fn closed(store: StoreId, seed: u64, compression: Compression) -> Self {
        Self::build(store, seed, compression, true)
    }

    pub(super) fn build(store: StoreId, seed: u64, compression: Compression, close: bool) -> Self {
        let storage = SimStorage::new(seed);
        let mut history = History::new(seed);
        let shared: Arc<dyn Storage> = Arc::new(storage.clone());
        let (mut proven, mut chain_head, mut older) = (0, ChainHash::from_bytes([0; 32]), Vec::new());
        for generation in 0..3 {
            let (mut writer, _) =
                Writer::open(Arc::clone(&shared), store, Origin::genesis(store), options(compression))
                    .expect("a healthy disk");
            history.recovered(history.submitted());
            for block in 0..5 {
                proven = writer.durable_seq().map_or(0, Seq::get);
                writer.append(&history.submit(1 + block % 3, 900)).expect("a healthy disk");
                if block % 2 == 1 {
                    writer.sync().expect("a healthy disk");
                }
            }
            // At the end of all there are blocks in the newest segment that later ones prove to be durable.
            let mut newest = (SegmentId::FIRST, 0);
            while generation == 2 && newest.1 < 3 {
                proven = writer.durable_seq().map_or(0, Seq::get);
                let block = writer.append(&history.submit(1, 60)).expect("a healthy disk");
                writer.sync().expect("a healthy disk");
                newest = (block.segment, if block.segment == newest.0 { newest.1 + 1 } else { 1 });
            }
            chain_head = writer.chain_head();
            if generation < 2 || close {
                writer.close().expect("a healthy disk");
                proven = history.submitted();
                older.push(storage.files());
            } else {
                writer.sync().expect("a healthy disk");
            }
        }
        let files = storage.files().into_iter().filter(|(name, _)| name.starts_with("journal/")).collect::<Files>();
        assert!(files.len() >= 3, "several segments");
        let newest = files.values().next_back().expect("there are files");
        let in_newest = forge::frames(newest);
        let judged = in_newest.iter().filter(|frame| frame.records > 0 && frame.first_seq <= proven);
        assert!(judged.count() >= 2, "blocks of the newest segment are proven to be durable");
        if close {
            let shared: Arc<dyn Storage> = Arc::new(SimStorage::with_files(&files, 0));
            chain_head = verify(&shared, store, Origin::genesis(store), |_| ()).expect("a healthy disk").chain_head;
        }
        Self { files, history, chain_head, proven, closed: close, older }
    }

    /// Reads changed files: whatever is served must be what was written, and whatever is not must be reported.
    pub(super) fn judge(&self, files: &Files, what: &str) -> Result<Judged, String> {
        self.judge_by(files, what, true)
    }

    /// As [`judge`](Self::judge); that `verify` finds what the cursor finds can be left to some of the cases.
    fn judge_by(&self, files: &Files, what: &str, by_both: bool) -> Result<Judged, String> {
        let shared: Arc<dyn Storage> = Arc::new(SimStorage::with_files(files, 1));
        let reader = match Reader::open(Arc::clone(&shared), STORE, genesis()) {
            Ok(reader) => reader,
            Err(error @ (OpenError::NewerFormat { .. } | OpenError::ForeignStore { .. })) => {
                return Err(error.to_string());
            }
            Err(error @ OpenError::Io(_)) => panic!("{what}: {error}"),
        };
        let records = self.history.records();
        let (mut served, mut damage) = (Vec::new(), Vec::new());
        let mut cursor = reader.cursor(Seq::FIRST);
        loop {
            match cursor.next() {
                Ok(None) => break,
                Ok(Some(ScanItem::Damage(one))) => damage.push(one),
                Ok(Some(ScanItem::Block(block))) => {
                    for (seq, record) in block.records() {
                        assert!(served.last().is_none_or(|last| *last < seq.get()), "{what}: {seq} comes late");
                        let want = records.get(seq.get() as usize - 1).copied();
                        assert_eq!(Some(record), want, "{what}: record {seq} is invented");
                        served.push(seq.get());
                    }
                }
                Err(error @ ReadError::NewerFormat { .. }) => return Err(error.to_string()),
                Err(error @ (ReadError::Io(_) | ReadError::BeforeOrigin { .. } | ReadError::Damaged(_))) => {
                    panic!("{what}: {error}")
                }
            }
        }
        let (mut torn, mut chain_head) = (None, ChainHash::from_bytes([0; 32]));
        if by_both || damage.is_empty() {
            let report = verify(&shared, STORE, genesis(), |_| ()).expect("what the cursor read can be verified");
            assert_eq!(report.damage, damage, "{what}: cursor and verify agree");
            assert_eq!(report.records, served.len() as u64, "{what}: cursor and verify agree");
            (torn, chain_head) = (report.torn_tail, report.chain_head);
        }
        let missing = (1..=records.len() as u64).filter(|seq| served.binary_search(seq).is_err());
        let missing: Vec<_> = missing.collect();
        for seq in &missing {
            let told = damage.iter().any(|one| covers(one, *seq)) || (torn.is_some() && *seq > self.proven);
            assert!(told, "{what}: record {seq} is gone, and nobody says so: {damage:?}");
        }
        Ok(Judged { served, missing, damage, torn, chain_head })
    }

    /// The lost records lie in one block.
    fn assert_bounded(&self, judged: &Judged, what: &str) {
        let (Some(first), Some(last)) = (judged.missing.first(), judged.missing.last()) else { return };
        if *first > self.proven {
            return;
        }
        let block = self.history.ranges().into_iter().find(|(from, to)| from <= first && first <= to);
        let (_, to) = block.expect("every record is in a block");
        assert!(*last <= to, "{what}: records {first} to {last} are gone, more than one block");
    }

    /// A writer opens the changed files and goes on: nothing that could be read before is gone, nothing that was
    /// damaged is forgotten.
    fn write_on(&self, files: &Files, before: &Judged, what: &str) {
        let storage = SimStorage::with_files(files, 2);
        let shared: Arc<dyn Storage> = Arc::new(storage.clone());
        let (mut writer, _) = Writer::open(Arc::clone(&shared), STORE, genesis(), options(Compression::Off))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let first_new = writer.next_seq();
        let mut batch = Batch::new(0);
        batch.push(b"written on");
        writer.append(&batch).expect("a healthy disk");
        writer.sync().expect("a healthy disk");
        writer.close().expect("a healthy disk");
        let reader = Reader::open(Arc::clone(&shared), STORE, genesis()).expect("it opened before");
        let mut cursor = reader.cursor(Seq::FIRST);
        let records = self.history.records();
        let (mut served, mut damage, mut new) = (Vec::new(), 0, false);
        while let Some(item) = cursor.next().expect("a healthy disk") {
            match item {
                ScanItem::Damage(_) => damage += 1,
                ScanItem::Block(block) => {
                    for (seq, record) in block.records() {
                        if seq >= first_new && record == b"written on" {
                            new = true;
                            continue;
                        }
                        assert_eq!(record, records[seq.get() as usize - 1], "{what}: record {seq} is invented");
                        served.push(seq.get());
                    }
                }
            }
        }
        assert!(new, "{what}: what was written on is there");
        assert_eq!(served, before.served, "{what}: a writer takes nothing away");
        assert!(damage > 0 || before.damage.is_empty(), "{what}: damage stays reported");
    }
}

fn covers(damage: &Damage, seq: u64) -> bool {
    damage.seq_from.is_some_and(|from| from.get() <= seq) && damage.seq_to.is_none_or(|to| seq <= to.get())
}

/// Every bit of a closed store, and of the newest segment of one that was not closed.
pub fn flipped_bits() -> u64 {
    let mut cases = 0;
    for close in [false, true] {
        let sample = Sample::build(STORE, 7, Compression::Zstd(1), close);
        let untouched = sample.judge(&sample.files, "untouched").expect("it opens");
        assert!(untouched.damage.is_empty() && untouched.torn.is_none() && untouched.missing.is_empty());
        let newest = sample.files.keys().next_back().cloned();
        let mut files = sample.files.clone();
        for (name, bytes) in &sample.files {
            if !close && Some(name) != newest.as_ref() {
                continue;
            }
            // Zeros behind the last block hold nothing that could be damaged.
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            for at in 0..used {
                for bit in 0..8 {
                    let what = format!("{name} byte {at} bit {bit}, closed: {close}");
                    flip(&mut files, name, at, bit);
                    let by_both = (at + bit) % 5 == 0;
                    let judged = sample.judge_by(&files, &what, by_both);
                    let judged = judged.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert!(!judged.damage.is_empty() || judged.torn.is_some(), "{what}: not detected");
                    assert!(!close || !judged.damage.is_empty(), "{what}: in a closed log nothing is torn");
                    sample.assert_bounded(&judged, &what);
                    if (at + bit) % 13 == 0 {
                        sample.write_on(&files, &judged, &what);
                    }
                    flip(&mut files, name, at, bit);
                    cases += 1;
                }
            }
        }
    }
    cases
}

fn flip(files: &mut Files, name: &str, at: usize, bit: usize) {
    files.get_mut(name).expect("the file is there")[at] ^= 1 << bit;
}

/// Every file of a closed store, cut at every length.
pub fn cut_files() -> u64 {
    let sample = Sample::closed(STORE, 8, Compression::Zstd(1));
    let mut cases = 0;
    for (name, bytes) in &sample.files {
        for len in 0..bytes.len() {
            let what = format!("{name} cut to {len} bytes");
            let mut files = sample.files.clone();
            files.insert(name.clone(), bytes[..len].to_vec());
            let judged = sample.judge(&files, &what).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(!judged.damage.is_empty(), "{what}: not detected");
            if len % 9 == 0 {
                sample.write_on(&files, &judged, &what);
            }
            cases += 1;
        }
    }
    cases
}
