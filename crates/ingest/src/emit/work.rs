//! The work itself: messages, calls of tools, use of models.

use std::borrow::Cow;

use flightrec_events::families::parts::{TokenUsage, ToolActor, ToolError, ToolTiming};
use flightrec_events::families::session::SessionMessage;
use flightrec_events::families::work::{LlmInference, ToolCall};
use flightrec_events::telemetry::UNKNOWN;
use flightrec_events::{Count, Idempotency, SideEffect, Timestamp, Transport, Usd};
use rustc_hash::FxHashMap;

use super::emitter::{Emitter, Witness, is_error};
use crate::contents::Kept;
use crate::facts::{Facts, Message, Tool, Usage, Work};
use crate::ids::{self, About};
use crate::otlp::model::Span;

impl Emitter<'_> {
    /// Tells what the work itself was: messages, the call of a tool, the use of a model.
    pub(super) fn told(
        &mut self,
        witness: &Witness,
        facts: &Facts<'_>,
        (start, end): (Timestamp, Option<Timestamp>),
        span: &Span,
    ) {
        self.messages(witness, &facts.messages, start, end);
        let Some(end) = end else { return };
        if let (Work::ToolCall, Some(tool)) = (facts.work, &facts.tool) {
            let failed = facts.failure.is_some() || is_error(span);
            self.tool_call(witness, facts, tool, failed, (start, end), &span.name);
        }
        if let (Work::ModelCall, Some(usage)) = (facts.work, &facts.usage) {
            self.inference(witness, facts, usage, (start, end));
        }
        self.spawned(witness, facts, start);
    }

    pub(super) fn messages(
        &mut self,
        witness: &Witness,
        messages: &[Message<'_>],
        start: Timestamp,
        end: Option<Timestamp>,
    ) {
        let mut told: FxHashMap<[u8; 32], u32> = FxHashMap::default();
        for message in messages {
            let Some(kept) = self.contents.find(&message.content) else { continue };
            let at = if message.is_answer { end.unwrap_or(start) } else { start };
            let alike = alike(message, &kept);
            let nth = told.entry(alike).or_default();
            self.message(witness, message, &kept, at, (&alike, *nth));
            *nth += 1;
        }
    }

    /// Tells of a message, unless it was told of before with the same time or an earlier one.
    pub(super) fn message(
        &mut self,
        witness: &Witness,
        message: &Message<'_>,
        kept: &Kept,
        at: Timestamp,
        (alike, nth): (&[u8; 32], u32),
    ) {
        let whole = ids::digest(About::Message, &[alike, &nth.to_le_bytes()]);
        let session = witness.session.as_str().as_bytes();
        let key = ids::short_key(About::Message, &[session, &whole]);
        if self.memory.messages.get(&key).is_some_and(|earliest| *earliest <= at.as_micros()) {
            return;
        }
        self.memory.messages.put(key, at.as_micros());
        self.say(witness, message, kept, at, &whole);
    }

    /// Tells of a message, whatever was told before.
    pub(super) fn say(
        &mut self,
        witness: &Witness,
        message: &Message<'_>,
        kept: &Kept,
        at: Timestamp,
        whole: &[u8; 32],
    ) {
        let message_id = ids::hex(&whole[..16]);
        let said = SessionMessage {
            session_id: witness.session.clone(),
            message_id: ids::id(&message_id),
            role: message.role,
            content_hash: kept.sha256,
            token_count: None,
            content_artifact_id: Some(kept.artifact_id),
            tool_call_id: message.tool_call_id.as_deref().filter(|id| !id.is_empty()).map(ids::id),
            redacted: kept.redacted.then_some(true),
            source: None,
            attachments: None,
        };
        self.push(witness, at, About::Message, &[whole], said);
    }

    pub(super) fn tool_call(
        &mut self,
        witness: &Witness,
        facts: &Facts<'_>,
        tool: &Tool<'_>,
        failed: bool,
        (start, end): (Timestamp, Timestamp),
        name: &str,
    ) {
        let call = self.call(witness, facts, tool, failed, (start, end), name);
        self.push(witness, start, About::ToolCall, &[], call);
    }

    /// The call of a tool as events tell it.
    pub(super) fn call(
        &self,
        witness: &Witness,
        facts: &Facts<'_>,
        tool: &Tool<'_>,
        failed: bool,
        (start, end): (Timestamp, Timestamp),
        name: &str,
    ) -> ToolCall {
        let arguments = tool.arguments.as_deref().and_then(|text| self.contents.find(text));
        let result = tool.result.as_deref().and_then(|text| self.contents.find(text));
        let ok = tool.ok.unwrap_or(!failed);
        let call_id = match tool.call_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => ids::id(id),
            None => ids::id(&witness.span.map_or_else(|| ids::hex(&witness.key), |span| span.to_string())),
        };
        ToolCall {
            tool_call_id: call_id,
            tool_id: ids::id(tool.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(name)),
            tool_version: ids::id(UNKNOWN),
            transport: if tool.mcp_server.is_some() { Transport::Mcp } else { Transport::Other },
            side_effect: SideEffect::Execute,
            idempotency: Idempotency::NonIdempotent,
            actor: ToolActor { kind: ids::id("agent"), agent_id: facts.agent.as_deref().map(ids::id), model_id: None },
            ok,
            timing: ToolTiming { started_at: start, ended_at: end, duration_ms: millis(start, end) },
            idempotency_key: None,
            args_ref: arguments.map(|kept| ids::id(&kept.artifact_id.to_string())),
            args_hash: arguments.map(|kept| kept.sha256),
            result_ref: result.map(|kept| ids::id(&kept.artifact_id.to_string())),
            result_hash: result.map(|kept| kept.sha256),
            error: (!ok).then(|| ToolError {
                code: facts.failure.as_ref().and_then(|failure| failure.code.as_deref()).map(ids::id),
                kind: facts.failure.as_ref().filter(|failure| failure.cancelled).map(|_| ids::id("cancelled")),
                message: None,
                retryable: None,
            }),
            resources_touched: None,
            capability_ids: None,
            parent_span_id: None,
        }
    }

    pub(super) fn inference(
        &mut self,
        witness: &Witness,
        facts: &Facts<'_>,
        usage: &Usage,
        (start, end): (Timestamp, Timestamp),
    ) {
        let latency = facts.duration_ms.map_or_else(|| millis(start, end), Count::saturating);
        let inference = self.used(witness, facts, usage, start, Some(latency));
        self.push(witness, end.max(start), About::Inference, &[], inference);
    }

    /// The use of a model as events tell it.
    pub(super) fn used(
        &mut self,
        witness: &Witness,
        facts: &Facts<'_>,
        usage: &Usage,
        start: Timestamp,
        latency_ms: Option<Count>,
    ) -> LlmInference {
        let stated = usage.cost_nanos.map(|nanos| (nanos, Cow::Owned(format!("emitter:{}", witness.source.as_str()))));
        let priced = stated.or_else(|| {
            let model = facts.model.as_deref()?;
            let priced = self.prices.price(facts.provider.as_deref(), model, usage, start)?;
            Some((priced.nanos, Cow::Owned(priced.source)))
        });
        let count = Count::saturating;
        LlmInference {
            model_id: facts
                .model
                .as_deref()
                .filter(|model| !model.is_empty())
                .map_or_else(|| ids::id(UNKNOWN), |model| self.memory.name(model)),
            token_usage: TokenUsage {
                prompt_tokens: count(usage.input),
                completion_tokens: count(usage.output),
                total_tokens: count(usage.input.saturating_add(usage.output)),
                cached_prompt_tokens: usage.cached.map(count),
                cache_write_tokens: usage.cache_write.map(count),
                reasoning_tokens: usage.reasoning.map(count),
            },
            latency_ms,
            time_to_first_token_ms: facts.time_to_first_token_ms.map(count),
            prompt_hash: None,
            response_hash: None,
            provider: facts.provider.as_deref().filter(|name| !name.is_empty()).map(|name| self.memory.name(name)),
            request_id: facts.response_id.as_deref().filter(|id| !id.is_empty()).map(ids::id),
            finish_reason: facts
                .finish_reason
                .as_deref()
                .filter(|reason| !reason.is_empty())
                .map(|reason| self.memory.name(reason)),
            cost_usd: priced.as_ref().and_then(|(nanos, _)| Usd::from_nanos(*nanos)),
            price_source: priced.map(|(_, source)| ids::id(&source)),
        }
    }
}

/// What messages have in common that are one, however often they are told.
pub(super) fn alike(message: &Message<'_>, kept: &Kept) -> [u8; 32] {
    let call = message.tool_call_id.as_deref().unwrap_or_default();
    ids::digest(About::Message, &[message.role.as_str().as_bytes(), kept.sha256.as_bytes(), call.as_bytes()])
}

fn millis(start: Timestamp, end: Timestamp) -> Count {
    Count::saturating(u64::try_from(end.micros_since(start) / 1_000).unwrap_or(0))
}
