//! What a program writes, as text of bounded size.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// The most bytes that are kept of a program's output: half from its beginning, half from its end.
pub(super) const MAX_OUTPUT_BYTES: usize = 64 * 1024;

const HALF_BYTES: usize = MAX_OUTPUT_BYTES / 2;

/// The beginning and the end of what was written, and how much was between.
#[derive(Debug, Default)]
pub(super) struct BoundedOutput {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out_bytes: u64,
}

impl BoundedOutput {
    /// Takes what was written next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(HALF_BYTES - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let beyond = self.tail.len().saturating_sub(HALF_BYTES);
        self.tail.drain(..beyond);
        self.left_out_bytes += beyond as u64;
    }

    /// The text; what was left out, and bytes that are no text, are told in brackets.
    pub(super) fn into_text(mut self) -> String {
        let tail = self.tail.make_contiguous();
        let mut replaced = 0;
        let mut text = String::new();
        if self.left_out_bytes == 0 {
            self.head.extend_from_slice(tail);
            replaced += append(&mut text, &self.head);
        } else {
            let head_end = whole_characters(&self.head);
            let tail_start = tail.iter().take(3).take_while(|byte| is_continuation(**byte)).count();
            let left_out = self.left_out_bytes + (self.head.len() - head_end + tail_start) as u64;
            replaced += append(&mut text, &self.head[..head_end]);
            let _ = write!(text, "\n[{left_out} bytes left out]\n");
            replaced += append(&mut text, &tail[tail_start..]);
        }
        if replaced > 0 {
            let _ = write!(text, "\n[{replaced} bytes are no UTF-8 and shown as \u{fffd}]");
        }
        text
    }
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// The length without a character at the end that is not whole.
fn whole_characters(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let begun = (from..bytes.len()).rev().find(|at| !is_continuation(bytes[*at]));
    begun
        .filter(|at| std::str::from_utf8(&bytes[*at..]).is_err_and(|error| error.error_len().is_none()))
        .unwrap_or(bytes.len())
}

/// Appends bytes as text and tells how many were none.
fn append(text: &mut String, bytes: &[u8]) -> usize {
    let mut replaced = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            replaced += chunk.invalid().len();
        }
    }
    replaced
}

/// A file's name on one line: control characters and bytes that are no UTF-8 are escaped.
pub(super) fn printable_name(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut output = BoundedOutput::default();
        output.push(bytes);
        output.into_text()
    }

    #[test]
    fn short_output_is_whole() {
        assert_eq!(text(b""), "");
        assert_eq!(text("two\nlines: ü".as_bytes()), "two\nlines: ü");
        let all = "x".repeat(MAX_OUTPUT_BYTES);
        assert_eq!(text(all.as_bytes()), all);
    }

    #[test]
    fn long_output_keeps_its_beginning_and_its_end() {
        let long = format!("begin{}end", "x".repeat(MAX_OUTPUT_BYTES));
        let text = text(long.as_bytes());
        assert!(text.starts_with("begin") && text.ends_with("xend"), "{}", text.len());
        assert!(text.contains("x\n[8 bytes left out]\nx"));
        assert_eq!(text.len(), MAX_OUTPUT_BYTES + "\n[8 bytes left out]\n".len());
    }

    #[test]
    fn a_character_on_a_cut_counts_as_left_out() {
        // Three bytes each: neither half is a multiple of three.
        let long = "€".repeat(MAX_OUTPUT_BYTES / 3 + 2);
        let text = text(long.as_bytes());
        let note = text.find("\n[").unwrap();
        let (head, tail) = (&text[..note], &text[text.find("]\n").unwrap() + 2..]);
        assert!(head.chars().chain(tail.chars()).all(|c| c == '€'));
        let kept = head.len() + tail.len();
        assert!(text.contains(&format!("\n[{} bytes left out]\n", long.len() - kept)), "{kept}");
    }

    #[test]
    fn bytes_that_are_no_text_are_told() {
        assert_eq!(text(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b\n[2 bytes are no UTF-8 and shown as \u{fffd}]");
    }

    #[test]
    fn names_stay_on_their_line() {
        let cases: [(&[u8], &str); 4] = [
            (b"plain", "plain"),
            ("ü €".as_bytes(), "ü €"),
            (b"a\nb\x1b[2J", "a\\nb\\u{1b}[2J"),
            (b"a\xffb", "a\\xffb"),
        ];
        for (name, printed) in cases {
            assert_eq!(printable_name(OsStr::from_bytes(name)), printed);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn how_it_came_in_pieces_does_not_matter(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30_000), 0..6)
        ) {
            let mut output = BoundedOutput::default();
            for piece in &pieces {
                output.push(piece);
            }
            prop_assert_eq!(output.into_text(), text(&pieces.concat()));
        }
    }
}
