//! Pictures for tests.

use std::sync::Arc;

use flightrec_events::{BudgetType, State, Timestamp};
use flightrec_recorder::budgets::{BudgetStatus, BudgetUnit, BudgetView};
use flightrec_recorder::view::{Finding, FindingKind, RateView, SessionCost, SessionView, Tokens};

use super::doing::{Doing, DoingKind};
use super::picture::{Picture, Row};

/// A time, in seconds after a certain noon.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_772_366_400_000_000 + seconds * 1_000_000).unwrap()
}

/// A session that was created at a second.
pub(super) fn session(id: &str, parent: Option<&str>, state: State, second: i64) -> SessionView {
    let ended_at = state.is_terminal().then(|| at(second + 30));
    SessionView {
        session_id: id.into(),
        parent_session_id: parent.map(Arc::from),
        state,
        role: Some("coder".into()),
        model_id: Some("m-1".into()),
        provider: Some("p-1".into()),
        backend: None,
        wp_id: Some("WP-1".into()),
        mt_id: None,
        spawn_depth: Some(u64::from(parent.is_some())),
        label: None,
        source: "native".into(),
        created_at: Some(at(second)),
        updated_at: ended_at.or(Some(at(second + 10))),
        ended_at,
        tokens: Tokens { input: 1_000, output: 200, total: 1_200, ..Tokens::default() },
        cost: SessionCost { own_nanos: 12_000_000, inclusive_nanos: 12_000_000, unpriced_runs: 0 },
        messages: 2,
        model_runs: 1,
        tool_calls: 0,
        spans: 1,
        open_spans: 0,
        findings: Vec::new(),
    }
}

/// A row of a session.
pub(super) fn row(session: SessionView, doing: Doing) -> Row {
    Row { short: session.session_id.to_string(), session, doing }
}

/// Something that a session does since a second.
pub(super) fn doing(kind: DoingKind, what: &str, second: i64) -> Doing {
    Doing { kind, what: what.to_owned(), since: Some(at(second)) }
}

/// A parent that has ended, two children of it, one more session, and a budget.
pub(super) fn picture() -> Picture {
    let mut held = session("child-2", Some("root"), State::Blocked, 12);
    held.cost.own_nanos = 2_500_000_000;
    held.cost.unpriced_runs = 1;
    held.findings.push(Finding {
        kind: FindingKind::Unpriced,
        severity: FindingKind::Unpriced.severity(),
        session_id: Some("child-2".into()),
        span_id: None,
        seq: None,
        detail: "1 run".to_owned(),
    });
    Picture {
        store: "/a/store".to_owned(),
        now: at(100),
        last_seq: Some(1_234),
        rows: vec![
            row(session("root", None, State::Completed, 0), Doing::NOTHING),
            row(session("child-1", Some("root"), State::Active, 10), doing(DoingKind::Works, "chat m-1", 97)),
            row(held, doing(DoingKind::Held, "held by request_rate of p-1", 94)),
            row(session("other", None, State::Blocked, 20), doing(DoingKind::Queued, "queued", 99)),
        ],
        rate: RateView {
            window_s: 60,
            active_sessions: 1,
            tokens_per_minute: 2_400,
            nanos_per_minute: 50_000_000,
            unpriced_runs: 0,
        },
        store_findings: Vec::new(),
        budgets: vec![BudgetView {
            budget_type: BudgetType::SessionCostUsd,
            session_id: Some("child-2".into()),
            wp_id: None,
            unit: BudgetUnit::Nanos,
            used: 2_500_000_000,
            mark: 3_000_000_000,
            limit: Some(3_000_000_000),
            status: BudgetStatus::Warned,
            action: None,
            told_at: None,
            seq: 7,
        }],
    }
}
