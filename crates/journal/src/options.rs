//! How a log is written.

use crate::format::SLACK_BYTES;
use crate::payload::Compression;
use crate::roll::Prepare;

/// A segment smaller than this could not hold a header, a block and the reserve.
const SMALLEST_SEGMENT_BYTES: u64 = 16 << 10;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// The size of the first segment, in bytes; each further one is twice as large as the one before.
    pub first_segment_bytes: u64,
    /// The size at which segments stop to grow, in bytes.
    pub max_segment_bytes: u64,
    /// By how much a re-opened segment is extended at a time, in bytes.
    pub grow_bytes: u64,
    /// How blocks are compressed.
    pub compression: Compression,
    /// Where the next segment is made ahead.
    pub prepare: Prepare,
}

impl Default for WriterOptions {
    /// 1 MiB to 32 MiB, zstd level 1, made ahead in the background.
    fn default() -> Self {
        Self {
            first_segment_bytes: 1 << 20,
            max_segment_bytes: 32 << 20,
            grow_bytes: 1 << 20,
            compression: Compression::Zstd(1),
            prepare: Prepare::Background,
        }
    }
}

impl WriterOptions {
    /// The capacity of the segment after one of `last` bytes.
    pub(crate) fn capacity_after(&self, last: Option<u64>) -> u64 {
        let first = self.first_segment_bytes.max(SMALLEST_SEGMENT_BYTES);
        let largest = self.max_segment_bytes.max(first);
        last.map_or(first, |last| last.saturating_mul(2).clamp(first, largest)).next_multiple_of(SLACK_BYTES)
    }

    /// The capacity of the segment after one that ends early, at `used`: no larger, unless most of that one was used.
    pub(crate) fn capacity_after_part(&self, capacity: u64, used: u64) -> u64 {
        self.capacity_after(Some(if used > capacity / 2 { capacity } else { capacity / 2 }))
    }
}
