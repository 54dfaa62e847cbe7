//! From frame to frame through one segment: what fits, what is damage, where it ends.
//!
//! This is the one place that tells a torn tail from damage. At the end of the newest segment bytes may lie that never
//! became durable; they are a **torn tail** if the file still ends in the zeros that an active segment keeps, and no
//! later block says that the missing records had been synced. Everything else is **damage**.

use crate::chain::ChainHash;
use crate::damage::{Damage, DamageKind};
use crate::error::IoFailure;
use crate::format::{HEADER_BYTES, SegmentHeader};
use crate::frame::{FrameHeader, FrameKind};
use crate::id::{SegmentId, Seq};
use crate::sabotage::{Sabotage, sabotaged};
use crate::segment::{Found, Search, SegmentFile};

/// What the next frame has to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carry {
    /// The seq that comes next.
    pub(crate) next_seq: Seq,
    /// The last link that was read.
    pub(crate) head: ChainHash,
    /// After a loss the next frame may begin later and need not continue `head`.
    pub(crate) certain: bool,
    /// The records of the last block.
    pub(crate) last_block: Option<(Seq, Seq)>,
}

impl Carry {
    pub(crate) fn at_start_of(header: &SegmentHeader) -> Self {
        Self { next_seq: header.first_seq, head: header.chain, certain: true, last_block: None }
    }

    fn fits(&self, header: &FrameHeader) -> bool {
        if self.certain {
            header.first_seq == self.next_seq && self.links(header.prev)
        } else {
            header.first_seq >= self.next_seq
        }
    }

    pub(crate) fn links(&self, prev: ChainHash) -> bool {
        prev == self.head || sabotaged(Sabotage::NoChainCheck)
    }

    fn take(&mut self, header: &FrameHeader) {
        self.next_seq = header.next_seq();
        self.certain = true;
        // A marker repeats the link before it: behind a loss that is where the chain goes on.
        self.head = header.link;
        match header.kind {
            FrameKind::Batch => self.last_block = Some((header.first_seq, header.next_seq())),
            FrameKind::Roll | FrameKind::Close => {}
        }
    }
}

/// One step of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame that fits; its payload can be asked for until the next step.
    Frame { offset: u64, header: FrameHeader },
    /// Something is lost; the walk goes on.
    Damage(Damage),
    /// Nothing more is here for now.
    End(End),
}

/// How a segment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Only zeros follow.
    Zeros,
    /// Bytes follow that never became durable, up to `until`.
    Torn { until: u64, why: &'static str },
    /// The file ends here.
    Exact,
    /// The rest of the segment is lost; how many records that are is not known here.
    Lost(Damage),
}

/// Walks one segment.
#[derive(Debug)]
pub(crate) struct SegmentWalk {
    pub(crate) file: SegmentFile,
    pub(crate) carry: Carry,
    /// Where the next frame is to begin.
    pub(crate) offset: u64,
    /// The end of this segment may be a torn tail.
    pub(crate) newest: bool,
    /// Zeros are believed to be the end only after all that follows was looked at.
    pub(crate) deep: bool,
    /// The last frame that was taken.
    pub(crate) last: Option<FrameKind>,
}

impl SegmentWalk {
    pub(crate) fn new(file: SegmentFile, carry: Carry, newest: bool) -> Self {
        Self { file, carry, offset: HEADER_BYTES as u64, newest, deep: true, last: None }
    }

    pub(crate) fn segment(&self) -> SegmentId {
        self.file.id
    }

    /// The next frame, damage, or the end; after an end it may be asked again.
    pub(crate) fn step(&mut self) -> Result<Step, IoFailure> {
        if self.last == Some(FrameKind::Roll) {
            return self.behind_roll();
        }
        if let Found::Frame(header) = self.file.frame_at(self.offset)?
            && self.carry.fits(&header)
        {
            return Ok(self.accept(header));
        }
        self.resolve()
    }

    pub(crate) fn payload(&mut self, offset: u64, header: &FrameHeader) -> Result<&[u8], IoFailure> {
        self.file.payload(offset, header)
    }

    fn accept(&mut self, header: FrameHeader) -> Step {
        let offset = self.offset;
        let gap = header.first_seq > self.carry.next_seq;
        debug_assert!(!gap || !self.carry.certain, "only after a loss may a frame begin later");
        self.carry.take(&header);
        self.last = Some(header.kind);
        self.offset += header.frame_len();
        Step::Frame { offset, header }
    }

    /// Decides what it means that no fitting frame stands at the present offset.
    fn resolve(&mut self) -> Result<Step, IoFailure> {
        // A writer may be at work: what was read before is old. The length is taken first, so that a file that was
        // completed and cut in the meantime shows its marker on the second look.
        let len = self.file.len()?;
        self.file.forget();
        let here = self.file.frame_at(self.offset)?;
        if let Found::Frame(header) = here
            && self.carry.fits(&header)
        {
            return Ok(self.accept(header));
        }
        if here == Found::Zeros && self.newest && !self.deep {
            return Ok(Step::End(End::Zeros));
        }
        if self.offset >= len {
            return Ok(Step::End(End::Exact));
        }
        let search = self.file.search(self.offset, len, self.carry.next_seq)?;
        if search.first.is_none() && !search.proven && search.used_until == self.offset {
            return Ok(Step::End(End::Zeros));
        }
        let unproven = !search.proven || sabotaged(Sabotage::CutDamageAsTorn);
        if self.newest && unproven && self.file.has_slack(self.offset, len)? {
            let why = why_bad(here);
            return Ok(Step::End(End::Torn { until: search.used_until, why }));
        }
        self.file.forget();
        if let Found::Frame(header) = self.file.frame_at(self.offset)?
            && self.carry.fits(&header)
        {
            return Ok(self.accept(header));
        }
        Ok(self.damaged(here, search))
    }

    fn damaged(&mut self, here: Found, search: Search) -> Step {
        let (segment, at, next) = (self.segment(), self.offset, self.carry.next_seq);
        if let Found::Frame(header) = here
            && header.first_seq < next
        {
            self.offset += header.frame_len();
            let detail = format!("a block with records from {} stands where {next} was to follow", header.first_seq);
            return Step::Damage(Damage::harmless(DamageKind::SeqRepeated, segment, at, detail));
        }
        let Some((found_at, found)) = search.first else {
            let damage = Damage::harmless(DamageKind::BadBlock, segment, at, why_bad(here));
            let damage = damage.losing_from(next);
            self.lose_thread();
            return Step::End(End::Lost(damage));
        };
        self.offset = found_at;
        let damage = if found_at > at {
            Damage::harmless(DamageKind::BadBlock, segment, at, why_bad(here)).losing(next, found.first_seq)
        } else if found.first_seq > next {
            let detail = format!("{next} was to follow, {} does", found.first_seq);
            Damage::harmless(DamageKind::SeqGap, segment, at, detail).losing(next, found.first_seq)
        } else {
            chain_broken(segment, at, &self.carry)
        };
        self.lose_thread();
        Step::Damage(damage)
    }

    /// After a loss any later frame may follow.
    fn lose_thread(&mut self) {
        self.carry.certain = false;
        self.carry.last_block = None;
    }

    /// Behind the roll marker there is nothing, or the zeros that a crash kept from being cut.
    fn behind_roll(&mut self) -> Result<Step, IoFailure> {
        let len = self.file.len()?;
        if self.offset >= len {
            return Ok(Step::End(End::Exact));
        }
        let search = self.file.search(self.offset, len, self.carry.next_seq)?;
        if search.used_until == self.offset && search.first.is_none() {
            return Ok(Step::End(End::Zeros));
        }
        let at = std::mem::replace(&mut self.offset, len);
        let detail = "bytes follow the end marker";
        let damage = Damage::harmless(DamageKind::TrailingBytes, self.segment(), at, detail);
        Ok(Step::Damage(damage))
    }
}

/// What keeps a segment from continuing the log; `None` when it does continue it.
pub(crate) fn breach(id: SegmentId, header: &SegmentHeader, carry: &Carry) -> Option<Damage> {
    if header.first_seq < carry.next_seq {
        let detail = format!("the segment begins with {}, {} was to follow", header.first_seq, carry.next_seq);
        Some(Damage::harmless(DamageKind::SeqRepeated, id, 0, detail))
    } else if header.first_seq > carry.next_seq {
        let detail = format!("{} was to follow, {} does", carry.next_seq, header.first_seq);
        Some(Damage::harmless(DamageKind::SeqGap, id, 0, detail).losing(carry.next_seq, header.first_seq))
    } else if !carry.links(header.chain) {
        Some(chain_broken(id, 0, carry))
    } else {
        None
    }
}

/// The link at `offset` does not continue the block before: that block, or its link, is not what was written.
pub(crate) fn chain_broken(segment: SegmentId, offset: u64, carry: &Carry) -> Damage {
    let detail = "the hash chain does not continue the block before";
    let damage = Damage::harmless(DamageKind::ChainBroken, segment, offset, detail);
    match carry.last_block {
        Some((from, next)) => damage.losing(from, next),
        None => damage,
    }
}

fn why_bad(found: Found) -> &'static str {
    match found {
        Found::Frame(_) => "a sound block that does not continue the log",
        Found::Zeros => "zeros where a block was",
        Found::Eof => "the file ends here",
        Found::Bad(why) => why,
    }
}
