//! Code, comments and literals told apart, byte for byte.

/// True for a byte of an identifier or a number.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// What a stretch of text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// The text twice over: once with only code left, once with only comments.
pub(super) fn blank(text: &str) -> (String, String) {
    let mut code = String::with_capacity(text.len());
    let mut comments = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (part, length) = next_part(text, at);
        for c in text[at..at + length].chars() {
            let space = if c == '\n' { "\n" } else { &"    "[..c.len_utf8()] };
            let mut kept = [0; 4];
            let kept: &str = c.encode_utf8(&mut kept);
            code.push_str(if part == Part::Code { kept } else { space });
            comments.push_str(if part == Part::Comment { kept } else { space });
        }
        at += length;
    }
    (code, comments)
}

/// The kind and length of the part that begins at `at`.
fn next_part(text: &str, at: usize) -> (Part, usize) {
    let rest = &text[at..];
    if rest.starts_with("//") {
        return (Part::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Part::Comment, block_comment(rest));
    }
    let follows_word = at > 0 && is_word(text.as_bytes()[at - 1]);
    if !follows_word {
        let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
        if prefix <= 2 {
            let raw = rest[..prefix].ends_with('r');
            let tail = &rest[prefix..];
            if raw && let Some(length) = raw_string(tail) {
                return (Part::Literal, prefix + length);
            }
            if !raw && tail.starts_with('"') {
                return (Part::Literal, prefix + quoted_string(tail));
            }
        }
    }
    if rest.starts_with('"') {
        return (Part::Literal, quoted_string(rest));
    }
    if let Some(length) = character(rest) {
        return (Part::Literal, length);
    }
    let first = rest.chars().next().map_or(1, char::len_utf8);
    (Part::Code, first)
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut depth = 0_u32;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => {
                depth += 1;
                at += 2;
            }
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn quoted_string(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of `#"…"#` with any number of hashes, the `r` already taken.
fn raw_string(tail: &str) -> Option<usize> {
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    let body = tail[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(hashes + 1 + length)
}

/// The length of a character literal; none if the quote starts a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        let escaped = inside[1..].chars().next()?.len_utf8();
        let close = inside[1 + escaped..].find('\'')?;
        return Some(1 + 1 + escaped + close + 1);
    }
    inside[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}
