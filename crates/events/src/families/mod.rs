//! The families of events: one table that names each kind, its code, its type and its rules.
//!
//! - [`session`]: lifecycle, scheduler, spawn, checkpoints, access
//! - [`work`]: inferences, tool calls, spans, recovery, mailbox, the recorder itself
//! - [`parts`]: objects inside payloads

pub mod parts;
pub mod session;
pub mod work;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::columns::{Cells, Row};
use crate::declared::DeclaredPayload;
use crate::json::Json;
use crate::text::Id;
use crate::value::{FieldSpec, TextMap, Value};
use crate::violation::Violation;

/// A group of families that is printed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Session lifecycle.
    Session,
    /// Scheduler.
    Scheduler,
    /// Spawn.
    Spawn,
    /// What runs inside a session.
    Work,
    /// Spans.
    Span,
    /// Checkpoints and access.
    Governance,
    /// The recorder itself.
    Recorder,
}

impl Group {
    /// The group's heading.
    pub const fn title(self) -> &'static str {
        match self {
            Group::Session => "Session lifecycle",
            Group::Scheduler => "Scheduler",
            Group::Spawn => "Spawn",
            Group::Work => "What runs inside a session",
            Group::Span => "Spans",
            Group::Governance => "Checkpoints and access",
            Group::Recorder => "The recorder itself",
        }
    }
}

macro_rules! families {
    ($($tag:literal $variant:ident($module:ident) = $code:literal, $ty:literal, $group:ident, session: $session:tt;)+) => {
        /// The kind of a built-in event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = concat!("`", $code, "` `", $ty, "`")] $variant,)+ }

        /// What an event says, typed by its family.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Payload {
            $(#[doc = concat!("`", $code, "` `", $ty, "`")] $variant($module::$variant),)+
            /// A family that a user declared.
            Declared(DeclaredPayload),
        }

        impl Kind {
            /// Every built-in kind, in the order of the contract.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)+];

            /// The schema id, such as `FR-EVT-SESS-001`.
            pub const fn code(self) -> &'static str {
                match self { $(Kind::$variant => $code,)+ }
            }

            /// The type name, such as `session.created`.
            pub const fn type_name(self) -> &'static str {
                match self { $(Kind::$variant => $ty,)+ }
            }

            /// The group it is printed in.
            pub const fn group(self) -> Group {
                match self { $(Kind::$variant => Group::$group,)+ }
            }

            /// What it says, in one or two sentences.
            pub const fn doc(self) -> &'static str {
                match self { $(Kind::$variant => $module::$variant::DOC,)+ }
            }

            /// The rows of its payload.
            pub const fn fields(self) -> &'static [FieldSpec] {
                match self { $(Kind::$variant => $module::$variant::FIELDS,)+ }
            }

            /// The payload field that `model_session_id` must equal, if the family has one.
            pub const fn session_field(self) -> Option<&'static str> {
                match self { $(Kind::$variant => families!(@name $session),)+ }
            }

            /// The tag of that field's row; 0 if the family has none. It is the first row everywhere.
            pub(crate) const fn session_tag(self) -> u8 {
                match self.session_field() { Some(_) => 1, None => 0 }
            }

            /// The number in the stored form; never used again for another kind.
            pub const fn tag(self) -> u64 {
                match self { $(Kind::$variant => $tag,)+ }
            }

            /// The kind behind a stored number.
            pub const fn from_tag(tag: u64) -> Option<Self> {
                match tag { $($tag => Some(Kind::$variant),)+ _ => None }
            }

            /// The kind behind a code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Kind::$variant),)+ _ => None }
            }

            /// The kind behind a type name.
            pub fn from_type_name(name: &str) -> Option<Self> {
                match name { $($ty => Some(Kind::$variant),)+ _ => None }
            }

            pub(crate) fn parse(self, json: &Json<'_>) -> Result<Payload, Violation> {
                match self { $(Kind::$variant => $module::$variant::parse(json).map(Payload::$variant),)+ }
            }

            pub(crate) fn assemble(self, row: &mut Row<'_, '_>) -> Result<Payload, DecodeError> {
                match self {
                    $(Kind::$variant => $module::$variant::assemble_fields(self.session_tag(), row).map(Payload::$variant),)+
                }
            }

            pub(crate) fn decode(self, input: &mut Decoder<'_>) -> Result<Payload, DecodeError> {
                match self { $(Kind::$variant => $module::$variant::decode(input).map(Payload::$variant),)+ }
            }
        }

        impl Payload {
            /// The built-in kind; `None` for a declared family.
            pub const fn kind(&self) -> Option<Kind> {
                match self { $(Payload::$variant(_) => Some(Kind::$variant),)+ Payload::Declared(_) => None }
            }

            /// The session that the payload names, which `model_session_id` must equal.
            pub fn session(&self) -> Option<&Id> {
                match self {
                    $(Payload::$variant(_payload) => families!(@field _payload $session),)+
                    Payload::Declared(payload) => payload.session(),
                }
            }

            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                match self { $(Payload::$variant(payload) => payload.write(out),)+ Payload::Declared(payload) => payload.write(out) }
            }

            pub(crate) fn encode(&self, out: &mut Encoder<'_>) {
                match self { $(Payload::$variant(payload) => payload.encode(out),)+ Payload::Declared(payload) => payload.encode(out) }
            }

            pub(crate) fn shred(&self, cells: &mut Cells<'_>) {
                match self {
                    $(Payload::$variant(payload) => payload.shred_fields(Kind::$variant.session_tag(), cells),)+
                    Payload::Declared(_) => {}
                }
            }

            pub(crate) fn map_text(&mut self, map: &mut TextMap<'_>) {
                match self { $(Payload::$variant(payload) => payload.map_text(map),)+ Payload::Declared(payload) => payload.map_text(map) }
            }

            pub(crate) fn check(&self) -> Result<(), Violation> {
                match self { $(Payload::$variant(payload) => payload.check(),)+ Payload::Declared(_) => Ok(()) }
            }

            pub(crate) fn bulk_bytes(&self) -> usize {
                match self { $(Payload::$variant(payload) => payload.bulk_bytes(),)+ Payload::Declared(payload) => payload.bulk_bytes() }
            }
        }

        $(impl From<$module::$variant> for Payload {
            fn from(payload: $module::$variant) -> Self {
                Payload::$variant(payload)
            }
        })+
    };

    (@name none) => { None };
    (@name $field:ident) => { Some(stringify!($field)) };
    (@field $payload:ident none) => { None };
    (@field $payload:ident $field:ident) => { Some(&$payload.$field) };
}

families! {
    1 SessionCreated(session) = "FR-EVT-SESS-001", "session.created", Session, session: session_id;
    2 SessionStateChange(session) = "FR-EVT-SESS-002", "session.state_change", Session, session: session_id;
    3 SessionCompleted(session) = "FR-EVT-SESS-003", "session.completed", Session, session: session_id;
    4 SessionMessage(session) = "FR-EVT-SESS-004", "session.message", Session, session: session_id;
    5 BudgetWarning(session) = "FR-EVT-SESS-005", "session.budget_warning", Session, session: session_id;
    27 SessionLinked(session) = "FR-EVT-SESS-LINK-001", "session.linked", Session, session: session_id;
    6 SchedulerEnqueue(session) = "FR-EVT-SESS-SCHED-001", "session_scheduler.enqueue", Scheduler, session: session_id;
    7 SchedulerDispatch(session) = "FR-EVT-SESS-SCHED-002", "session_scheduler.dispatch", Scheduler, session: session_id;
    8 SchedulerRateLimited(session) = "FR-EVT-SESS-SCHED-003", "session_scheduler.rate_limited", Scheduler, session: session_id;
    9 SchedulerCancelled(session) = "FR-EVT-SESS-SCHED-004", "session_scheduler.cancelled", Scheduler, session: session_id;
    10 SpawnRequested(session) = "FR-EVT-SESS-SPAWN-001", "session.spawn_requested", Spawn, session: requester_session_id;
    11 SpawnAccepted(session) = "FR-EVT-SESS-SPAWN-002", "session.spawn_accepted", Spawn, session: requester_session_id;
    12 SpawnRejected(session) = "FR-EVT-SESS-SPAWN-003", "session.spawn_rejected", Spawn, session: requester_session_id;
    13 AnnounceBack(session) = "FR-EVT-SESS-SPAWN-004", "session.announce_back", Spawn, session: child_session_id;
    14 CascadeCancel(session) = "FR-EVT-SESS-SPAWN-005", "session.cascade_cancel", Spawn, session: root_session_id;
    15 LlmInference(work) = "FR-EVT-006", "llm_inference", Work, session: none;
    16 ToolCall(work) = "FR-EVT-007", "tool_call", Work, session: none;
    17 WorkflowRecovery(work) = "FR-EVT-WF-RECOVERY", "workflow_recovery", Work, session: none;
    18 MailboxMessageCreated(work) = "FR-EVT-GOV-MAILBOX-001", "gov_mailbox_message_created", Work, session: none;
    19 SpanOpened(work) = "FR-EVT-SPAN-001", "span.opened", Span, session: none;
    20 SpanClosed(work) = "FR-EVT-SPAN-002", "span.closed", Span, session: none;
    21 SessionCheckpointed(session) = "FR-EVT-SESS-CKPT-001", "session.checkpointed", Governance, session: session_id;
    22 CrossSessionRead(session) = "FR-EVT-SESS-ACCESS-001", "session.cross_session_read", Governance, session: session_id;
    23 RecorderOpened(work) = "FR-EVT-REC-001", "recorder.opened", Recorder, session: none;
    24 RecorderRecovered(work) = "FR-EVT-REC-002", "recorder.recovered", Recorder, session: none;
    25 RecorderRetentionPurged(work) = "FR-EVT-REC-003", "recorder.retention_purged", Recorder, session: none;
    26 RecorderEventsDropped(work) = "FR-EVT-REC-004", "recorder.events_dropped", Recorder, session: none;
}

impl Payload {
    /// The payload field that `model_session_id` must equal, if the family has one.
    pub fn session_field(&self) -> Option<&str> {
        if let Payload::Declared(payload) = self { payload.session_field() } else { self.kind()?.session_field() }
    }

    /// Whether the family asks for a `model_session_id`.
    pub fn needs_session(&self) -> bool {
        if let Payload::Declared(payload) = self { payload.needs_session() } else { self.session().is_some() }
    }
}

impl Kind {
    /// Whether the envelope must carry a `trace_id`.
    pub const fn needs_trace(self) -> bool {
        matches!(self, Kind::LlmInference | Kind::ToolCall | Kind::SpanOpened | Kind::SpanClosed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_types_and_tags_are_unique_and_found_again() {
        let mut tags = HashSet::new();
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
            assert_eq!(Kind::from_type_name(kind.type_name()), Some(kind));
            assert_eq!(Kind::from_tag(kind.tag()), Some(kind));
            assert!(tags.insert(kind.tag()));
        }
    }

    #[test]
    fn rows_are_numbered_in_order_and_new_ones_go_last() {
        for &kind in Kind::ALL {
            let tags: Vec<u8> = kind.fields().iter().map(|row| row.tag).collect();
            assert_eq!(tags, (1..=kind.fields().len() as u8).collect::<Vec<_>>(), "{kind:?}");
        }
    }

    #[test]
    fn the_session_field_is_the_first_row_and_required() {
        for &kind in Kind::ALL {
            if let Some(name) = kind.session_field() {
                let row = &kind.fields()[usize::from(kind.session_tag()) - 1];
                assert_eq!(row.name, name);
                assert_eq!(row.presence, crate::value::Presence::Required);
            }
        }
    }
}
