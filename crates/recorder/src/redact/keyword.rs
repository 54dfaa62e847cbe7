//! Names that say that a secret follows: what a name means, and where its value starts.

use super::bytes::{self, ALNUM, DOT, UPPER, WORD};

/// What a name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// password, passwd, pwd, pass, passphrase, passcode.
    Password,
    /// secret, client secret.
    Secret,
    /// API key, access key, account key and the like.
    ApiKey,
    /// Any other name that ends in "key": the value must look random.
    SomeKey,
    /// token, access token and the like.
    Token,
    /// private key.
    PrivateKey,
    /// AWS secret access key.
    AwsSecret,
    /// AWS session token.
    AwsSession,
    /// Azure account key or shared access key.
    AzureKey,
    /// The signature of a signed URL.
    Signature,
}

/// Longest part of a name that is read to the left and to the right of its anchor, in bytes.
const MAX_NAME_BYTES: usize = 48;

/// A name around an anchor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) named: Named,
}

/// Endings that leave the meaning of a name as it is.
const NEUTRAL_ENDINGS: &[&str] = &[
    "value",
    "val",
    "prod",
    "production",
    "dev",
    "staging",
    "test",
    "testing",
    "live",
    "old",
    "new",
    "current",
    "default",
    "raw",
    "plain",
    "plaintext",
    "text",
    "string",
    "str",
    "hex",
    "base64",
    "b64",
    "primary",
    "secondary",
    "main",
    "backup",
    "env",
    "variable",
    "var",
    "header",
    "confirmation",
    "confirm",
    "encrypted",
    "again",
    "repeat",
];

/// Names that end like a secret and are none.
const HARMLESS: &[&str] = &[
    "maxtoken",
    "nexttoken",
    "pagetoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "septoken",
    "clstoken",
    "masktoken",
    "cancellationtoken",
    "canceltoken",
    "continuationtoken",
    "stoptoken",
    "starttoken",
    "firsttoken",
    "lasttoken",
    "pricepertoken",
    "specialtoken",
    "imagetoken",
    "synctoken",
    "costpertoken",
    "usdpertoken",
    "outputtoken",
    "inputtoken",
    "prompttoken",
    "primarykey",
    "foreignkey",
    "publickey",
    "sortkey",
    "partitionkey",
    "cachekey",
    "idempotencykey",
    "routingkey",
    "hashkey",
    "rangekey",
    "objectkey",
    "i18nkey",
    "uniquekey",
    "groupkey",
    "rowkey",
    "translationkey",
    "shortcutkey",
    "hotkey",
    "correlationkey",
    "dedupkey",
    "promptcachekey",
];

/// The name around the anchor `start..end`, if it is the name of a secret.
pub(super) fn name_at(text: &[u8], anchor: usize, anchor_end: usize) -> Option<Name> {
    let start = bytes::run_start(text, anchor, WORD | DOT, MAX_NAME_BYTES);
    let letters_end = (anchor..anchor_end).rev().find(|&at| bytes::is(text[at], WORD)).map_or(anchor, |at| at + 1);
    let mut end = bytes::run_end(text, letters_end, WORD | DOT, MAX_NAME_BYTES);
    while end > letters_end && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let named = meaning(&text[start..end])?;
    Some(Name { start, end, named })
}

/// What the name means, separators and case aside.
fn meaning(name: &[u8]) -> Option<Named> {
    let mut compact = [0_u8; 3 * MAX_NAME_BYTES];
    let mut len = 0;
    for &byte in name {
        if (bytes::is(byte, ALNUM) || !byte.is_ascii()) && len < compact.len() {
            compact[len] = byte.to_ascii_lowercase();
            len += 1;
        }
    }
    let mut word = std::str::from_utf8(&compact[..len]).ok()?;
    let mut trimmed = true;
    while trimmed {
        let without_digits = word.trim_end_matches(|last: char| last.is_ascii_digit());
        trimmed = false;
        for ending in NEUTRAL_ENDINGS {
            if let Some(rest) = without_digits.strip_suffix(ending)
                && !rest.is_empty()
            {
                word = rest;
                trimmed = true;
                break;
            }
        }
        if !trimmed {
            word = without_digits;
        }
    }
    if HARMLESS.iter().any(|harmless| word.ends_with(harmless)) {
        return None;
    }
    classify(word, name)
}

fn classify(word: &str, name: &[u8]) -> Option<Named> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if ends(&["password", "passwd", "passwort", "passphrase", "passcode", "pwd"])
        || (word.ends_with("pass") && is_own_word(name, 4))
    {
        Some(Named::Password)
    } else if ends(&["secretaccesskey", "awssecretkey", "awssecret"]) {
        Some(Named::AwsSecret)
    } else if ends(&["awssessiontoken", "amzsecuritytoken", "awssecuritytoken"]) {
        Some(Named::AwsSession)
    } else if ends(&["accountkey", "sharedaccesskey", "storagekey"]) {
        Some(Named::AzureKey)
    } else if ends(&["privatekey"]) {
        Some(Named::PrivateKey)
    } else if ends(&[
        "apikey",
        "accesskey",
        "secretkey",
        "subscriptionkey",
        "authkey",
        "encryptionkey",
        "signingkey",
        "masterkey",
        "keysecret",
    ]) {
        Some(Named::ApiKey)
    } else if ends(&["secret", "credential"]) || word == "auth" {
        Some(Named::Secret)
    } else if ends(&["token"]) {
        Some(Named::Token)
    } else if word == "sig" || word == "signature" {
        Some(Named::Signature)
    } else if ends(&["key"]) {
        Some(Named::SomeKey)
    } else {
        None
    }
}

/// Whether the last `len` letters of a name are a word of their own: `db_pass`, `dbPass`, `pass`.
fn is_own_word(name: &[u8], len: usize) -> bool {
    let lower = name.to_ascii_lowercase();
    let at = lower.windows(len).rposition(|window| window == b"pass");
    at.is_some_and(|at| {
        at == 0 || !bytes::is(name[at - 1], ALNUM) || (bytes::is(name[at], UPPER) && !bytes::is(name[at - 1], UPPER))
    })
}

/// Where a value starts and how it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueStart {
    pub(super) at: usize,
    /// The quotation mark that ends it, and how many of it.
    pub(super) quote: Option<(u8, usize)>,
    /// Whether the separator is one that prose has too: a colon and a space, or spaces alone.
    pub(super) loose: bool,
}

/// Where the value of the name `name` starts, if one follows.
pub(super) fn value_start(text: &[u8], start: usize, end: usize) -> Option<ValueStart> {
    let quoted_name = text.get(end).is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let mut at = end;
    while at < end + 4 && text.get(at).is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`' | b']' | b')' | b'*')) {
        at += 1;
    }
    let after_name = at;
    at = bytes::skip_blanks(text, at, 32);
    let is_flag = text[start] == b'-' || start.checked_sub(1).is_some_and(|before| text[before] == b'-');
    match *text.get(at)? {
        b'=' => {
            let mut next = at + 1;
            let comparison = text.get(next) == Some(&b'=');
            while text.get(next).is_some_and(|byte| matches!(byte, b'=' | b'>' | b'~')) {
                next += 1;
            }
            let spaced = next < text.len() && text[next] == b' ';
            opened(text, next, spaced || comparison, quoted_name)
        }
        b':' => {
            let mut next = at + 1;
            if text.get(next) == Some(&b':') {
                return None;
            }
            if text.get(next) == Some(&b'=') {
                next += 1;
            } else if let Some(assigned) = after_type(text, next) {
                next = assigned;
            }
            opened(text, next, true, quoted_name)
        }
        b'>' if start > 0 && matches!(text[start - 1], b'<' | b':') => opened(text, at + 1, false, false),
        b',' if is_flag || quoted_name => after_comma(text, at, is_flag),
        _ if (is_flag || follows_login(text, start)) && at > after_name => {
            opened(text, at, true, false).filter(|value| text.get(value.at) != Some(&b'-'))
        }
        _ => None,
    }
}

/// `login name` before `password`, as in a netrc file.
fn follows_login(text: &[u8], start: usize) -> bool {
    let name_end = bytes::run_start(text, start, bytes::SPACE, 16);
    let name = (name_end.saturating_sub(64)..name_end).rev().find(|&at| bytes::is(text[at], bytes::SPACE));
    let Some(gap) = name.filter(|_| name_end < start) else {
        return false;
    };
    text[..bytes::run_start(text, gap + 1, bytes::SPACE, 16)].ends_with(b"login")
}

/// After `"--password",` the next quoted string; after `"name": "password",` the string that is
/// called value.
fn after_comma(text: &[u8], comma: usize, is_flag: bool) -> Option<ValueStart> {
    let next = skip_spaces(text, comma + 1);
    let value = opened(text, next, false, false).filter(|value| value.quote.is_some())?;
    if bytes::starts_with(text, value.at, b"value") {
        let close = value.at + 5;
        if text.get(close) == value.quote.as_ref().map(|(quote, _)| quote) {
            let colon = skip_spaces(text, close + 1);
            if text.get(colon) == Some(&b':') {
                return opened(text, colon + 1, false, true);
            }
        }
    }
    is_flag.then_some(value)
}

/// Past a type between a colon and an assignment: `password: str = "…"`.
fn after_type(text: &[u8], from: usize) -> Option<usize> {
    let stop = text.len().min(from + 48);
    let end = (from..stop).find(|&at| {
        !(bytes::is(text[at], ALNUM)
            || matches!(text[at], b' ' | b'_' | b'&' | b'<' | b'>' | b'[' | b']' | b'?' | b'|' | b':' | b'\''))
    })?;
    let value = bytes::skip_blanks(text, end + 1, 8);
    let is_assigned = text[end] == b'=' && text.get(value).is_some_and(|&byte| bytes::is(byte, bytes::QUOTE));
    is_assigned.then_some(end + 1)
}

fn skip_spaces(text: &[u8], from: usize) -> usize {
    bytes::run_end(text, from, bytes::SPACE, 64)
}

/// The value at `from`, past blanks, block marks, string prefixes and the opening quotation mark. A
/// quoted name may have its quoted value on the next line.
fn opened(text: &[u8], from: usize, loose: bool, quoted_name: bool) -> Option<ValueStart> {
    let mut at = bytes::skip_blanks(text, from, 64);
    let next_line = skip_spaces(text, at);
    let is_string = text.get(next_line).is_some_and(|&byte| bytes::is(byte, bytes::QUOTE))
        && text.get(next_line) != text.get(next_line + 1);
    if quoted_name && is_string {
        at = next_line;
    }
    if matches!(text.get(at), Some(b'[' | b'(')) {
        let inner = skip_spaces(text, at + 1);
        if text.get(inner).is_some_and(|&byte| bytes::is(byte, bytes::QUOTE)) {
            at = inner;
        }
    }
    if text.get(at).is_some_and(|byte| matches!(byte, b'|' | b'>')) && text.get(at + 1) == Some(&b'\n') {
        at = skip_spaces(text, at + 1);
    }
    let first = *text.get(at)?;
    let prefix = usize::from(matches!(first, b'b' | b'f' | b'r' | b'u' | b'B' | b'R' | b'@' | b'$'));
    if let Some(&quote) = text.get(at + prefix)
        && bytes::is(quote, bytes::QUOTE)
    {
        let count = if text.get(at + prefix..at + prefix + 3) == Some(&[quote; 3]) { 3 } else { 1 };
        return Some(ValueStart { at: at + prefix + count, quote: Some((quote, count)), loose });
    }
    if bytes::is(first, bytes::SPACE) {
        return None;
    }
    Some(ValueStart { at, quote: None, loose })
}
