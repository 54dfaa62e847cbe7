//! Answers: everything that can be asked of a store, without changing a byte of it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use flightrec_archive::ArchivedEvent;
use flightrec_events::{CheckedEvent, Registry, Timestamp};
use flightrec_journal::{Block, BlockRef, DiskStorage, Seq, Storage, StoreId};
use rustc_hash::FxHashMap;

use crate::artifacts::Artifacts;
use crate::checkpoint::Checkpoint;
use crate::error::{LookupError, OpenError, ReadError};
use crate::fold::{CostKey, DetailFold, Projection, SpawnForest, Told};
use crate::log::{Log, Scan, View};
use crate::open;
use crate::query::{EventFilter, SessionFilter, SpanFilter};
use crate::selection::Events;
use crate::store::StoreFiles;
use crate::view::{
    CostRow, Finding, FindingKind, MessageView, RateView, SessionDetail, SessionView, SpanView, TreeView,
};

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
        let folded = open::fold_on(&mut scan, &self.projection, u64::MAX);
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
            return Ok(Arc::clone(projection.id_at(session)));
        }
        let begins = |id: &&Arc<str>| id.starts_with(prefix);
        let mut found: Vec<&Arc<str>> = projection.listed().map(|at| projection.id_at(at)).filter(begins).collect();
        if found.is_empty() {
            // A trace that belongs to no session is found by its id.
            found = projection.roots().map(|at| projection.id_at(at)).filter(begins).collect();
        }
        match found.as_slice() {
            [one] => Ok(Arc::clone(one)),
            [] => Err(LookupError::NotFound(prefix.chars().filter(|c| !c.is_control()).take(64).collect())),
            several => Err(LookupError::Ambiguous {
                prefix: prefix.to_owned(),
                count: several.len(),
                examples: several.iter().take(3).map(|id| &***id).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// The sessions that pass a filter, in its order.
    pub fn sessions(&self, filter: &SessionFilter) -> Vec<SessionView> {
        let projection = self.projection();
        let forest = SpawnForest::new(&projection);
        let views = projection.listed().map(|at| forest.view(at)).filter(|view| filter.takes(view)).collect();
        filter.arrange(views)
    }

    /// Everything about one session, named by its id or a unique beginning of it.
    ///
    /// # Errors
    /// [`LookupError`] if no one session answers, [`ReadError`] if its events cannot be read.
    pub fn session(&self, id: &str) -> Result<SessionDetail, AnswerError> {
        let id = self.resolve(id)?;
        let (fold, gaps) = self.fold_details(&EventFilter::of_session(Arc::clone(&id)))?;
        let (spans, states) = fold.finish();
        let mut tree = self.tree(&id)?;
        tree.session.findings.extend(gaps);
        Ok(SessionDetail { session: tree.session, states, spans, children: tree.children })
    }

    /// Folds the events that pass a filter. A damaged block loses its own events and no others; each
    /// is told as a finding.
    fn fold_details(&self, filter: &EventFilter) -> Result<(DetailFold, Vec<Finding>), ReadError> {
        let mut fold = DetailFold::new(self.stand_ins(filter.session.as_ref()), self.sharing(filter.session.as_ref()));
        let mut gaps = Vec::new();
        for event in self.events(filter) {
            match event {
                Ok(event) => fold.apply(event.seq, &event.event),
                Err(error) if error.is_damage() => gaps.push(Finding {
                    kind: FindingKind::Gap,
                    severity: FindingKind::Gap.severity(),
                    session_id: filter.session.clone(),
                    span_id: None,
                    seq: error.first_lost(),
                    detail: format!("a part of the log cannot be read: {error}"),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok((fold, gaps))
    }

    /// Which ids stand for a session, or for any.
    fn stand_ins(&self, session: Option<&Arc<str>>) -> FxHashMap<Arc<str>, Arc<str>> {
        let projection = self.projection();
        let Some(session) = session else { return projection.stand_ins() };
        let Some(root) = projection.find(session) else { return FxHashMap::default() };
        projection.ids_of(root).into_iter().skip(1).map(|id| (id, Arc::clone(projection.id_at(root)))).collect()
    }

    /// Whether a session shares its id with its agents, or which do.
    fn sharing(&self, session: Option<&Arc<str>>) -> FxHashMap<Arc<str>, Told> {
        let projection = self.projection();
        match session {
            Some(session) => projection.sharing(projection.find(session).into_iter()),
            None => projection.sharing(projection.listed()),
        }
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

    /// The spans that pass a filter, by start.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read.
    pub fn spans(&self, filter: &SpanFilter) -> Result<Vec<SpanView>, ReadError> {
        let events = EventFilter { session: filter.session.clone(), ..EventFilter::default() };
        Ok(filter.arrange(self.fold_details(&events)?.0.into_spans()))
    }

    /// A session's thread, in the order of the log; of all sessions with `None`.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read.
    pub fn messages(&self, session: Option<Arc<str>>) -> Result<Vec<MessageView>, ReadError> {
        Ok(self.fold_details(&EventFilter { session, ..EventFilter::default() })?.0.into_messages())
    }

    /// Usage and cost by a key, of the sessions that pass a filter; largest cost first.
    pub fn cost(&self, key: CostKey, filter: &SessionFilter) -> Vec<CostRow> {
        let projection = self.projection();
        if filter.is_open() {
            return projection.cost_rows(key, &|_| true);
        }
        let forest = SpawnForest::new(&projection);
        projection.cost_rows(key, &|at| filter.takes(&forest.view(at)))
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
        projection.listed().map(|at| Arc::clone(projection.id_at(at))).collect()
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
        projection.roots().map(|at| Arc::clone(projection.id_at(at))).collect()
    }

    /// The ids under which the events of a session were recorded: its own first, then those that stand for it,
    /// because its telemetry came before the session was known.
    pub fn ids_of(&self, session: &str) -> Vec<Arc<str>> {
        let projection = self.projection();
        projection.find(session).map_or_else(Vec::new, |root| projection.ids_of(root))
    }

    /// The findings that concern no single session, such as lost parts of the log.
    pub fn store_findings(&self) -> Vec<Finding> {
        self.projection().store_findings()
    }
}
