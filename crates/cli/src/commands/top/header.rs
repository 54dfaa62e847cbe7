//! The lines above the table: how many are in which state, what it costs, what waits, what is wrong, how far budgets are.

use flightrec_events::{BudgetType, State};
use flightrec_recorder::budgets::{BudgetStatus, BudgetUnit, BudgetView};
use flightrec_recorder::view::Severity;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::canvas::{Canvas, Palette};
use super::columns::{brief_cost, brief_dollars};
use super::control::Control;
use super::picture::Picture;
use crate::console::sign;
use crate::escape::escape;
use crate::output::words;

/// So many budgets are shown, those used up furthest.
const SHOWN_BUDGETS: usize = 3;
const BAR_CELLS: u64 = 10;

/// A piece of a line that is not broken.
type Piece = (String, Style);

/// The pieces of the header, each group beginning a line.
pub(super) fn groups(picture: &Picture, control: &Control, palette: Palette) -> Vec<Vec<Piece>> {
    let totals = picture.totals();
    let plain = Style::new();
    let marked = |is_marked: bool, severity: Severity| if is_marked { palette.severity(severity) } else { plain };
    let mut title = vec![("flightrec top".to_owned(), Palette::STRONG), (seconds(picture), plain)];
    if control.is_paused {
        title.push(("[paused: Space goes on]".to_owned(), Palette::TURNED));
    }
    title.push((picture.store.clone(), Palette::SOFT));
    title.push((words::counted(picture.last_seq.unwrap_or(0), "event", "events"), Palette::SOFT));
    let order = [
        State::Active,
        State::Blocked,
        State::Paused,
        State::Created,
        State::Completed,
        State::Failed,
        State::Cancelled,
    ];
    let states = order.into_iter().map(|state| {
        let count = State::ALL.iter().position(|other| *other == state).map_or(0, |at| totals.states[at]);
        let text = format!("{} {} {}", sign(state), words::count(count), state.as_str().to_lowercase());
        (text, if count > 0 { palette.state(state) } else { Palette::SOFT })
    });
    let rate = picture.rate;
    let mut cost = vec![
        (format!("cost {}", words_of_cost(totals.nanos, totals.unpriced_runs)), Palette::STRONG),
        (format!("{}/min", brief_cost(rate.nanos_per_minute, rate.unpriced_runs)), plain),
        (format!("{} tokens", words::count(totals.tokens)), plain),
        (format!("{} tokens/min", words::count(rate.tokens_per_minute)), plain),
    ];
    cost.extend([
        (format!("{} queued", words::count(totals.queued)), plain),
        (format!("{} held by a limit", words::count(totals.held)), marked(totals.held > 0, Severity::Warning)),
    ]);
    let [infos, warnings, errors] = totals.findings;
    let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
    let findings = words::counted(infos + warnings + errors, "finding", "findings");
    let of_them = if errors > 0 { format!(" ({})", words::counted(errors, "error", "errors")) } else { String::new() };
    cost.push((findings + &of_them, marked(warnings + errors > 0, severity)));
    let mut groups = vec![title, states.collect(), cost];
    if !picture.budgets.is_empty() {
        let shown = picture.budgets.iter().take(SHOWN_BUDGETS).map(|budget| piece_of(budget, picture, palette));
        let mut budgets: Vec<Piece> = shown.collect();
        let more = picture.budgets.len().saturating_sub(SHOWN_BUDGETS);
        if more > 0 {
            budgets.push((format!("and {more} more"), Palette::SOFT));
        }
        groups.push(budgets);
    }
    groups
}

/// The moment, to the second.
fn seconds(picture: &Picture) -> String {
    let text = picture.now.to_string();
    format!("{}Z", text.get(..19).unwrap_or(&text))
}

fn words_of_cost(nanos: u128, unpriced_runs: u64) -> String {
    match (nanos, unpriced_runs) {
        (_, 0) => brief_dollars(nanos),
        (0, runs) => format!("unpriced ({})", words::counted(runs, "run", "runs")),
        (_, runs) => format!("{} + {} unpriced", brief_dollars(nanos), words::count(runs)),
    }
}

/// A budget as a bar, a share and a name; its end is a word, too.
fn piece_of(budget: &BudgetView, picture: &Picture, palette: Palette) -> Piece {
    let share = budget.share().clamp(0.0, 9.99);
    let cells = ((share * BAR_CELLS as f64) as u64).min(BAR_CELLS);
    let bar: String = (0..BAR_CELLS).map(|at| if at < cells { '█' } else { '░' }).collect();
    let amount = |value: u64| match budget.unit {
        BudgetUnit::Tokens => words::count(value),
        BudgetUnit::Nanos => brief_dollars(value.into()),
    };
    let name = match budget.budget_type {
        BudgetType::SessionTokens | BudgetType::SessionCostUsd => {
            let row = picture.rows.iter().find(|row| Some(&row.session.session_id) == budget.session_id.as_ref());
            let id = row.map(|row| row.short.as_str()).or(budget.session_id.as_deref());
            format!("session {}", id.unwrap_or("-"))
        }
        BudgetType::WpTokens | BudgetType::WpCostUsd => format!("wp {}", budget.wp_id.as_deref().unwrap_or("-")),
        BudgetType::GlobalTokensPerMinute | BudgetType::GlobalUsdPerMinute => "all, per minute".to_owned(),
    };
    let (sign, severity) = match budget.status {
        BudgetStatus::Below => ("", Severity::Info),
        BudgetStatus::Warned => (" warned", Severity::Warning),
        BudgetStatus::Reached => (" reached", Severity::Error),
    };
    let whole = amount(budget.limit.unwrap_or(budget.mark));
    let text = format!("budget {bar} {:.0}%{sign} {name} {} of {whole}", share * 100.0, amount(budget.used));
    (text, palette.severity(severity))
}

/// The pieces of groups as lines of a width: a group goes on in the next line where its pieces do not fit.
pub(super) fn lines(groups: Vec<Vec<Piece>>, width: usize) -> Vec<Vec<Piece>> {
    let mut lines = Vec::new();
    for group in groups {
        let mut line: Vec<Piece> = Vec::new();
        let mut used = 0;
        for piece in group {
            let wide = escape(&piece.0).width() + 2;
            if !line.is_empty() && used + wide - 2 > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            used += wide;
            line.push(piece);
        }
        lines.push(line);
    }
    lines
}

/// Writes one line.
pub(super) fn line(canvas: &mut Canvas<'_>, y: usize, pieces: &[Piece]) {
    let mut x = 0;
    for (text, style) in pieces {
        let room = canvas.width().saturating_sub(x);
        x = canvas.text(x, y, text, room, *style) + 2;
    }
}
