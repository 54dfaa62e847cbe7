//! A segment as the log that it was: block by block, in the order of the positions.

use std::collections::VecDeque;
use std::ops::Range;

use flightrec_journal::{ChainHash, RecordHash, Seq};

use crate::blocks::BlockEntry;
use crate::error::ReadError;
use crate::segment::Segment;

/// A segment's records, sorted by position again.
///
/// Memory: the stored form of every record and 24 bytes beside it, as when it was sealed.
#[derive(Debug)]
pub struct SegmentLog {
    blocks: VecDeque<BlockEntry>,
    rows: std::vec::IntoIter<(Seq, Range<usize>)>,
    records: Vec<u8>,
}

/// One block of the journal, as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBlock {
    first_seq: Seq,
    count: u32,
    stamp_us: i64,
    link: ChainHash,
    records: Vec<(Seq, Vec<u8>)>,
}

impl LogBlock {
    /// The position of its first record, whether that is still there or not.
    pub const fn first_seq(&self) -> Seq {
        self.first_seq
    }

    /// The position of its last record, whether that is still there or not.
    pub fn last_seq(&self) -> Seq {
        self.first_seq.plus(u64::from(self.count)).before().unwrap_or(self.first_seq)
    }

    /// The stamp of its writer, in microseconds since 1970.
    pub const fn stamp_us(&self) -> i64 {
        self.stamp_us
    }

    /// Its link in the hash chain.
    pub const fn link(&self) -> ChainHash {
        self.link
    }

    /// The records that are left, in their order.
    pub fn records(&self) -> impl Iterator<Item = (Seq, &[u8])> {
        self.records.iter().map(|(seq, record)| (*seq, &record[..]))
    }
}

impl Segment {
    /// The segment as the log that it was.
    ///
    /// # Errors
    /// [`ReadError`] if a row cannot be read: the whole segment has to be, because rows lie in another order.
    pub fn log(&self) -> Result<SegmentLog, ReadError> {
        let mut records = Vec::new();
        let mut rows = Vec::with_capacity(self.entry.events as usize);
        for row in self.all_rows() {
            let row = row?;
            let start = records.len();
            row.event.encode(&mut records);
            rows.push((row.seq, start..records.len()));
        }
        rows.sort_unstable_by_key(|(seq, _)| *seq);
        if rows.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(self.damaged("two rows have the same position", "in its rows".to_owned()));
        }
        Ok(SegmentLog { blocks: self.blocks().to_vec().into(), rows: rows.into_iter(), records })
    }

    /// The link of the block that ends with a position; `None` if none does.
    pub fn link_at(&self, seq: Seq) -> Option<ChainHash> {
        let after = self.blocks().partition_point(|block| block.next_seq() <= seq.plus(1));
        let block = self.blocks().get(after.checked_sub(1)?)?;
        (block.next_seq() == seq.plus(1)).then_some(block.link)
    }

    /// Reads everything again: the file's digest, its rows, and the links that follow from them.
    ///
    /// # Errors
    /// [`ReadError`] names the first thing that is not as it was sealed.
    pub fn verify(&self) -> Result<(), ReadError> {
        self.check_digest()?;
        let mut link = self.entry.chain_start;
        let mut rows = 0;
        for (block, entry) in self.log()?.zip(self.blocks()) {
            let mut records = block.records().peekable();
            let follows = entry.link_after(link, |seq| {
                let (_, record) = records.next_if(|(at, _)| *at == seq)?;
                rows += 1;
                Some(RecordHash::of(record))
            });
            if follows != Some(block.link) || records.next().is_some() {
                let place = format!("in events {} to {}", block.first_seq, block.last_seq());
                return Err(self.damaged("the hash chain does not follow from its rows", place));
            }
            link = block.link;
        }
        if link == self.entry.chain_end && rows == self.entry.events {
            Ok(())
        } else {
            Err(self.damaged("it has other rows than were sealed", "in its rows".to_owned()))
        }
    }
}

impl Iterator for SegmentLog {
    type Item = LogBlock;

    fn next(&mut self) -> Option<LogBlock> {
        let BlockEntry { first_seq, count, stamp_us, link, records: _ } = self.blocks.pop_front()?;
        let next = first_seq.plus(u64::from(count));
        let mut records = Vec::new();
        while let Some((seq, _)) = self.rows.as_slice().first()
            && *seq < next
            && let Some((seq, range)) = self.rows.next()
        {
            records.push((seq, self.records[range].to_vec()));
        }
        Some(LogBlock { first_seq, count, stamp_us, link, records })
    }
}
