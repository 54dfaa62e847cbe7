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

/// How many hashes are put in order at once.
const AT_ONCE: usize = 1 << 20;

/// Which content was named, each once, however often: told apart by the first eight bytes of its hash, so that much of it
/// takes little memory.
#[derive(Debug, Default)]
pub(crate) struct Named {
    sorted: Vec<u64>,
    new: Vec<u64>,
}

impl Named {
    pub(crate) fn add(&mut self, sha256: &[u8; 32]) {
        self.new.push(lead(sha256));
        if self.new.len() >= AT_ONCE.max(self.sorted.len() / 4) {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.new.sort_unstable();
        self.new.dedup();
        self.sorted.append(&mut self.new);
        #[expect(clippy::stable_sort_primitive, reason = "it merges two runs in order; the unstable one does not")]
        self.sorted.sort();
        self.sorted.dedup();
    }

    /// How much of it is not among `present`.
    pub(crate) fn count_without(mut self, present: impl Iterator<Item = [u8; 32]>) -> u64 {
        self.sort();
        let mut present: Vec<u64> = present.map(|sha256| lead(&sha256)).collect();
        present.sort_unstable();
        self.sorted.retain(|lead| present.binary_search(lead).is_err());
        self.sorted.len() as u64
    }
}

fn lead(sha256: &[u8; 32]) -> u64 {
    sha256.first_chunk().map_or(0, |lead| u64::from_be_bytes(*lead))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> [u8; 32] {
        let mut hash = [7; 32];
        hash[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        hash
    }

    #[test]
    fn each_content_counts_once_however_often_and_late_it_is_named() {
        const MANY: u64 = AT_ONCE as u64 + 1_000;
        let mut named = Named::default();
        for n in (0..MANY).chain(0..MANY / 2).chain(MANY - 5..MANY + 5) {
            named.add(&hash(n));
        }
        let present = (0..100).chain(MANY * 2..MANY * 3).map(hash);
        assert_eq!(named.count_without(present), MANY + 5 - 100);
        assert_eq!(Named::default().count_without([hash(1)].into_iter()), 0);
    }
}
