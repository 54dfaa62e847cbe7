//! Which sessions go: a pure function, so that a dry run and the act cannot differ.

use std::sync::Arc;

use flightrec_events::Timestamp;

use super::holds::Holds;
use super::policy::RetentionPolicy;

/// How far the clock may lie behind the newest event before it counts as gone back.
const TOLERANCE_US: i64 = 300_000_000;

/// What the clock says, beside what it said when the newest event was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockReading {
    /// Now.
    pub now: Timestamp,
    /// When the newest event was recorded; `None` in an empty store.
    pub last_recorded: Option<Timestamp>,
}

/// A spawn tree: it goes whole or stays whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The sessions, and the ids that stand for them.
    pub(crate) ids: Vec<Arc<str>>,
    /// How many of the ids are sessions.
    pub(crate) sessions: u64,
    pub(crate) events: u64,
    /// The time of its latest event, in microseconds since 1970; `None` if nothing tells it.
    pub(crate) updated_us: Option<i64>,
    /// The position of its last event.
    pub(crate) last_seq: u64,
}

/// What the plan is made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoreFacts {
    pub(crate) trees: Vec<Tree>,
    /// All events of the store, those of no session included.
    pub(crate) events: u64,
    /// What they take on disk.
    pub(crate) bytes: u64,
    /// The last position that can be forgotten now; `None` if all can.
    pub(crate) sealed_seq: Option<u64>,
}

/// What would go, and what stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionPlan {
    /// The ids whose events go.
    pub ids: Vec<Arc<str>>,
    /// How many sessions go.
    pub sessions: u64,
    /// How many events go.
    pub events: u64,
    /// About how many bytes of events that frees; artifacts come on top.
    pub about_bytes: u64,
    /// How many sessions stay.
    pub kept_sessions: u64,
    /// How many sessions stay only because of a hold on them or on one of their tree.
    pub held_sessions: u64,
    /// How many sessions stay only because the journal still holds events of their tree.
    pub live_sessions: u64,
}

/// Why nothing is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetentionRefusal {
    /// The clock lies behind the record.
    #[error(
        "the clock says {now}, and the newest event was recorded at {last_recorded}: the clock went back, so that no age can be trusted; set the clock, then try again"
    )]
    ClockWentBack {
        /// What the clock says.
        now: Timestamp,
        /// When the newest event was recorded.
        last_recorded: Timestamp,
    },
    /// The clock lies so far ahead that everything would be old.
    #[error(
        "the clock says {now}, and the newest event was recorded at {last_recorded}: either nothing was recorded for longer than the policy keeps, or the clock jumped; if it is right, say so with --trust-clock"
    )]
    ClockJumpedAhead {
        /// What the clock says.
        now: Timestamp,
        /// When the newest event was recorded.
        last_recorded: Timestamp,
    },
    /// No session would be left.
    #[error(
        "the policy ({policy}) would forget every session, all {sessions} of them; keep more, or say that it is meant with --all"
    )]
    WouldForgetEverything {
        /// The policy.
        policy: String,
        /// How many sessions there are.
        sessions: u64,
    },
}

/// What the one who asks vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vouched {
    /// The clock is right although it lies far ahead of the record.
    pub clock: bool,
    /// Every session may go.
    pub everything: bool,
}

/// Decides which trees go.
///
/// # Errors
/// [`RetentionRefusal`] if an age cannot be trusted, or nothing would be left.
pub(crate) fn plan(
    mut facts: StoreFacts,
    holds: &Holds,
    policy: RetentionPolicy,
    clock: ClockReading,
    vouched: Vouched,
) -> Result<RetentionPlan, RetentionRefusal> {
    if let Some(age_us) = policy.older_than_us {
        check_clock(clock, age_us, vouched)?;
    }
    // The oldest first, in the same order whatever order they came in.
    facts.trees.sort_by(|a, b| (a.updated_us, &a.ids).cmp(&(b.updated_us, &b.ids)));
    let all: u64 = facts.trees.iter().map(|tree| tree.sessions).sum();
    let cutoff_us = policy.older_than_us.map(|age| clock.now.as_micros().saturating_sub_unsigned(age));
    let too_much = |left: u64| policy.keep_bytes.is_some_and(|keep| left > keep);
    let share = |events: u64| share_of(facts.bytes, events, facts.events);
    let mut plan = RetentionPlan { kept_sessions: all, ..RetentionPlan::default() };
    for tree in &facts.trees {
        let is_old = cutoff_us.zip(tree.updated_us).is_some_and(|(cutoff, updated)| updated < cutoff);
        if !is_old && !too_much(facts.bytes.saturating_sub(plan.about_bytes)) {
            continue;
        }
        if tree.ids.iter().any(|id| holds.is_held(id)) {
            plan.held_sessions += tree.sessions;
            continue;
        }
        if facts.sealed_seq.is_some_and(|sealed| sealed < tree.last_seq) {
            plan.live_sessions += tree.sessions;
            continue;
        }
        plan.ids.extend(tree.ids.iter().cloned());
        plan.sessions += tree.sessions;
        plan.kept_sessions -= tree.sessions;
        plan.events += tree.events;
        plan.about_bytes = share(plan.events);
    }
    if plan.sessions > 0 && plan.kept_sessions == 0 && !vouched.everything {
        return Err(RetentionRefusal::WouldForgetEverything { policy: policy.to_string(), sessions: plan.sessions });
    }
    Ok(plan)
}

fn check_clock(clock: ClockReading, age_us: u64, vouched: Vouched) -> Result<(), RetentionRefusal> {
    let ClockReading { now, last_recorded: Some(last_recorded) } = clock else { return Ok(()) };
    let ahead_us = now.micros_since(last_recorded);
    if ahead_us < -TOLERANCE_US {
        return Err(RetentionRefusal::ClockWentBack { now, last_recorded });
    }
    let idle_us = u64::try_from(ahead_us).unwrap_or(0);
    if idle_us > age_us.max(TOLERANCE_US.unsigned_abs()) && !vouched.clock {
        return Err(RetentionRefusal::ClockJumpedAhead { now, last_recorded });
    }
    Ok(())
}

/// The share of `part` of `whole` in an amount.
fn share_of(amount: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { (u128::from(amount) * u128::from(part) / u128::from(whole)) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;
    const NOW_US: i64 = 1_000 * DAY_US;

    fn at(us: i64) -> Timestamp {
        Timestamp::from_micros(us).unwrap()
    }

    fn tree(ids: &[&str], days_old: i64, events: u64) -> Tree {
        Tree {
            ids: ids.iter().map(|id| Arc::from(*id)).collect(),
            sessions: ids.len() as u64,
            events,
            updated_us: Some(NOW_US - days_old * DAY_US),
            last_seq: (100 - days_old) as u64,
        }
    }

    fn store() -> StoreFacts {
        StoreFacts {
            trees: vec![tree(&["new"], 1, 10), tree(&["old", "child"], 40, 60), tree(&["older"], 90, 20)],
            events: 100,
            bytes: 1_000,
            sealed_seq: None,
        }
    }

    fn days(days: u64) -> RetentionPolicy {
        RetentionPolicy { older_than_us: Some(days * DAY_US as u64), keep_bytes: None }
    }

    fn reading(last_us: i64) -> ClockReading {
        ClockReading { now: at(NOW_US), last_recorded: Some(at(last_us)) }
    }

    fn ids(plan: &RetentionPlan) -> Vec<&str> {
        plan.ids.iter().map(|id| &**id).collect()
    }

    #[test]
    fn trees_older_than_the_policy_go_whole() {
        let found = plan(store(), &Holds::default(), days(30), reading(NOW_US), Vouched::default()).unwrap();
        assert_eq!(ids(&found), ["older", "old", "child"]);
        assert_eq!((found.sessions, found.events, found.about_bytes, found.kept_sessions), (3, 80, 800, 1));
    }

    #[test]
    fn what_is_not_sealed_stays() {
        let facts = StoreFacts { sealed_seq: Some(30), ..store() };
        let found = plan(facts, &Holds::default(), days(30), reading(NOW_US), Vouched::default()).unwrap();
        assert_eq!((ids(&found), found.live_sessions, found.kept_sessions), (vec!["older"], 2, 3));
    }

    #[test]
    fn a_hold_on_one_session_keeps_its_tree() {
        let mut holds = Holds::default();
        holds.insert("child", "audit", at(NOW_US));
        let found = plan(store(), &holds, days(30), reading(NOW_US), Vouched::default()).unwrap();
        assert_eq!((ids(&found), found.held_sessions, found.kept_sessions), (vec!["older"], 2, 3));
    }

    #[test]
    fn a_store_that_is_too_large_forgets_what_was_touched_longest_ago() {
        let policy = |keep| RetentionPolicy { older_than_us: None, keep_bytes: Some(keep) };
        let gone = |keep| {
            let found = plan(store(), &Holds::default(), policy(keep), reading(NOW_US), Vouched::default());
            found.map(|plan| ids(&plan).iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(gone(1_000), Ok(vec![]));
        assert_eq!(gone(999), Ok(vec!["older".to_owned()]));
        assert_eq!(gone(500), Ok(vec!["older".to_owned(), "old".to_owned(), "child".to_owned()]));
        assert!(matches!(gone(0), Err(RetentionRefusal::WouldForgetEverything { sessions: 4, .. })));
    }

    #[test]
    fn an_age_is_not_trusted_when_the_clock_jumped() {
        let judge = |last_us, vouched| {
            plan(store(), &Holds::default(), days(30), reading(last_us), vouched).map(|plan| plan.sessions)
        };
        assert_eq!(judge(NOW_US + 60_000_000, Vouched::default()), Ok(3));
        assert!(matches!(judge(NOW_US + DAY_US, Vouched::default()), Err(RetentionRefusal::ClockWentBack { .. })));
        assert_eq!(judge(NOW_US - 29 * DAY_US, Vouched::default()), Ok(3));
        let ahead = judge(NOW_US - 3_650 * DAY_US, Vouched::default());
        assert!(matches!(ahead, Err(RetentionRefusal::ClockJumpedAhead { .. })));
        assert_eq!(judge(NOW_US - 3_650 * DAY_US, Vouched { clock: true, everything: false }), Ok(3));
        // Going back is never a matter of trust.
        let back = judge(NOW_US + DAY_US, Vouched { clock: true, everything: true });
        assert!(matches!(back, Err(RetentionRefusal::ClockWentBack { .. })));
    }

    #[test]
    fn forgetting_everything_must_be_meant() {
        let judge = |everything| {
            plan(store(), &Holds::default(), days(0), reading(NOW_US), Vouched { clock: false, everything })
        };
        assert!(matches!(judge(false), Err(RetentionRefusal::WouldForgetEverything { .. })));
        assert_eq!(judge(true).map(|plan| plan.sessions), Ok(4));
    }

    #[test]
    fn a_tree_without_a_time_is_not_old() {
        let facts = StoreFacts {
            trees: vec![Tree { updated_us: None, ..tree(&["x"], 0, 1) }, tree(&["old"], 90, 1)],
            events: 2,
            bytes: 2,
            sealed_seq: None,
        };
        let found = plan(facts, &Holds::default(), days(30), reading(NOW_US), Vouched::default()).unwrap();
        assert_eq!(ids(&found), ["old"]);
    }
}
