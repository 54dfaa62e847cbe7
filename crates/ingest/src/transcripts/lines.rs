//! Lines of a transcript, in memory that is bounded by one of them.

use std::io::{self, BufRead};

/// The longest line that is held, in bytes. Lines hold whole files and images that a tool has read.
pub const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;
/// How much memory is kept for the next line, in bytes.
const KEPT_BYTES: usize = 1024 * 1024;

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It has no end: whoever writes the file has not finished it.
    Unfinished(&'a [u8]),
    /// It is longer than [`MAX_LINE_BYTES`]; nothing of it was kept.
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

/// Cuts an input into lines, numbered from 1.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// Begins at the input's present position.
    pub const fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0, bytes: 0 }
    }

    /// How many bytes were read.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line that is not blank, with its number.
    ///
    /// # Errors
    /// What the input fails with; the lines before it were given.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            self.line.clear();
            self.line.shrink_to(KEPT_BYTES);
            let mut let_go = 0;
            let has_end = self.read(&mut let_go)?;
            if !has_end && self.line.is_empty() && let_go == 0 {
                return Ok(None);
            }
            self.number += 1;
            if let_go > 0 {
                return Ok(Some((self.number, Line::TooLong { bytes: let_go })));
            }
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let line = self.line.as_slice();
            return Ok(Some((self.number, if has_end { Line::Whole(line) } else { Line::Unfinished(line) })));
        }
    }

    /// Reads up to the end of a line. Answers whether it has one.
    fn read(&mut self, let_go: &mut u64) -> io::Result<bool> {
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if buffer.is_empty() {
                return Ok(false);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = &buffer[..end.unwrap_or(buffer.len())];
            if *let_go > 0 {
                *let_go += piece.len() as u64;
            } else if self.line.len() + piece.len() > MAX_LINE_BYTES {
                *let_go = (self.line.len() + piece.len()) as u64;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.bytes += used as u64;
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::*;

    fn texts(input: impl io::Read, buffer: usize) -> Vec<(u64, String)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, input));
        let mut texts = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            let text = match line {
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::Unfinished(line) => format!("{}…", String::from_utf8_lossy(line)),
                Line::TooLong { bytes } => format!("{bytes} bytes"),
            };
            texts.push((number, text));
        }
        texts
    }

    #[test]
    fn blank_lines_count_and_an_end_that_is_missing_is_told() {
        for buffer in [1, 3, 1 << 16] {
            let found = texts(&b"a\n\n \t\r\nbc\n\nd"[..], buffer);
            assert_eq!(found, [(1, "a".to_owned()), (4, "bc".to_owned()), (6, "d…".to_owned())]);
            assert_eq!(texts(&b""[..], buffer), []);
            assert_eq!(texts(&b"\n\n"[..], buffer), []);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_let_go_and_the_next_one_is_read() {
        let over = MAX_LINE_BYTES as u64 + 1;
        let input = b"a\n".chain(io::repeat(b'x').take(over)).chain(&b"\nb\n"[..]);
        let found = texts(input, 1 << 16);
        assert_eq!(found, [(1, "a".to_owned()), (2, format!("{over} bytes")), (3, "b".to_owned())]);
        let whole = texts(io::repeat(b'x').take(over - 1).chain(&b"\n"[..]), 1 << 16);
        assert_eq!(whole[0].1.len() as u64, over - 1, "the bound is exact");
    }
}
