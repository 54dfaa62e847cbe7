//! Lines from any input, in bounded memory: a line that no event can fill is counted, not held.

use std::io::{self, Read};

use flightrec_events::MAX_EVENT_BYTES;
use memchr::memchr;

/// The longest line that is held. An event as JSON is shorter; the rest is room for spaces around it.
pub(crate) const MAX_LINE_BYTES: usize = MAX_EVENT_BYTES + 1024;
/// How much is asked of the input at once.
const READ_BYTES: usize = 256 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is longer than any event; nothing of it was kept.
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

/// Cuts an input into lines. Lines are numbered from 1; blank ones are counted and skipped.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    input: R,
    buffer: Box<[u8]>,
    /// What has been read and not yet given lies in `start..end`; no line ends before `scanned`.
    start: usize,
    scanned: usize,
    end: usize,
    /// The bytes of an over-long line that have been let go so far.
    let_go: Option<u64>,
    lines: u64,
    bytes: u64,
    has_ended: bool,
}

impl<R: Read> LineReader<R> {
    /// Begins at the input's present position.
    pub(crate) fn new(input: R) -> Self {
        let buffer = vec![0; READ_BYTES + MAX_LINE_BYTES].into_boxed_slice();
        Self { input, buffer, start: 0, scanned: 0, end: 0, let_go: None, lines: 0, bytes: 0, has_ended: false }
    }

    /// Waits for more input, once. Answers whether lines may come; take them all before the next call.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.scanned, self.end, self.start) = (self.scanned - self.start, self.end - self.start, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += read;
        self.bytes += read as u64;
        self.has_ended = read == 0;
        Ok(read > 0 || self.end > self.start || self.let_go.is_some())
    }

    /// How many bytes were read.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line that is not blank, with its number; `None` until more input has come.
    pub(crate) fn next_line(&mut self) -> Option<(u64, Line<'_>)> {
        loop {
            let found = memchr(b'\n', &self.buffer[self.scanned..self.end]).map(|at| self.scanned + at);
            let (from, to) = match found {
                Some(at) => (std::mem::replace(&mut self.start, at + 1), at),
                None if self.has_ended && (self.end > self.start || self.let_go.is_some()) => {
                    (std::mem::replace(&mut self.start, self.end), self.end)
                }
                None => {
                    self.hold_or_let_go();
                    return None;
                }
            };
            self.scanned = self.start;
            self.lines += 1;
            let bytes = (to - from) as u64 + self.let_go.unwrap_or(0);
            if self.let_go.take().is_some() || to - from > MAX_LINE_BYTES {
                return Some((self.lines, Line::TooLong { bytes }));
            }
            let from =
                if self.lines == 1 && self.buffer[from..to].starts_with(BYTE_ORDER_MARK) { from + 3 } else { from };
            if !self.buffer[from..to].trim_ascii().is_empty() {
                let line = &self.buffer[from..to];
                return Some((self.lines, Line::Whole(line.strip_suffix(b"\r").unwrap_or(line))));
            }
        }
    }

    /// Keeps the beginning of a line for the next read, unless it is too long already.
    fn hold_or_let_go(&mut self) {
        self.scanned = self.end;
        let held = self.end - self.start;
        if self.let_go.is_some() || held > MAX_LINE_BYTES {
            self.let_go = Some(self.let_go.unwrap_or(0) + held as u64);
            self.start = self.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in pieces of the given sizes, over and over.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: Vec<usize>,
        turn: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.turn += 1;
            let size = self.sizes[self.turn % self.sizes.len()].clamp(1, buffer.len());
            let (now, later) = self.bytes.split_at(size.min(self.bytes.len()));
            buffer[..now.len()].copy_from_slice(now);
            self.bytes = later;
            Ok(now.len())
        }
    }

    /// All lines, an over-long one as the text of its length.
    fn lines_of(bytes: &[u8], sizes: &[usize]) -> Vec<(u64, Vec<u8>)> {
        let mut reader = LineReader::new(Pieces { bytes, sizes: sizes.to_vec(), turn: 0 });
        let mut lines = Vec::new();
        while reader.fill().unwrap() {
            while let Some((number, line)) = reader.next_line() {
                lines.push((
                    number,
                    match line {
                        Line::Whole(line) => line.to_vec(),
                        Line::TooLong { bytes } => format!("too long: {bytes}").into_bytes(),
                    },
                ));
            }
        }
        assert_eq!(reader.bytes(), bytes.len() as u64);
        lines
    }

    fn texts(bytes: &[u8], size: usize) -> Vec<(u64, String)> {
        lines_of(bytes, &[size]).into_iter().map(|(n, line)| (n, String::from_utf8_lossy(&line).into_owned())).collect()
    }

    #[test]
    fn ends_marks_and_blanks() {
        for size in [1, 2, 3, 7, 1 << 20] {
            let found = texts(b"\xef\xbb\xbfa\r\n\r\n \t\nb\n\n\xef\xbb\xbfc", size);
            assert_eq!(found, [(1, "a".to_owned()), (4, "b".to_owned()), (6, "\u{feff}c".to_owned())], "{size}");
            assert_eq!(texts(b"", size), []);
            assert_eq!(texts(b"\n\n", size), []);
            assert_eq!(texts(b"x\n", size), [(1, "x".to_owned())]);
        }
    }

    #[test]
    fn a_long_line_is_counted_and_the_rest_goes_on() {
        let long = vec![b'x'; 3_000_000];
        let mut input = b"a\n".to_vec();
        input.extend_from_slice(&long);
        input.extend_from_slice(b"\nb\n");
        input.extend_from_slice(&long);
        let expected = [
            (1, "a".to_owned()),
            (2, "too long: 3000000".to_owned()),
            (3, "b".to_owned()),
            (4, "too long: 3000000".to_owned()),
        ];
        for size in [1000, 65_536, 1 << 22] {
            assert_eq!(texts(&input, size), expected);
        }
    }

    #[test]
    fn the_bound_is_exact() {
        for (len, whole) in [(MAX_LINE_BYTES, true), (MAX_LINE_BYTES + 1, false)] {
            for tail in [&b""[..], b"\n"] {
                for size in [1024, 1 << 20] {
                    let mut input = vec![b'x'; len];
                    input.extend_from_slice(tail);
                    let found = texts(&input, size);
                    assert_eq!((found.len(), found[0].1.len() == len), (1, whole), "{len} {size}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in prop::collection::vec(prop::sample::select(vec![b'a', b'\n', b'\r', b' ', 0xff, 0]), 0..200), sizes in prop::collection::vec(1_usize..20, 1..5)) {
            let expected: Vec<(u64, Vec<u8>)> = bytes
                .split(|b| *b == b'\n')
                .zip(1..)
                .filter(|(line, _)| !line.trim_ascii().is_empty())
                .map(|(line, n)| (n, line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
                .collect();
            prop_assert_eq!(lines_of(&bytes, &sizes), expected);
        }
    }
}
