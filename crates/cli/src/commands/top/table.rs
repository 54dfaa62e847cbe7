//! The table of sessions.

use flightrec_events::Timestamp;
use flightrec_recorder::view::Severity;
use ratatui::style::Style;

use super::canvas::{Canvas, Palette};
use super::columns::{Placement, cell};
use super::control::Control;
use super::doing::DoingKind;
use super::order::Placed;
use crate::args::TopSort;

/// The titles, with a mark at the one that rows are sorted by.
pub(super) fn titles(canvas: &mut Canvas<'_>, y: usize, places: &[Placement], control: &Control) {
    canvas.restyle(y, Palette::STRONG);
    for place in places {
        let (title, width) = (place.column.title, place.width);
        let end = if place.column.is_number {
            canvas.text_right(place.x, y, title, width, Palette::STRONG)
        } else {
            canvas.text(place.x, y, title, width, Palette::STRONG)
        };
        if place.column.by == control.wanted.sort {
            // It has room between the columns.
            canvas.text(end, y, if control.wanted.is_turned { "▴" } else { "▾" }, 1, Palette::STRONG);
        }
    }
}

/// One row.
pub(super) fn row(canvas: &mut Canvas<'_>, y: usize, columns: &[Placement], placed: &Placed<'_>, now: Timestamp) {
    let session = &placed.row.session;
    let palette = canvas.palette;
    for place in columns {
        let style = match place.column.by {
            TopSort::State => palette.state(session.state),
            TopSort::Doing if placed.row.doing.kind == DoingKind::Held => palette.severity(Severity::Warning),
            TopSort::Doing
            | TopSort::Session
            | TopSort::Role
            | TopSort::Model
            | TopSort::Wp
            | TopSort::Age
            | TopSort::Tokens
            | TopSort::Cost
            | TopSort::Inclusive => Style::new(),
        };
        let text = cell(place.column.by, placed, now);
        if place.column.is_number {
            canvas.text_right(place.x, y, &text, place.width, style);
        } else {
            canvas.text(place.x, y, &text, place.width, style);
        }
    }
    if session.state.is_terminal() {
        canvas.restyle(y, Palette::SOFT);
    }
}
