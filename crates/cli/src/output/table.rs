//! Tables for people: aligned columns without lines, printed in pages.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::fit::cut;
use crate::escape::escape;

/// Rows that are held to find the widths of columns.
const PAGE_ROWS: usize = 1_000;
const GAP: &str = "  ";

/// On which side a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column(pub(crate) &'static str, pub(crate) Align);

/// One cell: text without anything that a terminal obeys, and perhaps a colour.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell with a text, which is escaped.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: escape(text.as_ref()).into_owned(), style: Style::new() }
    }

    /// A cell with a text, or a dash.
    pub(crate) fn optional(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::new("-"), Self::new)
    }

    /// The same cell in a colour.
    #[must_use]
    pub(crate) fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

enum Line {
    Row(Vec<Cell>),
    Text(String),
}

/// A table that is printed as it grows.
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    widths: Vec<usize>,
    lines: Vec<Line>,
    has_header: bool,
    colour: bool,
    /// The terminal's columns, to which the last column is cut.
    limit: Option<usize>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &'static [Column], colour: bool, limit: Option<usize>) -> Self {
        Self::of(columns.iter().map(|Column(title, align)| ((*title).to_owned(), *align)).collect(), colour, limit)
    }

    /// An empty table whose columns are known only now. Their titles are escaped.
    pub(crate) fn of(columns: Vec<(String, Align)>, colour: bool, limit: Option<usize>) -> Self {
        let widths = columns.iter().map(|(title, _)| escape(title).width()).collect();
        Self { columns, widths, lines: Vec::new(), has_header: false, colour, limit }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.text.width());
        }
        self.lines.push(Line::Row(cells));
    }

    /// Adds a line of its own, such as the heading of a group; escaped, cut to the terminal.
    pub(crate) fn text(&mut self, text: &str) {
        self.lines.push(Line::Text(escape(text).into_owned()));
    }

    /// Whether enough rows came to print them.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= PAGE_ROWS
    }

    /// Prints what came since the last time.
    pub(crate) fn print(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        if !self.has_header {
            self.has_header = true;
            let titles =
                self.columns.iter().map(|(title, _)| Cell::new(title).style(Style::new().bold())).collect::<Vec<_>>();
            self.print_row(&titles, out)?;
        }
        for line in std::mem::take(&mut self.lines) {
            match line {
                Line::Row(cells) => self.print_row(&cells, out)?,
                Line::Text(text) => writeln!(out, "{}", self.fit(&text, 0))?,
            }
        }
        Ok(())
    }

    fn print_row(&self, cells: &[Cell], out: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        let mut at = 0;
        for (i, cell) in cells.iter().enumerate() {
            let (_, align) = self.columns[i];
            let text = if i + 1 == self.columns.len() && align == Align::Left {
                self.fit(&cell.text, at)
            } else {
                cell.text.as_str().into()
            };
            let pad = self.widths[i].saturating_sub(text.width());
            at += text.width() + pad + GAP.len();
            if align == Align::Right {
                line.push_str(&" ".repeat(pad));
            }
            if self.colour && cell.style != Style::new() && !text.is_empty() {
                let _infallible = write!(line, "{}{text}{}", cell.style.render(), cell.style.render_reset());
            } else {
                line.push_str(&text);
            }
            if align == Align::Left {
                line.push_str(&" ".repeat(pad));
            }
            line.push_str(GAP);
        }
        writeln!(out, "{}", line.trim_end())
    }

    /// The text, cut where the terminal ends if it starts at column `at`.
    fn fit<'t>(&self, text: &'t str, at: usize) -> std::borrow::Cow<'t, str> {
        let Some(room) = self.limit.map(|limit| limit.saturating_sub(at).max(20)) else { return text.into() };
        cut(text, room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] =
        &[Column("NAME", Align::Left), Column("COUNT", Align::Right), Column("DETAIL", Align::Left)];

    fn printed(limit: Option<usize>, colour: bool, rows: &[[&str; 3]]) -> String {
        let mut table = Table::new(COLUMNS, colour, limit);
        for row in rows {
            table.row(row.iter().map(Cell::new).collect());
        }
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let text = printed(None, false, &[["漢字", "7", "x"], ["ab", "12345678", "y"]]);
        assert_eq!(text, "NAME     COUNT  DETAIL\n漢字         7  x\nab    12345678  y\n");
        assert_eq!(printed(None, false, &[]), "");
    }

    #[test]
    fn only_the_last_column_is_cut_and_only_on_a_terminal() {
        let long = "a".repeat(50);
        assert!(printed(None, false, &[["n", "1", &long]]).contains(&long));
        let text = printed(Some(40), false, &[["n", "1", &long]]);
        assert!(text.lines().all(|line| line.width() <= 40) && text.contains('…'), "{text}");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let text = printed(None, false, &[["\u{1b}[31m", "\u{9b}", "\u{202e}abc"]]);
        assert!(!text.contains(|c: char| c != '\n' && crate::escape::is_unsafe(c)), "{text:?}");
    }

    #[test]
    fn colours_do_not_disturb_the_columns() {
        let mut table = Table::new(COLUMNS, true, None);
        table.row(vec![Cell::new("a").style(anstyle::AnsiColor::Red.on_default()), Cell::new("1"), Cell::new("x")]);
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\u{1b}[31ma\u{1b}[0m     "), "{text:?}");
    }
}
