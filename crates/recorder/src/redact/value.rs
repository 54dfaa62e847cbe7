//! Values of named secrets: how far they reach, and whether they are secrets or just words.

use super::bytes::{self, ALNUM, ALPHA, BASE64, DIGIT, DOT, HEX, LOWER, NEWLINE, Text, UPPER};
use super::keyword::{Named, ValueStart};

/// Longest stretch that is read to judge a value, in bytes.
pub(super) const MAX_JUDGED_BYTES: usize = 512;
/// Longest value, in bytes.
pub(super) const MAX_VALUE_BYTES: usize = 32 * 1024;

/// Most bytes that a quoted value may go on after a line break.
const MAX_AFTER_BREAK: usize = 512;

/// The range of the value that starts at `value`; empty values give `None`.
pub(super) fn extent(text: &Text<'_>, value: ValueStart, limit: usize) -> Option<(usize, usize)> {
    let end = match value.quote {
        Some((quote, count)) => match closing(text.bytes, value.at, quote, count, limit) {
            Some(close) => close,
            None => bare_end(text, value.at, limit),
        },
        None => bare_end(text, value.at, limit),
    };
    (end > value.at).then_some((value.at, end))
}

/// The closing quotation mark of a quoted value.
fn closing(text: &[u8], from: usize, quote: u8, count: usize, limit: usize) -> Option<usize> {
    let mut stop = text.len().min(from + limit);
    let mut broken = false;
    let mut at = from;
    while at < stop {
        let byte = text[at];
        if byte == b'\\' {
            at += 2;
            continue;
        }
        if byte == quote && (count == 1 || text.get(at..at + 3) == Some(&[quote; 3])) {
            return Some(at);
        }
        if !broken && bytes::is(byte, NEWLINE) && count == 1 {
            broken = true;
            stop = stop.min(at + MAX_AFTER_BREAK);
        }
        at += 1;
    }
    None
}

/// The end of a value without quotation marks: the end of the word, less closing punctuation, and
/// not into the next `name=value`.
fn bare_end(text: &Text<'_>, from: usize, limit: usize) -> usize {
    let all = text.bytes;
    let stop = all.len().min(from + limit);
    let mut at = from;
    while at < stop {
        let byte = all[at];
        if bytes::is(byte, bytes::SPACE | bytes::QUOTE) || matches!(byte, b'<' | b'>' | b'\\') {
            break;
        }
        if at > from && text.is_seam(at) && !goes_on_after(text, at) {
            break;
        }
        if matches!(byte, b'&' | b';' | b',' | b'|') && ends_pair(all, at) {
            break;
        }
        at += 1;
    }
    while at > from && matches!(all[at - 1], b')' | b']' | b'}' | b',' | b';' | b'.' | b':' | b'?') {
        at -= 1;
    }
    at
}

/// Whether a value goes on after a taken-out line break: the rest of it looks random, stands alone
/// on its line and is not a name.
fn goes_on_after(text: &Text<'_>, seam: usize) -> bool {
    let end = bytes::run_end(text.bytes, seam, BASE64 | DOT, 256);
    let next_seam = text.seams.partition_point(|&at| at <= seam);
    let end = text.seams.get(next_seam).map_or(end, |&next| next.min(end));
    let names_next = bytes::marks_name(text.bytes, end) || text.bytes.get(end) == Some(&b' ');
    !names_next && bytes::looks_random(&text.bytes[seam..end])
}

/// Whether a separator at `at` is followed by the end of the word or by another name and value.
fn ends_pair(all: &[u8], at: usize) -> bool {
    let name_end = bytes::run_end(all, at + 1, ALNUM | bytes::DASH | bytes::UNDERSCORE | DOT, 64);
    match all.get(name_end) {
        None => true,
        Some(byte) => {
            matches!(byte, b'=' | b':') && name_end > at + 1
                || name_end == at + 1
                    && (bytes::is(*byte, bytes::SPACE | bytes::QUOTE) || matches!(byte, b'&' | b';' | b'#'))
        }
    }
}

/// Words that stand where a value would stand and are no secret.
const WORDS: &[&str] = &[
    "required",
    "optional",
    "string",
    "str",
    "text",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "empty",
    "missing",
    "wrong",
    "invalid",
    "incorrect",
    "expired",
    "hidden",
    "redacted",
    "masked",
    "removed",
    "unset",
    "set",
    "not",
    "unknown",
    "bytes",
    "bool",
    "boolean",
    "int",
    "integer",
    "number",
    "object",
    "any",
    "secretstr",
    "password",
    "secret",
    "token",
    "default",
    "yes",
    "no",
    "the",
    "is",
    "are",
    "was",
    "must",
    "may",
    "you",
    "your",
    "for",
    "and",
    "with",
    "from",
    "this",
    "that",
    "here",
    "ok",
    "n/a",
    "changed",
    "reset",
    "authentication",
    "inherit",
    "option",
    "omitted",
    "placeholder",
    "filtered",
    "sanitized",
];

/// Whether `value` may be a secret of the kind that its name says.
pub(super) fn is_plausible(named: Named, start: ValueStart, value: &[u8], rest: &[u8]) -> bool {
    let quoted = start.quote.is_some();
    if is_template(value, quoted) || is_word(value) {
        return false;
    }
    if !quoted && (is_code(value) || is_number(value) || (start.loose && is_assigned(rest))) {
        return false;
    }
    if bytes::starts_with(value, 0, b"http://") || bytes::starts_with(value, 0, b"https://") {
        return false;
    }
    let seen = bytes::classes_in(value);
    let only_letters = seen & !ALPHA == 0;
    let mixed = seen & DIGIT != 0 && seen & ALPHA != 0;
    let lone = !start.loose || ends_line(rest);
    match named {
        Named::Password => {
            let long_enough = value.len() >= if quoted { 3 } else { 4 };
            long_enough && (quoted || !only_letters && !is_hyphenated(value) || lone)
        }
        Named::Secret | Named::ApiKey | Named::PrivateKey => {
            let plain_word = only_letters || is_hyphenated(value);
            let long_enough = value.len() >= 6;
            long_enough
                && !is_hash_reference(value)
                && (mixed || !plain_word || (value.len() >= 8 && (quoted || !start.loose)))
        }
        Named::Token => value.len() >= 8 && (mixed || (value.len() >= 20 && !is_hyphenated(value))),
        Named::SomeKey => value.len() >= 16 && is_dense(value) && !is_id(value),
        Named::AwsSecret => value.len() >= 16 && !only_letters,
        Named::AwsSession => value.len() >= 16,
        Named::AzureKey => value.len() >= 16 && mixed,
        Named::Signature => value.len() >= 40 && mixed && !bytes::all(value, HEX),
    }
}

/// The end of a line, of a quotation or of an element.
fn ends_line(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'<') || bytes::is(*byte, bytes::QUOTE))
}

/// A place holder: `${NAME}`, `<password>`, `***`, `{{ secret }}`, `%NAME%`, an earlier replacement.
fn is_template(value: &[u8], quoted: bool) -> bool {
    let first = value[0];
    let masks = value.iter().all(|byte| matches!(byte, b'*' | b'.' | b'-' | b'_' | b'#' | b'x' | b'X' | b' ' | b'?'));
    let bullets = value.chunks(3).all(|chunk| chunk == "•".as_bytes());
    if masks || bullets {
        return true;
    }
    match first {
        b'$' => {
            let second = value.get(1).copied().unwrap_or(0);
            let constant = bytes::run_end(value, 1, UPPER | DIGIT | bytes::UNDERSCORE, 64);
            let variable = bytes::run_end(value, 1, ALPHA | bytes::UNDERSCORE, 64);
            let goes_on =
                matches!(value.get(variable), None | Some(b'-' | b'{' | b'[' | b'(' | b'.' | b':' | b',' | b';'));
            matches!(second, b'{' | b'(') || constant == value.len() || (!quoted && goes_on)
        }
        b'{' => value.ends_with(b"}") || !quoted,
        b'<' => value.ends_with(b">"),
        b'%' => {
            value.len() > 2
                && value.ends_with(b"%")
                && bytes::all(&value[1..value.len() - 1], ALNUM | bytes::UNDERSCORE)
        }
        b'[' => bytes::starts_with(value, 0, b"[redacted") || !quoted,
        b'(' | b'&' | b'|' | b'=' | b'!' | b'*' => !quoted,
        _ => {
            bytes::starts_with(value, 0, b"your-")
                || bytes::starts_with(value, 0, b"your_")
                || bytes::starts_with(value, 0, b"your ")
                || bytes::starts_with(value, 0, b"<")
        }
    }
}

fn is_word(value: &[u8]) -> bool {
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// Names that stand before a dot in programs.
const OWNERS: &[&str] = &[
    "self", "this", "other", "node", "args", "config", "cfg", "settings", "env", "process", "os", "ctx", "request",
    "req", "params", "options", "opts", "data", "input", "cls", "super", "crate", "std", "state", "event",
];

/// A number as programs write it: `0x1f`, `2108u32`. Plain digits may be a password.
fn is_number(value: &[u8]) -> bool {
    if value.len() <= 10 && bytes::starts_with(value, 0, b"0x") {
        return bytes::all(&value[2..], HEX);
    }
    let digits = bytes::run_end(value, 0, DIGIT | bytes::UNDERSCORE, 24);
    let suffix = &value[digits..];
    digits > 0
        && [&b"u8"[..], b"u16", b"u32", b"u64", b"usize", b"i8", b"i16", b"i32", b"i64", b"isize"].contains(&suffix)
}

/// ` = …` after what looked like a value: that was a type.
fn is_assigned(rest: &[u8]) -> bool {
    let at = bytes::skip_blanks(rest, 0, 4);
    at > 0 && rest.get(at) == Some(&b'=')
}

/// An expression rather than a value: a call, an index, a path of names, a name that says "password".
fn is_code(value: &[u8]) -> bool {
    let name_end = bytes::run_end(value, 0, ALNUM | bytes::UNDERSCORE | DOT, 128);
    if name_end == 0 || bytes::is(value[0], DIGIT) {
        return false;
    }
    let name = &value[..name_end];
    let is_names =
        name.split(|&byte| byte == b'.').all(|part| !part.is_empty() && bytes::is(part[0], ALPHA | bytes::UNDERSCORE));
    if !is_names {
        return false;
    }
    match value.get(name_end) {
        Some(b'(' | b'[' | b'{') => true,
        Some(b'!') => matches!(value.get(name_end + 1), Some(b'(' | b'[' | b'{')),
        Some(b':') => value.get(name_end + 1) == Some(&b':'),
        Some(_) => false,
        None => {
            let owner = name.split(|&byte| byte == b'.').next().unwrap_or(name);
            let known = OWNERS.iter().any(|known| owner.eq_ignore_ascii_case(known.as_bytes()));
            let dotted = name.contains(&b'.') && (known || bytes::classes_in(name) & DIGIT == 0);
            let lower = name.to_ascii_lowercase();
            let repeats = ["password", "passwd", "secret", "token", "api_key", "apikey", "_key", "pwd", "credentials"]
                .iter()
                .any(|word| lower.ends_with(word.as_bytes()));
            dotted || (repeats && bytes::classes_in(name) & DIGIT == 0)
        }
    }
}

/// Small words joined by `-` or `_`, as in file names and enumerations.
fn is_hyphenated(value: &[u8]) -> bool {
    bytes::all(value, ALPHA | bytes::DASH | bytes::UNDERSCORE)
}

/// `sha256:…`: the hash of something.
fn is_hash_reference(value: &[u8]) -> bool {
    bytes::starts_with(value, 0, b"sha256:") || bytes::starts_with(value, 0, b"sha512:")
}

/// At least 16 letters and digits in one stretch, with both in it.
pub(super) fn is_dense(value: &[u8]) -> bool {
    value.split(|&byte| !bytes::is(byte, ALNUM)).any(|part| {
        let seen = bytes::classes_in(part);
        part.len() >= 16 && seen & DIGIT != 0 && seen & ALPHA != 0
    })
}

/// A UUID, or 16, 32, 40 or 64 hexadecimal digits in lower case, and nothing else.
pub(super) fn is_id(value: &[u8]) -> bool {
    if value.len() == 36 {
        return value
            .iter()
            .enumerate()
            .all(|(at, &byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { bytes::is(byte, HEX) });
    }
    matches!(value.len(), 16 | 32 | 40 | 64) && bytes::all(value, DIGIT | LOWER) && bytes::all(value, HEX)
}
