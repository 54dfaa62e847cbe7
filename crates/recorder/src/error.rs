//! What can go wrong, by operation: opening, recording, asking.

use std::io;

use flightrec_archive::{ManifestError, ReadError as ArchiveReadError};
use flightrec_events::{DeclareError, DecodeError, Violation};
use flightrec_journal::{IoFailure, OpenError as JournalOpenError, ReadError as JournalReadError, WriteError};

use crate::recorder::MAX_BATCH_EVENTS;

/// The stable code of a sink failure.
pub const SINK_FAILURE: &str = "HSK-500-DB";

/// An event was not recorded. Prints the stable error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecorderError {
    /// The event broke a rule; nothing was recorded, and others are unharmed.
    #[error("{0}")]
    InvalidEvent(#[from] Violation),
    /// The recorder could not take it. Whether it will be in the record is told by a re-open.
    #[error("{0}")]
    SinkError(#[from] SinkFailure),
}

/// Why the recorder cannot take events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkFailure {
    /// A write or sync failed; nothing is acknowledged until the store is opened again.
    #[error(
        "{SINK_FAILURE}: the recorder stopped writing: {0}; reading goes on, and a re-open verifies the store before it writes again"
    )]
    Poisoned(String),
    /// The queue is full, and the host chose not to wait longer.
    #[error("{SINK_FAILURE}: the queue of {cap} submissions is full; the event was dropped and counted")]
    QueueFull {
        /// The cap that the host chose.
        cap: usize,
    },
    /// The retention policy was not carried out; nothing was forgotten.
    #[error("{SINK_FAILURE}: nothing was forgotten: {0}")]
    Retention(String),
    /// The recorder was closed.
    #[error("{SINK_FAILURE}: the recorder is closed")]
    Closed,
    /// One submission is larger than a batch may be.
    #[error(
        "{SINK_FAILURE}: the batch is too large, a batch holds at most {MAX_BATCH_EVENTS} events and {limit} bytes; \
         submit it in parts"
    )]
    BatchTooLarge {
        /// The most bytes, in the stored form.
        limit: usize,
    },
}

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store.
    #[error("there is no store here; record something into it first, or name another directory with --data")]
    NoStore,
    /// Another process writes to it.
    #[error("another process is writing to this store; reading works meanwhile, and one writer at a time may write")]
    Locked,
    /// A later version wrote it.
    #[error(
        "the store has format {found}, and this version knows {known}; open it with a newer flightrec. Nothing was changed"
    )]
    NewerFormat {
        /// The store's format.
        found: u64,
        /// The newest format that this version knows.
        known: u64,
    },
    /// A file that the store cannot do without is damaged or missing.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A declaration of families cannot be used.
    #[error("cannot use the declaration {path}")]
    Declaration {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: DeclareError,
    },
    /// The journal could not be opened.
    #[error(transparent)]
    Journal(#[from] JournalOpenError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Content that an interrupted forgetting left could not be removed.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// The file system refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file, relative to the store.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(doing: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| OpenError::Io { doing, path, source }
    }
}

/// Something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log could not be read.
    #[error(transparent)]
    Journal(#[from] JournalReadError),
    /// An event in the log is none that this version knows.
    #[error("event {seq} cannot be read: {source}; a newer flightrec may have written it")]
    Event {
        /// Its position.
        seq: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// What is sealed could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveReadError),
    /// The list of what is sealed could not be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file system refused.
    #[error("cannot read {path}")]
    Io {
        /// The file, relative to the store.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl ReadError {
    /// Whether bytes are not what was written, so that no other attempt will read them.
    pub(crate) const fn is_damage(&self) -> bool {
        match self {
            ReadError::Journal(JournalReadError::Damaged(_)) => true,
            ReadError::Archive(error) => error.kind().is_some(),
            ReadError::Journal(_) | ReadError::Manifest(_) | ReadError::Event { .. } | ReadError::Io { .. } => false,
        }
    }

    /// The first position that is lost, where it is known.
    pub(crate) fn first_lost(&self) -> Option<u64> {
        if let ReadError::Journal(JournalReadError::Damaged(damage)) = self {
            damage.seq_from.map(flightrec_journal::Seq::get)
        } else {
            None
        }
    }
}

/// No one session answers to a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is none.
    #[error("no session has an id that begins with `{0}`; `flightrec sessions` lists them")]
    NotFound(String),
    /// There are several.
    #[error("`{prefix}` begins the ids of {count} sessions, such as {examples}; give more of the id")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// How many sessions answer.
        count: usize,
        /// A few of them.
        examples: String,
    },
}

/// Content could not be taken or given.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The store does not hold it.
    #[error("artifact {0} was never given to this store")]
    NotFound(String),
    /// Its bytes are not what its name says.
    #[error(
        "artifact {0} is damaged: its content does not have the SHA-256 that names it; restore the file from a copy"
    )]
    Damaged(String),
    /// It is larger than an artifact may be.
    #[error("the content has more than {limit} bytes, the most that one artifact may hold; split it")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The file system refused.
    #[error("cannot {doing} artifact file {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file, relative to the store.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl From<IoFailure> for OpenError {
    fn from(failure: IoFailure) -> Self {
        OpenError::Journal(JournalOpenError::Io(failure))
    }
}
