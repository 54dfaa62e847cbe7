//! From block to block through the log, and after it as it grows.

use std::sync::Arc;

use flightrec_archive::{LogBlock as SealedBlock, SegmentEntry, SegmentLog};
use flightrec_events::Timestamp;
use flightrec_journal::{Block, BlockRef, ChainHash, Cursor, Damage, ScanItem, Seq};

use super::view::{Log, View};
use crate::error::ReadError;
use crate::view::DamageView;

/// What a scan meets.
#[derive(Debug)]
pub(crate) enum LogItem {
    /// Events that were committed together.
    Block(LogBlock),
    /// Events that are lost; what comes after them follows.
    Damage(DamageView),
}

/// The records of one block, wherever they lie now.
#[derive(Debug)]
pub(crate) enum LogBlock {
    /// In the journal.
    Live(Block),
    /// In the archive; what was forgotten is missing.
    Sealed(SealedBlock),
}

impl LogBlock {
    /// Where it lies in the journal, if it does.
    pub(crate) fn place(&self) -> Option<&BlockRef> {
        match self {
            LogBlock::Live(block) => Some(&block.reference),
            LogBlock::Sealed(_) => None,
        }
    }

    /// The position of its last record, whether that is still there or not.
    pub(crate) fn last_seq(&self) -> u64 {
        match self {
            LogBlock::Live(block) => block.reference.last_seq().get(),
            LogBlock::Sealed(block) => block.last_seq().get(),
        }
    }

    /// The link behind it.
    pub(crate) fn chain(&self) -> ChainHash {
        match self {
            LogBlock::Live(block) => block.chain,
            LogBlock::Sealed(block) => block.link(),
        }
    }

    /// When it was recorded.
    pub(crate) fn recorded_at(&self) -> Timestamp {
        let stamp_us = match self {
            LogBlock::Live(block) => block.stamp_us,
            LogBlock::Sealed(block) => block.stamp_us(),
        };
        Timestamp::from_micros(stamp_us).unwrap_or_default()
    }

    /// Its records, in the order of their positions.
    pub(crate) fn records(&self) -> Box<dyn Iterator<Item = (Seq, &[u8])> + '_> {
        match self {
            LogBlock::Live(block) => Box::new(block.records()),
            LogBlock::Sealed(block) => Box::new(block.records()),
        }
    }
}

/// Walks the log in the order of its records. At its end it may be asked again.
#[derive(Debug)]
pub(crate) struct Scan {
    log: Arc<Log>,
    view: Arc<View>,
    /// The position that comes next.
    next: u64,
    source: Source,
}

/// Where the next block comes from.
#[derive(Debug)]
enum Source {
    /// From a sealed segment that was read, or the one that comes after it.
    Sealed(Option<Box<SegmentLog>>),
    Journal(Box<Cursor>),
}

impl Scan {
    pub(super) fn new(log: Arc<Log>, from: u64) -> Self {
        let view = log.view();
        Self { log, view, next: from.max(1), source: Source::Sealed(None) }
    }

    /// The next block or damage; `None` at the end of what is visible now.
    pub(crate) fn next(&mut self) -> Result<Option<LogItem>, ReadError> {
        loop {
            match &mut self.source {
                Source::Sealed(log) => match log.as_mut().and_then(Iterator::next) {
                    Some(block) if block.last_seq().get() < self.next => {}
                    Some(block) => {
                        self.next = block.last_seq().get() + 1;
                        return Ok(Some(LogItem::Block(LogBlock::Sealed(block))));
                    }
                    None => {
                        if let Some(damage) = self.enter_next()? {
                            return Ok(Some(LogItem::Damage(damage)));
                        }
                    }
                },
                Source::Journal(cursor) => {
                    let met = cursor.next();
                    if let Ok(Some(ScanItem::Block(block))) = met {
                        self.next = block.reference.last_seq().get() + 1;
                        return Ok(Some(LogItem::Block(LogBlock::Live(block))));
                    }
                    // What was to come may have been sealed meanwhile, and its segment be gone.
                    if self.was_sealed()? {
                        continue;
                    }
                    match met? {
                        Some(ScanItem::Damage(damage)) => {
                            if let Some(last) = damage.seq_to {
                                self.next = self.next.max(last.get() + 1);
                            }
                            return Ok(Some(LogItem::Damage(damage_of_journal(&damage))));
                        }
                        Some(ScanItem::Block(_)) | None => return Ok(None),
                    }
                }
            }
        }
    }

    /// Goes on where the next position lies: in the sealed segment that holds it, else in the journal. A segment that
    /// cannot be read is passed over, and told as damage.
    fn enter_next(&mut self) -> Result<Option<DamageView>, ReadError> {
        let Some(entry) = self.view.segments(self.next, u64::MAX).next() else {
            self.source = Source::Journal(Box::new(self.view.journal.cursor(Seq::new(self.next))));
            return Ok(None);
        };
        let log = self.log.segment(entry).and_then(|segment| Ok(segment.log()?));
        match log {
            Ok(log) => {
                self.source = Source::Sealed(Some(Box::new(log)));
                Ok(None)
            }
            Err(error) => {
                if self.log.has_moved_since(self.view.manifest.generation()) {
                    self.view = self.log.view();
                    return Ok(None);
                }
                let from = self.next;
                let Some(damage) = damage_of_segment(entry, &error) else { return Err(error) };
                self.next = entry.last_seq.get() + 1;
                Ok(Some(DamageView { seq_from: Some(from), ..damage }))
            }
        }
    }

    /// Whether what comes next lies in the archive now; the scan goes on there then.
    fn was_sealed(&mut self) -> Result<bool, ReadError> {
        self.log.refresh()?;
        self.view = self.log.view();
        if self.view.origin_seq() <= self.next {
            return Ok(false);
        }
        self.source = Source::Sealed(None);
        Ok(true)
    }
}

/// What is lost of the journal.
pub(crate) fn damage_of_journal(damage: &Damage) -> DamageView {
    DamageView {
        kind: damage.kind.name().to_owned(),
        segment: format!("journal/{:010}.frj", damage.segment.get()),
        seq_from: damage.seq_from.map(Seq::get),
        seq_to: damage.seq_to.map(Seq::get),
        detail: damage.detail.clone(),
    }
}

/// What is lost with a segment that cannot be read; `None` if the storage failed, and it may be readable later.
pub(crate) fn damage_of_segment(entry: &SegmentEntry, error: &ReadError) -> Option<DamageView> {
    let ReadError::Archive(error) = error else { return None };
    Some(DamageView {
        kind: error.kind()?.to_owned(),
        segment: format!("archive/events/{}", entry.file),
        seq_from: Some(entry.first_seq.get()),
        seq_to: Some(entry.last_seq.get()),
        detail: error.to_string(),
    })
}
