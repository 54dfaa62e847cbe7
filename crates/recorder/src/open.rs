//! Opening a store: to write, to read, and the fold that both begin with.

use std::sync::{Arc, RwLock};

use flightrec_events::{CheckedEvent, Registry, Timestamp};
use flightrec_journal::{Block, RecordHash, Seq, Storage, Writer, remove_before};

use crate::artifacts::Artifacts;
use crate::core::{Core, Parts};
use crate::derived;
use crate::drops::DropCounter;
use crate::error::{OpenError, ReadError};
use crate::fold::Projection;
use crate::identity::{ContentDigest, Identity};
use crate::log::{Log, LogItem, Scan, Sealer};
use crate::options::Options;
use crate::reader::Reader;
use crate::redact::Redactor;
use crate::retention;
use crate::snapshot::{self, Loaded};
use crate::store::{Lock, StoreFiles};
use crate::unreferenced::Unreferenced;
use crate::view::DamageView;

/// A store, opened to write.
pub(crate) struct Opened {
    pub(crate) core: Core,
    pub(crate) reader: Reader,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) lock: Lock,
}

/// Opens a store to write, or makes one. Only this may repair the log.
pub(crate) fn writer(
    storage: Arc<dyn Storage>,
    options: &Options,
    drops: Arc<DropCounter>,
) -> Result<Opened, OpenError> {
    let lock = StoreFiles::lock(&*storage)?;
    let files = StoreFiles::open_or_create(Arc::clone(&storage), options.ids.random(), options.clock.now())?;
    let mut registry = files.registry()?;
    for declaration in &options.declarations {
        files.declare(&mut registry, declaration)?;
    }
    let registry = Arc::new(registry);
    let log = Arc::new(Log::open(Arc::clone(&storage), files.id)?);
    let manifest = &log.view().manifest;
    // What an interrupted change of the archive left is finished.
    manifest.settle(&*storage).map_err(ReadError::from)?;
    let origin = manifest.origin();
    remove_before(&*storage, origin.segment).map_err(OpenError::io("remove sealed segments of", "the journal"))?;
    let (writer, recovery) = Writer::open(Arc::clone(&storage), files.id, origin, options.journal)?;
    let (mut projection, unusable) = put_aside(&log)?;
    let last_seq = writer.next_seq().get() - 1;
    if unusable.is_some() || projection.last_seq > Some(last_seq) {
        projection = Projection::empty(log.view().manifest.forgettings());
    }
    // What is not used may hold what was forgotten.
    snapshot::remove_leftovers(&log, projection.last_seq.is_none()).map_err(OpenError::io("remove", snapshot::PATH))?;
    let snapshot_seq = projection.last_seq.unwrap_or(0);
    let mut projection = projection.pack_by(options.packing);
    let mut identity = Identity::open(Arc::clone(&log), last_seq).map_err(OpenError::io("read", derived::DIR))?;
    match catch_up(&log, &mut projection, &mut identity) {
        Err(error) if is_unfolded(&error) => {
            projection = Projection::empty(projection.forgettings).pack_by(options.packing);
            catch_up(&log, &mut projection, &mut identity)
        }
        done => done,
    }?;
    let redactor = Arc::new(Redactor::with_policy(options.policy));
    let mut core = Core::new(Parts {
        files: files.clone(),
        writer,
        identity,
        projection,
        snapshot_seq,
        redactor: Arc::clone(&redactor),
        clock: Arc::clone(&options.clock),
        ids: Arc::clone(&options.ids),
        drops,
    });
    core.record_opening(&recovery)?;
    let sealer = Arc::new(Sealer::new(Arc::clone(&log), core.projection()));
    let artifacts = Artifacts::new(storage, Arc::clone(&redactor));
    finish_forgetting(&log, &mut core, &sealer, &artifacts)?;
    let reader = Reader::new(files, log, artifacts, core.projection(), None);
    Ok(Opened { core, reader, sealer, registry, redactor, lock })
}

/// Does what is left of a forgetting that was interrupted: content that nothing names goes, and the log tells.
fn finish_forgetting(log: &Arc<Log>, core: &mut Core, sealer: &Sealer, artifacts: &Artifacts) -> Result<(), OpenError> {
    Unreferenced::finish(log, artifacts)?;
    for forgetting in log.view().manifest.untold() {
        core.record_own(retention::tombstone(forgetting).into_iter().collect())?;
        sealer.told(forgetting).map_err(|error| OpenError::Damaged(error.to_string()))?;
    }
    Ok(())
}

/// Opens a store to read. Nothing is written, and a writer may be at work meanwhile.
pub(crate) fn reader(storage: Arc<dyn Storage>) -> Result<Reader, OpenError> {
    let files = StoreFiles::open(Arc::clone(&storage))?;
    let log = Arc::new(Log::open(Arc::clone(&storage), files.id)?);
    let (projection, _) = put_aside(&log)?;
    let scan = log.scan(after(projection.last_seq));
    let artifacts = Artifacts::of_reader(storage);
    let reader = Reader::new(files, log, artifacts, Arc::new(RwLock::new(projection)), Some(scan));
    reader.refresh()?;
    Ok(reader)
}

/// The projection that was put aside, or an empty one, and why it could not be used if there was one.
pub(crate) fn put_aside(log: &Log) -> Result<(Projection, Option<String>), ReadError> {
    let empty = || Projection::empty(log.view().manifest.forgettings());
    Ok(match snapshot::load(log)? {
        Loaded::Good(projection) => (*projection, None),
        Loaded::Absent => (empty(), None),
        Loaded::Unusable(why) => (empty(), Some(why)),
    })
}

/// The position after `last`.
pub(crate) fn after(last: Option<u64>) -> u64 {
    last.unwrap_or(0) + 1
}

/// Folds what neither the snapshot nor the id files hold.
fn catch_up(log: &Arc<Log>, projection: &mut Projection, identity: &mut Identity) -> Result<(), ReadError> {
    let from = projection.last_seq.unwrap_or(0).min(identity.filed_seq());
    let mut scan = log.scan(from + 1);
    while let Some(item) = scan.next()? {
        match item {
            LogItem::Damage(damage) => note_damage(projection, &damage),
            LogItem::Block(block) => {
                let fold = projection.last_seq.unwrap_or(0) < block.last_seq();
                if fold {
                    projection.pack().map_err(unfolded)?;
                    projection.begin_block(block.place(), block.last_seq(), block.chain());
                }
                let recorded_at = block.recorded_at();
                for (seq, stored) in block.records() {
                    let event = decode(seq, stored)?;
                    if fold {
                        projection.apply(seq.get(), recorded_at, &event).map_err(unfolded)?;
                    }
                    if seq.get() > identity.filed_seq() {
                        identity.insert(event.event_id, ContentDigest::of(&RecordHash::of(stored)));
                    }
                }
                if identity.is_full() {
                    identity.file(block.last_seq(), block.chain().as_bytes());
                }
            }
        }
    }
    Ok(())
}

/// What was met on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Met {
    /// A part of the log could not be read.
    pub(crate) damage: bool,
}

/// Folds what a scan sees now, up to the block that holds the position `until`, and shows every event.
pub(crate) fn fold_each(
    scan: &mut Scan,
    projection: &mut Projection,
    until: u64,
    show: &mut dyn FnMut(&CheckedEvent),
) -> Result<Met, ReadError> {
    let mut met = Met::default();
    while projection.last_seq.unwrap_or(0) < until
        && let Some(item) = scan.next()?
    {
        match item {
            LogItem::Damage(damage) => {
                met.damage = true;
                note_damage(projection, &damage);
            }
            LogItem::Block(block) => {
                projection.pack().map_err(unfolded)?;
                projection.begin_block(block.place(), block.last_seq(), block.chain());
                for (seq, stored) in block.records() {
                    let event = decode(seq, stored)?;
                    projection.apply(seq.get(), block.recorded_at(), &event).map_err(unfolded)?;
                    show(&event);
                }
            }
        }
    }
    Ok(met)
}

/// Folds what a scan sees now, up to the block that holds the position `until`, while others ask.
pub(crate) fn fold_on(scan: &mut Scan, projection: &RwLock<Projection>, until: u64) -> Result<(), ReadError> {
    let last = || projection.read().unwrap_or_else(std::sync::PoisonError::into_inner).last_seq;
    while last().unwrap_or(0) < until
        && let Some(item) = scan.next()?
    {
        match item {
            LogItem::Damage(damage) => {
                note_damage(&mut projection.write().unwrap_or_else(std::sync::PoisonError::into_inner), &damage);
            }
            LogItem::Block(block) => {
                let recorded_at = block.recorded_at();
                let events = block
                    .records()
                    .map(|(seq, stored)| Ok((seq.get(), decode(seq, stored)?)))
                    .collect::<Result<Vec<_>, ReadError>>()?;
                let mut projection = projection.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                projection.pack().map_err(unfolded)?;
                projection.begin_block(block.place(), block.last_seq(), block.chain());
                for (seq, event) in &events {
                    projection.apply(*seq, recorded_at, event).map_err(unfolded)?;
                }
            }
        }
    }
    Ok(())
}

/// What was put aside could not be read on, so that nothing can be folded.
pub(crate) fn unfolded(source: std::io::Error) -> ReadError {
    ReadError::Io { path: derived::DIR.to_owned(), source }
}

/// Whether what was put aside is damaged, so that folding from the beginning helps.
pub(crate) fn is_unfolded(error: &ReadError) -> bool {
    matches!(error, ReadError::Io { path, source }
        if path == derived::DIR && source.kind() == std::io::ErrorKind::InvalidData)
}

fn note_damage(projection: &mut Projection, damage: &DamageView) {
    projection.note_damage(damage.seq_from, damage.to_string());
}

/// When the block was recorded.
pub(crate) fn stamp(block: &Block) -> Timestamp {
    Timestamp::from_micros(block.stamp_us).unwrap_or_default()
}

pub(crate) fn decode(seq: Seq, stored: &[u8]) -> Result<CheckedEvent, ReadError> {
    CheckedEvent::decode(stored).map_err(|source| ReadError::Event { seq: seq.get(), source })
}
