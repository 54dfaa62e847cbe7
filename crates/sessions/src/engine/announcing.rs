//! How the end of a session is told to whoever spawned it.

use flightrec_events::families::session::AnnounceBack;
use flightrec_events::families::work::MailboxMessageCreated;
use flightrec_events::{Actor, FinalState, SpanId, TraceId};

use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::{Ending, Who};
use super::session::Doing;
use crate::words;

impl Engine {
    /// Tells whoever asked for a session how it ended: a summary as an artifact, a message in the mailbox of the
    /// requester's role, and input for the requester itself.
    pub(super) fn announce_back(&mut self, cx: &mut Cx<'_>, who: Who, ending: &Ending) -> Step {
        let session = self.session(who);
        let Some(parent) = session.parent.filter(|parent| parent.announce_back) else { return Ok(()) };
        let requester = self.session(parent.who);
        let (requester_id, requester_role) = (requester.id.clone(), requester.spec.role.clone());
        let error = (ending.state != FinalState::Completed).then_some(&ending.reason);
        let summary = serde_json::json!({
            "session_id": session.id,
            "role": session.spec.role,
            "status": ending.state,
            "outputs": if ending.output.is_empty() { vec![] } else { vec![&*ending.output] },
            "error": error,
            "tokens": ending.tokens,
            "cost_nanos": ending.cost_nanos,
        })
        .to_string();
        let kept = session.keeps_content();
        let name = cx.record.name(summary.as_bytes(), kept)?;
        let session = self.session(who);
        let mailbox_message_id = self.new_id(cx.now);
        let mail = MailboxMessageCreated {
            thread_id: requester_id.clone(),
            message_id: mailbox_message_id.clone(),
            from_role: session.spec.role.clone(),
            to_roles: vec![requester_role],
            message_type: words::id("SessionAnnounceBack"),
            body_ref: words::id(&name.artifact_id.to_string()),
            body_sha256: name.sha256,
            idempotency_key: session.id.clone(),
            spec_id: None,
            work_packet_id: session.spec.wp_id.clone(),
            governance_mode: self.setup.governance_mode,
        };
        let announced = AnnounceBack {
            child_session_id: session.id.clone(),
            requester_session_id: requester_id,
            status: ending.state,
            summary_artifact_id: name.artifact_id,
            mailbox_message_id,
            summary_hash: Some(name.sha256),
        };
        let (at, link) = (At { span: Some(session.activity), job: None }, (session.trace, session.span));
        self.note(cx.now, who, (Actor::Agent, None), at, mail)?;
        self.note(cx.now, who, SYSTEM, at, announced)?;
        self.hear_back(cx, parent.who, who, &summary, link)
    }

    /// A session hears from a child. It goes on once all have ended that it waits for.
    fn hear_back(&mut self, cx: &mut Cx<'_>, who: Who, child: Who, summary: &str, link: (TraceId, SpanId)) -> Step {
        let session = self.session_mut(who);
        if !session.is_live() || session.cancel.is_some() {
            return Ok(());
        }
        session.announced.push(link);
        self.receive_from(cx, who, child, summary)?;
        let waits = matches!(self.session(who).doing, Doing::Nothing) && self.session(who).pause.is_none();
        if waits && self.announcing_children(who) == 0 && self.session(who).waits_for.is_empty() {
            return self.enqueue_next(cx, who);
        }
        Ok(())
    }
}
