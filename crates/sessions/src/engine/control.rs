//! What an operator or a policy asks of a session: pause, resume, cancel; and how sessions end.
// tidy: no-wildcard

use flightrec_events::families::session::{CascadeCancel, SchedulerCancelled, SessionCompleted};
use flightrec_events::families::work::SpanClosed;
use flightrec_events::{Actor, Count, FinalState, Id, SpanStatus, SpawnMode, State, Usd};

use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::{Ending, Who};
use super::session::{Asked, Doing};
use crate::scheduler::SessionKey;
use crate::words;

/// The most sessions that one event lists.
const LISTED_SESSIONS: usize = 1_000;

impl Engine {
    /// A run and its tools are done: another run follows, or the session rests.
    pub(super) fn finish_run(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        self.close_run(cx, who, SpanStatus::Ok, None)?;
        let session = self.session_mut(who);
        session.doing = Doing::Nothing;
        let used_tools = session.tools_done > 0;
        session.answered = !used_tools;
        if used_tools || !session.inbox.is_empty() {
            self.enqueue_next(cx, who)?;
            return self.wait_in_queue(cx, who, "awaiting_dispatch");
        }
        self.rest(cx, who)
    }

    /// What a session without a job does: it waits, and says for what, or it is complete.
    pub(super) fn rest(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let children = self.announcing_children(who);
        let session = self.session(who);
        let is_done = session.answered && session.waits_for.is_empty() && children == 0;
        if is_done && session.spec.mode == SpawnMode::OneShot {
            // Even if it was to be paused: there is nothing left to hold up.
            return self.end(cx, who, FinalState::Completed, "the model gave its final answer", None);
        }
        if let Some(asked) = session.pause.clone() {
            return self.enter(cx, who, State::Paused, &asked.reason, asked.who());
        }
        if let Some(first) = session.waits_for.first() {
            let reason = match session.waits_for.len() {
                1 => format!("dependency: waits for session {}", first.session_id),
                more => format!("dependency: waits for {more} sessions, {} first", first.session_id),
            };
            return self.enter(cx, who, State::Blocked, &reason, SYSTEM);
        }
        if children > 0 {
            let reason = format!("awaiting_children: {children} still at work");
            return self.enter(cx, who, State::Blocked, &reason, SYSTEM);
        }
        self.enter(cx, who, State::Blocked, "awaiting_input", SYSTEM)
    }

    /// Lets a session's job rest between two steps, because it was paused.
    pub(super) fn hold(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let asked = self.session(who).pause.clone();
        let session = self.session_mut(who);
        let Some(job) = session.doing.take_job() else { return Ok(()) };
        session.doing = Doing::Held(job);
        self.free_place(who, cx.now);
        let Some(asked) = asked else { return Ok(()) };
        self.enter(cx, who, State::Paused, &asked.reason, asked.who())
    }

    /// Pauses a session: at once where nothing runs, else at the next step.
    pub(super) fn pause(&mut self, cx: &mut Cx<'_>, who: Who, asked: &Asked) -> Step {
        let session = self.session_mut(who);
        if !session.is_live() || session.pause.is_some() {
            return Ok(());
        }
        session.pause = Some(asked.clone());
        match &session.doing {
            Doing::Calling(_) | Doing::Tooling(..) => Ok(()),
            Doing::Queued(_) => {
                self.scheduler.set_paused(SessionKey(who.0), true);
                self.enter(cx, who, State::Paused, &asked.reason, asked.who())
            }
            Doing::Nothing | Doing::Asking(..) | Doing::Held(_) => {
                self.enter(cx, who, State::Paused, &asked.reason, asked.who())
            }
        }
    }

    /// Lets a paused session go on where it was.
    pub(super) fn resume(&mut self, cx: &mut Cx<'_>, who: Who, asked: &Asked) -> Step {
        let session = self.session_mut(who);
        session.pause = None;
        session.checkpoint.changed = true;
        if session.state() != State::Paused {
            // The pause had not come into effect yet.
            return self.checkpoint(cx, who, "operator");
        }
        let question = match &session.doing {
            Doing::Asking(_, question) => Some(format!("approval: tool `{}`", question.tool.request.name)),
            Doing::Nothing | Doing::Queued(_) | Doing::Calling(_) | Doing::Tooling(..) | Doing::Held(_) => None,
        };
        if let Some(reason) = question {
            return self.enter(cx, who, State::Blocked, &reason, asked.who());
        }
        let may_go = session.waits_for.is_empty() && session.wants_run() && self.announcing_children(who) == 0;
        match &self.session(who).doing {
            Doing::Queued(_) => self.scheduler.set_paused(SessionKey(who.0), false),
            Doing::Held(_) => self.requeue_held(cx, who)?,
            Doing::Nothing if may_go => self.enqueue_next(cx, who)?,
            Doing::Nothing => return self.rest(cx, who),
            Doing::Calling(_) | Doing::Tooling(..) | Doing::Asking(..) => {}
        }
        self.enter(cx, who, State::Blocked, "awaiting_dispatch", asked.who())
    }

    /// Cancels a session and everything below it. What runs is asked to end; the rest ends at once.
    pub(super) fn cancel(&mut self, cx: &mut Cx<'_>, who: Who, asked: &Asked) -> Step<Vec<Id>> {
        let below = self.live_descendants(who);
        let ids = self.tell_cascade(cx, who, &below, asked)?;
        // From the top down: nobody is woken by the end of a child whose own end is decided.
        std::iter::once(who).chain(below).try_for_each(|who| self.cancel_one(cx, who, asked))?;
        Ok(std::iter::once(self.session(who).id.clone()).chain(ids).collect())
    }

    /// Records which sessions are cancelled because one above them is at its end.
    fn tell_cascade(&mut self, cx: &mut Cx<'_>, root: Who, below: &[Who], asked: &Asked) -> Step<Vec<Id>> {
        let ids: Vec<Id> = below.iter().map(|who| self.session(*who).id.clone()).collect();
        for listed in ids.chunks(LISTED_SESSIONS) {
            let session = self.session(root);
            let cascade = CascadeCancel {
                root_session_id: session.id.clone(),
                cancelled_session_ids: listed.to_vec(),
                reason: words::reason(&asked.reason),
            };
            let at = At { span: Some(session.activity), job: None };
            self.note(cx.now, root, asked.who(), at, cascade)?;
        }
        Ok(ids)
    }

    fn cancel_one(&mut self, cx: &mut Cx<'_>, who: Who, asked: &Asked) -> Step {
        let session = self.session_mut(who);
        if !session.is_live() || session.cancel.is_some() {
            return Ok(());
        }
        session.cancel = Some(asked.clone());
        match &session.doing {
            // Between two steps of the very input that is being handled: it ends where that step ends.
            Doing::Calling(job) if job.call.is_none() => return Ok(()),
            Doing::Tooling(..) => {
                self.stop_tool(who, cx.now);
                // Whoever asked gets an answer now: it has to hold even if this process dies before the tool ends.
                self.session_mut(who).checkpoint.changed = true;
                return self.checkpoint(cx, who, "operator");
            }
            Doing::Calling(_) | Doing::Asking(..) | Doing::Nothing | Doing::Queued(_) | Doing::Held(_) => {}
        }
        self.let_go(who);
        self.finish_cancel(cx, who)
    }

    /// Lets go of the model call or the question of a session. A tool is asked to end instead.
    pub(super) fn let_go(&mut self, who: Who) {
        let (call, timer) = match &self.session(who).doing {
            Doing::Calling(job) => (job.call, job.timer),
            Doing::Asking(_, question) => (Some(question.call), None),
            Doing::Nothing | Doing::Queued(_) | Doing::Tooling(..) | Doing::Held(_) => (None, None),
        };
        if let Some(call) = call {
            self.drop_call(call);
        }
        if let Some(timer) = timer {
            self.timers.unset(timer);
        }
    }

    /// Ends a session that is to be cancelled, now that nothing of it runs any more.
    pub(super) fn finish_cancel(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let Some(asked) = self.session(who).cancel.clone() else { return Ok(()) };
        self.cancel_job(cx, who, &asked)?;
        let reason = format!("cancelled by {}: {}", asked.by, asked.reason);
        self.end(cx, who, FinalState::Cancelled, &reason, Some(&asked))
    }

    /// Takes a session's job away: its wait or its run ends as cancelled.
    pub(super) fn cancel_job(&mut self, cx: &mut Cx<'_>, who: Who, asked: &Asked) -> Step {
        let session = self.session(who);
        let Some(job) = session.doing.job() else { return Ok(()) };
        let (key, span, id, received) = (job.key, job.span, job.id.clone(), !job.inferred && job.chunks > 0);
        let payload = SchedulerCancelled {
            session_id: session.id.clone(),
            job_id: id.clone(),
            reason: words::reason(&asked.reason),
            cancelled_by: asked.by.clone(),
            lane: Some(session.spec.lane),
            attempt: Some(Count::saturating(job.attempt.into())),
        };
        self.scheduler.remove(key);
        if received {
            self.infer_cut_off(cx, who)?;
        }
        self.note(cx.now, who, asked.who(), At { span: Some(span), job: Some(&id) }, payload)?;
        self.close_run(cx, who, SpanStatus::Cancelled, None)?;
        self.session_mut(who).doing = Doing::Nothing;
        Ok(())
    }

    /// Takes a session's job away and pauses it, for a later process.
    pub(super) fn lay_down(&mut self, cx: &mut Cx<'_>, who: Who, asked: &Asked) -> Step {
        self.cancel_job(cx, who, asked)?;
        // A pause that had not come into effect yet comes into effect now.
        let asked = self.session_mut(who).pause.get_or_insert_with(|| asked.clone()).clone();
        self.enter(cx, who, State::Paused, &asked.reason, asked.who())
    }

    /// Fails a session: its run, then itself, then what it started.
    pub(super) fn fail(&mut self, cx: &mut Cx<'_>, who: Who, code: &str, why: &str) -> Step {
        self.close_run(cx, who, SpanStatus::Error, Some(code))?;
        self.session_mut(who).doing = Doing::Nothing;
        let below = self.live_descendants(who);
        self.end(cx, who, FinalState::Failed, why, None)?;
        let asked = Asked {
            actor: Actor::System,
            by: words::id("system:runtime"),
            reason: format!("session {} failed: {why}", self.session(who).id),
        };
        self.tell_cascade(cx, who, &below, &asked)?;
        below.iter().try_for_each(|below| self.cancel_one(cx, *below, &asked))
    }

    /// Ends a session: its last state, its totals, its span, and word to whoever waits for it.
    pub(super) fn end(
        &mut self,
        cx: &mut Cx<'_>,
        who: Who,
        last: FinalState,
        reason: &str,
        asked: Option<&Asked>,
    ) -> Step {
        let actor = asked.map_or(SYSTEM, Asked::who);
        self.enter(cx, who, last.into(), reason, actor)?;
        let session = self.session(who);
        let own = session.own;
        let completed = SessionCompleted {
            session_id: session.id.clone(),
            total_tokens: Count::saturating(own.tokens),
            total_cost_usd: own.cost_nanos().and_then(Usd::from_nanos),
            duration_ms: Count::saturating(u64::try_from(cx.now.micros_since(session.created_at) / 1000).unwrap_or(0)),
            messages_count: Count::saturating(session.messages),
            final_state: Some(last),
            unpriced_runs: Some(Count::saturating(own.unpriced_runs)),
        };
        let ending = Ending {
            session_id: session.id.clone(),
            state: last,
            reason: reason.to_owned(),
            output: session.output.clone(),
            tokens: own.tokens,
            cost_nanos: own.cost_nanos(),
        };
        let here = At { span: Some(session.activity), job: None };
        self.note(cx.now, who, SYSTEM, here, completed)?;
        let status = match last {
            FinalState::Completed => SpanStatus::Ok,
            FinalState::Failed => SpanStatus::Error,
            FinalState::Cancelled => SpanStatus::Cancelled,
        };
        let closed = SpanClosed { status, error_code: None, tokens_in: None, tokens_out: None, cost_usd: None };
        self.note(cx.now, who, SYSTEM, At { span: None, job: None }, closed)?;
        self.live -= 1;
        self.scheduler.set_paused(SessionKey(who.0), false);
        let session = self.session_mut(who);
        session.ending = Some(ending.clone());
        for watcher in std::mem::take(&mut session.watchers) {
            self.out.answer(watcher, Ok(ending.clone()));
        }
        self.announce_back(cx, who, &ending)?;
        self.tell_dependants(cx, who, &ending)
    }

    /// Lets sessions go on that waited for this one; or cancels them, if it did not complete.
    fn tell_dependants(&mut self, cx: &mut Cx<'_>, who: Who, ending: &Ending) -> Step {
        for dependant in std::mem::take(&mut self.session_mut(who).dependants) {
            let session = self.session_mut(dependant);
            // One may be listed twice, and is waited for once.
            if !session.is_live() || session.waits_for.iter().all(|dep| dep.session_id != ending.session_id) {
                continue;
            }
            let given = session.waits_for.iter().any(|dep| dep.session_id == ending.session_id && dep.gives_input);
            session.waits_for.retain(|dep| dep.session_id != ending.session_id);
            session.checkpoint.changed = true;
            let free = session.waits_for.is_empty();
            if ending.state != FinalState::Completed {
                self.cancel(cx, dependant, &not_completed(&ending.session_id, ending.state.into()))?;
                continue;
            }
            if given {
                self.receive_from(cx, dependant, who, &ending.output)?;
            }
            if free {
                self.begin(cx, dependant)?;
            }
        }
        Ok(())
    }

    /// All sessions below one that have not ended, parents before children.
    pub(super) fn live_descendants(&self, who: Who) -> Vec<Who> {
        let mut found = Vec::new();
        let mut next = self.session(who).children.clone();
        while let Some(child) = next.pop() {
            // One that has ended may have left children of its own at work.
            if self.session(child).is_live() {
                found.push(child);
            }
            next.extend(&self.session(child).children);
        }
        found
    }

    pub(super) fn announcing_children(&self, who: Who) -> usize {
        let children = self.session(who).children.iter();
        children.filter(|child| self.session(**child).is_live() && self.session(**child).announces()).count()
    }
}

/// Why a session is cancelled that waits for one which did not complete.
pub(super) fn not_completed(session: &Id, state: State) -> Asked {
    Asked {
        actor: Actor::System,
        by: words::id("system:dependency"),
        reason: format!("session {session}, which it waits for, ended {state}"),
    }
}
