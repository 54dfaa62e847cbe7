//! The seam to the record: where contents and events go before anything they tell of is acted upon.

use std::collections::HashSet;
use std::sync::Arc;

use flightrec_events::{ArtifactId, CheckedEvent, Sha256Hex, Violation};
use flightrec_recorder::view::Outcome;
use flightrec_recorder::{
    ArtifactError, Artifacts, BatchTicket, MAX_BATCH_EVENTS, Mode, PreparedArtifact, ReadError, Reader, Recorder,
    RecorderError, SinkFailure, SteppedRecorder,
};

/// Takes what a runtime has to tell.
pub trait Record: Send {
    /// Names content. It is kept, if `keep` says so, with the next [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`RecordError::Content`] if it is too large.
    fn name(&mut self, content: &[u8], keep: bool) -> Result<ContentName, RecordError>;

    /// Records groups of events, strictly and in order, after the contents that were named. When this returns,
    /// all of it is durable.
    ///
    /// # Errors
    /// [`RecordError`]; nothing more may be committed then.
    fn commit(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError>;

    /// What was recorded; `None` if nothing can be read back.
    fn reader(&self) -> Option<&Reader>;
}

/// The name that content has in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentName {
    /// The artifact.
    pub artifact_id: ArtifactId,
    /// SHA-256 of the redacted content.
    pub sha256: Sha256Hex,
    /// Whether secrets were taken out.
    pub redacted: bool,
}

/// What a runtime does could not be recorded. It stops then: no step goes on that the record does not show.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The recorder cannot take events.
    #[error("{0}")]
    Sink(#[from] SinkFailure),
    /// Content cannot be kept.
    #[error(transparent)]
    Content(Arc<ArtifactError>),
    /// What was recorded cannot be read back.
    #[error(transparent)]
    Read(Arc<ReadError>),
    /// What was kept cannot be understood.
    #[error("what was recorded cannot be taken up: {0}")]
    Unreadable(Arc<str>),
    /// The runtime's thread ended in a panic, which is a bug.
    #[error("the runtime's thread panicked")]
    Panicked,
    /// An event broke a rule, which is a bug of the runtime; the record refused it.
    #[error("the runtime made an event that may not be recorded: {0}")]
    Refused(#[from] Violation),
}

impl From<ArtifactError> for RecordError {
    fn from(error: ArtifactError) -> Self {
        Self::Content(Arc::new(error))
    }
}

impl From<ReadError> for RecordError {
    fn from(error: ReadError) -> Self {
        Self::Read(Arc::new(error))
    }
}

impl From<RecorderError> for RecordError {
    fn from(error: RecorderError) -> Self {
        match error {
            RecorderError::InvalidEvent(violation) => Self::Refused(violation),
            RecorderError::SinkError(failure) => Self::Sink(failure),
        }
    }
}

/// Contents that wait for the next commit, each once, in the order in which they were named.
#[derive(Debug, Default)]
struct Named {
    contents: Vec<PreparedArtifact>,
    ids: HashSet<ArtifactId>,
}

impl Named {
    fn name(&mut self, artifacts: &Artifacts, content: &[u8], keep: bool) -> Result<ContentName, RecordError> {
        let prepared = artifacts.prepare(content)?;
        let view = prepared.view();
        let name = ContentName { artifact_id: view.artifact_id, sha256: view.sha256, redacted: view.redacted };
        if keep && self.ids.insert(name.artifact_id) {
            self.contents.push(prepared);
        }
        Ok(name)
    }

    fn take(&mut self) -> Vec<PreparedArtifact> {
        self.ids.clear();
        std::mem::take(&mut self.contents)
    }
}

/// A record on a recorder that others may share.
#[derive(Debug)]
pub struct SharedRecord {
    recorder: Arc<Recorder>,
    named: Named,
}

impl SharedRecord {
    /// A record on `recorder`.
    pub fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, named: Named::default() }
    }
}

impl Record for SharedRecord {
    fn name(&mut self, content: &[u8], keep: bool) -> Result<ContentName, RecordError> {
        self.named.name(self.recorder.artifacts(), content, keep)
    }

    fn commit(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError> {
        self.recorder.artifacts().keep(&self.named.take())?;
        let batches = batches(groups).into_iter();
        let tickets: Vec<BatchTicket> =
            batches.map(|batch| self.recorder.record_batch(batch, Mode::Strict)).collect::<Result<_, _>>()?;
        tickets.iter().try_for_each(|ticket| all_recorded(ticket.durable()?))
    }

    fn reader(&self) -> Option<&Reader> {
        Some(self.recorder.reader())
    }
}

/// A record on a recorder without threads, for runs that repeat byte for byte.
#[derive(Debug)]
pub struct SteppedRecord {
    recorder: SteppedRecorder,
    named: Named,
}

impl SteppedRecord {
    /// A record on `recorder`.
    pub fn new(recorder: SteppedRecorder) -> Self {
        Self { recorder, named: Named::default() }
    }

    /// The recorder.
    pub fn into_inner(self) -> SteppedRecorder {
        self.recorder
    }
}

impl Record for SteppedRecord {
    fn name(&mut self, content: &[u8], keep: bool) -> Result<ContentName, RecordError> {
        self.named.name(self.recorder.reader().artifacts(), content, keep)
    }

    fn commit(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError> {
        for content in self.named.take() {
            // One at a time: several are written by threads, whose order is no one's.
            self.recorder.reader().artifacts().keep(&[content])?;
        }
        let batches = batches(groups).into_iter().map(|batch| (batch, Mode::Strict)).collect();
        self.recorder.commit(batches)?.into_iter().try_for_each(all_recorded)
    }

    fn reader(&self) -> Option<&Reader> {
        Some(self.recorder.reader())
    }
}

/// Packs groups into batches that the recorder takes; a group is whole in one batch if it fits.
fn batches(groups: Vec<Vec<CheckedEvent>>) -> Vec<Vec<CheckedEvent>> {
    let mut batches: Vec<Vec<CheckedEvent>> = Vec::new();
    for group in groups {
        match batches.last_mut() {
            Some(last) if last.len() + group.len() <= MAX_BATCH_EVENTS => last.extend(group),
            Some(_) | None => {
                let mut group = group;
                while group.len() > MAX_BATCH_EVENTS {
                    let rest = group.split_off(MAX_BATCH_EVENTS);
                    batches.push(std::mem::replace(&mut group, rest));
                }
                batches.push(group);
            }
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

fn all_recorded(outcomes: Vec<Outcome>) -> Result<(), RecordError> {
    for outcome in outcomes {
        match outcome {
            Outcome::Recorded { .. } | Outcome::Duplicate => {}
            Outcome::Rejected(violation) => return Err(violation.into()),
        }
    }
    Ok(())
}
