//! Tests of the scheduler as a whole.

mod cost;
mod properties;
mod reference;
mod rules;

use flightrec_events::{Id, Lane, Timestamp};

use super::job::Pass;
use super::{Hold, JobKey, Limit, NotBefore, QueuedJob, SessionKey};
use crate::limits::{LaneWeights, Limits, Rates};

fn id(name: &str) -> Id {
    Id::new(name).unwrap()
}

fn at_us(us: i64) -> Timestamp {
    Timestamp::from_micros(us).unwrap()
}

fn at(ms: i64) -> Timestamp {
    at_us(ms * 1_000)
}

fn weights(of: [u32; 4]) -> LaneWeights {
    let [primary, subagent, validation, background] = of;
    LaneWeights { primary, subagent, validation, background }
}

/// A PRIMARY job of priority 50 of its own session, for model `small` of provider `demo`.
fn job(key: u64) -> QueuedJob {
    QueuedJob {
        key: JobKey(key),
        session: SessionKey(key as u32),
        provider: id("demo"),
        model_id: id("small"),
        lane: Lane::Primary,
        priority: 50,
        group: None,
        not_before: None,
        expected_tokens: 0,
    }
}

fn waits_until(at: Timestamp) -> NotBefore {
    NotBefore { at, limit: Limit::Backoff, reason: "attempt 1 failed".to_owned() }
}

/// Limits with so many places for all, a provider, a model and a group.
fn limits(of: [usize; 4]) -> Limits {
    let [active_sessions, per_provider, per_model, per_group] = of;
    Limits { active_sessions, per_provider, per_model, per_group, ..Limits::default() }
}

/// Rates of provider `demo`.
fn rates(requests_per_minute: Option<u32>, tokens_per_minute: Option<u64>) -> Limits {
    let rates = Rates { requests_per_minute, tokens_per_minute };
    Limits { rates: [(id("demo"), rates)].into(), ..limits([100, 100, 100, 1]) }
}

fn keys(pass: &Pass) -> Vec<u64> {
    pass.dispatched.iter().map(|job| job.key.0).collect()
}

fn held(pass: &Pass) -> Vec<(u64, Limit, u64)> {
    let told = |hold: &Hold| (hold.job.0, hold.limit, u64::try_from(hold.backoff.as_millis()).unwrap());
    pass.held.iter().map(told).collect()
}
