//! What a host sees of its sessions at any time, without asking the runtime.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::{SessionStatus, Who};
use crate::record::RecordError;

/// The latest status of every session.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    sessions: Vec<SessionStatus>,
    /// Why the runtime stopped, if it could not record.
    failure: Option<RecordError>,
}

impl Board {
    fn hold(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn update(&self, changes: Vec<(Who, SessionStatus)>) {
        if changes.is_empty() {
            return;
        }
        let mut shown = self.hold();
        for (who, status) in changes {
            match shown.sessions.get_mut(who.0 as usize) {
                Some(old) => *old = status,
                // Sessions come in the order of their numbers, and none is left out.
                None => shown.sessions.push(status),
            }
        }
    }

    pub(crate) fn stop(&self, failure: Option<&RecordError>) {
        self.hold().failure = failure.cloned();
    }

    pub(crate) fn sessions(&self) -> Vec<SessionStatus> {
        self.hold().sessions.clone()
    }

    /// Why the runtime does not answer any more.
    pub(crate) fn why_stopped(&self) -> String {
        self.hold().failure.as_ref().map_or_else(|| "it was shut down".to_owned(), |failure| with_causes(failure))
    }
}

/// An error with its causes, each once: who is told of a stop gets no more than this text.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}
