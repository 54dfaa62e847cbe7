//! A session's way through the scheduler: enqueued, held back, dispatched.

use std::collections::VecDeque;

use flightrec_events::families::session::{SchedulerDispatch, SchedulerEnqueue, SchedulerRateLimited};
use flightrec_events::{Count, State, Timestamp, Usd};

use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::Who;
use super::session::{Doing, Job};
use crate::message::Turn;
use crate::model::Usage;
use crate::scheduler::{Hold, JobKey, NotBefore, QueuedJob, SessionKey};
use crate::words;

/// What a reply is thought to need where nobody says.
const EXPECTED_OUTPUT_TOKENS: u64 = 512;

impl Engine {
    /// A new job of a session; its span's id is bound now and used by every event of it.
    pub(super) fn new_job(&mut self, cx: &Cx<'_>, who: Who) -> Job {
        let id = self.new_id(cx.now);
        let fresh = self.setup.ids.span_id();
        let session = self.session_mut(who);
        if session.activity_taken {
            session.activity = fresh;
        }
        session.activity_taken = true;
        Job {
            key: JobKey(0),
            id,
            attempt: 1,
            enqueued_at: cx.now,
            span: session.activity,
            open: false,
            replied: false,
            call: None,
            called_at: cx.now,
            first_token_at: None,
            chunks: 0,
            text_bytes: 0,
            timer: None,
            pending: VecDeque::new(),
            usage: Usage::default(),
            cost_nanos: None,
            inferred: false,
            counted: false,
            spent_tokens: 0,
        }
    }

    /// Queues a new job: for what is in the thread, what came in since, and what an earlier job left over.
    pub(super) fn enqueue_next(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        if let Some(asked) = self.stopping.clone() {
            return self.pause(cx, who, &asked);
        }
        let mut job = self.new_job(cx, who);
        job.pending = std::mem::take(&mut self.session_mut(who).left_over);
        self.enqueue(cx, who, job, None)
    }

    /// Puts a job into the queue, and says so.
    pub(super) fn enqueue(&mut self, cx: &mut Cx<'_>, who: Who, mut job: Job, not_before: Option<NotBefore>) -> Step {
        job.key = JobKey(self.draw());
        job.enqueued_at = cx.now;
        self.jobs.insert(job.key, who);
        let session = self.session(who);
        let options = session.spec.jobs.clone();
        let group = options.concurrency_group.clone();
        let queued = QueuedJob {
            key: job.key,
            session: SessionKey(who.0),
            provider: session.route.provider.clone(),
            model_id: session.route.model_id.clone(),
            lane: session.spec.lane,
            priority: options.priority,
            group: group.clone(),
            not_before,
            // What is left of a job that has its reply needs no tokens.
            expected_tokens: if job.replied { 0 } else { self.expected_tokens(who) },
        };
        let paused = session.pause.is_some() || self.stopping.is_some();
        let queue_depth = self.scheduler.enqueue(queued);
        self.scheduler.set_paused(SessionKey(who.0), paused);
        let session = self.session(who);
        let payload = SchedulerEnqueue {
            session_id: session.id.clone(),
            job_id: job.id.clone(),
            lane: session.spec.lane,
            priority: Count::saturating(options.priority.into()),
            concurrency_group: group,
            attempt: Some(Count::saturating(job.attempt.into())),
            queue_depth: Some(Count::saturating(queue_depth as u64)),
            max_retries: Some(Count::saturating(options.max_retries.into())),
            retry_backoff: Some(options.retry_backoff),
            timeout_ms: Some(Count::saturating(options.timeout.as_millis() as u64)),
            cancellation_token: Some(job.id.clone()),
            max_tokens_budget: options.max_tokens_budget.map(Count::saturating),
            estimated_cost_usd: options.estimated_cost_nanos.and_then(Usd::from_nanos),
        };
        let (span, id) = (job.span, job.id.clone());
        self.session_mut(who).doing = Doing::Queued(job);
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: Some(&id) }, payload)
    }

    fn expected_tokens(&self, who: Who) -> u64 {
        let session = self.session(who);
        let bytes: usize = session.thread.iter().map(Turn::text_bytes).sum();
        bytes as u64 / 4 + session.spec.max_output_tokens.unwrap_or(EXPECTED_OUTPUT_TOKENS)
    }

    /// Starts what can start, and says what holds the rest back.
    pub(super) fn start_jobs(&mut self, cx: &mut Cx<'_>) -> Step {
        loop {
            let pass = self.scheduler.poll(cx.now);
            self.scheduler_wake = pass.wake;
            let nothing_starts = pass.dispatched.is_empty();
            for queued in pass.dispatched {
                self.out.groups.push(Vec::new());
                self.dispatch(cx, queued.key)?;
            }
            // What holds the others back is true once these have started.
            for hold in &pass.held {
                self.held_back(cx, hold)?;
            }
            if nothing_starts {
                return Ok(());
            }
        }
    }

    fn held_back(&mut self, cx: &mut Cx<'_>, hold: &Hold) -> Step {
        let Some(who) = self.jobs.get(&hold.job).copied() else { return Ok(()) };
        let session = self.session(who);
        let Some(job) = session.doing.job() else { return Ok(()) };
        let payload = SchedulerRateLimited {
            session_id: session.id.clone(),
            job_id: job.id.clone(),
            provider: session.route.provider.clone(),
            // Rounded up: zero is what stands where nobody knows how long.
            backoff_ms: Count::saturating(hold.backoff.as_micros().div_ceil(1_000) as u64),
            attempt: Count::saturating(job.attempt.into()),
            reason: Some(words::reason(&hold.reason)),
            limit: Some(words::id(hold.limit.as_str())),
        };
        let (span, id) = (job.span, job.id.clone());
        self.session_mut(who).held_by = Some(hold.reason.as_str().into());
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: Some(&id) }, payload)
    }

    fn dispatch(&mut self, cx: &mut Cx<'_>, key: JobKey) -> Step {
        let Some(who) = self.jobs.get(&key).copied() else { return Ok(()) };
        let session = self.session_mut(who);
        session.held_by = None;
        let Some(job) = session.doing.job() else { return Ok(()) };
        let waited_us = cx.now.micros_since(job.enqueued_at).max(0);
        let payload = SchedulerDispatch {
            session_id: session.id.clone(),
            job_id: job.id.clone(),
            lane: session.spec.lane,
            queue_wait_ms: Count::saturating(waited_us as u64 / 1000),
            attempt: Some(Count::saturating(job.attempt.into())),
        };
        let (span, id, is_open) = (job.span, job.id.clone(), job.open);
        let reason = format!("dispatched: attempt {} of job {id}", job.attempt);
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: Some(&id) }, payload)?;
        self.enter(cx, who, State::Active, &reason, SYSTEM)?;
        if is_open { self.next_tool(cx, who) } else { self.open_run(cx, who) }
    }

    /// Gives back the place that a session's job holds, and says once what it used.
    pub(super) fn free_place(&mut self, who: Who, now: Timestamp) {
        let Some(job) = self.session_mut(who).doing.job_mut() else { return };
        let key = job.key;
        let used_tokens = if job.counted { 0 } else { job.usage.total() };
        job.counted = true;
        self.jobs.remove(&key);
        // A job that was never dispatched holds none.
        let _held_a_place = self.scheduler.finished(key, used_tokens, now);
    }
}
