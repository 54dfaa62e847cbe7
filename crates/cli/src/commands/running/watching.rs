//! From the start of the sessions until nothing moves any more: progress, questions, signals.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use flightrec_events::Id;
use flightrec_recorder::{Clock, Reader, SystemClock};
use flightrec_sessions::{ApprovalRequest, BoxFuture, CommandError, Ending, Runtime, SessionStatus};
use tokio::sync::{mpsc, oneshot};

use super::approvals::{Keyboard, Question, is_yes};
use super::lines::is_moving;
use super::screen::Screen;
use crate::commands::signals::Signals;
use crate::escape::escape;
use crate::exit::Failure;

/// How often the sessions are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The most bytes of a tool's arguments that a question shows.
const SHOWN_ARGUMENTS: usize = 4_096;

/// Everything around a run.
pub(super) struct Watch<'r> {
    pub(super) runtime: &'r Runtime,
    pub(super) reader: &'r Reader,
    pub(super) signals: Signals,
    pub(super) questions: mpsc::Receiver<Question>,
    pub(super) screen: Screen,
    /// The sessions that were there before, as they were.
    pub(super) before: BTreeMap<Id, SessionStatus>,
    /// Whether a signal asked for the end.
    pub(super) interrupted: bool,
    /// Tools of which it was said already that nobody could be asked.
    pub(super) refused: BTreeSet<String>,
}

/// How the watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// Nothing moves any more.
    AtRest,
    /// A second signal: whatever still runs is left as it is.
    Left,
}

/// A question that stands on the terminal.
struct Asked {
    answer: oneshot::Sender<bool>,
}

impl Watch<'_> {
    /// The sessions of this run: those that it started or spawned, and those of before that it moved.
    pub(super) fn sessions(&self) -> Vec<SessionStatus> {
        let mut sessions = self.runtime.sessions();
        sessions.retain(|session| self.before.get(&session.session_id) != Some(session));
        sessions
    }

    /// Begins, and watches until nothing moves any more. A signal lets go of a beginning that is not done; what it
    /// has begun is cancelled with the rest.
    ///
    /// # Errors
    /// If the runtime stopped because it could not record.
    pub(super) async fn until_rest<T>(
        &mut self,
        beginning: impl Future<Output = T>,
    ) -> Result<(Watched, Option<T>), Failure> {
        let mut beginning = Some(Box::pin(beginning));
        let mut begun = None;
        let mut cancelled = BTreeSet::new();
        let mut keyboard = Keyboard::default();
        let mut asked: Option<Asked> = None;
        let mut alive: Option<BoxFuture<'static, Result<Ending, CommandError>>> = None;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            if self.interrupted {
                beginning = None;
                self.cancel(&mut cancelled).await?;
            }
            self.screen.show(&self.sessions(), self.reader, SystemClock.now());
            let moving = self.runtime.sessions().into_iter().find(is_moving);
            if moving.is_none() && beginning.is_none() {
                while let Ok(question) = self.questions.try_recv() {
                    // Its session has ended: nobody waits for an answer.
                    drop(self.ask(question));
                }
                return Ok((Watched::AtRest, begun));
            }
            if let (Some(moving), None) = (moving, &alive) {
                // Whoever waits for the end of a session is told of the end of the runtime, too.
                let handle = self.runtime.handle(moving.session_id);
                alive = Some(Box::pin(async move { handle.ended().await }));
            }
            tokio::select! {
                biased;
                () = self.signals.next() => {
                    if self.interrupted {
                        return Ok((Watched::Left, begun));
                    }
                    self.interrupted = true;
                    self.screen.note("cancelling all sessions: they end cleanly; a second signal leaves them as they are");
                }
                done = if_any(&mut beginning) => {
                    beginning = None;
                    begun = Some(done);
                }
                ended = if_any(&mut alive) => {
                    alive = None;
                    if let Err(error @ CommandError::Stopped(_)) = ended {
                        return Err(stopped(&error));
                    }
                }
                Some(question) = self.questions.recv(), if asked.is_none() => asked = self.ask(question),
                () = withdrawn(&mut asked) => {
                    asked = None;
                    self.screen.go_on();
                    self.screen.note("the question is withdrawn: its session has ended");
                }
                line = keyboard.line(), if asked.is_some() => {
                    if let Some(Asked { answer }) = asked.take() {
                        // It may have been withdrawn in this moment.
                        let _nobody_waits = answer.send(is_yes(line.as_deref())).is_ok();
                    }
                    self.screen.go_on();
                }
                _ = ticks.tick() => {}
            }
        }
    }

    /// Cancels what lives, from its top: a session takes those below it along. The last to come goes first, so that
    /// nobody is cancelled because the one that it waits for was.
    async fn cancel(&self, cancelled: &mut BTreeSet<Id>) -> Result<(), Failure> {
        let operator = || Id::new("operator").expect("the word is short and printable");
        // Commands are answered in their order: what a beginning had asked for is there after this, which asks for
        // nothing.
        let nobody = Id::new("nobody").expect("the word is short and printable");
        if let Err(error @ CommandError::Stopped(_)) = self.runtime.handle(nobody).resume(operator()).await {
            return Err(stopped(&error));
        }
        for top in tops(&self.sessions()).into_iter().rev() {
            if cancelled.contains(&top) {
                continue;
            }
            match self.runtime.handle(top.clone()).cancel(operator(), "interrupted").await {
                Ok(ids) => cancelled.extend(ids),
                Err(error @ CommandError::Stopped(_)) => return Err(stopped(&error)),
                // It has ended meanwhile.
                Err(_) => {
                    cancelled.insert(top);
                }
            }
        }
        Ok(())
    }

    /// Puts a question on the terminal.
    fn ask(&mut self, question: Question) -> Option<Asked> {
        match question {
            Question::Refused(ApprovalRequest::Tool { role, tool, .. }) => {
                if self.refused.insert(tool.to_string()) {
                    self.screen.note(&format!(
                        "{role} wanted to call {tool} and was refused: nobody is there to ask; --approve {tool} allows it"
                    ));
                }
                None
            }
            Question::Decide { request: ApprovalRequest::Tool { session_id, role, tool, arguments, .. }, answer } => {
                let shown = shown_arguments(&arguments.to_string());
                let (role, tool, id) = (escape(role.as_str()), escape(tool.as_str()), escape(session_id.as_str()));
                self.screen.ask(&format!("{role} {id} asks to call {tool} with\n  {shown}\nallow it? [y/N] "));
                Some(Asked { answer })
            }
            // A dropped question is a refused one.
            Question::Refused(ApprovalRequest::CrossSessionRead { .. })
            | Question::Decide { request: ApprovalRequest::CrossSessionRead { .. }, .. } => None,
        }
    }
}

/// Waits for something that may not be there.
async fn if_any<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Resolves when nobody waits for the answer any more.
async fn withdrawn(asked: &mut Option<Asked>) {
    match asked {
        Some(asked) => asked.answer.closed().await,
        None => pending().await,
    }
}

pub(super) fn stopped(error: &CommandError) -> Failure {
    Failure::failed(format!("{error}; what is on record is whole, and `flightrec run PLAN --resume` goes on with it"))
}

/// Arguments, with nothing in them that a terminal obeys; of very long ones both ends.
fn shown_arguments(json: &str) -> String {
    if json.len() <= SHOWN_ARGUMENTS {
        return escape(json).into_owned();
    }
    let head = &json[..json.floor_char_boundary(SHOWN_ARGUMENTS / 2)];
    let tail = &json[json.ceil_char_boundary(json.len() - SHOWN_ARGUMENTS / 2)..];
    let hidden = json.len() - head.len() - tail.len();
    format!("{} … {hidden} bytes not shown … {}", escape(head), escape(tail))
}

/// The sessions that live and have nobody above them that does.
fn tops(sessions: &[SessionStatus]) -> Vec<Id> {
    let all: BTreeMap<&Id, &SessionStatus> = sessions.iter().map(|session| (&session.session_id, session)).collect();
    let above = |session: &SessionStatus| {
        let mut live = false;
        let mut at = session.parent_session_id.as_ref().and_then(|id| all.get(id));
        while let Some(parent) = at {
            live |= !parent.state.is_terminal();
            at = parent.parent_session_id.as_ref().and_then(|id| all.get(id));
        }
        live
    };
    let live = sessions.iter().filter(|session| !session.state.is_terminal() && !above(session));
    live.map(|session| session.session_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_shown_whole_or_at_both_ends_and_never_obeyed() {
        assert_eq!(shown_arguments("{\"a\":\"\u{1b}[2J\"}"), "{\"a\":\"\\x1b[2J\"}");
        let long = format!("{{\"a\":\"{}END\"}}", "ß".repeat(4_000));
        let shown = shown_arguments(&long);
        assert!(shown.starts_with("{\"a\":\"ß") && shown.ends_with("END\"}"), "{shown}");
        assert!(shown.contains("bytes not shown") && shown.len() < SHOWN_ARGUMENTS + 100);
    }
}
