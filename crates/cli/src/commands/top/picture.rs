//! What a store said at one moment.

use flightrec_events::{State, Timestamp};
use flightrec_recorder::RecordedEvent;
use flightrec_recorder::budgets::BudgetView;
use flightrec_recorder::lanes::LaneView;
use flightrec_recorder::query::elapsed_us;
use flightrec_recorder::view::{RateView, SessionView, Severity};

use super::doing::{Doing, DoingKind};

/// What a store said at one moment.
#[derive(Debug)]
pub(super) struct Picture {
    /// The directory of the store.
    pub(super) store: String,
    /// The moment.
    pub(super) now: Timestamp,
    /// The last position that was seen.
    pub(super) last_seq: Option<u64>,
    /// The sessions that pass the filters of the command line, by creation.
    pub(super) rows: Vec<Row>,
    /// What is used in a minute, by all sessions of the store.
    pub(super) rate: RateView,
    /// Findings that concern no session.
    pub(super) store_findings: Vec<Severity>,
    /// The budgets, those used up furthest first.
    pub(super) budgets: Vec<BudgetView>,
}

/// One session.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its facts and totals.
    pub(super) session: SessionView,
    /// As much of its id as names it.
    pub(super) short: String,
    /// What it does.
    pub(super) doing: Doing,
}

/// More about one session.
#[derive(Debug)]
pub(super) struct Detail {
    /// What went on in it.
    pub(super) lane: LaneView,
    /// Its last events, oldest first.
    pub(super) events: Vec<RecordedEvent>,
}

/// Sums over the sessions of a picture.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// How many sessions are in each state, in the order of [`State::ALL`].
    pub(super) states: [u64; State::ALL.len()],
    pub(super) tokens: u64,
    pub(super) nanos: u128,
    pub(super) unpriced_runs: u64,
    /// Sessions whose job is in the queue and held by nothing that is named.
    pub(super) queued: u64,
    /// Sessions that a limit holds.
    pub(super) held: u64,
    /// Findings, in the order info, warning, error.
    pub(super) findings: [u64; 3],
}

impl Row {
    /// How long the session has lived: to the present, or to its end.
    pub(super) fn age_us(&self, now: Timestamp) -> Option<i64> {
        if self.session.state.is_terminal() {
            return elapsed_us(&self.session);
        }
        self.session.created_at.map(|created| now.micros_since(created).max(0))
    }
}

impl Picture {
    /// The sums.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let mut find = |severity: Severity| {
            totals.findings[match severity {
                Severity::Info => 0,
                Severity::Warning => 1,
                Severity::Error => 2,
            }] += 1;
        };
        self.store_findings.iter().copied().for_each(&mut find);
        self.rows.iter().flat_map(|row| &row.session.findings).for_each(|finding| find(finding.severity));
        for row in &self.rows {
            let session = &row.session;
            if let Some(at) = State::ALL.iter().position(|state| *state == session.state) {
                totals.states[at] += 1;
            }
            totals.tokens += session.tokens.total;
            totals.nanos += session.cost.own_nanos;
            totals.unpriced_runs += session.cost.unpriced_runs;
            totals.queued += u64::from(row.doing.kind == DoingKind::Queued);
            totals.held += u64::from(row.doing.kind == DoingKind::Held);
        }
        totals
    }
}
