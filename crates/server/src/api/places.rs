//! Where an item stands in its list: what lists are sorted by, down to the last difference.

use flightrec_events::State;
use flightrec_recorder::budgets::BudgetView;
use flightrec_recorder::query::{SessionOrder, elapsed_us};
use flightrec_recorder::view::{CostRow, Finding, SessionView, SpanView};

use super::page::Place;

/// By the position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BySeq(pub(super) u64);

impl Place for BySeq {
    fn parts(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let [seq] = parts else { return None };
        seq.parse().ok().map(BySeq)
    }
}

/// By what a budget limits, then by whose it is. How far it is used up changes, and is no place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByBudget {
    budget_type: String,
    of: String,
}

impl ByBudget {
    /// The place of a budget.
    pub(super) fn of(budget: &BudgetView) -> Self {
        let of = budget.wp_id.as_deref().or(budget.session_id.as_deref()).unwrap_or("");
        Self { budget_type: budget.budget_type.as_str().to_owned(), of: of.to_owned() }
    }
}

impl Place for ByBudget {
    fn parts(&self) -> Vec<String> {
        vec![self.budget_type.clone(), self.of.clone()]
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let [budget_type, of] = parts else { return None };
        Some(Self { budget_type: budget_type.clone(), of: of.clone() })
    }
}

/// By the place in a thread: by the time it was said where telemetry told of it, then by the position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByThread {
    pub(super) said_us: i64,
    pub(super) seq: u64,
}

impl Place for ByThread {
    fn parts(&self) -> Vec<String> {
        vec![self.said_us.to_string(), self.seq.to_string()]
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let [said_us, seq] = parts else { return None };
        Some(Self { said_us: said_us.parse().ok()?, seq: seq.parse().ok()? })
    }
}

/// By what is asked for first, then by creation, then by id; as the command line sorts sessions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BySession {
    first: First,
    created_us: Option<i64>,
    id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum First {
    Number(i128),
    Text(Option<String>),
}

impl BySession {
    /// The place of a session in an order.
    pub(super) fn of(order: SessionOrder, session: &SessionView) -> Self {
        // Largest first, unknown last.
        let largest = |value: Option<i128>| First::Number(value.map_or(i128::MAX, |value| -value));
        let first = match order {
            SessionOrder::Created => First::Number(0),
            SessionOrder::Updated => largest(session.updated_at.map(|at| i128::from(at.as_micros()))),
            SessionOrder::Cost => largest(Some(i128::try_from(session.cost.own_nanos).unwrap_or(i128::MAX))),
            SessionOrder::Tokens => largest(Some(i128::from(session.tokens.total))),
            SessionOrder::Elapsed => largest(elapsed_us(session).map(i128::from)),
            SessionOrder::Role => First::Text(session.role.as_deref().map(str::to_owned)),
            SessionOrder::State => First::Number(rank(session.state)),
        };
        let created_us = session.created_at.map(flightrec_events::Timestamp::as_micros);
        Self { first, created_us, id: session.session_id.to_string() }
    }
}

fn rank(state: State) -> i128 {
    State::ALL.iter().position(|other| *other == state).unwrap_or(0) as i128
}

impl Place for BySession {
    fn parts(&self) -> Vec<String> {
        let (kind, first) = match &self.first {
            First::Number(number) => ("n", number.to_string()),
            First::Text(Some(text)) => ("t", text.clone()),
            First::Text(None) => ("-", String::new()),
        };
        vec![kind.to_owned(), first, optional(self.created_us), self.id.clone()]
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let [kind, first, created_us, id] = parts else { return None };
        let first = match kind.as_str() {
            "n" => First::Number(first.parse().ok()?),
            "t" => First::Text(Some(first.clone())),
            "-" => First::Text(None),
            _ => return None,
        };
        Some(Self { first, created_us: read_optional(created_us)?, id: id.clone() })
    }
}

/// By the start, or where that is missing the end; then by session and span.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByStart {
    pub(super) start_us: Option<i64>,
    pub(super) session: String,
    pub(super) span: String,
}

impl ByStart {
    /// The place of a span.
    pub(super) fn of(span: &SpanView) -> Self {
        let trace = span.trace_id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            start_us: span.start.or(span.end).map(flightrec_events::Timestamp::as_micros),
            session: span.session_id.as_deref().unwrap_or("").to_owned(),
            span: format!("{} {trace}", span.span_id),
        }
    }
}

impl Place for ByStart {
    fn parts(&self) -> Vec<String> {
        vec![optional(self.start_us), self.session.clone(), self.span.clone()]
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let [start_us, session, span] = parts else { return None };
        Some(Self { start_us: read_optional(start_us)?, session: session.clone(), span: span.clone() })
    }
}

/// By cost, largest first; then by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByCost {
    nanos: std::cmp::Reverse<u128>,
    key: Option<String>,
}

impl ByCost {
    /// The place of a row.
    pub(super) fn of(row: &CostRow) -> Self {
        Self { nanos: std::cmp::Reverse(row.cost.nanos), key: row.key.as_deref().map(str::to_owned) }
    }
}

impl Place for ByCost {
    fn parts(&self) -> Vec<String> {
        let mut parts = vec![self.nanos.0.to_string()];
        parts.extend(self.key.clone());
        parts
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let (nanos, key) = match parts {
            [nanos] => (nanos, None),
            [nanos, key] => (nanos, Some(key.clone())),
            _ => return None,
        };
        Some(Self { nanos: std::cmp::Reverse(nanos.parse().ok()?), key })
    }
}

/// By the session, those of the store itself first; then by what they say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByFinding {
    session: Option<String>,
    kind: String,
    seq: Option<i64>,
    rest: String,
}

impl ByFinding {
    /// The place of a finding.
    pub(super) fn of(finding: &Finding) -> Self {
        let span = finding.span_id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            session: finding.session_id.as_deref().map(str::to_owned),
            kind: finding.kind.as_str().to_owned(),
            seq: finding.seq.and_then(|seq| i64::try_from(seq).ok()),
            rest: format!("{span} {}", finding.detail),
        }
    }
}

impl Place for ByFinding {
    fn parts(&self) -> Vec<String> {
        let mut parts = vec![self.kind.clone(), optional(self.seq), self.rest.clone()];
        parts.extend(self.session.clone());
        parts
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let (kind, seq, rest, session) = match parts {
            [kind, seq, rest] => (kind, seq, rest, None),
            [kind, seq, rest, session] => (kind, seq, rest, Some(session.clone())),
            _ => return None,
        };
        Some(Self { session, kind: kind.clone(), seq: read_optional(seq)?, rest: rest.clone() })
    }
}

fn optional(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// The inner option is the value; the outer says whether it could be read.
#[expect(clippy::option_option, reason = "unreadable and absent are different answers")]
fn read_optional(text: &str) -> Option<Option<i64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}
