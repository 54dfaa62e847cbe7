//! Answers: everything that can be asked of a store, without changing a byte of it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use flightrec_archive::{ArchivedEvent, Manifest, Segment, SegmentEntry};
use flightrec_events::{CheckedEvent, Registry, Timestamp};
use flightrec_journal::{Block, BlockRef, DiskStorage, Seq, Storage, StoreId};

use crate::artifacts::Artifacts;
use crate::checkpoint::Checkpoint;
use crate::error::{LookupError, OpenError, ReadError};
use crate::fold::{CostKey, Projection, SpawnForest};
use crate::log::{Log, Scan, View};
use crate::open;
use crate::query::{EventFilter, SessionFilter};
use crate::selection::Events;
use crate::store::StoreFiles;
use crate::view::{CostRow, Finding, ModelRunView, RateView, SessionView, TreeView};

/// How many verified blocks are held for the next question, and how many bytes of records at most; the
/// block that was read last is held whatever its size.
const CACHED_BLOCKS: usize = 64;
const CACHED_BYTES: usize = 16 * 1024 * 1024;

/// Blocks that were read lately, oldest first, with the bytes of their records.
#[derive(Debug, Default)]
struct BlockCache {
    blocks: VecDeque<(usize, Arc<Block>)>,
    bytes: usize,
}

impl BlockCache {
    fn find(&self, reference: &BlockRef) -> Option<Arc<Block>> {
        self.blocks.iter().find(|(_, block)| block.reference == *reference).map(|(_, block)| Arc::clone(block))
    }

    fn keep(&mut self, block: &Arc<Block>) {
        let bytes = block.records().map(|(_, record)| record.len()).sum();
        self.blocks.push_back((bytes, Arc::clone(block)));
        self.bytes += bytes;
        while self.blocks.len() > CACHED_BLOCKS || (self.bytes > CACHED_BYTES && self.blocks.len() > 1) {
            let Some((gone, _)) = self.blocks.pop_front() else { return };
            self.bytes -= gone;
        }
    }
}

/// An event as the record holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// Its position, gap-free from 1.
    pub seq: u64,
    /// When it was recorded, on the recorder's clock.
    pub recorded_at: Timestamp,
    /// The event.
    pub event: CheckedEvent,
}

impl From<ArchivedEvent> for RecordedEvent {
    fn from(archived: ArchivedEvent) -> Self {
        let ArchivedEvent { seq, recorded_at, event } = archived;
        Self { seq: seq.get(), recorded_at, event }
    }
}

impl RecordedEvent {
    /// Appends the event as one JSON object, `seq` and `recorded_at` included.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        self.event.write_json(out, Some((self.seq, self.recorded_at)));
    }
}

/// Answers questions about a store. Opening one in another process than the writer's works at any
/// time; [`Reader::refresh`] takes in what has been written since.
#[derive(Debug)]
pub struct Reader {
    files: StoreFiles,
    log: Arc<Log>,
    artifacts: Artifacts,
    projection: Arc<RwLock<Projection>>,
    /// Follows the log where no writer in this process keeps the projection up to date.
    scan: Option<Mutex<Scan>>,
    cache: Mutex<BlockCache>,
}

impl Reader {
    /// Opens the store in a directory to read.
    ///
    /// # Errors
    /// [`OpenError::NoStore`] if there is none, [`OpenError::NewerFormat`] if a later version wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_storage(Arc::new(DiskStorage::new(path.as_ref())))
    }

    /// Opens the store that a storage holds to read.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_storage(storage: Arc<dyn Storage>) -> Result<Self, OpenError> {
        open::reader(storage)
    }

    pub(crate) fn new(
        files: StoreFiles,
        log: Arc<Log>,
        artifacts: Artifacts,
        projection: Arc<RwLock<Projection>>,
        scan: Option<Scan>,
    ) -> Self {
        Self { files, log, artifacts, projection, scan: scan.map(Mutex::new), cache: Mutex::default() }
    }

    /// Another reader of the same store, which keeps a projection of its own.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn another(&self) -> Result<Self, OpenError> {
        Self::open_storage(Arc::clone(self.log.storage()))
    }

    /// Takes in what has been written since the last time. A reader that belongs to a recorder sees
    /// everything durable without it.
    ///
    /// # Errors
    /// [`ReadError`] if the log cannot be read.
    pub fn refresh(&self) -> Result<(), ReadError> {
        let Some(scan) = &self.scan else { return Ok(()) };
        let mut scan = scan.lock().unwrap_or_else(PoisonError::into_inner);
        self.log.refresh()?;
        if self.log.view().manifest.forgettings() != self.projection().forgettings {
            // What was folded holds what is forgotten now.
            let (projection, _) = open::put_aside(&self.log)?;
            *scan = self.log.scan(open::after(projection.last_seq));
            *self.projection.write().unwrap_or_else(PoisonError::into_inner) = projection;
        }
        let mut folded = open::fold_on(&mut scan, &self.projection, u64::MAX);
        if folded.as_ref().is_err_and(open::is_unfolded) {
            // What was put aside is damaged: everything is folded from the beginning.
            let forgettings = self.projection().forgettings;
            *self.projection.write().unwrap_or_else(PoisonError::into_inner) = Projection::empty(forgettings);
            *scan = self.log.scan(1);
            folded = open::fold_on(&mut scan, &self.projection, u64::MAX);
        }
        // What was sealed meanwhile is read from the archive.
        let sealed = self.log.view().origin_seq();
        if self.projection().blocks.first().is_some_and(|first| first.last_seq() < sealed) {
            self.projection.write().unwrap_or_else(PoisonError::into_inner).trim(sealed);
        }
        folded.inspect_err(|_| {
            // The scan may have gone beyond what was folded; the next attempt begins where the fold ended.
            *scan = self.log.scan(open::after(self.last_seq()));
        })
    }

    pub(crate) fn projection(&self) -> RwLockReadGuard<'_, Projection> {
        self.projection.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn files(&self) -> &StoreFiles {
        &self.files
    }

    pub(crate) const fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The families that the store was written with.
    ///
    /// # Errors
    /// [`OpenError`] if a declaration file is damaged.
    pub fn registry(&self) -> Result<Registry, OpenError> {
        self.files.registry()
    }

    /// The identity of the store.
    pub const fn store_id(&self) -> StoreId {
        self.files.id
    }

    /// The files of the store, for whoever copies them.
    pub const fn storage(&self) -> &Arc<dyn Storage> {
        &self.files.storage
    }

    /// What is sealed at this moment, and where the journal begins behind it.
    pub fn manifest(&self) -> Manifest {
        self.log.view().manifest.clone()
    }

    /// A sealed segment, opened if it is not.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be read, or is not what was sealed.
    pub fn segment(&self, entry: &SegmentEntry) -> Result<Arc<Segment>, ReadError> {
        self.log.segment(entry)
    }

    /// Content by its hash.
    pub const fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// The last position that is visible; `None` in an empty store.
    pub fn last_seq(&self) -> Option<u64> {
        self.projection().last_seq
    }

    /// Where the log stands now, as a line to be kept elsewhere; `None` while it is empty.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let projection = self.projection();
        let (seq, recorded_at) = projection.last_seq.zip(projection.recorded_at())?;
        Some(Checkpoint { store: self.files.id, seq, chain: projection.chain(), recorded_at })
    }

    /// How often this store has forgotten something, as far as this reader has seen: with the checkpoint it says what all
    /// answers follow from.
    pub fn forgettings(&self) -> u64 {
        self.projection().forgettings
    }

    /// What the log takes on disk, in bytes.
    pub(crate) fn log_bytes(&self) -> Result<u64, ReadError> {
        self.log.bytes()
    }

    /// How many events the store holds.
    pub fn event_count(&self) -> u64 {
        self.projection().events
    }

    /// The whole id of the one session that begins with `prefix`.
    ///
    /// # Errors
    /// [`LookupError`] if there is none, or more than one.
    pub fn resolve(&self, prefix: &str) -> Result<Arc<str>, LookupError> {
        let projection = self.projection();
        if let Some(session) = projection.find(prefix) {
            return Ok(projection.id_at(session));
        }
        let beginning = projection.sessions.beginning_with(prefix);
        let of = |is: &dyn Fn(u32) -> bool| {
            let found = beginning.iter().filter(|(at, _)| is(*at)).map(|(_, id)| Arc::clone(id));
            found.collect::<Vec<Arc<str>>>()
        };
        let mut found = of(&|at| projection.is_listed(at));
        if found.is_empty() {
            // A trace that belongs to no session is found by its id.
            found = of(&|at| projection.is_root(at));
        }
        match found.as_slice() {
            [one] => Ok(Arc::clone(one)),
            [] => Err(LookupError::NotFound(prefix.chars().filter(|c| !c.is_control()).take(64).collect())),
            several => Err(LookupError::Ambiguous {
                prefix: prefix.to_owned(),
                count: several.len(),
                examples: several.iter().take(3).map(|id| &**id).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// The sessions that pass a filter, in its order.
    pub fn sessions(&self, filter: &SessionFilter) -> Vec<SessionView> {
        let projection = self.projection();
        let forest = SpawnForest::new(&projection);
        filter.arrange(projection.choose(filter).into_iter().map(|at| forest.view(at)).collect())
    }

    /// One session, by its whole id.
    pub fn session_view(&self, id: &str) -> Option<SessionView> {
        let projection = self.projection();
        let at = projection.find(id)?;
        projection.is_listed(at).then(|| SpawnForest::new(&projection).view(at))
    }

    /// A session with its descendants.
    ///
    /// # Errors
    /// [`LookupError`] if no one session answers.
    pub fn tree(&self, id: &str) -> Result<TreeView, LookupError> {
        let id = self.resolve(id)?;
        let projection = self.projection();
        let session = projection.find(&id).ok_or_else(|| LookupError::NotFound(id.to_string()))?;
        Ok(SpawnForest::new(&projection).tree(session))
    }

    /// The trees of all sessions that nobody in this store spawned. Where sessions claim to have spawned
    /// each other in a circle, the first of them stands for it.
    pub fn trees(&self) -> Vec<TreeView> {
        let projection = self.projection();
        let forest = SpawnForest::new(&projection);
        forest.roots().into_iter().map(|session| forest.tree(session)).collect()
    }

    /// The events that pass a filter, in the order of the log. They are read as they are taken.
    pub fn events(&self, filter: &EventFilter) -> Events<'_> {
        Events::new(self, filter.clone())
    }

    /// One event by its position.
    ///
    /// # Errors
    /// [`ReadError`] if its block cannot be read.
    pub fn event(&self, seq: u64) -> Result<Option<RecordedEvent>, ReadError> {
        let sealed = |view: &View| match view.segments(seq, seq).next() {
            Some(entry) => Ok(Some(self.log.segment(entry)?.event(Seq::new(seq))?)),
            None => Ok(None),
        };
        if let Some(found) = self.log.ask(sealed)? {
            return Ok(found.map(RecordedEvent::from));
        }
        let Some(place) = self.projection().blocks.at(seq).copied() else { return Ok(None) };
        let block = self.block(&place.reference())?;
        let found = block.records().find(|(at, _)| at.get() == seq);
        found
            .map(|(at, stored)| {
                Ok(RecordedEvent { seq, recorded_at: open::stamp(&block), event: open::decode(at, stored)? })
            })
            .transpose()
    }

    pub(crate) fn block(&self, reference: &BlockRef) -> Result<Arc<Block>, ReadError> {
        if let Some(block) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).find(reference) {
            return Ok(block);
        }
        let block = Arc::new(self.log.view().journal.read_block(reference)?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).keep(&block);
        Ok(block)
    }

    /// Usage and cost by a key, of the sessions that pass a filter; largest cost first.
    pub fn cost(&self, key: CostKey, filter: &SessionFilter) -> Vec<CostRow> {
        self.projection().cost_rows(key, filter)
    }

    /// The model runs of one session, by its whole id, or of all: each once, however often it was reported. Summed up
    /// they are the answers of [`cost`](Self::cost).
    ///
    /// # Errors
    /// [`ReadError`] if what was put aside of the sessions cannot be read.
    pub fn model_runs(&self, session: Option<&str>) -> Result<Vec<ModelRunView>, ReadError> {
        let projection = self.projection();
        match session {
            None => projection.model_runs(None),
            Some(id) => projection.find(id).map_or_else(|| Ok(Vec::new()), |at| projection.model_runs(Some(at))),
        }
        .map_err(open::unfolded)
    }

    /// The rate of use over the window that ends at `now`.
    pub fn rate(&self, now: Timestamp, window_s: u64) -> RateView {
        self.projection().rate(now, window_s)
    }

    /// All findings: those of the store, then those of every session.
    pub fn findings(&self) -> Vec<Finding> {
        let projection = self.projection();
        let forest = SpawnForest::new(&projection);
        let mut findings = projection.store_findings();
        findings.extend(projection.listed().flat_map(|at| forest.view(at).findings));
        findings
    }
}

/// A question about one session could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// No one session answers to the name.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// Its events cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Reader {
    /// The ids of all sessions, in the order in which they were first seen.
    pub fn session_ids(&self) -> Vec<Arc<str>> {
        let projection = self.projection();
        projection.listed().map(|at| projection.id_at(at)).collect()
    }

    /// Whether telemetry told of a session, and not its host: its thread is in the order of time then, because
    /// its messages came in any order.
    pub fn is_told(&self, session: &str) -> bool {
        let projection = self.projection();
        projection.find(session).is_some_and(|at| {
            let whole = projection.session_at(at);
            whole.told.is_some() && !whole.is_native
        })
    }

    /// The ids of all sessions, and of the traces whose spans lie outside any session.
    pub fn ids_with_traces(&self) -> Vec<Arc<str>> {
        let projection = self.projection();
        projection.roots().map(|at| projection.id_at(at)).collect()
    }

    /// The ids under which the events of a session were recorded: its own first, then those that stand for it,
    /// because its telemetry came before the session was known.
    pub fn ids_of(&self, session: &str) -> Vec<Arc<str>> {
        let projection = self.projection();
        projection.find(session).map_or_else(Vec::new, |root| projection.ids_of(root))
    }

    /// The ids that stand for another session, each with that session's id.
    pub fn standing_in(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.projection().stand_ins().into_iter().collect()
    }

    /// The findings that concern no single session, such as lost parts of the log.
    pub fn store_findings(&self) -> Vec<Finding> {
        self.projection().store_findings()
    }
}
