//! What runs inside a session: model calls, tool calls, spans, recovery, the mailbox, and what the
//! recorder does to its own store.

use super::parts::{ResourcesTouched, SpanLink, TokenUsage, ToolActor, ToolError, ToolTiming};
use crate::attributes::Attributes;
use crate::ids::SpanId;
use crate::number::{Count, Usd};
use crate::text::{Id, Label, Reason, Sha256Hex};
use crate::time::Timestamp;
use crate::vocabulary::{GovernanceMode, Idempotency, SideEffect, SpanKind, SpanStatus, Transport};

record! {
    /// A model answered.
    LlmInference {
        /// The model.
        1 required model_id: Id,
        /// What it used.
        2 required token_usage: TokenUsage,
        /// From the request to the whole answer, in milliseconds.
        3 optional latency_ms: Count,
        /// From the request to the first token, in milliseconds.
        4 optional time_to_first_token_ms: Count,
        /// SHA-256 of the prompt.
        5 optional prompt_hash: Sha256Hex,
        /// SHA-256 of the response.
        6 optional response_hash: Sha256Hex,
        /// Who serves the model.
        7 optional provider: Id,
        /// The provider's id of the response: its usage counts once.
        8 optional request_id: Id,
        /// Why the model stopped.
        9 optional finish_reason: Id,
        /// What it cost; absent when nobody knows.
        10 optional cost_usd: Usd,
        /// Where the cost comes from; absent when the provider reported it.
        11 optional price_source: Id,
    }

    /// A tool was called.
    ToolCall {
        /// The call.
        1 required tool_call_id: Id,
        /// The tool.
        2 required tool_id: Id,
        /// The tool's version.
        3 required tool_version: Id,
        /// How the tool is reached.
        4 required transport: Transport,
        /// What the tool may do to the world.
        5 required side_effect: SideEffect,
        /// Whether the call may be repeated.
        6 required idempotency: Idempotency,
        /// Who called.
        7 required actor: ToolActor,
        /// Whether it succeeded.
        8 required ok: bool,
        /// When it ran.
        9 required timing: ToolTiming,
        /// The key under which it may be repeated.
        10 optional idempotency_key: Id,
        /// Where its arguments are kept.
        11 optional args_ref: Id,
        /// SHA-256 of its arguments.
        12 optional args_hash: Sha256Hex,
        /// Where its result is kept.
        13 optional result_ref: Id,
        /// SHA-256 of its result.
        14 optional result_hash: Sha256Hex,
        /// How it failed.
        15 optional error: ToolError,
        /// What it touched.
        16 optional resources_touched: ResourcesTouched,
        /// The capabilities it used.
        17 optional capability_ids: Vec<Id>,
        /// The span that it ran under.
        18 optional parent_span_id: SpanId,
    }

    /// A workflow was found without a heartbeat and moved on.
    WorkflowRecovery {
        /// The workflow.
        1 required workflow_run_id: Id,
        /// The state it was found in.
        2 required from_state: Id,
        /// The state it was put in.
        3 required to_state: Id,
        /// Why.
        4 required reason: Reason,
        /// When it was last seen alive.
        5 required last_heartbeat_ts: Timestamp,
        /// After how many seconds of silence it counts as stalled.
        6 required threshold_secs: Count,
    }

    /// A message was put in a role's mailbox. Its body is an artifact.
    MailboxMessageCreated {
        /// The thread.
        1 required thread_id: Id,
        /// The message.
        2 required message_id: Id,
        /// Who sent it.
        3 required from_role: Id,
        /// Who gets it.
        4 required to_roles: Vec<Id>,
        /// What kind of message it is.
        5 required message_type: Id,
        /// Where its body is kept.
        6 required body_ref: Id,
        /// SHA-256 of its body.
        7 required body_sha256: Sha256Hex,
        /// The key under which it may be sent again.
        8 required idempotency_key: Id,
        /// The specification it belongs to.
        9 nullable spec_id: Id,
        /// The work packet it belongs to.
        10 nullable work_packet_id: Id,
        /// How strictly governance is applied.
        11 required governance_mode: GovernanceMode,
    }

    /// Work began. It opens the event's `activity_span_id`, or else its `session_span_id`.
    SpanOpened {
        /// What the span stands for.
        1 required kind: SpanKind,
        /// A name for people.
        2 required name: Label,
        /// The span it lies in.
        3 nullable parent_span_id: SpanId,
        /// Other spans that it has to do with.
        4 optional links: Vec<SpanLink>,
        /// Words to find it by.
        5 optional tags: Vec<Id>,
        /// What else is known of it; never content.
        6 optional attributes: Attributes,
    }

    /// Work ended. It closes the event's `activity_span_id`, or else its `session_span_id`.
    SpanClosed {
        /// How it ended.
        1 required status: SpanStatus,
        /// The error, if there was one.
        2 optional error_code: Id,
        /// Tokens read.
        3 optional tokens_in: Count,
        /// Tokens written.
        4 optional tokens_out: Count,
        /// What it cost.
        5 optional cost_usd: Usd,
    }

    /// The recorder opened a store that something else wrote last.
    RecorderOpened {
        /// The version of the recorder.
        1 required recorder_version: Id,
        /// The version of the store's format.
        2 required format_version: Count,
        /// The version that wrote it last.
        3 optional previous_version: Id,
        /// SHA-256 of each declaration file in force.
        4 optional declarations: Vec<Id>,
    }

    /// The recorder repaired its store when it opened it.
    RecorderRecovered {
        /// How many bytes of an unfinished write were cut off.
        1 required bytes_truncated: Count,
        /// How many spans without an end were closed.
        2 required spans_abandoned: Count,
        /// How many damaged places were found and left as they are.
        3 optional damaged_ranges: Count,
    }

    /// The recorder forgot events, by policy.
    RecorderRetentionPurged {
        /// The first position that is gone.
        1 required first_seq: Count,
        /// The last position that is gone.
        2 required last_seq: Count,
        /// How many events are gone.
        3 required events: Count,
        /// The policy that demanded it.
        4 required policy: Label,
        /// How many artifacts are gone.
        5 optional artifacts: Count,
    }

    /// The recorder had to let events go.
    RecorderEventsDropped {
        /// How many.
        1 required count: Count,
        /// Why.
        2 required cause: Label,
        /// When the first one was let go.
        3 required first_at: Timestamp,
        /// When the last one was let go.
        4 required last_at: Timestamp,
    }
}
