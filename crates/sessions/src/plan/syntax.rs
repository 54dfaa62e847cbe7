//! The text as TOML: its tables with their places, or what is wrong with the writing itself.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::{ParseError, Source};

use super::errors::{MAX_ERRORS_TOLD, Report};

/// The most bytes of a plan.
pub const MAX_PLAN_BYTES: usize = 1 << 20;

/// The most brackets and braces that may lie in each other.
const MAX_DEPTH: usize = 16;

/// The most parts of a dotted key.
const MAX_KEY_PARTS: usize = 8;

/// What the TOML reader calls a key that was given before. It goes on well from there, unlike from other mistakes.
const DUPLICATE: &str = "duplicate key";

/// Reads the text. `None` if nothing can be said about its content, because it is not written in TOML.
pub(super) fn read<'t>(text: &'t str, report: &mut Report<'_>) -> Option<Spanned<DeValue<'t>>> {
    if text.len() > MAX_PLAN_BYTES {
        report.error(
            0..0,
            format!(
                "a plan has at most {MAX_PLAN_BYTES} bytes, this one has {}: put long texts into files",
                text.len()
            ),
        );
        return None;
    }
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    if !is_shallow(&tokens, report) || is_hopeless(&tokens, report) {
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut readable = true;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        if error.message() == DUPLICATE {
            report.error(span, "this key was given before").help("each key stands once; a list of tables is [[name]]");
        } else {
            readable = false;
            report.error(span, format!("not TOML: {}", error.message()));
        }
    }
    readable.then(|| Spanned::new(0..0, DeValue::Table(table.into_inner())))
}

/// Nesting costs stack in every reader, so that it is bounded before one begins.
fn is_shallow(tokens: &[Token], report: &mut Report<'_>) -> bool {
    let mut depth = 0_usize;
    let mut parts = 1_usize;
    for token in tokens {
        match token.kind() {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                depth += 1;
                parts = 1;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                depth = depth.saturating_sub(1);
                parts = 1;
            }
            TokenKind::Dot => parts += 1,
            TokenKind::Equals | TokenKind::Comma | TokenKind::Newline | TokenKind::Comment | TokenKind::Eof => {
                parts = 1;
            }
            TokenKind::Whitespace
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom => {}
        }
        let span = token.span().start()..token.span().end();
        if depth > MAX_DEPTH {
            report.error(span, format!("at most {MAX_DEPTH} brackets may lie in each other"));
            return false;
        }
        if parts > MAX_KEY_PARTS {
            report.error(span, format!("a key has at most {MAX_KEY_PARTS} parts"));
            return false;
        }
    }
    true
}

/// A text with thousands of mistakes is no plan: they are told as far as there is room, and not kept.
fn is_hopeless(tokens: &[Token], report: &mut Report<'_>) -> bool {
    let mut first: Vec<ParseError> = Vec::new();
    let mut all = 0_usize;
    let mut sink = |error: ParseError| {
        all += 1;
        if first.len() < MAX_ERRORS_TOLD {
            first.push(error);
        }
    };
    toml_parser::parser::parse_document(tokens, &mut (), &mut sink);
    if all <= MAX_ERRORS_TOLD {
        return false;
    }
    for error in &first {
        let span = error.unexpected().map_or(0..0, |span| span.start()..span.end());
        report.error(span, format!("not TOML: {}", error.description()));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        let mut report = Report::new(text);
        let _ = read(text, &mut report);
        let Err(errors) = report.finish() else { return Vec::new() };
        errors.errors.iter().map(|error| format!("{}:{}: {}", error.line, error.column, error.message)).collect()
    }

    #[test]
    fn several_mistakes_of_writing_are_told_at_once() {
        assert_eq!(
            errors("a = \nb = \"open\nc = 1\nc = 2\n"),
            [
                "1:5: not TOML: string values must be quoted, expected literal string",
                "2:10: not TOML: invalid basic string, expected `\"`",
                "4:1: this key was given before",
            ]
        );
    }

    #[test]
    fn depth_is_bounded_before_anything_recurses() {
        let deep = format!("a = {}1{}", "[".repeat(17), "]".repeat(17));
        assert_eq!(errors(&deep), ["1:21: at most 16 brackets may lie in each other"]);
        assert_eq!(errors(&format!("a = {}1{}", "[".repeat(16), "]".repeat(16))), [] as [&str; 0]);
        assert_eq!(errors("a.b.c.d.e.f.g.h = 1.5"), [] as [&str; 0]);
        assert_eq!(errors("a.b.c.d.e.f.g.h.i = 1"), ["1:16: a key has at most 8 parts"]);
        // What overflowed the stack of a small thread: nests of dotted keys.
        let path = vec!["a"; 79].join(".");
        let mut nests = format!("[{path}]\n");
        for _ in 0..79 {
            nests.push_str(&path);
            nests.push_str("={");
        }
        assert_eq!(errors(&nests).len(), 1);
    }

    #[test]
    fn size_is_bounded() {
        let big = format!("# {}\n", "x".repeat(MAX_PLAN_BYTES));
        assert_eq!(
            errors(&big),
            ["1:1: a plan has at most 1048576 bytes, this one has 1048579: put long texts into files"]
        );
    }

    #[test]
    fn a_text_that_is_all_mistakes_is_told_and_counted() {
        let junk = "]\n=".repeat(5_000);
        let mut report = Report::new(&junk);
        assert!(read(&junk, &mut report).is_none());
        assert_eq!(report.finish().unwrap_err().errors.len(), MAX_ERRORS_TOLD);
    }
}
