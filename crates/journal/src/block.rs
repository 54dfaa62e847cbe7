//! What a reader is given.

use crate::chain::ChainHash;
use crate::frame::FrameHeader;
use crate::id::{SegmentId, Seq};
use crate::payload::take_record;

/// Where one block lies and which records it holds; cheap to keep and to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockRef {
    /// The segment.
    pub segment: SegmentId,
    /// The offset in the segment's file, in bytes.
    pub offset: u64,
    /// The seq of the first record.
    pub first_seq: Seq,
    /// How many records there are, at least 1.
    pub count: u32,
    /// The length on disk, header included, in bytes.
    pub stored_bytes: u64,
}

impl BlockRef {
    /// The seq of the last record.
    pub fn last_seq(&self) -> Seq {
        self.first_seq.plus(u64::from(self.count).saturating_sub(1))
    }

    /// Whether the record `seq` is in this block.
    pub fn holds(&self, seq: Seq) -> bool {
        self.first_seq <= seq && seq <= self.last_seq()
    }

    pub(crate) fn new(segment: SegmentId, offset: u64, header: &FrameHeader) -> Self {
        Self { segment, offset, first_seq: header.first_seq, count: header.count, stored_bytes: header.frame_len() }
    }
}

/// One block, read and verified: the records of one batch.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it lies.
    pub reference: BlockRef,
    /// The stamp that its writer gave.
    pub stamp_us: i64,
    /// The link that it continues.
    pub prev: ChainHash,
    /// Its link in the hash chain, as its writer put it there; that it follows from the records is for
    /// [`verify`](crate::verify) to see, or for a [`LinkHasher`](crate::LinkHasher).
    pub chain: ChainHash,
    raw: Vec<u8>,
}

impl Block {
    /// `raw` is exactly the records that the header counts.
    pub(crate) fn new(reference: BlockRef, header: &FrameHeader, raw: Vec<u8>) -> Self {
        Self { reference, stamp_us: header.stamp_us, prev: header.prev, chain: header.link, raw }
    }

    /// The records with their positions, in order.
    pub fn records(&self) -> Records<'_> {
        Records { next: self.reference.first_seq, rest: &self.raw }
    }

    /// One record; `None` when it is not in this block.
    pub fn record(&self, seq: Seq) -> Option<&[u8]> {
        self.records().find(|(at, _)| *at == seq).map(|(_, record)| record)
    }
}

/// Iterates over the records of a block.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    next: Seq,
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = (Seq, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let record = take_record(&mut self.rest)?;
        let seq = self.next;
        self.next = seq.plus(1);
        Some((seq, record))
    }
}
