//! Private keys in text armour: PEM, OpenSSH and PGP, whole or cut off at either end.

use super::bytes::{self, ALNUM, EQUALS, PLUS_SLASH};

/// The characters of a body.
const BODY: u16 = ALNUM | PLUS_SLASH | EQUALS;
/// Longest label between the dashes, in bytes.
const MAX_LABEL_BYTES: usize = 48;
/// Most bytes between two pieces of the body: line ends, indentation, quotation marks, `\n`.
const MAX_GAP_BYTES: usize = 80;
/// Shortest piece that is surely a line of a body, in bytes.
const MIN_LINE_BYTES: usize = 16;

/// The private key whose `-----BEGIN` starts at `begin`.
pub(super) fn from_begin(text: &[u8], begin: usize, after: usize) -> Option<(usize, usize)> {
    let label_end = label_end(text, after)?;
    let body = bytes::run_end(text, label_end, bytes::DASH, 8);
    Some((bytes::run_start(text, begin, bytes::DASH, 8), body_end(text, body)))
}

/// The body after `Private-Lines:`, which ends at `after`, in PuTTY's format.
pub(super) fn from_putty(text: &[u8], after: usize) -> Option<(usize, usize)> {
    let count = bytes::run_end(text, bytes::skip_blanks(text, after, 4), bytes::DIGIT, 4);
    let end = body_end(text, count);
    (end > count).then(|| (next_piece(text, count), end))
}

/// The end of a label that says "private key"; spaces may be written as `+` or `_`.
fn label_end(text: &[u8], after: usize) -> Option<usize> {
    let stop = text.len().min(after + MAX_LABEL_BYTES);
    let end = (after..stop).find(|&at| text[at] == b'-' || bytes::is(text[at], bytes::NEWLINE)).unwrap_or(stop);
    let label: Vec<u8> = text[after..end]
        .iter()
        .map(|&byte| if matches!(byte, b'+' | b'_') { b' ' } else { byte.to_ascii_uppercase() })
        .collect();
    let says_private = label.windows(11).any(|window| window == b"PRIVATE KEY");
    says_private.then_some(end)
}

/// Where the body that starts at `from` ends: at its END line, or at the last piece that belongs to
/// it.
fn body_end(text: &[u8], from: usize) -> usize {
    let mut end = from;
    let mut lines = 0_usize;
    let mut at = from;
    loop {
        let start = next_piece(text, at);
        if start >= text.len() {
            return end;
        }
        if is_end_line(text, start) {
            return end_line_end(text, start);
        }
        if let Some(header_end) = header_line(text, start).filter(|_| lines == 0) {
            at = header_end;
            end = header_end;
            continue;
        }
        let stop = bytes::run_end(text, start, BODY, usize::MAX);
        let len = stop - start;
        let last_line = lines > 0 && is_tail(&text[start..stop]);
        if len == 0 || (len < MIN_LINE_BYTES && lines > 0 && !last_line && !checksum(&text[start..stop])) {
            return end;
        }
        if lines == 0 && len < MIN_LINE_BYTES && text.get(stop).is_some_and(|&byte| byte == b' ') {
            return end;
        }
        end = stop;
        at = stop;
        lines += 1;
        if len < MIN_LINE_BYTES && stop == text.len() {
            return end;
        }
    }
}

/// The start of the next piece: past blanks, line ends (also escaped), quotation marks and quoting
/// marks at a line's start.
fn next_piece(text: &[u8], from: usize) -> usize {
    let stop = text.len().min(from + MAX_GAP_BYTES);
    let mut at = from;
    while at < stop {
        let byte = text[at];
        if byte == b'\\' {
            let run = (at..stop).find(|&place| text[place] != b'\\').unwrap_or(stop);
            let letter = text.get(run).is_some_and(|byte| matches!(byte, b'n' | b'r' | b't' | b'\n' | b'\r'));
            at = if letter { run + 1 } else { run };
        } else if is_between(text, at) {
            at += 1;
        } else {
            break;
        }
    }
    at
}

/// Whether the byte at `at` may stand between two pieces of a body; a `+` only where it joins strings.
fn is_between(text: &[u8], at: usize) -> bool {
    let blank = |byte: u8| bytes::is(byte, bytes::SPACE | bytes::QUOTE);
    let joins = || text[at] == b'+' && text.get(at + 1).is_some_and(|&next| blank(next));
    blank(text[at]) || matches!(text[at], b'>' | b',' | b'|' | b'#' | b'*') || joins()
}

fn is_end_line(text: &[u8], at: usize) -> bool {
    let dashes = bytes::run_end(text, at, bytes::DASH, 8);
    dashes - at >= 4 && bytes::starts_with(text, dashes, b"END")
}

fn end_line_end(text: &[u8], at: usize) -> usize {
    let dashes = bytes::run_end(text, at, bytes::DASH, 8);
    let stop = text.len().min(dashes + MAX_LABEL_BYTES);
    let label = (dashes..stop).find(|&place| text[place] == b'-' || bytes::is(text[place], bytes::NEWLINE));
    bytes::run_end(text, label.unwrap_or(stop), bytes::DASH, 8)
}

/// A line such as `Proc-Type: 4,ENCRYPTED` before the body.
fn header_line(text: &[u8], at: usize) -> Option<usize> {
    let name = bytes::run_end(text, at, ALNUM | bytes::DASH, 24);
    if name == at || text.get(name) != Some(&b':') {
        return None;
    }
    let stop = text.len().min(name + 160);
    let end = (name..stop).find(|&place| bytes::is(text[place], bytes::NEWLINE) || text[place] == b'\\');
    Some(end.unwrap_or(stop))
}

/// The last, short line of a body.
fn is_tail(piece: &[u8]) -> bool {
    let padded = piece.ends_with(b"=");
    padded || (piece.len().is_multiple_of(4) && bytes::looks_random(piece))
}

/// The checksum line of a PGP body: `=` and four characters.
fn checksum(piece: &[u8]) -> bool {
    piece.len() == 5 && piece[0] == b'='
}

/// The private key whose END line holds the anchor at `anchor`, when its BEGIN line is missing.
pub(super) fn from_end(text: &[u8], anchor: usize, anchor_end: usize) -> Option<(usize, usize)> {
    let label = bytes::run_start(text, anchor, ALNUM | bytes::SPACE, MAX_LABEL_BYTES);
    let dashes = bytes::run_start(text, label, bytes::DASH, 8);
    if label - dashes < 4 || !bytes::starts_with(text, label, b"END") {
        return None;
    }
    let mut start = dashes;
    let mut at = dashes;
    loop {
        let stop = previous_piece(text, at);
        let piece = bytes::run_start(text, stop, BODY, usize::MAX);
        let first = start == dashes;
        if stop == 0 || (stop - piece < MIN_LINE_BYTES && !(first && stop > piece)) {
            break;
        }
        start = piece;
        at = piece;
    }
    (start < dashes).then_some((start, anchor_end))
}

fn previous_piece(text: &[u8], to: usize) -> usize {
    let stop = to.saturating_sub(MAX_GAP_BYTES);
    let mut at = to;
    while at > stop {
        if at >= 2 && text[at - 2] == b'\\' && matches!(text[at - 1], b'n' | b'r') {
            at -= 2;
        } else if bytes::is(text[at - 1], bytes::SPACE | bytes::QUOTE) || matches!(text[at - 1], b'>' | b',' | b'|') {
            at -= 1;
        } else {
            break;
        }
    }
    at
}
