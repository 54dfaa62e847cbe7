//! The write path without threads: admit, redact, number, append, sync, fold. What runs it decides when.
//!
//! The order is the promise: an event is redacted before any byte of it is hashed or written, judged
//! against everything that was admitted before it, folded only once it is durable, and answered last.

use std::sync::{Arc, RwLock};

use flightrec_events::families::work::{RecorderEventsDropped, RecorderOpened, RecorderRecovered};
use flightrec_events::lifecycle::{self, Life};
use flightrec_events::{Actor, CheckedEvent, Count, Event, Id, Label, Payload, Rule, Timestamp, Violation};
use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{Batch, BlockRef, ChainHash, RecordHash, Recovery, WriteError, Writer};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::behind::Behind;
use crate::drops::DropCounter;
use crate::error::{OpenError, SinkFailure};
use crate::fold::{Projection, telemetry_source};
use crate::identity::{ContentDigest, Identity};
use crate::open;
use crate::options::Mode;
use crate::prepare::Submitted;
use crate::redact::Redactor;
use crate::seam::{Clock, IdSource};
use crate::snapshot::Aside;
use crate::store::{RECORDER_VERSION, STORE_FORMAT, StoreFiles};
use crate::ticket::{Bells, Cell};
use crate::view::Outcome;

/// A block is cut at the end of the submission that reaches this size, so that one session's read stays small.
const BLOCK_BYTES: usize = 128 * 1024;
/// The most bytes of one submission in its stored form.
pub(crate) const MAX_SUBMISSION_BYTES: usize = Batch::MAX_BYTES / 2;
/// How many events may be folded anew at an open, before the projection is put aside.
const SNAPSHOT_EVERY: u64 = 262_144;
/// How many lives are remembered beside the projection.
const MAX_LIVES: usize = 65_536;

/// Events that were submitted together: they stand in one block, whole or not at all.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) events: Submitted,
    pub(crate) mode: Mode,
    pub(crate) cell: Option<Arc<Cell>>,
    pub(crate) work: Work,
}

/// What the writer does beside recording.
#[derive(Debug, Clone, Default)]
pub(crate) enum Work {
    #[default]
    None,
    /// The journal goes on in a new segment behind the events.
    Roll,
    /// The lives of these sessions are forgotten before the events are judged.
    Forget(Arc<FxHashSet<Arc<str>>>),
}

/// What one block holds, until it is durable and can be folded.
#[derive(Debug)]
struct Staged {
    block: BlockRef,
    chain: ChainHash,
    recorded_at: Timestamp,
    events: Vec<(u64, CheckedEvent)>,
}

/// Everything that the one writer of a store owns.
#[derive(Debug)]
pub(crate) struct Core {
    files: StoreFiles,
    writer: Writer,
    identity: Identity,
    /// The lives that events changed which are not folded yet, or were not long ago; the projection knows the others.
    lives: FxHashMap<Arc<str>, Life>,
    projection: Arc<RwLock<Projection>>,
    redactor: Arc<Redactor>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    drops: Arc<DropCounter>,
    bells: Arc<Bells>,
    batch: Batch,
    /// The last position of the last block that was folded, and that block's link in the hash chain.
    folded: (u64, ChainHash),
    /// The last position that the snapshot on disk covers.
    snapshot_seq: u64,
    /// The journal's segment that holds the newest block.
    segment: u64,
    behind: Behind,
}

/// What the core is built from.
pub(crate) struct Parts {
    pub(crate) files: StoreFiles,
    pub(crate) writer: Writer,
    pub(crate) identity: Identity,
    pub(crate) projection: Projection,
    pub(crate) snapshot_seq: u64,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) drops: Arc<DropCounter>,
}

/// Why a group could not be committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the index of event ids cannot be used: {0}")]
    Identity(#[from] std::io::Error),
    #[error("what is known of the sessions cannot be read on: {0}")]
    Fold(#[source] std::io::Error),
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { files, writer, identity, projection, snapshot_seq, redactor, clock, ids, drops } = parts;
        let folded = (projection.last_seq.unwrap_or(0), projection.chain());
        let projection = Arc::new(RwLock::new(projection));
        Self {
            files,
            writer,
            identity,
            lives: FxHashMap::default(),
            projection,
            redactor,
            clock,
            ids,
            drops,
            bells: Arc::default(),
            batch: Batch::new(0),
            folded,
            snapshot_seq,
            segment: 0,
            behind: Behind::default(),
        }
    }

    /// From here on what can be made again is written on a thread of its own.
    pub(crate) fn write_behind(&mut self) -> std::io::Result<()> {
        self.behind = Behind::start()?;
        Ok(())
    }

    pub(crate) fn projection(&self) -> Arc<RwLock<Projection>> {
        Arc::clone(&self.projection)
    }

    /// What wakes those who wait for an answer.
    pub(crate) fn bells(&self) -> Arc<Bells> {
        Arc::clone(&self.bells)
    }

    /// Records what the opening itself did to the store.
    pub(crate) fn record_opening(&mut self, recovery: &Recovery) -> Result<(), OpenError> {
        let mut payloads: Vec<Payload> = Vec::new();
        if let Some(previous) = self.files.take_over()? {
            payloads.push(
                RecorderOpened {
                    recorder_version: Id::new(RECORDER_VERSION)
                        .map_err(|_| OpenError::Damaged("the version is no id".to_owned()))?,
                    format_version: Count::saturating(STORE_FORMAT),
                    previous_version: Id::new(previous).ok(),
                    declarations: Some(self.files.declaration_ids()?),
                }
                .into(),
            );
        }
        if recovery.truncated_bytes > 0 {
            payloads.push(
                RecorderRecovered {
                    bytes_truncated: Count::saturating(recovery.truncated_bytes),
                    spans_abandoned: Count::default(),
                    damaged_ranges: Some(Count::saturating(recovery.damage.len() as u64)),
                }
                .into(),
            );
        }
        if payloads.is_empty() {
            return Ok(());
        }
        let events = payloads.into_iter().filter_map(|payload| self.own_event(payload)).collect();
        self.record_own(events)
    }

    /// Records what the recorder did to its own store.
    pub(crate) fn record_own(&mut self, events: Vec<CheckedEvent>) -> Result<(), OpenError> {
        let events = Submitted::Checked(events);
        let mut group = vec![Submission { events, mode: Mode::Lenient, cell: None, work: Work::None }];
        self.commit(&mut group).map_err(|error| match error {
            CommitError::Write(error) => OpenError::Write(error),
            CommitError::Identity(source) | CommitError::Fold(source) => {
                OpenError::Io { doing: "read", path: crate::derived::DIR.to_owned(), source }
            }
        })
    }

    fn own_event(&self, payload: Payload) -> Option<CheckedEvent> {
        let now = self.clock.now();
        Event::new(self.ids.event_id(now), now, Actor::System, payload).check().ok()
    }

    /// Commits a group: every submission is admitted, and what was admitted is durable when this
    /// returns. After an error nothing may be committed any more; the store must be opened again.
    pub(crate) fn commit(&mut self, group: &mut Vec<Submission>) -> Result<(), CommitError> {
        self.admit_drops(group);
        let recorded_at = self.clock.now();
        let mut answers = Vec::with_capacity(group.len());
        let mut staged: Vec<Staged> = Vec::new();
        let mut pending: Vec<(u64, CheckedEvent)> = Vec::new();
        self.batch.clear(recorded_at.as_micros());
        let mut roll = false;
        for submission in group.drain(..) {
            match &submission.work {
                Work::None => {}
                Work::Roll => roll = true,
                Work::Forget(ids) => self.lives.retain(|id, _| !ids.contains(id)),
            }
            let outcomes = self.admit(submission.events, submission.mode, &mut pending, &mut staged, recorded_at)?;
            if let (Some(cell), Ok(outcomes)) = (&submission.cell, &outcomes)
                && sabotaged(Sabotage::AckBeforeSync)
            {
                cell.durable(Ok(outcomes.clone()));
            }
            answers.push((submission.cell, outcomes));
            if self.batch.bytes() >= BLOCK_BYTES {
                self.append(&mut pending, &mut staged, recorded_at)?;
            }
        }
        self.append(&mut pending, &mut staged, recorded_at)?;
        for (cell, outcomes) in &answers {
            if let (Some(cell), Ok(outcomes)) = (cell, outcomes) {
                cell.written(outcomes);
            }
        }
        self.bells.ring_written();
        if sabotaged(Sabotage::FoldBeforeDurable) {
            self.fold(&staged)?;
            self.writer.sync()?;
        } else {
            self.writer.sync()?;
            self.fold(&staged)?;
        }
        if roll {
            self.roll()?;
        }
        for (cell, outcomes) in answers {
            if let Some(cell) = cell {
                cell.durable(outcomes);
            }
        }
        self.put_aside();
        Ok(())
    }

    /// Judges one submission's events and stages those that are new.
    fn admit(
        &mut self,
        events: Submitted,
        mode: Mode,
        pending: &mut Vec<(u64, CheckedEvent)>,
        staged: &mut Vec<Staged>,
        recorded_at: Timestamp,
    ) -> Result<Result<Vec<Outcome>, SinkFailure>, CommitError> {
        let count = events.len();
        let prepared = events.prepare(&self.redactor);
        let bytes = prepared.journal_bytes();
        if bytes > MAX_SUBMISSION_BYTES {
            return Ok(Err(SinkFailure::BatchTooLarge { limit: MAX_SUBMISSION_BYTES }));
        }
        if self.batch.bytes() + bytes > Batch::MAX_BYTES {
            self.append(pending, staged, recorded_at)?;
        }
        let mut outcomes = Vec::with_capacity(count);
        prepared.try_for_each(|event, stored, hash| {
            outcomes.push(self.admit_one(event, stored, hash, mode, pending)?);
            Ok::<(), CommitError>(())
        })?;
        Ok(Ok(outcomes))
    }

    /// Judges one event, and stages it if it is new.
    fn admit_one(
        &mut self,
        event: CheckedEvent,
        stored: &[u8],
        hash: RecordHash,
        mode: Mode,
        pending: &mut Vec<(u64, CheckedEvent)>,
    ) -> Result<Outcome, CommitError> {
        let digest = ContentDigest::of(&hash);
        let held = if sabotaged(Sabotage::SkipIdempotency) { None } else { self.identity.find(event.event_id)? };
        if let Some(held) = held {
            let conflict =
                || Violation::at(Rule::EventIdConflict, "event_id", "the record holds another event under this id");
            return Ok(if held == digest { Outcome::Duplicate } else { Outcome::Rejected(conflict()) });
        }
        if let Err(violation) = self.admit_life(&event, mode) {
            return Ok(Outcome::Rejected(violation));
        }
        let seq = self.writer.next_seq().get() + pending.len() as u64;
        self.identity.insert(event.event_id, digest);
        self.batch.push_hashed(stored, hash);
        pending.push((seq, event));
        Ok(Outcome::Recorded { seq })
    }

    /// Strict recordings keep to the life of the session; lenient ones are recorded as they come.
    fn admit_life(&mut self, event: &CheckedEvent, mode: Mode) -> Result<(), Violation> {
        let Some(session) = &event.model_session_id else { return Ok(()) };
        // Telemetry knows no order; its sessions have no life that could forbid anything.
        if mode == Mode::Lenient && telemetry_source(event).is_some() {
            return Ok(());
        }
        let before = self.life_of(session.as_str());
        let after = match mode {
            Mode::Strict => lifecycle::step(before, event)?,
            Mode::Lenient => lifecycle::step(before, event).unwrap_or_else(|_| lifecycle::force(before, event)),
        };
        if before != Some(after) {
            self.lives.insert(session.shared(), after);
        }
        Ok(())
    }

    /// The life of a session, as far as it was admitted.
    fn life_of(&self, session: &str) -> Option<Life> {
        if let Some(life) = self.lives.get(session) {
            return Some(*life);
        }
        let projection = self.projection.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        projection.life_of(session)
    }

    fn append(
        &mut self,
        pending: &mut Vec<(u64, CheckedEvent)>,
        staged: &mut Vec<Staged>,
        recorded_at: Timestamp,
    ) -> Result<(), CommitError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let block = self.writer.append(&self.batch)?;
        let chain = self.writer.chain_head();
        self.segment = block.segment.get();
        staged.push(Staged { block, chain, recorded_at, events: std::mem::take(pending) });
        self.batch.clear(recorded_at.as_micros());
        Ok(())
    }

    fn fold(&mut self, staged: &[Staged]) -> Result<(), CommitError> {
        if staged.is_empty() {
            return Ok(());
        }
        let folded = match self.fold_blocks(staged) {
            // What was put aside is damaged: everything is folded from the beginning.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => self.fold_anew(staged),
            folded => folded,
        };
        folded.map_err(CommitError::Fold)?;
        if self.lives.len() > MAX_LIVES {
            self.lives.clear();
        }
        Ok(())
    }

    /// Folds blocks, all of them or none.
    fn fold_blocks(&mut self, staged: &[Staged]) -> std::io::Result<()> {
        let mut projection = self.projection.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        projection.pack()?;
        for (_, event) in staged.iter().flat_map(|block| &block.events) {
            projection.prepare(event)?;
        }
        for block in staged {
            projection.begin_block(Some(&block.block), block.block.last_seq().get(), block.chain);
            for (seq, event) in &block.events {
                projection.apply_prepared(*seq, block.recorded_at, event)?;
            }
            self.folded = (block.block.last_seq().get(), block.chain);
        }
        Ok(())
    }

    /// Folds the log from its beginning, up to blocks that are durable and not folded.
    fn fold_anew(&mut self, staged: &[Staged]) -> std::io::Result<()> {
        let Some(last) = staged.last() else { return Ok(()) };
        let log = self.identity.log();
        let until = last.block.last_seq().get();
        let packing = self.projection.read().unwrap_or_else(std::sync::PoisonError::into_inner).packing();
        let mut anew = Projection::empty(log.view().manifest.forgettings()).pack_by(packing);
        let mut projection = self.projection.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        open::fold_each(&mut log.scan(1), &mut anew, until, &mut |_| ()).map_err(std::io::Error::other)?;
        *projection = anew;
        self.folded = (until, last.chain);
        Ok(())
    }

    /// Turns counted drops into an event of the record.
    fn admit_drops(&mut self, group: &mut Vec<Submission>) {
        let Some(dropped) = self.drops.take() else { return };
        let payload = RecorderEventsDropped {
            count: Count::saturating(dropped.count),
            cause: Label::new("queue full").unwrap_or_else(|_| unreachable!("eleven bytes are within the bound")),
            first_at: dropped.first_at,
            last_at: dropped.last_at,
        };
        if let Some(event) = self.own_event(payload.into()) {
            let events = Submitted::Checked(vec![event]);
            group.insert(0, Submission { events, mode: Mode::Lenient, cell: None, work: Work::None });
        }
    }

    /// Puts ids and projection aside once enough has come since the last time. Losing them costs time alone.
    fn put_aside(&mut self) {
        let (last, chain) = self.folded;
        self.identity.settle();
        if self.identity.is_full()
            && let Some(filing) = self.identity.start_filing(last, chain.as_bytes())
        {
            self.behind.run(move || filing.run());
        }
        if last.saturating_sub(self.snapshot_seq) >= SNAPSHOT_EVERY {
            // A snapshot that could not be written costs the next open some time; another one is written later.
            if let Ok(aside) = self.aside() {
                let log = Arc::clone(self.identity.log());
                self.behind.run(move || {
                    let _written = aside.write(&log).is_ok();
                });
            }
            self.snapshot_seq = last;
        }
    }

    fn aside(&self) -> std::io::Result<Aside> {
        Aside::of(&self.projection.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The end of the hash chain.
    pub(crate) fn chain_head(&self) -> ChainHash {
        self.writer.chain_head()
    }

    /// Goes on in a new segment of the journal, so that all that was committed can be sealed.
    pub(crate) fn roll(&mut self) -> Result<(), WriteError> {
        self.writer.roll_now().map(drop)
    }

    /// The segment of the journal that is written now.
    pub(crate) fn segment(&self) -> u64 {
        self.segment
    }

    /// Closes the log and puts aside what saves the next open its time.
    pub(crate) fn close(mut self) -> Result<(), CommitError> {
        // Events that were dropped since the last commit are told as well.
        self.commit(&mut Vec::new())?;
        self.behind.finish();
        // Both are derived: if the disk refuses them, the next open folds the log again.
        let aside = (self.folded.0 > self.snapshot_seq).then(|| self.aside());
        let Self { writer, mut identity, folded: (last, chain), .. } = self;
        writer.close()?;
        identity.file(last, chain.as_bytes());
        let _derived = aside.is_none_or(|aside| aside.and_then(|aside| aside.write(identity.log())).is_ok());
        Ok(())
    }
}
