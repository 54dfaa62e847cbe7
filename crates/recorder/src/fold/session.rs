//! What the projection keeps of one session.

use std::sync::Arc;

use flightrec_events::families::session::SessionCreated;
use flightrec_events::lifecycle::{self, Life};
use flightrec_events::telemetry::ATTRIBUTES_LEFT_OUT;
use flightrec_events::{Backend, Event, Payload, Rule, SpanId, State, Violation};
use serde::{Deserialize, Serialize};

use super::tally::SpanTally;
use super::told::{Told, is_transcript, telemetry_source};
use super::usage::{Amounts, Charge};
use crate::view::FindingKind;

/// The most findings that are kept of one session; the last one says that there were more.
const MAX_FINDINGS: usize = 256;

/// What `session.created` said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) parent: Option<Arc<str>>,
    pub(crate) role: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) provider: Option<Arc<str>>,
    pub(crate) backend: Backend,
    pub(crate) wp: Option<Arc<str>>,
    pub(crate) mt: Option<Arc<str>>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) depth: u64,
    pub(crate) created_us: i64,
}

impl Facts {
    fn of(created: &SessionCreated, created_us: i64) -> Self {
        let shared = |id: &Option<flightrec_events::Id>| id.as_ref().map(flightrec_events::Id::shared);
        Self {
            parent: shared(&created.parent_session_id),
            role: created.role.shared(),
            model: created.model_id.shared(),
            provider: shared(&created.provider),
            backend: created.backend,
            wp: shared(&created.wp_id),
            mt: shared(&created.mt_id),
            label: created.label.as_ref().map(|label| Arc::from(label.as_str())),
            depth: created.spawn_depth.get(),
            created_us,
        }
    }
}

/// Something that was noticed while folding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) kind: FindingKind,
    pub(crate) span: Option<[u8; 8]>,
    pub(crate) seq: u64,
    pub(crate) detail: String,
}

/// What was used under one model and provider. Wide enough that no record fills it, so that what was
/// added can be taken back exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) input: u128,
    pub(crate) output: u128,
    pub(crate) cached: u128,
    pub(crate) cache_write: u128,
    pub(crate) reasoning: u128,
    pub(crate) nanos: u128,
    pub(crate) runs: u64,
    pub(crate) unpriced_runs: u64,
}

impl Account {
    pub(crate) fn add(&mut self, amounts: &Amounts) {
        self.input += u128::from(amounts.input);
        self.output += u128::from(amounts.output);
        self.cached += u128::from(amounts.cached);
        self.cache_write += u128::from(amounts.cache_write);
        self.reasoning += u128::from(amounts.reasoning);
        self.nanos += u128::from(amounts.nanos.unwrap_or(0));
        self.runs += 1;
        self.unpriced_runs += u64::from(amounts.nanos.is_none());
    }

    pub(crate) fn take_back(&mut self, amounts: &Amounts) {
        // Only what was added is taken back, unless a snapshot was forged; that must not end the host.
        let less = |sum: &mut u128, amount: u64| *sum = sum.saturating_sub(u128::from(amount));
        less(&mut self.input, amounts.input);
        less(&mut self.output, amounts.output);
        less(&mut self.cached, amounts.cached);
        less(&mut self.cache_write, amounts.cache_write);
        less(&mut self.reasoning, amounts.reasoning);
        less(&mut self.nanos, amounts.nanos.unwrap_or(0));
        self.runs = self.runs.saturating_sub(1);
        self.unpriced_runs = self.unpriced_runs.saturating_sub(u64::from(amounts.nanos.is_none()));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cached += other.cached;
        self.cache_write += other.cache_write;
        self.reasoning += other.reasoning;
        self.nanos += other.nanos;
        self.runs += other.runs;
        self.unpriced_runs += other.unpriced_runs;
    }
}

/// The fold of one session's events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionFold {
    pub(crate) id: Arc<str>,
    pub(crate) life: Life,
    pub(crate) facts: Option<Facts>,
    /// What telemetry told of it, if any of its events came from there.
    pub(crate) told: Option<Box<Told>>,
    /// Whether its host recorded any of its events.
    pub(crate) is_native: bool,
    pub(crate) updated_us: Option<i64>,
    pub(crate) ended_us: Option<i64>,
    pub(crate) messages: u64,
    pub(crate) tool_calls: u64,
    /// Its spans, but for those that were made of transcripts.
    spans: SpanTally,
    /// Those: they stand in where nobody told of any other.
    transcribed_spans: SpanTally,
    /// By model and provider, as indices into the projection.
    pub(crate) accounts: Vec<(u32, Account)>,
    pub(crate) notes: Vec<Note>,
    pub(crate) extent: Extent,
    /// The blocks of the journal that hold its events, each by its first position.
    pub(crate) blocks: Vec<u64>,
}

/// Where in the log events lie, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) events: u64,
    /// The position of the first one; 0 if there is none.
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

impl Extent {
    /// Takes in one event. They come in the order of the log.
    pub(crate) fn take(&mut self, seq: u64) {
        self.merge(&Self { events: 1, first_seq: seq, last_seq: seq });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.events == 0 {
            return;
        }
        self.first_seq = if self.events == 0 { other.first_seq } else { self.first_seq.min(other.first_seq) };
        self.last_seq = self.last_seq.max(other.last_seq);
        self.events += other.events;
    }
}

impl SessionFold {
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            life: Life::UNKNOWN,
            facts: None,
            told: None,
            is_native: false,
            updated_us: None,
            ended_us: None,
            messages: 0,
            tool_calls: 0,
            spans: SpanTally::default(),
            transcribed_spans: SpanTally::default(),
            accounts: Vec::new(),
            notes: Vec::new(),
            extent: Extent::default(),
            blocks: Vec::new(),
        }
    }

    /// Whether it is only an id under which spans outside any session were recorded, or that a link names.
    pub(crate) fn is_hidden(&self) -> bool {
        !self.is_native && self.facts.is_none() && self.told.as_ref().is_none_or(|told| told.source.is_none())
    }

    /// The session that it says spawned it, unless it names itself.
    pub(crate) fn parent(&self) -> Option<&Arc<str>> {
        self.facts.as_ref().and_then(|facts| facts.parent.as_ref()).filter(|parent| **parent != self.id)
    }

    /// Folds one event of the session, usage apart. `first` says that it is the first one seen.
    pub(crate) fn apply(&mut self, seq: u64, event: &Event, first: bool) {
        let at_us = event.timestamp.as_micros();
        let source = telemetry_source(event);
        if let Some(source) = source {
            self.told.get_or_insert_default().hear(source, event);
        } else if !matches!(event.payload, Payload::SessionLinked(_)) {
            self.is_native = true;
            self.step(seq, event, first);
        }
        let is_life =
            !matches!(event.payload, Payload::SpanOpened(_) | Payload::SpanClosed(_) | Payload::SessionLinked(_));
        if is_life && source.is_none() {
            self.updated_us = self.updated_us.max(Some(at_us));
        }
        match &event.payload {
            Payload::SessionCreated(created) if self.facts.is_none() && source.is_none() => {
                self.facts = Some(Facts::of(created, at_us));
                if !first {
                    self.note(
                        FindingKind::LateEvent,
                        None,
                        seq,
                        "session.created arrived after other events of the session",
                    );
                }
            }
            Payload::SessionMessage(_) if source.is_none() => self.messages += 1,
            Payload::ToolCall(call) => {
                self.tool_calls += u64::from(source.is_none());
                if call.timing.ended_at < call.timing.started_at {
                    self.note(
                        FindingKind::ClockSkew,
                        event.activity_span_id,
                        seq,
                        "a tool call ended before it started",
                    );
                }
            }
            Payload::SpanOpened(_) => self.open_span(seq, event, at_us),
            Payload::SpanClosed(_) => self.close_span(seq, event, at_us),
            Payload::SessionCreated(_)
            | Payload::SessionMessage(_)
            | Payload::SessionStateChange(_)
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
            | Payload::LlmInference(_)
            | Payload::WorkflowRecovery(_)
            | Payload::MailboxMessageCreated(_)
            | Payload::RecorderOpened(_)
            | Payload::RecorderRecovered(_)
            | Payload::RecorderRetentionPurged(_)
            | Payload::RecorderEventsDropped(_)
            | Payload::Declared(_) => {}
        }
    }

    fn step(&mut self, seq: u64, event: &Event, first: bool) {
        let was_terminal = self.life.state.is_terminal();
        let before = if first { None } else { Some(self.life) };
        match lifecycle::step(before, event) {
            Ok(life) => self.life = life,
            Err(violation) => {
                self.life = lifecycle::force(before, event);
                self.note_violation(seq, &violation);
            }
        }
        if !was_terminal && self.life.state.is_terminal() {
            self.ended_us = Some(event.timestamp.as_micros());
        }
    }

    fn note_violation(&mut self, seq: u64, violation: &Violation) {
        match violation.rule {
            Rule::AfterTerminal => self.note(FindingKind::AfterTerminal, None, seq, &violation.message),
            // Told once and for all by the finding that the session has no creation.
            Rule::UnknownSession => {}
            Rule::MalformedJson
            | Rule::UnknownCode
            | Rule::UnknownType
            | Rule::CodeTypeMismatch
            | Rule::MissingField
            | Rule::UnknownField
            | Rule::WrongType
            | Rule::BadValue
            | Rule::OutOfBounds
            | Rule::AssignedByRecorder
            | Rule::MissingModelSessionId
            | Rule::CorrelationMismatch
            | Rule::InlineContent
            | Rule::IllegalTransition
            | Rule::EventIdConflict => self.note(FindingKind::IllegalTransition, None, seq, &violation.message),
        }
    }

    fn open_span(&mut self, seq: u64, event: &Event, at_us: i64) {
        let Some(span) = event.span_id() else { return };
        if let Payload::SpanOpened(opened) = &event.payload
            && opened.tags.iter().flatten().any(|tag| tag.as_str() == ATTRIBUTES_LEFT_OUT)
        {
            let detail = "the span has more attributes than are taken; the rest was left out";
            self.note(FindingKind::DroppedEvents, Some(span), seq, detail);
        }
        if let Some(ended_us) = self.tally_of(event).open(span, at_us) {
            self.check_span_times(seq, span, at_us, ended_us);
        }
    }

    fn tally_of(&mut self, event: &Event) -> &mut SpanTally {
        if telemetry_source(event).is_some_and(is_transcript) { &mut self.transcribed_spans } else { &mut self.spans }
    }

    /// The spans that are shown of it: those that were made of transcripts only where there are no others.
    pub(crate) const fn tally(&self) -> &SpanTally {
        if self.spans.count == 0 { &self.transcribed_spans } else { &self.spans }
    }

    fn close_span(&mut self, seq: u64, event: &Event, at_us: i64) {
        let Some(span) = event.span_id() else { return };
        if let Some(started_us) = self.tally_of(event).close(span, at_us) {
            self.check_span_times(seq, span, started_us, at_us);
        }
    }

    fn check_span_times(&mut self, seq: u64, span: SpanId, started_us: i64, ended_us: i64) {
        if ended_us < started_us {
            self.note(FindingKind::ClockSkew, Some(span), seq, "a span ended before it started");
        }
    }

    pub(crate) fn note(&mut self, kind: FindingKind, span: Option<SpanId>, seq: u64, detail: &str) {
        let detail = match self.notes.len() + 1 {
            n if n < MAX_FINDINGS => detail.to_owned(),
            MAX_FINDINGS => format!("{detail}; more findings of this session are not listed"),
            _ => return,
        };
        self.notes.push(Note { kind, span: span.map(|span| *span.as_bytes()), seq, detail });
    }

    /// Takes in the fold of an id that stands for the same session.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.is_native |= other.is_native;
        if self.facts.is_none() {
            self.facts.clone_from(&other.facts);
        }
        if let Some(other) = &other.told {
            self.told.get_or_insert_default().merge(other);
        }
        self.updated_us = self.updated_us.max(other.updated_us);
        self.ended_us = self.ended_us.max(other.ended_us);
        self.messages += other.messages;
        self.tool_calls += other.tool_calls;
        self.spans.merge(&other.spans);
        self.transcribed_spans.merge(&other.transcribed_spans);
        for (key, account) in &other.accounts {
            match self.accounts.iter_mut().find(|(held, _)| held == key) {
                Some((_, held)) => held.merge(account),
                None => self.accounts.push((*key, *account)),
            }
        }
        self.extent.merge(&other.extent);
        self.notes.extend_from_slice(&other.notes);
        self.notes.truncate(MAX_FINDINGS);
    }

    /// Takes back what several kinds of witnesses of telemetry charged all.
    pub(crate) fn settle(&mut self) {
        let twice = self.told.as_ref().map_or_else(Vec::new, |told| told.told_twice());
        for (account, amounts, times) in twice {
            for _ in 0..times {
                self.take_back(account, &amounts);
            }
        }
    }

    /// Messages in its thread, however often telemetry told of them.
    pub(crate) fn messages(&self) -> u64 {
        self.messages + self.told.as_ref().map_or(0, |told| told.messages())
    }

    /// Tools that it called, however often telemetry told of them.
    pub(crate) fn tool_calls(&self) -> u64 {
        self.tool_calls + self.told.as_ref().map_or(0, |told| told.tool_calls())
    }

    /// The role that telemetry told of.
    pub(crate) fn role_told(&self) -> Option<&Arc<str>> {
        self.told.as_ref().and_then(|told| told.role.as_ref()).map(|said| &said.what)
    }

    /// The time of its latest event, in microseconds since 1970; how telemetry told of it is no sign of life.
    pub(crate) fn touched_us(&self) -> Option<i64> {
        self.updated_us.max(self.told.as_ref().and_then(|told| told.last_us.or(told.first_us)))
    }

    /// Its state, and when it ended if it has.
    pub(crate) fn state(&self) -> (State, Option<i64>) {
        match &self.told {
            Some(told) if !self.is_native => told.state(self.tally().open.values().max().copied()),
            Some(_) | None => (self.life.state, self.ended_us),
        }
    }

    /// Makes a charge.
    pub(crate) fn post(&mut self, charge: &Charge) {
        self.charge(charge.account, &charge.amounts);
        if let (Some(witness), Some(told)) = (charge.witness, &mut self.told) {
            told.charged(witness, charge);
        }
    }

    /// Takes a charge back.
    pub(crate) fn unpost(&mut self, charge: &Charge) {
        self.take_back(charge.account, &charge.amounts);
        if let (Some(witness), Some(told)) = (charge.witness, &mut self.told) {
            told.taken_back(witness, charge);
        }
    }

    /// Charges one run to the account of one model and provider.
    fn charge(&mut self, key: u32, amounts: &Amounts) {
        let at = self.accounts.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
            self.accounts.push((key, Account::default()));
            self.accounts.len() - 1
        });
        self.accounts[at].1.add(amounts);
    }

    /// Takes one run back. An account without runs goes, as if the run had never stood in it.
    fn take_back(&mut self, key: u32, amounts: &Amounts) {
        if let Some(at) = self.accounts.iter().position(|(k, _)| *k == key) {
            self.accounts[at].1.take_back(amounts);
            if self.accounts[at].1.runs == 0 {
                self.accounts.remove(at);
            }
        }
    }

    /// All accounts together.
    pub(crate) fn sum(&self) -> Account {
        let mut sum = Account::default();
        for (_, account) in &self.accounts {
            sum.merge(account);
        }
        sum
    }
}
