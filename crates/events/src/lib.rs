//! The vocabulary of Flight Recorder: what can be recorded, and the rules that every event obeys.
//!
//! The one product is [`CheckedEvent`]: an event that keeps every rule that can be told from the
//! event alone. Nothing else can be recorded, and there is no other way to make one than
//! [`Event::check`] and [`Registry::parse`]. Rules that depend on what a store already holds
//! ([`lifecycle`]) are decided by the recorder with the same functions.
//!
//! What is not here: files, threads, sockets, clocks. Parsing an event is a pure function.
//!
//! Limits: an event is at most 64 KiB as JSON, an id 256 bytes, a reason 1,024, an array 1,024 items.
//!
//! ```
//! use flightrec_events::{Registry, Rule};
//! let registry = Registry::new();
//! let rejection = registry.parse(br#"{"event_id":"01999a7b-1c2d-7e3f-8a4b-5c6d7e8f9a0b","code":"NO-SUCH"}"#).unwrap_err();
//! assert_eq!(rejection.violation.rule, Rule::UnknownCode);
//! assert_eq!(rejection.violation.field.as_deref(), Some("code"));
//! ```

#[macro_use]
mod record;

mod attributes;
mod checked;
mod codec;
mod columns;
mod declared;
mod event;
pub mod families;
mod ids;
mod json;
pub mod lifecycle;
mod number;
mod printed;
mod recent;
mod registry;
pub mod schema;
mod stored;
pub mod telemetry;
mod text;
mod time;
mod value;
mod violation;
mod vocabulary;
mod writer;

pub use attributes::{Attributes, Scalar};
pub use checked::CheckedEvent;
pub use codec::DecodeError;
pub use columns::{BytesText, Cell, ENVELOPE_LEAVES, Leaf, LeafType};
pub use declared::{DeclareError, DeclaredFamily, DeclaredPayload};
pub use event::{Event, MAX_EVENT_BYTES};
pub use families::{Group, Kind, Payload};
pub use ids::{EventId, SpanId, TraceId};
pub use json::Json;
pub use number::{Count, MAX_COUNT, Number, Usd};
pub use registry::{Registry, Rejection};
pub use stored::{SessionPrefix, StoredKinds};
pub use text::{ArtifactId, Id, Label, MAX_ID_BYTES, Reason, Sha256Hex, Text};
pub use time::Timestamp;
pub use value::{FieldSpec, MAX_ITEMS, Presence, Shape, TextClass};
pub use violation::{INVALID_EVENT, Rule, Violation};
pub use vocabulary::{
    Actor, Backend, BudgetAction, BudgetType, FinalState, GovernanceMode, Idempotency, Lane, LinkEvidence,
    LinkRelation, MemoryPolicy, MessageRole, RejectionReason, RetryBackoff, SideEffect, SpanKind, SpanStatus,
    SpawnMode, State, Transport,
};
