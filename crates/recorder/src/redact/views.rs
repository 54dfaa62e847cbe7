//! Other readings of a text: with escapes resolved, and with line breaks inside words taken out.
//!
//! A reading remembers, piece by piece, which bytes of the text it came from, so that a hit in the
//! reading is a range of the text.

use super::bytes::{self, ALNUM, ESCAPE, HEX, NEWLINE, TOKEN};

/// One piece of a reading and where it came from. Texts are shorter than 4 GiB, and there may be
/// very many pieces, so they are small.
#[derive(Debug, Clone, Copy)]
struct Piece {
    view: u32,
    source: u32,
    /// For a decoded piece the bytes that it stands for; 0 for one that was copied byte by byte.
    decoded_from: u32,
}

/// A reading of a text.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The bytes of the reading.
    pub(super) bytes: Vec<u8>,
    /// Where line breaks were taken out, ascending.
    pub(super) seams: Vec<usize>,
    pieces: Vec<Piece>,
}

impl View {
    fn copy(&mut self, text: &[u8], start: usize, end: usize) {
        if start < end {
            self.add(&text[start..end], start, 0);
        }
    }

    fn decoded(&mut self, decoded: char, start: usize, end: usize) {
        let mut buffer = [0; 4];
        self.add(decoded.encode_utf8(&mut buffer).as_bytes(), start, end - start);
    }

    fn add(&mut self, bytes: &[u8], source: usize, decoded_from: usize) {
        self.pieces.push(Piece {
            view: self.bytes.len() as u32,
            source: source as u32,
            decoded_from: decoded_from as u32,
        });
        self.bytes.extend_from_slice(bytes);
    }

    /// The source range of the byte at `at` of the reading.
    fn source_of(&self, at: usize) -> (usize, usize) {
        let next = self.pieces.partition_point(|piece| piece.view as usize <= at);
        let piece = self.pieces[next.saturating_sub(1)];
        let source = piece.source as usize;
        if piece.decoded_from == 0 {
            let start = source + (at - piece.view as usize);
            (start, start + 1)
        } else {
            (source, source + piece.decoded_from as usize)
        }
    }

    /// The source range of the reading's range `start..end`, which is not empty.
    pub(super) fn source_range(&self, start: usize, end: usize) -> (usize, usize) {
        (self.source_of(start).0, self.source_of(end - 1).1)
    }
}

/// What stands at one place of a text.
enum Unit {
    /// Nothing that is decoded in this many bytes.
    Plain(usize),
    /// Characters that are not shown and take this many bytes.
    Hidden(usize),
    /// A character written with this many bytes.
    Char(char, usize),
    /// A byte written with this many bytes.
    Byte(u8, usize),
}

/// The text with its escapes resolved and its invisible characters taken out; `None` if there are
/// none. An escape that was itself escaped, any number of times, is resolved at once.
pub(super) fn unescaped(text: &[u8]) -> Option<View> {
    let mut view = View::default();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        if !bytes::is(text[at], ESCAPE) {
            at += 1;
            continue;
        }
        let (unit, len) = match unit_at(text, at) {
            Unit::Plain(len) => {
                at += len;
                continue;
            }
            Unit::Hidden(len) => (Unit::Hidden(len), len),
            Unit::Char(found, len) => (Unit::Char(found, len), len),
            Unit::Byte(found, len) => (Unit::Byte(found, len), len),
        };
        view.copy(text, copied, at);
        match unit {
            Unit::Char(found, _) if !is_hidden(found) => view.decoded(found, at, at + len),
            Unit::Byte(found, _) => view.add(&[found], at, len),
            Unit::Char(..) | Unit::Hidden(_) | Unit::Plain(_) => {}
        }
        at += len;
        copied = at;
    }
    if copied == 0 {
        return None;
    }
    view.copy(text, copied, text.len());
    Some(view)
}

fn unit_at(text: &[u8], at: usize) -> Unit {
    match text[at] {
        0 => Unit::Hidden(1),
        0x1b => terminal_escape(text, at),
        b'%' => percent(text, at),
        b'\\' => backslash(text, at),
        b'&' => entity(text, at),
        _ => hidden_char(text, at),
    }
}

/// A terminal sequence such as a colour change.
fn terminal_escape(text: &[u8], at: usize) -> Unit {
    if text.get(at + 1) != Some(&b'[') {
        return Unit::Hidden(1);
    }
    let stop = text.len().min(at + 32);
    let end = (at + 2..stop).find(|&place| matches!(text[place], 0x40..=0x7e));
    Unit::Hidden(end.map_or(1, |end| end + 1 - at))
}

/// `%2D`, and `%252D` and deeper.
fn percent(text: &[u8], at: usize) -> Unit {
    let mut digits = at + 1;
    while text.get(digits..digits + 4).is_some_and(|next| next.starts_with(b"25") && bytes::all(next, HEX)) {
        digits += 2;
    }
    match hex_value(text, digits, 2) {
        Some(value) => Unit::Byte(value as u8, digits + 2 - at),
        None => Unit::Plain(1),
    }
}

/// `\n`, `\/`, `\"`, `\u002d`, `\x2d`, a backslash at a line's end; after any number of backslashes.
fn backslash(text: &[u8], at: usize) -> Unit {
    let letter = bytes_equal_end(text, at, b'\\');
    let Some(&kind) = text.get(letter) else {
        return Unit::Plain(letter - at);
    };
    let after = letter + 1;
    let simple = |found: char| Unit::Char(found, after - at);
    match kind {
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'"' | b'\'' | b'/' | b'`' | b'$' | b'-' | b'_' | b'.' | b':' | b'=' | b'@' | b'+' => simple(char::from(kind)),
        b'\n' => Unit::Hidden(after - at),
        b'x' => coded(hex_value(text, after, 2), after + 2 - at),
        b'u' if text.get(after) == Some(&b'{') => {
            let end = bytes::run_end(text, after + 1, HEX, 6);
            if text.get(end) != Some(&b'}') {
                return Unit::Plain(letter - at);
            }
            coded(hex_value(text, after + 1, end - after - 1), end + 1 - at)
        }
        b'u' => coded(hex_value(text, after, 4), after + 4 - at),
        b'U' => coded(hex_value(text, after, 8), after + 8 - at),
        _ => Unit::Plain(letter - at),
    }
}

fn coded(value: Option<u32>, len: usize) -> Unit {
    match value.and_then(char::from_u32) {
        Some(found) => Unit::Char(found, len),
        None => Unit::Plain(1),
    }
}

fn bytes_equal_end(text: &[u8], from: usize, byte: u8) -> usize {
    let stop = text.len().min(from + 256);
    (from..stop).find(|&at| text[at] != byte).unwrap_or(stop)
}

fn hex_value(text: &[u8], at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at + digits)?;
    if digits.is_empty() || !bytes::all(digits, HEX) {
        return None;
    }
    digits.iter().try_fold(0_u32, |value, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        value.checked_mul(16)?.checked_add(digit)
    })
}

const ENTITIES: &[(&[u8], char)] = &[
    (b"quot;", '"'),
    (b"apos;", '\''),
    (b"lt;", '<'),
    (b"gt;", '>'),
    (b"equals;", '='),
    (b"colon;", ':'),
    (b"period;", '.'),
    (b"sol;", '/'),
    (b"lowbar;", '_'),
    (b"hyphen;", '-'),
    (b"dash;", '-'),
    (b"plus;", '+'),
    (b"commat;", '@'),
    (b"nbsp;", ' '),
    (b"newline;", '\n'),
    (b"shy;", '\u{ad}'),
    (b"zwnj;", '\u{200c}'),
    (b"zwj;", '\u{200d}'),
    (b"amp;", '&'),
];

/// `&#45;`, `&#x2d;`, `&quot;`, also with the `&` itself written as an entity.
fn entity(text: &[u8], at: usize) -> Unit {
    let mut name = at + 1;
    while bytes::starts_with(text, name, b"amp;") {
        let next = name + 4;
        let goes_on = text.get(next).is_some_and(|&byte| byte == b'#' || bytes::is(byte, ALNUM));
        if !goes_on || next - at > 256 {
            break;
        }
        name = next;
    }
    if text.get(name) == Some(&b'#') {
        let hex = matches!(text.get(name + 1), Some(b'x' | b'X'));
        let (from, mask, radix) = if hex { (name + 2, HEX, 16) } else { (name + 1, bytes::DIGIT, 10) };
        let end = bytes::run_end(text, from, mask, 8);
        if end == from {
            return Unit::Plain(1);
        }
        let value = text[from..end]
            .iter()
            .try_fold(0_u32, |value, &digit| value.checked_mul(radix)?.checked_add(char::from(digit).to_digit(radix)?));
        let end = if text.get(end) == Some(&b';') { end + 1 } else { end };
        return coded(value, end - at);
    }
    ENTITIES
        .iter()
        .find(|(entity, _)| bytes::starts_with(text, name, entity))
        .map_or(Unit::Plain(1), |(entity, found)| Unit::Char(*found, name + entity.len() - at))
}

fn is_hidden(found: char) -> bool {
    matches!(
        found,
        '\0' | '\u{ad}'
            | '\u{34f}'
            | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A character that is not shown, in UTF-8.
fn hidden_char(text: &[u8], at: usize) -> Unit {
    let len = match text[at] {
        0xc2 | 0xcd => 2,
        0xe1 | 0xe2 | 0xef => 3,
        _ => 4,
    };
    let found = text
        .get(at..at + len)
        .and_then(|encoded| std::str::from_utf8(encoded).ok())
        .and_then(|encoded| encoded.chars().next());
    match found {
        Some(found) if is_hidden(found) => Unit::Hidden(len),
        _ => Unit::Plain(1),
    }
}

/// Most blanks after a line break that count as indentation.
const MAX_INDENT: usize = 64;

/// The text with every line break between two token characters taken out, indentation included;
/// `None` if there is none.
pub(super) fn joined(text: &[u8]) -> Option<View> {
    let mut view = View::default();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].iter().position(|&byte| bytes::is(byte, NEWLINE)) {
        let newline = at + found;
        let start = if newline > copied && text[newline - 1] == b'\r' { newline - 1 } else { newline };
        let end = bytes::skip_blanks(text, newline + 1, MAX_INDENT);
        let before = start > copied && bytes::is(text[start - 1], TOKEN);
        let after = text.get(end).is_some_and(|&byte| bytes::is(byte, TOKEN));
        if before && after {
            view.copy(text, copied, start);
            view.seams.push(view.bytes.len());
            copied = end;
        }
        at = newline + 1;
    }
    if view.seams.is_empty() {
        return None;
    }
    view.copy(text, copied, text.len());
    Some(view)
}
