//! The first page of a segment file.
//!
//! All numbers are little-endian. The frame of this page (magic, version, digest at its place) is the same in every
//! format version, so that a newer version can be told from damage.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | format version |
//! | 12 | 4 | flags |
//! | 16 | 16 | store id |
//! | 32 | 8 | segment id |
//! | 40 | 8 | capacity |
//! | 48 | 8 | first seq |
//! | 56 | 32 | chain at start |
//! | 88 | 3976 | zeros |
//! | 4064 | 32 | digest |

use std::fmt;

use sha2::{Digest, Sha256};

use crate::chain::ChainHash;
use crate::id::{SegmentId, Seq, StoreId};
use crate::sabotage::{Sabotage, sabotaged};

/// The page that the header fills; blocks begin behind it.
pub(crate) const HEADER_BYTES: usize = 4096;
/// An active segment keeps at least this many zero bytes behind its last block.
pub(crate) const SLACK_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"FRJSEG\r\n";
const DIGEST_AT: usize = HEADER_BYTES - 32;
/// The writer began this segment because the one before it ended in damage: numbers may have been given twice.
const FLAG_AFTER_LOSS: u32 = 1;

/// A version of the journal's byte format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormatVersion(u32);

impl FormatVersion {
    /// The version that this build writes.
    pub const CURRENT: Self = Self(1);
    /// The oldest version that this build reads.
    pub const OLDEST_READ: Self = Self(1);

    /// A version by its number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this build understands a segment of this version.
    pub fn may_read(self) -> bool {
        (Self::OLDEST_READ..=Self::CURRENT).contains(&self)
    }

    /// Whether this build appends to a segment of this version; to an older one it does not, it begins a new one.
    pub fn may_write(self) -> bool {
        self == Self::CURRENT
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the first page of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) version: FormatVersion,
    pub(crate) after_loss: bool,
    pub(crate) store: StoreId,
    pub(crate) segment: SegmentId,
    pub(crate) capacity: u64,
    pub(crate) first_seq: Seq,
    pub(crate) chain: ChainHash,
}

/// What a first page turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    /// A header of a version that this build reads.
    Good(SegmentHeader),
    /// A sound page of a version that this build does not read.
    Unreadable(FormatVersion),
    /// Not a sound header; the text says why.
    Bad(&'static str),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; HEADER_BYTES];
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&self.version.get().to_le_bytes());
        let flags = if self.after_loss { FLAG_AFTER_LOSS } else { 0 };
        page[12..16].copy_from_slice(&flags.to_le_bytes());
        page[16..32].copy_from_slice(self.store.as_bytes());
        page[32..40].copy_from_slice(&self.segment.get().to_le_bytes());
        page[40..48].copy_from_slice(&self.capacity.to_le_bytes());
        page[48..56].copy_from_slice(&self.first_seq.get().to_le_bytes());
        page[56..88].copy_from_slice(self.chain.as_bytes());
        let digest = Sha256::digest(&page[..DIGEST_AT]);
        page[DIGEST_AT..].copy_from_slice(&digest);
        page
    }

    /// Reads a first page; `page` may be shorter than a page, which is damage.
    pub(crate) fn decode(page: &[u8]) -> HeaderRead {
        if page.len() != HEADER_BYTES {
            return HeaderRead::Bad("the file ends inside its header");
        }
        if page[..8] != MAGIC {
            return HeaderRead::Bad("the file does not begin with the mark of a segment");
        }
        let sound = Sha256::digest(&page[..DIGEST_AT]).as_slice() == &page[DIGEST_AT..];
        if !sound && !sabotaged(Sabotage::NoDigestCheck) {
            return HeaderRead::Bad("the digest of the header does not match");
        }
        let version = FormatVersion(u32_at(page, 8));
        if !version.may_read() {
            return HeaderRead::Unreadable(version);
        }
        let flags = u32_at(page, 12);
        let (capacity, first_seq) = (u64_at(page, 40), u64_at(page, 48));
        if flags & !FLAG_AFTER_LOSS != 0 || first_seq == 0 || page[88..DIGEST_AT].iter().any(|byte| *byte != 0) {
            return HeaderRead::Bad("the header holds values that no writer writes");
        }
        HeaderRead::Good(Self {
            version,
            after_loss: flags & FLAG_AFTER_LOSS != 0,
            store: StoreId::from_bytes(array_at(page, 16)),
            segment: SegmentId::new(u64_at(page, 32)),
            capacity,
            first_seq: Seq::new(first_seq),
            chain: ChainHash::from_bytes(array_at(page, 56)),
        })
    }
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Holds the table drawn in `source` (and in the format page) to what the code does.
    pub(crate) fn assert_drawn(source: &str, fields: &[(usize, usize, &str)], total: usize) {
        let page = include_str!("../../../docs/format.md");
        let mut next = 0;
        for (offset, bytes, name) in fields {
            assert_eq!(*offset, next, "{name} begins where the field before it ends");
            next += bytes;
            let row = format!("| {offset} | {bytes} | {name} |");
            assert!(source.contains(&format!("//! {row}")), "the module draws {row}");
            assert!(page.contains(&row), "docs/format.md draws {row}");
        }
        assert_eq!(next, total);
    }

    fn sample() -> SegmentHeader {
        SegmentHeader {
            version: FormatVersion::CURRENT,
            after_loss: true,
            store: StoreId::from_bytes([7; 16]),
            segment: SegmentId::new(0x0102_0304),
            capacity: 1 << 20,
            first_seq: Seq::new(0x1112_1314),
            chain: ChainHash::from_bytes([9; 32]),
        }
    }

    #[test]
    fn the_drawing_is_what_is_written() {
        let fields = [
            (0, 8, "magic"),
            (8, 4, "format version"),
            (12, 4, "flags"),
            (16, 16, "store id"),
            (32, 8, "segment id"),
            (40, 8, "capacity"),
            (48, 8, "first seq"),
            (56, 32, "chain at start"),
            (88, 3976, "zeros"),
            (DIGEST_AT, 32, "digest"),
        ];
        assert_drawn(include_str!("format.rs"), &fields, HEADER_BYTES);
        let page = sample().encode();
        assert_eq!(page[..8], MAGIC);
        assert_eq!(u32_at(&page, 8), 1);
        assert_eq!(u32_at(&page, 12), 1);
        assert_eq!(page[16..32], [7; 16]);
        assert_eq!(u64_at(&page, 32), 0x0102_0304);
        assert_eq!(u64_at(&page, 40), 1 << 20);
        assert_eq!(u64_at(&page, 48), 0x1112_1314);
        assert_eq!(page[56..88], [9; 32]);
        assert!(page[88..4064].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_header_reads_back_and_no_changed_byte_does() {
        let page = sample().encode();
        assert_eq!(SegmentHeader::decode(&page), HeaderRead::Good(sample()));
        for at in 0..page.len() {
            let mut bad = page.clone();
            bad[at] ^= 0x40;
            assert!(matches!(SegmentHeader::decode(&bad), HeaderRead::Bad(_)), "byte {at}");
        }
        for len in [0, 1, 8, 4095] {
            assert!(matches!(SegmentHeader::decode(&page[..len]), HeaderRead::Bad(_)), "{len} bytes");
        }
    }

    #[test]
    fn a_newer_version_is_not_damage() {
        let header = SegmentHeader { version: FormatVersion::new(2), ..sample() };
        let read = SegmentHeader::decode(&header.encode());
        assert_eq!(read, HeaderRead::Unreadable(FormatVersion::new(2)));
        assert!(!FormatVersion::new(2).may_read() && !FormatVersion::new(2).may_write());
        assert!(FormatVersion::CURRENT.may_read() && FormatVersion::CURRENT.may_write());
    }
}
