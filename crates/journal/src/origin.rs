//! Where a log begins.

use crate::chain::ChainHash;
use crate::id::{SegmentId, Seq, StoreId};
use crate::walk::Carry;

/// Where a log begins: what lies before was taken elsewhere, or never was.
///
/// A log that was never shortened begins at its [`genesis`](Self::genesis). One whose first segments were taken
/// elsewhere begins at a later segment; which, and which record and link that segment has to continue, is kept by who
/// took them ([`Reader::origins`](crate::Reader::origins) tells it beforehand), and given to everything that opens the
/// log. Segment files before the origin may still lie there: they are not looked at.
///
/// ```
/// use flightrec_journal::{ChainHash, Origin, SegmentId, Seq, StoreId};
///
/// let store = StoreId::from_bytes([1; 16]);
/// let genesis = Origin { segment: SegmentId::FIRST, seq: Seq::FIRST, chain: ChainHash::genesis(store) };
/// assert_eq!(Origin::genesis(store), genesis);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The first segment that belongs to the log.
    pub segment: SegmentId,
    /// The seq of its first record.
    pub seq: Seq,
    /// The link that its first block continues.
    pub chain: ChainHash,
}

impl Origin {
    /// The very beginning of a store's log: nothing was there before.
    pub fn genesis(store: StoreId) -> Self {
        Self { segment: SegmentId::FIRST, seq: Seq::FIRST, chain: ChainHash::genesis(store) }
    }

    /// What the first block has to continue.
    pub(crate) fn carry(&self) -> Carry {
        Carry { next_seq: self.seq, head: self.chain, certain: true, last_block: None }
    }
}
