//! What is wrong with a plan, and where: found while it is read, told like a compiler does.

use std::fmt;
use std::ops::Range;

use super::names;

/// The most errors that are told one by one; the rest is counted.
pub const MAX_ERRORS_TOLD: usize = 200;

/// The most names that are compared with unknown ones, in all: looking for what was meant is not to take seconds.
const MAX_COMPARED: usize = 50_000;

/// The most characters of a line that are shown.
const SHOWN_CHARS: usize = 120;

/// How many characters stand before the marked place if a line is cut.
const SHOWN_BEFORE: usize = 40;

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What is allowed, or what to do; each in one line.
    pub help: Vec<String>,
    /// The line as a person may see it; none if it may hold a secret.
    excerpt: Option<Excerpt>,
}

/// A piece of a line, and which part of it is meant, both in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    text: String,
    indent: usize,
    width: usize,
}

/// Everything that is wrong with a plan, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.in_file("plan"))]
pub struct PlanErrors {
    /// The errors, at least one.
    pub errors: Vec<PlanError>,
    /// How many more there are beyond [`MAX_ERRORS_TOLD`].
    pub untold: usize,
}

impl PlanErrors {
    /// The errors as text, with the name of the file before each place.
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile { errors: self, file }
    }
}

struct InFile<'a> {
    errors: &'a PlanErrors,
    file: &'a str,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors.errors {
            writeln!(f, "{}:{}:{}: {}", self.file, error.line, error.column, error.message)?;
            let gutter = error.line.to_string().len();
            if let Some(excerpt) = &error.excerpt {
                writeln!(f, "{:gutter$} |", "")?;
                writeln!(f, "{} | {}", error.line, excerpt.text)?;
                writeln!(f, "{:gutter$} | {:indent$}{}", "", "", "^".repeat(excerpt.width), indent = excerpt.indent)?;
            }
            for help in &error.help {
                writeln!(f, "{:gutter$} = {help}", "")?;
            }
        }
        let all = self.errors.errors.len() + self.errors.untold;
        if self.errors.untold > 0 {
            writeln!(f, "… and {} more", self.errors.untold)?;
        }
        write!(f, "{all} error{} in {}", if all == 1 { "" } else { "s" }, self.file)
    }
}

/// Collects errors while a plan is read, so that all of them can be told at once.
#[derive(Debug)]
pub(super) struct Report<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    found: Vec<Found>,
    untold: usize,
    compared: usize,
}

#[derive(Debug)]
struct Found {
    span: Range<usize>,
    message: String,
    help: Vec<String>,
    hidden: bool,
}

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, line_starts, found: Vec::new(), untold: 0, compared: 0 }
    }

    /// Adds an error; the same one at the same place is told once.
    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> Told<'_> {
        let message = message.into();
        if self.is_full() {
            self.untold += 1;
            return Told(None);
        }
        if self.found.iter().any(|found| found.span == span && found.message == message) {
            return Told(None);
        }
        self.found.push(Found { span, message, help: Vec::new(), hidden: false });
        Told(self.found.last_mut())
    }

    /// Adds an error about a name that nothing has, with the nearest of `known` and a list of them after `heading`.
    pub(super) fn unknown<'n>(
        &mut self,
        span: Range<usize>,
        kind: &str,
        name: &str,
        (heading, known): (&str, impl Iterator<Item = &'n str> + Clone),
    ) -> Told<'_> {
        if self.is_full() {
            return self.error(span, "");
        }
        self.compared += known.clone().count();
        let meant = (self.compared <= MAX_COMPARED).then(|| names::nearest(name, known.clone())).flatten();
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {}?", names::quoted(meant)));
        let list = names::listed(known).unwrap_or_else(|| "none".to_owned());
        let mut told = self.error(span, format!("unknown {kind} {}{meant}", names::quoted(name)));
        told.help(format!("{heading}: {list}"));
        told
    }

    /// How many errors there are by now: unchanged after a step, the step found none.
    pub(super) fn count(&self) -> usize {
        self.found.len() + self.untold
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.place(offset).0
    }

    /// `Err` with all that was found, if anything was.
    pub(super) fn finish(mut self) -> Result<(), PlanErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|found| found.span.start);
        let errors = found.into_iter().map(|found| self.placed(found)).collect();
        Err(PlanErrors { errors, untold: self.untold })
    }

    fn is_full(&self) -> bool {
        self.found.len() >= MAX_ERRORS_TOLD
    }

    fn placed(&self, found: Found) -> PlanError {
        let (line, column) = self.place(found.span.start);
        let excerpt = (!found.hidden).then(|| self.excerpt(line, column, &found.span)).flatten();
        PlanError { line, column, message: found.message, help: found.help, excerpt }
    }

    /// Line and column of a byte, both from 1. The end of the text belongs to its last line.
    fn place(&self, offset: usize) -> (usize, usize) {
        let end = self.text.strip_suffix('\n').map_or(self.text.len(), str::len);
        let offset = self.text.floor_char_boundary(offset.min(end));
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let column = self.text[self.line_starts[line - 1]..offset].chars().count() + 1;
        (line, column)
    }

    fn excerpt(&self, line: usize, column: usize, span: &Range<usize>) -> Option<Excerpt> {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let text = self.text[start..end].trim_end_matches('\r');
        if text.trim().is_empty() || may_hold_secret(text) {
            return None;
        }
        let at = column - 1;
        let skipped = if at + SHOWN_BEFORE > SHOWN_CHARS { at - SHOWN_BEFORE } else { 0 };
        let shown: String = text.chars().skip(skipped).take(SHOWN_CHARS).map(names::printable).collect();
        let until = self.text.floor_char_boundary(span.end.clamp(start, start + text.len()));
        let from = self.text.floor_char_boundary(span.start.clamp(start, until));
        let indent = at - skipped;
        let room = shown.chars().count().saturating_sub(indent).max(1);
        let width = self.text[from..until].chars().take(room).count().max(1);
        Some(Excerpt { text: shown, indent, width })
    }
}

/// An error that was just added, for what else there is to say about it.
pub(super) struct Told<'r>(Option<&'r mut Found>);

impl Told<'_> {
    /// Adds a line on what is allowed, or what to do.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        if let Some(found) = &mut self.0 {
            found.help.push(help.into());
        }
        self
    }

    /// Keeps the line itself out of the text: it may hold a secret.
    pub(super) fn hide(&mut self) -> &mut Self {
        if let Some(found) = &mut self.0 {
            found.hidden = true;
        }
        self
    }
}

/// Whether a line looks as if a credential stood on it. Errors get copied into logs and chats.
fn may_hold_secret(line: &str) -> bool {
    const WORDS: [&str; 8] = ["api_key", "apikey", "api-key", "authorization", "bearer ", "password", "secret", "sk-"];
    let line = line.to_ascii_lowercase().replace("api_key_env", "");
    WORDS.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, spans: &[(usize, usize)]) -> String {
        let mut report = Report::new(text);
        for (start, end) in spans {
            report.error(*start..*end, "it is wrong");
        }
        report.finish().unwrap_err().in_file("x.toml").to_string()
    }

    #[test]
    fn a_place_is_shown_in_characters() {
        let text = "a = 1\nß = \"smäl\" # x\n";
        let at = text.find("\"smäl").unwrap();
        assert_eq!(
            told(text, &[(at, at + 7)]),
            "x.toml:2:5: it is wrong\n  |\n2 | ß = \"smäl\" # x\n  |     ^^^^^^\n1 error in x.toml"
        );
    }

    #[test]
    fn errors_are_told_in_the_order_of_their_places_and_once() {
        let told = told("a\nb\n", &[(2, 3), (0, 1), (2, 3)]);
        let places: Vec<&str> = told.lines().filter(|line| line.starts_with("x.toml")).collect();
        assert_eq!(places, ["x.toml:1:1: it is wrong", "x.toml:2:1: it is wrong"]);
        assert!(told.ends_with("2 errors in x.toml"), "{told}");
    }

    #[test]
    fn the_end_of_the_text_is_on_its_last_line() {
        for (text, place) in [("", "1:1"), ("a", "1:2"), ("a\n", "1:2"), ("a\r\nbc\r\n", "2:4"), ("a\n\n", "2:1")] {
            let told = told(text, &[(text.len(), text.len())]);
            assert!(told.starts_with(&format!("x.toml:{place}: ")), "{text:?}: {told}");
        }
    }

    #[test]
    fn no_place_outside_of_the_text_or_inside_a_character_is_a_panic() {
        for span in [(1, 2), (0, 99), (77, 99), (2, 1)] {
            assert!(told("ßßß", &[span]).contains("error in x.toml"));
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}HERE{}", "x".repeat(500), "y".repeat(500));
        let told = told(&text, &[(500, 504)]);
        assert!(told.contains(&format!("\n1 | {}HERE{}\n", "x".repeat(40), "y".repeat(76))), "{told}");
        assert!(told.contains(&format!("\n  | {}^^^^\n", " ".repeat(40))), "{told}");
    }

    #[test]
    fn what_moves_a_terminal_is_not_printed() {
        let told = told("a = \u{1b}[31m\u{202e}\t1", &[(0, 1)]);
        assert!(told.contains("\n1 | a = \u{fffd}[31m\u{fffd} 1\n"), "{told}");
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        let text = "api_key = \"hunter2\"\n";
        assert_eq!(told(text, &[(0, 7)]), "x.toml:1:1: it is wrong\n1 error in x.toml");
        assert!(told("api_key_env = \"KEY\"\n", &[(0, 7)]).contains("\"KEY\""));
    }

    #[test]
    fn looking_for_what_was_meant_ends() {
        let names: Vec<String> = (0..1_000).map(|n| format!("name-{n}")).collect();
        let text = "x".repeat(100);
        let mut report = Report::new(&text);
        for at in 0..100 {
            report.unknown(at..at + 1, "name", "name_7", ("names", names.iter().map(String::as_str)));
        }
        let errors = report.finish().unwrap_err().errors;
        let meant = errors.iter().filter(|error| error.message.ends_with("did you mean `name-7`?")).count();
        assert_eq!((errors.len(), meant), (100, 50));
    }

    #[test]
    fn errors_beyond_the_cap_are_counted() {
        let text = "x".repeat(MAX_ERRORS_TOLD + 5);
        let spans: Vec<(usize, usize)> = (0..text.len()).map(|at| (at, at + 1)).collect();
        let told = told(&text, &spans);
        assert!(told.ends_with("… and 5 more\n205 errors in x.toml"), "{}", &told[told.len() - 60..]);
    }
}
