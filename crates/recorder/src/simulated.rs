//! The recorder without its thread, for runs that must repeat byte for byte.

use std::sync::Arc;

use flightrec_events::CheckedEvent;
use flightrec_journal::Storage;

use crate::core::{Core, Submission, Work};
use crate::drops::DropCounter;
use crate::error::{OpenError, RecorderError, SinkFailure};
use crate::log::{SealError, Sealed, Sealer};
use crate::open::{self, Opened};
use crate::options::{Mode, Options};
use crate::prepare::Submitted;
use crate::reader::Reader;
use crate::store::Lock;
use crate::ticket::Cell;
use crate::view::Outcome;

/// A recorder whose every commit happens when it is called, in the caller's thread. With a simulated
/// storage, clock and source of ids, a run with a seed repeats byte for byte.
#[derive(Debug)]
pub struct SteppedRecorder {
    core: Core,
    reader: Reader,
    sealer: Arc<Sealer>,
    failed: Option<SinkFailure>,
    _lock: Lock,
}

impl SteppedRecorder {
    /// Opens the store that a storage holds, or makes one there.
    ///
    /// # Errors
    /// As [`crate::Recorder::open`].
    pub fn open(storage: Arc<dyn Storage>, options: &Options) -> Result<Self, OpenError> {
        let Opened { core, reader, sealer, registry: _, redactor: _, lock } =
            open::writer(storage, options, Arc::new(DropCounter::default()))?;
        Ok(Self { core, reader, sealer, failed: None, _lock: lock })
    }

    /// Commits several batches as one group, as the writer's thread does with what came during a sync.
    ///
    /// # Errors
    /// [`RecorderError::SinkError`] if the group could not be made durable, and from then on.
    pub fn commit(&mut self, batches: Vec<(Vec<CheckedEvent>, Mode)>) -> Result<Vec<Vec<Outcome>>, RecorderError> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone().into());
        }
        let cells: Vec<Arc<Cell>> = batches.iter().map(|_| Arc::default()).collect();
        let mut group = batches
            .into_iter()
            .zip(&cells)
            .map(|((events, mode), cell)| Submission {
                events: Submitted::Checked(events),
                mode,
                cell: Some(Arc::clone(cell)),
                work: Work::None,
            })
            .collect();
        if let Err(error) = self.core.commit(&mut group) {
            let failure = SinkFailure::Poisoned(error.to_string());
            self.failed = Some(failure.clone());
            // An answer that was given before the failure stands: nobody can take it back.
            if cells.iter().all(|cell| cell.answer().is_none()) {
                return Err(failure.into());
            }
        }
        cells
            .iter()
            .map(|cell| cell.answer().unwrap_or(Err(SinkFailure::Closed)).map_err(RecorderError::from))
            .collect()
    }

    /// Commits events of the recorder's own with what the writer is to do beside.
    pub(crate) fn commit_work(&mut self, events: Vec<CheckedEvent>, work: Work) -> Result<(), RecorderError> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone().into());
        }
        let events = Submitted::Checked(events);
        let mut group = vec![Submission { events, mode: Mode::Lenient, cell: None, work }];
        self.core.commit(&mut group).map_err(|error| {
            let failure = SinkFailure::Poisoned(error.to_string());
            self.failed = Some(failure.clone());
            failure.into()
        })
    }

    pub(crate) const fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Moves everything that was recorded so far from the journal to the archive.
    ///
    /// # Errors
    /// [`SealError`]; what could not be sealed stays in the journal.
    pub fn seal(&mut self) -> Result<Sealed, SealError> {
        if let Some(failure) = &self.failed {
            return Err(SealError::Stopped(failure.to_string()));
        }
        if let Err(error) = self.core.roll() {
            let failure = SinkFailure::Poisoned(error.to_string());
            self.failed = Some(failure.clone());
            return Err(SealError::Stopped(failure.to_string()));
        }
        self.sealer.seal_all()
    }

    /// Answers about everything that is durable.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The end of the hash chain, as lower-case hex.
    pub fn chain_head(&self) -> String {
        self.core.chain_head().to_string()
    }

    /// Closes the log.
    ///
    /// # Errors
    /// [`RecorderError::SinkError`] if it could not be closed cleanly.
    pub fn close(self) -> Result<(), RecorderError> {
        self.core.close().map_err(|error| SinkFailure::Poisoned(error.to_string()).into())
    }
}
