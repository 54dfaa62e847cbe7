//! Session ids in cookies.

use super::bytes::{self, ALNUM, DASH, DIGIT, DOT, QUOTE, SPACE, Text, UNDERSCORE, WORD};
use super::keyword;
use super::prefixes::MAX_JUDGED_BYTES;
use super::value;

/// Longest header value that is read, in bytes.
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Shortest cookie value that counts as secret, in bytes.
const MIN_COOKIE_BYTES: usize = 8;

/// The values of the header `cookie` or `set-cookie` whose name holds the anchor: for each pair the
/// range of its value.
pub(super) fn header(text: &Text<'_>, anchor: usize, after: usize) -> Vec<(usize, usize)> {
    let all = text.bytes;
    let start = bytes::run_start(all, anchor, WORD, 16);
    let end = if bytes::starts_with(all, after, b"s") { after + 1 } else { after };
    let Some(value) = keyword::value_start(all, start, end) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut at = value.at;
    while at < value.at + MAX_HEADER_BYTES {
        let name = bytes::skip_blanks(all, at, 8);
        let from = bytes::run_end(all, name, WORD | DOT, 128) + 1;
        if all.get(from - 1) != Some(&b'=') {
            break;
        }
        let judged = cookie_end(all, from, MAX_JUDGED_BYTES);
        let is_found = is_secret(&all[from..judged]) && !is_attribute(&all[name..from - 1]);
        let end = if is_found { cookie_end(all, judged, MAX_HEADER_BYTES) } else { judged };
        if is_found {
            found.push((from, end));
        }
        at = bytes::run_end(all, end, SPACE, 8);
        if all.get(at) != Some(&b';') {
            break;
        }
        at += 1;
    }
    found
}

/// The end of a cookie's value.
fn cookie_end(all: &[u8], from: usize, limit: usize) -> usize {
    let stop = bytes::until(all, from, SPACE | QUOTE, limit);
    (from..stop).find(|&at| matches!(all[at], b';' | b'\\')).unwrap_or(stop)
}

fn is_attribute(name: &[u8]) -> bool {
    [&b"path"[..], b"domain", b"expires", b"max-age", b"samesite"]
        .iter()
        .any(|attribute| name.eq_ignore_ascii_case(attribute))
}

fn is_secret(cookie: &[u8]) -> bool {
    let seen = bytes::classes_in(cookie);
    cookie.len() >= MIN_COOKIE_BYTES && seen & DIGIT != 0 && seen & bytes::ALPHA != 0
}

/// Names that only a web framework's session cookie has.
const FRAMEWORKS: &[&[u8]] = &[
    b"phpsessid",
    b"jsessionid",
    b"connect.sid",
    b"asp.net_sessionid",
    b"laravel_session",
    b"ci_session",
    b"rack.session",
    b"koa.sid",
    b"express.sid",
    b"aspsessionid",
];

/// The value of a session cookie whose name holds the anchor.
pub(super) fn session(text: &Text<'_>, anchor: usize, after: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let start = bytes::run_start(all, anchor, WORD | DOT, 32);
    let name_end = bytes::run_end(all, after.saturating_sub(1), ALNUM | UNDERSCORE | DASH | DOT, 24).max(after);
    let end = if all[after - 1] == b'=' { after - 1 } else { name_end };
    let name = all[start..end].to_ascii_lowercase();
    let framework = FRAMEWORKS.iter().any(|known| name.ends_with(known));
    let general = (matches!(name.as_slice(), b"session" | b"sessionid" | b"sid" | b"sessid")
        || name.ends_with(b"_session"))
        && all.get(end) == Some(&b'=')
        && !is_camel(&all[start..end]);
    if !framework && !general {
        return None;
    }
    let value = keyword::value_start(all, start, end)?;
    let to = text.token_end(value.at, WORD | DOT | bytes::PUNCTUATION | bytes::PLUS_SLASH, 26, 1024);
    let cookie = &all[value.at..to];
    let seen = bytes::classes_in(cookie);
    let mixed = seen & DIGIT != 0 && seen & bytes::ALPHA != 0;
    let opaque = if framework { cookie.len() >= 12 } else { cookie.len() >= 20 && !value::is_id(cookie) };
    (mixed && opaque).then_some((value.at, to))
}

/// `sessionId`: the way programs write the id of a session of their own.
fn is_camel(name: &[u8]) -> bool {
    name.windows(2).any(|pair| bytes::is(pair[0], bytes::LOWER) && bytes::is(pair[1], bytes::UPPER))
}
