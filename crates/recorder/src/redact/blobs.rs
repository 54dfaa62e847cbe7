//! Runs of base64 or hexadecimal digits that decode to text.

use super::bytes::{self, BASE64, HEX};
use super::prefilter::{MIN_BASE64_RUN, MIN_HEX_RUN};

/// Consecutive base64 groups that must decode to ASCII before a run counts as text.
const MIN_TEXT_GROUPS: usize = 4;
/// Consecutive hexadecimal pairs that must decode to ASCII text before a run counts as text.
const MIN_TEXT_PAIRS: usize = 10;

/// A stretch of a text that is the encoding of another text.
#[derive(Debug)]
pub(super) struct Blob {
    /// Where the encoding starts.
    pub(super) start: usize,
    /// Where it ends, padding included.
    pub(super) end: usize,
    /// What it decodes to.
    pub(super) decoded: Vec<u8>,
}

const NOT_BASE64: u8 = 0xff;

const fn sextet_of(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => NOT_BASE64,
    }
}

/// For each byte its sextet, or [`NOT_BASE64`].
static SEXTETS: [u8; 256] = {
    let mut table = [NOT_BASE64; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = sextet_of(byte as u8);
        byte += 1;
    }
    table
};

fn sextet(byte: u8) -> u8 {
    SEXTETS[byte as usize]
}

/// Whether the group decodes to three bytes below 0x80.
fn is_ascii_group(group: &[u8]) -> bool {
    let (first, second, third) = (sextet(group[0]), sextet(group[1]), sextet(group[2]));
    first & 0x20 == 0 && second & 0x08 == 0 && third & 0x02 == 0
}

/// The next stretch of at least [`MIN_TEXT_GROUPS`] ASCII groups at or after `from`, which is where
/// a group starts.
fn text_groups(run: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut start = from;
    let mut at = from;
    while at + 4 <= run.len() {
        if !is_ascii_group(&run[at..at + 4]) {
            if at - start >= MIN_TEXT_GROUPS * 4 {
                return Some((start, at));
            }
            start = at + 4;
        }
        at += 4;
    }
    (at - start >= MIN_TEXT_GROUPS * 4).then_some((start, run.len()))
}

/// Decodes base64 of either alphabet without padding; a last group of one character is dropped.
pub(super) fn decode_base64(run: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(run.len() / 4 * 3 + 2);
    for group in run.chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 6 | u32::from(sextet(byte) & 0x3f));
        let bits = bits << (6 * (4 - group.len()));
        let bytes = bits.to_be_bytes();
        decoded.extend_from_slice(&bytes[1..group.len().max(1)]);
    }
    decoded
}

fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

fn is_text_pair(pair: &[u8]) -> bool {
    match pair[0] {
        b'2'..=b'7' => true,
        b'0' => matches!(pair[1], b'0' | b'9' | b'a' | b'A' | b'd' | b'D'),
        _ => false,
    }
}

/// The next stretch of at least [`MIN_TEXT_PAIRS`] pairs that decode to text.
fn text_pairs(run: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut start = from;
    let mut at = from;
    while at + 2 <= run.len() {
        if !is_text_pair(&run[at..at + 2]) {
            if at - start >= MIN_TEXT_PAIRS * 2 {
                return Some((start, at));
            }
            start = at + 2;
        }
        at += 2;
    }
    (at - start >= MIN_TEXT_PAIRS * 2).then_some((start, at))
}

/// Every run of at least `min` bytes of `mask`.
pub(super) fn runs(text: &[u8], mask: u16, min: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let (start, end) = bytes::next_run(text, from, mask, min)?;
        from = end;
        Some((start, end))
    })
}

/// Whether a run of hexadecimal digits may decode to text.
pub(super) fn any_hex(text: &[u8]) -> bool {
    runs(text, HEX, MIN_HEX_RUN).any(|(start, end)| {
        let run = &text[start..end];
        text_pairs(run, 0).is_some() || text_pairs(run, 1).is_some()
    })
}

/// Whether a run of base64 characters may decode to text.
pub(super) fn any_base64(text: &[u8]) -> bool {
    runs(text, BASE64, MIN_BASE64_RUN).any(|(start, end)| {
        let run = &text[start..end];
        !bytes::all(run, HEX) && (0..4).any(|offset| text_groups(run, offset).is_some())
    })
}

/// Every stretch of `text` that decodes to text, in order of place for each encoding.
pub(super) fn blobs(text: &[u8]) -> Vec<Blob> {
    let mut found = Vec::new();
    for (start, end) in runs(text, HEX, MIN_HEX_RUN) {
        for offset in 0..2 {
            let mut from = offset;
            while let Some((first, last)) = text_pairs(&text[start..end], from) {
                let (first, last) = (start + first, start + last);
                let decoded = text[first..last].chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]));
                found.push(Blob { start: first, end: last, decoded: decoded.collect() });
                from = last - start;
            }
        }
    }
    for (start, end) in runs(text, BASE64, MIN_BASE64_RUN) {
        let run = &text[start..end];
        if bytes::all(run, HEX) {
            continue;
        }
        let padded = bytes::run_end(text, end, bytes::EQUALS, 2);
        for offset in 0..4 {
            if text_groups(run, offset).is_none() {
                continue;
            }
            let whole = decode_base64(&run[offset..]);
            if std::str::from_utf8(&whole).is_ok() {
                found.push(Blob { start, end: padded, decoded: whole });
                continue;
            }
            let mut from = offset;
            while let Some((first, last)) = text_groups(run, from) {
                let stop = if last == run.len() { padded } else { start + last };
                found.push(Blob { start: start + first, end: stop, decoded: decode_base64(&run[first..last]) });
                from = last;
            }
        }
    }
    found
}
