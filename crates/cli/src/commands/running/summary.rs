//! What is told at the end of a run, from the record; and of a plan that is only checked.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use flightrec_events::{Id, State};
use flightrec_recorder::Reader;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::{RowCost, Tokens, TreeView};
use flightrec_sessions::Plan;
use serde::Serialize;

use super::waits::{Waited, Waits};
use crate::commands::short_ids::ShortIds;
use crate::commands::{Run, tree};
use crate::console::Console;
use crate::exit::Failure;
use crate::output::{Align, Cell, Column, Table, print_object, words};

const WAITS: &[Column] = &[
    Column("SESSION", Align::Left),
    Column("ROLE", Align::Left),
    Column("LABEL", Align::Left),
    Column("RUNS", Align::Right),
    Column("QUEUED", Align::Right),
    Column("HELD BY", Align::Left),
];

const PLANNED: &[Column] = &[
    Column("NAME", Align::Left),
    Column("ROLE", Align::Left),
    Column("MODEL", Align::Left),
    Column("LANE", Align::Left),
    Column("TOOLS", Align::Left),
    Column("WAITS FOR", Align::Left),
];

/// What came of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The plan.
    pub(super) plan: Id,
    /// Whether every session that was to complete did.
    pub(super) ok: bool,
    /// Whether a signal ended it.
    pub(super) interrupted: bool,
    /// The planned sessions, or those that were resumed.
    pub(super) sessions: Vec<Outcome>,
    /// The sessions that a crash had cut off, found at the beginning.
    pub(super) recovered: Vec<Id>,
    /// All sessions of the run, children in their parents.
    trees: Vec<TreeView>,
    /// What was waited for, the longest wait first.
    waits: Vec<Waited>,
    /// What was used by all sessions of the trees.
    tokens: Tokens,
    /// What that cost.
    cost: RowCost,
}

/// How one session came out.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// Its name in the plan.
    pub(super) name: Option<Arc<str>>,
    /// Its id; none if it could not start.
    pub(super) session_id: Option<Id>,
    /// Its state; none if it could not start.
    pub(super) state: Option<State>,
    /// Why it is in that state, or could not start.
    pub(super) reason: String,
    /// Whether it did what was planned.
    #[serde(skip)]
    pub(super) ok: bool,
}

/// What a run is told by besides the record.
pub(super) struct Told {
    pub(super) plan: Id,
    pub(super) interrupted: bool,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) recovered: Vec<Id>,
    /// Every session of the run.
    pub(super) sessions: BTreeSet<Arc<str>>,
    /// Where in the record it begins.
    pub(super) from_seq: u64,
}

impl Summary {
    /// Reads what the run left on record.
    pub(super) fn read(run: &Run, reader: &Reader, told: Told) -> Result<Self, Failure> {
        let Told { plan, interrupted, outcomes, recovered, sessions, from_seq } = told;
        let mut trees = reader.trees();
        trees.retain(|tree| touches(tree, &sessions));
        let (mut tokens, mut cost) = (Tokens::default(), RowCost::default());
        for tree in &trees {
            add_up(tree, &mut tokens, &mut cost);
        }
        let mut waits = Waits::default();
        let filter = EventFilter { from_seq: Some(from_seq), ..EventFilter::default() };
        for event in reader.events(&filter) {
            waits.take(&event.map_err(|error| run.store.read_failure(&error))?.event);
        }
        let mut waits = waits.finish();
        waits.retain(|waited| sessions.contains(&waited.session_id));
        let ok = !interrupted && outcomes.iter().all(|outcome| outcome.ok);
        Ok(Self { plan, ok, interrupted, sessions: outcomes, recovered, trees, waits, tokens, cost })
    }

    /// Prints it: for people the tree, the waits and the sum.
    pub(super) fn print(&self, run: &Run, short: &ShortIds) -> Result<(), Failure> {
        print_object(run.console, self, |out| self.people(run.console, short, out))
    }

    fn people(&self, console: Console, short: &ShortIds, out: &mut dyn Write) -> Result<(), Failure> {
        let mut table = tree::drawing(console);
        self.trees.iter().for_each(|one| tree::draw(&mut table, one, short));
        table.print(out)?;
        if !self.waits.is_empty() {
            writeln!(out)?;
            let mut table = Table::new(WAITS, console.colour, console.width);
            self.waits.iter().for_each(|waited| table.row(self.wait_cells(waited, short)));
            table.print(out)?;
        }
        let sessions = self.trees.iter().map(count).sum::<u64>();
        writeln!(
            out,
            "\n{}, {}, {}",
            words::counted(sessions, "session", "sessions"),
            words::counted(self.tokens.total, "token", "tokens"),
            words::cost(self.cost.nanos, self.cost.unpriced_runs)
        )?;
        Ok(())
    }

    fn wait_cells(&self, waited: &Waited, short: &ShortIds) -> Vec<Cell> {
        let session = self.trees.iter().find_map(|tree| find(tree, &waited.session_id));
        let ms = |ms: u64| words::duration(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000));
        let held: Vec<String> = waited.held.iter().map(|held| format!("{} {}", held.limit, ms(held.ms))).collect();
        vec![
            short.get(&waited.session_id).into(),
            Cell::optional(session.and_then(|session| session.session.role.as_deref())),
            Cell::optional(session.and_then(|session| session.session.label.as_deref())),
            words::count(waited.dispatched).into(),
            ms(waited.queued_ms).into(),
            if held.is_empty() { "its turn".into() } else { held.join(", ").into() },
        ]
    }
}

fn touches(tree: &TreeView, sessions: &BTreeSet<Arc<str>>) -> bool {
    sessions.contains(&tree.session.session_id) || tree.children.iter().any(|child| touches(child, sessions))
}

fn find<'t>(tree: &'t TreeView, session: &str) -> Option<&'t TreeView> {
    if *tree.session.session_id == *session {
        return Some(tree);
    }
    tree.children.iter().find_map(|child| find(child, session))
}

fn count(tree: &TreeView) -> u64 {
    1 + tree.children.iter().map(count).sum::<u64>()
}

fn add_up(tree: &TreeView, tokens: &mut Tokens, cost: &mut RowCost) {
    let used = tree.session.tokens;
    tokens.input += used.input;
    tokens.output += used.output;
    tokens.cached += used.cached;
    tokens.cache_write += used.cache_write;
    tokens.reasoning += used.reasoning;
    tokens.total += used.total;
    cost.nanos += tree.session.cost.own_nanos;
    cost.unpriced_runs += tree.session.cost.unpriced_runs;
    tree.children.iter().for_each(|child| add_up(child, tokens, cost));
}

/// A plan that could start now.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    plan: Id,
    ok: bool,
    sessions: Vec<PlannedView>,
}

/// A session as the plan has it.
#[derive(Debug, Serialize)]
struct PlannedView {
    name: Id,
    role: Id,
    model: Id,
    provider: Option<Id>,
    lane: &'static str,
    tools: Vec<Id>,
    waits_for: Vec<Id>,
}

impl Checked {
    /// What a plan would start.
    pub(super) fn of(plan: &Plan) -> Self {
        let sessions = plan.sessions.iter().map(|session| {
            let mut waits: Vec<usize> = session.after.iter().chain(&session.input_from).copied().collect();
            waits.sort_unstable();
            waits.dedup();
            PlannedView {
                name: session.name.clone(),
                role: session.spec.role.clone(),
                model: session.spec.model.clone(),
                provider: plan.models.get(&session.spec.model).map(|model| model.provider.clone()),
                lane: session.spec.lane.as_str(),
                tools: session.spec.tools.clone(),
                waits_for: waits.into_iter().map(|place| plan.sessions[place].name.clone()).collect(),
            }
        });
        Self { plan: plan.name.clone(), ok: true, sessions: sessions.collect() }
    }

    /// Prints it.
    pub(super) fn print(&self, console: Console) -> Result<(), Failure> {
        let listed = |ids: &[Id]| {
            let words: Vec<&str> = ids.iter().map(Id::as_str).collect();
            Cell::optional(Some(words.join(", ")).filter(|text| !text.is_empty()))
        };
        print_object(console, self, |out| {
            let mut table = Table::new(PLANNED, console.colour, console.width);
            for session in &self.sessions {
                table.row(vec![
                    session.name.as_str().into(),
                    session.role.as_str().into(),
                    session.model.as_str().into(),
                    session.lane.into(),
                    listed(&session.tools),
                    listed(&session.waits_for),
                ]);
            }
            table.print(out)?;
            let sessions = words::counted(self.sessions.len() as u64, "session", "sessions");
            writeln!(out, "\nplan {} is sound: {sessions} would start", self.plan)?;
            Ok(())
        })
    }
}
