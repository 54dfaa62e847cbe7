//! What lists choose and sort sessions by, and roll-ups add up, without unpacking them.

use std::sync::Arc;

use flightrec_events::{Backend, State, Timestamp};

use super::page::Shared;
use super::session::{Account, SessionFold};
use super::told::{Said, Told};
use crate::view::SessionView;

/// How many bytes one packed row takes.
pub(crate) const ROW_BYTES: usize = 96;
const NO_TIME: i64 = i64::MIN;

const STATES: [State; 7] =
    [State::Created, State::Active, State::Paused, State::Blocked, State::Completed, State::Failed, State::Cancelled];
const BACKENDS: [Option<Backend>; 3] = [None, Some(Backend::Local), Some(Backend::Cloud)];

/// Its accounts are told by the session alone.
const MANY_ACCOUNTS: u8 = 1;
const TOLD: u8 = 2;
const TOLD_TWICE: u8 = 4;

/// What is asked of a session most often.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row<'a> {
    pub(crate) state: State,
    pub(crate) role: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) wp: Option<&'a str>,
    pub(crate) backend: Option<Backend>,
    pub(crate) created_us: Option<i64>,
    pub(crate) updated_us: Option<i64>,
    pub(crate) ended_us: Option<i64>,
    /// What was used and charged under one model and provider, if there were no others.
    pub(crate) account: Option<(u32, Account)>,
    /// Whether there are others, so that the session has to be asked.
    pub(crate) has_more_accounts: bool,
    /// Whether telemetry told of it.
    pub(crate) is_told: bool,
    /// Whether some of its usage was told by several kinds of witnesses, so that it is not what its accounts say.
    pub(crate) is_told_twice: bool,
}

impl<'a> Row<'a> {
    pub(crate) fn of(session: &'a SessionFold) -> Self {
        let facts = session.facts.as_ref();
        let told = session.told.as_deref();
        let said = |said: fn(&Told) -> &Option<Said>| told.and_then(|told| said(told).as_ref()).map(|said| &*said.what);
        let (state, ended_us) = session.state();
        let created_us = facts.map(|facts| facts.created_us).or(told.and_then(|told| told.first_us));
        Self {
            state,
            role: facts.map(|facts| &*facts.role).or(said(|told| &told.role)),
            model: facts.map(|facts| &*facts.model).or(said(|told| &told.model)),
            provider: facts.and_then(|facts| facts.provider.as_deref()).or(said(|told| &told.provider)),
            wp: facts.and_then(|facts| facts.wp.as_deref()),
            backend: facts.map(|facts| facts.backend).or(told.map(Told::backend)),
            created_us,
            updated_us: session.touched_us(),
            ended_us,
            account: session.accounts.first().copied(),
            has_more_accounts: session.accounts.len() > 1,
            is_told: told.is_some(),
            is_told_twice: told.is_some_and(Told::may_be_told_twice),
        }
    }

    /// The row of a session that was looked at closely, its accounts apart.
    pub(crate) fn of_view(session: &'a SessionView) -> Self {
        let us = |at: Option<Timestamp>| at.map(Timestamp::as_micros);
        Self {
            state: session.state,
            role: session.role.as_deref(),
            model: session.model_id.as_deref(),
            provider: session.provider.as_deref(),
            wp: session.wp_id.as_deref(),
            backend: session.backend,
            created_us: us(session.created_at),
            updated_us: us(session.updated_at),
            ended_us: us(session.ended_at),
            account: None,
            has_more_accounts: true,
            is_told: false,
            is_told_twice: false,
        }
    }

    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        self.created_us.and_then(Timestamp::from_micros)
    }

    pub(crate) fn updated_at(&self) -> Option<Timestamp> {
        self.updated_us.and_then(Timestamp::from_micros)
    }

    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        self.ended_us.and_then(Timestamp::from_micros)
    }
}

/// The rows of a page's sessions, while they are packed.
#[derive(Default)]
struct RowPacker {
    names: Vec<Arc<str>>,
    bytes: Vec<u8>,
}

impl RowPacker {
    /// The number of a name; 0 is none.
    fn number(&mut self, name: Option<&str>) -> u16 {
        let Some(name) = name else { return 0 };
        let held = self.names.iter().position(|held| **held == *name);
        let at = held.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        // A page has at most four names of each of its 64 sessions.
        at as u16 + 1
    }

    fn push(&mut self, row: &Row<'_>) {
        let numbers = [row.role, row.model, row.provider, row.wp].map(|name| self.number(name));
        let (served, account) = row.account.unwrap_or_default();
        let counts =
            [account.input, account.output, account.cached, account.cache_write, account.reasoning, account.nanos];
        let small = counts.map(|count| u64::try_from(count).ok());
        let runs = [account.runs, account.unpriced_runs].map(|runs| u32::try_from(runs).ok());
        let fits = small.iter().all(Option::is_some) && runs.iter().all(Option::is_some);
        let set = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = set(row.has_more_accounts || !fits, MANY_ACCOUNTS)
            | set(row.is_told, TOLD)
            | set(row.is_told_twice, TOLD_TWICE);
        let backend = BACKENDS.iter().position(|backend| *backend == row.backend).unwrap_or_default() as u8;
        let has_account = u8::from(row.account.is_some());
        let state = STATES.iter().position(|state| *state == row.state).unwrap_or_default() as u8;
        self.bytes.extend([state, backend, flags, has_account]);
        self.bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        for time in [row.created_us, row.updated_us, row.ended_us] {
            self.bytes.extend(time.unwrap_or(NO_TIME).to_le_bytes());
        }
        self.bytes.extend(small.iter().flat_map(|count| count.unwrap_or(0).to_le_bytes()));
        self.bytes.extend(served.to_le_bytes());
        self.bytes.extend(runs.iter().flat_map(|runs| runs.unwrap_or(0).to_le_bytes()));
    }
}

/// The rows of a page's sessions.
#[derive(Debug)]
pub(crate) struct PackedRows {
    /// The names that the rows hold, by number.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) bytes: Shared,
}

impl PackedRows {
    pub(crate) fn of<'a>(sessions: impl Iterator<Item = &'a SessionFold>) -> Self {
        let mut rows = RowPacker::default();
        sessions.for_each(|session| rows.push(&Row::of(session)));
        Self { names: rows.names, bytes: rows.bytes.into() }
    }

    /// One row; `None` if it is not there.
    pub(crate) fn get(&self, slot: usize) -> Option<Row<'_>> {
        let row = self.bytes.get(slot * ROW_BYTES..(slot + 1) * ROW_BYTES)?;
        let name = |at: usize| {
            let number = u16::from_le_bytes([row[at], row[at + 1]]);
            number.checked_sub(1).and_then(|at| self.names.get(usize::from(at))).map(|name| &**name)
        };
        let wide = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| row[at + i]));
        let narrow = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| row[at + i]));
        let time = |at: usize| Some(wide(at) as i64).filter(|time| *time != NO_TIME);
        let count = |at: usize| u128::from(wide(36 + at * 8));
        let account = Account {
            input: count(0),
            output: count(1),
            cached: count(2),
            cache_write: count(3),
            reasoning: count(4),
            nanos: count(5),
            runs: u64::from(narrow(88)),
            unpriced_runs: u64::from(narrow(92)),
        };
        Some(Row {
            state: *STATES.get(usize::from(row[0]))?,
            backend: *BACKENDS.get(usize::from(row[1]))?,
            role: name(4),
            model: name(6),
            provider: name(8),
            wp: name(10),
            created_us: time(12),
            updated_us: time(20),
            ended_us: time(28),
            account: (row[3] == 1).then_some((narrow(84), account)),
            has_more_accounts: row[2] & MANY_ACCOUNTS > 0,
            is_told: row[2] & TOLD > 0,
            is_told_twice: row[2] & TOLD_TWICE > 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was() {
        let account = Account {
            input: 1,
            output: 2,
            cached: 3,
            cache_write: 4,
            reasoning: 5,
            nanos: 6,
            runs: 7,
            unpriced_runs: 8,
        };
        let full = Row {
            state: State::Failed,
            role: Some("coder"),
            model: Some("m"),
            provider: Some("m"),
            wp: Some("WP-1"),
            backend: Some(Backend::Cloud),
            created_us: Some(-1),
            updated_us: Some(i64::MAX),
            ended_us: Some(0),
            account: Some((9, account)),
            has_more_accounts: false,
            is_told: true,
            is_told_twice: true,
        };
        let empty = Row {
            state: State::Created,
            role: None,
            model: None,
            provider: None,
            wp: None,
            backend: None,
            created_us: None,
            updated_us: None,
            ended_us: None,
            account: None,
            has_more_accounts: false,
            is_told: false,
            is_told_twice: false,
        };
        let mut rows = RowPacker::default();
        rows.push(&full);
        rows.push(&empty);
        rows.push(&full);
        let rows = PackedRows { names: rows.names, bytes: rows.bytes.into() };
        assert_eq!(rows.bytes.len(), 3 * ROW_BYTES);
        assert_eq!(
            [rows.get(0), rows.get(1), rows.get(2), rows.get(3)],
            [Some(full.clone()), Some(empty), Some(full), None]
        );
    }

    #[test]
    fn what_is_too_large_for_a_row_is_asked_of_the_session() {
        let account = Account { nanos: u128::MAX, runs: 1, ..Account::default() };
        let mut session = SessionFold::new("s".into());
        session.accounts.push((0, account));
        let rows = PackedRows::of(std::iter::once(&session));
        assert!(rows.get(0).unwrap().has_more_accounts);
    }
}
