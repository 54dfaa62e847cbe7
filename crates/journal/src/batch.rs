//! What a writer is given.

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
    count: u32,
    stamp_us: i64,
}

impl Batch {
    /// An empty batch; `stamp_us` is the caller's and comes back with the block, unread.
    pub fn new(stamp_us: i64) -> Self {
        Self { raw: Vec::new(), count: 0, stamp_us }
    }

    /// Adds one record, which may be empty.
    pub fn push(&mut self, record: &[u8]) {
        push_record(&mut self.raw, record);
        self.count += 1;
    }

    /// How many records are in it.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no record in it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
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
        self.count = 0;
        self.stamp_us = stamp_us;
    }

    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Two batches that hold the first and the second half; for builds that are broken on purpose.
    pub(crate) fn halves(&self) -> (Self, Self) {
        let (mut first, mut second) = (Self::new(self.stamp_us), Self::new(self.stamp_us));
        let mut rest = self.raw();
        let mut taken = 0;
        while let Some(record) = take_record(&mut rest) {
            let half = if taken < self.count / 2 { &mut first } else { &mut second };
            half.push(record);
            taken += 1;
        }
        (first, second)
    }
}
