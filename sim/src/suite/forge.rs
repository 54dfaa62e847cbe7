//! An attacker's own tool: it reads and writes blocks by the published format, without the journal's code.

use flightrec_journal::StoreId;
use sha2::{Digest, Sha256};

const PAGE: usize = 4096;
const HEADER: usize = 112;
const PREV_AT: usize = 48;
const DIGEST_AT: usize = 80;

/// Where a frame lies.
pub(super) struct Frame {
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) records: u32,
    pub(super) first_seq: u64,
}

impl Frame {
    pub(super) fn end(&self) -> usize {
        self.offset + self.len
    }
}

pub(super) fn segment_of(name: &str) -> u64 {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a segment is named by its number")
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has this length")
}

/// The frames of a segment that is sound.
pub(super) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut offset = PAGE;
    while offset + HEADER <= bytes.len() && bytes[offset] != 0 {
        let len = HEADER + u32::from_le_bytes(number(bytes, offset + 8)) as usize;
        let records = u32::from_le_bytes(number(bytes, offset + 16));
        let first_seq = u64::from_le_bytes(number(bytes, offset + 24));
        frames.push(Frame { offset, len, records, first_seq });
        offset += len;
    }
    frames
}

/// Makes the digest of one frame right.
pub(super) fn reseal(bytes: &mut [u8], store: StoreId, segment: u64, offset: usize) {
    let len = HEADER + u32::from_le_bytes(number(bytes, offset + 8)) as usize;
    let mut hash = Sha256::new();
    hash.update(store.as_bytes());
    hash.update(segment.to_le_bytes());
    hash.update((offset as u64).to_le_bytes());
    hash.update(&bytes[offset..offset + DIGEST_AT]);
    hash.update(&bytes[offset + HEADER..offset + len]);
    bytes[offset + DIGEST_AT..offset + HEADER].copy_from_slice(&hash.finalize());
}

/// Makes the digests of all frames from `offset` on right for where they are now, but not their links.
pub(super) fn reseal_from(bytes: &mut [u8], store: StoreId, segment: u64, offset: usize) {
    for frame in frames(bytes) {
        if frame.offset >= offset {
            reseal(bytes, store, segment, frame.offset);
        }
    }
}

/// Chains every frame behind the one with this number anew.
pub(super) fn rechain(bytes: &mut [u8], store: StoreId, segment: u64, from: usize) {
    let all = frames(bytes);
    for pair in all[from..].windows(2) {
        let link: [u8; 32] = number(bytes, pair[0].offset + DIGEST_AT);
        bytes[pair[1].offset + PREV_AT..][..32].copy_from_slice(&link);
        reseal(bytes, store, segment, pair[1].offset);
    }
}
