//! `verify`: reads everything again and names what is not as it was written.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, RwLock};

use flightrec_archive::{BlockEntry, SegmentEntry};
use flightrec_events::Payload;
use flightrec_journal::{ChainHash, Seq, StoreId};

use crate::checkpoint::Checkpoint;
use crate::derived;
use crate::error::{ArtifactError, OpenError, ReadError};
use crate::fold::Projection;
use crate::id_file;
use crate::log::{LogItem, View, damage_of_journal, damage_of_segment};
use crate::named::{Named, each_named};
use crate::open;
use crate::reader::Reader;
use crate::side_by_side::{at_once, side_by_side};
use crate::store::StoreFiles;
use crate::view::{DamageView, ProjectionCheck, VerifyView};

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyStep {
    /// What is being read.
    pub stage: VerifyStage,
    /// Events read in this stage.
    pub events: u64,
}

/// What a verification reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifyStage {
    /// Checksums, chain and numbering of the log.
    Log,
    /// Events, folded again.
    Events,
    /// Content.
    Artifacts,
}

/// A verification could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Artifacts cannot be read.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
}

/// A file that is made from the log is damaged where nothing was read of it yet.
const BAD_INDEX: &str = "bad_index";

/// A forgetting, as the record or the manifest tells of it.
struct Told {
    /// The event that tells, or will.
    event_id: [u8; 16],
    /// Positions, from the first to the last.
    range: RangeInclusive<u64>,
    /// How many events of them.
    events: u64,
}

/// The log, folded from its beginning.
struct FoldedAnew {
    projection: Projection,
    /// The first position that was read; 1 if none was.
    first_seq: u64,
    /// The content that events name.
    named: Named,
    unreadable: Vec<DamageView>,
    /// What the record says was forgotten.
    told: Vec<Told>,
    /// The links behind the positions that were asked for, where a block ends there.
    links: HashMap<u64, Option<ChainHash>>,
}

impl Reader {
    /// Reads the whole store again: checksums, hash chain, gap-free positions, artifact hashes, and
    /// the projections against the events. Nothing is changed.
    ///
    /// # Errors
    /// [`VerifyError`] if something cannot be read at all; what is damaged is in the answer.
    pub fn verify(&self, progress: &mut dyn FnMut(VerifyStep)) -> Result<VerifyView, VerifyError> {
        self.verify_against(&[], progress)
    }

    /// As [`verify`](Self::verify), and checks that the log still is the one that checkpoints were taken of: that nobody
    /// changed anything before them, and nobody cut it off there or put an older copy in its place.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_against(
        &self,
        checkpoints: &[Checkpoint],
        progress: &mut dyn FnMut(VerifyStep),
    ) -> Result<VerifyView, VerifyError> {
        self.log().refresh()?;
        loop {
            let generation = self.log().view().manifest.generation();
            let verified = self.verify_once(checkpoints, progress);
            self.log().refresh()?;
            let is_same = self.log().view().manifest.generation() == generation;
            // What was sealed while it was looked for is no damage: it is looked for where it is now.
            if is_same || verified.as_ref().is_ok_and(|found| found.ok) {
                return verified;
            }
        }
    }

    fn verify_once(
        &self,
        checkpoints: &[Checkpoint],
        progress: &mut dyn FnMut(VerifyStep),
    ) -> Result<VerifyView, VerifyError> {
        let files = self.files();
        if StoreFiles::open(Arc::clone(&files.storage))?.id != files.id {
            return Err(
                OpenError::Damaged("its STORE file is another store's; restore it from a copy".to_owned()).into()
            );
        }
        files.registry()?;
        // What was put aside is taken first: the log, which only grows, holds all of it then.
        let (aside, unusable) = open::put_aside(self.log())?;
        let view = self.log().view();
        let (sealed, mut damage) = self.verify_sealed(&view, progress)?;
        let report = flightrec_journal::verify(&files.storage, files.id, view.manifest.origin(), |at| {
            progress(VerifyStep { stage: VerifyStage::Log, events: sealed + at.records });
        })
        .map_err(ReadError::from)?;
        damage.extend(report.damage.iter().map(damage_of_journal));
        let wanted = checkpoints.iter().map(|checkpoint| (checkpoint.seq, None)).collect();
        let FoldedAnew { projection: mut folded, first_seq, named, unreadable, told, links } =
            self.fold_anew(report.last_seq.map_or(view.origin_seq() - 1, Seq::get), wanted, progress)?;
        damage.extend(unreadable);
        damage.extend(self.check_forgotten(&view, told));
        damage.extend(checkpoints.iter().filter_map(|one| contradiction(one, files.id, &links, folded.last_seq)));
        damage.extend(self.check_derived(unusable)?);
        let projections = match self.compare(aside, &mut folded) {
            // What is damaged and told of is not used: the log is folded instead, and says the same as itself.
            Err(error) if open::is_unfolded(&error) && damage.iter().any(|found| found.kind == BAD_INDEX) => {
                ProjectionCheck::Match
            }
            compared => compared?,
        };
        progress(VerifyStep { stage: VerifyStage::Artifacts, events: 0 });
        let (artifacts, bad) = self.artifacts().verify(named)?;
        damage.extend(bad);
        Ok(VerifyView {
            ok: damage.is_empty() && projections == ProjectionCheck::Match,
            events: sealed + report.records,
            first_seq: folded.events.checked_sub(1).map(|_| first_seq),
            last_seq: folded.last_seq,
            chain_head: report.chain_head.to_string(),
            damage,
            artifacts,
            projections,
        })
    }

    /// Folds the log from its beginning, and collects the hashes that events name. It ends with `last`:
    /// a writer that is faster than this must not keep it running.
    fn fold_anew(
        &self,
        last: u64,
        mut links: HashMap<u64, Option<ChainHash>>,
        progress: &mut dyn FnMut(VerifyStep),
    ) -> Result<FoldedAnew, ReadError> {
        let mut projection = Projection::empty(self.log().view().manifest.forgettings());
        let (mut first_seq, mut named, mut unreadable, mut told) = (None, Named::default(), Vec::new(), Vec::new());
        let mut scan = self.log().scan(1);
        while projection.last_seq.unwrap_or(0) < last
            && let Some(item) = scan.next()?
        {
            let block = match item {
                LogItem::Damage(damage) => {
                    projection.note_damage(damage.seq_from, damage.to_string());
                    continue;
                }
                LogItem::Block(block) => block,
            };
            projection.pack().map_err(open::unfolded)?;
            projection.begin_block(block.place(), block.last_seq(), block.chain());
            if let Some(link) = links.get_mut(&block.last_seq()) {
                *link = Some(block.chain());
            }
            let recorded_at = block.recorded_at();
            for (seq, stored) in block.records() {
                first_seq = first_seq.or(Some(seq.get()));
                match open::decode(seq, stored) {
                    Ok(event) => {
                        projection.apply(seq.get(), recorded_at, &event).map_err(open::unfolded)?;
                        each_named(&event, |sha256| named.add(&sha256));
                        if let Payload::RecorderRetentionPurged(purged) = &event.payload {
                            let range = purged.first_seq.get()..=purged.last_seq.get();
                            told.push(Told {
                                event_id: *event.event_id.as_bytes(),
                                range,
                                events: purged.events.get(),
                            });
                        }
                    }
                    Err(error) => unreadable.push(DamageView {
                        kind: "unreadable_event".to_owned(),
                        segment: "log".to_owned(),
                        seq_from: Some(seq.get()),
                        seq_to: Some(seq.get()),
                        detail: error.to_string(),
                    }),
                }
            }
            progress(VerifyStep { stage: VerifyStage::Events, events: projection.events });
        }
        Ok(FoldedAnew { projection, first_seq: first_seq.unwrap_or(1), named, unreadable, told, links })
    }

    /// Reads every sealed segment again; how many events they hold, and what is damaged.
    fn verify_sealed(
        &self,
        view: &View,
        progress: &mut dyn FnMut(VerifyStep),
    ) -> Result<(u64, Vec<DamageView>), ReadError> {
        let mut events = 0;
        let mut damage = Vec::new();
        let check = |entry: &SegmentEntry| self.log().segment(entry).and_then(|segment| Ok(segment.verify()?));
        for entries in view.manifest.segments().chunks(at_once(&**self.log().storage())) {
            for (entry, checked) in entries.iter().zip(side_by_side(entries, check)) {
                match checked {
                    Ok(()) => events += entry.events,
                    Err(error) => damage.push(damage_of_segment(entry, &error).ok_or(error)?),
                }
                progress(VerifyStep { stage: VerifyStage::Log, events });
            }
        }
        for file in view.manifest.foreign_files(&**self.log().storage())? {
            damage.push(DamageView {
                kind: "foreign_file".to_owned(),
                segment: format!("archive/events/{file}"),
                seq_from: None,
                seq_to: None,
                detail: "nobody sealed it here: it is not read, but other engines will; move it away".to_owned(),
            });
        }
        Ok((events, damage))
    }

    /// Whether the record tells of all that is missing from what is sealed.
    fn check_forgotten(&self, view: &View, mut told: Vec<Told>) -> Option<DamageView> {
        for untold in view.manifest.untold() {
            // The record may have told of it by now, before the manifest says so.
            if told.iter().all(|told| told.event_id != untold.event_id) {
                let range = untold.first_seq.get()..=untold.last_seq.get();
                told.push(Told { event_id: untold.event_id, range, events: untold.events });
            }
        }
        let told_events: u64 = told.iter().map(|told| told.events).sum();
        let forgotten = view.manifest.forgotten_events();
        if forgotten == told_events {
            return None;
        }
        let is_told = |seq: u64| told.iter().any(|told| told.range.contains(&seq));
        let first_of = |entry: &SegmentEntry| {
            // A segment that cannot be read is told as damage by itself.
            let segment = self.log().segment(entry).ok()?;
            segment.blocks().iter().flat_map(BlockEntry::forgotten).map(Seq::get).find(|seq| !is_told(*seq))
        };
        let first = view.manifest.segments().iter().filter(|entry| entry.forgotten() > 0).find_map(first_of);
        Some(DamageView {
            kind: "deleted_events".to_owned(),
            segment: "archive".to_owned(),
            seq_from: first,
            seq_to: first,
            detail: format!(
                "{forgotten} events are missing from what is sealed, and the record tells that {told_events} were forgotten: others were taken out, or put back"
            ),
        })
    }

    /// Compares what was put aside, brought up to the same position, with the fold of the whole log.
    fn compare(&self, aside: Projection, folded: &mut Projection) -> Result<ProjectionCheck, ReadError> {
        let mut scan = self.log().scan(open::after(aside.last_seq));
        let aside = RwLock::new(aside);
        // A writer may be at work: what came after the other fold ended is left out.
        open::fold_on(&mut scan, &aside, folded.last_seq.unwrap_or(0))?;
        let mut aside = aside.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Or it may have sealed something in between.
        let sealed = self.log().view().origin_seq();
        aside.trim(sealed);
        folded.trim(sealed);
        let is_same = aside.same_answers(folded).map_err(open::unfolded)?;
        Ok(if is_same { ProjectionCheck::Match } else { ProjectionCheck::Differ })
    }

    /// What is damaged among the files that are made from the log.
    fn check_derived(&self, unusable: Option<String>) -> Result<Vec<DamageView>, VerifyError> {
        let derived_damage = |kind: &str, segment: &str, detail: String| DamageView {
            kind: kind.to_owned(),
            segment: segment.to_owned(),
            seq_from: None,
            seq_to: None,
            detail,
        };
        let mut damage = Vec::new();
        if let Some(why) = unusable {
            damage.push(derived_damage(
                "bad_snapshot",
                crate::snapshot::PATH,
                format!("{why}; it is made again at the next open"),
            ));
        }
        let mut damaged = id_file::damaged_files(self.log()).map_err(OpenError::io("read", derived::DIR))?;
        damaged.extend(crate::snapshot::damaged_files(self.log()).map_err(OpenError::io("read", derived::DIR))?);
        for path in damaged {
            damage.push(derived_damage(
                BAD_INDEX,
                &path,
                "its bytes do not have their digest; it is made again at the next open".to_owned(),
            ));
        }
        Ok(damage)
    }
}

/// What a checkpoint says that the log does not.
fn contradiction(
    checkpoint: &Checkpoint,
    store: StoreId,
    links: &HashMap<u64, Option<ChainHash>>,
    last_seq: Option<u64>,
) -> Option<DamageView> {
    let Checkpoint { seq, chain, recorded_at, .. } = *checkpoint;
    let (kind, seq_from, detail) = if checkpoint.store != store {
        let detail = format!("the checkpoint of event {seq} was taken of another store: this one was put in its place");
        ("other_store", None, detail)
    } else if last_seq.is_none_or(|last| last < seq) {
        let last = last_seq.unwrap_or(0);
        let detail = format!(
            "a checkpoint says that the log held event {seq} at {recorded_at}; it ends with {last}: it was cut off, or an older copy was put in its place"
        );
        ("rolled_back", Some(last + 1), detail)
    } else if links.get(&seq).copied().flatten() != Some(chain) {
        let detail =
            format!("the log up to event {seq} is not the one that the checkpoint of {recorded_at} was taken of");
        ("rewritten", None, detail)
    } else {
        return None;
    };
    Some(DamageView {
        kind: kind.to_owned(),
        segment: "log".to_owned(),
        seq_from,
        seq_to: seq_from.map(|_| seq),
        detail,
    })
}
