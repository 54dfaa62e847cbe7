//! Spans, messages and states, folded from events when somebody asks for them.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use flightrec_events::families::session::SessionMessage;
use flightrec_events::families::work::{LlmInference, SpanClosed, SpanOpened};
use flightrec_events::{Count, Event, Id, Payload, SpanId, Usd};
use rustc_hash::{FxHashMap, FxHashSet};

use super::told::{Told, is_transcript, telemetry_source};
use super::usage::Charge;
use crate::view::{LinkView, MessageView, SpanView, StateChangeView, label};

/// The key of a span: ids are unique within a session, and events outside any session may have spans too.
type SpanKey = (Option<Arc<str>>, SpanId);

/// Folds events, in the order of the log, of one session or of many.
#[derive(Debug, Default)]
pub(crate) struct DetailFold {
    spans: Vec<SpanView>,
    /// Which of the spans, by their place, were made of transcripts.
    transcribed: FxHashSet<usize>,
    span_index: FxHashMap<SpanKey, usize>,
    /// What inferences said of a span, for spans whose end does not say it.
    usage: FxHashMap<SpanKey, SpanUsage>,
    messages: Vec<MessageView>,
    /// Messages that telemetry told of, by session and message: it tells of them again and again.
    told: FxHashMap<(Arc<str>, Arc<str>), usize>,
    states: Vec<StateChangeView>,
    /// Whether telemetry told of anything here: it comes in any order.
    is_told: bool,
    /// The sessions that other ids stand for.
    stand_ins: FxHashMap<Arc<str>, Arc<str>>,
    /// Sessions under whose ids telemetry told what their agents said, with what they said themselves.
    sharing: FxHashMap<Arc<str>, Told>,
}

/// What one span used: each response once; reports without a response id count only while none has one.
#[derive(Debug, Default)]
struct SpanUsage {
    responses: FxHashMap<(Option<Arc<str>>, Arc<str>), Charge>,
    unnamed: Option<Charge>,
}

impl SpanUsage {
    fn report(&mut self, event: &Event, inference: &LlmInference) {
        let charge = Charge::new(0, 0, event, inference);
        let held = match &inference.request_id {
            Some(request) => {
                let key = (inference.provider.as_ref().map(Id::shared), request.shared());
                self.responses.entry(key).or_insert(charge)
            }
            None => self.unnamed.get_or_insert(charge),
        };
        if charge.beats(held) {
            *held = charge;
        }
    }

    /// Tokens in, tokens out, nano-dollars if any are known.
    fn sum(&self) -> (u64, u64, Option<u64>) {
        let unnamed = self.unnamed.iter().filter(|_| self.responses.is_empty());
        self.responses.values().chain(unnamed).fold((0, 0, None), |sum: (u64, u64, Option<u64>), charge| {
            let amounts = charge.amounts;
            let nanos = match (sum.2, amounts.nanos) {
                (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
                (sum, more) => sum.or(more),
            };
            (sum.0.saturating_add(amounts.input), sum.1.saturating_add(amounts.output), nanos)
        })
    }
}

impl DetailFold {
    /// A fold that knows which ids stand for which sessions, and which share theirs with their agents.
    pub(crate) fn new(stand_ins: FxHashMap<Arc<str>, Arc<str>>, sharing: FxHashMap<Arc<str>, Told>) -> Self {
        Self { stand_ins, sharing, ..Self::default() }
    }

    /// The session that an id names or stands for.
    fn session(&self, id: &Id) -> Arc<str> {
        self.stand_ins.get(id.as_str()).map_or_else(|| id.shared(), Arc::clone)
    }

    fn session_of(&self, event: &Event) -> Option<Arc<str>> {
        event.model_session_id.as_ref().map(|id| self.session(id))
    }

    pub(crate) fn apply(&mut self, seq: u64, event: &Event) {
        self.is_told |= telemetry_source(event).is_some();
        match &event.payload {
            Payload::SpanOpened(opened) => self.open(event, opened),
            Payload::SpanClosed(closed) => self.close(event, closed),
            Payload::LlmInference(inference) => self.infer(event, inference),
            Payload::SessionMessage(message) => self.say(seq, event, message),
            Payload::SessionStateChange(change) => self.states.push(StateChangeView {
                timestamp: event.timestamp,
                from_state: change.from_state,
                to_state: change.to_state,
                reason: change.reason.as_str().to_owned(),
                seq,
            }),
            Payload::SessionCreated(_)
            | Payload::SessionCompleted(_)
            | Payload::BudgetWarning(_)
            | Payload::SchedulerEnqueue(_)
            | Payload::SchedulerDispatch(_)
            | Payload::SchedulerRateLimited(_)
            | Payload::SchedulerCancelled(_)
            | Payload::SpawnRequested(_)
            | Payload::SpawnAccepted(_)
            | Payload::SpawnRejected(_)
            | Payload::AnnounceBack(_)
            | Payload::CascadeCancel(_)
            | Payload::SessionCheckpointed(_)
            | Payload::CrossSessionRead(_)
            | Payload::SessionLinked(_)
            | Payload::ToolCall(_)
            | Payload::WorkflowRecovery(_)
            | Payload::MailboxMessageCreated(_)
            | Payload::RecorderOpened(_)
            | Payload::RecorderRecovered(_)
            | Payload::RecorderRetentionPurged(_)
            | Payload::RecorderEventsDropped(_)
            | Payload::Declared(_) => {}
        }
    }

    fn say(&mut self, seq: u64, event: &Event, message: &SessionMessage) {
        let view = MessageView {
            message_id: message.message_id.shared(),
            session_id: self.session(&message.session_id),
            role: message.role,
            content_hash: message.content_hash,
            artifact_id: message.content_artifact_id,
            token_count: message.token_count.map(Count::get),
            timestamp: event.timestamp,
            tool_call_id: message.tool_call_id.as_ref().map(Id::shared),
            redacted: message.redacted,
            span_id: event.activity_span_id,
            seq,
        };
        if telemetry_source(event).is_none() {
            self.messages.push(view);
            return;
        }
        match self.told.entry((Arc::clone(&view.session_id), Arc::clone(&view.message_id))) {
            Entry::Vacant(entry) => {
                entry.insert(self.messages.len());
                self.messages.push(view);
            }
            Entry::Occupied(entry) => {
                // The first time it was said counts.
                let held = &mut self.messages[*entry.get()];
                if (view.timestamp, view.span_id) < (held.timestamp, held.span_id) {
                    *held = MessageView { artifact_id: view.artifact_id.or(held.artifact_id), ..view };
                }
            }
        }
    }

    fn span(&mut self, event: &Event) -> Option<&mut SpanView> {
        let span_id = event.span_id()?;
        let session_id = self.session_of(event);
        let key = (session_id.clone(), span_id);
        if telemetry_source(event).is_some_and(is_transcript) && !self.span_index.contains_key(&key) {
            self.transcribed.insert(self.spans.len());
        }
        let at = *self.span_index.entry(key).or_insert_with(|| {
            self.spans.push(SpanView {
                trace_id: event.trace_id,
                span_id,
                parent_span_id: None,
                session_id,
                session_span_id: event.session_span_id,
                kind: None,
                name: None,
                job_id: None,
                model_id: None,
                start: None,
                end: None,
                status: None,
                tokens_in: None,
                tokens_out: None,
                cost_nanos: None,
                error_code: None,
                tags: Vec::new(),
                links: Vec::new(),
            });
            self.spans.len() - 1
        });
        let span = &mut self.spans[at];
        span.job_id = span.job_id.take().or_else(|| event.job_id.as_ref().map(Id::shared));
        span.model_id = span.model_id.take().or_else(|| event.model_id.as_ref().map(Id::shared));
        Some(span)
    }

    fn open(&mut self, event: &Event, opened: &SpanOpened) {
        let Some(span) = self.span(event) else { return };
        span.kind = Some(opened.kind);
        span.name = Some(label(&opened.name));
        span.start = Some(event.timestamp);
        span.parent_span_id = opened.parent_span_id;
        span.tags = opened.tags.iter().flatten().map(ToString::to_string).collect();
        span.links = opened
            .links
            .iter()
            .flatten()
            .map(|link| LinkView {
                trace_id: link.trace_id,
                span_id: link.span_id,
                relation: link.relation.as_ref().map(label),
            })
            .collect();
    }

    fn close(&mut self, event: &Event, closed: &SpanClosed) {
        let Some(span) = self.span(event) else { return };
        span.end = Some(event.timestamp);
        span.status = Some(closed.status);
        span.tokens_in = closed.tokens_in.map(Count::get);
        span.tokens_out = closed.tokens_out.map(Count::get);
        span.cost_nanos = closed.cost_usd.map(Usd::nanos);
        span.error_code = closed.error_code.as_ref().map(ToString::to_string);
    }

    fn infer(&mut self, event: &Event, inference: &LlmInference) {
        let Some(span_id) = event.activity_span_id else { return };
        let key = (self.session_of(event), span_id);
        self.usage.entry(key).or_default().report(event, inference);
    }

    /// The spans, by start, those without one by end.
    pub(crate) fn into_spans(self) -> Vec<SpanView> {
        self.finish().0
    }

    /// The messages, in the order of the log; those that telemetry told of by the time they were said.
    pub(crate) fn into_messages(mut self) -> Vec<MessageView> {
        if !self.sharing.is_empty() {
            let sharing = &self.sharing;
            let is_left =
                |view: &MessageView| sharing.get(&view.session_id).is_some_and(|own| own.is_left(&view.message_id));
            self.messages.retain(|view| !is_left(view));
        }
        if !self.told.is_empty() {
            self.messages.sort_by_key(|message| message.timestamp);
        }
        self.messages
    }

    /// Spans by start, and states in the order of the log.
    pub(crate) fn finish(mut self) -> (Vec<SpanView>, Vec<StateChangeView>) {
        for span in &mut self.spans {
            if let Some(usage) = self.usage.get(&(span.session_id.clone(), span.span_id)) {
                let (tokens_in, tokens_out, nanos) = usage.sum();
                span.tokens_in = span.tokens_in.or(Some(tokens_in));
                span.tokens_out = span.tokens_out.or(Some(tokens_out));
                span.cost_nanos = span.cost_nanos.or(nanos);
            }
        }
        self.leave_out_transcribed();
        self.spans.sort_by_key(|span| span.start.or(span.end));
        if self.is_told {
            self.states.sort_by_key(|state| state.timestamp);
        }
        (self.spans, self.states)
    }

    /// Spans that were made of transcripts stand in where a session has no others.
    fn leave_out_transcribed(&mut self) {
        if self.transcribed.is_empty() {
            return;
        }
        let others = self.spans.iter().enumerate().filter(|(at, _)| !self.transcribed.contains(at));
        let told: FxHashSet<Option<Arc<str>>> = others.map(|(_, span)| span.session_id.clone()).collect();
        let mut at = 0;
        let transcribed = &self.transcribed;
        self.spans.retain(|span| {
            let is_left = transcribed.contains(&at) && told.contains(&span.session_id);
            at += 1;
            !is_left
        });
    }
}
