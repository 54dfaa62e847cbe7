//! The append-only log of Flight Recorder.
//!
//! It knows bytes: records of any content go in as batches, get gap-free numbers, and come back byte for byte, or are
//! reported as damaged. What a record means is not its concern; neither are redaction, clocks, threads or locks.
//!
//! | module | role in the life of the bytes |
//! |---|---|
//! | `format`, `frame`, `payload` | how they lie on disk: segment header, block header, records |
//! | `chain` | how each block's link follows from its records |
//! | `writer`, `options`, `roll` | how they get there: append, sync, next segment |
//! | `recovery` | how a writer finds the end after a crash |
//! | `origin`, `trim` | where a log begins whose first segments were taken elsewhere |
//! | `segment`, `walk`, `log_walk` | what fits, what is damage, where the end is |
//! | `reader`, `cursor`, `verify` | how they are read; none of these ever writes |
//! | `storage` | the only place that touches files |
//!
//! Limits: a batch has at most 16 MiB, a store one writer at a time, any number of readers. The byte format, the rules
//! of recovery and what is *not* protected are in `docs/format.md`.
//!
//! ```
//! # use std::sync::Arc;
//! use flightrec_journal::{Batch, DiskStorage, Origin, Seq, Storage, StoreId, Writer, WriterOptions, verify};
//!
//! # let dir = tempfile::tempdir()?;
//! let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(dir.path()));
//! let store = StoreId::from_bytes([7; 16]);
//! let origin = Origin::genesis(store);
//! let lock = storage.lock("lock")?.expect("no other writer");
//! let (mut writer, _) = Writer::open(storage.clone(), store, origin, WriterOptions::default())?;
//! let mut batch = Batch::new(0);
//! batch.push(b"one");
//! batch.push(b"two");
//! writer.append(&batch)?;
//! writer.close()?;
//! drop(lock);
//!
//! let report = verify(&storage, store, origin, |_| ())?;
//! assert_eq!((report.records, report.last_seq), (2, Some(Seq::new(2))));
//! assert!(report.damage.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod block;
mod chain;
mod cursor;
mod damage;
mod error;
mod format;
mod frame;
mod heads;
mod id;
mod layout;
mod log_walk;
mod options;
mod origin;
mod payload;
mod reader;
mod recovery;
mod roll;
pub mod sabotage;
mod segment;
mod storage;
mod trim;
mod verify;
mod walk;
mod writer;

pub use batch::Batch;
pub use block::{Block, BlockRef, Records};
pub use chain::{ChainHash, LinkHasher, RecordHash};
pub use cursor::{Cursor, ScanItem};
pub use damage::{Damage, DamageKind};
pub use error::{IoFailure, OpenError, ReadError, WriteError};
pub use format::FormatVersion;
pub use id::{SegmentId, Seq, StoreId};
pub use log_walk::Torn;
pub use options::WriterOptions;
pub use origin::Origin;
pub use payload::Compression;
pub use reader::{Reader, SegmentInfo};
pub use recovery::Recovery;
pub use roll::Prepare;
pub use storage::{
    Access, DiskStorage, LockGuard, Storage, StorageFile, read_digested_line, read_file, read_up_to, remove_if_there,
    write_all_at, write_digested_line, write_file_atomically,
};
pub use trim::remove_before;
pub use verify::{JournalReport, VerifyProgress, verify};
pub use writer::Writer;
