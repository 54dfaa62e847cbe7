//! The life of a session: lifecycle, scheduler, spawn, checkpoints, access.

use super::parts::{Budget, MessageSource, TriggerSource};
use crate::ids::SpanId;
use crate::number::{Count, Number, Usd};
use crate::text::{ArtifactId, Id, Label, Reason, Sha256Hex};
use crate::vocabulary::{
    Backend, BudgetAction, BudgetType, FinalState, Lane, LinkEvidence, LinkRelation, MemoryPolicy, MessageRole,
    RejectionReason, RetryBackoff, SpawnMode, State,
};

record! {
    /// A session exists. Its first event, once.
    SessionCreated {
        /// The session.
        1 required session_id: Id,
        /// The model it talks to.
        2 required model_id: Id,
        /// Where the model runs.
        3 required backend: Backend,
        /// What the session is for, such as `orchestrator` or `coder`.
        4 required role: Id,
        /// The work packet it belongs to.
        5 nullable wp_id: Id,
        /// The micro task it belongs to.
        6 nullable mt_id: Id,
        /// What it may remember.
        7 required memory_policy: MemoryPolicy,
        /// How many spawns lie between it and a session that nobody spawned.
        8 required spawn_depth: Count,
        /// The session that spawned it.
        9 optional parent_session_id: Id,
        /// Who serves the model.
        10 optional provider: Id,
        /// A name for people.
        11 optional label: Label,
        /// What it is allowed to do.
        12 optional capability_grants: Vec<Id>,
        /// Where the wish for it came from.
        13 optional trigger_source: TriggerSource,
        /// The budget it was given.
        14 optional budget: Budget,
    }

    /// A session went from one state to another.
    SessionStateChange {
        /// The session.
        1 required session_id: Id,
        /// The state it leaves; must be its present one.
        2 required from_state: State,
        /// The state it enters.
        3 required to_state: State,
        /// Why.
        4 required reason: Reason,
        /// The job that drove it.
        5 optional job_id: Id,
    }

    /// A session reached a terminal state; written once.
    SessionCompleted {
        /// The session.
        1 required session_id: Id,
        /// All tokens it used, by its own count.
        2 required total_tokens: Count,
        /// What it cost by its own count; null when it cannot be priced.
        3 nullable total_cost_usd: Usd,
        /// How long it lived, in milliseconds.
        4 required duration_ms: Count,
        /// How many messages its thread holds.
        5 required messages_count: Count,
        /// The state it ended in.
        6 optional final_state: FinalState,
        /// How many of its model runs have no price.
        7 optional unpriced_runs: Count,
    }

    /// A message joined a session's thread. Its content is an artifact.
    SessionMessage {
        /// The session.
        1 required session_id: Id,
        /// The message.
        2 required message_id: Id,
        /// Who speaks.
        3 required role: MessageRole,
        /// SHA-256 of the content, after redaction.
        4 required content_hash: Sha256Hex,
        /// How many tokens it is, where somebody counted.
        5 nullable token_count: Count,
        /// The artifact that holds the content.
        6 optional content_artifact_id: ArtifactId,
        /// The tool call it asks for or answers.
        7 optional tool_call_id: Id,
        /// Whether secrets were taken out of the content.
        8 optional redacted: bool,
        /// Where it came from, if from outside the session.
        9 optional source: MessageSource,
        /// Artifacts that came with it.
        10 optional attachments: Vec<Id>,
    }

    /// A budget reached its warning share or its end.
    BudgetWarning {
        /// The session that noticed.
        1 required session_id: Id,
        /// What the budget limits.
        2 required budget_type: BudgetType,
        /// The present value: tokens, US dollars, or either per minute.
        3 required current_value: Number,
        /// The value that was reached.
        4 required threshold_value: Number,
        /// What was done.
        5 optional action: BudgetAction,
        /// The work packet whose budget it is.
        6 optional wp_id: Id,
    }

    /// A model run was queued.
    SchedulerEnqueue {
        /// The session.
        1 required session_id: Id,
        /// The job.
        2 required job_id: Id,
        /// The lane it waits in.
        3 required lane: Lane,
        /// 0 is the highest.
        4 required priority: Count,
        /// Jobs of one group share a limit.
        5 nullable concurrency_group: Id,
        /// Which attempt this is, from 0.
        6 optional attempt: Count,
        /// How many jobs wait, this one included.
        7 optional queue_depth: Count,
        /// How often it may be tried again.
        8 optional max_retries: Count,
        /// How the waits between attempts grow.
        9 optional retry_backoff: RetryBackoff,
        /// How long one attempt may take, in milliseconds.
        10 optional timeout_ms: Count,
        /// What cancels it.
        11 optional cancellation_token: Id,
        /// The most tokens it may use; beyond them it fails.
        12 optional max_tokens_budget: Count,
        /// What it is expected to cost.
        13 optional estimated_cost_usd: Usd,
    }

    /// A queued model run was started.
    SchedulerDispatch {
        /// The session.
        1 required session_id: Id,
        /// The job.
        2 required job_id: Id,
        /// The lane it waited in.
        3 required lane: Lane,
        /// How long it waited, in milliseconds.
        4 required queue_wait_ms: Count,
        /// Which attempt this is, from 0.
        5 optional attempt: Count,
    }

    /// A model run was held back.
    SchedulerRateLimited {
        /// The session.
        1 required session_id: Id,
        /// The job.
        2 required job_id: Id,
        /// Whose limit it is.
        3 required provider: Id,
        /// For how long, in milliseconds.
        4 required backoff_ms: Count,
        /// Which attempt was held back, from 0.
        5 required attempt: Count,
        /// Why.
        6 optional reason: Reason,
        /// Which limit it was.
        7 optional limit: Id,
    }

    /// A queued or running model run was cancelled.
    SchedulerCancelled {
        /// The session.
        1 required session_id: Id,
        /// The job.
        2 required job_id: Id,
        /// Why.
        3 required reason: Reason,
        /// Who asked for it.
        4 required cancelled_by: Id,
        /// The lane it was in.
        5 optional lane: Lane,
        /// Which attempt it was, from 0.
        6 optional attempt: Count,
    }

    /// A session asks for a child.
    SpawnRequested {
        /// The session that asks.
        1 required requester_session_id: Id,
        /// The role the child is to have.
        2 required child_role: Id,
        /// The depth the child would have.
        3 required spawn_depth: Count,
        /// How long the child is to live.
        4 required spawn_mode: SpawnMode,
        /// The artifact with the child's task.
        5 optional task_payload_artifact_id: ArtifactId,
        /// Whether the child reports back when it ends.
        6 optional announce_back: bool,
        /// Where the wish came from.
        7 optional trigger_source: TriggerSource,
    }

    /// A spawn was granted.
    SpawnAccepted {
        /// The session that asked.
        1 required requester_session_id: Id,
        /// The child.
        2 required child_session_id: Id,
        /// The child's role.
        3 required child_role: Id,
        /// The child's depth.
        4 required spawn_depth: Count,
    }

    /// A spawn was refused.
    SpawnRejected {
        /// The session that asked.
        1 required requester_session_id: Id,
        /// Why it was refused.
        2 required rejection_reason: RejectionReason,
        /// The depth the child would have had.
        3 required spawn_depth: Count,
        /// How many active children the session had.
        4 required active_children_count: Count,
    }

    /// A child that ended told its requester.
    AnnounceBack {
        /// The child.
        1 required child_session_id: Id,
        /// The session that had asked for it.
        2 required requester_session_id: Id,
        /// How the child ended.
        3 required status: FinalState,
        /// The artifact with its summary.
        4 required summary_artifact_id: ArtifactId,
        /// The message in the requester's mailbox.
        5 required mailbox_message_id: Id,
        /// SHA-256 of the summary.
        6 optional summary_hash: Sha256Hex,
    }

    /// A session was cancelled with all its descendants.
    CascadeCancel {
        /// The session at the root.
        1 required root_session_id: Id,
        /// All the sessions that were cancelled with it.
        2 required cancelled_session_ids: Vec<Id>,
        /// Why.
        3 required reason: Reason,
    }

    /// A session's state was saved.
    SessionCheckpointed {
        /// The session.
        1 required session_id: Id,
        /// The checkpoint.
        2 required checkpoint_id: Id,
        /// The artifact that holds it.
        3 required checkpoint_artifact_id: ArtifactId,
        /// The last message it covers.
        4 nullable message_thread_tail_id: Id,
        /// How many tool calls had not answered.
        5 required pending_tool_calls: Count,
        /// What caused it.
        6 required trigger: Id,
    }

    /// A session read another's thread, with an operator's approval.
    CrossSessionRead {
        /// The session that read.
        1 required session_id: Id,
        /// The session whose thread was read.
        2 required owner_session_id: Id,
        /// Who approved it.
        3 required approved_by: Id,
        /// What was read.
        4 required message_ids: Vec<Id>,
    }

    /// Two session ids belong together, as telemetry told after the first events under either of them.
    ///
    /// `PART_OF`: the id stands in for a session that was not known yet; what was recorded under it belongs
    /// to the target. Of several such links of one id the strongest evidence counts, then the earliest.
    /// `CHILD_OF`: the target spawned the session.
    SessionLinked {
        /// The id that belongs to the target.
        1 required session_id: Id,
        /// How it belongs to it.
        2 required relation: LinkRelation,
        /// The session, or an id that stands in for one.
        3 required target_session_id: Id,
        /// What tells so.
        4 required evidence: LinkEvidence,
        /// The span that tells so, or the missing one that would.
        5 optional span_id: SpanId,
    }
}
