//! Cells to draw on: text is escaped and cut here, and nowhere else; colours only ever repeat what words say.

use anstyle::{AnsiColor, Color as Ansi};
use flightrec_events::State;
use flightrec_recorder::view::Severity;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr as _;

use crate::console::{of_severity, of_state};
use crate::escape::escape;
use crate::output::cut;

/// How things look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    /// Whether colours are wanted. Bold and reversed text is there without.
    pub(super) colour: bool,
}

impl Palette {
    /// Titles.
    pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
    /// What is only there to be found.
    pub(super) const SOFT: Style = Style::new().add_modifier(Modifier::DIM);
    /// The selected row, and keys.
    pub(super) const TURNED: Style = Style::new().add_modifier(Modifier::REVERSED);

    /// A state.
    pub(super) fn state(self, state: State) -> Style {
        self.style(of_state(state))
    }

    /// A finding, or whatever deserves as much attention.
    pub(super) fn severity(self, severity: Severity) -> Style {
        self.style(of_severity(severity))
    }

    /// The foreground of a style of the command line's other output.
    fn style(self, style: anstyle::Style) -> Style {
        let Some(Ansi::Ansi(colour)) = style.get_fg_color().filter(|_| self.colour) else { return Style::new() };
        Style::new().fg(match colour {
            AnsiColor::Black | AnsiColor::BrightBlack => Color::DarkGray,
            AnsiColor::Red | AnsiColor::BrightRed => Color::Red,
            AnsiColor::Green | AnsiColor::BrightGreen => Color::Green,
            AnsiColor::Yellow | AnsiColor::BrightYellow => Color::Yellow,
            AnsiColor::Blue | AnsiColor::BrightBlue => Color::Blue,
            AnsiColor::Magenta | AnsiColor::BrightMagenta => Color::Magenta,
            AnsiColor::Cyan | AnsiColor::BrightCyan => Color::Cyan,
            AnsiColor::White | AnsiColor::BrightWhite => Color::Reset,
        })
    }
}

/// A part of a screen that is drawn on.
pub(super) struct Canvas<'b> {
    buffer: &'b mut Buffer,
    /// Its place.
    area: Rect,
    pub(super) palette: Palette,
}

impl<'b> Canvas<'b> {
    /// A canvas over a part of a buffer.
    pub(super) fn new(buffer: &'b mut Buffer, area: Rect, palette: Palette) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area, palette }
    }

    /// Its columns.
    pub(super) const fn width(&self) -> usize {
        self.area.width as usize
    }

    /// Its lines.
    pub(super) const fn height(&self) -> usize {
        self.area.height as usize
    }

    /// Some of its lines, as a canvas.
    pub(super) fn lines(&mut self, from: usize, count: usize) -> Canvas<'_> {
        let rest = self.height().saturating_sub(from);
        let place =
            Rect { y: self.area.y + from.min(self.height()) as u16, height: count.min(rest) as u16, ..self.area };
        Canvas { buffer: self.buffer, area: place, palette: self.palette }
    }

    /// A part of its inside, as a canvas.
    pub(super) fn middle(&mut self, width: usize, height: usize) -> Canvas<'_> {
        let (width, height) = (width.min(self.width()) as u16, height.min(self.height()) as u16);
        let (x, y) = (self.area.x + (self.area.width - width) / 2, self.area.y + (self.area.height - height) / 2);
        Canvas { buffer: self.buffer, area: Rect { x, y, width, height }, palette: self.palette }
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        for y in self.area.top()..self.area.bottom() {
            for x in self.area.left()..self.area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }

    /// Writes a text into a line, cut to `room` columns and to the canvas; answers with the column behind it.
    pub(super) fn text(&mut self, x: usize, y: usize, text: &str, room: usize, style: Style) -> usize {
        let room = room.min(self.width().saturating_sub(x));
        if y >= self.height() || room == 0 {
            return x;
        }
        let text = escape(text);
        let text = cut(&text, room);
        let (left, top) = (self.area.x + x as u16, self.area.y + y as u16);
        let (end, _) = self.buffer.set_stringn(left, top, &text, room, style);
        (end - self.area.x).into()
    }

    /// As [`Self::text`], standing at the right end of its room.
    pub(super) fn text_right(&mut self, x: usize, y: usize, text: &str, room: usize, style: Style) -> usize {
        let pad = room.saturating_sub(escape(text).width());
        self.text(x + pad, y, text, room - pad, style)
    }

    /// Changes the look of a whole line.
    pub(super) fn restyle(&mut self, y: usize, style: Style) {
        if y < self.height() {
            self.buffer.set_style(Rect { y: self.area.y + y as u16, height: 1, ..self.area }, style);
        }
    }
}

/// The lines of a buffer as text, without what a terminal would make of them.
pub(super) fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        let mut x = buffer.area.left();
        while x < buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += symbol.width().max(1) as u16;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
