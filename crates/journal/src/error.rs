//! What can go wrong, one enum for each operation.

use std::io;

use crate::damage::Damage;
use crate::format::FormatVersion;
use crate::id::{SegmentId, StoreId};

/// An operation on a file or directory that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{path}` of the store")]
pub struct IoFailure {
    /// What was tried, as a verb.
    pub doing: &'static str,
    /// The file or directory, relative to the root of the store.
    pub path: String,
    /// What the operating system said.
    pub source: io::Error,
}

impl IoFailure {
    /// Whether the disk, or the quota, is full.
    pub fn is_no_space(&self) -> bool {
        let kind = self.source.kind();
        kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded
    }
}

/// Adds what was tried, and on what, to an error of the operating system.
pub(crate) trait IoContext<T> {
    fn context(self, doing: &'static str, path: &str) -> Result<T, IoFailure>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, doing: &'static str, path: &str) -> Result<T, IoFailure> {
        self.map_err(|source| IoFailure { doing, path: path.to_owned(), source })
    }
}

/// Why a log could not be opened; nothing was changed that a later open would miss.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The storage failed.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// A later release wrote the log.
    #[error(
        "`{path}` was written in journal format {found}, this build reads up to {newest_read}: \
         use the release that wrote it, or a later one"
    )]
    NewerFormat {
        /// The segment.
        path: String,
        /// The version in its header.
        found: FormatVersion,
        /// The newest version that this build reads.
        newest_read: FormatVersion,
    },
    /// The whole log belongs to another store.
    #[error(
        "`{path}` belongs to store {found}, not to {expected}: \
         put back the journal of this store, or open the other one"
    )]
    ForeignStore {
        /// The newest segment.
        path: String,
        /// The store in its header.
        found: StoreId,
        /// The store that was to be opened.
        expected: StoreId,
    },
}

/// Why nothing was written, or nothing is known to be durable.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The storage failed; the writer is poisoned.
    #[error("{0}; nothing more is acknowledged until the store is re-opened")]
    Io(#[source] IoFailure),
    /// The disk is full; the writer is poisoned.
    #[error("{0}: the disk is full; free some space, then re-open the store")]
    NoSpace(#[source] IoFailure),
    /// An earlier write or sync failed.
    #[error("the writer stopped after an earlier failure ({cause}); re-open the store to go on")]
    Poisoned {
        /// The failure that stopped it.
        cause: String,
    },
    /// The batch holds no record; the writer is not harmed.
    #[error("the batch is empty; append at least one record")]
    EmptyBatch,
    /// The batch is too long; the writer is not harmed.
    #[error("the batch has {bytes} bytes, at most {limit} fit into one block: split it")]
    TooLarge {
        /// The length of the batch, before compression.
        bytes: usize,
        /// The most that fits.
        limit: usize,
    },
}

impl From<IoFailure> for WriteError {
    fn from(failure: IoFailure) -> Self {
        if failure.is_no_space() { Self::NoSpace(failure) } else { Self::Io(failure) }
    }
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage failed; the same call may be tried again.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// A later release wrote a segment.
    #[error(
        "`{path}` was written in journal format {found}, this build reads up to {newest_read}: \
         use the release that wrote it, or a later one"
    )]
    NewerFormat {
        /// The segment.
        path: String,
        /// The version in its header.
        found: FormatVersion,
        /// The newest version that this build reads.
        newest_read: FormatVersion,
    },
    /// The block that was asked for lies before the log's origin.
    #[error(
        "segment {segment} lies before segment {origin}, with which the log begins: \
         its records were taken elsewhere; look there"
    )]
    BeforeOrigin {
        /// The segment that was asked for.
        segment: SegmentId,
        /// The segment with which the log begins.
        origin: SegmentId,
    },
    /// The block that was asked for is not there, or not as it was written.
    #[error("the block is damaged: {0}; run `verify` for the whole extent")]
    Damaged(Damage),
}
