//! What a runtime as a whole may do at once, and what it may spend.

use std::collections::BTreeMap;

use flightrec_events::{BudgetAction, Id, Lane};

use crate::spec::BudgetOptions;

/// Limits of one runtime, with the defaults of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sessions that are ACTIVE at once.
    pub active_sessions: usize,
    /// Sessions that are ACTIVE at once with one provider.
    pub per_provider: usize,
    /// Sessions that are ACTIVE at once with one model.
    pub per_model: usize,
    /// Jobs of one concurrency group at once.
    pub per_group: usize,
    /// Rates by provider; a provider without an entry has none.
    pub rates: BTreeMap<Id, Rates>,
    /// The weight of each lane: lanes that wait get their places in this proportion.
    pub lane_weights: LaneWeights,
    /// How deep spawned sessions may lie: a root has depth 0.
    pub spawn_depth: u32,
    /// Children of one session that have not ended.
    pub children_per_session: usize,
    /// Sessions that have not ended, in the whole runtime.
    pub live_sessions: usize,
    /// Budgets of work packets.
    pub work_packets: BTreeMap<Id, BudgetOptions>,
    /// Budgets of all sessions together, per minute.
    pub global_rate: RateBudget,
}

/// How much may be asked of a provider within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Model runs per minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute.
    pub tokens_per_minute: Option<u64>,
}

/// The weight of each lane, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneWeights {
    /// Of PRIMARY.
    pub primary: u32,
    /// Of SUBAGENT.
    pub subagent: u32,
    /// Of VALIDATION.
    pub validation: u32,
    /// Of BACKGROUND.
    pub background: u32,
}

impl LaneWeights {
    /// The weight of a lane.
    pub const fn of(&self, lane: Lane) -> u32 {
        match lane {
            Lane::Primary => self.primary,
            Lane::Subagent => self.subagent,
            Lane::Validation => self.validation,
            Lane::Background => self.background,
        }
    }
}

/// What all sessions together may spend within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateBudget {
    /// Tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// Nano-dollars per minute.
    pub nanos_per_minute: Option<u64>,
    /// The share, in per cent, at which a warning is recorded.
    pub warn_percent: u8,
    /// What happens to the session that goes beyond.
    pub action: BudgetAction,
}

impl Default for RateBudget {
    fn default() -> Self {
        Self { tokens_per_minute: None, nanos_per_minute: None, warn_percent: 80, action: BudgetAction::Warn }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            active_sessions: 8,
            per_provider: 4,
            per_model: 2,
            per_group: 1,
            rates: BTreeMap::new(),
            lane_weights: LaneWeights { primary: 8, subagent: 4, validation: 2, background: 1 },
            spawn_depth: 3,
            children_per_session: 4,
            live_sessions: 1024,
            work_packets: BTreeMap::new(),
            global_rate: RateBudget::default(),
        }
    }
}
