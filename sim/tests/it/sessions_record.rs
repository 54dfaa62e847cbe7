//! What must hold of every record that session runtimes leave, from its events alone.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_recorder::RecordedEvent;
use flightrec_recorder::events::families::session::SessionCreated;
use flightrec_recorder::events::families::work::SpanOpened;
use flightrec_recorder::events::{
    BudgetType, CheckedEvent, FinalState, Id, MemoryPolicy, Payload, Registry, SpanId, SpanKind, SpanStatus, State,
    Timestamp, TraceId,
};
use flightrec_sessions::Limits;

/// One job, from its queueing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Queued {
        since: Timestamp,
    },
    /// It was dispatched.
    Begun,
    Gone,
}

/// One span.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) session: Id,
    pub(crate) opened: SpanOpened,
    pub(crate) trace: TraceId,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<(Timestamp, SpanStatus)>,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) created: SessionCreated,
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) last_at: Timestamp,
    /// Of all runs together.
    pub(crate) tokens: u64,
    pub(crate) messages: u64,
    /// Whether a run has no price.
    pub(crate) unpriced: bool,
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) completed: Option<FinalState>,
    /// Its job that waits or runs.
    pub(crate) job: Option<Id>,
    /// Children by announcements that reached it.
    pub(crate) heard: Vec<Id>,
    /// Children whose announcement no run has linked to yet.
    pub(crate) unlinked: BTreeSet<Id>,
    /// How its spawn was asked for, if it announces back.
    pub(crate) announces: bool,
    pub(crate) announced: u32,
    /// Requests for children that were not answered yet, by whether they announce back.
    pub(crate) asked: Option<bool>,
}

/// The whole record as sessions, jobs and spans, each step of which was checked.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) sessions: BTreeMap<Id, Session>,
    pub(crate) spans: BTreeMap<SpanId, Span>,
    pub(crate) jobs: BTreeMap<Id, Job>,
    pub(crate) accepted: BTreeMap<Id, (Id, bool, Option<SpanId>)>,
    /// Tokens read and written, by response.
    pub(crate) responses: BTreeMap<Id, (u64, u64)>,
    pub(crate) mails: BTreeMap<Id, Id>,
    /// The tool calls that were settled, with the codes of those that failed.
    pub(crate) settled: BTreeMap<(Id, Id), Option<Id>>,
    /// The lines of sessions' own budgets that were told of.
    pub(crate) told: BTreeSet<(Id, BudgetType, String)>,
    /// The tool calls whose span was opened.
    pub(crate) begun: BTreeMap<(Id, Id), SpanId>,
    /// How often a session was recovered.
    pub(crate) recovered: BTreeMap<Id, u32>,
    /// The most sessions that were ACTIVE at once.
    pub(crate) most_active: usize,
}

impl Record {
    /// Reads a record and checks every step of it.
    pub(crate) fn of(events: &[RecordedEvent], limits: &Limits) -> Self {
        let mut record = Self::default();
        for (seq, recorded) in (1..).zip(events) {
            assert_eq!(recorded.seq, seq, "the positions have no gap");
            let event = &recorded.event;
            if let Some(session) = event.model_session_id.clone() {
                record.take(&session, event);
                record.hold_limits(limits, event);
            }
        }
        record
    }

    /// Every event is one that any other program could have sent.
    pub(crate) fn check_lines(events: &[RecordedEvent]) {
        let registry = Registry::new();
        for recorded in events {
            let mut line = Vec::new();
            recorded.event.write_json(&mut line, None);
            assert_eq!(registry.parse(&line).as_ref(), Ok(&recorded.event), "it is read back as it was written");
        }
    }

    fn take(&mut self, id: &Id, event: &CheckedEvent) {
        if let Payload::SessionCreated(created) = &event.payload {
            self.created(id, event, created);
        }
        let session = self.sessions.get_mut(id).unwrap_or_else(|| panic!("{id} has no beginning: {event:?}"));
        session.last_at = session.last_at.max(event.timestamp);
        assert_eq!((Some(session.trace), Some(session.span)), (event.trace_id, event.session_span_id), "{event:?}");
        assert!(event.workflow_id.is_some(), "{event:?}");
        let ended = session.completed.is_some();
        let may_begin = || assert!(!ended, "it has ended: {event:?}");
        // Only the session's own span has no activity.
        let opens_own = matches!(&event.payload, Payload::SpanOpened(opened) if opened.kind == SpanKind::Session);
        let of_session =
            opens_own || matches!(event.payload, Payload::SpanClosed(_)) && event.activity_span_id.is_none();
        assert_eq!(event.activity_span_id.is_none(), of_session, "{event:?}");
        match &event.payload {
            Payload::SessionCreated(_) | Payload::CascadeCancel(_) | Payload::CrossSessionRead(_) => {}
            Payload::SessionStateChange(change) => self.state_changed(id, event, change),
            Payload::SessionCompleted(completed) => session.completed(event, completed),
            Payload::WorkflowRecovery(recovery) => {
                assert!(recovery.last_heartbeat_ts <= event.timestamp, "{event:?}");
                *self.recovered.entry(id.clone()).or_default() += 1;
            }
            Payload::SessionMessage(message) => self.said(id, message),
            Payload::BudgetWarning(warning) => {
                may_begin();
                self.warned(id, event, warning);
            }
            Payload::SchedulerEnqueue(enqueue) => {
                may_begin();
                self.enqueued(id, event, &enqueue.job_id);
            }
            Payload::SchedulerDispatch(dispatch) => {
                may_begin();
                self.dispatched(id, event, dispatch);
            }
            Payload::SchedulerRateLimited(held) => {
                may_begin();
                assert!(matches!(self.jobs.get(&held.job_id), Some(Job::Queued { .. })), "{event:?}");
            }
            Payload::SchedulerCancelled(cancelled) => {
                let before = self.jobs.insert(cancelled.job_id.clone(), Job::Gone);
                assert!(matches!(before, Some(Job::Queued { .. } | Job::Begun)), "{before:?} {event:?}");
                session.job = None;
            }
            Payload::SpawnRequested(asked) => {
                may_begin();
                assert_eq!(session.asked.replace(asked.announce_back.expect("the runtime tells it")), None);
            }
            Payload::SpawnRejected(_) => {
                assert!(session.asked.take().is_some(), "{event:?}");
            }
            Payload::SpawnAccepted(accepted) => {
                let announces = session.asked.take().expect("an answer has a question");
                let child = (id.clone(), announces, event.activity_span_id);
                assert_eq!(self.accepted.insert(accepted.child_session_id.clone(), child), None, "{event:?}");
            }
            Payload::MailboxMessageCreated(mail) => {
                assert_eq!(mail.idempotency_key, *id);
                assert_eq!(self.mails.insert(mail.message_id.clone(), id.clone()), None, "{event:?}");
            }
            Payload::AnnounceBack(announced) => self.announced(id, event, announced),
            Payload::SessionCheckpointed(_) => {
                may_begin();
            }
            Payload::SpanOpened(opened) => {
                may_begin();
                self.span_opened(id, event, opened);
            }
            Payload::SpanClosed(closed) => self.span_closed(id, event, closed.status),
            Payload::LlmInference(inference) => self.inferred(id, event, inference),
            Payload::ToolCall(called) => self.settled(id, event, called),
            Payload::SessionLinked(_)
            | Payload::RecorderOpened(_)
            | Payload::RecorderRecovered(_)
            | Payload::RecorderRetentionPurged(_)
            | Payload::RecorderEventsDropped(_)
            | Payload::Declared(_) => panic!("no runtime records this: {event:?}"),
        }
    }

    fn hold_limits(&mut self, limits: &Limits, event: &CheckedEvent) {
        if !matches!(event.payload, Payload::SessionStateChange(_)) {
            return;
        }
        let active: Vec<&Session> = self.sessions.values().filter(|session| session.state == State::Active).collect();
        self.most_active = self.most_active.max(active.len());
        assert!(active.len() <= limits.active_sessions, "{} are active: {event:?}", active.len());
        let mut counts: BTreeMap<(Option<&Id>, Option<&Id>), usize> = BTreeMap::new();
        for session in active {
            let provider = session.created.provider.as_ref();
            *counts.entry((provider, None)).or_default() += 1;
            *counts.entry((provider, Some(&session.created.model_id))).or_default() += 1;
        }
        for ((provider, model), count) in counts {
            let limit = if model.is_some() { limits.per_model } else { limits.per_provider };
            assert!(count <= limit, "{count} of {provider:?} {model:?} are active: {event:?}");
        }
    }

    /// A session that was at work when its process died: it ran, its job waited, or a span of it was open.
    pub(crate) fn is_at_work(&self, id: &Id) -> bool {
        let session = &self.sessions[id];
        let waits = session.job.as_ref().and_then(|job| self.jobs.get(job));
        // What nobody remembers cannot go on.
        let is_lost = session.created.memory_policy == MemoryPolicy::Ephemeral
            && session.messages > 0
            && session.state != State::Paused;
        session.state == State::Active
            || is_lost
            || matches!(waits, Some(Job::Queued { .. }))
            || self.open_activities(id).next().is_some()
    }

    /// The spans of what a session was doing that are open.
    pub(crate) fn open_activities(&self, id: &Id) -> impl Iterator<Item = (&SpanId, &Span)> {
        self.spans
            .iter()
            .filter(move |(_, span)| span.session == *id && span.end.is_none() && span.opened.kind != SpanKind::Session)
    }

    /// Nothing is left: every session has ended, and so has all that it did.
    pub(crate) fn check_ended(&self) {
        for (id, session) in &self.sessions {
            assert!(session.completed.is_some(), "{id} has not ended: {session:?}");
            let parent = session.created.parent_session_id.as_ref();
            assert!(parent.is_none_or(|parent| self.sessions.contains_key(parent)), "{id} is an orphan");
            assert_eq!(session.announced, u32::from(session.announces), "{id} announces itself once");
            if let Some(parent) = parent.filter(|_| session.announces) {
                let parent = &self.sessions[parent];
                let heard = parent.heard.iter().filter(|heard| *heard == id).count();
                let may_be_deaf = matches!(parent.completed, Some(FinalState::Cancelled | FinalState::Failed));
                assert!(heard == 1 || heard == 0 && may_be_deaf, "{heard} times heard of {id}");
            }
        }
        for id in self.accepted.keys() {
            assert!(self.sessions.contains_key(id), "{id} was accepted and never created");
        }
        let open: Vec<&Span> = self.spans.values().filter(|span| span.end.is_none()).collect();
        assert!(open.is_empty(), "left open: {open:?}");
        let waiting = self.jobs.values().filter(|job| matches!(job, Job::Queued { .. })).count();
        assert_eq!(waiting, 0, "jobs are left in the queue");
        for ((session, call), span) in &self.begun {
            let settled = self.settled.contains_key(&(session.clone(), call.clone()));
            // What ran when its session was cancelled after a crash has no result.
            assert!(settled || self.sessions[session].completed == Some(FinalState::Cancelled), "{call} {span}");
        }
    }
}
