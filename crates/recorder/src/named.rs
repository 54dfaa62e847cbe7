//! Which content events name.

use std::collections::HashSet;

use flightrec_events::{ArtifactId, CheckedEvent, Payload};

use crate::error::ReadError;
use crate::log::LogItem;
use crate::open;
use crate::reader::Reader;

impl Reader {
    /// SHA-256 of the content that events name, journal and archive; `None` if a part of the log is lost, so that nobody
    /// can tell.
    ///
    /// # Errors
    /// [`ReadError`] if the log cannot be read.
    pub fn named_artifacts(&self) -> Result<Option<HashSet<[u8; 32]>>, ReadError> {
        let mut named = HashSet::new();
        let mut scan = self.log().scan(1);
        while let Some(item) = scan.next()? {
            let LogItem::Block(block) = item else { return Ok(None) };
            for (seq, stored) in block.records() {
                each_named(&open::decode(seq, stored)?, |sha256| {
                    named.insert(sha256);
                });
            }
        }
        Ok(Some(named))
    }
}

/// Gives the SHA-256 of every artifact that an event names.
pub(crate) fn each_named(event: &CheckedEvent, mut give: impl FnMut([u8; 32])) {
    let mut name = |id: Option<ArtifactId>| {
        if let Some(id) = id {
            give(*id.sha256().as_bytes());
        }
    };
    match &event.payload {
        Payload::SessionMessage(message) => name(message.content_artifact_id),
        Payload::SpawnRequested(spawn) => name(spawn.task_payload_artifact_id),
        Payload::AnnounceBack(announce) => name(Some(announce.summary_artifact_id)),
        Payload::SessionCheckpointed(checkpoint) => name(Some(checkpoint.checkpoint_artifact_id)),
        Payload::ToolCall(call) => {
            for reference in [&call.args_ref, &call.result_ref].into_iter().flatten() {
                name(ArtifactId::parse_text(reference.as_str()).ok());
            }
        }
        Payload::MailboxMessageCreated(message) => name(ArtifactId::parse_text(message.body_ref.as_str()).ok()),
        Payload::SessionCreated(_)
        | Payload::SessionStateChange(_)
        | Payload::SessionCompleted(_)
        | Payload::BudgetWarning(_)
        | Payload::SchedulerEnqueue(_)
        | Payload::SchedulerDispatch(_)
        | Payload::SchedulerRateLimited(_)
        | Payload::SchedulerCancelled(_)
        | Payload::SpawnAccepted(_)
        | Payload::SpawnRejected(_)
        | Payload::CascadeCancel(_)
        | Payload::CrossSessionRead(_)
        | Payload::SessionLinked(_)
        | Payload::LlmInference(_)
        | Payload::WorkflowRecovery(_)
        | Payload::SpanOpened(_)
        | Payload::SpanClosed(_)
        | Payload::RecorderOpened(_)
        | Payload::RecorderRecovered(_)
        | Payload::RecorderRetentionPurged(_)
        | Payload::RecorderEventsDropped(_)
        | Payload::Declared(_) => {}
    }
}
