//! Finding the end of the log when a writer opens it, and making that end safe to go on from.
//!
//! Only this module changes bytes that were written before, and only at the tail of the newest segment: it finishes or
//! takes back a roll that was cut short, writes again what may be in the page cache alone, and puts zeros over a torn
//! tail. Each step may be cut short by a crash and done again.

use std::sync::Arc;

use crate::chain::ChainHash;
use crate::damage::{Damage, DamageKind};
use crate::error::{IoContext, IoFailure, OpenError};
use crate::format::{HEADER_BYTES, SegmentHeader};
use crate::frame::FrameKind;
use crate::heads::{Heads, damage_of_heads, missing, read_heads};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::{DIR, SPARE_PATH, segment_path};
use crate::origin::Origin;
use crate::roll::seal;
use crate::sabotage::{Sabotage, sabotaged};
use crate::segment::{Head, SegmentFile, open_segment};
use crate::storage::{Access, Storage, StorageFile, read_up_to, remove_if_there, sync_dir, write_all_at};
use crate::walk::{Carry, End, SegmentWalk, Step};

const COPY_BYTES: usize = 256 << 10;

/// What a writer found when it opened the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The last record; everything up to it is durable. In a log that holds none it is the one before the origin, and
    /// `None` when there never was one.
    pub last_seq: Option<Seq>,
    /// How many bytes of a torn tail were overwritten with zeros: they had never been acknowledged.
    pub truncated_bytes: u64,
    /// Where that tail began.
    pub truncated_at: Option<(SegmentId, u64)>,
    /// Damage in the newest segment, and in the headers and names of all; left in place. `verify` looks at every byte.
    pub damage: Vec<Damage>,
    /// The log was closed in an orderly way, or is new.
    pub was_clean: bool,
}

/// Where the writer goes on.
#[derive(Debug)]
pub(crate) struct Resume {
    pub(crate) next_seq: Seq,
    pub(crate) chain: ChainHash,
    pub(crate) place: ResumeAt,
}

#[derive(Debug)]
pub(crate) enum ResumeAt {
    /// In the newest segment.
    Segment { file: Arc<dyn StorageFile>, id: SegmentId, capacity: u64, first_seq: Seq, used: u64, closed: bool },
    /// In a new segment.
    NewSegment { id: SegmentId, after_loss: bool, last_capacity: Option<u64> },
}

pub(crate) fn recover(storage: &dyn Storage, store: StoreId, origin: &Origin) -> Result<(Resume, Recovery), OpenError> {
    let spare_removed = remove_if_there(storage, SPARE_PATH).context("remove", SPARE_PATH)?;
    let mut heads = read_heads(storage, store, origin)?;
    if spare_removed || !heads.is_empty() {
        // A name, or that it is gone, may be known to the page cache alone.
        sync_dir(storage, DIR).context("sync", DIR)?;
        settle_roll(storage, store, &mut heads)?;
    }
    let Some((last_id, last_head)) = heads.last().copied() else {
        return Ok(begin(store, origin));
    };
    let mut recovery = Recovery { damage: damage_of_heads(storage, store, origin, &heads)?, ..Recovery::default() };
    let mut tail = walk_tail(storage, store, origin, &heads, &mut recovery)?;
    settle_tail(&mut tail, &mut recovery)?;
    let Carry { next_seq, head: chain, .. } = tail.carry;
    let place = resume_at(tail.segment, last_id, last_head, &mut recovery, next_seq)?;
    let resume = Resume { next_seq, chain, place }.at_least(origin);
    recovery.last_seq = resume.next_seq.before();
    Ok((resume, recovery))
}

/// Begins a log of which nothing is there: where nothing was ever written it is new, elsewhere its beginning is lost.
fn begin(store: StoreId, origin: &Origin) -> (Resume, Recovery) {
    let Origin { segment, seq, chain } = *origin;
    let new = *origin == Origin::genesis(store);
    let damage = if new { Vec::new() } else { vec![missing(segment, seq)] };
    let id = if new { segment } else { segment.plus(1) };
    let place = ResumeAt::NewSegment { id, after_loss: !new, last_capacity: None };
    let recovery = Recovery { last_seq: seq.before(), was_clean: new, damage, ..Recovery::default() };
    (Resume { next_seq: seq, chain, place }, recovery)
}

impl Resume {
    /// A log that ends before its origin is not what followed it; it goes on at the origin, in a segment of its own, so
    /// that no number is given that readers hold for an older one.
    fn at_least(self, origin: &Origin) -> Self {
        if self.next_seq >= origin.seq {
            return self;
        }
        let (id, last_capacity) = match self.place {
            ResumeAt::Segment { id, capacity, .. } => (id.plus(1), Some(capacity)),
            ResumeAt::NewSegment { id, last_capacity, .. } => (id, last_capacity),
        };
        let place = ResumeAt::NewSegment { id, after_loss: true, last_capacity };
        Self { next_seq: origin.seq, chain: origin.chain, place }
    }
}

/// A roll puts the new segment in place before it seals the old one. If the newest segment holds nothing yet, the one
/// before may be unsealed: the roll is finished when nothing was lost, and taken back when the old tail was torn.
fn settle_roll(storage: &dyn Storage, store: StoreId, heads: &mut Heads) -> Result<(), IoFailure> {
    let [.., (old_id, Head::Good(old)), (new_id, Head::Good(new))] = heads[..] else {
        return Ok(());
    };
    if old_id.plus(1) != new_id || new.after_loss || !is_untouched(storage, store, new_id, &new)? {
        return Ok(());
    }
    let mut tail = Tail::open(storage, store, old_id, Carry::at_start_of(&old))?;
    tail.run(&mut Vec::new())?;
    let Some(end) = tail.end.clone() else { return Ok(()) };
    let sealed = tail.last == Some(FrameKind::Roll);
    let complete = tail.carry.next_seq == new.first_seq && tail.carry.head == new.chain;
    match end {
        End::Zeros | End::Torn { .. } if sealed || complete => {
            tail.make_safe(&end)?;
            let marker = (!sealed).then_some((tail.carry.next_seq, tail.carry.head));
            seal(&*tail.file, store, old_id, tail.used, marker)
        }
        End::Zeros | End::Torn { .. } if tail.carry.next_seq < new.first_seq => {
            let path = segment_path(new_id);
            storage.remove(&path).context("remove", &path)?;
            sync_dir(storage, DIR).context("sync", DIR)?;
            heads.pop();
            Ok(())
        }
        End::Zeros | End::Torn { .. } | End::Exact | End::Lost(_) => Ok(()),
    }
}

/// Whether a segment holds its header and zeros.
pub(crate) fn is_untouched(
    storage: &dyn Storage,
    store: StoreId,
    id: SegmentId,
    header: &SegmentHeader,
) -> Result<bool, IoFailure> {
    let (file, _) = open_segment(storage, store, id, Access::Read)?;
    let file = SegmentFile::new(file, store, id);
    let mut walk = SegmentWalk::new(file, Carry::at_start_of(header), true);
    Ok(walk.step()? == Step::End(End::Zeros))
}

/// The tail of the log: the segments from the last sound header on.
struct LogTail {
    carry: Carry,
    /// The newest segment, unless none of its blocks can be of this store.
    segment: Option<Tail>,
}

fn walk_tail(
    storage: &dyn Storage,
    store: StoreId,
    origin: &Origin,
    heads: &Heads,
    recovery: &mut Recovery,
) -> Result<LogTail, IoFailure> {
    let start = heads.iter().rposition(|(_, head)| matches!(head, Head::Good(_))).unwrap_or(0);
    let certain = start == 0 && heads[0].0 == origin.segment;
    let mut carry = Carry { certain, ..origin.carry() };
    let mut segment = None;
    for (id, head) in &heads[start..] {
        match head {
            Head::Good(header) => carry = Carry::at_start_of(header),
            Head::Bad(_) => {}
            Head::Foreign(_) | Head::Misplaced(_) | Head::Unreadable(_) => {
                carry.certain = false;
                segment = None;
                continue;
            }
        }
        let mut tail = Tail::open(storage, store, *id, carry)?;
        let newest = heads.last().is_some_and(|(last, _)| last == id);
        tail.walk.newest = newest;
        tail.run(&mut recovery.damage)?;
        if let (false, Some(End::Lost(damage))) = (newest, &tail.end) {
            recovery.damage.push(damage.clone());
        }
        carry = tail.carry;
        segment = Some(tail);
    }
    Ok(LogTail { carry, segment })
}

fn settle_tail(tail: &mut LogTail, recovery: &mut Recovery) -> Result<(), IoFailure> {
    let Some(segment) = &mut tail.segment else { return Ok(()) };
    let Some(end) = segment.end.clone() else { return Ok(()) };
    match &end {
        End::Exact => recovery.was_clean = segment.last == Some(FrameKind::Close),
        End::Zeros => {
            recovery.was_clean = segment.last == Some(FrameKind::Close);
            segment.make_safe(&end)?;
        }
        End::Torn { until, .. } => {
            recovery.truncated_bytes = until - segment.used;
            recovery.truncated_at = Some((segment.id, segment.used));
            segment.make_safe(&end)?;
        }
        End::Lost(damage) => recovery.damage.push(damage.clone()),
    }
    Ok(())
}

fn resume_at(
    segment: Option<Tail>,
    last_id: SegmentId,
    last_head: Head,
    recovery: &mut Recovery,
    next_seq: Seq,
) -> Result<ResumeAt, IoFailure> {
    let header = match last_head {
        Head::Good(header) => Some(header),
        Head::Bad(_) | Head::Foreign(_) | Head::Misplaced(_) | Head::Unreadable(_) => None,
    };
    let last_capacity = header.map(|header| header.capacity);
    let new = |id, after_loss| Ok(ResumeAt::NewSegment { id, after_loss, last_capacity });
    let (Some(tail), Some(header)) = (segment, header) else {
        return new(last_id.plus(1), true);
    };
    let Tail { file, id, used, last, end, .. } = tail;
    let closed = last == Some(FrameKind::Close);
    match end {
        Some(End::Lost(_)) => new(last_id.plus(1), true),
        Some(End::Exact | End::Zeros | End::Torn { .. }) | None if last == Some(FrameKind::Roll) => {
            recovery.damage.push(missing(last_id.plus(1), next_seq));
            new(last_id.plus(2), true)
        }
        Some(End::Exact) if !closed => {
            let detail = "the file ends before its end marker";
            let damage = Damage::harmless(DamageKind::Truncated, last_id, used, detail);
            recovery.damage.push(damage.losing_from(next_seq));
            new(last_id.plus(1), true)
        }
        Some(End::Exact | End::Zeros | End::Torn { .. }) | None => {
            if !header.version.may_write() {
                return new(last_id.plus(1), false);
            }
            let SegmentHeader { capacity, first_seq, .. } = header;
            Ok(ResumeAt::Segment { file, id, capacity, first_seq, used, closed })
        }
    }
}

/// One segment that may have to be repaired at its end.
struct Tail {
    file: Arc<dyn StorageFile>,
    id: SegmentId,
    walk: SegmentWalk,
    carry: Carry,
    used: u64,
    last: Option<FrameKind>,
    end: Option<End>,
    /// The highest seq that a frame says is synced, and where frames begin of which none says so.
    durable: u64,
    unsure: Vec<(u64, Seq)>,
}

impl Tail {
    fn open(storage: &dyn Storage, store: StoreId, id: SegmentId, carry: Carry) -> Result<Self, IoFailure> {
        let (file, _) = open_segment(storage, store, id, Access::Write)?;
        let walk = SegmentWalk::new(SegmentFile::new(Arc::clone(&file), store, id), carry, true);
        let (unsure, used) = (Vec::new(), HEADER_BYTES as u64);
        Ok(Self { file, id, walk, carry, used, last: None, end: None, durable: 0, unsure })
    }

    /// Walks to the end of the segment.
    fn run(&mut self, damage: &mut Vec<Damage>) -> Result<(), IoFailure> {
        loop {
            match self.walk.step()? {
                Step::Frame { offset, header } => {
                    if header.durable_seq > self.durable {
                        self.durable = header.durable_seq;
                        self.unsure.retain(|(_, next)| next.get() - 1 > header.durable_seq);
                    }
                    // Not even an end marker proves that it is itself on the disk.
                    self.unsure.push((offset, header.next_seq()));
                }
                Step::Damage(one) => damage.push(one),
                Step::End(end) => {
                    self.carry = self.walk.carry;
                    self.used = self.walk.offset;
                    self.last = self.walk.last;
                    self.end = Some(end);
                    return Ok(());
                }
            }
        }
    }

    /// Makes everything up to the end durable and the rest zeros.
    ///
    /// After a failed sync the kernel may show bytes as clean that never reached the disk, and a new sync would not
    /// write them. So all that no later frame proves to be durable is written again before it is synced.
    fn make_safe(&mut self, end: &End) -> Result<(), IoFailure> {
        let path = segment_path(self.id);
        let mut changed = false;
        if let Some((from, _)) = self.unsure.first().copied()
            && !sabotaged(Sabotage::TrustCache)
        {
            rewrite(&*self.file, from, self.used).context("write again the tail of", &path)?;
            changed = true;
        }
        if let End::Torn { until, .. } = end
            && !sabotaged(Sabotage::KeepTornTail)
        {
            write_zeros(&*self.file, self.used, *until).context("clear the tail of", &path)?;
            changed = true;
        }
        if changed {
            self.file.sync_data().context("sync", &path)?;
        }
        Ok(())
    }
}

fn rewrite(file: &dyn StorageFile, mut from: u64, until: u64) -> std::io::Result<()> {
    let mut buf = vec![0; COPY_BYTES];
    while from < until {
        let want = (until - from).min(COPY_BYTES as u64) as usize;
        let read = read_up_to(file, &mut buf[..want], from)?;
        if read == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        write_all_at(file, &buf[..read], from)?;
        from += read as u64;
    }
    Ok(())
}

/// Writes zeros over `from..until`.
pub(crate) fn write_zeros(file: &dyn StorageFile, mut from: u64, until: u64) -> std::io::Result<()> {
    let zeros = vec![0; COPY_BYTES.min(until.saturating_sub(from) as usize)];
    while from < until {
        let len = (until - from).min(zeros.len() as u64);
        write_all_at(file, &zeros[..len as usize], from)?;
        from += len;
    }
    Ok(())
}
