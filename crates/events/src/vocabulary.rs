//! Closed word lists. A word's number in the stored form is stable and never used again.

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::columns::{Cell, Cells, WRONG_TYPE};
use crate::json::{Json, write_str};
use crate::value::{Shape, Value};
use crate::violation::{Rule, Violation};

macro_rules! vocabulary {
    ($($(#[doc = $doc:literal])+ $name:ident { $($variant:ident = $word:literal $tag:literal,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The word as it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value behind a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Value for $name {
            const SHAPE: Shape = Shape::OneOf(Self::WORDS);

            fn parse(json: &Json<'_>) -> Result<Self, Violation> {
                let Json::Str(word) = json else { return Err(json.wrong_type("a string")) };
                Self::from_word(word).ok_or_else(|| {
                    Violation::new(Rule::BadValue, format!("expected one of {}", Self::WORDS.join(", ")))
                })
            }
            fn write(&self, out: &mut Vec<u8>) {
                write_str(out, self.as_str());
            }
            fn encode(&self, out: &mut Encoder<'_>) {
                out.byte(match self { $(Self::$variant => $tag,)+ });
            }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                match input.byte()? {
                    $($tag => Ok(Self::$variant),)+
                    _ => Err(DecodeError(concat!("unknown ", stringify!($name)))),
                }
            }
            fn shred(&self, cells: &mut Cells<'_>) {
                cells.put(Cell::Text(self.as_str()));
            }
            fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
                let Cell::Text(word) = cell else { return Err(WRONG_TYPE) };
                Self::from_word(word).ok_or(DecodeError(concat!("unknown ", stringify!($name))))
            }
        }
    )+};
}

vocabulary! {
    /// Who caused an event.
    Actor { Human = "human" 1, Agent = "agent" 2, System = "system" 3, }

    /// Where a model runs.
    Backend { Local = "local" 1, Cloud = "cloud" 2, }

    /// What a session may remember.
    MemoryPolicy { Ephemeral = "EPHEMERAL" 1, SessionScoped = "SESSION_SCOPED" 2, WorkspaceScoped = "WORKSPACE_SCOPED" 3, }

    /// The state of a session.
    State {
        Created = "CREATED" 1,
        Active = "ACTIVE" 2,
        Paused = "PAUSED" 3,
        Blocked = "BLOCKED" 4,
        Completed = "COMPLETED" 5,
        Failed = "FAILED" 6,
        Cancelled = "CANCELLED" 7,
    }

    /// Who speaks in a message.
    MessageRole { System = "SYSTEM" 1, User = "USER" 2, Assistant = "ASSISTANT" 3, ToolCall = "TOOL_CALL" 4, ToolResult = "TOOL_RESULT" 5, }

    /// What a budget limits.
    BudgetType {
        SessionTokens = "SESSION_TOKENS" 1,
        SessionCostUsd = "SESSION_COST_USD" 2,
        WpTokens = "WP_TOKENS" 3,
        WpCostUsd = "WP_COST_USD" 4,
        GlobalTokensPerMinute = "GLOBAL_TOKENS_PER_MINUTE" 5,
        GlobalUsdPerMinute = "GLOBAL_USD_PER_MINUTE" 6,
    }

    /// What a budget does when it is reached.
    BudgetAction { Warn = "WARN" 1, Pause = "PAUSE" 2, Cancel = "CANCEL" 3, }

    /// A lane of the scheduler.
    Lane { Primary = "PRIMARY" 1, Subagent = "SUBAGENT" 2, Background = "BACKGROUND" 3, Validation = "VALIDATION" 4, }

    /// How the waits between retries grow.
    RetryBackoff { Fixed = "FIXED" 1, Exponential = "EXPONENTIAL" 2, }

    /// How long a spawned session lives.
    SpawnMode { OneShot = "ONE_SHOT" 1, SessionPersistent = "SESSION_PERSISTENT" 2, }

    /// How one session id belongs to another.
    LinkRelation { PartOf = "PART_OF" 1, ChildOf = "CHILD_OF" 2, }

    /// What tells that two session ids belong together.
    LinkEvidence {
        Attribute = "ATTRIBUTE" 1,
        ParentSpan = "PARENT_SPAN" 2,
        SpanLink = "SPAN_LINK" 3,
        ToolResult = "TOOL_RESULT" 4,
        Trace = "TRACE" 5,
    }

    /// Why a spawn was refused.
    RejectionReason {
        DepthLimitExceeded = "depth_limit_exceeded" 1,
        ChildrenCapReached = "children_cap_reached" 2,
        SessionCapReached = "session_cap_reached" 3,
        CapabilityNotGranted = "capability_not_granted" 4,
        RequesterNotActive = "requester_not_active" 5,
    }

    /// A state that ends a session.
    FinalState { Completed = "COMPLETED" 1, Failed = "FAILED" 2, Cancelled = "CANCELLED" 3, }

    /// How a tool is reached.
    Transport { Local = "local" 1, Mcp = "mcp" 2, Mex = "mex" 3, StageBridge = "stage_bridge" 4, Other = "other" 5, }

    /// What a tool may do to the world.
    SideEffect { Read = "READ" 1, Write = "WRITE" 2, Execute = "EXECUTE" 3, }

    /// Whether a tool call may be repeated.
    Idempotency { Idempotent = "IDEMPOTENT" 1, IdempotentWithKey = "IDEMPOTENT_WITH_KEY" 2, NonIdempotent = "NON_IDEMPOTENT" 3, }

    /// How strictly governance is applied.
    GovernanceMode { Strict = "gov_strict" 1, Standard = "gov_standard" 2, Light = "gov_light" 3, }

    /// What a span stands for.
    SpanKind { Session = "session" 1, Job = "job" 2, ModelRun = "model_run" 3, ToolCall = "tool_call" 4, Other = "other" 5, }

    /// How a span ended.
    SpanStatus { Ok = "ok" 1, Error = "error" 2, Cancelled = "cancelled" 3, Abandoned = "abandoned" 4, }
}

impl From<FinalState> for State {
    fn from(state: FinalState) -> Self {
        match state {
            FinalState::Completed => State::Completed,
            FinalState::Failed => State::Failed,
            FinalState::Cancelled => State::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_are_one_to_one() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.as_str()), Some(*state));
        }
        assert_eq!(State::from_word("completed"), None);
        let violation = Backend::parse(&Json::Str("remote".into())).unwrap_err();
        assert_eq!((violation.rule, violation.message.as_str()), (Rule::BadValue, "expected one of local, cloud"));
    }
}
