//! Whole journal segments become a segment of the archive.
//!
//! The order is the promise. The new file is written and synced; the projection is put aside, so that no open has to
//! fold what is sealed; the manifest is replaced, and from then on the archive holds these positions; only then the
//! segments of the journal go. A crash at any step leaves either the journal or the archive in charge of a position,
//! and never none of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use flightrec_archive::{ManifestError, RewriteError, Seal, SealError as ArchiveSealError, SealedBlock, SegmentEntry};
use flightrec_journal::{Origin, ReadError as JournalReadError, ScanItem, SegmentInfo, Seq, remove_before};

use super::view::{Log, View};
use crate::error::ReadError;
use crate::fold::Projection;
use crate::snapshot::Aside;

/// The most events of a segment, unless one journal segment alone holds more: so many are sorted in memory.
pub(super) const MAX_SEGMENT_EVENTS: u64 = 524_288;
/// Fewer bytes of the journal than this are not sealed in the background: segments are to be few.
const MIN_SEAL_BYTES: u64 = 24 << 20;

/// What was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Sealed {
    /// How many segments were made.
    pub segments: u64,
    /// How many events they hold.
    pub events: u64,
    /// How many bytes these took in the journal.
    pub journal_bytes: u64,
    /// How many bytes they take in the archive.
    pub archive_bytes: u64,
}

/// Why a range could not be sealed. Everything is where it was.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The journal is damaged in what was to be sealed.
    #[error("the journal is damaged, and what is damaged stays in it: {0}")]
    Damaged(String),
    /// The segment cannot be written.
    #[error(transparent)]
    Segment(#[from] ArchiveSealError),
    /// Small segments cannot be merged.
    #[error(transparent)]
    Merge(#[from] RewriteError),
    /// The list of segments cannot be read or replaced.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalReadError),
    /// What is sealed cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The recorder stopped before.
    #[error("{0}")]
    Stopped(String),
    /// The file system refused.
    #[error("cannot {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Seals what nothing more is written to, one range after the other.
#[derive(Debug)]
pub(crate) struct Sealer {
    pub(super) log: Arc<Log>,
    pub(super) projection: Arc<RwLock<Projection>>,
    /// One at a time.
    turn: Mutex<()>,
}

impl Sealer {
    pub(crate) fn new(log: Arc<Log>, projection: Arc<RwLock<Projection>>) -> Self {
        Self { log, projection, turn: Mutex::default() }
    }

    /// Seals what is worth it.
    pub(crate) fn seal_if_due(&self) -> Result<Sealed, SealError> {
        self.seal(MIN_SEAL_BYTES)
    }

    /// Seals every journal segment that nothing more is written to.
    pub(crate) fn seal_all(&self) -> Result<Sealed, SealError> {
        self.seal(0)
    }

    /// Waits until nobody else changes the archive.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seal(&self, at_least_bytes: u64) -> Result<Sealed, SealError> {
        let _turn = self.turn();
        let mut sealed = Sealed::default();
        loop {
            let view = self.log.view();
            view.manifest.settle(&**self.log.storage())?;
            let Some((origin, journal_bytes)) = self.next_range(&view, at_least_bytes)? else {
                self.merge_small()?;
                return Ok(sealed);
            };
            let entry = write_segment(&self.log, &view, origin)?;
            sealed.segments += 1;
            sealed.events += entry.events;
            sealed.journal_bytes += journal_bytes;
            sealed.archive_bytes += entry.bytes;
            self.take_over(&view, entry, origin)?;
        }
    }

    /// Where the journal begins behind the next segment, and how many bytes of it that takes.
    fn next_range(&self, view: &View, at_least_bytes: u64) -> Result<Option<(Origin, u64)>, SealError> {
        let folded = self.projection.read().unwrap_or_else(PoisonError::into_inner).last_seq.unwrap_or(0);
        let sealable: Vec<(SegmentInfo, Origin)> = view.journal.origins()?;
        let sealable: Vec<_> = sealable.into_iter().filter(|(_, origin)| origin.seq.get() <= folded + 1).collect();
        let bytes: u64 = sealable.iter().map(|(segment, _)| segment.len).sum();
        if bytes < at_least_bytes {
            return Ok(None);
        }
        let first = view.origin_seq();
        let fits = |origin: &Origin| origin.seq.get() - first <= MAX_SEGMENT_EVENTS;
        let take = sealable.iter().take_while(|(_, origin)| fits(origin)).count().max(1);
        let taken = &sealable[..take.min(sealable.len())];
        let range = taken.last().filter(|(_, origin)| origin.seq.get() > first);
        Ok(range.map(|(_, origin)| (*origin, taken.iter().map(|(segment, _)| segment.len).sum())))
    }

    /// From here on the archive holds the range, and the journal begins behind it.
    fn take_over(&self, view: &View, entry: SegmentEntry, origin: Origin) -> Result<(), SealError> {
        let storage = &**self.log.storage();
        let aside = Aside::of(&self.projection.read().unwrap_or_else(PoisonError::into_inner));
        let put_aside = aside.and_then(|aside| aside.write(&self.log));
        put_aside.map_err(|source| SealError::Io { doing: "put the projection aside", source })?;
        let manifest = view.manifest.with(entry, origin);
        manifest.commit(storage)?;
        self.log.install(manifest.clone(), &view.journal);
        self.projection.write().unwrap_or_else(PoisonError::into_inner).trim(origin.seq.get());
        manifest.settle(storage)?;
        let removed = remove_before(storage, origin.segment);
        removed.map(drop).map_err(|source| SealError::Io { doing: "remove sealed segments of the journal", source })
    }
}

/// Writes the segment that holds everything from the view's origin to another.
fn write_segment(log: &Log, view: &View, origin: Origin) -> Result<SegmentEntry, SealError> {
    let from = view.manifest.origin();
    let mut seal = Seal::new(log.store(), from.chain);
    let mut cursor = view.journal.cursor(from.seq);
    let mut next = from.seq;
    while next < origin.seq {
        let damage = match cursor.next()? {
            Some(ScanItem::Block(block)) => {
                let records: Vec<&[u8]> = block.records().map(|(_, record)| record).collect();
                let (first_seq, stamp_us, link) = (block.reference.first_seq, block.stamp_us, block.chain);
                seal.push(SealedBlock { first_seq, stamp_us, link, records: &records })?;
                next = block.reference.last_seq().plus(1);
                continue;
            }
            Some(ScanItem::Damage(damage)) => damage.to_string(),
            None => format!("it ends before event {}", Seq::get(origin.seq)),
        };
        return Err(SealError::Damaged(damage));
    }
    Ok(seal.write(&**log.storage())?)
}
