//! An event as one row of a table of flat columns, and back.
//!
//! The columns are the *leaves* of the tables: a required object (`token_usage`) is taken apart into its own fields
//! (`token_usage_prompt_tokens`), a list, open attributes and an optional object are one leaf of JSON, and every other
//! field is one leaf of a simple type. The payload field that `model_session_id` must equal is no leaf: it comes back from
//! the envelope.
//!
//! Leaves are numbered from 0: first those of the envelope ([`Event::envelope_leaves`]), then those of the payload
//! ([`Kind::leaves`]), both in table order. The numbers are this program's own and may change with the tables; what is
//! kept is kept under a leaf's name.
//!
//! A row holds the same facts as the stored form, in another order; that it comes back byte for byte is for the caller to
//! check, as [`CheckedEvent::assemble`] says.

use std::sync::LazyLock;

use crate::checked::CheckedEvent;
use crate::codec::DecodeError;
use crate::event::{ENVELOPE, Event};
use crate::families::Kind;
use crate::text::Id;
use crate::value::{FieldSpec, Presence, Shape, Value};

/// What a leaf holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeafType {
    /// A text: an id, a label, a reason.
    Text,
    /// A word of a closed list, as text.
    Word,
    /// So many bytes: an event, trace or span id, a hash, an artifact by its hash.
    Bytes(u8),
    /// A count, from 0 to 2^53 - 1.
    Int,
    /// Microseconds since 1970 in UTC.
    Time,
    /// A number or an amount in US dollars, finite and at least 0.
    Double,
    /// `true` or `false`.
    Bool,
    /// A list, an object or attributes, as JSON text without spaces.
    Json,
}

/// How the bytes of a [`LeafType::Bytes`] are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BytesText {
    /// As a UUID, with hyphens.
    Uuid,
    /// As hex digits.
    Hex,
    /// As `sha256:` and hex digits.
    ArtifactId,
}

/// One column that events of a kind fill.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    name: String,
    holds: LeafType,
    bytes_text: Option<BytesText>,
    nullable: bool,
    doc: &'static str,
}

impl Leaf {
    /// Its name: the field's, after those of the objects around it, joined by `_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds.
    pub const fn leaf_type(&self) -> LeafType {
        self.holds
    }

    /// How it is written as text, if it holds bytes.
    pub const fn bytes_text(&self) -> Option<BytesText> {
        self.bytes_text
    }

    /// Whether an event may leave it empty.
    pub const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// What it means.
    pub const fn doc(&self) -> &'static str {
        self.doc
    }
}

/// The value of one leaf in one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Of a [`LeafType::Text`] or [`LeafType::Word`].
    Text(&'a str),
    /// Of a [`LeafType::Bytes`].
    Bytes(&'a [u8]),
    /// Of a [`LeafType::Int`].
    Int(i64),
    /// Of a [`LeafType::Time`].
    Time(i64),
    /// Of a [`LeafType::Double`].
    Double(f64),
    /// Of a [`LeafType::Bool`].
    Bool(bool),
    /// Of a [`LeafType::Json`].
    Json(&'a str),
}

/// How many leaves the envelope has; the payload's are numbered from here.
pub const ENVELOPE_LEAVES: usize = 14;

pub(crate) const WRONG_TYPE: DecodeError = DecodeError("a column holds a value of another type");

/// Exactly `N` bytes.
pub(crate) fn byte_array<const N: usize>(cell: Cell<'_>) -> Result<[u8; N], DecodeError> {
    let Cell::Bytes(bytes) = cell else { return Err(WRONG_TYPE) };
    bytes.try_into().map_err(|_| DecodeError("a column holds an id of another length"))
}

/// Where the leaves of one event are put, in their order.
pub(crate) struct Cells<'a> {
    put: &'a mut dyn FnMut(usize, Cell<'_>),
    next: usize,
    json: Vec<u8>,
}

impl Cells<'_> {
    pub(crate) fn put(&mut self, cell: Cell<'_>) {
        (self.put)(self.next, cell);
        self.next += 1;
    }

    /// The next leaf stays empty.
    pub(crate) const fn absent(&mut self) {
        self.next += 1;
    }

    pub(crate) fn put_json(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.json.clear();
        write(&mut self.json);
        let text = std::str::from_utf8(&self.json).expect("JSON is written as UTF-8");
        (self.put)(self.next, Cell::Json(text));
        self.next += 1;
    }

    fn optional<T: Value>(&mut self, value: Option<&T>) {
        match value {
            Some(value) => value.shred(self),
            None => self.absent(),
        }
    }
}

/// Where the leaves of one event are taken from, in their order.
pub(crate) struct Row<'a, 'c> {
    take: &'a mut dyn FnMut(usize) -> Option<Cell<'c>>,
    next: usize,
    session: Option<Id>,
}

impl<'c> Row<'_, 'c> {
    pub(crate) fn take(&mut self) -> Option<Cell<'c>> {
        let cell = (self.take)(self.next);
        self.next += 1;
        cell
    }

    pub(crate) fn required(&mut self) -> Result<Cell<'c>, DecodeError> {
        self.take().ok_or(DecodeError("a column that must have a value has none"))
    }

    /// The event's own session.
    pub(crate) const fn session(&self) -> Option<&Id> {
        self.session.as_ref()
    }

    fn value<T: Value>(&mut self) -> Result<T, DecodeError> {
        T::assemble(self.required()?)
    }

    fn optional<T: Value>(&mut self) -> Result<Option<T>, DecodeError> {
        self.take().map(T::assemble).transpose()
    }

    fn own_session(&mut self) -> Result<Option<Id>, DecodeError> {
        self.session = self.optional()?;
        Ok(self.session.clone())
    }
}

impl Event {
    /// The columns of the envelope, [`ENVELOPE_LEAVES`] of them; `code` and `type` are not among them, because the kind
    /// tells both.
    pub fn envelope_leaves() -> &'static [Leaf] {
        static LEAVES: LazyLock<Vec<Leaf>> = LazyLock::new(|| {
            let told_by_the_kind = |row: &&FieldSpec| !matches!(row.name, "code" | "type" | "payload");
            let mut leaves = Vec::new();
            ENVELOPE.iter().filter(told_by_the_kind).for_each(|row| add_leaves("", row, &mut leaves));
            leaves
        });
        &LEAVES
    }
}

impl Kind {
    /// The columns of this kind's payload.
    ///
    /// ```
    /// use flightrec_events::{Kind, LeafType};
    /// let leaves = Kind::LlmInference.leaves();
    /// assert_eq!((leaves[1].name(), leaves[1].leaf_type()), ("token_usage_prompt_tokens", LeafType::Int));
    /// assert!(Kind::SessionMessage.leaves().iter().all(|leaf| leaf.name() != "session_id"));
    /// ```
    pub fn leaves(self) -> &'static [Leaf] {
        static LEAVES: LazyLock<Vec<Vec<Leaf>>> = LazyLock::new(|| {
            let of_kind = |kind: &Kind| {
                let mut leaves = Vec::new();
                let rows = kind.fields().iter().filter(|row| row.tag != kind.session_tag());
                rows.for_each(|row| add_leaves("", row, &mut leaves));
                leaves
            };
            Kind::ALL.iter().map(of_kind).collect()
        });
        &LEAVES[self as usize]
    }
}

fn add_leaves(prefix: &str, row: &FieldSpec, leaves: &mut Vec<Leaf>) {
    let name = format!("{prefix}{}", row.name);
    let nullable = row.presence != Presence::Required;
    let holds = match row.shape {
        Shape::Object(rows) if !nullable => {
            let prefix = format!("{name}_");
            return rows.iter().for_each(|row| add_leaves(&prefix, row, leaves));
        }
        Shape::Id | Shape::Text { .. } => LeafType::Text,
        Shape::Uuid => LeafType::Bytes(16),
        Shape::Hex { digits } => LeafType::Bytes((digits / 2) as u8),
        Shape::ArtifactId => LeafType::Bytes(32),
        Shape::Timestamp => LeafType::Time,
        Shape::Count => LeafType::Int,
        Shape::Number | Shape::Usd => LeafType::Double,
        Shape::Bool => LeafType::Bool,
        Shape::OneOf(_) => LeafType::Word,
        Shape::List(_) | Shape::Object(_) | Shape::Attributes => LeafType::Json,
    };
    let bytes_text = match row.shape {
        Shape::Uuid => Some(BytesText::Uuid),
        Shape::Hex { .. } => Some(BytesText::Hex),
        Shape::ArtifactId => Some(BytesText::ArtifactId),
        Shape::Id
        | Shape::Text { .. }
        | Shape::Timestamp
        | Shape::Count
        | Shape::Number
        | Shape::Usd
        | Shape::Bool
        | Shape::OneOf(_)
        | Shape::List(_)
        | Shape::Object(_)
        | Shape::Attributes => None,
    };
    leaves.push(Leaf { name, holds, bytes_text, nullable, doc: row.doc });
}

impl CheckedEvent {
    /// Hands out every leaf that has a value, with its number, in rising order.
    ///
    /// Of a declared family only the envelope is handed out; its payload is [`DeclaredPayload::json`](crate::DeclaredPayload::json).
    pub fn shred(&self, put: &mut dyn FnMut(usize, Cell<'_>)) {
        let event: &Event = self;
        let mut cells = Cells { put, next: 0, json: Vec::new() };
        event.event_id.shred(&mut cells);
        event.timestamp.shred(&mut cells);
        event.actor.shred(&mut cells);
        cells.optional(event.actor_id.as_ref());
        cells.optional(event.trace_id.as_ref());
        cells.optional(event.job_id.as_ref());
        cells.optional(event.workflow_id.as_ref());
        cells.optional(event.model_id.as_ref());
        cells.optional(event.model_session_id.as_ref());
        cells.optional(event.activity_span_id.as_ref());
        cells.optional(event.session_span_id.as_ref());
        cells.optional(event.wsids.as_ref());
        cells.optional(event.capability_id.as_ref());
        cells.optional(event.policy_decision_id.as_ref());
        debug_assert_eq!(cells.next, ENVELOPE_LEAVES);
        event.payload.shred(&mut cells);
    }

    /// Puts an event of a built-in kind together from its leaves, as [`shred`](Self::shred) handed them out.
    ///
    /// Like [`decode`](Self::decode), this is for values that are known to be what was recorded: bounds that lie between
    /// fields are not checked again. Whoever writes rows makes sure that each comes back exactly, by comparing the stored
    /// form of what is assembled with that of what was shredded.
    ///
    /// # Errors
    /// [`DecodeError`] where a value is missing, of another type, or no value of its field.
    ///
    /// ```
    /// # use flightrec_events::*;
    /// # use flightrec_events::families::session::CascadeCancel;
    /// # let id = |s: &str| Id::new(s).unwrap();
    /// # let cancel = CascadeCancel { root_session_id: id("s-1"), cancelled_session_ids: vec![], reason: Reason::new("r").unwrap() };
    /// # let event = Event::new(EventId::v7(0, 1), Timestamp::default(), Actor::System, cancel).in_session(id("s-1"));
    /// let event = event.check().unwrap();
    /// let mut times = Vec::new();
    /// let mut texts = Vec::new();
    /// event.shred(&mut |leaf, cell| match cell {
    ///     Cell::Time(time) => times.push((leaf, time)),
    ///     Cell::Text(text) => texts.push((leaf, text.to_owned())),
    ///     _ => {}
    /// });
    /// assert_eq!(times, [(1, 0)]);
    /// assert_eq!(texts[1], (8, "s-1".to_owned()), "model_session_id");
    /// ```
    pub fn assemble<'c>(kind: Kind, take: &mut dyn FnMut(usize) -> Option<Cell<'c>>) -> Result<Self, DecodeError> {
        let mut row = Row { take, next: 0, session: None };
        let event = Event {
            event_id: row.value()?,
            timestamp: row.value()?,
            actor: row.value()?,
            actor_id: row.optional()?,
            trace_id: row.optional()?,
            job_id: row.optional()?,
            workflow_id: row.optional()?,
            model_id: row.optional()?,
            model_session_id: row.own_session()?,
            activity_span_id: row.optional()?,
            session_span_id: row.optional()?,
            wsids: row.optional()?,
            capability_id: row.optional()?,
            policy_decision_id: row.optional()?,
            payload: kind.assemble(&mut row)?,
        };
        Ok(Self::trusted(Box::new(event)))
    }
}
