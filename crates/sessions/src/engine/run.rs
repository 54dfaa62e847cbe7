//! A model run, from its call to its reply, its failure or its time limit.
// tidy: no-wildcard

use std::time::Duration;

use flightrec_events::families::parts::{SpanLink, TokenUsage};
use flightrec_events::families::work::{LlmInference, SpanClosed, SpanOpened};
use flightrec_events::{
    Actor, Attributes, Count, Id, MessageRole, RetryBackoff, Scalar, SpanKind, SpanStatus, State, Usd,
};

use super::budget::Spent;
use super::core::{At, Cx, Engine, Pending, SYSTEM, Said, Step};
use super::input::{CallKey, Effect, Who};
use super::session::{Doing, PendingTool};
use super::timers::Alarm;
use crate::message::{ToolRequest, Turn};
use crate::model::{ModelCall, ModelError, ModelErrorKind, ModelReply, Usage};
use crate::price::Priced;
use crate::scheduler::{Limit, NotBefore};
use crate::time::later;
use crate::words;

/// The longest wait between two attempts that the runtime chooses itself.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// The longest id of a tool call that is kept as it is: it is a part of the call's idempotency key.
const MAX_CALL_ID_BYTES: usize = 128;
/// The longest wait that a provider may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

impl Engine {
    /// Opens the span of a job that was dispatched, and goes on with what it is for.
    pub(super) fn open_run(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let session = self.session_mut(who);
        let announced = std::mem::take(&mut session.announced);
        let Some(job) = session.doing.job_mut() else { return Ok(()) };
        job.open = true;
        let mut attributes = Attributes::default();
        attributes.insert(words::id("attempt"), Scalar::Int(job.attempt.into()))?;
        let (span, id) = (job.span, job.id.clone());
        let link = |(trace_id, span_id)| SpanLink { trace_id, span_id, relation: Some(words::label("announce_back")) };
        let payload = SpanOpened {
            kind: SpanKind::ModelRun,
            name: words::label(&format!("model_run {}", session.route.model_id)),
            parent_span_id: Some(session.span),
            links: (!announced.is_empty()).then(|| announced.into_iter().map(link).collect()),
            tags: None,
            attributes: Some(attributes),
        };
        let has_tools = !job.pending.is_empty();
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: Some(&id) }, payload)?;
        if has_tools {
            return self.next_tool(cx, who);
        }
        self.call_model(cx, who);
        Ok(())
    }

    /// Calls the model of a session whose run is open.
    pub(super) fn call_model(&mut self, cx: &Cx<'_>, who: Who) {
        let session = self.session_mut(who);
        session.thread.extend(session.inbox.drain(..).map(Turn::User));
        let session = self.session(who);
        let tools = session.spec.tools.iter().filter_map(|name| self.setup.tools.get(name));
        let mut tools: Vec<_> = tools.map(|tool| tool.spec().clone()).collect();
        tools.extend(super::spawning::spawn_tool(session));
        let Some(job) = session.doing.job() else { return };
        let budget_left = session.spec.jobs.max_tokens_budget.map(|budget| budget.saturating_sub(job.spent_tokens));
        let call = ModelCall {
            session_id: session.id.clone(),
            role: session.spec.role.clone(),
            label: session.spec.label.clone(),
            model_id: session.route.model_id.clone(),
            thread: session.thread.clone(),
            tools,
            max_output_tokens: [session.spec.max_output_tokens, budget_left].into_iter().flatten().min(),
            job_id: job.id.clone(),
            attempt: job.attempt,
            step: session.step,
            trace_id: session.trace,
            span_id: job.span,
        };
        let client = session.route.client.clone();
        let deadline = later(cx.now, session.spec.jobs.timeout);
        let key = self.draw_call(Pending::Session(who));
        let timer = self.timers.set(deadline, Alarm::Call(who));
        let session = self.session_mut(who);
        let Some(mut job) = session.doing.take_job() else { return };
        job.call = Some(key);
        job.called_at = cx.now;
        job.timer = Some(timer);
        (job.first_token_at, job.chunks, job.text_bytes) = (None, 0, 0);
        session.doing = Doing::Calling(job);
        self.out.effects.push(Effect::Call { key, client, call: Box::new(call) });
    }

    /// A running call received something.
    pub(super) fn progress(&mut self, cx: &mut Cx<'_>, call: CallKey, chunks: u64, text_bytes: u64) -> Step {
        let Some(Pending::Session(who)) = self.calls.get(&call) else { return Ok(()) };
        let who = *who;
        let session = self.session_mut(who);
        let Doing::Calling(job) = &mut session.doing else { return Ok(()) };
        job.first_token_at.get_or_insert(cx.now);
        let tokens = (text_bytes / 4).saturating_sub(job.text_bytes / 4);
        (job.chunks, job.text_bytes) = (chunks, text_bytes);
        session.checkpoint.streamed_tokens += tokens;
        self.touched.push(who);
        if self.session(who).checkpoint.streamed_tokens >= super::checkpoint::EVERY_TOKENS {
            self.session_mut(who).checkpoint.changed = true;
            self.checkpoint(cx, who, "streamed_tokens")?;
        }
        Ok(())
    }

    /// A call ended by itself.
    pub(super) fn replied(&mut self, cx: &mut Cx<'_>, call: CallKey, reply: Result<ModelReply, ModelError>) -> Step {
        let Some(Pending::Session(who)) = self.take_call(call) else { return Ok(()) };
        self.settle_call(cx, who, reply)
    }

    /// A call took too long: it is let go, and counts as failed.
    pub(super) fn call_timed_out(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let session = self.session(who);
        let Doing::Calling(job) = &session.doing else { return Ok(()) };
        let limit_ms = session.spec.jobs.timeout.as_millis();
        if let Some(call) = job.call {
            self.drop_call(call);
        }
        let message = format!("no reply within {limit_ms} ms");
        self.settle_call(cx, who, Err(ModelError::new(ModelErrorKind::TimedOut, message)))
    }

    fn settle_call(&mut self, cx: &mut Cx<'_>, who: Who, reply: Result<ModelReply, ModelError>) -> Step {
        let session = self.session_mut(who);
        let Doing::Calling(job) = &mut session.doing else { return Ok(()) };
        job.call = None;
        if let Some(timer) = job.timer.take() {
            self.timers.unset(timer);
        }
        match reply {
            Ok(reply) => self.take_reply(cx, who, reply),
            Err(error) => self.take_failure(cx, who, &error),
        }
    }

    fn take_reply(&mut self, cx: &mut Cx<'_>, who: Who, reply: ModelReply) -> Step {
        let is_said = !reply.text.is_empty() || reply.tool_calls.is_empty();
        let kept = self.session(who).keeps_content();
        let name = is_said.then(|| cx.record.name(reply.text.as_bytes(), kept)).transpose()?;
        let used = Used {
            usage: reply.usage,
            provider_nanos: reply.cost_nanos,
            response_id: reply.response_id.as_deref(),
            finish_reason: reply.finish_reason.as_deref(),
            response_hash: name.filter(|_| !reply.text.is_empty()).map(|name| name.sha256),
        };
        self.infer(cx, who, &used)?;
        let session = self.session_mut(who);
        session.step += 1;
        session.tools_done = 0;
        let tokens = reply.usage.map(|usage| usage.completion_tokens);
        if is_said {
            let said = Said {
                role: MessageRole::Assistant,
                actor: Actor::Agent,
                content: &reply.text,
                name,
                tokens,
                tool_call_id: None,
                source: None,
                span: None,
            };
            self.message(cx, who, said)?;
        }
        let pending = self.take_tool_requests(cx, who, &reply.tool_calls)?;
        let session = self.session_mut(who);
        session.output = reply.text.as_str().into();
        let requests = pending
            .iter()
            .map(|tool| ToolRequest { id: tool.id.as_str().to_owned(), ..tool.request.clone() })
            .collect();
        session.thread.push(Turn::Assistant { text: reply.text.into(), tool_calls: requests });
        if session.cancel.is_some() {
            return self.finish_cancel(cx, who);
        }
        let budget = session.spec.jobs.max_tokens_budget;
        let max_runs = session.spec.max_runs;
        let step = session.step;
        let Some(job) = session.doing.job_mut() else { return Ok(()) };
        job.replied = true;
        job.pending = pending.into();
        let (spent, has_tools) = (job.spent_tokens, !job.pending.is_empty());
        if let Some(budget) = budget.filter(|budget| spent > *budget) {
            let why = format!("max_tokens_budget: the job used {spent} of {budget} tokens");
            return self.fail(cx, who, "max_tokens_budget", &why);
        }
        if has_tools && step >= max_runs {
            return self.fail(cx, who, "max_runs", &format!("max_runs: no final answer after {step} model runs"));
        }
        self.next_tool(cx, who)
    }

    /// Puts the tool calls of a reply on record, each under an id that no other has in this session.
    fn take_tool_requests(&mut self, cx: &mut Cx<'_>, who: Who, asked: &[ToolRequest]) -> Step<Vec<PendingTool>> {
        let mut pending = Vec::with_capacity(asked.len());
        for request in asked {
            let given =
                Id::new(request.id.as_str()).ok().filter(|id| (1..=MAX_CALL_ID_BYTES).contains(&id.as_str().len()));
            let taken = |id: &Id| self.session(who).tool_call_ids.contains(id);
            let id = given.filter(|id| !taken(id)).unwrap_or_else(|| self.new_id(cx.now));
            self.session_mut(who).tool_call_ids.insert(id.clone());
            let content = serde_json::json!({ "tool": request.name, "arguments": request.arguments }).to_string();
            let said = Said {
                role: MessageRole::ToolCall,
                actor: Actor::Agent,
                content: &content,
                name: None,
                tokens: None,
                tool_call_id: Some(id.clone()),
                source: None,
                span: None,
            };
            self.message(cx, who, said)?;
            pending.push(PendingTool { id, request: request.clone(), approved: false, cut_off: None, redacted: false });
        }
        Ok(pending)
    }

    /// A run failed: it is tried again later, or its session fails.
    fn take_failure(&mut self, cx: &mut Cx<'_>, who: Who, error: &ModelError) -> Step {
        let session = self.session(who);
        let Some(job) = session.doing.job() else { return Ok(()) };
        let code = error.kind.code();
        // What was received was worked for, and is paid for, whether the provider tells how much or not.
        if error.usage.is_some() || job.chunks > 0 {
            let used = Used {
                usage: error.usage,
                provider_nanos: None,
                response_id: error.response_id.as_deref(),
                finish_reason: Some(code),
                response_hash: None,
            };
            self.infer(cx, who, &used)?;
        }
        if self.session(who).cancel.is_some() {
            return self.finish_cancel(cx, who);
        }
        let session = self.session(who);
        let options = session.spec.jobs.clone();
        let Some(job) = session.doing.job() else { return Ok(()) };
        let (attempt, attempts) = (job.attempt, options.max_retries.saturating_add(1));
        if !error.kind.is_retryable() || attempt >= attempts {
            let why = format!("{error}; attempt {attempt} of {attempts}");
            return self.fail(cx, who, code, &why);
        }
        let wait = backoff(options.retry_backoff, options.backoff_base, attempt, error.retry_after);
        if let (ModelErrorKind::RateLimited, Some(after)) = (error.kind, error.retry_after) {
            let provider = session.route.provider.clone();
            self.scheduler.pause_provider(&provider, later(cx.now, after.min(MAX_RETRY_AFTER)));
        }
        self.close_run(cx, who, SpanStatus::Error, Some(code))?;
        let fresh = self.setup.ids.span_id();
        let session = self.session_mut(who);
        let Some(mut job) = session.doing.take_job() else { return Ok(()) };
        session.activity = fresh;
        job.attempt += 1;
        (job.span, job.open, job.inferred, job.counted) = (fresh, false, false, false);
        (job.usage, job.cost_nanos, job.chunks) = (Usage::default(), None, 0);
        let reason = backoff_reason(&options, error, attempt, wait);
        let limit = if error.retry_after.is_some() { Limit::ProviderPause } else { Limit::Backoff };
        let state = format!("retry: attempt {} of {attempts} in {} ms, after {error}", job.attempt, wait.as_millis());
        self.enqueue(cx, who, job, Some(NotBefore { at: later(cx.now, wait), limit, reason }))?;
        self.wait_in_queue(cx, who, &state)
    }

    /// The state of a session whose job waits: BLOCKED, or PAUSED if somebody asked for that.
    pub(super) fn wait_in_queue(&mut self, cx: &mut Cx<'_>, who: Who, reason: &str) -> Step {
        match self.session(who).pause.clone() {
            Some(asked) => self.enter(cx, who, State::Paused, &asked.reason, asked.who()),
            None => self.enter(cx, who, State::Blocked, reason, SYSTEM),
        }
    }

    /// Closes the span of a run and gives back its place.
    pub(super) fn close_run(&mut self, cx: &mut Cx<'_>, who: Who, status: SpanStatus, code: Option<&str>) -> Step {
        let session = self.session_mut(who);
        let Some(job) = session.doing.job_mut() else { return Ok(()) };
        let (span, id, used, cost_nanos) = (job.span, job.id.clone(), job.usage, job.cost_nanos);
        let was_open = std::mem::replace(&mut job.open, false);
        self.free_place(who, cx.now);
        if !was_open {
            return Ok(());
        }
        let payload = SpanClosed {
            status,
            error_code: code.map(words::id),
            tokens_in: Some(Count::saturating(used.prompt_tokens)),
            tokens_out: Some(Count::saturating(used.completion_tokens)),
            cost_usd: cost_nanos.and_then(Usd::from_nanos),
        };
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: Some(&id) }, payload)
    }

    /// Puts what a run used on record, once, with its price or without one.
    fn infer(&mut self, cx: &mut Cx<'_>, who: Who, used: &Used<'_>) -> Step {
        let session = self.session(who);
        let Some(job) = session.doing.job() else { return Ok(()) };
        let usage = used.usage.unwrap_or_default();
        let priced = self.price(cx, who, used);
        let spent = Spent { tokens: usage.total(), nanos: priced.as_ref().map(|priced| priced.nanos) };
        let since_call = |at: flightrec_events::Timestamp| {
            Count::saturating(u64::try_from(at.micros_since(job.called_at) / 1000).unwrap_or(0))
        };
        let count = |tokens: u64| (tokens > 0).then(|| Count::saturating(tokens));
        let short = |text: &str| Id::new(text).ok();
        let payload = LlmInference {
            model_id: session.route.model_id.clone(),
            token_usage: TokenUsage {
                prompt_tokens: Count::saturating(usage.prompt_tokens),
                completion_tokens: Count::saturating(usage.completion_tokens),
                total_tokens: Count::saturating(usage.total()),
                cached_prompt_tokens: count(usage.cached_prompt_tokens),
                cache_write_tokens: count(usage.cache_write_tokens),
                reasoning_tokens: count(usage.reasoning_tokens),
            },
            latency_ms: Some(since_call(cx.now)),
            time_to_first_token_ms: job.first_token_at.map(since_call),
            prompt_hash: None,
            response_hash: used.response_hash,
            provider: Some(session.route.provider.clone()),
            request_id: used.response_id.and_then(short),
            finish_reason: used.finish_reason.and_then(short),
            cost_usd: priced.as_ref().and_then(|priced| Usd::from_nanos(priced.nanos)),
            price_source: priced.map(|priced| priced.source),
        };
        let (span, id) = (job.span, job.id.clone());
        self.note(cx.now, who, (Actor::Agent, None), At { span: Some(span), job: Some(&id) }, payload)?;
        if let Some(job) = self.session_mut(who).doing.job_mut() {
            job.inferred = true;
            job.usage = usage;
            job.cost_nanos = spent.nanos;
            job.spent_tokens = job.spent_tokens.saturating_add(spent.tokens);
        }
        self.spend(cx, who, spent)
    }

    /// Puts a run on record whose reply was cut off: what it used is not known, and so it has no price.
    pub(super) fn infer_cut_off(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let used = Used {
            usage: None,
            provider_nanos: None,
            response_id: None,
            finish_reason: Some("cancelled"),
            response_hash: None,
        };
        self.infer(cx, who, &used)
    }

    /// What a use costs: as the provider says, else as the host says, else as the list says, else nobody knows.
    fn price(&self, cx: &Cx<'_>, who: Who, used: &Used<'_>) -> Option<Priced> {
        let route = &self.session(who).route;
        if let Some(nanos) = used.provider_nanos {
            return Some(Priced { nanos, source: words::id("provider") });
        }
        let usage = used.usage?;
        if let Some(price) = &route.price {
            return Some(Priced { nanos: price.cost_nanos(&usage), source: words::id("host") });
        }
        self.setup.prices.as_ref()?.price(&route.provider, &route.model_id, &usage, cx.now)
    }
}

/// What is known of a run's use.
struct Used<'a> {
    usage: Option<Usage>,
    provider_nanos: Option<u64>,
    response_id: Option<&'a str>,
    finish_reason: Option<&'a str>,
    response_hash: Option<flightrec_events::Sha256Hex>,
}

/// How long to wait before the next attempt. The same failure always waits as long.
fn backoff(kind: RetryBackoff, base: Duration, attempt: u32, retry_after: Option<Duration>) -> Duration {
    if let Some(after) = retry_after {
        return after.min(MAX_RETRY_AFTER);
    }
    let factor = match kind {
        RetryBackoff::Fixed => 1,
        RetryBackoff::Exponential => 2_u32.saturating_pow(attempt.saturating_sub(1)),
    };
    base.saturating_mul(factor).min(MAX_BACKOFF)
}

fn backoff_reason(options: &crate::spec::JobOptions, error: &ModelError, attempt: u32, wait: Duration) -> String {
    let how = if error.retry_after.is_some() {
        "as the provider asks".to_owned()
    } else {
        let base_ms = options.backoff_base.as_millis();
        format!("{}, {base_ms} ms at first, at most {} ms", options.retry_backoff, MAX_BACKOFF.as_millis())
    };
    format!("attempt {attempt} failed ({error}); {} ms: {how}", wait.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_the_provider_has_the_last_word() {
        let second = Duration::from_secs(1);
        let waits = |kind| [1, 2, 3, 7, 40].map(|attempt| backoff(kind, second, attempt, None).as_secs());
        assert_eq!(waits(RetryBackoff::Exponential), [1, 2, 4, 60, 60]);
        assert_eq!(waits(RetryBackoff::Fixed), [1, 1, 1, 1, 1]);
        let asked = |secs| backoff(RetryBackoff::Exponential, second, 3, Some(Duration::from_secs(secs))).as_secs();
        assert_eq!((asked(0), asked(90), asked(1_000_000)), (0, 90, 3600));
    }
}
