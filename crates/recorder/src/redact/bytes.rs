//! Byte classes and the text that a matcher reads.

use std::cell::Cell;

/// `0`–`9`.
pub(super) const DIGIT: u16 = 1;
const G_TO_Z_LOWER: u16 = 1 << 1;
const G_TO_Z_UPPER: u16 = 1 << 2;
/// `a`–`f`.
pub(super) const HEX_LOWER: u16 = 1 << 3;
/// `A`–`F`.
pub(super) const HEX_UPPER: u16 = 1 << 4;
/// `-`.
pub(super) const DASH: u16 = 1 << 5;
/// `_`.
pub(super) const UNDERSCORE: u16 = 1 << 6;
/// `+` and `/`.
pub(super) const PLUS_SLASH: u16 = 1 << 7;
/// `=`.
pub(super) const EQUALS: u16 = 1 << 8;
/// `.`.
pub(super) const DOT: u16 = 1 << 9;
/// Space, tab, carriage return, line feed.
pub(super) const SPACE: u16 = 1 << 10;
/// Bytes that may begin an escape, and first bytes of characters that are not shown.
pub(super) const ESCAPE: u16 = 1 << 11;
/// Line feed alone.
pub(super) const NEWLINE: u16 = 1 << 12;
/// Quotation marks: `"`, `'` and the backtick.
pub(super) const QUOTE: u16 = 1 << 13;
/// `~`, `%`, `:` and `!`: further characters of opaque tokens.
pub(super) const PUNCTUATION: u16 = 1 << 14;
/// Everything without a class of its own.
pub(super) const OTHER: u16 = 1 << 15;

/// `a`–`z`.
pub(super) const LOWER: u16 = HEX_LOWER | G_TO_Z_LOWER;
/// `A`–`Z`.
pub(super) const UPPER: u16 = HEX_UPPER | G_TO_Z_UPPER;
/// Letters.
pub(super) const ALPHA: u16 = LOWER | UPPER;
/// Letters and digits.
pub(super) const ALNUM: u16 = ALPHA | DIGIT;
/// Hexadecimal digits in both cases.
pub(super) const HEX: u16 = DIGIT | HEX_LOWER | HEX_UPPER;
/// Hexadecimal digits, lower case.
pub(super) const HEX_LOW: u16 = DIGIT | HEX_LOWER;
/// The characters of an identifier: letters, digits, `_` and `-`.
pub(super) const WORD: u16 = ALNUM | DASH | UNDERSCORE;
/// The base64 alphabets, standard and URL-safe, without padding.
pub(super) const BASE64: u16 = WORD | PLUS_SLASH;
/// Characters between which a line break may have split a token.
pub(super) const TOKEN: u16 = BASE64 | EQUALS | DOT;

const fn class_of(byte: u8) -> u16 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' => HEX_LOWER,
        b'g'..=b'z' => G_TO_Z_LOWER,
        b'A'..=b'F' => HEX_UPPER,
        b'G'..=b'Z' => G_TO_Z_UPPER,
        b'-' => DASH,
        b'_' => UNDERSCORE,
        b'+' | b'/' => PLUS_SLASH,
        b'=' => EQUALS,
        b'.' => DOT,
        b' ' | b'\t' | b'\r' => SPACE,
        b'\n' => SPACE | NEWLINE,
        b'%' => PUNCTUATION | ESCAPE,
        b'~' | b':' | b'!' => PUNCTUATION,
        b'"' | b'\'' | b'`' => QUOTE,
        b'\\' | b'&' | 0 | 0x1b | 0xc2 | 0xcd | 0xe1 | 0xe2 | 0xef | 0xf3 => OTHER | ESCAPE,
        _ => OTHER,
    }
}

const fn class_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class_of(byte as u8);
        byte += 1;
    }
    table
}

static CLASSES: [u16; 256] = class_table();

/// The class bits of `byte`.
#[inline]
pub(super) fn class(byte: u8) -> u16 {
    CLASSES[byte as usize]
}

/// Whether `byte` belongs to one of the classes in `mask`.
#[inline]
pub(super) fn is(byte: u8, mask: u16) -> bool {
    class(byte) & mask != 0
}

/// The union of the classes of all bytes.
pub(super) fn classes_in(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |seen, &byte| seen | class(byte))
}

/// Whether all bytes are of one of the classes in `mask`.
pub(super) fn all(bytes: &[u8], mask: u16) -> bool {
    bytes.iter().all(|&byte| is(byte, mask))
}

/// Where the run of `mask` bytes that starts at `from` ends, looking at no more than `limit` bytes.
pub(super) fn run_end(bytes: &[u8], from: usize, mask: u16, limit: usize) -> usize {
    let stop = bytes.len().min(from.saturating_add(limit));
    let mut at = from;
    while at < stop && is(bytes[at], mask) {
        at += 1;
    }
    at
}

/// Where the next byte of `mask` stands at or after `from`, or the end; looks at no more than `limit`
/// bytes.
pub(super) fn until(bytes: &[u8], from: usize, mask: u16, limit: usize) -> usize {
    let stop = bytes.len().min(from.saturating_add(limit));
    let mut at = from;
    while at < stop && !is(bytes[at], mask) {
        at += 1;
    }
    at
}

/// Where the run of `mask` bytes that ends before `to` starts, looking at no more than `limit` bytes.
pub(super) fn run_start(bytes: &[u8], to: usize, mask: u16, limit: usize) -> usize {
    let stop = to.saturating_sub(limit);
    let mut at = to;
    while at > stop && is(bytes[at - 1], mask) {
        at -= 1;
    }
    at
}

/// Skips spaces and tabs, at most `limit` of them.
pub(super) fn skip_blanks(bytes: &[u8], from: usize, limit: usize) -> usize {
    let stop = bytes.len().min(from.saturating_add(limit));
    let mut at = from;
    while at < stop && matches!(bytes[at], b' ' | b'\t') {
        at += 1;
    }
    at
}

/// Whether the text at `at` starts with `expected`, ignoring ASCII case.
pub(super) fn starts_with(bytes: &[u8], at: usize, expected: &[u8]) -> bool {
    bytes.get(at..at + expected.len()).is_some_and(|found| found.eq_ignore_ascii_case(expected))
}

/// The next run of at least `min` bytes of `mask` that starts at or after `from`.
///
/// Looks at every `min`-th byte first, so prose costs a fraction of its length.
pub(super) fn next_run(bytes: &[u8], from: usize, mask: u16, min: usize) -> Option<(usize, usize)> {
    let mut start = from;
    'candidates: loop {
        let last = start + min - 1;
        if last >= bytes.len() {
            return None;
        }
        let mut at = last;
        loop {
            if !is(bytes[at], mask) {
                start = at + 1;
                continue 'candidates;
            }
            if at == start {
                break;
            }
            at -= 1;
        }
        return Some((start, run_end(bytes, last + 1, mask, usize::MAX)));
    }
}

/// Whether the bytes look drawn at random rather than written: a digit and a letter, or capitals and
/// small letters in no order that words have.
pub(super) fn looks_random(bytes: &[u8]) -> bool {
    let seen = classes_in(bytes);
    if seen & DIGIT != 0 && seen & ALPHA != 0 {
        return true;
    }
    if seen & LOWER == 0 || seen & UPPER == 0 || bytes.len() < 8 {
        return false;
    }
    let turns = bytes.windows(2).filter(|pair| is(pair[0], LOWER) && is(pair[1], UPPER)).count();
    let capitals = bytes.windows(3).any(|three| all(three, UPPER));
    turns >= 2 || capitals
}

/// Whether what stands at `at` makes a name of the word before it: `=`, `:` or `(`, and not the
/// padding of base64.
pub(super) fn marks_name(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b':' | b'(') => true,
        Some(b'=') => {
            let end = run_end(bytes, at, EQUALS, 3);
            bytes.get(end).is_some_and(|&next| is(next, ALNUM | SPACE | PLUS_SLASH))
        }
        _ => false,
    }
}

/// Most line breaks inside one token.
const MAX_SEAMS: usize = 64;

/// The end of a run that was measured before.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    mask: u16,
    start: usize,
    end: usize,
}

/// A text as a matcher sees it.
#[derive(Debug)]
pub(super) struct Text<'t> {
    /// The bytes of this reading of the text.
    pub(super) bytes: &'t [u8],
    /// Ascending positions in `bytes` where a line break was taken out.
    pub(super) seams: &'t [usize],
    /// The last runs that were measured, so that many anchors in one run measure it once.
    runs: Cell<[Run; 4]>,
}

impl<'t> Text<'t> {
    /// A text, and where line breaks were taken out of it.
    pub(super) fn new(bytes: &'t [u8], seams: &'t [usize]) -> Self {
        Self { bytes, seams, runs: Cell::default() }
    }

    /// Whether a line break was taken out directly before `at`.
    pub(super) fn is_seam(&self, at: usize) -> bool {
        !self.seams.is_empty() && self.seams.binary_search(&at).is_ok()
    }

    /// Whether a line break was taken out inside `start..end`.
    pub(super) fn crosses_seam(&self, start: usize, end: usize) -> bool {
        let next = self.seams.partition_point(|&seam| seam <= start);
        self.seams.get(next).is_some_and(|&seam| seam < end)
    }

    /// Whether a token may end at `at`: the byte there is not in `mask`, or the text ends, or a line
    /// break was taken out.
    pub(super) fn ends_at(&self, at: usize, mask: u16) -> bool {
        at >= self.bytes.len() || !is(self.bytes[at], mask) || self.is_seam(at)
    }

    /// Whether a token may start at `at`: what stands before it is not in `mask`.
    pub(super) fn starts_at(&self, at: usize, mask: u16) -> bool {
        at == 0 || !is(self.bytes[at - 1], mask) || self.is_seam(at)
    }

    fn measured_end(&self, from: usize, mask: u16) -> usize {
        let mut runs = self.runs.get();
        if let Some(run) = runs.iter().find(|run| run.mask == mask && (run.start..=run.end).contains(&from)) {
            return run.end;
        }
        let end = run_end(self.bytes, from, mask, usize::MAX);
        runs.rotate_right(1);
        runs[0] = Run { mask, start: from, end };
        self.runs.set(runs);
        end
    }

    /// The end of a token of `mask` bytes that starts at `from` and has no more than `limit` bytes.
    ///
    /// Across a taken-out line break the token goes on while it is shorter than `full` bytes, and
    /// after that only if what follows looks random and is not the name of something else.
    pub(super) fn token_end(&self, from: usize, mask: u16, full: usize, limit: usize) -> usize {
        let end = self.measured_end(from, mask).min(from.saturating_add(limit));
        if self.seams.is_empty() {
            return end;
        }
        let first = self.seams.partition_point(|&seam| seam <= from);
        let inside = self.seams[first..].iter().take_while(|&&seam| seam < end);
        for (crossed, &seam) in inside.enumerate() {
            let stop = self.seams.get(first + crossed + 1).map_or(end, |&next| next.min(end));
            let names_next = stop == end && marks_name(self.bytes, end);
            let goes_on = seam - from < full || (!names_next && looks_random(&self.bytes[seam..stop]));
            if !goes_on || crossed == MAX_SEAMS {
                return seam;
            }
        }
        end
    }
}
