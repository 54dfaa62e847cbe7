//! Tokens without a telling literal, known by the length and shape of a whole run of characters.

use super::blobs;
use super::bytes::{self, ALNUM, DIGIT, HEX_LOW, WORD};
use super::detectors::{self, Detector};
use super::prefilter::MIN_BASE64_RUN;
use super::value;

/// Length of a Twilio key, in bytes, and the shortest token that is looked for here.
const TWILIO_BYTES: usize = 34;
/// Length of a crates.io token, in bytes.
const CRATES_IO_BYTES: usize = 35;
/// Length of the part of an Airtable token before its dot, in bytes.
const AIRTABLE_ID_BYTES: usize = 17;
/// Length of the part of an Airtable token after its dot, in bytes.
const AIRTABLE_SECRET_BYTES: usize = 64;

/// A token of a known shape: its range and its detector.
type Found = ((usize, usize), &'static Detector);

/// Whether there is any such token.
pub(super) fn any(text: &[u8]) -> bool {
    all(text).next().is_some()
}

/// Every such token.
pub(super) fn all(text: &[u8]) -> impl Iterator<Item = Found> + '_ {
    let plain = blobs::runs(text, ALNUM, TWILIO_BYTES).filter_map(|(start, end)| plain(text, start, end));
    let dotted = blobs::runs(text, WORD, MIN_BASE64_RUN).filter_map(|(start, end)| discord(text, start, end));
    plain.chain(dotted)
}

/// `SK` and 32 hexadecimal digits; `cio` and 32 letters and digits; `pat`, 14 letters and digits, a
/// dot and 64 hexadecimal digits.
fn plain(text: &[u8], start: usize, end: usize) -> Option<Found> {
    let run = &text[start..end];
    if run.len() == TWILIO_BYTES && run.starts_with(b"SK") && bytes::all(&run[2..], HEX_LOW) {
        return Some(((start, end), &detectors::TWILIO_KEY));
    }
    if run.len() == CRATES_IO_BYTES && run.starts_with(b"cio") && value::is_dense(&run[3..]) {
        return Some(((start, end), &detectors::CRATES_IO));
    }
    let id = start.checked_sub(AIRTABLE_ID_BYTES + 1)?;
    let fits = run.len() == AIRTABLE_SECRET_BYTES
        && bytes::all(run, HEX_LOW)
        && text[start - 1] == b'.'
        && text[id..].starts_with(b"pat")
        && bytes::all(&text[id..start - 1], ALNUM);
    fits.then_some(((id, end), &detectors::AIRTABLE))
}

/// The Discord token whose first part ends the run `start..end`: an id in base64, a dot, six
/// characters, a dot, and at least 27 more.
fn discord(text: &[u8], start: usize, end: usize) -> Option<Found> {
    if text.get(end) != Some(&b'.') {
        return None;
    }
    let time_end = bytes::run_end(text, end + 1, WORD, 16);
    if !(6..=7).contains(&(time_end - end - 1)) || text.get(time_end) != Some(&b'.') {
        return None;
    }
    let mac_end = bytes::run_end(text, time_end + 1, WORD, 64);
    if mac_end - time_end - 1 < 27 {
        return None;
    }
    [24, 26, 27].into_iter().find_map(|len| {
        let id = end.checked_sub(len).filter(|&id| id >= start)?;
        let digits = blobs::decode_base64(&text[id..end]);
        bytes::all(&digits, DIGIT).then_some(((id, mac_end), &detectors::DISCORD_BOT))
    })
}
