//! The words by which events that were mapped from telemetry or transcripts are known: who maps writes them, who folds
//! reads them.

/// What the `actor_id` of every event begins with that was mapped from OTLP; the convention follows.
pub const ACTOR_PREFIX: &str = "otlp:";
/// What the `actor_id` of every event begins with that was read in a transcript; the agent that wrote it follows.
pub const TRANSCRIPT_PREFIX: &str = "transcript:";
/// The actor of telemetry from Claude Code.
pub const CLAUDE_CODE: &str = "otlp:claude_code";
/// The actor of what Claude Code's transcripts tell.
pub const CLAUDE_CODE_TRANSCRIPT: &str = "transcript:claude_code";
/// The actor of what Codex's transcripts tell.
pub const CODEX_TRANSCRIPT: &str = "transcript:codex";
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

/// What stands between an agent and its session in the id of an agent that has no session id of its own.
const OF: char = '@';

/// The id of the session of an agent that works under another's session id: `<agent>@<session>`.
///
/// ```
/// use flightrec_events::telemetry::{agent_session, whole_session};
/// assert_eq!(agent_session("a36c2f1e", "11111111-1111"), "a36c2f1e@11111111-1111");
/// assert_eq!(whole_session("a36c2f1e@11111111-1111"), "11111111-1111");
/// assert_eq!(whole_session("11111111-1111"), "11111111-1111");
/// ```
pub fn agent_session(agent: &str, session: &str) -> String {
    format!("{agent}{OF}{session}")
}

/// The session id that an agent without one of its own works under; any other id is its own.
pub fn whole_session(id: &str) -> &str {
    id.split_once(OF).map_or(id, |(_, session)| session)
}
