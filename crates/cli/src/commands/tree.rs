//! `tree`: who spawned whom, with state, own and inclusive cost.

use std::sync::Arc;

use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::{SessionView, TreeView};
use rustc_hash::FxHashMap;

use super::Run;
use super::short_ids::ShortIds;
use crate::args::{Format, TreeArgs};
use crate::console::{Console, of_state};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, Cell, Column, Lister, Table, print_object, words};

const COLUMNS: &[Column] = &[
    Column("SESSION", Align::Left),
    Column("ROLE", Align::Left),
    Column("MODEL", Align::Left),
    Column("STATE", Align::Left),
    Column("WP", Align::Left),
    Column("TOKENS", Align::Right),
    Column("OWN COST", Align::Right),
    Column("INCLUSIVE", Align::Right),
];

pub(super) fn run(run: &Run, args: &TreeArgs) -> Outcome {
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let short = ShortIds::of(run, &reader);
    if let Some(prefix) = args.root() {
        let id = run.store.resolve(&reader, prefix)?;
        let tree = reader.tree(&id).map_err(|error| run.store.lookup_failure(&error))?;
        match run.console.format {
            Format::Csv => rows(run.console, &[tree], &short)?,
            Format::Table
            | Format::Json
            | Format::Ndjson
            | Format::Markdown
            | Format::Otlp
            | Format::Parquet
            | Format::Perfetto
            | Format::Html => {
                print_object(run.console, &tree, |out| {
                    let mut table = drawing(run.console);
                    draw(&mut table, &tree, &short);
                    Ok(table.print(out)?)
                })?;
            }
        }
        return Ok(Exit::Done);
    }
    // Every session is ranked in the order that was asked for, so that roots can be put into it.
    let order = SessionFilter { order: args.sort.into(), ..SessionFilter::default() };
    let ranks: FxHashMap<Arc<str>, usize> =
        reader.sessions(&order).into_iter().enumerate().map(|(rank, session)| (session.session_id, rank)).collect();
    let mut trees = reader.trees();
    if !args.filters.is_open() || since.is_some() || until.is_some() {
        let filter = SessionFilter { since, until, ..args.filters.filter() };
        trees.retain(|tree| nodes(tree).any(|node| filter.takes(node.session)));
    }
    trees.sort_by_key(|tree| ranks.get(&tree.session.session_id).copied());
    trees.truncate(args.limit.unwrap_or(usize::MAX));
    if run.console.format == Format::Csv {
        rows(run.console, &trees, &short)?;
        return Ok(Exit::Done);
    }
    let mut list = Lister::new::<TreeView>(run.console, COLUMNS)?;
    for tree in &trees {
        if let Some(table) = list.table() {
            draw(table, tree, &short);
            list.page()?;
        } else {
            list.item(tree, Vec::new)?;
        }
    }
    list.finish(if trees.is_empty() { "sessions" } else { "" })?;
    Ok(Exit::Done)
}

/// CSV has no nesting: each session is a row, parents before children, and names its parent.
fn rows(console: Console, trees: &[TreeView], short: &ShortIds) -> Result<(), Failure> {
    let mut list = Lister::new::<SessionView>(console, COLUMNS)?;
    for node in trees.iter().flat_map(nodes) {
        list.item(node.session, || cells(&node, short))?;
    }
    list.finish("sessions")
}

/// An empty table for drawing trees into.
pub(super) fn drawing(console: Console) -> Table {
    Table::new(COLUMNS, console.colour, console.width)
}

/// Draws one tree.
pub(super) fn draw(table: &mut Table, tree: &TreeView, short: &ShortIds) {
    for node in nodes(tree) {
        table.row(cells(&node, short));
    }
}

/// One session in a tree.
struct Node<'t> {
    session: &'t SessionView,
    /// The lines that lead to it.
    branch: String,
}

/// All sessions of a tree, parents before children, without recursion.
fn nodes(tree: &TreeView) -> impl Iterator<Item = Node<'_>> {
    let mut stack = vec![(tree, String::new(), String::new())];
    std::iter::from_fn(move || {
        let (tree, branch, below) = stack.pop()?;
        let last = tree.children.len().saturating_sub(1);
        for (i, child) in tree.children.iter().enumerate().rev() {
            let (fork, line) = if i == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            stack.push((child, format!("{below}{fork}"), format!("{below}{line}")));
        }
        Some(Node { session: &tree.session, branch })
    })
}

fn cells(node: &Node<'_>, short: &ShortIds) -> Vec<Cell> {
    let session = node.session;
    vec![
        format!("{}{}", node.branch, short.get(&session.session_id)).into(),
        Cell::optional(session.role.as_deref()),
        Cell::optional(session.model_id.as_deref()),
        Cell::new(session.state.as_str()).style(of_state(session.state)),
        Cell::optional(session.wp_id.as_deref()),
        words::count(session.tokens.total).into(),
        words::cost(session.cost.own_nanos, session.cost.unpriced_runs).into(),
        words::dollars(session.cost.inclusive_nanos).into(),
    ]
}
