//! What a writer is given.

use crate::chain::RecordHash;
use crate::payload::{push_record, take_record};

/// Records that are to be written together: all of them survive a crash, or none.
///
/// The buffer is kept by [`clear`](Self::clear), so that one batch serves a writer for its whole life.
///
/// ```
/// use flightrec_journal::Batch;
///
/// let mut batch = Batch::new(1_700_000_000_000_000);
/// batch.push(b"first");
/// batch.push(b"second");
/// assert_eq!(batch.len(), 2);
/// batch.clear(1_700_000_000_000_001);
/// assert!(batch.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    raw: Vec<u8>,
    hashes: Vec<RecordHash>,
    stamp_us: i64,
}

impl Batch {
    /// An empty batch; `stamp_us` is the caller's and comes back with the block, unread.
    pub fn new(stamp_us: i64) -> Self {
        Self { raw: Vec::new(), hashes: Vec::new(), stamp_us }
    }

    /// Adds one record, which may be empty, and hashes it.
    pub fn push(&mut self, record: &[u8]) {
        self.push_hashed(record, RecordHash::of(record));
    }

    /// Adds one record whose hash is known already: whoever has other threads hashes there.
    ///
    /// A hash of other bytes makes a block that [`verify`](crate::verify) calls damaged; builds with debug assertions
    /// stop here instead.
    pub fn push_hashed(&mut self, record: &[u8], hash: RecordHash) {
        debug_assert_eq!(hash, RecordHash::of(record), "the hash is the record's");
        push_record(&mut self.raw, record);
        self.hashes.push(hash);
    }

    /// How many records are in it.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there is no record in it.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// How many bytes the records take before compression, their lengths included; at most
    /// [`Batch::MAX_BYTES`] can be appended.
    pub fn bytes(&self) -> usize {
        self.raw.len()
    }

    /// The most bytes of a batch that can be appended: 16 MiB.
    pub const MAX_BYTES: usize = crate::frame::MAX_RAW_BYTES;

    /// The caller's stamp.
    pub fn stamp_us(&self) -> i64 {
        self.stamp_us
    }

    /// Empties the batch, keeps its memory and takes the next stamp.
    pub fn clear(&mut self, stamp_us: i64) {
        self.raw.clear();
        self.hashes.clear();
        self.stamp_us = stamp_us;
    }

    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The hashes of the records, in order.
    pub(crate) fn hashes(&self) -> &[RecordHash] {
        &self.hashes
    }

    /// Two batches that hold the first and the second half; for builds that are broken on purpose.
    pub(crate) fn halves(&self) -> (Self, Self) {
        let (mut first, mut second) = (Self::new(self.stamp_us), Self::new(self.stamp_us));
        let mut rest = self.raw();
        let mut taken = 0;
        while let Some(record) = take_record(&mut rest) {
            let half = if taken < self.len() / 2 { &mut first } else { &mut second };
            half.push(record);
            taken += 1;
        }
        (first, second)
    }
}
