//! One session reads another's thread: only where somebody approves, and only on record.

use flightrec_events::families::session::CrossSessionRead;
use flightrec_events::{Actor, Id};
use flightrec_recorder::ArtifactError;

use super::core::{At, Cx, Engine, Pending, Step};
use super::input::{AnswerTo, CommandError, Effect, ThreadEntry, Who};
use crate::approval::{ApprovalRequest, Decision};
use crate::record::RecordError;

/// The most messages that one reading gives, and that one event lists.
const MAX_MESSAGES: usize = 1_000;

/// A reading that waits for an approval.
#[derive(Debug)]
pub(crate) struct Reading {
    reader: Who,
    owner: Who,
    answer: AnswerTo<Result<Vec<ThreadEntry>, CommandError>>,
}

impl Engine {
    pub(super) fn read_thread(
        &mut self,
        reader: &Id,
        owner: &Id,
        answer: AnswerTo<Result<Vec<ThreadEntry>, CommandError>>,
    ) {
        let found = self.find(reader).and_then(|reader| Ok((reader, self.find(owner)?)));
        let refused = match found {
            Ok((reader, owner)) if self.session(owner).keeps_content() => {
                let request = ApprovalRequest::CrossSessionRead {
                    session_id: self.session(reader).id.clone(),
                    owner_session_id: self.session(owner).id.clone(),
                };
                let key = self.draw_call(Pending::Reading(Reading { reader, owner, answer }));
                self.out.effects.push(Effect::Ask { key, request });
                return;
            }
            Ok(_) => CommandError::NotKept(owner.clone()),
            Err(error) => error,
        };
        self.out.answer(answer, Err(refused));
    }

    pub(super) fn reading_decided(&mut self, cx: &mut Cx<'_>, reading: Reading, decision: Decision) -> Step {
        let Reading { reader, owner, answer } = reading;
        if !decision.approved {
            let refused = CommandError::Refused { by: decision.by, reason: decision.reason.as_str().to_owned() };
            self.out.answer(answer, Err(refused));
            return Ok(());
        }
        let owner_id = self.session(owner).id.clone();
        let entries = entries(cx, &owner_id)?;
        let payload = CrossSessionRead {
            session_id: self.session(reader).id.clone(),
            owner_session_id: owner_id,
            approved_by: decision.by.clone(),
            message_ids: entries.iter().map(|entry| entry.message_id.clone()).collect(),
        };
        let at = At { span: Some(self.here(reader)), job: None };
        self.note(cx.now, reader, (Actor::Human, Some(decision.by)), at, payload)?;
        self.out.answer(answer, Ok(entries));
        Ok(())
    }
}

/// The newest messages of a session's thread, oldest first, as the record keeps them.
fn entries(cx: &Cx<'_>, owner: &Id) -> Step<Vec<ThreadEntry>> {
    let Some(reader) = cx.record.reader() else { return Ok(Vec::new()) };
    let messages = reader.messages(Some(owner.shared()))?;
    let newest = &messages[messages.len().saturating_sub(MAX_MESSAGES)..];
    let mut entries = Vec::with_capacity(newest.len());
    for message in newest {
        let content = match reader.artifacts().get(message.content_hash) {
            Ok(content) => String::from_utf8_lossy(&content).into_owned(),
            Err(ArtifactError::NotFound(_)) => continue,
            Err(error) => return Err(RecordError::from(error)),
        };
        entries.push(ThreadEntry {
            message_id: Id::new(&*message.message_id)?,
            role: message.role,
            content_hash: message.content_hash,
            content,
        });
    }
    Ok(entries)
}
