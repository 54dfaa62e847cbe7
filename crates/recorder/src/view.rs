//! The answers, in the shapes that the command line and the API print. Absent facts are null.

use std::sync::Arc;

use flightrec_events::{
    ArtifactId, Backend, EventId, Label, MessageRole, Sha256Hex, SpanId, SpanKind, SpanStatus, State, Timestamp,
    TraceId,
};
use serde::Serialize;

/// Token counts. `input` includes cached tokens; `total` is `input` + `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tokens {
    /// Read by models, cached ones included.
    pub input: u64,
    /// Written by models, reasoning included.
    pub output: u64,
    /// Read from a provider's cache.
    pub cached: u64,
    /// Written to a provider's cache.
    pub cache_write: u64,
    /// Spent on reasoning.
    pub reasoning: u64,
    /// `input` + `output`.
    pub total: u64,
}

/// What a session cost, in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SessionCost {
    /// The session alone.
    pub own_nanos: u128,
    /// With all its descendants.
    pub inclusive_nanos: u128,
    /// Model runs of the session alone that have no price.
    pub unpriced_runs: u64,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionView {
    /// The session.
    pub session_id: Arc<str>,
    /// The session that spawned it.
    pub parent_session_id: Option<Arc<str>>,
    /// Its present state.
    pub state: State,
    /// What it is for.
    pub role: Option<Arc<str>>,
    /// The model it talks to.
    pub model_id: Option<Arc<str>>,
    /// Who serves the model.
    pub provider: Option<Arc<str>>,
    /// Where the model runs.
    pub backend: Option<Backend>,
    /// The work packet.
    pub wp_id: Option<Arc<str>>,
    /// The micro task.
    pub mt_id: Option<Arc<str>>,
    /// How many spawns lie above it.
    pub spawn_depth: Option<u64>,
    /// A name for people.
    pub label: Option<Arc<str>>,
    /// How it came into the record: `native`, or what it was mapped from.
    pub source: Arc<str>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The time of its latest event, span events apart.
    pub updated_at: Option<Timestamp>,
    /// When it reached a terminal state.
    pub ended_at: Option<Timestamp>,
    /// What it used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: SessionCost,
    /// Messages in its thread.
    pub messages: u64,
    /// Model calls, each counted once.
    pub model_runs: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Spans.
    pub spans: u64,
    /// Spans without an end.
    pub open_spans: u64,
    /// What is wrong or incomplete about it.
    pub findings: Vec<Finding>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A parent that this store does not hold.
    OrphanParent,
    /// An end without a start.
    MissingStart,
    /// A start without an end, although the session has ended.
    MissingEnd,
    /// A state change that the rules forbid.
    IllegalTransition,
    /// Something began in a session that had ended.
    AfterTerminal,
    /// The session's creation arrived after other events of it.
    LateEvent,
    /// Model runs without a price.
    Unpriced,
    /// Times that cannot be right.
    ClockSkew,
    /// Usage that was reported more than once and counted once.
    DuplicateUsage,
    /// Events that the recorder had to let go.
    DroppedEvents,
    /// Positions that are damaged or missing.
    Gap,
}

impl FindingKind {
    /// The name as it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            FindingKind::OrphanParent => "orphan_parent",
            FindingKind::MissingStart => "missing_start",
            FindingKind::MissingEnd => "missing_end",
            FindingKind::IllegalTransition => "illegal_transition",
            FindingKind::AfterTerminal => "after_terminal",
            FindingKind::LateEvent => "late_event",
            FindingKind::Unpriced => "unpriced",
            FindingKind::ClockSkew => "clock_skew",
            FindingKind::DuplicateUsage => "duplicate_usage",
            FindingKind::DroppedEvents => "dropped_events",
            FindingKind::Gap => "gap",
        }
    }

    /// How much it matters.
    pub const fn severity(self) -> Severity {
        match self {
            FindingKind::LateEvent | FindingKind::DuplicateUsage => Severity::Info,
            FindingKind::OrphanParent
            | FindingKind::MissingStart
            | FindingKind::MissingEnd
            | FindingKind::AfterTerminal
            | FindingKind::IllegalTransition
            | FindingKind::Unpriced
            | FindingKind::ClockSkew => Severity::Warning,
            FindingKind::DroppedEvents | FindingKind::Gap => Severity::Error,
        }
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the answers are right.
    Info,
    /// Something is incomplete or doubtful.
    Warning,
    /// Something was lost.
    Error,
}

/// Something wrong or incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// The session, if it concerns one.
    pub session_id: Option<Arc<str>>,
    /// The span, if it concerns one.
    pub span_id: Option<SpanId>,
    /// The event that raised it, if one did.
    pub seq: Option<u64>,
    /// What happened, in a sentence.
    pub detail: String,
}

/// A link from one span to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkView {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// What ties them together.
    pub relation: Option<String>,
}

/// One span: the half-open interval `[start, end)`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpanView {
    /// The trace.
    pub trace_id: Option<TraceId>,
    /// The span.
    pub span_id: SpanId,
    /// The span it lies in.
    pub parent_span_id: Option<SpanId>,
    /// The session.
    pub session_id: Option<Arc<str>>,
    /// The session's own span.
    pub session_span_id: Option<SpanId>,
    /// What it stands for; null if its start is missing.
    pub kind: Option<SpanKind>,
    /// A name for people.
    pub name: Option<String>,
    /// The job.
    pub job_id: Option<Arc<str>>,
    /// The model.
    pub model_id: Option<Arc<str>>,
    /// The start; null if it is missing.
    pub start: Option<Timestamp>,
    /// The end; null while it is open.
    pub end: Option<Timestamp>,
    /// How it ended; null while it is open.
    pub status: Option<SpanStatus>,
    /// Tokens read.
    pub tokens_in: Option<u64>,
    /// Tokens written.
    pub tokens_out: Option<u64>,
    /// What it cost, in nano-dollars.
    pub cost_nanos: Option<u64>,
    /// The error, if there was one.
    pub error_code: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Other spans that it has to do with.
    pub links: Vec<LinkView>,
}

/// One message of a session's thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageView {
    /// The message.
    pub message_id: Arc<str>,
    /// The session.
    pub session_id: Arc<str>,
    /// Who speaks.
    pub role: MessageRole,
    /// SHA-256 of the content.
    pub content_hash: Sha256Hex,
    /// The artifact that holds the content.
    pub artifact_id: Option<ArtifactId>,
    /// How many tokens it is.
    pub token_count: Option<u64>,
    /// When it was said.
    pub timestamp: Timestamp,
    /// The tool call it asks for or answers.
    pub tool_call_id: Option<Arc<str>>,
    /// Whether secrets were taken out of the content.
    pub redacted: Option<bool>,
    /// The span it was said in.
    pub span_id: Option<SpanId>,
    /// Its position in the store.
    pub seq: u64,
}

/// One step in a session's states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateChangeView {
    /// When.
    pub timestamp: Timestamp,
    /// The state it left.
    pub from_state: State,
    /// The state it entered.
    pub to_state: State,
    /// Why.
    pub reason: String,
    /// Its position in the store.
    pub seq: u64,
}

/// A session with its descendants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TreeView {
    /// The session.
    pub session: SessionView,
    /// The sessions that it spawned.
    pub children: Vec<TreeView>,
}

/// Everything about one session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionDetail {
    /// Its facts and totals.
    pub session: SessionView,
    /// Its states, in order.
    pub states: Vec<StateChangeView>,
    /// Its spans, by start.
    pub spans: Vec<SpanView>,
    /// Its descendants.
    pub children: Vec<TreeView>,
}

/// Cost of one row of a roll-up, in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowCost {
    /// The sum of what is priced.
    pub nanos: u128,
    /// Model runs without a price.
    pub unpriced_runs: u64,
}

/// One row of a roll-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostRow {
    /// The session, work packet, role, model or provider; null gathers those that have none.
    pub key: Option<Arc<str>>,
    /// How many sessions share in it.
    pub sessions: u64,
    /// What they used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: RowCost,
}

/// One model run: usage that was reported, however often, and counts once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRunView {
    /// The session that it counts for.
    pub session_id: Arc<str>,
    /// The report that counts.
    pub event_id: EventId,
    /// When it was reported, on the emitter's clock.
    pub timestamp: Timestamp,
    /// The role of the session.
    pub role: Option<Arc<str>>,
    /// The work packet of the session.
    pub wp_id: Option<Arc<str>>,
    /// The model that answered.
    pub model_id: Arc<str>,
    /// Who served the model.
    pub provider: Option<Arc<str>>,
    /// Where the model runs.
    pub backend: Option<Backend>,
    /// What was used.
    pub tokens: Tokens,
    /// What it cost, in nano-dollars; null if it has no price.
    pub cost_nanos: Option<u64>,
}

/// The present rate of use over a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RateView {
    /// The window, in seconds.
    pub window_s: u64,
    /// Sessions that are ACTIVE now.
    pub active_sessions: u64,
    /// Tokens per minute.
    pub tokens_per_minute: u64,
    /// Nano-dollars per minute.
    pub nanos_per_minute: u128,
    /// Model runs in the window that have no price.
    pub unpriced_runs: u64,
}

/// One damaged place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamageView {
    /// What kind of damage it is.
    pub kind: String,
    /// The file.
    pub segment: String,
    /// The first position that is lost, where it is known.
    pub seq_from: Option<u64>,
    /// The last position that is lost, where it is known.
    pub seq_to: Option<u64>,
    /// What was found.
    pub detail: String,
}

impl std::fmt::Display for DamageView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.kind, self.segment)?;
        match (self.seq_from, self.seq_to) {
            (Some(from), Some(to)) => write!(f, ", events {from} to {to}")?,
            (Some(from), None) => write!(f, ", events from {from} on")?,
            (None, _) => {}
        }
        write!(f, ": {}", self.detail)
    }
}

/// What `verify` says of artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ArtifactCheck {
    /// Artifacts whose bytes were hashed again.
    pub checked: u64,
    /// Artifacts that events name but nobody gave to this store.
    pub missing: u64,
    /// Artifacts whose bytes are not what their name says.
    pub bad: u64,
}

/// Whether the projections say what the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionCheck {
    /// They do.
    Match,
    /// They do not; deleting `derived/` makes the next open fold the log again.
    Differ,
}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyView {
    /// Whether nothing is damaged.
    pub ok: bool,
    /// Events that were read.
    pub events: u64,
    /// The first position.
    pub first_seq: Option<u64>,
    /// The last position.
    pub last_seq: Option<u64>,
    /// The end of the hash chain.
    pub chain_head: String,
    /// Every damaged place.
    pub damage: Vec<DamageView>,
    /// Artifacts.
    pub artifacts: ArtifactCheck,
    /// Projections.
    pub projections: ProjectionCheck,
}

/// Where content went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactView {
    /// The id to put into events.
    pub artifact_id: ArtifactId,
    /// SHA-256 of the redacted content.
    pub sha256: Sha256Hex,
    /// Bytes of the redacted content.
    pub bytes: u64,
    /// Whether secrets were taken out.
    pub redacted: bool,
}

/// What happened to one submitted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the record, at this position.
    Recorded {
        /// The position.
        seq: u64,
    },
    /// The record held it already.
    Duplicate,
    /// It was refused.
    Rejected(flightrec_events::Violation),
}

/// Verdict on one line, as `record` and `validate` print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineVerdict {
    /// The line, from 1.
    pub line: u64,
    /// The event's id, if it had a readable one.
    pub event_id: Option<EventId>,
    /// `accepted`, `duplicate` or `rejected`.
    pub verdict: &'static str,
    /// What was wrong.
    pub error: Option<LineError>,
}

/// What was wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineError {
    /// The stable error code.
    pub code: &'static str,
    /// The rule that was broken.
    pub rule: &'static str,
    /// The field, if one is to blame.
    pub field: Option<String>,
    /// What was expected.
    pub message: String,
}

/// Free text of an event, for a view.
pub(crate) fn label(text: &Label) -> String {
    text.as_str().to_owned()
}
