//! Forgetting: segments without the events of some sessions take the place of those with them.
//!
//! The order is the promise. The new segments are written and synced; what would be left is folded, and put aside; which
//! content nothing names any more is written down; then the manifest is replaced, and from then on the events are
//! forgotten, and it is due to tell so in the log. Only then the old segments and the content go. A crash at any step
//! leaves all of it or nothing of it done, and what is left to do is done at the next open.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

use flightrec_archive::{Forget, Forgetting, Manifest, RewriteError, SegmentEntry, rewrite};
use flightrec_events::{CheckedEvent, EventId, Timestamp};
use flightrec_journal::Seq;
use flightrec_journal::sabotage::{Sabotage, sabotaged};
use rustc_hash::FxHashSet;

use super::scan::Scan;
use super::seal::{MAX_SEGMENT_EVENTS, SealError, Sealer};
use super::view::{Log, View};
use crate::artifacts::Artifacts;
use crate::error::ArtifactError;
use crate::fold::Projection;
use crate::named::each_named;
use crate::open;
use crate::snapshot::Aside;
use crate::unreferenced::Unreferenced;

/// What is to be forgotten.
pub(crate) struct Order<'a> {
    /// The sessions, under all their ids. What the journal holds of them stays.
    pub(crate) ids: &'a FxHashSet<Arc<str>>,
    /// The policy that demands it, in its own words.
    pub(crate) policy: String,
    /// The id of the event that will tell of it.
    pub(crate) event_id: EventId,
    pub(crate) decided: Timestamp,
    /// Asked right before it happens, when it has taken long to prepare.
    pub(crate) is_still_wanted: &'a dyn Fn() -> bool,
}

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The segments could not be written, or the list of them not be replaced.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A segment could not be rewritten.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    /// Content that nothing names any more could not be removed; it is tried again at the next open.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// One of the sessions was put on hold meanwhile.
    #[error("a session that was to be forgotten was put on hold meanwhile; nothing was forgotten, try again")]
    HeldMeanwhile,
}

/// What is left out, and what stays.
struct Watch<'a> {
    ids: &'a FxHashSet<Arc<str>>,
    first_seq: u64,
    last_seq: u64,
    events: u64,
    /// Content that only forgotten events have named so far.
    named: HashSet<[u8; 32]>,
}

impl Forget for Watch<'_> {
    fn forgets(&self, session: &str) -> bool {
        self.ids.contains(session)
    }

    fn forgotten(&mut self, seq: Seq, event: &CheckedEvent) {
        self.first_seq = self.first_seq.min(seq.get());
        self.last_seq = self.last_seq.max(seq.get());
        self.events += 1;
        each_named(event, |sha256| {
            self.named.insert(sha256);
        });
    }

    fn kept(&mut self, _event: &CheckedEvent) {}
}

impl Sealer {
    /// Forgets what is sealed of some sessions; `None` if nothing is.
    pub(crate) fn forget(&self, order: &Order<'_>, artifacts: &Artifacts) -> Result<Option<Forgetting>, ForgetError> {
        let _turn = self.turn();
        let storage = &**self.log.storage();
        let view = self.log.view();
        view.manifest.settle(storage).map_err(SealError::from)?;
        let mut watch = Watch { ids: order.ids, first_seq: u64::MAX, last_seq: 0, events: 0, named: HashSet::new() };
        let entries = self.rewrite_without(&view, &mut watch)?;
        if watch.events == 0 {
            return Ok(None);
        }
        let manifest = view.manifest.replacing(entries);
        let forgettings = manifest.forgettings() + 1;
        let (folded, packing) = {
            let projection = self.projection.read().unwrap_or_else(PoisonError::into_inner);
            (projection.last_seq, projection.packing())
        };
        let empty = Projection::empty(forgettings).pack_by(packing);
        let mut left = Left::new(self.log.by(manifest.clone()), empty, watch.named);
        left.fold(folded).map_err(SealError::from)?;
        self.put_aside(&left.projection)?;
        let unreferenced = Unreferenced::new(forgettings, folded.unwrap_or(0), &left.unnamed);
        let noted = unreferenced.write(storage);
        noted.map_err(|source| SealError::Io { doing: "note which content goes", source })?;
        if !(order.is_still_wanted)() {
            return Err(ForgetError::HeldMeanwhile);
        }
        let forgetting = Forgetting {
            event_id: *order.event_id.as_bytes(),
            decided_us: order.decided.as_micros(),
            first_seq: Seq::new(watch.first_seq),
            last_seq: Seq::new(watch.last_seq),
            events: watch.events,
            artifacts: left.unnamed.len() as u64,
            policy: order.policy.clone(),
        };
        let manifest =
            if sabotaged(Sabotage::ForgetUntold) { manifest } else { manifest.forgetting(forgetting.clone()) };
        let unnamed = self.take_over_without(&view, &manifest, left)?;
        artifacts.remove(&unnamed)?;
        Unreferenced::remove(storage)
            .map_err(|source| SealError::Io { doing: "remove the note of content", source })?;
        Ok(Some(forgetting))
    }

    fn put_aside(&self, projection: &Projection) -> Result<(), SealError> {
        let put_aside = Aside::of(projection).and_then(|aside| aside.write(&self.log));
        put_aside.map_err(|source| SealError::Io { doing: "put the projection aside", source })
    }

    /// Says that the log has told of a forgetting.
    pub(crate) fn told(&self, forgetting: &Forgetting) -> Result<(), SealError> {
        let _turn = self.turn();
        let storage = &**self.log.storage();
        let view = self.log.view();
        view.manifest.settle(storage)?;
        let manifest = view.manifest.told(forgetting.event_id);
        manifest.commit(storage)?;
        self.log.install(manifest, &view.journal);
        Ok(())
    }

    /// Writes segments that take the place of those that hold what is forgotten; neighbours become one.
    fn rewrite_without(&self, view: &View, watch: &mut Watch<'_>) -> Result<Vec<SegmentEntry>, ForgetError> {
        let mut runs: Vec<Vec<&SegmentEntry>> = Vec::new();
        let mut before: Option<Seq> = None;
        for entry in view.manifest.segments() {
            let segment = self.log.segment(entry).map_err(SealError::from)?;
            let ids = watch.ids;
            if !segment.holds_any(|session| ids.contains(session)).map_err(RewriteError::from)? {
                continue;
            }
            let follows = before.is_some_and(|before| before.plus(1) == entry.first_seq);
            before = Some(entry.last_seq);
            match runs.last_mut().filter(|run| follows && fits(run, entry)) {
                Some(run) => run.push(entry),
                None => runs.push(vec![entry]),
            }
        }
        let storage = &**self.log.storage();
        let revision = view.manifest.next_generation();
        let mut written = Vec::new();
        for run in runs {
            let segments = run.into_iter().map(|entry| self.log.segment(entry)).collect::<Result<Vec<_>, _>>();
            let segments = segments.map_err(SealError::from)?;
            written.push(rewrite(storage, self.log.store(), &segments, revision, watch)?);
        }
        Ok(written)
    }

    /// From here on the events are forgotten. Answers with the content that nothing names any more.
    fn take_over_without(&self, view: &View, manifest: &Manifest, mut left: Left) -> Result<Vec<[u8; 32]>, SealError> {
        let storage = &**self.log.storage();
        {
            // The writer folds nothing meanwhile, and both projections end with the same event.
            let mut projection: RwLockWriteGuard<'_, Projection> =
                self.projection.write().unwrap_or_else(PoisonError::into_inner);
            left.fold(projection.last_seq)?;
            manifest.commit(storage)?;
            self.log.install(manifest.clone(), &view.journal);
            *projection = left.projection;
        }
        // Whatever was put aside meanwhile may hold what is forgotten.
        self.put_aside(&self.projection.read().unwrap_or_else(PoisonError::into_inner))?;
        manifest.settle(storage)?;
        Ok(left.unnamed.into_iter().collect())
    }
}

/// Whether a segment may join others in one.
fn fits(run: &[&SegmentEntry], entry: &SegmentEntry) -> bool {
    run.iter().map(|other| other.events).sum::<u64>() + entry.events <= MAX_SEGMENT_EVENTS
}

/// What is left, folded anew.
struct Left {
    scan: Scan,
    projection: Projection,
    /// Content that was named by what is forgotten, and by nothing that was folded so far.
    unnamed: HashSet<[u8; 32]>,
}

impl Left {
    fn new(log: Log, projection: Projection, named: HashSet<[u8; 32]>) -> Self {
        let scan = Arc::new(log).scan(1);
        Self { scan, projection, unnamed: named }
    }

    /// Folds on, up to the block that ends with a position.
    fn fold(&mut self, until: Option<u64>) -> Result<(), crate::error::ReadError> {
        let Self { scan, projection, unnamed } = self;
        let met = open::fold_each(scan, projection, until.unwrap_or(0), &mut |event| {
            each_named(event, |sha256| {
                unnamed.remove(&sha256);
            });
        })?;
        if met.damage {
            // What is lost may come back from a copy, and may name any of it.
            unnamed.clear();
        }
        Ok(())
    }
}
