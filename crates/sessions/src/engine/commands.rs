//! What a host asks for.

use flightrec_events::{Actor, Id};

use super::core::{Cx, Engine, Pending, Step};
use super::input::{CallKey, Command, CommandError, Who};
use super::session::{Asked, Doing};
use crate::words;

impl Engine {
    pub(super) fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Step {
        match command {
            Command::Start { spec, after, answer } => {
                let started = self.start(cx, *spec, &after)?;
                self.out.answer(answer, started);
            }
            Command::Send { session, text, source, answer } => {
                let sent = match self.find_live(&session) {
                    Ok(who) => Ok(self.send(cx, who, text, source)?),
                    Err(error) => Err(error),
                };
                self.out.answer(answer, sent);
            }
            Command::Pause { session, by, reason, answer } => {
                let asked = Asked { actor: Actor::Human, by, reason };
                let done = match self.find_live(&session) {
                    Ok(who) => Ok(self.pause(cx, who, &asked)?),
                    Err(error) => Err(error),
                };
                self.out.answer(answer, done);
            }
            Command::Resume { session, by, answer } => {
                let asked = Asked { actor: Actor::Human, by, reason: "resumed".to_owned() };
                let done = match self.find_live(&session) {
                    Ok(who) => match self.check_resumable(who) {
                        Ok(()) => Ok(self.resume(cx, who, &asked)?),
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                };
                self.out.answer(answer, done);
            }
            Command::Cancel { session, by, reason, answer } => {
                let asked = Asked { actor: Actor::Human, by, reason };
                let done = match self.find_live(&session) {
                    Ok(who) => Ok(self.cancel(cx, who, &asked)?),
                    Err(error) => Err(error),
                };
                self.out.answer(answer, done);
            }
            Command::Spawn { requester, child, answer } => {
                let answered = match self.find(&requester) {
                    Ok(who) => self.spawn(cx, who, &child)?,
                    Err(error) => Err(error),
                };
                self.out.answer(answer, answered);
            }
            Command::ReadThread { reader, owner, answer } => self.read_thread(&reader, &owner, answer),
            Command::Watch { session, answer } => match self.find(&session) {
                Ok(who) => match self.session(who).ending.clone() {
                    Some(ending) => self.out.answer(answer, Ok(ending)),
                    None => self.session_mut(who).watchers.push(answer),
                },
                Err(error) => self.out.answer(answer, Err(error)),
            },
            Command::Shutdown { by, answer } => {
                self.shut_down(cx, by)?;
                self.out.answer(answer, ());
            }
        }
        Ok(())
    }

    pub(super) fn find(&self, id: &Id) -> Result<Who, CommandError> {
        self.by_id.get(id).copied().ok_or_else(|| CommandError::UnknownSession(id.clone()))
    }

    fn find_live(&self, id: &Id) -> Result<Who, CommandError> {
        let who = self.find(id)?;
        if self.session(who).is_live() { Ok(who) } else { Err(CommandError::Ended(id.clone())) }
    }

    fn send(
        &mut self,
        cx: &mut Cx<'_>,
        who: Who,
        text: std::sync::Arc<str>,
        source: crate::message::Source,
    ) -> Step<Id> {
        let message = self.receive(cx, who, text, source)?;
        let session = self.session(who);
        let idle = matches!(session.doing, Doing::Nothing) && session.pause.is_none();
        if idle && session.waits_for.is_empty() {
            self.enqueue_next(cx, who)?;
        }
        Ok(message)
    }

    /// Stops everything: calls are let go, tools are asked to end, and every session is left as one that can be
    /// taken up again.
    fn shut_down(&mut self, cx: &mut Cx<'_>, by: Id) -> Step {
        let asked = Asked { actor: Actor::Human, by, reason: "shutdown".to_owned() };
        self.stopping = Some(asked.clone());
        let is_reading = |pending: &Pending| matches!(pending, Pending::Reading(_));
        let readings: Vec<CallKey> =
            self.calls.iter().filter(|(_, pending)| is_reading(pending)).map(|(key, _)| *key).collect();
        // Whoever asked to read learns from it that nobody answers any more.
        for key in readings {
            self.drop_call(key);
        }
        for at in 0..self.sessions.len() as u32 {
            let who = Who(at);
            if !self.session(who).is_live() {
                continue;
            }
            self.session_mut(who).checkpoint.changed = true;
            match &self.session(who).doing {
                Doing::Nothing => self.checkpoint(cx, who, "shutdown")?,
                Doing::Tooling(..) => self.stop_tool(who, cx.now),
                Doing::Calling(_) | Doing::Asking(..) | Doing::Queued(_) | Doing::Held(_) => {
                    self.let_go(who);
                    self.lay_down(cx, who, &asked)?;
                }
            }
        }
        Ok(())
    }
}

/// The source of commands that nobody put a name to.
pub(crate) fn nobody() -> Id {
    words::id("operator")
}
