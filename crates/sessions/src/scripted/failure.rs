//! How scripted models fail.
// tidy: no-wildcard

use std::time::Duration;

use serde::Deserialize;

use crate::model::ModelErrorKind;

/// How a step fails.
///
/// In a plan it is a table with these keys; any other is refused:
///
/// | key | default | meaning |
/// |---|---|---|
/// | `kind` | needed | `rate_limited`, `unavailable`, `connection`, `stream_broken`, `refused`, `unauthorized`, `unknown_model`, `bad_reply` or `hang`: see [`ScriptedFailureKind`] |
/// | `attempts` | all | the first so many attempts of each job fail, the next one works |
/// | `retry_after_ms` | none | how long the provider asks to wait |
/// | `after_chunks` | by kind | how many chunks come before: it fails with the last of them, or, if there is none, when the first would have come. What came by then is used up, and told as usage |
/// | `message` | by kind | what the provider says |
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedFailure {
    pub(super) kind: ScriptedFailureKind,
    /// The first so many attempts of a job fail; all, if not given.
    #[serde(default)]
    pub(super) attempts: Option<u32>,
    #[serde(default)]
    pub(super) retry_after_ms: Option<u64>,
    #[serde(default)]
    pub(super) after_chunks: Option<u32>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// What kind of failure is played, and when: all but three come in place of the first chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptedFailureKind {
    /// [`ModelErrorKind::RateLimited`].
    RateLimited,
    /// [`ModelErrorKind::Unavailable`].
    Unavailable,
    /// [`ModelErrorKind::Connection`].
    Connection,
    /// [`ModelErrorKind::StreamBroken`], after half of the chunks.
    StreamBroken,
    /// [`ModelErrorKind::Refused`].
    Refused,
    /// [`ModelErrorKind::Unauthorized`].
    Unauthorized,
    /// [`ModelErrorKind::UnknownModel`].
    UnknownModel,
    /// [`ModelErrorKind::BadReply`], after all chunks.
    BadReply,
    /// Nothing more comes, for ever: it is for the runtime's time limit to end it.
    Hang,
}

impl ScriptedFailureKind {
    /// The error; none for what hangs.
    pub(super) const fn error(self) -> Option<ModelErrorKind> {
        Some(match self {
            Self::RateLimited => ModelErrorKind::RateLimited,
            Self::Unavailable => ModelErrorKind::Unavailable,
            Self::Connection => ModelErrorKind::Connection,
            Self::StreamBroken => ModelErrorKind::StreamBroken,
            Self::Refused => ModelErrorKind::Refused,
            Self::Unauthorized => ModelErrorKind::Unauthorized,
            Self::UnknownModel => ModelErrorKind::UnknownModel,
            Self::BadReply => ModelErrorKind::BadReply,
            Self::Hang => return None,
        })
    }

    /// After how many of `chunks` it comes, unless the script says so.
    pub(super) const fn usual_chunks(self, chunks: u32) -> u32 {
        match self {
            Self::StreamBroken => chunks.div_ceil(2),
            Self::BadReply => chunks,
            Self::RateLimited
            | Self::Unavailable
            | Self::Connection
            | Self::Refused
            | Self::Unauthorized
            | Self::UnknownModel
            | Self::Hang => 0,
        }
    }

    /// What the provider says, unless the script says so.
    pub(super) const fn usual_message(self) -> &'static str {
        match self {
            Self::RateLimited => "too many requests",
            Self::Unavailable => "the service is overloaded",
            Self::Connection => "the connection was reset",
            Self::StreamBroken => "the stream ended in the middle of the reply",
            Self::Refused => "the request was refused",
            Self::Unauthorized => "the key is not valid",
            Self::UnknownModel => "there is no such model",
            Self::BadReply => "the reply cannot be read",
            Self::Hang => "no reply",
        }
    }
}

impl ScriptedFailure {
    /// Every attempt fails.
    pub const fn new(kind: ScriptedFailureKind) -> Self {
        Self { kind, attempts: None, retry_after_ms: None, after_chunks: None, message: None }
    }

    /// Only the first so many attempts of a job fail.
    #[must_use]
    pub fn for_attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The provider asks to wait, in whole milliseconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// It fails once so many chunks came, at the time of the last of them.
    #[must_use]
    pub fn after_chunks(mut self, chunks: u32) -> Self {
        self.after_chunks = Some(chunks);
        self
    }

    /// What the provider says.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Whether an attempt of a job, from 1, fails.
    pub(super) fn hits(&self, attempt: u32) -> bool {
        self.attempts.is_none_or(|attempts| attempt <= attempts)
    }
}
