//! Segments to one that takes their place: neighbours merged, and what is forgotten left out.
//!
//! The rows are merged as they are read, so that memory does not grow with the segments. What is forgotten leaves its hash in
//! the table of blocks, and the hash chain goes on; of a block that is forgotten whole only the link is left.

use std::iter::Peekable;
use std::sync::Arc;

use flightrec_events::CheckedEvent;
use flightrec_journal::{RecordHash, Seq, Storage, StoreId};

use crate::blocks::{BlockEntry, Kept};
use crate::entry::{DIR, SegmentEntry};
use crate::error::{RewriteError, SealError, io};
use crate::segment::Segment;
use crate::session::{ArchivedEvent, Rows};
use crate::writer::{Identity, Proof, SegmentWriter};

/// Which events are left out, and what is told of each.
pub trait Forget {
    /// Whether the events of a session are forgotten; those of no session never are.
    fn forgets(&self, session: &str) -> bool;

    /// Takes in that an event is left out.
    fn forgotten(&mut self, seq: Seq, event: &CheckedEvent);

    /// Takes in that an event stays.
    fn kept(&mut self, event: &CheckedEvent);
}

/// Nothing is forgotten: segments are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForgetNothing;

impl Forget for ForgetNothing {
    fn forgets(&self, _session: &str) -> bool {
        false
    }

    fn forgotten(&mut self, _seq: Seq, _event: &CheckedEvent) {}

    fn kept(&mut self, _event: &CheckedEvent) {}
}

/// Writes the segment that is to take the place of `segments`, which follow one another, to a temporary file, and makes it
/// durable. It becomes part of the archive when a manifest names it; `revision` is that manifest's generation.
///
/// Memory: a few thousand rows of each segment, one row group, and 40 bytes for each forgotten event.
///
/// # Errors
/// [`RewriteError`] if a segment cannot be read, they do not follow one another, or the storage fails.
pub fn rewrite(
    storage: &dyn Storage,
    store: StoreId,
    segments: &[Arc<Segment>],
    revision: u64,
    forget: &mut dyn Forget,
) -> Result<SegmentEntry, RewriteError> {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(SealError::Empty.into());
    };
    if let Some(pair) = segments.windows(2).find(|pair| !follows(pair[0].entry(), pair[1].entry())) {
        let (expected, found) = (pair[0].entry().last_seq.plus(1), pair[1].entry().first_seq);
        return Err(SealError::Gap { expected, found }.into());
    }
    let (first_seq, last_seq) = (first.entry().first_seq, last.entry().last_seq);
    let mut writer = SegmentWriter::create(storage, Identity { store, first_seq, last_seq, revision })?;
    let mut forgotten = Vec::new();
    let mut stored = Vec::new();
    let mut rows = MergedRows::new(segments);
    while let Some(ArchivedEvent { seq, recorded_at, event }) = rows.next()? {
        stored.clear();
        event.encode(&mut stored);
        if event.model_session_id.as_ref().is_some_and(|session| forget.forgets(session.as_str())) {
            forget.forgotten(seq, &event);
            forgotten.push((seq, RecordHash::of(&stored)));
        } else {
            forget.kept(&event);
            writer.push(seq, recorded_at, &event, &stored)?;
        }
    }
    forgotten.sort_unstable_by_key(|(seq, _)| *seq);
    let blocks = segments.iter().flat_map(|segment| segment.blocks().iter().cloned());
    let proof = Proof {
        chain_start: first.entry().chain_start,
        chain_end: last.entry().chain_end,
        blocks: without(blocks, &forgotten),
    };
    let entry = writer.finish(&proof)?;
    storage.sync_dir(DIR).map_err(io("sync", DIR)).map_err(SealError::Io)?;
    Ok(entry)
}

fn follows(before: &SegmentEntry, after: &SegmentEntry) -> bool {
    before.last_seq.plus(1) == after.first_seq && before.chain_end == after.chain_start
}

/// The blocks after their records that are in `forgotten`, which rises, were left out.
fn without(blocks: impl Iterator<Item = BlockEntry>, forgotten: &[(Seq, RecordHash)]) -> Vec<BlockEntry> {
    let mut rest = forgotten;
    let leave_out = |mut block: BlockEntry| {
        let (now, later) = rest.split_at(rest.partition_point(|(seq, _)| *seq < block.next_seq()));
        rest = later;
        if !now.is_empty() {
            let mut gone = match block.records {
                Kept::Some(before) => before,
                Kept::All | Kept::None => Vec::new(),
            };
            gone.extend_from_slice(now);
            gone.sort_unstable_by_key(|(seq, _)| *seq);
            let whole = gone.len() as u64 == u64::from(block.count);
            block.records = if whole { Kept::None } else { Kept::Some(gone) };
        }
        block
    };
    blocks.map(leave_out).collect()
}

/// The rows of several segments in the order of a file: by session, then by position.
struct MergedRows<'s> {
    segments: Vec<Peekable<Rows<'s>>>,
}

impl<'s> MergedRows<'s> {
    fn new(segments: &'s [Arc<Segment>]) -> Self {
        Self { segments: segments.iter().map(|segment| segment.all_rows().peekable()).collect() }
    }

    fn next(&mut self) -> Result<Option<ArchivedEvent>, RewriteError> {
        let mut least: Option<(usize, &ArchivedEvent)> = None;
        let mut failed = None;
        for (at, rows) in self.segments.iter_mut().enumerate() {
            match rows.peek() {
                None => {}
                Some(Err(_)) => failed = Some(at),
                Some(Ok(row)) => {
                    let key = |row: &ArchivedEvent| (row.event.model_session_id.clone(), row.seq);
                    if least.is_none_or(|(_, other)| key(row) < key(other)) {
                        least = Some((at, row));
                    }
                }
            }
        }
        let at = failed.or(least.map(|(at, _)| at));
        Ok(at.and_then(|at| self.segments[at].next()).transpose()?)
    }
}
