//! `sessions`: the list, flat or in groups with subtotals.

use std::sync::Arc;

use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::{SessionView, Severity};

use super::Run;
use super::short_ids::ShortIds;
use crate::args::{GroupBy, SessionsArgs};
use crate::console::{of_severity, of_state};
use crate::exit::{Exit, Outcome};
use crate::output::{Align, Cell, Column, Lister, words};

const COLUMNS: &[Column] = &[
    Column("ID", Align::Left),
    Column("ROLE", Align::Left),
    Column("MODEL", Align::Left),
    Column("BACKEND", Align::Left),
    Column("STATE", Align::Left),
    Column("WP", Align::Left),
    Column("DEPTH", Align::Right),
    Column("TOKENS", Align::Right),
    Column("COST", Align::Right),
    Column("ELAPSED", Align::Right),
    Column("FINDINGS", Align::Right),
];

pub(super) fn run(run: &Run, args: &SessionsArgs) -> Outcome {
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let filter = SessionFilter { since, until, order: args.sort.into(), limit: args.limit, ..args.filters.filter() };
    let mut sessions = reader.sessions(&filter);
    let short = ShortIds::of(run, &reader);
    let mut list = Lister::new::<SessionView>(run.console, COLUMNS)?;
    let Some(by) = args.group_by else {
        for session in &sessions {
            list.item(session, || cells(session, &short))?;
        }
        list.finish("sessions")?;
        return Ok(Exit::Done);
    };
    // Sorted by its key, and within a group in the order that was asked for; sessions without a key come last.
    sessions.sort_by(|a, b| {
        let (a, b) = (key(by, a), key(by, b));
        a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
    });
    for (i, group) in sessions.chunk_by(|a, b| key(by, a) == key(by, b)).enumerate() {
        if let Some(table) = list.table() {
            if i > 0 {
                table.text("");
            }
            table.text(&format!("{} {}", name(by), key(by, &group[0]).map_or("(none)", |key| key)));
        }
        for session in group {
            list.item(session, || cells(session, &short))?;
        }
        if let Some(table) = list.table() {
            table.row(subtotal(group));
        }
    }
    list.finish("sessions")?;
    Ok(Exit::Done)
}

const fn name(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Wp => "work packet",
        GroupBy::Role => "role",
        GroupBy::Model => "model",
    }
}

const fn key(by: GroupBy, session: &SessionView) -> Option<&Arc<str>> {
    match by {
        GroupBy::Wp => session.wp_id.as_ref(),
        GroupBy::Role => session.role.as_ref(),
        GroupBy::Model => session.model_id.as_ref(),
    }
}

fn cells(session: &SessionView, short: &ShortIds) -> Vec<Cell> {
    let worst = session.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
    vec![
        short.get(&session.session_id).into(),
        Cell::optional(session.role.as_deref()),
        Cell::optional(session.model_id.as_deref()),
        Cell::optional(session.backend.map(flightrec_events::Backend::as_str)),
        Cell::new(session.state.as_str()).style(of_state(session.state)),
        Cell::optional(session.wp_id.as_deref()),
        Cell::optional(session.spawn_depth.map(words::count)),
        words::count(session.tokens.total).into(),
        words::cost(session.cost.own_nanos, session.cost.unpriced_runs).into(),
        words::elapsed(session).into(),
        Cell::new(words::count(session.findings.len() as u64)).style(of_severity(worst)),
    ]
}

fn subtotal(group: &[SessionView]) -> Vec<Cell> {
    let sum = |value: fn(&SessionView) -> u64| group.iter().map(value).sum::<u64>();
    let nanos = group.iter().map(|session| session.cost.own_nanos).sum();
    let mut cells = vec![Cell::new(""); COLUMNS.len()];
    cells[0] = words::counted(group.len() as u64, "session", "sessions").into();
    cells[7] = words::count(sum(|session| session.tokens.total)).into();
    cells[8] = words::cost(nanos, sum(|session| session.cost.unpriced_runs)).into();
    cells[10] = words::count(sum(|session| session.findings.len() as u64)).into();
    cells.into_iter().map(|cell| cell.style(anstyle::Style::new().bold())).collect()
}
