//! Budgets: what sessions may use, how far they have, and what was told of work packets and of the rate of all together.
//!
//! A session's budget stands in its `session.created`. What work packets and all sessions together may use is on record
//! only once a warning tells of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::families::session::{BudgetWarning, SessionCreated};
use flightrec_events::{BudgetAction, BudgetType, Event, Id, Kind, Payload, Scalar, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::error::ReadError;
use crate::query::EventFilter;
use crate::reader::Reader;
use crate::view::SessionView;

/// The share at which a budget warns where it does not say.
const USUAL_WARN_PERCENT: u64 = 80;
const NANOS_PER_USD: f64 = 1e9;

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetUnit {
    /// Tokens, read and written.
    Tokens,
    /// Nano-dollars.
    Nanos,
}

/// How far a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetStatus {
    /// Not as far as its warning share.
    Below,
    /// As far as its warning share.
    Warned,
    /// To its end.
    Reached,
}

/// One budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetView {
    /// What it limits.
    pub budget_type: BudgetType,
    /// The session whose budget it is, those below it included; of others the session that was told.
    pub session_id: Option<Arc<str>>,
    /// The work packet whose budget it is.
    pub wp_id: Option<Arc<str>>,
    /// What it counts; those of a rate count it per minute.
    pub unit: BudgetUnit,
    /// What is used: now where the limit is known, else when it was told.
    pub used: u64,
    /// The mark that was reached last, or that comes next.
    pub mark: u64,
    /// All that may be used; null where nobody recorded it.
    pub limit: Option<u64>,
    /// How far it is used up.
    pub status: BudgetStatus,
    /// What follows at its end.
    pub action: Option<BudgetAction>,
    /// When a mark was told to be reached, the last time.
    pub told_at: Option<Timestamp>,
    /// The event that says so: the last warning, else the session's creation.
    pub seq: u64,
}

impl BudgetView {
    /// What is used, as a share of the limit, or of the mark where no limit is known.
    pub fn share(&self) -> f64 {
        let whole = self.limit.unwrap_or(self.mark);
        if whole == 0 { 1.0 } else { self.used as f64 / whole as f64 }
    }
}

/// A budget's place among all: its type, and whose it is.
type Key = (BudgetType, Option<Arc<str>>);

/// What a session was given.
#[derive(Debug, Clone, Copy)]
struct Given {
    tokens: Option<u64>,
    nanos: Option<u64>,
    warn_percent: u64,
    action: Option<BudgetAction>,
    seq: u64,
}

/// The warnings of one budget.
#[derive(Debug, Clone)]
struct Told {
    session: Arc<str>,
    current: f64,
    threshold: f64,
    /// Whether an earlier warning had a lower mark: the first is that of the warning share then.
    is_second: bool,
    action: Option<BudgetAction>,
    at: Timestamp,
    seq: u64,
}

/// All budgets on record, kept up to date by reading only what came since.
#[derive(Debug, Default)]
pub struct Budgets {
    next_seq: u64,
    given: FxHashMap<Arc<str>, Given>,
    told: BTreeMap<Key, Told>,
}

impl Budgets {
    /// Takes in what was recorded since the last time.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read; damage loses its own events only.
    pub fn follow(&mut self, reader: &Reader) -> Result<(), ReadError> {
        let Some(last) = reader.last_seq().filter(|last| *last >= self.next_seq) else { return Ok(()) };
        let kinds = [Kind::SessionCreated, Kind::BudgetWarning].map(|kind| kind.code().to_owned()).to_vec();
        let filter = EventFilter { from_seq: Some(self.next_seq.max(1)), kinds, ..EventFilter::default() };
        for event in reader.events(&filter) {
            match event {
                Ok(event) => self.take(event.seq, &event.event),
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        self.next_seq = last + 1;
        Ok(())
    }

    fn take(&mut self, seq: u64, event: &Event) {
        if let Payload::SessionCreated(created) = &event.payload {
            if let Some(given) = Given::of(seq, created) {
                self.given.insert(created.session_id.shared(), given);
            }
        } else if let Payload::BudgetWarning(warning) = &event.payload {
            let before = self.told.remove(&key(warning));
            let threshold = warning.threshold_value.get();
            let is_second = before.is_some_and(|before| before.is_second || before.threshold < threshold);
            let told = Told {
                session: warning.session_id.shared(),
                current: warning.current_value.get(),
                threshold,
                is_second,
                action: warning.action,
                at: event.timestamp,
                seq,
            };
            self.told.insert(key(warning), told);
        }
    }

    /// The budgets of these sessions and all that was told of others; those used up furthest come first. For the sum of
    /// a session's descendants all sessions have to be among them.
    pub fn views(&self, sessions: &[SessionView]) -> Vec<BudgetView> {
        let counts_tokens = self.given.values().any(|given| given.tokens.is_some());
        let tokens = if counts_tokens { inclusive_tokens(sessions) } else { FxHashMap::default() };
        let mut views = Vec::new();
        let mut known: FxHashSet<Key> = FxHashSet::default();
        for session in sessions {
            let Some(given) = self.given.get(&session.session_id) else { continue };
            let used_tokens = tokens.get(&session.session_id).copied().unwrap_or(session.tokens.total);
            let used_nanos = u64::try_from(session.cost.inclusive_nanos).unwrap_or(u64::MAX);
            let both = [
                (BudgetType::SessionTokens, BudgetUnit::Tokens, given.tokens, used_tokens),
                (BudgetType::SessionCostUsd, BudgetUnit::Nanos, given.nanos, used_nanos),
            ];
            for (budget_type, unit, limit, used) in both {
                let Some(limit) = limit else { continue };
                let key = (budget_type, Some(Arc::clone(&session.session_id)));
                let told = self.told.get(&key);
                let warn_at = u64::try_from(u128::from(limit) * u128::from(given.warn_percent) / 100).unwrap_or(limit);
                let (status, mark) = match used {
                    used if used >= limit => (BudgetStatus::Reached, limit),
                    used if used >= warn_at => (BudgetStatus::Warned, limit),
                    _ => (BudgetStatus::Below, warn_at),
                };
                views.push(BudgetView {
                    budget_type,
                    session_id: Some(Arc::clone(&session.session_id)),
                    wp_id: None,
                    unit,
                    used,
                    mark,
                    limit: Some(limit),
                    status,
                    action: given.action,
                    told_at: told.map(|told| told.at),
                    seq: told.map_or(given.seq, |told| told.seq),
                });
                known.insert(key);
            }
        }
        views.extend(self.told.iter().filter(|(key, _)| !known.contains(*key)).map(|(key, told)| told.view(key)));
        views.sort_by(|a, b| b.status.cmp(&a.status).then(b.share().total_cmp(&a.share())).then(a.seq.cmp(&b.seq)));
        views
    }
}

impl Given {
    fn of(seq: u64, created: &SessionCreated) -> Option<Self> {
        let budget = created.budget.as_ref()?;
        let whole = |name: &str| match budget.get(name)? {
            Scalar::Int(value) => u64::try_from(*value).ok(),
            Scalar::Float(_) | Scalar::Bool(_) | Scalar::Str(_) | Scalar::List(_) => None,
        };
        let nanos = match budget.get("cost_usd") {
            Some(Scalar::Float(usd)) => Some(rounded(usd * NANOS_PER_USD)),
            Some(Scalar::Int(usd)) => u64::try_from(*usd).ok().map(|usd| usd.saturating_mul(1_000_000_000)),
            Some(Scalar::Bool(_) | Scalar::Str(_) | Scalar::List(_)) | None => None,
        };
        let action = match budget.get("action") {
            Some(Scalar::Str(word)) => BudgetAction::from_word(word),
            Some(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::List(_)) | None => None,
        };
        let tokens = whole("tokens");
        let warn_percent = whole("warn_percent").unwrap_or(USUAL_WARN_PERCENT).min(100);
        (tokens.is_some() || nanos.is_some()).then_some(Self { tokens, nanos, warn_percent, action, seq })
    }
}

impl Told {
    fn view(&self, (budget_type, of): &Key) -> BudgetView {
        let unit = match budget_type {
            BudgetType::SessionTokens | BudgetType::WpTokens | BudgetType::GlobalTokensPerMinute => BudgetUnit::Tokens,
            BudgetType::SessionCostUsd | BudgetType::WpCostUsd | BudgetType::GlobalUsdPerMinute => BudgetUnit::Nanos,
        };
        let scale = match unit {
            BudgetUnit::Tokens => 1.0,
            BudgetUnit::Nanos => NANOS_PER_USD,
        };
        let is_of_packet = matches!(budget_type, BudgetType::WpTokens | BudgetType::WpCostUsd);
        BudgetView {
            budget_type: *budget_type,
            session_id: Some(Arc::clone(&self.session)),
            wp_id: of.clone().filter(|_| is_of_packet),
            unit,
            used: rounded(self.current * scale),
            mark: rounded(self.threshold * scale),
            limit: None,
            status: if self.is_second { BudgetStatus::Reached } else { BudgetStatus::Warned },
            action: self.action,
            told_at: Some(self.at),
            seq: self.seq,
        }
    }
}

fn key(warning: &BudgetWarning) -> Key {
    let of = match warning.budget_type {
        BudgetType::SessionTokens | BudgetType::SessionCostUsd => Some(warning.session_id.shared()),
        BudgetType::WpTokens | BudgetType::WpCostUsd => warning.wp_id.as_ref().map(Id::shared),
        BudgetType::GlobalTokensPerMinute | BudgetType::GlobalUsdPerMinute => None,
    };
    (warning.budget_type, of)
}

/// The nearest whole number; amounts are never negative.
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

/// The tokens of each session with those of all below it; once around any circle.
fn inclusive_tokens(sessions: &[SessionView]) -> FxHashMap<Arc<str>, u64> {
    let parents: FxHashMap<&str, &str> = sessions
        .iter()
        .filter_map(|session| Some((&*session.session_id, session.parent_session_id.as_deref()?)))
        .collect();
    let mut sums: FxHashMap<Arc<str>, u64> =
        sessions.iter().map(|session| (Arc::clone(&session.session_id), session.tokens.total)).collect();
    for session in sessions.iter().filter(|session| session.tokens.total > 0) {
        let mut seen = FxHashSet::from_iter([&*session.session_id]);
        let mut at = parents.get(&*session.session_id).copied();
        while let Some(above) = at.filter(|above| seen.insert(above)) {
            if let Some(sum) = sums.get_mut(above) {
                *sum = sum.saturating_add(session.tokens.total);
            }
            at = parents.get(above).copied();
        }
    }
    sums
}
