//! What the log consists of at one moment, and how that is kept up to date.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use flightrec_archive::{Manifest, Segment, SegmentEntry};
use flightrec_journal::{ChainHash, Origin, Reader as JournalReader, ScanItem, Seq, Storage, StoreId};

use super::scan::Scan;
use crate::error::{OpenError, ReadError};

/// How much memory the sealed segments may take that are held open, with what finds rows in them: two hundred of them.
const OPEN_BYTES: usize = 128 << 20;

/// The log of one store, as this process sees it.
#[derive(Debug)]
pub(crate) struct Log {
    storage: Arc<dyn Storage>,
    store: StoreId,
    view: RwLock<Arc<View>>,
    open: Mutex<VecDeque<OpenSegment>>,
    /// It goes by the manifest that it was given, whatever the store has.
    is_fixed: bool,
    /// Held by whoever puts the projection aside, one at a time.
    pub(crate) aside: Mutex<PutAside>,
}

/// A sealed segment that is held open.
#[derive(Debug)]
struct OpenSegment {
    segment: Arc<Segment>,
    /// How much memory it takes, told once: all of its footer is walked for that.
    bytes: usize,
}

/// What was put aside last.
#[derive(Debug, Default)]
pub(crate) struct PutAside {
    /// The last number that a file of packed sessions was given.
    pub(crate) last_file: u64,
    /// How often something had been forgotten, and the last position that was folded.
    pub(crate) reached: (u64, Option<u64>),
}

/// The log at one moment. It stays readable as long as no later moment removed its files.
#[derive(Debug)]
pub(crate) struct View {
    /// What is sealed.
    pub(crate) manifest: Manifest,
    /// What is not, from its origin on.
    pub(crate) journal: JournalReader,
}

impl View {
    /// The first position that the journal holds; all before are sealed.
    pub(crate) fn origin_seq(&self) -> u64 {
        self.manifest.origin().seq.get()
    }

    /// The sealed segments that hold positions from `from` to `until`, both included.
    pub(crate) fn segments(&self, from: u64, until: u64) -> impl Iterator<Item = &SegmentEntry> {
        let overlaps = move |entry: &&SegmentEntry| entry.last_seq.get() >= from && entry.first_seq.get() <= until;
        self.manifest.segments().iter().filter(overlaps)
    }
}

impl Log {
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(crate) fn store(&self) -> StoreId {
        self.store
    }

    pub(crate) fn open(storage: Arc<dyn Storage>, store: StoreId) -> Result<Self, OpenError> {
        let view = load(&storage, store)?;
        Ok(Self {
            storage,
            store,
            view: RwLock::new(Arc::new(view)),
            open: Mutex::default(),
            is_fixed: false,
            aside: Mutex::default(),
        })
    }

    /// The log as it would be by another manifest, whose files are there.
    pub(crate) fn by(&self, manifest: Manifest) -> Self {
        let journal = self.view().journal.at(manifest.origin());
        let view = RwLock::new(Arc::new(View { manifest, journal }));
        let storage = Arc::clone(&self.storage);
        Self { storage, store: self.store, view, open: Mutex::default(), is_fixed: true, aside: Mutex::default() }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what the writer of the store has sealed or forgotten since; whether there was anything.
    pub(crate) fn refresh(&self) -> Result<bool, ReadError> {
        if self.is_fixed {
            return Ok(false);
        }
        let manifest = Manifest::load(&*self.storage, self.store)?;
        let held = self.view();
        if manifest.generation() == held.manifest.generation() {
            return Ok(false);
        }
        self.install(manifest, &held.journal);
        Ok(true)
    }

    /// Whether a later manifest than one of this generation is in force: what was looked for may lie elsewhere now.
    pub(crate) fn has_moved_since(&self, generation: u64) -> bool {
        self.refresh().unwrap_or(false) || self.view().manifest.generation() != generation
    }

    /// Answers a question by the manifest in force, and again by a later one if its files went meanwhile.
    pub(crate) fn ask<T>(&self, question: impl Fn(&View) -> Result<T, ReadError>) -> Result<T, ReadError> {
        loop {
            let view = self.view();
            let answer = question(&view);
            if answer.is_ok() || !self.has_moved_since(view.manifest.generation()) {
                return answer;
            }
        }
    }

    /// Goes by a manifest that this process wrote.
    pub(crate) fn install(&self, manifest: Manifest, journal: &JournalReader) {
        let journal = journal.at(manifest.origin());
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(View { manifest, journal });
    }

    /// A sealed segment, opened if it is not.
    pub(crate) fn segment(&self, entry: &SegmentEntry) -> Result<Arc<Segment>, ReadError> {
        let held = |open: &VecDeque<OpenSegment>| {
            open.iter().find(|held| held.segment.entry().file == entry.file).map(|held| Arc::clone(&held.segment))
        };
        if let Some(segment) = held(&self.open.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(segment);
        }
        let segment = Arc::new(Segment::open(&*self.storage, self.store, entry)?);
        let bytes = segment.memory_bytes();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(OpenSegment { segment: Arc::clone(&segment), bytes });
        let mut bytes: usize = open.iter().map(|held| held.bytes).sum();
        while bytes > OPEN_BYTES
            && let Some(oldest) = open.pop_front()
        {
            bytes -= oldest.bytes;
        }
        Ok(segment)
    }

    /// From block to block through the log, beginning with the one that holds `from`.
    pub(crate) fn scan(self: &Arc<Self>, from: u64) -> Scan {
        Scan::new(Arc::clone(self), from)
    }

    /// The link of the block that ends with a position; `None` if no block that is there ends with it.
    pub(crate) fn link_at(&self, seq: u64) -> Result<Option<ChainHash>, ReadError> {
        self.ask(|view| self.link_in(view, seq))
    }

    fn link_in(&self, view: &View, seq: u64) -> Result<Option<ChainHash>, ReadError> {
        let Origin { seq: origin, chain, .. } = view.manifest.origin();
        if seq + 1 == origin.get() {
            return Ok(Some(chain));
        }
        if seq < origin.get() {
            return match view.segments(seq, seq).next() {
                Some(entry) => Ok(self.segment(entry)?.link_at(Seq::new(seq))),
                None => Ok(None),
            };
        }
        let mut cursor = view.journal.cursor(Seq::new(seq));
        while let Some(item) = cursor.next()? {
            if let ScanItem::Block(block) = item {
                return Ok(Some(block.chain).filter(|_| block.reference.last_seq().get() == seq));
            }
        }
        Ok(None)
    }

    /// What the log takes on disk, in bytes.
    pub(crate) fn bytes(&self) -> Result<u64, ReadError> {
        let view = self.view();
        let sealed: u64 = view.manifest.segments().iter().map(|entry| entry.bytes).sum();
        Ok(sealed + view.journal.segments()?.iter().map(|segment| segment.len).sum::<u64>())
    }
}

fn load(storage: &Arc<dyn Storage>, store: StoreId) -> Result<View, OpenError> {
    let manifest = Manifest::load(&**storage, store).map_err(ReadError::from)?;
    let journal = JournalReader::open(Arc::clone(storage), store, manifest.origin())?;
    Ok(View { manifest, journal })
}
