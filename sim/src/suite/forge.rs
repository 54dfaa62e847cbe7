//! An attacker's own tool: it reads and writes blocks by the published format, without the journal's code.

use std::ops::Range;

use flightrec_journal::StoreId;
use sha2::{Digest, Sha256};

const PAGE: usize = 4096;
const HEADER: usize = 144;
const COUNT_AT: usize = 16;
const FIRST_SEQ_AT: usize = 24;
pub(super) const STAMP_AT: usize = 40;
const PREV_AT: usize = 48;
const LINK_AT: usize = 80;
const DIGEST_AT: usize = 112;

/// Where a frame lies.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) records: u32,
    pub(super) first_seq: u64,
}

impl Frame {
    pub(super) fn payload_at(&self) -> usize {
        self.offset + HEADER
    }

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
        let records = u32::from_le_bytes(number(bytes, offset + COUNT_AT));
        let first_seq = u64::from_le_bytes(number(bytes, offset + FIRST_SEQ_AT));
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

/// Where the records of a block lie that is not compressed.
pub(super) fn records(bytes: &[u8], frame: &Frame) -> Vec<Range<usize>> {
    let mut at = frame.offset + HEADER;
    (0..frame.records)
        .map(|_| {
            let (mut len, mut shift) = (0, 0);
            loop {
                let byte = bytes[at];
                at += 1;
                len |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            at += len;
            at - len..at
        })
        .collect()
}

/// Makes the link of one frame right for its records and the link that it continues.
pub(super) fn relink(bytes: &mut [u8], frame: &Frame) {
    let head = frame.offset;
    let mut link: [u8; 32] = number(bytes, head + PREV_AT);
    if frame.records > 0 {
        let mut hash = Sha256::new();
        hash.update(b"flightrec journal block");
        hash.update(link);
        for (at, len) in [(FIRST_SEQ_AT, 8), (COUNT_AT, 4), (STAMP_AT, 8)] {
            hash.update(&bytes[head + at..head + at + len]);
        }
        for record in records(bytes, frame) {
            hash.update(Sha256::digest(&bytes[record]));
        }
        link = hash.finalize().into();
    }
    bytes[head + LINK_AT..head + DIGEST_AT].copy_from_slice(&link);
}

/// Makes the digests of all frames from `offset` on right for where they are now, but not their links.
pub(super) fn reseal_from(bytes: &mut [u8], store: StoreId, segment: u64, offset: usize) {
    for frame in frames(bytes) {
        if frame.offset >= offset {
            reseal(bytes, store, segment, frame.offset);
        }
    }
}

/// Chains every frame behind the one with this number anew: links before, links and digests.
pub(super) fn rechain(bytes: &mut [u8], store: StoreId, segment: u64, from: usize) {
    let all = frames(bytes);
    for pair in all[from..].windows(2) {
        let link: [u8; 32] = number(bytes, pair[0].offset + LINK_AT);
        bytes[pair[1].offset + PREV_AT..][..32].copy_from_slice(&link);
        relink(bytes, &pair[1]);
        reseal(bytes, store, segment, pair[1].offset);
    }
}
