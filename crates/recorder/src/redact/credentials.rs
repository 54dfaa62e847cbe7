//! Tokens that have a grammar of their own: JWT, bearer and basic credentials, AWS, Twilio, Telegram.

use super::blobs;
use super::bytes::{
    self, ALNUM, ALPHA, DASH, DIGIT, DOT, EQUALS, NEWLINE, PLUS_SLASH, PUNCTUATION, QUOTE, SPACE, Text, UNDERSCORE,
    UPPER, WORD,
};
use super::keyword;
use super::prefixes::{Check, Edge, MAX_JUDGED_BYTES, MAX_TOKEN_BYTES, PrefixRule};
use super::value;

/// The characters of a bearer token.
const BEARER_MASK: u16 = WORD | DOT | PLUS_SLASH | EQUALS | PUNCTUATION;

/// A token with the prefix `prefix`, which stands at `start` in any case.
pub(super) fn prefixed(text: &Text<'_>, rule: &PrefixRule, prefix: &str, start: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let after = start + prefix.len();
    if all.get(start..after) != Some(prefix.as_bytes()) {
        return None;
    }
    let starts = match rule.edge {
        Edge::Any => true,
        Edge::Word => text.starts_at(start, ALNUM),
        Edge::Apart => text.starts_at(start, WORD),
    };
    if !starts {
        return None;
    }
    let end = trimmed(all, after, text.token_end(after, rule.mask, rule.full, MAX_JUDGED_BYTES));
    let body = &all[after..end];
    if body.len() < rule.min {
        return None;
    }
    let seen = bytes::classes_in(body);
    let fits = match rule.check {
        Check::Free => true,
        Check::Mixed => seen & DIGIT != 0 && seen & ALPHA != 0,
        Check::Dense => value::is_dense(body),
    };
    let end = if end == after + MAX_JUDGED_BYTES {
        trimmed(all, after, text.token_end(after, rule.mask, rule.full, MAX_TOKEN_BYTES))
    } else {
        end
    };
    fits.then_some((start, end))
}

/// Without the full stops that end a sentence.
fn trimmed(all: &[u8], start: usize, end: usize) -> usize {
    let mut end = end;
    while end > start && all[end - 1] == b'.' {
        end -= 1;
    }
    end
}

/// A JSON web token that starts at `start`: two parts at least, the rest as far as it goes.
pub(super) fn jwt(text: &Text<'_>, start: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    if all.get(start..start + 3) != Some(b"eyJ") || !text.starts_at(start, ALNUM) {
        return None;
    }
    let header = text.token_end(start, WORD, 20, MAX_TOKEN_BYTES);
    if header - start < 12 || all.get(header) != Some(&b'.') {
        return None;
    }
    let mut end = header;
    let mut parts = 1;
    while parts < 5 && all.get(end) == Some(&b'.') {
        let part = text.token_end(end + 1, WORD, 24, MAX_TOKEN_BYTES);
        if part == end + 1 && all.get(part) != Some(&b'.') {
            break;
        }
        end = part;
        parts += 1;
    }
    let payload = &all[header + 1..end.max(header + 1)];
    (payload.len() >= 10).then_some((start, end))
}

/// `AKIA…` and sixteen characters more.
pub(super) fn aws_key_id(text: &Text<'_>, start: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let end = start + 20;
    let id = all.get(start..end)?;
    let fits = matches!(&id[..4], b"AKIA" | b"ASIA" | b"ABIA")
        && bytes::all(id, UPPER | DIGIT)
        && bytes::classes_in(&id[4..]) & UPPER != 0
        && text.starts_at(start, ALNUM)
        && text.ends_at(end, ALNUM);
    fits.then_some((start, end))
}

/// A secret access key of forty base64 characters within the next words after a key id.
pub(super) fn aws_secret_after(text: &Text<'_>, from: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let stop = all.len().min(from + 96);
    let mut at = from;
    while at < stop {
        let end = bytes::run_end(all, at, ALNUM | PLUS_SLASH, 64);
        let candidate = &all[at..end];
        let seen = bytes::classes_in(candidate);
        if candidate.len() == 40 && seen & UPPER != 0 && seen & bytes::LOWER != 0 && seen & DIGIT != 0 {
            return Some((at, end));
        }
        at = end + 1;
    }
    None
}

/// A Telegram bot token around the `:AA` at `colon`: eight to ten digits before, about 33 characters
/// after.
pub(super) fn telegram(text: &Text<'_>, colon: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    if all.get(colon..colon + 3) != Some(b":AA") {
        return None;
    }
    let start = bytes::run_start(all, colon, DIGIT, 11);
    let end = text.token_end(colon + 1, WORD, 35, 64);
    ((7..=10).contains(&(colon - start)) && end - colon > 30).then_some((start, end))
}

/// The token after the word `bearer`, which ends at `after`.
pub(super) fn bearer(text: &Text<'_>, after: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let mut at = bytes::skip_blanks(all, after, 16);
    if at == after {
        if !matches!(all.get(at), Some(b':' | b'=' | b'+')) {
            return None;
        }
        at = bytes::skip_blanks(all, at + 1, 16);
    }
    if matches!(all.get(at), Some(b'"' | b'\'' | b'`')) {
        at += 1;
    }
    let judged = text.token_end(at, BEARER_MASK, 20, MAX_JUDGED_BYTES);
    let token = &all[at..trimmed(all, at, judged)];
    let seen = bytes::classes_in(token);
    let opaque = token.len() >= 8 && seen & DIGIT != 0 && (seen & ALPHA != 0 || token.len() >= 16);
    let long = token.len() >= 20 && bytes::looks_random(token);
    if !opaque && !long {
        return None;
    }
    Some((at, trimmed(all, at, text.token_end(at, BEARER_MASK, 20, MAX_TOKEN_BYTES))))
}

/// The credentials after the word `basic` and a space: base64 of `user:password`.
pub(super) fn basic(text: &Text<'_>, after: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let at = bytes::skip_blanks(all, after, 16);
    let end = text.token_end(at, bytes::BASE64, 8, MAX_TOKEN_BYTES);
    if end - at < 6 {
        return None;
    }
    let decoded = blobs::decode_base64(&all[at..end]);
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let readable = std::str::from_utf8(&decoded).is_ok_and(|text| !text.chars().any(char::is_control));
    (colon > 0 && readable).then_some((at, bytes::run_end(all, end, EQUALS, 2)))
}

/// The password in `-u user:password` of a program that speaks HTTP.
pub(super) fn user_flag(text: &Text<'_>, anchor: usize, after: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let line = anchor.saturating_sub(256);
    let speaks_http = all[line..anchor].windows(4).any(|word| matches!(word, b"curl" | b"wget" | b"http"));
    let quoted = usize::from(all.get(after).is_some_and(|&byte| bytes::is(byte, QUOTE)));
    let from = bytes::until(all, after + quoted, SPACE | QUOTE, 256);
    let pair = &all[after + quoted..from];
    let colon = pair.iter().position(|&byte| byte == b':')?;
    let password = &pair[colon + 1..];
    let fits = speaks_http && colon > 0 && password.len() >= 4 && !matches!(password[0], b'$' | b'<' | b'{' | b'/');
    fits.then_some((after + quoted + colon + 1, from))
}

/// What follows the name `authorization`, which holds the anchor: the credentials, without the
/// scheme if it is a known one; and whether the scheme is Basic.
pub(super) fn authorization(text: &Text<'_>, anchor: usize, after: usize) -> Option<((usize, usize), bool)> {
    let all = text.bytes;
    let start = bytes::run_start(all, anchor, WORD, 32);
    let value = keyword::value_start(all, start, after)?;
    let scheme_end = bytes::run_end(all, value.at, ALNUM | DASH | UNDERSCORE, 32);
    let scheme = all[value.at..scheme_end].to_ascii_lowercase();
    let parameters = bytes::run_end(all, scheme_end, SPACE, 16);
    let has_parameters = parameters > scheme_end;
    let (from, stops) = match scheme.as_slice() {
        b"bearer" | b"basic" | b"token" | b"apikey" | b"bot" | b"key" | b"api-key" if has_parameters => {
            (parameters, SPACE | QUOTE)
        }
        // Parameters with quotation marks among them, up to the line's end.
        b"digest" | b"hawk" | b"oauth" | b"aws4-hmac-sha256" | b"signature" | b"negotiate" | b"ntlm"
            if has_parameters =>
        {
            (parameters, NEWLINE)
        }
        _ => (value.at, SPACE | QUOTE),
    };
    let judged = bytes::until(all, from, stops, MAX_JUDGED_BYTES);
    let credential = &all[from..judged];
    let seen = bytes::classes_in(credential);
    let template = credential.first().is_none_or(|first| matches!(first, b'$' | b'<' | b'{' | b'[' | b'*'))
        || bytes::starts_with(credential, 0, b"http");
    if credential.len() < 8 || seen & DIGIT == 0 || seen & ALPHA == 0 || template {
        return None;
    }
    let mut to = bytes::until(all, judged, stops, MAX_TOKEN_BYTES);
    if let Some(seam) = text.seams.get(text.seams.partition_point(|&seam| seam <= from)).filter(|&&seam| seam < to) {
        to = to.min(text.token_end(from, BEARER_MASK, 24, MAX_TOKEN_BYTES).max(*seam));
    }
    while to > from && matches!(all[to - 1], b',' | b';' | b'}' | b')' | b']' | b'>') {
        to -= 1;
    }
    Some(((from, to), scheme == b"basic"))
}
