//! What transcripts tell.
//!
//! Every event is told anew, whatever came before: its id follows from the session and from what it is about, so that
//! the record knows it again.

use flightrec_events::families::session::{SessionLinked, SessionStateChange};
use flightrec_events::families::work::{SpanClosed, SpanOpened};
use flightrec_events::telemetry::{UNKNOWN, whole_session};
use flightrec_events::{LinkRelation, Reason, State, Timestamp};

use super::emitter::{Emitter, Witness, label};
use super::work;
use crate::facts::Facts;
use crate::ids::{self, About};
use crate::transcripts::{Told, What};

impl Emitter<'_> {
    /// Writes the event of one thing that a transcript tells.
    pub(crate) fn transcript(&mut self, told: &Told) {
        let whole = ids::id(whole_session(told.session.as_str()));
        let mut key = [0; 24];
        key.copy_from_slice(&ids::digest(About::TraceOf, &[b"transcript", told.session.as_str().as_bytes()])[..24]);
        let witness = Witness {
            source: told.source,
            actor: self.memory.name(told.source.as_str()),
            session: told.session.clone(),
            trace: ids::trace_of_session(&whole),
            span: told.span,
            key,
        };
        match &told.what {
            What::Session { role } => self.created(&witness, told.at, role.as_deref().filter(|role| !role.is_empty())),
            What::ChildOf { parent, evidence } => {
                let linked = SessionLinked {
                    session_id: told.session.clone(),
                    relation: LinkRelation::ChildOf,
                    target_session_id: parent.clone(),
                    evidence: *evidence,
                    span_id: None,
                };
                let parts: [&[u8]; 2] = [parent.as_str().as_bytes(), evidence.as_str().as_bytes()];
                self.push(&witness, told.at, About::ChildOf, &parts, linked);
            }
            What::Message { message, nth } => {
                if let Some(kept) = self.contents.find(&message.content) {
                    let alike = work::alike(message, &kept);
                    let whole = ids::digest(About::Message, &[&alike, &nth.to_le_bytes()]);
                    self.say(&witness, message, &kept, told.at, &whole);
                }
            }
            What::Inference { facts, is_copy } => self.inferred(&witness, facts, told.at, *is_copy),
            What::ToolCall { facts, began } => {
                let Some(tool) = &facts.tool else { return };
                let call = self.call(&witness, facts, tool, facts.failure.is_some(), (*began, told.at), UNKNOWN);
                let id = call.tool_call_id.clone();
                self.push(&witness, *began, About::ToolCall, &[id.as_str().as_bytes()], call);
            }
            What::Opened { span, kind, name, parent, tag } => {
                let opened = SpanOpened {
                    kind: *kind,
                    name: label(name),
                    parent_span_id: *parent,
                    links: None,
                    tags: tag.as_ref().map(|tag| vec![ids::id(tag)]),
                    attributes: None,
                };
                self.push(&witness, told.at, About::Opened, &[span.as_bytes()], opened);
            }
            What::Closed { .. } | What::Ended { .. } => self.over(witness, told),
        }
        self.mapped.taken += 1;
        self.end_group();
    }

    /// Tells an end. A file that has grown may know it better: what was told first stands.
    fn over(&mut self, witness: Witness, told: &Told) {
        if let What::Closed { span, status, code, began } = &told.what {
            let closed = SpanClosed {
                status: *status,
                error_code: code.as_deref().filter(|code| !code.is_empty()).map(ids::id),
                tokens_in: None,
                tokens_out: None,
                cost_usd: None,
            };
            let id = ids::event_id(*began, About::Closed, &[&witness.key, span.as_bytes()]);
            self.push_as(id, &witness, told.at, None, closed);
        } else if let What::Ended { trace, state, span, began } = &told.what {
            let change = SessionStateChange {
                session_id: told.session.clone(),
                from_state: State::Active,
                to_state: *state,
                reason: Reason::new(format!("span {span} ended")).unwrap_or_else(|_| unreachable!("it is short")),
                job_id: None,
            };
            let id = ids::event_id(*began, About::SessionEnded, &[&witness.key, span.as_bytes()]);
            self.push_as(id, &Witness { trace: *trace, ..witness }, told.at, None, change);
        }
    }

    fn inferred(&mut self, witness: &Witness, facts: &Facts<'_>, at: Timestamp, is_copy: bool) {
        let Some(usage) = &facts.usage else { return };
        let inference = self.used(witness, facts, usage, at, None);
        let response = facts.response_id.as_deref().unwrap_or_default();
        let counts = [usage.input, usage.output].map(u64::to_le_bytes).concat();
        let parts: [&[u8]; 3] = [&witness.key, response.as_bytes(), &counts];
        let id = ids::ranked_event_id(at, is_copy, About::Inference, &parts);
        self.push_as(id, witness, at, None, inference);
    }
}
