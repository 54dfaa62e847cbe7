//! What each event of a session must find, and what it leaves.

use std::collections::BTreeSet;

use flightrec_recorder::events::families::parts::SpanLink;
use flightrec_recorder::events::families::session::{
    AnnounceBack, BudgetWarning, SchedulerDispatch, SessionCompleted, SessionCreated, SessionMessage,
    SessionStateChange,
};
use flightrec_recorder::events::families::work::{LlmInference, SpanOpened, ToolCall};
use flightrec_recorder::events::{
    BudgetType, CheckedEvent, Id, MessageRole, Scalar, SpanId, SpanKind, SpanStatus, State, TraceId,
};
use flightrec_sessions::SPAWN;

use crate::sessions_record::{Job, Record, Session, Span};

impl Session {
    /// The totals are told once, after the last state.
    pub(super) fn completed(&mut self, event: &CheckedEvent, completed: &SessionCompleted) {
        assert!(self.completed.is_none(), "session.completed is there twice: {event:?}");
        let last = completed.final_state.expect("the runtime tells it");
        assert_eq!(State::from(last), self.state, "{event:?}");
        assert_eq!(
            (completed.total_tokens.get(), completed.messages_count.get()),
            (self.tokens, self.messages),
            "{event:?}"
        );
        self.completed = Some(last);
    }
}

impl Record {
    fn session(&mut self, id: &Id) -> &mut Session {
        self.sessions.get_mut(id).expect("it has a beginning")
    }

    pub(super) fn created(&mut self, id: &Id, event: &CheckedEvent, created: &SessionCreated) {
        let announces = match (&created.parent_session_id, self.accepted.get(id)) {
            (Some(parent), Some((requester, announces, _))) => {
                assert_eq!(parent, requester);
                let depth = self.sessions[parent].created.spawn_depth.get();
                assert_eq!(created.spawn_depth.get(), depth + 1);
                let granted = |session: &SessionCreated| -> BTreeSet<Id> {
                    session.capability_grants.iter().flatten().cloned().collect()
                };
                let parents = granted(&self.sessions[parent].created);
                assert!(granted(created).is_subset(&parents) && parents.iter().any(|own| own.as_str() == SPAWN));
                *announces
            }
            (None, None) => false,
            (parent, accepted) => panic!("{id} has the parent {parent:?} and was accepted as {accepted:?}"),
        };
        let session = Session {
            created: created.clone(),
            state: State::Created,
            reason: String::new(),
            last_at: event.timestamp,
            tokens: 0,
            messages: 0,
            unpriced: false,
            trace: event.trace_id.expect("every event has it"),
            span: event.session_span_id.expect("every event has it"),
            completed: None,
            job: None,
            heard: Vec::new(),
            unlinked: BTreeSet::new(),
            announces,
            announced: 0,
            asked: None,
        };
        assert!(self.sessions.insert(id.clone(), session).is_none(), "{id} is there twice");
    }

    /// States follow each other, and the end is the end.
    pub(super) fn state_changed(&mut self, id: &Id, event: &CheckedEvent, change: &SessionStateChange) {
        let session = self.session(id);
        assert_eq!(change.from_state, session.state, "{event:?}");
        assert!(!session.state.is_terminal() && change.to_state != session.state, "{event:?}");
        session.state = change.to_state;
        change.reason.as_str().clone_into(&mut session.reason);
    }

    pub(super) fn said(&mut self, id: &Id, message: &SessionMessage) {
        let from = message.source.as_ref().and_then(|source| source.session_id.clone());
        let from = from.filter(|_| message.role == MessageRole::User);
        let from = from.filter(|from| self.accepted.get(from).is_some_and(|(parent, ..)| parent == id));
        let session = self.session(id);
        session.messages += 1;
        if let Some(from) = from {
            assert!(!session.heard.contains(&from), "{id} hears twice of {from}");
            session.heard.push(from.clone());
            session.unlinked.insert(from);
        }
    }

    /// Each line of a session's own budget is told of once.
    pub(super) fn warned(&mut self, id: &Id, event: &CheckedEvent, warning: &BudgetWarning) {
        if matches!(warning.budget_type, BudgetType::SessionTokens | BudgetType::SessionCostUsd) {
            let line = format!("{:?}", warning.threshold_value);
            assert!(self.told.insert((id.clone(), warning.budget_type, line)), "told twice: {event:?}");
        }
    }

    /// A job is queued, then dispatched or cancelled, and no session has two.
    pub(super) fn enqueued(&mut self, id: &Id, event: &CheckedEvent, job: &Id) {
        let before = self.jobs.insert(job.clone(), Job::Queued { since: event.timestamp });
        assert!(matches!(before, None | Some(Job::Begun)), "{before:?} {event:?}");
        let session = self.session(id);
        assert!(session.job.is_none() || session.job.as_ref() == Some(job), "two jobs: {event:?}");
        session.job = Some(job.clone());
    }

    pub(super) fn dispatched(&mut self, id: &Id, event: &CheckedEvent, dispatch: &SchedulerDispatch) {
        let before = self.jobs.insert(dispatch.job_id.clone(), Job::Begun);
        let Some(Job::Queued { since }) = before else { panic!("{before:?} {event:?}") };
        let waited_ms = event.timestamp.micros_since(since) / 1000;
        assert_eq!(dispatch.queue_wait_ms.get() as i64, waited_ms, "{event:?}");
        let session = self.session(id);
        assert_eq!(session.job.as_ref(), Some(&dispatch.job_id), "{event:?}");
        assert_ne!(session.state, State::Active, "two runs at once: {event:?}");
        assert_ne!(session.state, State::Paused, "a paused session's job is dispatched: {event:?}");
    }

    /// An end is announced once, to whoever wants to hear of it.
    pub(super) fn announced(&mut self, id: &Id, event: &CheckedEvent, announced: &AnnounceBack) {
        assert_eq!(self.mails.get(&announced.mailbox_message_id), Some(id));
        let session = self.session(id);
        assert_eq!(announced.child_session_id, *id);
        assert_eq!(Some(announced.status), session.completed, "{event:?}");
        session.announced += 1;
        assert!(session.announces && session.announced == 1, "{event:?}");
        assert_eq!(Some(&announced.requester_session_id), session.created.parent_session_id.as_ref());
    }

    /// A span is opened once, inside of one that is open.
    pub(super) fn span_opened(&mut self, id: &Id, event: &CheckedEvent, opened: &SpanOpened) {
        let own = event.span_id().expect("a span event names its span");
        let parent = opened.parent_span_id.and_then(|parent| self.spans.get(&parent));
        let session = self.sessions.get_mut(id).expect("it has a beginning");
        match opened.kind {
            SpanKind::Session => {
                assert_eq!(parent.map(|parent| &parent.session), session.created.parent_session_id.as_ref());
                if let Some((_, _, Some(from))) = self.accepted.get(id) {
                    let parents_trace = parent.expect("it has one").trace;
                    let linked = |link: &&_| links_to(link, parents_trace, *from, "spawn");
                    assert_eq!(opened.links.iter().flatten().filter(linked).count(), 1, "{event:?}");
                    let asked = &self.spans[from].opened;
                    let back = |link: &&_| links_to(link, session.trace, own, "spawn");
                    // A host may ask as well, in whatever span the session is at.
                    let is_told = asked.links.iter().flatten().filter(back).count() == 1;
                    assert!(is_told || asked.kind != SpanKind::ToolCall, "{asked:?}\n{event:?}");
                }
            }
            SpanKind::ModelRun => {
                assert_eq!(opened.parent_span_id, Some(session.span), "{event:?}");
                let other = self
                    .spans
                    .values()
                    .find(|span| span.session == *id && span.opened.kind == SpanKind::ModelRun && span.end.is_none());
                assert!(other.is_none(), "two runs at once: {event:?}");
                assert_eq!(session.state, State::Active, "{event:?}");
                let unlinked = std::mem::take(&mut session.unlinked);
                for child in unlinked.iter().filter(|child| self.sessions[*child].announces) {
                    let child = &self.sessions[child];
                    let linked = |link: &&_| links_to(link, child.trace, child.span, "announce_back");
                    assert_eq!(opened.links.iter().flatten().filter(linked).count(), 1, "{child:?}\n{event:?}");
                }
            }
            SpanKind::ToolCall => {
                let parent = parent.expect("a tool runs in a run");
                assert!(parent.opened.kind == SpanKind::ModelRun && parent.end.is_none(), "{event:?}");
                let call = match opened.attributes.as_ref().and_then(|with| with.get("tool_call_id")) {
                    Some(Scalar::Str(call)) => Id::new(&**call).expect("it was an id before"),
                    other => panic!("{other:?} names no call: {event:?}"),
                };
                assert_eq!(self.begun.insert((id.clone(), call), own), None, "a tool is begun twice: {event:?}");
            }
            SpanKind::Job | SpanKind::Other => panic!("nothing opens {event:?}"),
        }
        let span = Span {
            session: id.clone(),
            opened: opened.clone(),
            trace: event.trace_id.expect("every event has it"),
            start: event.timestamp,
            end: None,
        };
        assert!(self.spans.insert(own, span).is_none(), "opened twice: {event:?}");
    }

    /// A span is closed once, after all inside of it.
    pub(super) fn span_closed(&mut self, id: &Id, event: &CheckedEvent, status: SpanStatus) {
        let own = event.span_id().expect("a span event names its span");
        let inside = |span: &&Span| span.opened.parent_span_id == Some(own) && span.opened.kind != SpanKind::Session;
        for span in self.spans.values().filter(inside) {
            let (end, _) = span.end.unwrap_or_else(|| panic!("{span:?} is open inside of what is closed: {event:?}"));
            assert!(end <= event.timestamp, "{event:?}");
        }
        let span = self.spans.get_mut(&own).unwrap_or_else(|| panic!("it was never opened: {event:?}"));
        assert!(span.end.is_none() && span.session == *id, "closed twice: {event:?}");
        assert!(span.start <= event.timestamp, "{event:?}");
        span.end = Some((event.timestamp, status));
        let kind = span.opened.kind;
        let waits = event.job_id.as_ref().and_then(|job| self.jobs.get(job)).copied();
        let session = self.session(id);
        assert!(kind != SpanKind::Session || session.completed.is_some(), "{event:?}");
        // The end of a run is the end of its job, unless that was queued again for another attempt.
        if kind == SpanKind::ModelRun && session.job == event.job_id && waits == Some(Job::Begun) {
            session.job = None;
        }
    }

    /// A response is told of once, inside of its run.
    pub(super) fn inferred(&mut self, id: &Id, event: &CheckedEvent, inference: &LlmInference) {
        let run = event.activity_span_id.and_then(|span| self.spans.get(&span));
        let run = run.unwrap_or_else(|| panic!("it is of no run: {event:?}"));
        assert!(run.opened.kind == SpanKind::ModelRun && run.end.is_none(), "{event:?}");
        let usage = &inference.token_usage;
        let tokens = (usage.prompt_tokens.get(), usage.completion_tokens.get());
        let session = self.session(id);
        session.tokens += tokens.0 + tokens.1;
        session.unpriced |= inference.cost_usd.is_none();
        if let Some(response) = &inference.request_id {
            let before = self.responses.insert(response.clone(), tokens);
            assert_eq!(before, None, "a response is counted twice: {event:?}");
        }
    }

    /// A tool call is settled once.
    pub(super) fn settled(&mut self, id: &Id, event: &CheckedEvent, called: &ToolCall) {
        let code = called.error.as_ref().and_then(|error| error.code.clone());
        let before = self.settled.insert((id.clone(), called.tool_call_id.clone()), code);
        assert!(before.is_none(), "settled twice: {event:?}");
        assert!(event.activity_span_id.is_some_and(|span| self.spans.contains_key(&span)), "{event:?}");
    }
}

fn links_to(link: &SpanLink, trace: TraceId, span: SpanId, relation: &str) -> bool {
    link.trace_id == trace
        && link.span_id == span
        && link.relation.as_ref().is_some_and(|word| word.as_str() == relation)
}
