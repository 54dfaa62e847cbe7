//! A store in a directory of its own.

use std::path::PathBuf;
use std::sync::Arc;

use flightrec_journal::{
    Batch, Compression, Cursor, DiskStorage, JournalReport, Origin, Prepare, Reader, ScanItem, Seq, Storage, StoreId,
    Writer, WriterOptions, verify,
};

pub(crate) const STORE: StoreId = StoreId::from_bytes(*b"a store on disk.");

/// Where a log begins that was never shortened.
pub(crate) fn genesis() -> Origin {
    Origin::genesis(STORE)
}

pub(crate) struct Store {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Store {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = Arc::new(DiskStorage::new(dir.path()));
        Self { dir, storage }
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer_with(small()).0
    }

    pub(crate) fn writer_with(&self, options: WriterOptions) -> (Writer, flightrec_journal::Recovery) {
        Writer::open(Arc::clone(&self.storage), STORE, genesis(), options).expect("the log opens")
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(Arc::clone(&self.storage), STORE, genesis()).expect("the log opens")
    }

    pub(crate) fn verify(&self) -> JournalReport {
        self.verify_from(genesis())
    }

    pub(crate) fn verify_from(&self, origin: Origin) -> JournalReport {
        verify(&self.storage, STORE, origin, |_| ()).expect("the log reads")
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.dir.path().join(format!("journal/{number:010}.frj"))
    }
}

/// Segments that are soon full.
pub(crate) fn small() -> WriterOptions {
    WriterOptions {
        first_segment_bytes: 16 << 10,
        max_segment_bytes: 64 << 10,
        grow_bytes: 16 << 10,
        compression: Compression::Zstd(1),
        prepare: Prepare::Background,
    }
}

pub(crate) fn batch<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> Batch {
    let mut batch = Batch::new(0);
    for record in records {
        batch.push(record.as_ref());
    }
    batch
}

/// A record that does not compress.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| byte()).collect()
}

/// Everything from `from` to the end for now; fails on damage.
pub(crate) fn drain(cursor: &mut Cursor) -> Vec<(Seq, Vec<u8>)> {
    let mut records = Vec::new();
    while let Some(item) = cursor.next().expect("the log reads") {
        match item {
            ScanItem::Block(block) => {
                records.extend(block.records().map(|(seq, record)| (seq, record.to_vec())));
            }
            ScanItem::Damage(damage) => panic!("{damage}"),
        }
    }
    records
}
