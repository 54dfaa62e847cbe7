//! `cost`: roll-ups of tokens and money; what has no price is counted apart.

use flightrec_recorder::CostKey;
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::CostRow;

use super::Run;
use super::short_ids::ShortIds;
use crate::args::{CostArgs, CostBy};
use crate::exit::{Exit, Outcome};
use crate::output::{Align, Cell, Column, Lister, words};

macro_rules! columns {
    ($key:literal) => {
        &[
            Column($key, Align::Left),
            Column("SESSIONS", Align::Right),
            Column("INPUT", Align::Right),
            Column("CACHED", Align::Right),
            Column("OUTPUT", Align::Right),
            Column("TOKENS", Align::Right),
            Column("COST", Align::Right),
        ]
    };
}

pub(super) fn run(run: &Run, args: &CostArgs) -> Outcome {
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let (key, columns): (_, &'static [Column]) = match args.by {
        CostBy::Session => (CostKey::Session, columns!("SESSION")),
        CostBy::Wp => (CostKey::WorkPacket, columns!("WP")),
        CostBy::Role => (CostKey::Role, columns!("ROLE")),
        CostBy::Model => (CostKey::Model, columns!("MODEL")),
        CostBy::Provider => (CostKey::Provider, columns!("PROVIDER")),
    };
    let mut rows = reader.cost(key, &SessionFilter { since, until, ..args.filters.filter() });
    let total = (rows.len() > 1).then(|| total(&rows, key));
    let cut = args.limit.filter(|limit| *limit < rows.len()).map(|limit| rows.split_off(limit).len());
    let short = (key == CostKey::Session).then(|| ShortIds::of(run, &reader));
    let mut list = Lister::new::<CostRow>(run.console, columns)?;
    for row in &rows {
        list.item(row, || cells(row, short.as_ref()))?;
    }
    if let Some(table) = list.table() {
        if let Some(cut) = cut {
            table.text(&format!("… and {}", words::counted(cut as u64, "smaller row", "smaller rows")));
        }
        if let Some(total) = total {
            table.row(total);
        }
    }
    list.finish("costs")?;
    Ok(Exit::Done)
}

fn cells(row: &CostRow, short: Option<&ShortIds>) -> Vec<Cell> {
    let key = row.key.as_deref().map_or("(none)", |key| short.map_or(key, |short| short.get(key)));
    vec![
        key.into(),
        words::count(row.sessions).into(),
        words::count(row.tokens.input).into(),
        words::count(row.tokens.cached).into(),
        words::count(row.tokens.output).into(),
        words::count(row.tokens.total).into(),
        words::cost(row.cost.nanos, row.cost.unpriced_runs).into(),
    ]
}

/// The sum of all rows. A session may use several models and providers, so that sessions add up by other keys only.
fn total(rows: &[CostRow], key: CostKey) -> Vec<Cell> {
    let sum = |value: fn(&CostRow) -> u64| rows.iter().map(value).sum::<u64>();
    let sessions = match key {
        CostKey::Session | CostKey::WorkPacket | CostKey::Role => words::count(sum(|row| row.sessions)),
        CostKey::Model | CostKey::Provider => String::new(),
    };
    let nanos = rows.iter().map(|row| row.cost.nanos).sum();
    let cells = [
        "total".to_owned(),
        sessions,
        words::count(sum(|row| row.tokens.input)),
        words::count(sum(|row| row.tokens.cached)),
        words::count(sum(|row| row.tokens.output)),
        words::count(sum(|row| row.tokens.total)),
        words::cost(nanos, sum(|row| row.cost.unpriced_runs)),
    ];
    cells.map(|text| Cell::new(text).style(anstyle::Style::new().bold())).to_vec()
}
