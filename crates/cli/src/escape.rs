//! Text from a store made harmless: terminals obey control characters, and readers believe what they see.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal or a reader could be misled by a character: control characters (with them every
/// escape sequence), line and paragraph separators, and those that are invisible or turn the direction of writing.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with every unsafe character shown by its number, for tables and messages.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _infallible = write!(safe, "\\x{:02x}", c as u32);
            }
            c if is_unsafe(c) => {
                let _infallible = write!(safe, "\\u{{{:x}}}", c as u32);
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// As [`escape`], but line ends and tabs stay: for texts of many lines.
pub(crate) fn escape_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for part in text.split_inclusive(['\n', '\t']) {
        let end = part.strip_suffix(['\n', '\t']).map_or(part.len(), str::len);
        safe.push_str(&escape(&part[..end]));
        safe.push_str(&part[end..]);
    }
    safe
}

/// JSON in which every unsafe character is written as `\uXXXX`: the same value, harmless on a
/// terminal. The writers of JSON have escaped what JSON itself demands; here come DEL, the C1
/// controls and the invisible ones. Outside of strings JSON is plain ASCII.
pub(crate) fn escape_json(json: &mut Vec<u8>) {
    if json.iter().all(|&b| b < 0x7f) {
        return;
    }
    let Ok(text) = std::str::from_utf8(json) else { return };
    if !text.contains(is_unsafe_in_json) {
        return;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe_in_json(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    *json = safe.into_bytes();
}

/// Line ends and indentation of printed JSON stay as they are.
fn is_unsafe_in_json(c: char) -> bool {
    c >= '\u{7f}' && is_unsafe(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_terminals_obey_is_shown_and_not_sent() {
        for (text, shown) in [
            ("plain ünïcode 漢字", "plain ünïcode 漢字"),
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}txt.exe", "abc\\u{202e}txt.exe"),
            ("\u{200b}\u{feff}\u{7f}", "\\u{200b}\\u{feff}\\x7f"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(escape(text), shown);
        }
        assert_eq!(escape_lines("a\u{1b}\n\tb\u{9b}"), "a\\x1b\n\tb\\u{9b}");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in "\\PC{0,20}|[\\x00-\\u{a0}\\u{2000}-\\u{2070}\\u{e0000}-\\u{e0080}]{0,20}") {
            prop_assert!(!escape(&text).contains(is_unsafe));
            prop_assert!(!escape_lines(&text).replace(['\n', '\t'], "").contains(is_unsafe));
        }

        #[test]
        fn json_keeps_its_value(text in "[\\x00-\\u{a0}\\u{2000}-\\u{2070}\\u{e0000}-\\u{e0080}a-z]{0,30}") {
            let mut json = serde_json::to_vec(&text).unwrap();
            escape_json(&mut json);
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
            prop_assert!(!String::from_utf8(json).unwrap().contains(is_unsafe));
        }
    }
}
