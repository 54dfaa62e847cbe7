//! Where the blocks of the journal lie: those that are not sealed yet.

use std::collections::VecDeque;

use flightrec_journal::{BlockRef, SegmentId, Seq};
use serde::{Deserialize, Serialize};

/// Where one block of the journal lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockPlace {
    segment: u64,
    offset: u64,
    pub(crate) first_seq: u64,
    pub(crate) count: u32,
    stored_bytes: u64,
}

impl BlockPlace {
    fn of(block: &BlockRef) -> Self {
        Self {
            segment: block.segment.get(),
            offset: block.offset,
            first_seq: block.first_seq.get(),
            count: block.count,
            stored_bytes: block.stored_bytes,
        }
    }

    pub(crate) const fn reference(&self) -> BlockRef {
        BlockRef {
            segment: SegmentId::new(self.segment),
            offset: self.offset,
            first_seq: Seq::new(self.first_seq),
            count: self.count,
            stored_bytes: self.stored_bytes,
        }
    }

    pub(crate) const fn last_seq(&self) -> u64 {
        self.first_seq.saturating_add((self.count as u64).saturating_sub(1))
    }
}

/// The places of blocks, in the order of the log. A block is named by the position of its first event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct BlockMap(VecDeque<BlockPlace>);

impl BlockMap {
    pub(crate) fn push(&mut self, block: &BlockRef) {
        self.0.push_back(BlockPlace::of(block));
    }

    /// Forgets the blocks that lie wholly before a position.
    pub(crate) fn trim(&mut self, before_seq: u64) {
        let gone = self.0.partition_point(|block| block.last_seq() < before_seq);
        self.0.drain(..gone);
    }

    /// The block that begins with a position.
    pub(crate) fn get(&self, first_seq: u64) -> Option<&BlockPlace> {
        self.at(first_seq).filter(|block| block.first_seq == first_seq)
    }

    /// The block that holds a position.
    pub(crate) fn at(&self, seq: u64) -> Option<&BlockPlace> {
        // What is folded lies in the newest block.
        if let Some(last) = self.0.back()
            && last.first_seq <= seq
        {
            return Some(last).filter(|last| last.last_seq() >= seq);
        }
        let after = self.0.partition_point(|block| block.first_seq <= seq);
        self.0.get(after.checked_sub(1)?).filter(|block| block.last_seq() >= seq)
    }

    pub(crate) fn first(&self) -> Option<&BlockPlace> {
        self.0.front()
    }

    pub(crate) fn last(&self) -> Option<&BlockPlace> {
        self.0.back()
    }

    /// The blocks that hold a position from `seq` on.
    pub(crate) fn from(&self, seq: u64) -> impl Iterator<Item = &BlockPlace> {
        self.0.iter().skip(self.0.partition_point(|block| block.last_seq() < seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(blocks: &[(u64, u32)]) -> BlockMap {
        let mut map = BlockMap::default();
        for (first, count) in blocks {
            map.push(&BlockRef {
                segment: SegmentId::new(1),
                offset: *first * 100,
                first_seq: Seq::new(*first),
                count: *count,
                stored_bytes: 10,
            });
        }
        map
    }

    #[test]
    fn a_position_is_found_in_its_block_or_nowhere() {
        // Positions 6 to 9 are damaged.
        let map = map(&[(1, 3), (4, 2), (10, 1)]);
        let cases =
            [(0, None), (1, Some(1)), (3, Some(1)), (4, Some(4)), (5, Some(4)), (6, None), (10, Some(10)), (11, None)];
        for (seq, first) in cases {
            assert_eq!(map.at(seq).map(|block| block.first_seq), first, "{seq}");
        }
        assert!(map.get(4).is_some() && map.get(5).is_none());
        assert_eq!(map.from(5).map(|block| block.first_seq).collect::<Vec<_>>(), [4, 10]);
    }

    #[test]
    fn a_block_that_lies_partly_behind_the_position_stays() {
        let mut map = map(&[(1, 3), (4, 2), (6, 1)]);
        map.trim(5);
        assert_eq!(map.from(0).map(|block| block.first_seq).collect::<Vec<_>>(), [4, 6]);
        map.trim(100);
        assert_eq!(map.last(), None);
    }
}
