//! The columns of the table: how wide they are, and which of them there is room for.

use flightrec_events::Timestamp;
use unicode_width::UnicodeWidthStr as _;

use super::order::Placed;
use super::picture::Row;
use crate::args::TopSort;
use crate::escape::escape;
use crate::output::words;

/// Columns between two columns.
pub(super) const GAP: usize = 2;

/// The least that the last column, which takes the rest, has to have.
const LEAST_REST: usize = 14;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) by: TopSort,
    pub(super) title: &'static str,
    pub(super) is_number: bool,
    /// The widest that it becomes.
    most: usize,
    /// Which leaves first where there is no room: the largest.
    leaves: u8,
}

const fn column(by: TopSort, title: &'static str, is_number: bool, most: usize, leaves: u8) -> Column {
    Column { by, title, is_number, most, leaves }
}

/// Every column, from left to right; the last takes what is left.
pub(super) const COLUMNS: [Column; TopSort::ALL.len()] = [
    column(TopSort::State, "STATE", false, 11, 0),
    column(TopSort::Session, "SESSION", false, 28, 0),
    column(TopSort::Role, "ROLE", false, 16, 2),
    column(TopSort::Model, "MODEL", false, 18, 6),
    column(TopSort::Wp, "WP", false, 12, 5),
    column(TopSort::Age, "AGE", true, 7, 3),
    column(TopSort::Tokens, "TOKENS", true, 11, 4),
    column(TopSort::Cost, "OWN", true, 12, 1),
    column(TopSort::Inclusive, "INCLUSIVE", true, 12, 7),
    column(TopSort::Doing, "DOING", false, usize::MAX, 0),
];

/// A column in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) column: Column,
    pub(super) x: usize,
    pub(super) width: usize,
}

/// The columns that there is room for, with their places, for the rows that are to be seen.
pub(super) fn places(width: usize, now: Timestamp, rows: &[Placed<'_>]) -> Vec<Placement> {
    let rest = COLUMNS.len() - 1;
    let mut widths: Vec<(Column, usize)> = COLUMNS[..rest]
        .iter()
        .map(|column| {
            let cells = rows.iter().map(|placed| escape(&cell(column.by, placed, now)).width());
            (*column, cells.max().unwrap_or(0).min(column.most).max(column.title.width()))
        })
        .collect();
    let needs = |widths: &[(Column, usize)]| widths.iter().map(|(_, width)| width + GAP).sum::<usize>() + LEAST_REST;
    while needs(&widths) > width {
        let leaving = widths.iter().enumerate().filter(|(_, (column, _))| column.leaves > 0);
        let Some((at, _)) = leaving.max_by_key(|(_, (column, _))| column.leaves) else { break };
        widths.remove(at);
    }
    let mut x = 0;
    let mut places = Vec::with_capacity(widths.len() + 1);
    for (column, width) in widths {
        places.push(Placement { column, x, width });
        x += width + GAP;
    }
    places.push(Placement { column: COLUMNS[rest], x, width: width.saturating_sub(x) });
    places
}

/// What stands in a cell.
pub(super) fn cell(by: TopSort, placed: &Placed<'_>, now: Timestamp) -> String {
    let Row { session, short, doing } = placed.row;
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    let age = |us: Option<i64>| us.map_or_else(words::none, words::duration);
    match by {
        TopSort::State => format!("{} {}", crate::console::sign(session.state), session.state.as_str()),
        TopSort::Session => format!("{}{short}", placed.branch),
        TopSort::Role => text(&session.role),
        TopSort::Model => text(&session.model_id),
        TopSort::Wp => text(&session.wp_id),
        TopSort::Age => age(placed.row.age_us(now)),
        TopSort::Tokens => words::count(session.tokens.total),
        TopSort::Cost => brief_cost(session.cost.own_nanos, session.cost.unpriced_runs),
        TopSort::Inclusive => brief_dollars(session.cost.inclusive_nanos),
        TopSort::Doing if doing.what.is_empty() => session.label.as_deref().unwrap_or("").to_owned(),
        TopSort::Doing => match doing.age_us(now).filter(|_| !session.state.is_terminal()) {
            Some(us) => format!("{}  {}", words::duration(us), doing.what),
            None => doing.what.clone(),
        },
    }
}

/// A cost in few columns: what has no price is never shown as nothing.
pub(super) fn brief_cost(nanos: u128, unpriced_runs: u64) -> String {
    match (nanos, unpriced_runs) {
        (_, 0) => brief_dollars(nanos),
        (0, _) => "unpriced".to_owned(),
        // Some runs have no price: it is at least that.
        _ => format!("≥{}", brief_dollars(nanos)),
    }
}

/// Dollars with as many decimals as say something, rounded.
pub(super) fn brief_dollars(nanos: u128) -> String {
    const CENT: u128 = 10_000_000;
    match nanos {
        0 => "$0.00".to_owned(),
        1..50_000 => "<$0.0001".to_owned(),
        50_000..CENT => format!("${:.4}", nanos as f64 / 1e9),
        CENT..1_000_000_000 => format!("${:.3}", nanos as f64 / 1e9),
        _ => {
            let cents = (nanos + CENT / 2) / CENT;
            format!("${}.{:02}", words::count(cents / 100), cents % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_in_few_columns() {
        let brief = |nanos: u128| brief_dollars(nanos);
        assert_eq!(brief(0), "$0.00");
        assert_eq!(brief(1), "<$0.0001");
        assert_eq!(brief(123_456), "$0.0001");
        assert_eq!(brief(12_345_678), "$0.012");
        assert_eq!(brief(1_234_567_890_123), "$1,234.57");
        assert_eq!(brief(1_995_000_000), "$2.00");
        assert_eq!(brief_cost(0, 2), "unpriced");
        assert_eq!(brief_cost(20_000_000, 1), "≥$0.020");
    }

    #[test]
    fn every_column_sorts_and_the_narrowest_table_has_what_matters_most() {
        assert_eq!(COLUMNS.map(|column| column.by), TopSort::ALL);
        let now = Timestamp::default();
        let titles = |width| -> Vec<&str> { places(width, now, &[]).iter().map(|place| place.column.title).collect() };
        assert_eq!(titles(200).len(), COLUMNS.len());
        assert_eq!(titles(40), ["STATE", "SESSION", "OWN", "DOING"]);
        assert_eq!(titles(1), ["STATE", "SESSION", "DOING"]);
        for width in 0..200 {
            for place in places(width, now, &[]) {
                assert!(place.width == 0 || place.x + place.width <= width.max(40), "{place:?} in {width}");
            }
        }
    }
}
