//! What is queued, and what a pass answers.
// tidy: no-wildcard

use std::time::Duration;

use flightrec_events::{Id, Lane, Timestamp};

/// A job, for as long as it is queued or running. Its owner draws the keys; no two jobs have the same at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobKey(pub(crate) u64);

/// The session of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionKey(pub(crate) u32);

/// A model run that waits for its dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedJob {
    /// The job.
    pub(crate) key: JobKey,
    /// Its session.
    pub(crate) session: SessionKey,
    /// Who serves the model.
    pub(crate) provider: Id,
    /// The model, as its provider calls it; two providers' models of one name are two models.
    pub(crate) model_id: Id,
    /// Its lane.
    pub(crate) lane: Lane,
    /// 0 is the highest.
    pub(crate) priority: u8,
    /// The group of which only so many run at once, whatever their models are.
    pub(crate) group: Option<Id>,
    /// A wait of its own.
    pub(crate) not_before: Option<NotBefore>,
    /// What the token rate reserves at dispatch; [`super::Scheduler::finished`] puts it right.
    pub(crate) expected_tokens: u64,
}

/// A wait of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotBefore {
    /// Its end.
    pub(crate) at: Timestamp,
    /// [`Limit::Backoff`], or [`Limit::ProviderPause`] where the provider named the time.
    pub(crate) limit: Limit,
    /// Why, in a sentence.
    pub(crate) reason: String,
}

/// What holds a job back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Limit {
    /// The sessions that are active at once.
    ActiveSessions,
    /// The sessions that are active at once with one provider.
    Provider,
    /// The sessions that are active at once with one model.
    Model,
    /// The jobs of one concurrency group.
    Group,
    /// The requests per minute of a provider.
    RequestRate,
    /// The tokens per minute of a provider.
    TokenRate,
    /// The provider asked to wait.
    ProviderPause,
    /// The wait between two attempts.
    Backoff,
}

impl Limit {
    /// The word that SCHED-003 carries in `limit`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ActiveSessions => "active_sessions",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Group => "group",
            Self::RequestRate => "request_rate",
            Self::TokenRate => "token_rate",
            Self::ProviderPause => "provider_pause",
            Self::Backoff => "backoff",
        }
    }
}

/// Why a job waits, told when it begins to and when the cause changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The job.
    pub(crate) job: JobKey,
    /// What holds it.
    pub(crate) limit: Limit,
    /// Why, in a sentence.
    pub(crate) reason: String,
    /// How long the limit will hold it at least; zero where a place is missing, because nobody knows.
    pub(crate) backoff: Duration,
}

/// What one look at the queue gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pass {
    /// The jobs that start now, in this order; each has its places until it is finished.
    pub(crate) dispatched: Vec<QueuedJob>,
    /// Jobs whose cause to wait is new or another, by key.
    pub(crate) held: Vec<Hold>,
    /// When to look again if nothing changes before; always later than the time of this pass.
    pub(crate) wake: Option<Timestamp>,
}
