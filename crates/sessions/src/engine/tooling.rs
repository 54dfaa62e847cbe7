//! The tool calls of a run, one after another: refused, asked about, run, settled.

use std::sync::Arc;

use flightrec_events::families::parts::{ResourcesTouched, SpanLink, ToolActor, ToolError, ToolTiming};
use flightrec_events::families::work::{SpanClosed, SpanOpened, ToolCall as ToolCalled};
use flightrec_events::{
    Actor, Attributes, Count, Id, Idempotency, MessageRole, Scalar, SideEffect, SpanId, SpanKind, SpanStatus, State,
    Timestamp, Transport,
};

use super::core::{At, Cx, Engine, Pending, SYSTEM, Said, Step};
use super::input::{CallKey, Effect, Who};
use super::session::{CutOff, Doing, Job, PendingTool, Question, ToolRun};
use super::timers::Alarm;
use crate::approval::{ApprovalRequest, Decision};
use crate::message::Turn;
use crate::time::later;
use crate::tool::{Stop, Tool, ToolCall, ToolFailure, ToolOutput, ToolSpec};
use crate::tools::arguments::Schema;
use crate::words;

/// How long a tool may take to end after it was asked to.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// A tool with its schema compiled.
#[derive(Debug)]
pub(crate) struct RegisteredTool {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) schema: Schema,
}

impl RegisteredTool {
    pub(crate) fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }
}

/// How a tool call came out.
pub(super) struct Settled<'a> {
    pub(super) tool: &'a PendingTool,
    pub(super) span: SpanId,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) result: Result<ToolOutput, ToolFailure>,
}

impl Engine {
    /// Goes on with a run whose model has replied, or that has tool calls left from before: the next tool, or the end.
    pub(super) fn next_tool(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        loop {
            if self.session(who).cancel.is_some() {
                return self.finish_cancel(cx, who);
            }
            if let Some(asked) = self.stopping.clone() {
                return self.lay_down(cx, who, &asked);
            }
            let Some(job) = self.session(who).doing.job() else { return Ok(()) };
            let replied = job.replied;
            if job.pending.is_empty() {
                if replied {
                    return self.finish_run(cx, who);
                }
                self.call_model(cx, who);
                return Ok(());
            }
            if self.session(who).pause.is_some() {
                return self.hold(cx, who);
            }
            let session = self.session_mut(who);
            let next = session.doing.job_mut().and_then(|job| job.pending.pop_front());
            let Some(tool) = next else { return Ok(()) };
            if self.begin_tool(cx, who, tool)? == Begun::Waits {
                return Ok(());
            }
        }
    }

    /// Begins one tool call; one that cannot run is settled at once.
    fn begin_tool(&mut self, cx: &mut Cx<'_>, who: Who, tool: PendingTool) -> Step<Begun> {
        if let Some(CutOff { span, started_at, last_seen_at: ended_at }) = tool.cut_off {
            let result = Err(failure(
                "interrupted",
                "the process died while this ran; it may have happened, in part or whole: look before you repeat it",
            ));
            self.settle_tool(cx, who, Settled { tool: &tool, span, started_at, ended_at, result })?;
            return Ok(Begun::Settled);
        }
        if tool.redacted {
            let why = "the process died before this ran, and secrets in the arguments were not kept: ask for it again";
            self.refuse_tool(cx, who, &tool, failure("arguments_not_kept", why))?;
            return Ok(Begun::Settled);
        }
        if tool.request.name == super::spawning::SPAWN_TOOL {
            return self.spawn_by_tool(cx, who, &tool).map(|()| Begun::Settled);
        }
        let checked = self.check_tool(who, &tool);
        let (run, arguments) = match checked {
            Ok(checked) => checked,
            Err(refused) => {
                self.refuse_tool(cx, who, &tool, refused)?;
                return Ok(Begun::Settled);
            }
        };
        let session = self.session(who);
        let name = run.spec().name.clone();
        if session.spec.approvals.contains(&name) && !tool.approved {
            let request = ApprovalRequest::Tool {
                session_id: session.id.clone(),
                role: session.spec.role.clone(),
                tool: name,
                tool_call_id: tool.id.clone(),
                arguments,
            };
            self.ask(cx, who, tool, request)?;
            return Ok(Begun::Waits);
        }
        self.run_tool(cx, who, tool, &run, arguments)?;
        Ok(Begun::Waits)
    }

    /// Whether a call may run: the tool exists, was offered and granted, and the arguments fit.
    fn check_tool(&self, who: Who, tool: &PendingTool) -> Result<(Arc<dyn Tool>, serde_json::Value), ToolFailure> {
        let session = self.session(who);
        let name = tool.request.name.as_str();
        let offered = session.spec.tools.iter().find(|offered| offered.as_str() == name);
        let Some(registered) = offered.and_then(|name| self.setup.tools.get(name)) else {
            let offered: Vec<&str> = session.spec.tools.iter().map(Id::as_str).collect();
            return Err(failure(
                "unknown_tool",
                &format!("there is no tool `{name}` here; there are: {}", offered.join(", ")),
            ));
        };
        let capability = &registered.spec().capability;
        if !session.spec.capabilities.contains(capability) {
            return Err(failure("capability_not_granted", &format!("this session was not granted `{capability}`")));
        }
        let arguments = registered.schema.check(&tool.request.arguments)?;
        Ok((Arc::clone(&registered.tool), arguments))
    }

    fn run_tool(
        &mut self,
        cx: &mut Cx<'_>,
        who: Who,
        pending: PendingTool,
        tool: &Arc<dyn Tool>,
        arguments: serde_json::Value,
    ) -> Step {
        let span = self.setup.ids.span_id();
        self.open_tool_span(cx, who, &pending, span, Vec::new())?;
        let session = self.session(who);
        let deadline = later(cx.now, session.spec.jobs.tool_timeout);
        let (stopper, stop) = Stop::pair();
        let call = ToolCall {
            session_id: session.id.clone(),
            tool_call_id: pending.id.clone(),
            idempotency_key: idempotency_key(&session.id, &pending.id),
            arguments,
            stop,
        };
        let key = self.draw_call(Pending::Session(who));
        let timer = self.timers.set(deadline, Alarm::Tool(who));
        let run = ToolRun {
            call: key,
            tool: pending,
            span,
            started_at: cx.now,
            timer,
            stopper: Some(stopper),
            timed_out: false,
        };
        let session = self.session_mut(who);
        session.checkpoint.changed = true;
        if let Some(job) = session.doing.take_job() {
            session.doing = Doing::Tooling(job, run);
        }
        self.out.effects.push(Effect::RunTool { key, tool: Arc::clone(tool), call });
        Ok(())
    }

    pub(super) fn open_tool_span(
        &mut self,
        cx: &mut Cx<'_>,
        who: Who,
        tool: &PendingTool,
        span: SpanId,
        links: Vec<SpanLink>,
    ) -> Step {
        let session = self.session(who);
        let Some(job) = session.doing.job() else { return Ok(()) };
        let mut attributes = Attributes::default();
        attributes.insert(words::id(TOOL_CALL_ID), Scalar::Str(tool.id.shared()))?;
        let payload = SpanOpened {
            kind: SpanKind::ToolCall,
            name: words::label(&format!("tool_call {}", tool.request.name)),
            parent_span_id: Some(job.span),
            links: (!links.is_empty()).then_some(links),
            tags: None,
            attributes: Some(attributes),
        };
        let id = job.id.clone();
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: Some(&id) }, payload)
    }

    /// Settles a call that was never run.
    pub(super) fn refuse_tool(&mut self, cx: &mut Cx<'_>, who: Who, tool: &PendingTool, why: ToolFailure) -> Step {
        let span = self.setup.ids.span_id();
        self.open_tool_span(cx, who, tool, span, Vec::new())?;
        let now = cx.now;
        self.settle_tool(cx, who, Settled { tool, span, started_at: now, ended_at: now, result: Err(why) })
    }

    /// Puts the outcome of a call on record and into the thread, closes its span, and takes a checkpoint.
    pub(super) fn settle_tool(&mut self, cx: &mut Cx<'_>, who: Who, settled: Settled<'_>) -> Step {
        let Settled { tool, span, started_at, ended_at, result } = settled;
        let kept = self.session(who).keeps_content();
        let arguments = cx.record.name(tool.request.arguments.as_bytes(), kept)?;
        let text: Arc<str> = match &result {
            Ok(output) => output.text.as_str().into(),
            Err(failure) => failure.to_string().into(),
        };
        let answer = cx.record.name(text.as_bytes(), kept)?;
        let payload = self.tool_called(who, tool, started_at, ended_at, &result, arguments, answer, kept);
        let session = self.session(who);
        let Some(job) = session.doing.job() else { return Ok(()) };
        let id = job.id.clone();
        let at = At { span: Some(span), job: Some(&id) };
        self.note(cx.now, who, (Actor::Agent, None), at, payload)?;
        let status = match &result {
            Ok(_) => SpanStatus::Ok,
            Err(failure) if failure.code == STOPPED => SpanStatus::Cancelled,
            Err(_) => SpanStatus::Error,
        };
        if tool.cut_off.is_none() {
            let code = result.as_ref().err().map(|failure| words::id(failure.code));
            let closed = SpanClosed { status, error_code: code, tokens_in: None, tokens_out: None, cost_usd: None };
            self.note(cx.now, who, SYSTEM, at, closed)?;
        }
        let said = Said {
            role: MessageRole::ToolResult,
            actor: Actor::Agent,
            content: &text,
            name: Some(answer),
            tokens: None,
            tool_call_id: Some(tool.id.clone()),
            source: None,
            span: Some(span),
        };
        self.message(cx, who, said)?;
        let session = self.session_mut(who);
        session.thread.push(Turn::ToolResult {
            tool_call_id: tool.id.clone(),
            tool: tool.request.name.as_str().into(),
            text,
            failed: result.is_err(),
        });
        session.tools_done += 1;
        self.checkpoint(cx, who, "tool_call")
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts of one event")]
    fn tool_called(
        &self,
        who: Who,
        tool: &PendingTool,
        started_at: Timestamp,
        ended_at: Timestamp,
        result: &Result<ToolOutput, ToolFailure>,
        arguments: crate::record::ContentName,
        answer: crate::record::ContentName,
        kept: bool,
    ) -> ToolCalled {
        let session = self.session(who);
        let name = Id::new(tool.request.name.as_str()).ok();
        let spec = name.as_ref().and_then(|name| self.setup.tools.get(name)).map(RegisteredTool::spec);
        let spawns = tool.request.name == super::spawning::SPAWN_TOOL;
        let files = result.as_ref().ok().map(|output| &output.files).filter(|files| !files.is_empty());
        let reference = |name: &crate::record::ContentName| kept.then(|| words::id(&name.artifact_id.to_string()));
        ToolCalled {
            tool_call_id: tool.id.clone(),
            tool_id: name.unwrap_or_else(|| words::id("unreadable")),
            tool_version: spec
                .map_or_else(|| words::id(if spawns { "1" } else { "unknown" }), |spec| spec.version.clone()),
            transport: spec.map_or(if spawns { Transport::Local } else { Transport::Other }, |spec| spec.transport),
            // What a tool that is not there would do is anybody's guess: the worst is assumed.
            side_effect: spec.map_or(SideEffect::Execute, |spec| spec.side_effect),
            idempotency: spec.map_or(Idempotency::NonIdempotent, |spec| spec.idempotency),
            actor: ToolActor {
                kind: words::id("agent"),
                agent_id: Some(session.id.clone()),
                model_id: Some(session.route.model_id.clone()),
            },
            ok: result.is_ok(),
            timing: ToolTiming {
                started_at,
                ended_at,
                duration_ms: Count::saturating(u64::try_from(ended_at.micros_since(started_at) / 1000).unwrap_or(0)),
            },
            idempotency_key: Some(idempotency_key(&session.id, &tool.id)),
            args_ref: reference(&arguments),
            args_hash: Some(arguments.sha256),
            result_ref: reference(&answer),
            result_hash: Some(answer.sha256),
            error: result.as_ref().err().map(|failure| ToolError {
                code: Some(words::id(failure.code)),
                kind: Some(words::id("tool")),
                message: Some(words::reason(&failure.message)),
                retryable: Some(failure.retryable),
            }),
            resources_touched: files.map(|files| ResourcesTouched {
                workspace_ids: None,
                artifacts: None,
                files: Some(files.iter().take(64).filter_map(|file| Id::new(file.as_str()).ok()).collect()),
                urls: None,
            }),
            capability_ids: spec.map(|spec| vec![spec.capability.clone()]),
            parent_span_id: session.doing.job().map(|job| job.span),
        }
    }

    /// A tool ended by itself, or because it was asked to.
    pub(super) fn tool_ended(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallKey,
        result: Result<ToolOutput, ToolFailure>,
    ) -> Step {
        let Some(Pending::Session(who)) = self.take_call(call) else { return Ok(()) };
        self.end_tool(cx, who, result)
    }

    fn end_tool(&mut self, cx: &mut Cx<'_>, who: Who, result: Result<ToolOutput, ToolFailure>) -> Step {
        let session = self.session_mut(who);
        let Some((job, run)) = session.doing.take_tooling() else { return Ok(()) };
        session.doing = Doing::Calling(Job { call: None, ..job });
        self.timers.unset(run.timer);
        let limit_ms = self.session(who).spec.jobs.tool_timeout.as_millis();
        let result = match result {
            Err(failed) if run.timed_out => Err(ToolFailure {
                code: "timeout",
                message: format!("no result within {limit_ms} ms: {failed}"),
                retryable: true,
            }),
            other => other,
        };
        let settled = Settled { tool: &run.tool, span: run.span, started_at: run.started_at, ended_at: cx.now, result };
        self.settle_tool(cx, who, settled)?;
        self.next_tool(cx, who)
    }

    /// A tool takes too long: it is asked to end.
    pub(super) fn tool_timed_out(&mut self, who: Who, now: Timestamp) {
        let timer = self.timers.set(later(now, GRACE), Alarm::ToolGrace(who));
        if let Doing::Tooling(_, run) = &mut self.session_mut(who).doing {
            run.stopper = None;
            run.timed_out = true;
            run.timer = timer;
        } else {
            self.timers.unset(timer);
        }
    }

    /// Asks a running tool to end, because its session is to end.
    pub(super) fn stop_tool(&mut self, who: Who, now: Timestamp) {
        let Doing::Tooling(_, run) = &self.session(who).doing else { return };
        if run.stopper.is_none() {
            return;
        }
        self.timers.unset(run.timer);
        let timer = self.timers.set(later(now, GRACE), Alarm::ToolGrace(who));
        if let Doing::Tooling(_, run) = &mut self.session_mut(who).doing {
            run.stopper = None;
            run.timer = timer;
        }
    }

    /// A tool was asked to end and did not: it is let go, and nobody knows what it did.
    pub(super) fn tool_did_not_end(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let Doing::Tooling(_, run) = &self.session(who).doing else { return Ok(()) };
        let (call, timed_out) = (run.call, run.timed_out);
        self.drop_call(call);
        let code = if timed_out { "timeout" } else { STOPPED };
        self.end_tool(
            cx,
            who,
            Err(failure(code, "it did not end when asked to and was let go; it may have happened, in part or whole")),
        )
    }

    /// Asks for an approval. The session holds no place meanwhile; the span of its run stays open.
    fn ask(&mut self, cx: &mut Cx<'_>, who: Who, tool: PendingTool, request: ApprovalRequest) -> Step {
        let call = self.draw_call(Pending::Session(who));
        let reason = format!("approval: tool `{}`, call {}", tool.request.name, tool.id);
        let session = self.session_mut(who);
        session.checkpoint.changed = true;
        let Some(job) = session.doing.take_job() else { return Ok(()) };
        session.doing = Doing::Asking(job, Question { call, tool });
        self.free_place(who, cx.now);
        self.out.effects.push(Effect::Ask { key: call, request });
        self.enter(cx, who, State::Blocked, &reason, SYSTEM)
    }

    /// Somebody decided about a tool call, or about reading a thread.
    pub(super) fn decided(&mut self, cx: &mut Cx<'_>, call: CallKey, decision: Decision) -> Step {
        let who = match self.take_call(call) {
            Some(Pending::Session(who)) => who,
            Some(Pending::Reading(reading)) => return self.reading_decided(cx, reading, decision),
            None => return Ok(()),
        };
        let session = self.session_mut(who);
        let Some((mut job, question)) = session.doing.take_asking() else { return Ok(()) };
        let tool = PendingTool { approved: decision.approved, ..question.tool };
        if decision.approved {
            job.pending.push_front(tool);
            self.enqueue(cx, who, job, None)
        } else {
            session.doing = Doing::Held(job);
            let why = format!("{} refused: {}", decision.by, decision.reason.as_str());
            self.refuse_tool(cx, who, &tool, failure("approval_refused", &why))?;
            self.requeue_held(cx, who)
        }
    }

    /// Queues a held job again, under its own id.
    pub(super) fn requeue_held(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let session = self.session_mut(who);
        if !matches!(session.doing, Doing::Held(_)) {
            return Ok(());
        }
        match session.doing.take_job() {
            Some(job) => self.enqueue(cx, who, job, None),
            None => Ok(()),
        }
    }
}

/// Whether a tool call is settled already.
#[derive(Debug, PartialEq, Eq)]
enum Begun {
    Settled,
    Waits,
}

/// The code of a tool that ended because its session is to end.
pub(crate) const STOPPED: &str = "stopped";
/// The attribute of a tool's span that names its call.
pub(super) const TOOL_CALL_ID: &str = "tool_call_id";

pub(super) fn failure(code: &'static str, message: &str) -> ToolFailure {
    ToolFailure { code, message: message.to_owned(), retryable: false }
}

fn idempotency_key(session: &Id, call: &Id) -> Id {
    Id::new(format!("{session}:{call}")).unwrap_or_else(|_| session.clone())
}
