//! Taking up again what a process left behind: from the store alone, and without doing anything twice.
// tidy: no-wildcard

use std::collections::BTreeSet;
use std::sync::Arc;

use flightrec_events::families::session::{BudgetWarning, SchedulerCancelled, SessionMessage};
use flightrec_events::families::work::{LlmInference, SpanClosed, WorkflowRecovery};
use flightrec_events::{
    Actor, ArtifactId, BudgetAction, BudgetType, Count, FinalState, Id, MessageRole, SpanStatus, State, Usd,
};
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::{ArtifactError, CostKey};

use super::budget::{Spent, Told, in_unit};
use super::checkpoint::{FORMAT, Saved};
use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::{CommandError, Ending, StartError, Who};
use super::past::{Heard, Past, read_pasts};
use super::session::{Asked, Parent, PendingTool, Session};
use crate::message::{ToolRequest, Turn};
use crate::model::{
    BoxFuture, Meter, ModelCall, ModelClient, ModelError, ModelErrorKind, ModelReply, ModelRoute, Usage,
};
use crate::record::RecordError;
use crate::spec::{BudgetOptions, SessionSpec};
use crate::words;

/// The reason of a session that a crash left behind.
pub(crate) const CRASH_RECOVERY: &str = "crash_recovery";

/// Stands for a model that this runtime was not given.
#[derive(Debug)]
struct NoRoute;

impl ModelClient for NoRoute {
    fn call(&self, _: ModelCall, _: Meter) -> BoxFuture<'static, Result<ModelReply, ModelError>> {
        let message = "this runtime was not given a route to the model";
        Box::pin(std::future::ready(Err(ModelError::new(ModelErrorKind::UnknownModel, message))))
    }
}

impl Engine {
    /// Takes up every session that a runtime of another process left behind in this store: what ran is closed as
    /// abandoned and its session is PAUSED until an operator resumes or cancels it. Gives the ids of those.
    pub(crate) fn recover(&mut self, cx: &mut Cx<'_>) -> Step<Vec<Id>> {
        let Some(pasts) = cx.record.reader().map(read_pasts).transpose()? else { return Ok(Vec::new()) };
        let mut adopted = Vec::new();
        for past in pasts {
            let Some(saved) = read_saved(cx, &past) else { continue };
            let who = self.adopt(cx, &past, &saved)?;
            adopted.push((who, past, saved));
        }
        for (who, past, saved) in &adopted {
            self.tie(*who, past, saved);
        }
        for (who, past, _) in &adopted {
            self.tie_further(*who, past);
        }
        self.read_packets(cx);
        let mut at_work = Vec::new();
        for (who, past, saved) in &adopted {
            self.out.groups.push(Vec::new());
            if self.session(*who).is_live() && self.pick_up(cx, *who, past, saved)? {
                at_work.push(*who);
            }
        }
        // Whoever cancelled was told that it is so; what it waited for has died with its process.
        for (who, ..) in &adopted {
            self.out.groups.push(Vec::new());
            if self.session(*who).is_live() {
                self.finish_cancel(cx, *who)?;
            }
        }
        at_work.retain(|who| self.session(*who).is_live());
        Ok(at_work.into_iter().map(|who| self.session(who).id.clone()).collect())
    }

    /// Makes the session of what is on record; nothing is written.
    fn adopt(&mut self, cx: &Cx<'_>, past: &Past, saved: &Saved) -> Step<Who> {
        let who = Who(self.sessions.len() as u32);
        let spec: SessionSpec = read_artifact(cx, saved.spec)?;
        let route = self.setup.models.get(&spec.model).cloned().unwrap_or_else(|| ModelRoute {
            model_id: past.created.model_id.clone(),
            provider: past.created.provider.clone().unwrap_or_else(|| past.created.model_id.clone()),
            backend: past.created.backend,
            client: Arc::new(NoRoute),
            price: None,
        });
        let ids = (past.trace, past.span, past.activity);
        let mut session = Session::new(past.id.clone(), Arc::new(spec), route, ids, past.created_at);
        session.life.created = true;
        session.life.state = past.state;
        session.life.completed = past.state.is_terminal();
        session.reason = past.reason.as_str().into();
        session.activity_taken = true;
        session.depth = past.created.spawn_depth.get() as u32;
        session.messages = past.messages.len() as u64;
        session.tail = past.messages.last().map(|heard| heard.message.message_id.clone());
        session.spec_artifact = Some(saved.spec);
        session.step = past.replied.len() as u32;
        session.waits_for.clone_from(&saved.waits_for);
        session.cancel.clone_from(&saved.cancel);
        let restored = restore_thread(cx, past)?;
        session.tool_call_ids = restored.tool_call_ids;
        session.output = restored.output;
        session.answered = restored.answered;
        session.thread = restored.thread;
        session.left_over = restored.left_over.into();
        session.inbox = restored.inbox.into_iter().map(|(_, text)| text).collect();
        session.whole = restored.whole;
        for inference in &past.inferences {
            session.own.add(spent(inference));
        }
        for warning in &past.told {
            let told = Told { warned: true, reached: is_reached(warning, &session.spec.budget) };
            match warning.budget_type {
                BudgetType::SessionTokens => session.inclusive.told_tokens = told,
                BudgetType::SessionCostUsd => session.inclusive.told_cost = told,
                BudgetType::WpTokens
                | BudgetType::WpCostUsd
                | BudgetType::GlobalTokensPerMinute
                | BudgetType::GlobalUsdPerMinute => {}
            }
        }
        session.ending = final_state(past.state).map(|state| Ending {
            session_id: past.id.clone(),
            state,
            reason: past.reason.clone(),
            output: Arc::clone(&session.output),
            tokens: session.own.tokens,
            cost_nanos: session.own.cost_nanos(),
        });
        self.live += usize::from(session.is_live());
        self.by_id.insert(past.id.clone(), who);
        self.sessions.push(session);
        self.touched.push(who);
        Ok(who)
    }

    /// Ties a session to those around it, now that all are there.
    fn tie(&mut self, who: Who, past: &Past, saved: &Saved) {
        if let Some(parent) = past.created.parent_session_id.as_ref().and_then(|id| self.by_id.get(id)).copied() {
            self.session_mut(who).parent = Some(Parent { who: parent, announce_back: saved.announce_back });
            self.session_mut(parent).children.push(who);
        }
        let open = |engine: &Self, id: &Id| engine.by_id.get(id).copied().filter(|on| engine.session(*on).is_live());
        let waits: Vec<_> = self.session(who).waits_for.clone();
        for dependency in &waits {
            if let Some(on) = open(self, &dependency.session_id) {
                self.session_mut(on).dependants.push(who);
            }
        }
        let still = waits.into_iter().filter(|dependency| open(self, &dependency.session_id).is_some()).collect();
        self.session_mut(who).waits_for = still;
    }

    /// Adds what a session used to all above it, and finds the children that it heard from since its last run: its
    /// next one tells of them.
    fn tie_further(&mut self, who: Who, past: &Past) {
        let own = self.session(who).own;
        let mut above = Some(who);
        while let Some(at) = above {
            let session = self.session_mut(at);
            session.inclusive.tokens += own.tokens;
            session.inclusive.nanos += own.nanos;
            session.inclusive.unpriced_runs += own.unpriced_runs;
            above = session.parent.map(|parent| parent.who);
        }
        let heard = past.heard_from.iter().filter_map(|from| self.by_id.get(from)).map(|from| self.session(*from));
        let children = heard.filter(|from| from.announces() && from.parent.is_some_and(|parent| parent.who == who));
        let announced = children.map(|child| (child.trace, child.span)).collect();
        self.session_mut(who).announced = announced;
    }

    /// What work packets with a budget have used already.
    fn read_packets(&mut self, cx: &Cx<'_>) {
        let Some(reader) = cx.record.reader().filter(|_| !self.setup.limits.work_packets.is_empty()) else { return };
        for row in reader.cost(CostKey::WorkPacket, &SessionFilter::default()) {
            let Some(wp) = row.key.and_then(|key| Id::new(&*key).ok()) else { continue };
            let spending = self.packets.entry(wp).or_default();
            spending.tokens = row.tokens.total;
            spending.nanos = u64::try_from(row.cost.nanos).unwrap_or(u64::MAX);
            spending.unpriced_runs = row.cost.unpriced_runs;
        }
    }

    /// Closes what a session left open, and pauses it if it was at work. Says whether it was.
    fn pick_up(&mut self, cx: &mut Cx<'_>, who: Who, past: &Past, saved: &Saved) -> Step<bool> {
        let was_paused = past.state == State::Paused;
        // What nobody remembers cannot go on, whatever comes in.
        let is_lost = !self.session(who).whole && !was_paused;
        let at_work = past.state == State::Active || past.queued.is_some() || !past.open.is_empty() || is_lost;
        // What was inside of something ends before it.
        for (span, job) in past.open.iter().rev() {
            let closed = SpanClosed {
                status: SpanStatus::Abandoned,
                error_code: Some(words::id(CRASH_RECOVERY)),
                tokens_in: None,
                tokens_out: None,
                cost_usd: None,
            };
            // Its end is the last time that anything was heard of it.
            self.note(past.last_at, who, SYSTEM, At { span: Some(*span), job: job.as_ref() }, closed)?;
        }
        if let Some((job, attempt)) = &past.queued {
            let session = self.session(who);
            let cancelled = SchedulerCancelled {
                session_id: session.id.clone(),
                job_id: job.clone(),
                reason: words::reason(CRASH_RECOVERY),
                cancelled_by: words::id("system:recovery"),
                lane: Some(session.spec.lane),
                attempt: Some(Count::saturating(*attempt)),
            };
            let at = At { span: Some(session.activity), job: Some(job) };
            self.note(cx.now, who, SYSTEM, at, cancelled)?;
        }
        if was_paused || at_work {
            let asked = Asked {
                actor: Actor::System,
                by: words::id("system:recovery"),
                reason: if was_paused { past.reason.clone() } else { CRASH_RECOVERY.to_owned() },
            };
            self.session_mut(who).pause = Some(asked);
        }
        if !at_work {
            return Ok(false);
        }
        self.session_mut(who).checkpoint.changed = true;
        self.enter(cx, who, State::Paused, CRASH_RECOVERY, SYSTEM)?;
        let recovery = WorkflowRecovery {
            workflow_run_id: saved.run_id.clone(),
            from_state: words::id(past.state.as_str()),
            to_state: words::id(State::Paused.as_str()),
            reason: words::reason(CRASH_RECOVERY),
            last_heartbeat_ts: past.last_at,
            threshold_secs: Count::default(),
        };
        let at = At { span: Some(self.here(who)), job: None };
        self.note(cx.now, who, SYSTEM, at, recovery)?;
        Ok(true)
    }

    /// Whether a session is paused, and this runtime can go on with it even if another one began it.
    pub(super) fn check_resumable(&self, who: Who) -> Result<(), CommandError> {
        let session = self.session(who);
        if self.stopping.is_some() {
            return Err(StartError::Stopping.into());
        }
        if session.pause.is_none() {
            return Err(CommandError::NotPaused(session.id.clone()));
        }
        if !session.whole {
            return Err(CommandError::NotKept(session.id.clone()));
        }
        let spec = &session.spec;
        if !self.setup.models.contains_key(&spec.model) {
            return Err(StartError::UnknownModel(spec.model.clone()).into());
        }
        match spec.tools.iter().find(|tool| !self.setup.tools.contains_key(*tool)) {
            Some(tool) => Err(StartError::UnknownTool(tool.clone()).into()),
            None => Ok(()),
        }
    }
}

/// A thread as it stands on record.
struct Restored {
    thread: Vec<Turn>,
    left_over: Vec<PendingTool>,
    tool_call_ids: BTreeSet<Id>,
    output: Arc<str>,
    answered: bool,
    /// Input that its model has not read yet, with the runs before it: it came while the model was at work, or tools
    /// were whose results it follows.
    inbox: Vec<(u32, Arc<str>)>,
    /// The run that the last reply in the thread is of.
    replied_in: u32,
    /// Whether every message's content was kept.
    whole: bool,
}

/// Makes the thread of the messages on record, in the order in which the model reads them.
fn restore_thread(cx: &Cx<'_>, past: &Past) -> Step<Restored> {
    let mut restored = Restored {
        thread: Vec::new(),
        left_over: Vec::new(),
        tool_call_ids: BTreeSet::new(),
        output: "".into(),
        answered: false,
        inbox: Vec::new(),
        replied_in: 0,
        whole: true,
    };
    for heard in &past.messages {
        match content(cx, &heard.message)? {
            Some(text) => restored.hear(heard, text, past),
            None => restored.whole = false,
        }
    }
    Ok(restored)
}

impl Restored {
    fn hear(&mut self, heard: &Heard, text: Arc<str>, past: &Past) {
        let Heard { message, run, late } = heard;
        self.answered = false;
        if self.left_over.is_empty() {
            // A later run has read it.
            self.read_inbox(|before| before < *run);
        }
        match message.role {
            MessageRole::System => self.thread.push(Turn::System(text)),
            MessageRole::User if *late || !self.left_over.is_empty() => self.inbox.push((*run, text)),
            MessageRole::User => {
                self.read_inbox(|_| true);
                self.thread.push(Turn::User(text));
            }
            MessageRole::Assistant => {
                self.output = Arc::clone(&text);
                self.answered = true;
                self.replied_in = *run;
                self.thread.push(Turn::Assistant { text, tool_calls: Vec::new() });
            }
            MessageRole::ToolCall => self.ask(heard, &text, past),
            MessageRole::ToolResult => {
                let Some(call) = &message.tool_call_id else { return };
                let Some(at) = self.left_over.iter().position(|tool| tool.id == *call) else { return };
                let tool = self.left_over.remove(at).request.name.into();
                let failed = past.failed.contains(call);
                self.thread.push(Turn::ToolResult { tool_call_id: call.clone(), tool, text, failed });
                if self.left_over.is_empty() {
                    self.read_inbox(|_| true);
                }
            }
        }
    }

    fn read_inbox(&mut self, read: impl Fn(u32) -> bool) {
        let inbox = std::mem::take(&mut self.inbox);
        let (read, left): (Vec<_>, Vec<_>) = inbox.into_iter().partition(|(run, _)| read(*run));
        self.thread.extend(read.into_iter().map(|(_, text)| Turn::User(text)));
        self.inbox = left;
    }

    /// A tool call that the model asked for, after its own words or without any.
    fn ask(&mut self, heard: &Heard, text: &str, past: &Past) {
        let (Some(id), Ok(asked)) = (&heard.message.tool_call_id, serde_json::from_str::<Asking>(text)) else {
            self.whole = false;
            return;
        };
        let request = ToolRequest { id: id.as_str().to_owned(), name: asked.tool, arguments: asked.arguments };
        if let Some(Turn::Assistant { tool_calls, .. }) =
            self.thread.last_mut().filter(|_| self.replied_in == heard.run)
        {
            tool_calls.push(request.clone());
        } else {
            self.output = "".into();
            self.replied_in = heard.run;
            self.thread.push(Turn::Assistant { text: "".into(), tool_calls: vec![request.clone()] });
        }
        self.tool_call_ids.insert(id.clone());
        let cut_off = past.cut_off(id);
        let redacted = heard.message.redacted == Some(true);
        self.left_over.push(PendingTool { id: id.clone(), request, approved: false, cut_off, redacted });
    }
}

/// A TOOL_CALL message's content.
#[derive(serde::Deserialize)]
struct Asking {
    tool: String,
    arguments: String,
}

fn content(cx: &Cx<'_>, message: &SessionMessage) -> Step<Option<Arc<str>>> {
    let (Some(reader), Some(artifact)) = (cx.record.reader(), message.content_artifact_id) else { return Ok(None) };
    match reader.artifacts().get(artifact.sha256()) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into())),
        Err(ArtifactError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_saved(cx: &Cx<'_>, past: &Past) -> Option<Saved> {
    // Another program's checkpoints have another form; its sessions are its own.
    let saved = read_artifact::<Saved>(cx, past.checkpoint?).ok();
    saved.filter(|saved| saved.format == FORMAT && saved.session_id == past.id)
}

fn read_artifact<T: serde::de::DeserializeOwned>(cx: &Cx<'_>, artifact: ArtifactId) -> Step<T> {
    let unreadable = |why: String| RecordError::Unreadable(format!("artifact {artifact}: {why}").into());
    let reader = cx.record.reader().ok_or_else(|| unreadable("nothing can be read back".to_owned()))?;
    let bytes = reader.artifacts().get(artifact.sha256())?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
}

fn spent(inference: &LlmInference) -> Spent {
    let usage = &inference.token_usage;
    let tokens = Usage {
        prompt_tokens: usage.prompt_tokens.get(),
        completion_tokens: usage.completion_tokens.get(),
        ..Usage::default()
    };
    Spent { tokens: tokens.total(), nanos: inference.cost_usd.map(Usd::nanos) }
}

/// Whether a warning told of the end of a budget, and not of its warning share.
fn is_reached(warning: &BudgetWarning, budget: &BudgetOptions) -> bool {
    let limit = match warning.budget_type {
        BudgetType::SessionTokens => budget.tokens,
        BudgetType::SessionCostUsd => budget.cost_nanos,
        BudgetType::WpTokens
        | BudgetType::WpCostUsd
        | BudgetType::GlobalTokensPerMinute
        | BudgetType::GlobalUsdPerMinute => None,
    };
    warning.action != Some(BudgetAction::Warn)
        || limit.is_some_and(|limit| warning.threshold_value.get() >= in_unit(warning.budget_type, limit))
}

/// The state as one that a session ends in; `None` if it is not.
const fn final_state(state: State) -> Option<FinalState> {
    match state {
        State::Completed => Some(FinalState::Completed),
        State::Failed => Some(FinalState::Failed),
        State::Cancelled => Some(FinalState::Cancelled),
        State::Created | State::Active | State::Paused | State::Blocked => None,
    }
}
