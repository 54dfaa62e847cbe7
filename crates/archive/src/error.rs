//! What can go wrong, one enum for each operation.

use std::io;

use flightrec_events::DecodeError;
use flightrec_journal::{IoFailure, Seq};

/// Why nothing was sealed. What was there before is untouched; a leftover is removed when the archive is settled.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The storage failed.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// There is no record to seal.
    #[error("there is nothing to seal; give it at least one block")]
    Empty,
    /// A block does not follow the one before.
    #[error("block {found} does not follow record {expected}: seal the blocks of the journal in their order", expected = .expected.get(), found = .found.get())]
    Gap {
        /// The position that was to come next.
        expected: Seq,
        /// The position of the block that came.
        found: Seq,
    },
    /// A block's link is not the hash of what is in it.
    #[error("block {seq} does not match its link in the hash chain; run `verify` before anything is sealed", seq = .seq.get())]
    Chain {
        /// The first record of the block.
        seq: Seq,
    },
    /// A record is no stored event.
    #[error("record {seq} is no event; run `verify` before anything is sealed", seq = .seq.get())]
    Record {
        /// The record.
        seq: Seq,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A block's stamp is no time.
    #[error("the stamp of block {seq} is outside the years 1 to 9999", seq = .seq.get())]
    Stamp {
        /// The first record of the block.
        seq: Seq,
    },
    /// Rows came in another order than that of the file.
    #[error("row {seq} does not follow the row before; rows are sorted by session, then by position", seq = .seq.get())]
    Order {
        /// The row.
        seq: Seq,
    },
    /// The file could not be encoded.
    #[error("the segment cannot be written as Parquet")]
    Encode {
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a segment, or a part of it, could not be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage failed; the same call may be tried again.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// The file is not there.
    #[error("`{file}` is missing; restore it from a copy")]
    Missing {
        /// The file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file has another length.
    #[error("`{file}` has {found} bytes, not {expected}; restore it from a copy")]
    WrongLength {
        /// The file.
        file: String,
        /// Its length.
        found: u64,
        /// Its length when it was sealed.
        expected: u64,
    },
    /// The file does not end like a Parquet file.
    #[error("`{file}` is no Parquet file; restore it from a copy")]
    NotParquet {
        /// The file.
        file: String,
    },
    /// The file belongs to another store.
    #[error("`{file}` belongs to store {found}, not to {expected}; put back the file of this store")]
    ForeignStore {
        /// The file.
        file: String,
        /// The store in its footer.
        found: String,
        /// The store that was opened.
        expected: String,
    },
    /// The file is a segment of this store, but not this one.
    #[error("`{file}` holds records {found}, not {expected}; put every file back under its own name")]
    Swapped {
        /// The file.
        file: String,
        /// The records in its footer.
        found: String,
        /// The records that the manifest expects.
        expected: String,
    },
    /// A later release wrote the file.
    #[error("`{file}` was written by a later release: {what}; use that release, or a later one")]
    NewerFormat {
        /// The file.
        file: String,
        /// What this one does not know.
        what: String,
    },
    /// Bytes of the file are not what was written.
    #[error("`{file}` is damaged: {what} {place}; restore it from a copy")]
    Damaged {
        /// The file.
        file: String,
        /// Where in the file.
        place: String,
        /// What is wrong there.
        what: &'static str,
    },
}

impl ReadError {
    /// The name of the damage that it is, never changed; `None` if the storage failed.
    pub const fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Io(_) => None,
            Self::Missing { .. } => Some("missing_segment"),
            Self::WrongLength { .. } => Some("truncated"),
            Self::NotParquet { .. } | Self::Damaged { .. } => Some("bad_segment"),
            Self::ForeignStore { .. } => Some("foreign_store"),
            Self::Swapped { .. } => Some("wrong_segment"),
            Self::NewerFormat { .. } => Some("newer_format"),
        }
    }
}

/// Why segments were not rewritten. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// A segment could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new one could not be written.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why the list of segments could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The storage failed.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// The file does not match its digest, or is no manifest.
    #[error("`{file}` is damaged: {what}; restore it from a copy")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A later release wrote it.
    #[error("`{file}` has format {found}, this release reads up to {known}; use a later release")]
    NewerFormat {
        /// The file.
        file: String,
        /// Its format.
        found: u64,
        /// The newest format that is known here.
        known: u64,
    },
    /// It belongs to another store.
    #[error("`{file}` belongs to store {found}, not to {expected}; put back the manifest of this store")]
    ForeignStore {
        /// The file.
        file: String,
        /// Whose it is.
        found: String,
        /// The store that was opened.
        expected: String,
    },
    /// Segments do not follow one another without a gap, or their chains do not meet.
    #[error("segment `{segment}` does not continue {before}: {what}")]
    Broken {
        /// The segment, or the origin of the journal.
        segment: String,
        /// What it should continue.
        before: String,
        /// What does not fit.
        what: &'static str,
    },
}

/// Adds what was tried, and on what, to an error of the operating system.
pub(crate) fn io(doing: &'static str, path: &str) -> impl FnOnce(io::Error) -> IoFailure {
    move |source| IoFailure { doing, path: path.to_owned(), source }
}
