//! The one transition function of a session's state. Live recording, recovery and verification use it.
//!
//! ```text
//! (none) ──created──► CREATED ──► ACTIVE ◄──► BLOCKED, PAUSED     any of them ──► COMPLETED
//!                                                                                 FAILED
//!                                                                                 CANCELLED   (sticky)
//! ```
//! A state change starts from the present state; from a state that is not terminal it may enter any
//! other but CREATED. After a terminal state nothing new starts, and what was under way may arrive.

use crate::event::Event;
use crate::families::{Kind, Payload};
use crate::violation::{Rule, Violation};
use crate::vocabulary::State;

impl State {
    /// Whether the state is the end of a session.
    pub const fn is_terminal(self) -> bool {
        match self {
            State::Completed | State::Failed | State::Cancelled => true,
            State::Created | State::Active | State::Paused | State::Blocked => false,
        }
    }
}

/// What the rules need to remember of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Life {
    /// The present state.
    pub state: State,
    /// Whether its `session.created` was recorded.
    pub created: bool,
    /// Whether its `session.completed` was recorded.
    pub completed: bool,
}

impl Life {
    /// A session of which only the id is known.
    pub const UNKNOWN: Life = Life { state: State::Created, created: false, completed: false };
}

/// Whether `to` may follow `from`.
pub const fn is_legal_step(from: State, to: State) -> bool {
    !from.is_terminal() && !matches!(to, State::Created) && from as u8 != to as u8
}

/// The life of the event's session after the event, if the event may follow `life`.
///
/// # Errors
/// [`Rule::UnknownSession`], [`Rule::IllegalTransition`] or [`Rule::AfterTerminal`]. A strict
/// recording rejects the event; a lenient one records it, raises a finding and goes on with [`force`].
pub fn step(life: Option<Life>, event: &Event) -> Result<Life, Violation> {
    let created = matches!(event.payload, Payload::SessionCreated(_));
    let Some(mut life) = life.filter(|life| life.created || created) else {
        return if created { Ok(force(life, event)) } else { Err(unknown_session()) };
    };
    if created && life.created {
        return Err(Violation::new(Rule::IllegalTransition, "the session was created already"));
    }
    if life.state.is_terminal() && starts_something(event) {
        return Err(Violation::new(
            Rule::AfterTerminal,
            format!("the session is {}; nothing new starts in it", life.state),
        ));
    }
    if let Payload::SessionStateChange(change) = &event.payload {
        if change.from_state != life.state {
            let message = format!("the session is {}, not {}", life.state, change.from_state);
            return Err(Violation::at(Rule::IllegalTransition, "payload.from_state", message));
        }
        if !is_legal_step(change.from_state, change.to_state) {
            let message = format!("{} cannot follow {}", change.to_state, change.from_state);
            return Err(Violation::at(Rule::IllegalTransition, "payload.to_state", message));
        }
    }
    if matches!(event.payload, Payload::SessionCompleted(_)) && life.completed {
        return Err(Violation::new(Rule::AfterTerminal, "session.completed is written once"));
    }
    life = force(Some(life), event);
    Ok(life)
}

/// The life of the event's session after the event, whatever the rules say: a terminal state stays,
/// any other follows the emitter.
pub fn force(life: Option<Life>, event: &Event) -> Life {
    let mut life = life.unwrap_or(Life::UNKNOWN);
    if let Payload::SessionStateChange(change) = &event.payload
        && !life.state.is_terminal()
    {
        life.state = change.to_state;
    }
    life.created |= event.kind() == Some(Kind::SessionCreated);
    life.completed |= event.kind() == Some(Kind::SessionCompleted);
    life
}

fn unknown_session() -> Violation {
    Violation::at(
        Rule::UnknownSession,
        "model_session_id",
        "record the session's session.created first, or record leniently",
    )
}

/// Whether the event would begin something, which a session that has ended cannot.
fn starts_something(event: &Event) -> bool {
    let Some(kind) = event.payload.kind() else { return false };
    match kind {
        Kind::SessionCreated
        | Kind::SessionStateChange
        | Kind::SchedulerEnqueue
        | Kind::SchedulerDispatch
        | Kind::SchedulerRateLimited
        | Kind::BudgetWarning
        | Kind::SpawnRequested
        | Kind::SpawnAccepted
        | Kind::SpawnRejected
        | Kind::SessionCheckpointed
        | Kind::SpanOpened => true,
        Kind::SessionCompleted
        | Kind::SessionMessage
        | Kind::LlmInference
        | Kind::ToolCall
        | Kind::SpanClosed
        | Kind::AnnounceBack
        | Kind::SchedulerCancelled
        | Kind::CascadeCancel
        | Kind::CrossSessionRead
        | Kind::SessionLinked
        | Kind::WorkflowRecovery
        | Kind::MailboxMessageCreated
        | Kind::RecorderOpened
        | Kind::RecorderRecovered
        | Kind::RecorderRetentionPurged
        | Kind::RecorderEventsDropped => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_states() {
        for &from in State::ALL {
            for &to in State::ALL {
                let legal = !from.is_terminal() && to != State::Created && from != to;
                assert_eq!(is_legal_step(from, to), legal, "{from} to {to}");
            }
        }
    }
}
