//! The header in front of each block and end marker.
//!
//! All numbers are little-endian. The digest is SHA-256 over store id, segment id, the offset of the frame in its file,
//! the header up to the digest, and the payload as stored. So it is the checksum, and binds the bytes to their place: a
//! block that was copied, moved or left over from another use of the disk does not match. The link is the block's own in
//! the hash chain and follows from its records (see `chain`); a marker has none, and repeats the link before.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | frame magic |
//! | 4 | 1 | kind |
//! | 5 | 1 | codec |
//! | 6 | 2 | reserved |
//! | 8 | 4 | payload length |
//! | 12 | 4 | raw length |
//! | 16 | 4 | record count |
//! | 20 | 4 | reserved too |
//! | 24 | 8 | first seq of block |
//! | 32 | 8 | durable seq |
//! | 40 | 8 | stamp |
//! | 48 | 32 | previous link |
//! | 80 | 32 | link |
//! | 112 | 32 | frame digest |

use sha2::{Digest, Sha256};

use crate::chain::ChainHash;
use crate::format::{array_at, u32_at, u64_at};
use crate::id::{SegmentId, Seq, StoreId};
use crate::sabotage::{Sabotage, sabotaged};

/// The length of the header in front of each payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 144;
/// The most bytes that the records of one block may have, before compression.
pub(crate) const MAX_RAW_BYTES: usize = 16 << 20;
pub(crate) const FRAME_MAGIC: [u8; 4] = [0xf1, 0x7e, 0xb1, 0x0c];

const DIGEST_AT: usize = 112;

/// What a frame is; the numbers are on disk and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// One batch of records.
    Batch,
    /// The end of a segment: the log goes on in the next.
    Roll,
    /// The end of an orderly closed log; blocks may follow after a re-open.
    Close,
}

/// How a payload is stored; the numbers are on disk and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Raw,
    Zstd,
}

/// The parsed header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    pub(crate) codec: Codec,
    pub(crate) payload_len: u32,
    pub(crate) raw_len: u32,
    pub(crate) count: u32,
    pub(crate) first_seq: Seq,
    /// The highest seq known to be synced when this frame was written; 0 for none.
    pub(crate) durable_seq: u64,
    pub(crate) stamp_us: i64,
    /// The link that this frame continues.
    pub(crate) prev: ChainHash,
    /// The link that the next frame continues.
    pub(crate) link: ChainHash,
    pub(crate) digest: [u8; 32],
}

/// Where a frame lies; bound into its digest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) store: StoreId,
    pub(crate) segment: SegmentId,
    pub(crate) offset: u64,
}

impl FrameHeader {
    /// The whole length of the frame.
    pub(crate) fn frame_len(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.payload_len)
    }

    /// The seq that follows the records of this frame.
    pub(crate) fn next_seq(&self) -> Seq {
        self.first_seq.plus(u64::from(self.count))
    }

    /// Writes the header into the first bytes of `frame`, whose rest is the payload, and sets the digest.
    pub(crate) fn seal(&mut self, place: Place, frame: &mut [u8]) {
        let (head, payload) = frame.split_at_mut(FRAME_HEADER_BYTES);
        head[..4].copy_from_slice(&FRAME_MAGIC);
        head[4] = match self.kind {
            FrameKind::Batch => 0,
            FrameKind::Roll => 1,
            FrameKind::Close => 2,
        };
        head[5] = match self.codec {
            Codec::Raw => 0,
            Codec::Zstd => 1,
        };
        head[6..8].fill(0);
        head[8..12].copy_from_slice(&self.payload_len.to_le_bytes());
        head[12..16].copy_from_slice(&self.raw_len.to_le_bytes());
        head[16..20].copy_from_slice(&self.count.to_le_bytes());
        head[20..24].fill(0);
        head[24..32].copy_from_slice(&self.first_seq.get().to_le_bytes());
        head[32..40].copy_from_slice(&self.durable_seq.to_le_bytes());
        head[40..48].copy_from_slice(&self.stamp_us.to_le_bytes());
        head[48..80].copy_from_slice(self.prev.as_bytes());
        head[80..112].copy_from_slice(self.link.as_bytes());
        self.digest = digest(place, head, payload);
        head[DIGEST_AT..].copy_from_slice(&self.digest);
    }

    /// Parses a header and checks every bound that needs no payload.
    pub(crate) fn decode(head: &[u8]) -> Result<Self, &'static str> {
        if head.len() < FRAME_HEADER_BYTES {
            return Err("the file ends inside a block header");
        }
        if head[..4] != FRAME_MAGIC {
            return Err("no block begins here");
        }
        let kind = match head[4] {
            0 => FrameKind::Batch,
            1 => FrameKind::Roll,
            2 => FrameKind::Close,
            _ => return Err("the kind of the block is unknown"),
        };
        let codec = match head[5] {
            0 => Codec::Raw,
            1 => Codec::Zstd,
            _ => return Err("the codec of the block is unknown"),
        };
        let header = Self {
            kind,
            codec,
            payload_len: u32_at(head, 8),
            raw_len: u32_at(head, 12),
            count: u32_at(head, 16),
            first_seq: Seq::new(u64_at(head, 24)),
            durable_seq: u64_at(head, 32),
            stamp_us: u64_at(head, 40).cast_signed(),
            prev: ChainHash::from_bytes(array_at(head, 48)),
            link: ChainHash::from_bytes(array_at(head, 80)),
            digest: array_at(head, DIGEST_AT),
        };
        if head[6..8] != [0; 2] || head[20..24] != [0; 4] || !header.is_plausible() {
            return Err("the header of the block holds values that no writer writes");
        }
        Ok(header)
    }

    fn is_plausible(&self) -> bool {
        let sizes = match (self.kind, self.codec) {
            (FrameKind::Batch, Codec::Raw) => self.count > 0 && self.payload_len == self.raw_len,
            (FrameKind::Batch, Codec::Zstd) => self.count > 0 && self.payload_len < self.raw_len,
            (FrameKind::Roll | FrameKind::Close, _) => {
                self.count == 0 && self.payload_len == 0 && self.raw_len == 0 && self.link == self.prev
            }
        };
        let seq = self.first_seq.get();
        sizes
            && self.raw_len as usize <= MAX_RAW_BYTES
            && self.count <= self.raw_len
            && seq > 0
            && seq.checked_add(u64::from(self.count)).is_some()
            && self.durable_seq < seq
    }

    /// Whether the digest in the header is that of these bytes at this place.
    pub(crate) fn is_sound(&self, place: Place, head: &[u8], payload: &[u8]) -> bool {
        sabotaged(Sabotage::NoDigestCheck) || digest(place, head, payload) == self.digest
    }
}

fn digest(place: Place, head: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    if !sabotaged(Sabotage::NoStoreBinding) {
        hash.update(place.store.as_bytes());
        hash.update(place.segment.get().to_le_bytes());
    }
    hash.update(place.offset.to_le_bytes());
    hash.update(&head[..DIGEST_AT]);
    hash.update(payload);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::assert_drawn;

    const PLACE: Place = Place { store: StoreId::from_bytes([3; 16]), segment: SegmentId::new(4), offset: 4096 };

    fn sample() -> (FrameHeader, Vec<u8>) {
        let mut frame = vec![0; FRAME_HEADER_BYTES];
        frame.extend_from_slice(b"payload");
        let mut header = FrameHeader {
            kind: FrameKind::Batch,
            codec: Codec::Raw,
            payload_len: 7,
            raw_len: 7,
            count: 2,
            first_seq: Seq::new(100),
            durable_seq: 98,
            stamp_us: -5,
            prev: ChainHash::from_bytes([8; 32]),
            link: ChainHash::from_bytes([9; 32]),
            digest: [0; 32],
        };
        header.seal(PLACE, &mut frame);
        (header, frame)
    }

    fn reads(place: Place, frame: &[u8]) -> bool {
        FrameHeader::decode(&frame[..FRAME_HEADER_BYTES])
            .is_ok_and(|header| header.is_sound(place, &frame[..FRAME_HEADER_BYTES], &frame[FRAME_HEADER_BYTES..]))
    }

    #[test]
    fn the_drawing_is_what_is_written() {
        let fields = [
            (0, 4, "frame magic"),
            (4, 1, "kind"),
            (5, 1, "codec"),
            (6, 2, "reserved"),
            (8, 4, "payload length"),
            (12, 4, "raw length"),
            (16, 4, "record count"),
            (20, 4, "reserved too"),
            (24, 8, "first seq of block"),
            (32, 8, "durable seq"),
            (40, 8, "stamp"),
            (48, 32, "previous link"),
            (80, 32, "link"),
            (DIGEST_AT, 32, "frame digest"),
        ];
        assert_drawn(include_str!("frame.rs"), &fields, FRAME_HEADER_BYTES);
        let (header, frame) = sample();
        assert_eq!(frame[..4], FRAME_MAGIC);
        assert_eq!(frame[4..8], [0; 4]);
        assert_eq!(u32_at(&frame, 8), 7);
        assert_eq!(u32_at(&frame, 12), 7);
        assert_eq!(u32_at(&frame, 16), 2);
        assert_eq!(u64_at(&frame, 24), 100);
        assert_eq!(u64_at(&frame, 32), 98);
        assert_eq!(frame[40..48], (-5_i64).to_le_bytes());
        assert_eq!(frame[48..80], [8; 32]);
        assert_eq!(frame[80..112], [9; 32]);
        assert_eq!(frame[112..144], header.digest);
    }

    #[test]
    fn a_frame_reads_back_and_no_changed_byte_does() {
        let (header, frame) = sample();
        assert_eq!(FrameHeader::decode(&frame), Ok(header));
        assert!(reads(PLACE, &frame));
        for at in 0..frame.len() {
            for bit in 0..8 {
                let mut bad = frame.clone();
                bad[at] ^= 1 << bit;
                assert!(!reads(PLACE, &bad), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_frame_is_bound_to_its_place() {
        let (_, frame) = sample();
        let elsewhere = [
            Place { store: StoreId::from_bytes([4; 16]), ..PLACE },
            Place { segment: SegmentId::new(5), ..PLACE },
            Place { offset: 8192, ..PLACE },
        ];
        for place in elsewhere {
            assert!(!reads(place, &frame), "{place:?}");
        }
    }

    #[test]
    fn lying_lengths_are_refused_before_anything_is_allocated() {
        let (_, frame) = sample();
        for (at, value) in [(8, u32::MAX), (12, u32::MAX), (16, 0), (16, 8), (12, 0), (8, 6)] {
            let mut bad = frame.clone();
            bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert!(FrameHeader::decode(&bad).is_err(), "{value} at {at}");
        }
        let mut bad = frame;
        bad[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(FrameHeader::decode(&bad).is_err(), "seq overflow");
    }
}
