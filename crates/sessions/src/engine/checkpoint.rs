//! Checkpoints: what a session is taken up from again, with the events that follow.

use std::sync::Arc;

use flightrec_events::families::session::SessionCheckpointed;
use flightrec_events::{ArtifactId, Count, Id, MemoryPolicy};
use serde::{Deserialize, Serialize};

use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::{Dependency, Who};
use super::session::{Asked, Checkpointed};
use crate::record::RecordError;
use crate::spec::SessionSpec;
use crate::words;

/// A checkpoint is taken after so many messages.
pub(super) const EVERY_MESSAGES: u32 = 5;
/// A checkpoint is taken after so many tokens of a stream.
pub(super) const EVERY_TOKENS: u64 = 4_096;
/// The form of a checkpoint. An older program does not take up what a newer one saved.
pub(super) const FORMAT: u32 = 1;

/// What a checkpoint's artifact holds, as JSON. The thread is not in it: its messages are on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) format: u32,
    pub(super) session_id: Id,
    /// The runtime that drove the session.
    pub(super) run_id: Id,
    /// The artifact that holds the [`SessionSpec`].
    pub(super) spec: ArtifactId,
    pub(super) announce_back: bool,
    pub(super) waits_for: Vec<Dependency>,
    /// Who cancelled it, if that waits for a tool to end.
    pub(super) cancel: Option<Asked>,
    pub(super) step: u32,
    pub(super) messages: u64,
    pub(super) tail: Option<Id>,
    pub(super) pending_tool_calls: Vec<Id>,
}

impl Engine {
    /// Keeps what a session is to be, for whoever takes it up again. Its first input is in the thread, and of a
    /// thread that is not to be kept nothing is.
    pub(super) fn keep_spec(&mut self, cx: &mut Cx<'_>, who: Who) -> Step {
        let mut spec = SessionSpec::clone(&self.session(who).spec);
        spec.prompt = None;
        if spec.memory_policy == MemoryPolicy::Ephemeral {
            spec.instructions = None;
        }
        let name = cx.record.name(&json(&spec)?, true)?;
        self.session_mut(who).spec_artifact = Some(name.artifact_id);
        Ok(())
    }

    /// Takes a checkpoint, if anything has changed since the last one.
    pub(super) fn checkpoint(&mut self, cx: &mut Cx<'_>, who: Who, trigger: &str) -> Step {
        let session = self.session(who);
        let Some(spec) = session.spec_artifact.filter(|_| session.is_live() && session.checkpoint.changed) else {
            return Ok(());
        };
        let job = session.doing.job();
        let running = session.doing.tool().map(|tool| &tool.id);
        let left = job.into_iter().flat_map(|job| &job.pending).chain(&session.left_over).map(|tool| &tool.id);
        let pending: Vec<Id> = running.into_iter().chain(left).cloned().collect();
        let saved = Saved {
            format: FORMAT,
            session_id: session.id.clone(),
            run_id: self.setup.run_id.clone(),
            spec,
            announce_back: session.announces(),
            waits_for: session.waits_for.clone(),
            cancel: session.cancel.clone(),
            step: session.step,
            messages: session.messages,
            tail: session.tail.clone(),
            pending_tool_calls: pending.clone(),
        };
        let name = cx.record.name(&json(&saved)?, true)?;
        let payload = SessionCheckpointed {
            session_id: session.id.clone(),
            checkpoint_id: self.new_id(cx.now),
            checkpoint_artifact_id: name.artifact_id,
            message_thread_tail_id: session.tail.clone(),
            pending_tool_calls: Count::saturating(pending.len() as u64),
            trigger: words::id(trigger),
        };
        let (span, job) = (session.activity, job.map(|job| job.id.clone()));
        self.session_mut(who).checkpoint = Checkpointed::default();
        self.note(cx.now, who, SYSTEM, At { span: Some(span), job: job.as_ref() }, payload)
    }
}

fn json(value: &impl Serialize) -> Step<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| RecordError::Unreadable(Arc::from(error.to_string())))
}
