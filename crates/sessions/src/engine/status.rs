//! What a host sees of its sessions while they live.

use std::sync::Arc;

use flightrec_events::{Id, State, Timestamp};

use super::core::Engine;
use super::input::Who;
use super::session::Doing;

/// One session, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionStatus {
    /// The session.
    pub session_id: Id,
    /// Who spawned it.
    pub parent_session_id: Option<Id>,
    /// How many spawns lie above it.
    pub depth: u32,
    /// What it is for.
    pub role: Id,
    /// Its name for people.
    pub label: Option<Arc<str>>,
    /// The model.
    pub model_id: Id,
    /// Its state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Arc<str>,
    /// What it is doing.
    pub activity: Activity,
    /// When it was created.
    pub created_at: Timestamp,
    /// Model runs that gave a reply.
    pub model_runs: u32,
    /// Its own tokens.
    pub tokens: u64,
    /// Its own cost in nano-dollars, as far as it is known.
    pub cost_nanos: u64,
    /// Runs without a price.
    pub unpriced_runs: u64,
}

/// What a session is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Nothing: it waits for input, a child or another session, or has ended.
    Resting,
    /// Its job waits.
    Queued {
        /// Since when.
        since: Timestamp,
        /// For what, if it is held back.
        held_by: Option<Arc<str>>,
    },
    /// Its model runs.
    Calling {
        /// Since when.
        since: Timestamp,
        /// Bytes of text that have arrived.
        text_bytes: u64,
    },
    /// A tool runs.
    Tool {
        /// Which.
        name: Arc<str>,
        /// Since when.
        since: Timestamp,
    },
    /// Somebody is asked whether a tool may run.
    Asking {
        /// Which.
        name: Arc<str>,
    },
    /// It is paused in the middle of its job.
    Held,
}

impl Engine {
    /// The sessions whose status changed since the last time, each once.
    pub(crate) fn take_changes(&mut self) -> Vec<(Who, SessionStatus)> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().map(|who| (who, self.status(who))).collect()
    }

    fn status(&self, who: Who) -> SessionStatus {
        let session = self.session(who);
        let activity = match &session.doing {
            Doing::Nothing => Activity::Resting,
            Doing::Queued(job) => Activity::Queued { since: job.enqueued_at, held_by: session.held_by.clone() },
            Doing::Calling(job) => Activity::Calling { since: job.called_at, text_bytes: job.text_bytes },
            Doing::Tooling(_, run) => {
                Activity::Tool { name: run.tool.request.name.as_str().into(), since: run.started_at }
            }
            Doing::Asking(_, question) => Activity::Asking { name: question.tool.request.name.as_str().into() },
            Doing::Held(_) => Activity::Held,
        };
        SessionStatus {
            session_id: session.id.clone(),
            parent_session_id: session.parent.map(|parent| self.session(parent.who).id.clone()),
            depth: session.depth,
            role: session.spec.role.clone(),
            label: session.spec.label.as_ref().map(|label| label.as_str().into()),
            model_id: session.route.model_id.clone(),
            state: session.state(),
            reason: Arc::clone(&session.reason),
            activity,
            created_at: session.created_at,
            model_runs: session.step,
            tokens: session.own.tokens,
            cost_nanos: session.own.nanos,
            unpriced_runs: session.own.unpriced_runs,
        }
    }
}
