//! From segment to segment through the whole log, as a reader sees it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::damage::{Damage, DamageKind};
use crate::error::{IoContext, IoFailure, ReadError};
use crate::format::{FormatVersion, SegmentHeader};
use crate::frame::{FrameHeader, FrameKind};
use crate::heads::{close_range, damage_of_head, missing};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::{DIR, list_segments, segment_path};
use crate::origin::Origin;
use crate::recovery::is_untouched;
use crate::segment::{Found, Head, SegmentFile, open_segment};
use crate::storage::{Access, Storage};
use crate::walk::{Carry, End, SegmentWalk, Step, breach};

/// One step through the log.
#[derive(Debug)]
pub(crate) enum LogStep {
    /// A batch; its payload can be asked for until the next step.
    Batch { segment: SegmentId, offset: u64, header: FrameHeader },
    /// Something is lost; the walk goes on.
    Damage(Damage),
    /// The end of what is there now.
    End { torn: Option<Torn> },
}

/// A half-written block at the end of the newest segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The newest segment.
    pub segment: SegmentId,
    /// Where the tail begins, in bytes.
    pub offset: u64,
    /// Up to its last byte that is not zero.
    pub bytes: u64,
    /// Why it is not a block.
    pub detail: String,
}

/// How far a roll has come whose end marker is not there.
enum RollUnderWay {
    /// Nothing is missing but the marker.
    Continues,
    /// A crash tore the blocks before it: the next writer takes the new segment, which is empty, back.
    TornBefore,
}

/// Walks the log from some seq on; may be asked again after an end.
#[derive(Debug)]
pub(crate) struct LogWalk {
    storage: Arc<dyn Storage>,
    store: StoreId,
    origin: Origin,
    from: Seq,
    /// Looks at everything behind the end each time, not just the first.
    thorough: bool,
    /// The segment at hand.
    current: Option<SegmentWalk>,
    /// The segment that comes after all that was handled.
    next_id: SegmentId,
    carry: Carry,
    /// Damage whose range ends where the next sound thing begins.
    open: Vec<Damage>,
    /// What is told next.
    ready: VecDeque<LogStep>,
    /// The end of the segment at hand was already told as damage.
    ended: bool,
    /// The end was seen again after a later segment had appeared.
    looked_again: bool,
    /// What was walked: segments begun.
    pub(crate) segments: u64,
}

impl LogWalk {
    pub(crate) fn new(storage: Arc<dyn Storage>, store: StoreId, origin: Origin, from: Seq, thorough: bool) -> Self {
        Self {
            storage,
            store,
            origin,
            from,
            thorough,
            current: None,
            next_id: origin.segment,
            carry: origin.carry(),
            open: Vec::new(),
            ready: VecDeque::new(),
            ended: false,
            looked_again: false,
            segments: 0,
        }
    }

    /// What the next block has to continue.
    pub(crate) fn carry(&self) -> Carry {
        self.current.as_ref().map_or(self.carry, |walk| walk.carry)
    }

    pub(crate) fn payload(&mut self, offset: u64, header: &FrameHeader) -> Result<&[u8], IoFailure> {
        match &mut self.current {
            Some(walk) => walk.payload(offset, header),
            None => Ok(&[]),
        }
    }

    pub(crate) fn step(&mut self) -> Result<LogStep, ReadError> {
        if self.current.is_none() && self.segments == 0 && self.from > self.origin.seq {
            self.seek()?;
        }
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(step);
            }
            let Some(walk) = &mut self.current else {
                if self.enter_next()? {
                    continue;
                }
                return Ok(self.end(None));
            };
            match walk.step()? {
                Step::Damage(damage) => self.tell(damage),
                Step::Frame { offset, header } => {
                    self.ended = false;
                    self.looked_again = false;
                    let segment = walk.segment();
                    self.close_open(header.first_seq);
                    match header.kind {
                        // Damage found before this block is told before it.
                        FrameKind::Batch if header.next_seq() > self.from => {
                            self.ready.push_back(LogStep::Batch { segment, offset, header });
                        }
                        FrameKind::Batch | FrameKind::Roll | FrameKind::Close => {}
                    }
                }
                Step::End(end) => {
                    if let Some(step) = self.at_end(&end)? {
                        return Ok(step);
                    }
                }
            }
        }
    }

    /// The open ranges end where `next` begins.
    fn close_open(&mut self, next: Seq) {
        for damage in std::mem::take(&mut self.open) {
            let from = damage.seq_from.unwrap_or(next);
            self.tell(damage.losing(from, next));
        }
    }

    /// Reports damage, unless all that it took lies before what was asked for.
    fn tell(&mut self, damage: Damage) {
        if damage.seq_to.is_none_or(|to| to >= self.from) {
            self.ready.push_back(LogStep::Damage(damage));
        }
    }

    fn end(&mut self, torn: Option<Torn>) -> LogStep {
        for damage in std::mem::take(&mut self.open) {
            self.tell(damage);
        }
        self.ready.pop_front().unwrap_or(LogStep::End { torn })
    }

    /// The segment at hand has no more: on to the next, or this is the end for now.
    fn at_end(&mut self, end: &End) -> Result<Option<LogStep>, ReadError> {
        let Some(walk) = &mut self.current else { return Ok(None) };
        let id = walk.segment();
        if walk.newest {
            let ids = list_segments(&*self.storage, self.origin.segment).context("list", DIR)?;
            let later = ids.last().copied().filter(|last| *last > id);
            let Some(later) = later else {
                walk.deep = self.thorough;
                return Ok(Some(self.at_newest_end(end)));
            };
            // The next segment came into being after the last block was written here: look once more.
            walk.file.forget();
            if !std::mem::replace(&mut self.looked_again, true) {
                return Ok(None);
            }
            let unsealed = walk.last != Some(FrameKind::Roll);
            if unsealed && later == id.plus(1) && matches!(end, End::Zeros | End::Torn { .. }) {
                match self.roll_under_way(later, &self.carry())? {
                    Some(RollUnderWay::Continues) => {
                        self.leave();
                        return Ok(None);
                    }
                    Some(RollUnderWay::TornBefore) => return Ok(Some(self.at_newest_end(end))),
                    None => {}
                }
            }
            if let Some(walk) = &mut self.current {
                walk.newest = false;
                walk.deep = true;
            }
            return Ok(None);
        }
        if !self.ended {
            self.note_end(end);
        }
        self.leave();
        Ok(None)
    }

    /// What a last segment says about the one before, which has no end marker.
    fn roll_under_way(&self, id: SegmentId, carry: &Carry) -> Result<Option<RollUnderWay>, ReadError> {
        let (_, head) = open_segment(&*self.storage, self.store, id, Access::Read)?;
        let Head::Good(header) = head else { return Ok(None) };
        if header.first_seq == carry.next_seq && header.chain == carry.head {
            return Ok(Some(RollUnderWay::Continues));
        }
        let torn_before = !header.after_loss
            && header.first_seq > carry.next_seq
            && is_untouched(&*self.storage, self.store, id, &header)?;
        Ok(torn_before.then_some(RollUnderWay::TornBefore))
    }

    /// Leaves the segment at hand for the next.
    fn leave(&mut self) {
        if let Some(walk) = self.current.take() {
            self.carry = walk.carry;
        }
        self.ended = false;
        self.looked_again = false;
    }

    /// Keeps what the end of a segment says about lost records.
    fn note_end(&mut self, end: &End) {
        let Some(walk) = &self.current else { return };
        let (id, next) = (walk.segment(), walk.carry.next_seq);
        match (end, walk.last) {
            (End::Lost(damage), _) => self.open.push(damage.clone()),
            (End::Exact | End::Zeros, Some(FrameKind::Roll)) if walk.newest => {
                self.open.push(missing(id.plus(1), next));
                self.next_id = id.plus(2);
            }
            (End::Exact, Some(FrameKind::Close)) if walk.newest => return,
            (End::Exact, Some(FrameKind::Roll)) | (End::Zeros | End::Torn { .. }, _) => return,
            (End::Exact, Some(FrameKind::Batch | FrameKind::Close) | None) => {
                let detail = "the file ends before its end marker";
                let damage = Damage::harmless(DamageKind::Truncated, id, walk.offset, detail);
                self.open.push(damage.losing_from(next));
            }
        }
        self.ended = true;
    }

    fn at_newest_end(&mut self, end: &End) -> LogStep {
        if !self.ended {
            self.note_end(end);
        }
        let torn = match (end, &self.current) {
            (End::Torn { until, why }, Some(walk)) => Some(Torn {
                segment: walk.segment(),
                offset: walk.offset,
                bytes: until - walk.offset,
                detail: (*why).to_owned(),
            }),
            (End::Torn { .. } | End::Zeros | End::Exact | End::Lost(_), _) => None,
        };
        self.end(torn)
    }

    /// Begins the next segment that is there; `false` when there is none.
    fn enter_next(&mut self) -> Result<bool, ReadError> {
        let ids = list_segments(&*self.storage, self.origin.segment).context("list", DIR)?;
        let Some(id) = ids.iter().copied().find(|id| *id >= self.next_id) else {
            self.miss_origin();
            return Ok(false);
        };
        // Behind the last but one a half-made roll may stand.
        let newest = ids.last().is_some_and(|last| *last <= id.plus(1));
        let (file, head) = open_segment(&*self.storage, self.store, id, Access::Read)?;
        if let Head::Unreadable(found) = head {
            let path = segment_path(id);
            return Err(ReadError::NewerFormat { path, found, newest_read: FormatVersion::CURRENT });
        }
        // That a missing segment is reported once already shows in the open damage.
        if id > self.next_id && !self.open.iter().any(|one| one.kind == DamageKind::MissingSegment) {
            self.open.push(missing(self.next_id, self.carry.next_seq));
        }
        self.next_id = id.plus(1);
        self.segments += 1;
        match head {
            Head::Good(header) => self.join(id, &header),
            Head::Bad(_) => {
                if let Some(damage) = damage_of_head(id, &head, self.carry.next_seq) {
                    self.tell(damage);
                }
                self.carry.certain &= self.open.is_empty();
            }
            Head::Foreign(_) | Head::Misplaced(_) | Head::Unreadable(_) => {
                self.open.extend(damage_of_head(id, &head, self.carry.next_seq));
                self.carry.certain = false;
                return Ok(true);
            }
        }
        let file = SegmentFile::new(file, self.store, id);
        self.current = Some(SegmentWalk::new(file, self.carry, newest));
        Ok(true)
    }

    /// Nothing is there. That is damage, told once, unless nothing was ever written.
    fn miss_origin(&mut self) {
        if self.next_id == self.origin.segment && self.origin != Origin::genesis(self.store) {
            self.open.push(missing(self.origin.segment, self.origin.seq));
            self.next_id = self.origin.segment.plus(1);
        }
    }

    /// Checks that a segment continues the log, and goes by its header from here.
    fn join(&mut self, id: SegmentId, header: &SegmentHeader) {
        let carry = self.carry;
        let told = !self.open.is_empty() || !carry.certain;
        for damage in std::mem::take(&mut self.open) {
            self.tell(close_range(damage, header));
        }
        let repeated = header.first_seq < carry.next_seq;
        // Behind a loss, only what is not a part of it is told.
        if (repeated || !told)
            && let Some(damage) = breach(id, header, &carry)
        {
            self.tell(damage);
        }
        // Of a segment that repeats records only what continues the log is served.
        self.carry = if repeated {
            Carry { certain: false, ..carry }
        } else {
            Carry { last_block: carry.last_block, ..Carry::at_start_of(header) }
        };
    }

    /// Goes straight to the block that holds `from`, reading headers only. What is skipped is not verified; where the
    /// headers do not hang together, the segment is walked from its beginning instead.
    fn seek(&mut self) -> Result<(), ReadError> {
        let ids = list_segments(&*self.storage, self.origin.segment).context("list", DIR)?;
        let (mut low, mut high) = (0, ids.len());
        let mut found = None;
        while low < high {
            let middle = usize::midpoint(low, high);
            let (file, head) = open_segment(&*self.storage, self.store, ids[middle], Access::Read)?;
            match head {
                // An empty newest segment may be taken back: its predecessor is the place to wait.
                Head::Good(header)
                    if header.first_seq <= self.from
                        && (middle == 0
                            || middle + 1 < ids.len()
                            || !is_untouched(&*self.storage, self.store, ids[middle], &header)?) =>
                {
                    found = Some((ids[middle], file, header));
                    low = middle + 1;
                }
                Head::Good(_) => high = middle,
                // With a bad header on the way the log is walked from its beginning.
                Head::Bad(_) | Head::Foreign(_) | Head::Misplaced(_) | Head::Unreadable(_) => {
                    return Ok(());
                }
            }
        }
        let Some((id, file, header)) = found else { return Ok(()) };
        let newest = ids.last().is_some_and(|last| *last <= id.plus(1));
        let file = SegmentFile::new(file, self.store, id);
        let mut walk = SegmentWalk::new(file, Carry::at_start_of(&header), newest);
        skip(&mut walk, self.from)?;
        self.current = Some(walk);
        self.next_id = id.plus(1);
        self.segments = 1;
        Ok(())
    }
}

/// Moves a walk that stands at the start of its segment to the frame that holds `from`, or to the last one before.
fn skip(walk: &mut SegmentWalk, from: Seq) -> Result<(), IoFailure> {
    let (mut offset, mut carry) = (walk.offset, walk.carry);
    let mut before = (offset, carry);
    loop {
        match walk.file.header_at(offset)? {
            Found::Frame(header) => {
                if header.first_seq != carry.next_seq || !carry.links(header.prev) {
                    return Ok(());
                }
                before = (offset, carry);
                if header.next_seq() > from || header.kind == FrameKind::Roll {
                    break;
                }
                carry.next_seq = header.next_seq();
                carry.head = header.link;
                carry.last_block = Some((header.first_seq, header.next_seq()));
                offset += header.frame_len();
            }
            Found::Zeros | Found::Eof => break,
            Found::Bad(_) => return Ok(()),
        }
    }
    (walk.offset, walk.carry) = before;
    Ok(())
}
