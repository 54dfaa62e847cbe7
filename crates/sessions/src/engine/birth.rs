//! How sessions begin: checked, put on record, and let go to their first run.
// tidy: no-wildcard

use std::sync::Arc;

use flightrec_events::families::parts::{Budget, MessageSource, SpanLink};
use flightrec_events::families::session::SessionCreated;
use flightrec_events::families::work::SpanOpened;
use flightrec_events::{Actor, Count, Id, MessageRole, Scalar, SpanId, SpanKind, State, TraceId};

use super::control::not_completed;
use super::core::{At, Cx, Engine, SYSTEM, Said, Step};
use super::input::{Dependency, StartError, Who};
use super::session::{Parent, Session};
use crate::message::{Source, Turn};
use crate::spec::SessionSpec;
use crate::words;

/// What a new session is made of besides its specification.
pub(super) struct Birth {
    pub(super) id: Id,
    pub(super) span: SpanId,
    pub(super) trace: TraceId,
    pub(super) parent: Option<Parent>,
    pub(super) depth: u32,
    pub(super) link: Option<(TraceId, SpanId)>,
}

impl Engine {
    /// Starts a session for the host.
    pub(super) fn start(
        &mut self,
        cx: &mut Cx<'_>,
        spec: SessionSpec,
        after: &[Dependency],
    ) -> Step<Result<Id, StartError>> {
        let prepared = self.check_spec(&spec).and_then(|()| self.check_dependencies(after)).and_then(|open| {
            let limit = self.setup.limits.live_sessions;
            if self.live >= limit { Err(StartError::SessionCap { limit }) } else { Ok(open) }
        });
        let waits_for = match prepared {
            Ok(waits_for) => waits_for,
            Err(error) => return Ok(Err(error)),
        };
        let birth = Birth {
            id: self.new_id(cx.now),
            span: self.setup.ids.span_id(),
            trace: self.setup.ids.trace_id(),
            parent: None,
            depth: 0,
            link: None,
        };
        let id = birth.id.clone();
        let who = self.create(cx, spec, birth)?;
        for dependency in after {
            let Some(on) = self.by_id.get(&dependency.session_id).copied() else { continue };
            match self.session(on).state() {
                State::Created | State::Active | State::Paused | State::Blocked => {
                    self.session_mut(on).dependants.push(who);
                }
                State::Completed if dependency.gives_input => {
                    let output = self.session(on).output.clone();
                    self.receive_from(cx, who, on, &output)?;
                }
                State::Completed => {}
                // As if it had ended a moment later: what is on record does not hang on who was first.
                ended @ (State::Failed | State::Cancelled) => {
                    self.cancel(cx, who, &not_completed(&dependency.session_id, ended))?;
                    return Ok(Ok(id));
                }
            }
        }
        let session = self.session_mut(who);
        // The checkpoint of its creation knows nothing of this: whoever takes it up again has to wait for the same.
        session.checkpoint.changed |= !waits_for.is_empty();
        session.waits_for = waits_for;
        self.begin(cx, who)?;
        Ok(Ok(id))
    }

    /// Which of these sessions have not ended yet.
    fn check_dependencies(&self, after: &[Dependency]) -> Result<Vec<Dependency>, StartError> {
        let mut open = Vec::new();
        for dependency in after {
            let id = &dependency.session_id;
            let on = self.by_id.get(id).ok_or_else(|| StartError::UnknownDependency(id.clone()))?;
            match self.session(*on).state() {
                State::Completed | State::Failed | State::Cancelled => {}
                State::Created | State::Active | State::Paused | State::Blocked => open.push(dependency.clone()),
            }
        }
        Ok(open)
    }

    pub(super) fn check_spec(&self, spec: &SessionSpec) -> Result<(), StartError> {
        if self.stopping.is_some() {
            return Err(StartError::Stopping);
        }
        if !self.setup.models.contains_key(&spec.model) {
            return Err(StartError::UnknownModel(spec.model.clone()));
        }
        for name in &spec.tools {
            let tool = self.setup.tools.get(name).ok_or_else(|| StartError::UnknownTool(name.clone()))?;
            let capability = &tool.spec().capability;
            if !spec.capabilities.contains(capability) {
                return Err(StartError::NotGranted { tool: name.clone(), capability: capability.clone() });
            }
        }
        let zero = [
            ("budget.tokens", spec.budget.tokens == Some(0)),
            ("budget.cost_nanos", spec.budget.cost_nanos == Some(0)),
            ("jobs.max_tokens_budget", spec.jobs.max_tokens_budget == Some(0)),
            ("jobs.timeout", spec.jobs.timeout.is_zero()),
            ("jobs.tool_timeout", spec.jobs.tool_timeout.is_zero()),
            ("max_runs", spec.max_runs == 0),
            ("max_output_tokens", spec.max_output_tokens == Some(0)),
        ];
        if let Some((name, _)) = zero.iter().find(|(_, is_zero)| *is_zero) {
            return Err(StartError::Zero(name));
        }
        match spec.budget.warn_percent {
            1..=100 => Ok(()),
            other => Err(StartError::WarnPercent(other)),
        }
    }

    /// Records that a session exists, with its span, its first messages and a checkpoint to come back to.
    pub(super) fn create(&mut self, cx: &mut Cx<'_>, spec: SessionSpec, birth: Birth) -> Step<Who> {
        let (who, spec) = (Who(self.sessions.len() as u32), Arc::new(spec));
        let route = self.setup.models[&spec.model].clone();
        let Birth { id, span, trace, parent, depth, link } = birth;
        let parent_of = parent.map(|parent| self.session(parent.who));
        let (parent_id, parent_span) = parent_of.map(|session| (session.id.clone(), session.span)).unzip();
        let created = SessionCreated {
            session_id: id.clone(),
            model_id: route.model_id.clone(),
            backend: route.backend,
            role: spec.role.clone(),
            wp_id: spec.wp_id.clone(),
            mt_id: spec.mt_id.clone(),
            memory_policy: spec.memory_policy,
            spawn_depth: Count::saturating(depth.into()),
            parent_session_id: parent_id,
            provider: Some(route.provider.clone()),
            label: spec.label.clone(),
            capability_grants: Some(spec.capabilities.iter().cloned().collect()),
            trigger_source: spec.trigger_source.clone(),
            budget: budget_on_record(&spec)?,
        };
        let activity = self.setup.ids.span_id();
        self.by_id.insert(id.clone(), who);
        self.live += 1;
        self.sessions.push(Session::new(id, Arc::clone(&spec), route, (trace, span, activity), cx.now));
        let session = self.session_mut(who);
        (session.parent, session.depth) = (parent, depth);
        self.note(cx.now, who, SYSTEM, At { span: Some(activity), job: None }, created)?;
        let role = &spec.role;
        let name = spec.label.as_ref().map_or_else(|| role.to_string(), |label| format!("{role} {}", label.as_str()));
        let opened = SpanOpened {
            kind: SpanKind::Session,
            name: words::label(&name),
            parent_span_id: parent_span,
            links: link
                .map(|(trace_id, span_id)| vec![SpanLink { trace_id, span_id, relation: Some(words::label("spawn")) }]),
            tags: None,
            attributes: None,
        };
        self.note(cx.now, who, SYSTEM, At { span: None, job: None }, opened)?;
        if let Some(instructions) = &spec.instructions {
            let said = Said {
                role: MessageRole::System,
                actor: Actor::System,
                content: instructions,
                name: None,
                tokens: None,
                tool_call_id: None,
                source: None,
                span: None,
            };
            self.message(cx, who, said)?;
            self.session_mut(who).thread.push(Turn::System(Arc::clone(instructions)));
        }
        if let Some(prompt) = &spec.prompt {
            let source = match parent {
                None => Source::operator(),
                Some(parent) => {
                    let parent = self.session(parent.who);
                    let (session_id, role) = (Some(parent.id.clone()), Some(parent.spec.role.clone()));
                    Source { session_id, role, trusted: false }
                }
            };
            self.receive(cx, who, Arc::clone(prompt), source)?;
        }
        self.keep_spec(cx, who)?;
        self.checkpoint(cx, who, "created")?;
        Ok(who)
    }

    /// Lets a new session, or one that nothing holds back any more, begin its first run.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let session = self.session(who);
        if !session.waits_for.is_empty() || !session.wants_run() {
            return self.rest(cx, who);
        }
        self.enqueue_next(cx, who)
    }

    /// Puts input on record; it comes into the thread before the next run.
    pub(super) fn receive(&mut self, cx: &mut Cx<'_>, who: Who, text: Arc<str>, source: Source) -> Step<Id> {
        let Source { session_id, role, trusted } = source;
        let said = Said {
            role: MessageRole::User,
            actor: if session_id.is_some() { Actor::Agent } else { Actor::Human },
            content: &text,
            name: None,
            tokens: None,
            tool_call_id: None,
            source: Some(MessageSource { session_id, role, trusted: Some(trusted) }),
            span: None,
        };
        let message_id = self.message(cx, who, said)?;
        self.session_mut(who).inbox.push(text);
        Ok(message_id)
    }

    /// Takes another session's words in as input, which nobody has to trust.
    pub(super) fn receive_from(&mut self, cx: &mut Cx<'_>, who: Who, from: Who, text: &str) -> Step {
        let from = self.session(from);
        let (id, role) = (from.id.clone(), from.spec.role.clone());
        let label = from.spec.label.as_ref().map_or("", |label| label.as_str());
        let text =
            format!("[from session {id}, role {role}{}{label}]\n{text}", if label.is_empty() { "" } else { ", " });
        self.receive(cx, who, text.into(), Source { session_id: Some(id), role: Some(role), trusted: false }).map(drop)
    }
}

/// The budget as `session.created` has it.
fn budget_on_record(spec: &SessionSpec) -> Step<Option<Budget>> {
    let mut budget = Budget::default();
    let int = |value: u64| Scalar::Int(i64::try_from(value).unwrap_or(i64::MAX));
    if let Some(tokens) = spec.budget.tokens {
        budget.insert(words::id("tokens"), int(tokens))?;
    }
    if let Some(nanos) = spec.budget.cost_nanos {
        budget.insert(words::id("cost_usd"), Scalar::Float(nanos as f64 / 1e9))?;
    }
    if budget.is_empty() {
        return Ok(None);
    }
    budget.insert(words::id("warn_percent"), Scalar::Int(spec.budget.warn_percent.into()))?;
    budget.insert(words::id("action"), Scalar::Str(spec.budget.action.as_str().into()))?;
    Ok(Some(budget))
}
