//! What only a policy turns on: addresses, numbers, paths, environment variables.

use super::bytes::{self, ALNUM, ALPHA, DASH, DIGIT, DOT, QUOTE, SPACE, UNDERSCORE, UPPER, WORD};

/// The e-mail address around the `@` at `at`.
pub(super) fn email(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let local_char = |byte: u8| bytes::is(byte, WORD | DOT) || matches!(byte, b'+' | b'%' | b'\'');
    let stop = at.saturating_sub(64);
    let mut start = at;
    while start > stop && local_char(text[start - 1]) {
        start -= 1;
    }
    while start < at && matches!(text[start], b'.' | b'-' | b'\'' | b'%') {
        start += 1;
    }
    let mut end = bytes::run_end(text, at + 1, ALNUM | DASH | DOT, 255);
    while end > at + 1 && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &text[at + 1..end];
    let dot = domain.iter().rposition(|&byte| byte == b'.')?;
    let top = &domain[dot + 1..];
    let fits = start < at && dot > 0 && top.len() >= 2 && bytes::all(top, ALPHA) && !domain.starts_with(b".");
    fits.then_some((start, end))
}

/// Fewest digits of a telephone number.
const MIN_PHONE_DIGITS: usize = 8;
/// Most digit groups of a telephone number.
const MAX_PHONE_GROUPS: usize = 7;

/// Whether there is a telephone number.
pub(super) fn any_phone(text: &[u8]) -> bool {
    phones(text).next().is_some()
}

/// Every telephone number: international with `+`, or groups of three, three and four digits.
pub(super) fn phones(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            if !bytes::is(text[at], DIGIT) {
                at += 1;
                continue;
            }
            let digits = Digits::read(text, at);
            let start = bytes_before(text, at);
            at = digits.end;
            if is_phone(text, start, &digits) {
                return Some((start, digits.end));
            }
        }
        None
    })
}

/// Where a number starts: with the `+` and the parenthesis before its first digit.
fn bytes_before(text: &[u8], first_digit: usize) -> usize {
    let mut start = first_digit;
    while start > 0 && first_digit - start < 2 && matches!(text[start - 1], b'+' | b'(') {
        start -= 1;
    }
    start
}

/// Groups of digits parted by a few separators.
struct Digits {
    groups: [usize; MAX_PHONE_GROUPS],
    count: usize,
    end: usize,
}

impl Digits {
    fn read(text: &[u8], from: usize) -> Self {
        let mut digits = Self { groups: [0; MAX_PHONE_GROUPS], count: 0, end: from };
        let mut at = from;
        loop {
            let stop = bytes::run_end(text, at, DIGIT, usize::MAX);
            if stop == at {
                return digits;
            }
            digits.groups[digits.count] = stop - at;
            digits.count += 1;
            digits.end = stop;
            let mut next = stop;
            while next < stop + 3 && text.get(next).is_some_and(|byte| matches!(byte, b' ' | b'-' | b'.' | b'(' | b')'))
            {
                next += 1;
            }
            if next == stop || digits.count == MAX_PHONE_GROUPS {
                return digits;
            }
            at = next;
        }
    }
}

fn is_phone(text: &[u8], start: usize, digits: &Digits) -> bool {
    let groups = &digits.groups[..digits.count];
    let total: usize = groups.iter().sum();
    if total < MIN_PHONE_DIGITS {
        return false;
    }
    let free_before =
        start == 0 || !(bytes::is(text[start - 1], WORD | DOT | bytes::PUNCTUATION) || text[start - 1] == b'/');
    let free_after = text.get(digits.end).is_none_or(|&byte| !bytes::is(byte, WORD | bytes::PUNCTUATION));
    let international = text[start..].starts_with(b"+") || text[start..].starts_with(b"(+");
    let plausible = if international { total <= 15 } else { matches!(groups, [3, 3, 4] | [1, 3, 3, 4]) };
    free_before && free_after && plausible
}

/// An absolute path whose root stands at `at`.
pub(super) fn unix_path(text: &[u8], at: usize, after: usize) -> Option<(usize, usize)> {
    let before = at.checked_sub(1).map(|before| text[before]);
    let starts = before.is_none_or(|byte| !bytes::is(byte, WORD | DOT) && !matches!(byte, b'/' | b'~' | b'}'))
        || (at >= 3 && text[..at].ends_with(b"://"))
        || text[..at].ends_with(b"file:/")
        || text[..at].ends_with(b"//");
    let url_host = before == Some(b'/') && !text[..at].ends_with(b"file://");
    if !starts || url_host {
        return None;
    }
    let end = path_end(text, after);
    (end > after).then_some((at, end))
}

/// A path with a drive letter before the `:\` at `at`, or a share that starts with `\\`.
pub(super) fn windows_path(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if text[at] == b':' {
        let drive = at.checked_sub(1)?;
        let starts = bytes::is(text[drive], ALPHA) && (drive == 0 || !bytes::is(text[drive - 1], ALNUM));
        let end = path_end(text, at + 2);
        return (starts && end > at + 2).then_some((drive, end));
    }
    let starts = at == 0
        || bytes::is(text[at - 1], SPACE | QUOTE)
        || matches!(text[at - 1], b'(' | b'=' | b'>' | b'[' | b',' | b':' | b'{');
    if !starts {
        return None;
    }
    let name = at + backslashes(text, at);
    let host = bytes::run_end(text, name, WORD | DOT, 64);
    let gap = backslashes(text, host);
    let share = host > name + 1 && gap > 0 && text.get(host + gap).is_some_and(|&byte| bytes::is(byte, WORD));
    share.then(|| (at, path_end(text, host)))
}

/// How many backslashes stand at `at`; escaped ones count, up to a bound.
fn backslashes(text: &[u8], at: usize) -> usize {
    text[at..].iter().take(64).take_while(|&&byte| byte == b'\\').count()
}

fn path_end(text: &[u8], from: usize) -> usize {
    let stop = text.len().min(from + 4096);
    let mut end = from;
    while end < stop
        && !bytes::is(text[end], SPACE | QUOTE)
        && !matches!(text[end], b':' | b',' | b';' | b')' | b']' | b'}' | b'<' | b'>' | b'|' | b'?' | b'*')
    {
        end += 1;
    }
    while end > from && matches!(text[end - 1], b'.' | b'!') {
        end -= 1;
    }
    end
}

/// The value of the environment variable whose `=` stands at `at`.
pub(super) fn environment(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = bytes::run_start(text, at, UPPER | DIGIT | UNDERSCORE, 64);
    let free = start == 0
        || !bytes::is(text[start - 1], WORD | DOT | bytes::PUNCTUATION)
            && !matches!(text[start - 1], b'&' | b'?' | b'$');
    if !free || at - start < 3 || !bytes::is(text[start], UPPER) {
        return None;
    }
    let first = *text.get(at + 1)?;
    if matches!(first, b'"' | b'\'') {
        let stop = text.len().min(at + 2 + 4096);
        let close = (at + 2..stop).find(|&place| text[place] == first)?;
        return (close > at + 2 && text[at + 2] != b'[').then_some((at + 2, close));
    }
    let end = bytes::until(text, at + 1, SPACE | QUOTE, 4096);
    let mut end = end;
    while end > at + 1 && matches!(text[end - 1], b',' | b';' | b')' | b'.') {
        end -= 1;
    }
    let value = &text[at + 1..end];
    let fits = !value.is_empty() && !matches!(value[0], b'=' | b'[' | b'$' | b'<');
    fits.then_some((at + 1, end))
}
