//! The words by which events that were mapped from telemetry are known: who maps writes them, who folds reads them.

/// What the `actor_id` of every such event begins with; the convention follows.
pub const ACTOR_PREFIX: &str = "otlp:";
/// The actor of spans that follow no convention.
pub const NO_CONVENTION: &str = "otlp:plain";
/// The actor of telemetry from Traceloop.
pub const TRACELOOP: &str = "otlp:traceloop";
/// The word for a fact that telemetry does not tell where an event must have one.
pub const UNKNOWN: &str = "unknown";
/// The tag of a span whose attributes were too many to be looked at.
pub const ATTRIBUTES_LEFT_OUT: &str = "attributes_left_out";
/// What the `price_source` of a cost begins with that was computed from the bundled price table.
pub const PRICE_TABLE: &str = "table:";
/// As [`PRICE_TABLE`], for the user's own.
pub const USER_PRICE_TABLE: &str = "user-table:";
