//! The handle that a host embeds.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use flightrec_events::{Actor, CheckedEvent, Event, Payload, Registry};
use flightrec_journal::{DiskStorage, Storage};

use crate::artifacts::Artifacts;
use crate::core::{CommitError, Core, Submission, Work};
use crate::drops::DropCounter;
use crate::error::{OpenError, RecorderError, SinkFailure};
use crate::log::{SealError, Sealed, Sealer};
use crate::open::{self, Opened};
use crate::options::{Mode, Options, Overflow};
use crate::prepare::{Prepared, Submitted};
use crate::reader::Reader;
use crate::redact::Redactor;
use crate::retention::{RetentionPolicy, Vouched};
use crate::sealing::Sealing;
use crate::store::Lock;
use crate::ticket::{BatchTicket, Bells, Cell, Receipt, Ticket};

/// The most events of one batch.
pub const MAX_BATCH_EVENTS: usize = 1024;

/// How many events one commit takes from the queue at most, so that nobody waits long for the disk.
const MAX_GROUP_EVENTS: usize = 16_384;

/// The one writer of a store.
///
/// Recording never blocks on the disk: [`record`](Recorder::record) puts the event into a bounded
/// queue and answers with a [`Ticket`]. One thread takes whatever came in the meantime, writes it as
/// one group, and syncs it. A failed write or sync stops the writer for good; reading goes on.
///
/// ```
/// use flightrec_recorder::{Recorder, Receipt};
/// use flightrec_recorder::events::{Actor, Id, Backend, MemoryPolicy, Count};
/// use flightrec_recorder::events::families::session::SessionCreated;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path();
/// let recorder = Recorder::open(path)?;
/// let session = Id::new("01999a7b-0000-7000-8000-000000000001")?;
/// let created = SessionCreated {
///     session_id: session.clone(), model_id: Id::new("m-1")?, backend: Backend::Local, role: Id::new("coder")?,
///     wp_id: None, mt_id: None, memory_policy: MemoryPolicy::Ephemeral, spawn_depth: Count::default(),
///     parent_session_id: None, provider: None, label: None, capability_grants: None, trigger_source: None, budget: None,
/// };
/// let event = recorder.new_event(Actor::System, created).in_session(session.clone());
/// let ticket = recorder.record(event.check()?)?;
/// assert_eq!(ticket.durable()?, Receipt::Recorded { seq: 1 });
/// assert_eq!(recorder.reader().session(session.as_str())?.session.role.as_deref(), Some("coder"));
/// recorder.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    queue: Option<Sender<Submission>>,
    writer: Option<JoinHandle<Result<(), CommitError>>>,
    shared: Arc<Shared>,
    options: Options,
    registry: Arc<Registry>,
    reader: Reader,
    redactor: Arc<Redactor>,
    sealer: Arc<Sealer>,
    sealing: Sealing,
    _lock: Lock,
}

/// What callers and the writer's thread share.
#[derive(Debug, Default)]
struct Shared {
    bells: Arc<Bells>,
    poison: OnceLock<SinkFailure>,
    poisoned: AtomicBool,
    drops: Arc<DropCounter>,
}

impl Shared {
    fn poison(&self, failure: SinkFailure) -> &SinkFailure {
        let failure = self.poison.get_or_init(|| failure);
        self.poisoned.store(true, Ordering::SeqCst);
        failure
    }

    fn check(&self) -> Result<(), SinkFailure> {
        if self.poisoned.load(Ordering::Relaxed) {
            Err(self.poison.get().cloned().unwrap_or(SinkFailure::Closed))
        } else {
            Ok(())
        }
    }
}

impl Recorder {
    /// Opens the store in a directory, or makes one there, with default options.
    ///
    /// # Errors
    /// [`OpenError::Locked`] if another process writes to it, [`OpenError::NewerFormat`] if a later
    /// version wrote it; nothing is changed then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, Options::default())
    }

    /// Opens the store in a directory, or makes one there.
    ///
    /// # Errors
    /// As [`Recorder::open`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        Self::open_storage(Arc::new(DiskStorage::new(path.as_ref())), options)
    }

    /// Opens the store that a storage holds, or makes one there.
    ///
    /// # Errors
    /// As [`Recorder::open`].
    pub fn open_storage(storage: Arc<dyn Storage>, options: Options) -> Result<Self, OpenError> {
        let drops = Arc::new(DropCounter::default());
        let Opened { mut core, reader, sealer, registry, redactor, lock } =
            open::writer(storage, &options, Arc::clone(&drops))?;
        core.write_behind().map_err(OpenError::io("start", "the thread that writes behind"))?;
        let shared = Arc::new(Shared { drops, bells: core.bells(), ..Shared::default() });
        let sealing =
            Sealing::start(Arc::clone(&sealer), options.seal).map_err(OpenError::io("start", "the sealer's thread"))?;
        let rolled = sealing.bell();
        let (queue, submissions) = bounded(options.queue_cap.max(1));
        let writer = std::thread::Builder::new()
            .name("flightrec-writer".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write_all(core, &submissions, &shared, &rolled)
            })
            .map_err(OpenError::io("start", "the writer's thread"))?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
            shared,
            options,
            registry,
            reader,
            redactor,
            sealer,
            sealing,
            _lock: lock,
        })
    }

    /// An event with an id and the present time, from the seams of this recorder.
    pub fn new_event(&self, actor: Actor, payload: impl Into<Payload>) -> Event {
        let now = self.options.clock.now();
        Event::new(self.options.ids.event_id(now), now, actor, payload)
    }

    /// The families that this store knows.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Records one event, strictly. When this returns, the event is *accepted*: it is in the queue.
    ///
    /// # Errors
    /// [`RecorderError::SinkError`] if the queue is full and the host chose not to wait, or if the
    /// recorder stopped after a failed write.
    pub fn record(&self, event: CheckedEvent) -> Result<Ticket, RecorderError> {
        Ok(Ticket(self.submit(Submitted::Checked(vec![event]), Mode::Strict, self.options.overflow)?))
    }

    /// Records a batch: its new events stand in the log together, or none does. Each event has its
    /// own outcome, and one that is refused harms no other.
    ///
    /// # Errors
    /// As [`Recorder::record`]; [`SinkFailure::BatchTooLarge`] beyond [`MAX_BATCH_EVENTS`].
    pub fn record_batch(&self, events: Vec<CheckedEvent>, mode: Mode) -> Result<BatchTicket, RecorderError> {
        if events.len() > MAX_BATCH_EVENTS {
            return Err(SinkFailure::BatchTooLarge { limit: crate::core::MAX_SUBMISSION_BYTES }.into());
        }
        let prepared = Prepared::new(events, &self.redactor);
        self.submit(Submitted::Prepared(prepared), mode, self.options.overflow)
    }

    fn submit(&self, events: Submitted, mode: Mode, overflow: Overflow) -> Result<BatchTicket, RecorderError> {
        self.submit_work(events, mode, overflow, Work::None)
    }

    pub(crate) fn submit_work(
        &self,
        events: Submitted,
        mode: Mode,
        overflow: Overflow,
        work: Work,
    ) -> Result<BatchTicket, RecorderError> {
        self.shared.check()?;
        let count = events.len() as u64;
        let cell = Arc::new(Cell::default());
        let submission = Submission { events, mode, cell: Some(Arc::clone(&cell)), work };
        let queue = self.queue.as_ref().ok_or(SinkFailure::Closed)?;
        let full = match overflow {
            Overflow::Block => queue.send(submission).map(|()| false).map_err(|_| self.stopped())?,
            Overflow::BlockFor(patience) => match queue.send_timeout(submission, patience) {
                Ok(()) => false,
                Err(SendTimeoutError::Timeout(_)) => true,
                Err(SendTimeoutError::Disconnected(_)) => return Err(self.stopped().into()),
            },
            Overflow::Drop => match queue.try_send(submission) {
                Ok(()) => false,
                Err(TrySendError::Full(_)) => true,
                Err(TrySendError::Disconnected(_)) => return Err(self.stopped().into()),
            },
        };
        if full {
            if count > 0 {
                self.shared.drops.count(count, self.options.clock.now());
            }
            return Err(SinkFailure::QueueFull { cap: self.options.queue_cap }.into());
        }
        Ok(BatchTicket { cell, bells: Arc::clone(&self.shared.bells) })
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) const fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    fn stopped(&self) -> SinkFailure {
        self.shared.poison.get().cloned().unwrap_or(SinkFailure::Closed)
    }

    /// Waits until everything that was accepted so far is durable or refused; for a place in a full queue, too.
    ///
    /// # Errors
    /// [`RecorderError::SinkError`] if the recorder stopped before.
    pub fn sync(&self) -> Result<(), RecorderError> {
        self.submit(Submitted::Checked(Vec::new()), Mode::Strict, Overflow::Block)?.durable()?;
        Ok(())
    }

    /// Moves everything that was recorded so far from the journal to the archive. Recording goes on meanwhile.
    ///
    /// # Errors
    /// [`SealError`]; what could not be sealed stays in the journal, and nothing is lost.
    pub fn seal(&self) -> Result<Sealed, SealError> {
        let rolled = self.submit_work(Submitted::Checked(Vec::new()), Mode::Strict, Overflow::Block, Work::Roll);
        rolled
            .and_then(|ticket| Ok(ticket.durable().map(drop)?))
            .map_err(|error| SealError::Stopped(error.to_string()))?;
        self.sealer.seal_all()
    }

    /// Why the sealing in the background failed last, if it did; it is tried again when there is more to seal.
    pub fn sealing_failure(&self) -> Option<String> {
        self.sealing.failure()
    }

    /// What [`enforce_retention`](FlightRecorder::enforce_retention) forgets.
    pub const fn retention(&self) -> RetentionPolicy {
        self.options.retention
    }

    /// Why the recorder stopped writing, if it did.
    pub fn failure(&self) -> Option<SinkFailure> {
        self.shared.poison.get().cloned()
    }

    /// How many events were dropped because the queue was full, since the store was opened.
    pub fn dropped_events(&self) -> u64 {
        self.shared.drops.total()
    }

    /// Answers about everything that is durable.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Content by its hash.
    pub fn artifacts(&self) -> &Artifacts {
        self.reader.artifacts()
    }

    /// Records what is queued, closes the log and frees the store for the next writer.
    ///
    /// # Errors
    /// [`RecorderError::SinkError`] if something accepted could not be made durable.
    pub fn close(mut self) -> Result<(), RecorderError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), RecorderError> {
        self.queue = None;
        self.sealing.stop();
        match self.writer.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => self.shared.check().map_err(RecorderError::from),
            Some(Ok(Err(error))) => Err(SinkFailure::Poisoned(chain(&error)).into()),
            Some(Err(_)) => Err(SinkFailure::Poisoned("the writer's thread panicked".to_owned()).into()),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A host that wants to know calls `close`; whoever holds a ticket is told there.
        let _told_by_tickets = self.stop().is_ok();
    }
}

/// The writer's thread: takes what came, commits it, until the queue is closed.
fn write_all(
    mut core: Core,
    submissions: &Receiver<Submission>,
    shared: &Shared,
    rolled: &Sender<()>,
) -> Result<(), CommitError> {
    let mut group = Vec::new();
    let mut segment = 0;
    while let Ok(first) = submissions.recv() {
        let mut events = first.events.len();
        group.push(first);
        while events < MAX_GROUP_EVENTS
            && let Ok(next) = submissions.try_recv()
        {
            events += next.events.len();
            group.push(next);
        }
        let cells: Vec<Arc<Cell>> = group.iter().filter_map(|submission| submission.cell.clone()).collect();
        // A panic in here is a bug, and not the host's: it ends the writing, not the host.
        let committed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| core.commit(&mut group)));
        let failure = match committed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(SinkFailure::Poisoned(chain(&error))),
            Err(_) => Some(SinkFailure::Poisoned("the writer panicked".to_owned())),
        };
        if let Some(failure) = failure {
            let failure = shared.poison(failure).clone();
            refuse(&cells, &failure);
            shared.bells.ring_durable();
            refuse_rest(submissions, &failure, shared);
            return Ok(());
        }
        shared.bells.ring_durable();
        if std::mem::replace(&mut segment, core.segment()) != core.segment() {
            // If the sealer is at work it looks again by itself.
            let _at_work = rolled.try_send(()).is_ok();
        }
    }
    core.close()
}

fn refuse(cells: &[Arc<Cell>], failure: &SinkFailure) {
    for cell in cells {
        cell.durable(Err(failure.clone()));
    }
}

/// After a failure nothing is acknowledged; whoever still submits is told so until the host closes.
fn refuse_rest(submissions: &Receiver<Submission>, failure: &SinkFailure, shared: &Shared) {
    while let Ok(submission) = submissions.recv() {
        refuse(&submission.cell.into_iter().collect::<Vec<_>>(), failure);
        shared.bells.ring_durable();
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

/// The seam that others implement: something that takes events.
pub trait FlightRecorder {
    /// Records one event; when this returns, it is durable.
    ///
    /// # Errors
    /// [`RecorderError::InvalidEvent`] if it breaks a rule, [`RecorderError::SinkError`] if it
    /// could not be kept.
    fn record_event(&self, event: Event) -> Result<(), RecorderError>;

    /// Applies the retention policy; answers with how many events were forgotten.
    ///
    /// # Errors
    /// [`RecorderError::SinkError`] if the store could not be changed, or the policy is not carried out.
    fn enforce_retention(&self) -> Result<u64, RecorderError>;
}

impl FlightRecorder for Recorder {
    fn record_event(&self, event: Event) -> Result<(), RecorderError> {
        match self.record(event.check()?)?.durable()? {
            Receipt::Recorded { .. } | Receipt::Duplicate => Ok(()),
        }
    }

    /// Carries out [`Options::retention`]. A recorder without a policy keeps everything.
    fn enforce_retention(&self) -> Result<u64, RecorderError> {
        self.shared.check()?;
        if self.options.retention.keeps_everything() {
            return Ok(0);
        }
        let forgotten = self.forget(self.options.retention, Vouched::default());
        Ok(forgotten.map_err(|error| SinkFailure::Retention(chain(&error)))?.events)
    }
}
