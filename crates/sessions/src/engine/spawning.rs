//! Sessions that ask for other sessions: by a call of the host, or by a tool call of their model.

use std::collections::BTreeSet;
use std::sync::Arc;

use flightrec_events::families::parts::SpanLink;
use flightrec_events::families::session::{SpawnAccepted, SpawnRejected, SpawnRequested};
use flightrec_events::{Actor, Count, Id, Idempotency, Lane, RejectionReason, SideEffect, SpanId, State, Transport};

use super::birth::Birth;
use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::{ChildRequest, CommandError, SpawnAnswer, Who};
use super::session::{Parent, PendingTool, Session};
use super::tooling::{Settled, failure};
use crate::spec::{SPAWN, SessionSpec};
use crate::tool::{ToolOutput, ToolSpec};
use crate::words;

/// The tool that the runtime itself offers to sessions that may spawn.
pub(crate) const SPAWN_TOOL: &str = "spawn_session";

/// What a model may ask of [`SPAWN_TOOL`].
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SpawnArguments {
    role: String,
    task: String,
    #[serde(default = "yes")]
    announce_back: bool,
}

const fn yes() -> bool {
    true
}

/// The tool by which a model asks for children, if its session may ask for one more.
pub(super) fn spawn_tool(session: &Session) -> Option<ToolSpec> {
    let roles: Vec<&str> = session.spec.spawns.keys().map(Id::as_str).collect();
    if roles.is_empty() || session.has_spawned_all() {
        return None;
    }
    let parameters = serde_json::json!({
        "type": "object",
        "properties": {
            "role": { "type": "string", "enum": roles, "description": "What the new session is to be." },
            "task": { "type": "string", "description": "What it is to do, complete in itself: it knows nothing else." },
            "announce_back": { "type": "boolean", "description": "Whether its result comes back to you (default true)." },
        },
        "required": ["role", "task"],
        "additionalProperties": false,
    });
    Some(ToolSpec {
        name: words::id(SPAWN_TOOL),
        version: words::id("1"),
        description: "Starts another session that works on a task by itself. You get its id at once, and its result \
                      as a message when it has ended."
            .into(),
        parameters: Arc::new(parameters),
        side_effect: SideEffect::Execute,
        idempotency: Idempotency::NonIdempotent,
        transport: Transport::Local,
        capability: words::id(SPAWN),
    })
}

impl Engine {
    /// Answers a request for a child, and makes it if it may be.
    pub(super) fn spawn(
        &mut self,
        cx: &mut Cx<'_>,
        requester: Who,
        child: &ChildRequest,
    ) -> Step<Result<SpawnAnswer, CommandError>> {
        if !self.session(requester).is_live() {
            return Ok(Err(CommandError::Ended(self.session(requester).id.clone())));
        }
        let spec = self.narrowed(requester, child);
        if let Err(error) = self.check_spec(&spec) {
            return Ok(Err(error.into()));
        }
        let span = self.session(requester).activity;
        let refused = self.refusal(requester, &spec, None);
        self.answer_spawn(
            cx,
            requester,
            child,
            spec,
            &Spawning { from: span, refused, child_span: self.setup.ids.span_id() },
        )
        .map(Ok)
    }

    /// What a child would be: its parent's limits where it asks for more, and never less deep.
    fn narrowed(&self, requester: Who, child: &ChildRequest) -> SessionSpec {
        let parent = &self.session(requester).spec;
        let least = |own: Option<u64>, parents: Option<u64>| [own, parents].into_iter().flatten().min();
        let mut spec = child.spec.clone();
        spec.prompt = Some(Arc::clone(&child.task));
        spec.mode = child.mode;
        spec.wp_id = spec.wp_id.or_else(|| parent.wp_id.clone());
        spec.budget.tokens = least(spec.budget.tokens, parent.budget.tokens);
        spec.budget.cost_nanos = least(spec.budget.cost_nanos, parent.budget.cost_nanos);
        spec.jobs.max_tokens_budget = least(spec.jobs.max_tokens_budget, parent.jobs.max_tokens_budget);
        if spec.lane == Lane::Primary {
            spec.lane = Lane::Subagent;
        }
        spec
    }

    /// Why a child may not be, if so. All of it is looked at before the child exists.
    fn refusal(&self, requester: Who, spec: &SessionSpec, role: Option<&Id>) -> Option<RejectionReason> {
        let (parent, limits) = (self.session(requester), &self.setup.limits);
        let own: &BTreeSet<Id> = &parent.spec.capabilities;
        let may_spawn = own.iter().any(|own| own.as_str() == SPAWN)
            && role.is_none_or(|role| parent.spec.spawns.contains_key(role));
        if parent.state() != State::Active {
            Some(RejectionReason::RequesterNotActive)
        } else if !may_spawn || !spec.capabilities.is_subset(own) {
            Some(RejectionReason::CapabilityNotGranted)
        } else if parent.depth >= limits.spawn_depth {
            Some(RejectionReason::DepthLimitExceeded)
        } else if parent.has_spawned_all() || self.live_children(requester) >= limits.children_per_session {
            Some(RejectionReason::ChildrenCapReached)
        } else if self.live >= limits.live_sessions {
            Some(RejectionReason::SessionCapReached)
        } else {
            None
        }
    }

    fn live_children(&self, who: Who) -> usize {
        self.session(who).children.iter().filter(|child| self.session(**child).is_live()).count()
    }

    fn answer_spawn(
        &mut self,
        cx: &mut Cx<'_>,
        requester: Who,
        child: &ChildRequest,
        spec: SessionSpec,
        spawning: &Spawning,
    ) -> Step<SpawnAnswer> {
        let Spawning { from, refused, child_span } = *spawning;
        let parent = self.session(requester);
        let (requester_id, trace, depth) = (parent.id.clone(), parent.trace, parent.depth + 1);
        let kept = parent.keeps_content();
        let job = parent.doing.job().map(|job| job.id.clone());
        let at = At { span: Some(from), job: job.as_ref() };
        let task = cx.record.name(child.task.as_bytes(), kept)?;
        let asked = SpawnRequested {
            requester_session_id: requester_id.clone(),
            child_role: spec.role.clone(),
            spawn_depth: Count::saturating(depth.into()),
            spawn_mode: child.mode,
            task_payload_artifact_id: kept.then_some(task.artifact_id),
            announce_back: Some(child.announce_back),
            trigger_source: child.spec.trigger_source.clone(),
        };
        self.note(cx.now, requester, (Actor::Agent, None), at, asked)?;
        if let Some(reason) = refused {
            let rejected = SpawnRejected {
                requester_session_id: requester_id,
                rejection_reason: reason,
                spawn_depth: Count::saturating(depth.into()),
                active_children_count: Count::saturating(self.live_children(requester) as u64),
            };
            self.note(cx.now, requester, SYSTEM, at, rejected)?;
            return Ok(SpawnAnswer::Rejected { reason });
        }
        let child_id = self.new_id(cx.now);
        let accepted = SpawnAccepted {
            requester_session_id: requester_id,
            child_session_id: child_id.clone(),
            child_role: spec.role.clone(),
            spawn_depth: Count::saturating(depth.into()),
        };
        self.note(cx.now, requester, SYSTEM, at, accepted)?;
        let parent = Parent { who: requester, announce_back: child.announce_back };
        let birth = Birth {
            id: child_id.clone(),
            span: child_span,
            trace,
            parent: Some(parent),
            depth,
            link: Some((trace, from)),
        };
        let who = self.create(cx, spec, birth)?;
        self.session_mut(requester).children.push(who);
        self.session_mut(requester).checkpoint.changed = true;
        self.begin(cx, who)?;
        Ok(SpawnAnswer::Accepted { child_session_id: child_id })
    }

    /// A model asks for a child by a tool call.
    pub(super) fn spawn_by_tool(&mut self, cx: &mut Cx<'_>, who: Who, tool: &PendingTool) -> Step {
        let session = self.session(who);
        let trace = session.trace;
        let asked: Result<SpawnArguments, _> = serde_json::from_str(&tool.request.arguments);
        let named = asked.as_ref().ok().and_then(|asked| Id::new(asked.role.as_str()).ok());
        let template = named.as_ref().and_then(|role| session.spec.spawns.get(role)).cloned();
        let (asked, template) = match (asked, template) {
            (Ok(asked), Some(template)) => (asked, template),
            (asked, _) => {
                let roles: Vec<&str> = session.spec.spawns.keys().map(Id::as_str).collect();
                let why = match asked {
                    Err(error) => failure("malformed_arguments", &format!("{error}; give role and task")),
                    Ok(asked) => failure(
                        "unknown_role",
                        &format!("there is no role `{}` to spawn here; there are: {}", asked.role, roles.join(", ")),
                    ),
                };
                return self.refuse_tool(cx, who, tool, why);
            }
        };
        let (span, child_span) = (self.setup.ids.span_id(), self.setup.ids.span_id());
        let mode = template.mode;
        let child = ChildRequest { spec: template, task: asked.task.into(), mode, announce_back: asked.announce_back };
        let spec = self.narrowed(who, &child);
        let refused = self.refusal(who, &spec, named.as_ref());
        let checked = self.check_spec(&spec);
        let links = if refused.is_none() && checked.is_ok() {
            vec![SpanLink { trace_id: trace, span_id: child_span, relation: Some(words::label("spawn")) }]
        } else {
            Vec::new()
        };
        self.open_tool_span(cx, who, tool, span, links)?;
        let result = match checked {
            Err(error) => Err(failure("child_not_startable", &error.to_string())),
            Ok(()) => match self.answer_spawn(cx, who, &child, spec, &Spawning { from: span, refused, child_span })? {
                SpawnAnswer::Accepted { child_session_id } => Ok(ToolOutput {
                    text: serde_json::json!({ "accepted": true, "child_session_id": child_session_id }).to_string(),
                    files: Vec::new(),
                }),
                SpawnAnswer::Rejected { reason } => Err(failure("spawn_rejected", &reason.to_string())),
            },
        };
        let now = cx.now;
        self.settle_tool(cx, who, Settled { tool, span, started_at: now, ended_at: now, result })
    }
}

/// Where a spawn stands in its requester, and what came of looking at it.
struct Spawning {
    from: SpanId,
    refused: Option<RejectionReason>,
    child_span: SpanId,
}
