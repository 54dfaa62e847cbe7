//! Rust text taken apart without a parser: code, comments, tests, functions, attributes.
//!
//! The scanner knows just enough of the language to tell code from comments and literals. Two
//! images of equal length are kept: in one everything but code is blank, in the other everything
//! but comments. Offsets and lines are therefore the same in all three texts.

use std::ops::Range;

use super::blank::{blank, is_word};

/// A Rust file and its parts.
#[derive(Debug)]
pub(super) struct Source {
    code: String,
    comments: String,
    line_starts: Vec<usize>,
    tests: Vec<Range<usize>>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// Line of the `fn`, from 1.
    pub(super) line: usize,
    /// Lines from the `fn` to the closing brace, both counted.
    pub(super) lines: usize,
    /// True inside `#[cfg(test)]`.
    pub(super) is_test: bool,
}

/// An attribute, `#[…]` or `#![…]`.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    /// Line of the `#`, from 1.
    pub(super) line: usize,
    /// What stands between the brackets, literals blanked.
    pub(super) inside: &'a str,
}

/// An identifier in code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Offset of its first byte.
    pub(super) at: usize,
}

impl Source {
    /// Takes `text` apart.
    pub(super) fn new(text: &str) -> Self {
        let (code, comments) = blank(text);
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let mut source = Self { code, comments, line_starts, tests: Vec::new() };
        source.tests = source.test_ranges();
        source
    }

    /// The code, all else blank.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// True if the offset lies in an item under `#[cfg(test)]`.
    pub(super) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// Number of lines outside of `#[cfg(test)]` items.
    pub(super) fn lines_without_tests(&self) -> usize {
        let end = self.code.len();
        let all = self.line_starts.iter().filter(|start| **start < end).count();
        let tests: usize =
            self.tests.iter().map(|range| self.line(range.end.saturating_sub(1)) - self.line(range.start) + 1).sum();
        all.saturating_sub(tests)
    }

    /// The comment text of each line, from line 1; blank where there is none.
    pub(super) fn comment_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.comments.lines().enumerate().map(|(index, line)| (index + 1, line.trim()))
    }

    /// The comment of one line, from 1.
    pub(super) fn comment(&self, line: usize) -> &str {
        self.comments.lines().nth(line - 1).unwrap_or("").trim()
    }

    /// True if a comment is exactly `// tidy: <marker>`.
    pub(super) fn is_marked(&self, marker: &str) -> bool {
        let wanted = format!("// tidy: {marker}");
        self.comment_lines().any(|(_, comment)| comment == wanted)
    }

    /// Every identifier and keyword in code.
    pub(super) fn words(&self) -> impl Iterator<Item = Word<'_>> {
        words_of(&self.code)
    }

    /// Offsets at which `path`, such as `std::fs`, stands in code as a whole path segment run.
    pub(super) fn find_path<'a>(&'a self, path: &'a str) -> impl Iterator<Item = usize> + 'a {
        let bytes = self.code.as_bytes();
        self.code.match_indices(path).map(|(at, _)| at).filter(move |&at| {
            let before = at.checked_sub(1).map(|i| bytes[i]);
            let after = bytes.get(at + path.len()).copied();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    }

    /// Modules used from `root`, as in `std::fs` or `use std::{fs, io}`, with their offsets.
    pub(super) fn modules_of<'a>(&'a self, root: &str) -> Vec<Word<'a>> {
        let mut found = Vec::new();
        for word in self.words().filter(|word| word.text == root) {
            let after = word.at + root.len();
            let Some(rest) = self.code[after..].strip_prefix("::") else {
                continue;
            };
            let at = after + 2;
            if rest.trim_start().starts_with('{') {
                let open = at + (rest.len() - rest.trim_start().len());
                found.extend(self.group_heads(open));
            } else if let Some(first) = words_of(rest).next().filter(|first| first.at == 0) {
                found.push(Word { text: first.text, at });
            }
        }
        found
    }

    /// First words of the parts of a `{a, b::c, d::{e}}` that opens at `open`.
    fn group_heads(&self, open: usize) -> Vec<Word<'_>> {
        let end = self.closing(open).unwrap_or(self.code.len());
        let mut depth = 0_u32;
        let mut heads = Vec::new();
        let mut wanted = false;
        for (at, byte) in self.code.bytes().enumerate().take(end).skip(open) {
            match byte {
                b'{' => {
                    depth += 1;
                    wanted = depth == 1;
                }
                b'}' => depth -= 1,
                b',' if depth == 1 => wanted = true,
                _ if wanted && is_word(byte) => {
                    wanted = false;
                    if let Some(word) = words_of(&self.code[at..end]).next() {
                        heads.push(Word { text: word.text, at });
                    }
                }
                _ => {}
            }
        }
        heads
    }

    /// Every attribute.
    pub(super) fn attributes(&self) -> Vec<Attribute<'_>> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices('#') {
            let rest = &self.code[at + 1..];
            let bang = rest.strip_prefix('!').unwrap_or(rest);
            if !bang.starts_with('[') {
                continue;
            }
            let open = self.code.len() - bang.len();
            let close = self.closing(open).unwrap_or(self.code.len());
            found.push(Attribute { line: self.line(at), inside: &self.code[open + 1..close] });
        }
        found
    }

    /// Every function that has a body.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        let words: Vec<Word<'_>> = self.words().collect();
        for pair in words.windows(2) {
            let [keyword, name] = pair else { continue };
            let gap = &self.code[keyword.at + keyword.text.len()..name.at];
            if keyword.text != "fn" || !gap.trim().is_empty() {
                continue;
            }
            let Some(open) = self.body_after(name.at) else {
                continue;
            };
            let close = self.closing(open).unwrap_or(self.code.len() - 1);
            let line = self.line(keyword.at);
            found.push(Function {
                name: name.text.to_owned(),
                line,
                lines: self.line(close) - line + 1,
                is_test: self.is_test(keyword.at),
            });
        }
        found
    }

    /// Paths of files that this file declares as modules under `#[cfg(test)]`.
    pub(super) fn test_modules(&self, path: &str) -> Vec<String> {
        let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
        let home = match file {
            "mod.rs" | "lib.rs" | "main.rs" => directory.to_owned(),
            other => format!("{directory}/{}", other.trim_end_matches(".rs")),
        };
        let mut files = Vec::new();
        for range in &self.tests {
            let item = self.code[range.clone()].trim_end();
            let Some(declared) = item.strip_suffix(';') else {
                continue;
            };
            let words: Vec<&str> = words_of(declared).map(|word| word.text).collect();
            if let [.., "mod", name] = words.as_slice() {
                files.push(format!("{home}/{name}.rs"));
                files.push(format!("{home}/{name}/mod.rs"));
            }
        }
        files
    }

    fn test_ranges(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.code.match_indices("#[cfg(") {
            if ranges.last().is_some_and(|last| last.contains(&at)) {
                continue;
            }
            let open = at + 1;
            let Some(close) = self.closing(open) else {
                continue;
            };
            let condition = &self.code[open + 1..close];
            let words: Vec<&str> = words_of(condition).map(|word| word.text).collect();
            if !words.contains(&"test") || words.contains(&"not") {
                continue;
            }
            ranges.push(at..self.item_end(close + 1));
        }
        ranges
    }

    /// The end of the item that starts at `at`, further attributes included.
    fn item_end(&self, mut at: usize) -> usize {
        let bytes = self.code.as_bytes();
        let mut depth = 0_u32;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                b';' if depth == 0 => return at + 1,
                b'{' if depth == 0 => {
                    return self.closing(at).map_or(bytes.len(), |close| close + 1);
                }
                _ => {}
            }
            at += 1;
        }
        bytes.len()
    }

    /// Where the body of the function whose name stands at `at` opens; none for a mere signature.
    fn body_after(&self, at: usize) -> Option<usize> {
        let mut depth = 0_u32;
        for (offset, byte) in self.code.bytes().enumerate().skip(at) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                b';' if depth == 0 => return None,
                b'{' if depth == 0 => return Some(offset),
                _ => {}
            }
        }
        None
    }

    /// The bracket that closes the one at `open`.
    fn closing(&self, open: usize) -> Option<usize> {
        let bytes = self.code.as_bytes();
        let (opener, closer) = match bytes.get(open)? {
            b'{' => (b'{', b'}'),
            b'[' => (b'[', b']'),
            b'(' => (b'(', b')'),
            _ => return None,
        };
        let mut depth = 0_u32;
        for (at, &byte) in bytes.iter().enumerate().skip(open) {
            if byte == opener {
                depth += 1;
            } else if byte == closer {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        None
    }
}

fn words_of(code: &str) -> impl Iterator<Item = Word<'_>> {
    let bytes = code.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if !is_word(bytes[at]) {
                at += 1;
                continue;
            }
            let start = at;
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            if !bytes[start].is_ascii_digit() {
                return Some(Word { text: &code[start..at], at: start });
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_not_code() {
        let text = "let a = \"fn x() { // no\"; // FIXME\nlet b = 'x'; let c: &'a str = r#\"} \"# ;\n\
                    /* a /* nested */ b */ let d = b'\\''; let e = '\\u{41}'; let é = 'é';\n";
        let source = Source::new(text);
        assert_eq!(source.code().len(), text.len());
        for gone in ["fn", "FIXME", "nested", "41", "}"] {
            assert!(!source.code().contains(gone), "{gone} in {}", source.code());
        }
        for kept in ["let a", "&'a str", "let d", "let e", "let é"] {
            assert!(source.code().contains(kept), "{kept} not in {}", source.code());
        }
        assert_eq!(source.comment(1), "// FIXME");
    }

    #[test]
    fn raw_identifiers_and_words_ending_in_r_are_code() {
        let source = Source::new("let r#fn = for_r; let x = var\"\";");
        assert!(source.code().contains("r#fn"));
        assert!(source.code().contains("for_r"));
    }

    #[test]
    fn functions_are_measured_and_tests_are_apart() {
        let source = Source::new(
            "trait T { fn none(&self, x: [u8; 2]); }\n\
             fn two() -> u8 {\n 1 }\n\
             #[cfg(test)]\nmod tests {\n  fn three() {\n\n  }\n}\n",
        );
        let functions = source.functions();
        let seen: Vec<(&str, usize, usize, bool)> =
            functions.iter().map(|f| (f.name.as_str(), f.line, f.lines, f.is_test)).collect();
        assert_eq!(seen, [("two", 2, 2, false), ("three", 6, 3, true)]);
        assert_eq!(source.lines_without_tests(), 3);
    }

    #[test]
    fn not_test_is_not_a_test() {
        let source = Source::new("#[cfg(not(test))]\nfn live() {}\n");
        assert!(!source.functions()[0].is_test);
    }

    #[test]
    fn modules_are_found_in_paths_and_groups() {
        let source = Source::new("use std::{io, fs::{self, File}, net};\nfn f() { std::thread::yield_now() }");
        let found: Vec<&str> = source.modules_of("std").iter().map(|w| w.text).collect();
        assert_eq!(found, ["io", "fs", "net", "thread"]);
    }

    #[test]
    fn test_modules_name_their_files() {
        let source = Source::new("#[cfg(test)]\nmod cases;\n");
        assert_eq!(source.test_modules("crates/a/src/lib.rs"), ["crates/a/src/cases.rs", "crates/a/src/cases/mod.rs"]);
        assert_eq!(source.test_modules("crates/a/src/read.rs")[0], "crates/a/src/read/cases.rs");
    }
}
