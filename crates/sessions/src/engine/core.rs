//! The engine: every input goes in here, and what it means is in the files beside this one.
// tidy: no-wildcard

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::families::session::{SessionMessage, SessionStateChange};
use flightrec_events::lifecycle;
use flightrec_events::{Actor, Count, Event, GovernanceMode, Id, MessageRole, Payload, SpanId, State, Timestamp};
use flightrec_recorder::IdSource;

use super::budget::{Spending, Window};
use super::input::{CallKey, Effect, Input, Outbox, Who};
use super::session::{Asked, Session};
use super::timers::{Alarm, Timers};
use super::tooling::RegisteredTool;
use crate::limits::Limits;
use crate::model::ModelRoute;
use crate::price::PriceList;
use crate::record::{ContentName, Record, RecordError};
use crate::scheduler::{JobKey, Scheduler};
use crate::words;

/// What every step returns: an error ends the runtime, because a step could not be put on record.
pub(crate) type Step<T = ()> = Result<T, RecordError>;

/// What a host gave the runtime.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The `workflow_id` of everything that this runtime records.
    pub(crate) run_id: Id,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) models: BTreeMap<Id, ModelRoute>,
    pub(crate) tools: BTreeMap<Id, RegisteredTool>,
    pub(crate) limits: Limits,
    pub(crate) prices: Option<Arc<dyn PriceList>>,
    pub(crate) governance_mode: GovernanceMode,
}

/// What a step has at hand: the present time, and the record.
pub(crate) struct Cx<'a> {
    pub(crate) now: Timestamp,
    pub(crate) record: &'a mut dyn Record,
}

/// The state of a whole runtime. It does nothing by itself: inputs go in, events and effects come out.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) setup: Setup,
    pub(super) scheduler: Scheduler,
    pub(super) sessions: Vec<Session>,
    pub(super) by_id: BTreeMap<Id, Who>,
    pub(super) jobs: BTreeMap<JobKey, Who>,
    pub(super) calls: BTreeMap<CallKey, Pending>,
    pub(super) timers: Timers,
    pub(super) packets: BTreeMap<Id, Spending>,
    pub(super) window: Window,
    pub(super) live: usize,
    pub(super) stopping: Option<Asked>,
    pub(super) scheduler_wake: Option<Timestamp>,
    /// Sessions whose status changed since it was last asked for.
    pub(super) touched: Vec<Who>,
    pub(super) out: Outbox,
    drawn: u64,
}

/// What a call of the driver belongs to.
#[derive(Debug)]
pub(crate) enum Pending {
    /// The session whose model, tool or question it is.
    Session(Who),
    /// A question about reading a thread.
    Reading(super::reading::Reading),
}

/// Where in a session an event stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) span: Option<SpanId>,
    pub(super) job: Option<&'a Id>,
}

impl Engine {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            scheduler: Scheduler::new(&setup.limits),
            setup,
            sessions: Vec::new(),
            by_id: BTreeMap::new(),
            jobs: BTreeMap::new(),
            calls: BTreeMap::new(),
            timers: Timers::default(),
            packets: BTreeMap::new(),
            window: Window::default(),
            live: 0,
            stopping: None,
            scheduler_wake: None,
            touched: Vec::new(),
            out: Outbox::default(),
            drawn: 0,
        }
    }

    /// Takes one input. What comes of it is in the outbox.
    pub(crate) fn handle(&mut self, cx: &mut Cx<'_>, input: Input) -> Step {
        self.out.groups.push(Vec::new());
        match input {
            Input::Command(command) => self.command(cx, command),
            Input::Progress { call, chunks, text_bytes } => self.progress(cx, call, chunks, text_bytes),
            Input::Replied { call, reply } => self.replied(cx, call, reply),
            Input::ToolEnded { call, result } => self.tool_ended(cx, call, result),
            Input::Decided { call, decision } => self.decided(cx, call, decision),
            Input::Woken => Ok(()),
        }
    }

    /// Does what is due by now: timers that went off, jobs that can start.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>) -> Step {
        while let Some(alarm) = self.timers.due(cx.now) {
            self.out.groups.push(Vec::new());
            match alarm {
                Alarm::Call(who) => self.call_timed_out(cx, who)?,
                Alarm::Tool(who) => self.tool_timed_out(who, cx.now),
                Alarm::ToolGrace(who) => self.tool_did_not_end(cx, who)?,
            }
        }
        self.start_jobs(cx)
    }

    /// When something is due next.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        [self.timers.next(), self.scheduler_wake].into_iter().flatten().min()
    }

    /// What came of the inputs so far.
    pub(crate) fn take_outbox(&mut self) -> Outbox {
        std::mem::take(&mut self.out)
    }

    /// Whether the runtime was asked to stop and nothing is under way any more.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopping.is_some() && self.calls.is_empty()
    }

    pub(super) fn session(&self, who: Who) -> &Session {
        &self.sessions[who.0 as usize]
    }

    pub(super) fn session_mut(&mut self, who: Who) -> &mut Session {
        &mut self.sessions[who.0 as usize]
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    pub(super) fn draw_call(&mut self, pending: Pending) -> CallKey {
        let key = CallKey(self.draw());
        self.calls.insert(key, pending);
        key
    }

    /// Lets go of something that runs.
    pub(super) fn drop_call(&mut self, key: CallKey) {
        if self.calls.remove(&key).is_some() {
            self.out.effects.push(Effect::Drop { key });
        }
    }

    /// The session whose call ended; `None` if nobody waits for it any more.
    pub(super) fn take_call(&mut self, key: CallKey) -> Option<Pending> {
        self.calls.remove(&key)
    }

    /// A UUID of our own.
    pub(super) fn new_id(&self, now: Timestamp) -> Id {
        words::id(&self.setup.ids.event_id(now).to_string())
    }

    /// Adds an event of a session to the record.
    pub(super) fn note(
        &mut self,
        now: Timestamp,
        who: Who,
        (actor, actor_id): By,
        at: At<'_>,
        payload: impl Into<Payload>,
    ) -> Step {
        let session = self.session(who);
        let mut event = Event::new(self.setup.ids.event_id(now), now, actor, payload)
            .in_session(session.id.clone())
            .in_session_span(session.trace, session.span);
        event.actor_id = actor_id;
        event.activity_span_id = at.span;
        event.job_id = at.job.cloned();
        event.workflow_id = Some(self.setup.run_id.clone());
        event.model_id = Some(session.route.model_id.clone());
        let checked = event.check()?;
        // A runtime that would break the life of a session stops before the record has to refuse it.
        let life = lifecycle::step((session.life.created).then_some(session.life), &checked)?;
        let session = self.session_mut(who);
        session.life = life;
        self.touched.push(who);
        match self.out.groups.last_mut() {
            Some(group) => group.push(checked),
            None => self.out.groups.push(vec![checked]),
        }
        Ok(())
    }

    /// Where a session stands between activities: with its present, last or next one.
    pub(super) fn here(&self, who: Who) -> SpanId {
        self.session(who).activity
    }

    /// Moves a session to another state, after a checkpoint where the state is one to come back from.
    pub(super) fn enter(&mut self, cx: &mut Cx<'_>, who: Who, to: State, reason: &str, actor: By) -> Step {
        let from = self.session(who).state();
        if from == to {
            return Ok(());
        }
        match to {
            State::Paused => self.checkpoint(cx, who, "before_paused")?,
            State::Blocked => self.checkpoint(cx, who, "before_blocked")?,
            State::Created | State::Active | State::Completed | State::Failed | State::Cancelled => {}
        }
        let session = self.session(who);
        let job = session.doing.job().map(|job| job.id.clone());
        let change = SessionStateChange {
            session_id: session.id.clone(),
            from_state: from,
            to_state: to,
            reason: words::reason(reason),
            job_id: job.clone(),
        };
        let at = At { span: Some(session.activity), job: job.as_ref() };
        self.note(cx.now, who, actor, at, change)?;
        self.session_mut(who).reason = reason.into();
        Ok(())
    }

    /// Adds a message to the record of a session's thread.
    pub(super) fn message(&mut self, cx: &mut Cx<'_>, who: Who, said: Said<'_>) -> Step<Id> {
        let message_id = self.new_id(cx.now);
        let session = self.session(who);
        let kept = session.keeps_content();
        let name = said.name.map_or_else(|| cx.record.name(said.content.as_bytes(), kept), Ok)?;
        let ContentName { artifact_id, sha256, redacted } = name;
        let payload = SessionMessage {
            session_id: session.id.clone(),
            message_id: message_id.clone(),
            role: said.role,
            content_hash: sha256,
            token_count: said.tokens.map(Count::saturating),
            content_artifact_id: kept.then_some(artifact_id),
            tool_call_id: said.tool_call_id,
            redacted: Some(redacted),
            source: said.source,
            attachments: None,
        };
        let job = session.doing.job().map(|job| job.id.clone());
        let at = At { span: Some(said.span.unwrap_or(session.activity)), job: job.as_ref() };
        self.note(cx.now, who, (said.actor, None), at, payload)?;
        let session = self.session_mut(who);
        session.messages += 1;
        session.tail = Some(message_id.clone());
        session.checkpoint.messages += 1;
        session.checkpoint.changed = true;
        if self.session(who).checkpoint.messages >= super::checkpoint::EVERY_MESSAGES {
            self.checkpoint(cx, who, "messages")?;
        }
        Ok(message_id)
    }
}

/// A message to be recorded.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) role: MessageRole,
    pub(super) actor: Actor,
    pub(super) content: &'a str,
    /// The name of its content, if it has one already.
    pub(super) name: Option<ContentName>,
    pub(super) tokens: Option<u64>,
    pub(super) tool_call_id: Option<Id>,
    pub(super) source: Option<flightrec_events::families::parts::MessageSource>,
    pub(super) span: Option<SpanId>,
}

/// Who caused an event.
pub(super) type By = (Actor, Option<Id>);

/// The runtime itself did.
pub(super) const SYSTEM: By = (Actor::System, None);
