//! How long sessions were queued, and what held them: a fold over what the scheduler recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::{Event, Id, Payload, Timestamp};
use serde::Serialize;

/// The waits of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Waited {
    /// The session.
    pub(crate) session_id: Arc<str>,
    /// Jobs that got their place.
    pub(crate) dispatched: u64,
    /// How long its jobs were queued, in milliseconds.
    pub(crate) queued_ms: u64,
    /// What held them, longest first; where nothing is named, a job only waited for its turn.
    pub(crate) held: Vec<HeldBy>,
}

/// The time that one limit held a session's jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HeldBy {
    /// The limit, as events call it.
    pub(crate) limit: Arc<str>,
    /// How long, in milliseconds.
    pub(crate) ms: u64,
}

/// Folds events into waits.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    sessions: BTreeMap<Id, Sum>,
    queued: BTreeMap<Id, Queued>,
}

#[derive(Debug, Default)]
struct Sum {
    dispatched: u64,
    queued_us: i64,
    held_us: BTreeMap<Arc<str>, i64>,
}

/// A job that waits.
#[derive(Debug)]
struct Queued {
    since: Timestamp,
    /// What holds it, and since when.
    held: Option<(Arc<str>, Timestamp)>,
}

impl Waits {
    /// Takes the next event of the record.
    pub(crate) fn take(&mut self, event: &Event) {
        let at = event.timestamp;
        if let Payload::SchedulerEnqueue(job) = &event.payload {
            self.queued.insert(job.job_id.clone(), Queued { since: at, held: None });
        } else if let Payload::SchedulerRateLimited(held) = &event.payload {
            let limit = held.limit.as_ref().map_or_else(|| "unsaid".into(), Id::shared);
            if let Some(queued) = self.queued.get_mut(&held.job_id) {
                let sum = self.sessions.entry(held.session_id.clone()).or_default();
                sum.let_go(queued.held.replace((limit, at)), at);
            }
        } else if let Payload::SchedulerDispatch(job) = &event.payload {
            self.leave(&job.session_id, &job.job_id, at, true);
        } else if let Payload::SchedulerCancelled(job) = &event.payload {
            self.leave(&job.session_id, &job.job_id, at, false);
        }
    }

    fn leave(&mut self, session: &Id, job: &Id, at: Timestamp, dispatched: bool) {
        // One that is cancelled may have been running.
        let Some(queued) = self.queued.remove(job) else { return };
        let sum = self.sessions.entry(session.clone()).or_default();
        sum.dispatched += u64::from(dispatched);
        sum.queued_us += at.micros_since(queued.since).max(0);
        sum.let_go(queued.held, at);
    }

    /// The sessions that waited, longest first; those that got every place at once are not among them.
    pub(crate) fn finish(self) -> Vec<Waited> {
        let ms = |us: i64| u64::try_from(us / 1000).unwrap_or(0);
        let mut waits: Vec<Waited> = self
            .sessions
            .into_iter()
            .map(|(session, sum)| {
                let mut held: Vec<HeldBy> =
                    sum.held_us.into_iter().map(|(limit, us)| HeldBy { limit, ms: ms(us) }).collect();
                held.sort_by_key(|held| std::cmp::Reverse(held.ms));
                let (dispatched, queued_ms) = (sum.dispatched, ms(sum.queued_us));
                Waited { session_id: session.shared(), dispatched, queued_ms, held }
            })
            .filter(|waited| waited.queued_ms > 0)
            .collect();
        waits.sort_by_key(|waited| std::cmp::Reverse(waited.queued_ms));
        waits
    }
}

impl Sum {
    fn let_go(&mut self, held: Option<(Arc<str>, Timestamp)>, at: Timestamp) {
        if let Some((limit, since)) = held {
            *self.held_us.entry(limit).or_default() += at.micros_since(since).max(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use flightrec_events::families::session::{
        SchedulerCancelled, SchedulerDispatch, SchedulerEnqueue, SchedulerRateLimited,
    };
    use flightrec_events::{Actor, Count, Lane, Reason};
    use flightrec_recorder::{IdSource as _, SystemIds};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn event(ms: i64, payload: impl Into<Payload>) -> Event {
        let at = Timestamp::from_micros(1_775_044_800_000_000 + ms * 1000).unwrap();
        Event::new(SystemIds.event_id(at), at, Actor::System, payload)
    }

    fn enqueued(ms: i64, session: &str, job: &str) -> Event {
        let payload = SchedulerEnqueue {
            session_id: id(session),
            job_id: id(job),
            lane: Lane::Primary,
            priority: Count::default(),
            concurrency_group: None,
            attempt: None,
            queue_depth: None,
            max_retries: None,
            retry_backoff: None,
            timeout_ms: None,
            cancellation_token: None,
            max_tokens_budget: None,
            estimated_cost_usd: None,
        };
        event(ms, payload)
    }

    fn held(ms: i64, session: &str, job: &str, limit: &str) -> Event {
        let payload = SchedulerRateLimited {
            session_id: id(session),
            job_id: id(job),
            provider: id("p"),
            backoff_ms: Count::default(),
            attempt: Count::default(),
            reason: None,
            limit: Some(id(limit)),
        };
        event(ms, payload)
    }

    fn dispatched(ms: i64, session: &str, job: &str) -> Event {
        let queue_wait_ms = Count::default();
        let (session_id, job_id) = (id(session), id(job));
        event(ms, SchedulerDispatch { session_id, job_id, lane: Lane::Primary, queue_wait_ms, attempt: None })
    }

    fn cancelled(ms: i64, session: &str, job: &str) -> Event {
        let payload = SchedulerCancelled {
            session_id: id(session),
            job_id: id(job),
            reason: Reason::new("x").unwrap(),
            cancelled_by: id("operator"),
            lane: None,
            attempt: None,
        };
        event(ms, payload)
    }

    #[test]
    fn each_part_of_a_wait_belongs_to_what_held_it_then() {
        let mut waits = Waits::default();
        for event in [
            enqueued(0, "a", "a1"),
            enqueued(0, "b", "b1"),
            held(100, "a", "a1", "model"),
            held(400, "a", "a1", "provider"),
            dispatched(500, "b", "b1"),
            dispatched(1_000, "a", "a1"),
            // Another attempt, another job, and one that is given up.
            enqueued(2_000, "a", "a1"),
            held(2_000, "a", "a1", "model"),
            dispatched(2_050, "a", "a1"),
            enqueued(3_000, "a", "a2"),
            held(3_000, "a", "a2", "group"),
            cancelled(3_700, "a", "a2"),
            // It ran when it was cancelled, and never waited.
            enqueued(4_000, "c", "c1"),
            dispatched(4_000, "c", "c1"),
            cancelled(9_000, "c", "c1"),
        ] {
            waits.take(&event);
        }
        let held = |limits: &[(&str, u64)]| -> Vec<HeldBy> {
            limits.iter().map(|(limit, ms)| HeldBy { limit: (*limit).into(), ms: *ms }).collect()
        };
        let waited = |session: &str, dispatched, queued_ms, held| Waited {
            session_id: session.into(),
            dispatched,
            queued_ms,
            held,
        };
        assert_eq!(
            waits.finish(),
            [
                waited("a", 2, 1_750, held(&[("group", 700), ("provider", 600), ("model", 350)])),
                waited("b", 1, 500, Vec::new()),
            ]
        );
    }
}
