//! Objects inside payloads.

use crate::attributes::Attributes;
use crate::ids::{SpanId, TraceId};
use crate::number::Count;
use crate::text::{Id, Label, Reason};
use crate::time::Timestamp;

record! {
    /// Where the wish for a session came from.
    TriggerSource {
        /// The stage's own session id; never a model session id.
        1 optional stage_session_id: Id,
        /// The stage's tab.
        2 optional stage_tab_id: Id,
        /// A reference in some other system, such as a ticket.
        3 optional external_ref: Id,
    }

    /// Who a message from outside came from.
    MessageSource {
        /// The session that sent it.
        1 optional session_id: Id,
        /// The role it speaks in.
        2 optional role: Id,
        /// Whether its sender is trusted.
        3 optional trusted: bool,
    }

    /// What one model call used. `prompt_tokens` includes the cached ones.
    TokenUsage {
        /// Tokens read by the model, cached ones included.
        1 required prompt_tokens: Count,
        /// Tokens written by the model, reasoning included.
        2 required completion_tokens: Count,
        /// Their sum, as the provider states it.
        3 required total_tokens: Count,
        /// Prompt tokens that came from the provider's cache.
        4 optional cached_prompt_tokens: Count,
        /// Prompt tokens that were written to the provider's cache.
        5 optional cache_write_tokens: Count,
        /// Completion tokens spent on reasoning.
        6 optional reasoning_tokens: Count,
    }

    /// Who called a tool.
    ToolActor {
        /// What it is, such as `agent`.
        1 required kind: Id,
        /// Which one.
        2 optional agent_id: Id,
        /// The model that decided to call.
        3 optional model_id: Id,
    }

    /// When a tool ran.
    ToolTiming {
        /// The start.
        1 required started_at: Timestamp,
        /// The end.
        2 required ended_at: Timestamp,
        /// How long it took, in milliseconds.
        3 required duration_ms: Count,
    }

    /// How a tool failed.
    ToolError {
        /// The tool's own code.
        1 optional code: Id,
        /// What kind of failure it was.
        2 optional kind: Id,
        /// What it said.
        3 optional message: Reason,
        /// Whether another attempt may succeed.
        4 optional retryable: bool,
    }

    /// What a tool touched.
    ResourcesTouched {
        /// Workspaces.
        1 optional workspace_ids: Vec<Id>,
        /// Artifacts.
        2 optional artifacts: Vec<Id>,
        /// Files, as paths.
        3 optional files: Vec<Id>,
        /// Addresses.
        4 optional urls: Vec<Id>,
    }

    /// A link from one span to another.
    SpanLink {
        /// The other span's trace.
        1 required trace_id: TraceId,
        /// The other span.
        2 required span_id: SpanId,
        /// What ties them together, such as `spawn` or `announce_back`.
        3 optional relation: Label,
    }
}

/// The budget a session was given: open names, because policies differ.
pub type Budget = Attributes;
