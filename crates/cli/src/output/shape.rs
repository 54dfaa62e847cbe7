//! Which fields each printed object has: the header of CSV, and the JSON behind it.

use crate::commands::{Checked, Held, Imported, Kept, Listening, Retained, Sent, Summary, Transcribed};
use flightrec_recorder::view::{
    ArtifactView, CostRow, Finding, LineVerdict, MessageView, RateView, SessionDetail, SessionView, SpanView, TreeView,
    VerifyView,
};
use flightrec_recorder::{RecordedEvent, Sealed};
use serde::Serialize;

/// Something that is printed in every format.
pub(crate) trait Item {
    /// Its fields, nested ones with dots, in the order of the JSON.
    const FIELDS: &'static [&'static str];

    /// Appends it as JSON, without line ends.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// A view that serializes as it is printed.
fn write_view(view: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, view)
        .expect("a view holds strings, numbers and lists, and memory takes what is written");
}

macro_rules! items {
    ($($view:ty => $fields:expr;)+) => {$(
        impl Item for $view {
            const FIELDS: &'static [&'static str] = $fields;

            fn write_json(&self, out: &mut Vec<u8>) {
                write_view(self, out);
            }
        }
    )+};
}

items! {
    Listening => &["http", "grpc"];
    Imported => &["files", "requests", "spans", "log_records", "refused", "data_points", "events_added"];
    Transcribed => &[
        "files", "lines", "sessions", "events_added", "events_duplicate", "refused", "left_out", "unfinished", "skipped",
        "skipped_because", "unknown",
    ];
    Summary => &[
        "plan", "ok", "interrupted", "sessions", "recovered", "trees", "waits", "tokens.input", "tokens.output",
        "tokens.cached", "tokens.cache_write", "tokens.reasoning", "tokens.total", "cost.nanos", "cost.unpriced_runs",
    ];
    Checked => &["plan", "ok", "sessions"];
    Kept => &["store", "seq", "chain", "at"];
    Sealed => &["segments", "events", "journal_bytes", "archive_bytes"];
    Sent => &[
        "url", "node", "dry_run", "verified", "generation", "segments.put", "segments.there", "artifacts.put",
        "artifacts.there", "bytes_put", "removed", "artifacts_missing_here", "positions_sealed", "positions_in_journal",
    ];
    Retained => &[
        "policy", "dry_run", "sessions", "events", "artifacts", "bytes", "kept_sessions", "held_sessions", "live_sessions",
    ];
    Held => &["session_id", "reason", "since"];
    SessionView => &[
        "session_id", "parent_session_id", "state", "role", "model_id", "provider", "backend", "wp_id", "mt_id",
        "spawn_depth", "label", "source", "created_at", "updated_at", "ended_at", "tokens.input", "tokens.output",
        "tokens.cached", "tokens.cache_write", "tokens.reasoning", "tokens.total", "cost.own_nanos",
        "cost.inclusive_nanos", "cost.unpriced_runs", "messages", "model_runs", "tool_calls", "spans", "open_spans",
        "findings",
    ];
    SpanView => &[
        "trace_id", "span_id", "parent_span_id", "session_id", "session_span_id", "kind", "name", "job_id", "model_id",
        "start", "end", "status", "tokens_in", "tokens_out", "cost_nanos", "error_code", "tags", "links",
    ];
    MessageView => &[
        "message_id", "session_id", "role", "content_hash", "artifact_id", "token_count", "timestamp", "tool_call_id",
        "redacted", "span_id", "seq",
    ];
    CostRow => &[
        "key", "sessions", "tokens.input", "tokens.output", "tokens.cached", "tokens.cache_write", "tokens.reasoning",
        "tokens.total", "cost.nanos", "cost.unpriced_runs",
    ];
    RateView => &["window_s", "active_sessions", "tokens_per_minute", "nanos_per_minute", "unpriced_runs"];
    Finding => &["kind", "severity", "session_id", "span_id", "seq", "detail"];
    VerifyView => &[
        "ok", "events", "first_seq", "last_seq", "chain_head", "damage", "artifacts.checked", "artifacts.missing",
        "artifacts.bad", "projections",
    ];
    ArtifactView => &["artifact_id", "sha256", "bytes", "redacted"];
    LineVerdict => &[
        "line", "event_id", "verdict", "error.code", "error.rule", "error.field", "error.message",
    ];
    SessionDetail => &["session", "states", "spans", "children"];
    TreeView => &["session", "children"];
}

impl Item for RecordedEvent {
    const FIELDS: &'static [&'static str] = &[
        "event_id",
        "code",
        "type",
        "timestamp",
        "actor",
        "actor_id",
        "trace_id",
        "job_id",
        "workflow_id",
        "model_id",
        "model_session_id",
        "activity_span_id",
        "session_span_id",
        "wsids",
        "capability_id",
        "policy_decision_id",
        "payload",
        "seq",
        "recorded_at",
    ];

    fn write_json(&self, out: &mut Vec<u8>) {
        RecordedEvent::write_json(self, out);
    }
}
