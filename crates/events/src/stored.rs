//! The stored form of an event: what the journal keeps for it.
//!
//! ```text
//! byte     version, 1
//! varint   kind: the family's number, 0 for a declared family
//! varint   presence of the optional envelope fields, bit n for row n of the list below
//! string   model_session_id, if present: first, so that one session is found without decoding
//! 16       event_id
//! 8        timestamp, microseconds since 1970, little endian
//! byte     actor
//! …        the optional envelope fields that are present, in order:
//!          actor_id, trace_id, job_id, workflow_id, model_id, activity_span_id,
//!          session_span_id, wsids, capability_id, policy_decision_id
//! …        payload: a presence varint, then its values in table order
//! ```

use std::sync::Arc;

use crate::checked::CheckedEvent;
use crate::codec::{DecodeError, Decoder, Encoder};
use crate::declared::DeclaredPayload;
use crate::event::Event;
use crate::families::{Kind, Payload};
use crate::text::Id;
use crate::value::Value;

/// The version of the stored form that this program writes.
const VERSION: u8 = 1;
const DECLARED: u64 = 0;

impl CheckedEvent {
    /// Appends the stored form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let event: &Event = self;
        let mut encoder = Encoder::new(out);
        encoder.byte(VERSION);
        encoder.varint(event.payload.kind().map_or(DECLARED, Kind::tag));
        let present = [
            event.model_session_id.is_some(),
            event.actor_id.is_some(),
            event.trace_id.is_some(),
            event.job_id.is_some(),
            event.workflow_id.is_some(),
            event.model_id.is_some(),
            event.activity_span_id.is_some(),
            event.session_span_id.is_some(),
            event.wsids.is_some(),
            event.capability_id.is_some(),
            event.policy_decision_id.is_some(),
        ];
        encoder.varint(present.iter().rev().fold(0, |bits, &there| bits << 1 | u64::from(there)));
        put(&mut encoder, event.model_session_id.as_ref());
        encoder.set_session(event.model_session_id.as_ref().map(Id::shared));
        event.event_id.encode(&mut encoder);
        event.timestamp.encode(&mut encoder);
        event.actor.encode(&mut encoder);
        put(&mut encoder, event.actor_id.as_ref());
        put(&mut encoder, event.trace_id.as_ref());
        put(&mut encoder, event.job_id.as_ref());
        put(&mut encoder, event.workflow_id.as_ref());
        put(&mut encoder, event.model_id.as_ref());
        put(&mut encoder, event.activity_span_id.as_ref());
        put(&mut encoder, event.session_span_id.as_ref());
        put(&mut encoder, event.wsids.as_ref());
        put(&mut encoder, event.capability_id.as_ref());
        put(&mut encoder, event.policy_decision_id.as_ref());
        event.payload.encode(&mut encoder);
    }

    /// Reads the stored form. The bytes come from a store that verified them, so the rules that the
    /// event kept when it was written are not checked again.
    ///
    /// # Errors
    /// [`DecodeError`] if no version of this program wrote these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(bytes);
        let head = Head::decode(&mut input)?;
        let mut bits = head.present;
        let mut there = || {
            bits >>= 1;
            bits & 1 == 1
        };
        let model_session_id = if head.present & 1 == 1 { Some(Id::decode(&mut input)?) } else { None };
        input.set_session(model_session_id.as_ref().map(Id::shared));
        let input = &mut input;
        let event = Event {
            model_session_id,
            event_id: Value::decode(input)?,
            timestamp: Value::decode(input)?,
            actor: Value::decode(input)?,
            actor_id: get(input, there())?,
            trace_id: get(input, there())?,
            job_id: get(input, there())?,
            workflow_id: get(input, there())?,
            model_id: get(input, there())?,
            activity_span_id: get(input, there())?,
            session_span_id: get(input, there())?,
            wsids: get(input, there())?,
            capability_id: get(input, there())?,
            policy_decision_id: get(input, there())?,
            payload: match head.kind {
                Some(kind) => kind.decode(input)?,
                None => Payload::Declared(DeclaredPayload::decode(input)?),
            },
        };
        input.finish()?;
        Ok(Self::trusted(Box::new(event)))
    }

    /// The `model_session_id` of a stored event, without decoding the rest.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes do not begin like a stored event.
    pub fn stored_session(stored: &[u8]) -> Result<Option<Arc<str>>, DecodeError> {
        let mut input = Decoder::new(stored);
        let head = Head::decode(&mut input)?;
        if head.present & 1 == 1 { input.str().map(Some) } else { Ok(None) }
    }
}

struct Head {
    kind: Option<Kind>,
    present: u64,
}

impl Head {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        if input.byte()? != VERSION {
            return Err(DecodeError("it has an unknown version"));
        }
        let kind = match input.varint()? {
            DECLARED => None,
            tag => Some(Kind::from_tag(tag).ok_or(DecodeError("it is of an unknown kind"))?),
        };
        let present = input.varint()?;
        if present >> 11 != 0 {
            return Err(DecodeError("it holds an envelope field of a newer version"));
        }
        Ok(Self { kind, present })
    }
}

fn put<T: Value>(encoder: &mut Encoder<'_>, value: Option<&T>) {
    if let Some(value) = value {
        value.encode(encoder);
    }
}

fn get<T: Value>(input: &mut Decoder<'_>, there: bool) -> Result<Option<T>, DecodeError> {
    if there { T::decode(input).map(Some) } else { Ok(None) }
}

/// Finds one session's events among stored ones without decoding them.
///
/// ```
/// # use flightrec_events::*;
/// # use flightrec_events::families::session::CascadeCancel;
/// # let id = |s: &str| Id::new(s).unwrap();
/// # let cancel = CascadeCancel { root_session_id: id("s-1"), cancelled_session_ids: vec![], reason: Reason::new("r").unwrap() };
/// # let event = Event::new(EventId::v7(0, 1), Timestamp::default(), Actor::System, cancel).in_session(id("s-1"));
/// let mut stored = Vec::new();
/// event.check().unwrap().encode(&mut stored);
/// assert!(SessionPrefix::new("s-1").matches(&stored));
/// assert!(!SessionPrefix::new("s-2").matches(&stored));
/// ```
#[derive(Debug, Clone)]
pub struct SessionPrefix(Vec<u8>);

impl SessionPrefix {
    /// The prefix of events with this `model_session_id`.
    pub fn new(session: &str) -> Self {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).str(session);
        Self(bytes)
    }

    /// Whether a stored event belongs to the session. Bytes that are no stored event do not.
    pub fn matches(&self, stored: &[u8]) -> bool {
        session_bytes(stored).is_some_and(|bytes| bytes.starts_with(&self.0))
    }
}

/// The stored bytes from `model_session_id` on, if the event has one.
fn session_bytes(stored: &[u8]) -> Option<&[u8]> {
    let mut input = Decoder::new(stored);
    let head = Head::decode(&mut input).ok()?;
    (head.present & 1 == 1).then(|| input.rest())
}

/// Kinds of events, told from stored bytes without decoding them.
///
/// ```
/// # use flightrec_events::*;
/// # use flightrec_events::families::session::CascadeCancel;
/// # let id = |s: &str| Id::new(s).unwrap();
/// # let cancel = CascadeCancel { root_session_id: id("s-1"), cancelled_session_ids: vec![], reason: Reason::new("r").unwrap() };
/// # let event = Event::new(EventId::v7(0, 1), Timestamp::default(), Actor::System, cancel).in_session(id("s-1"));
/// let mut stored = Vec::new();
/// event.check().unwrap().encode(&mut stored);
/// assert!(StoredKinds::named(["session.cascade_cancel"]).may_hold(&stored));
/// assert!(!StoredKinds::named(["span.opened", "FR-EVT-006"]).may_hold(&stored));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct StoredKinds {
    /// A bit for each tag; that of [`DECLARED`] stands for all declared families.
    tags: u64,
}

impl StoredKinds {
    /// The kinds with these codes or types. A name that is not built in may be that of a declared family.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let tag = |name| Kind::from_code(name).or_else(|| Kind::from_type_name(name)).map_or(DECLARED, Kind::tag);
        Self { tags: names.into_iter().fold(0, |tags, name| tags | bit(tag(name))) }
    }

    /// Whether a built-in kind is one of them.
    pub const fn holds(self, kind: Kind) -> bool {
        self.tags & bit(kind.tag()) != 0
    }

    /// Whether a stored event is of one of the kinds, as far as its first bytes tell. Bytes that are no stored event
    /// may hold anything: their decoding says so.
    pub fn may_hold(self, stored: &[u8]) -> bool {
        let head = Head::decode(&mut Decoder::new(stored));
        head.map_or(true, |head| self.tags & bit(head.kind.map_or(DECLARED, Kind::tag)) != 0)
    }
}

/// The bit of a tag. There are fewer kinds than bits; if there are ever more, the last bit stands for the rest.
const fn bit(tag: u64) -> u64 {
    1 << if tag < 63 { tag } else { 63 }
}
