//! The planned sessions begin, in their order.

use flightrec_events::Id;
use futures_util::future::join_all;

use super::prepare::Launch;
use crate::engine::{CommandError, Dependency, StartError};
use crate::plan::PlannedSession;
use crate::runtime::{Runtime, SessionHandle};

/// How many sessions are asked for at once, so that they share the disk's syncs.
const WAVE: usize = 30;

/// A planned session, after its turn to start.
#[derive(Debug)]
pub struct Started {
    /// Its name in the plan.
    pub name: Id,
    /// The session; or why there is none, such as one that it was to wait for and that failed at once.
    pub session: Result<SessionHandle, StartError>,
}

impl Launch {
    /// Starts every session of the plan in a runtime that [`Launch::builder`] made. When this returns, their creation
    /// is durable.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] if the runtime stopped; the sessions that had been started are on record.
    pub async fn start(&self, runtime: &Runtime) -> Result<Vec<Started>, CommandError> {
        let mut started: Vec<Started> = Vec::with_capacity(self.sessions.len());
        while let Some(next) = self.sessions.get(started.len()..).filter(|next| !next.is_empty()) {
            let known = started.len();
            // The first stands behind all that it waits for.
            let is_ready = |planned: &PlannedSession| planned.waits_for().all(|(place, _)| place < known);
            let wave = next.iter().take(WAVE).enumerate();
            let wave = wave.take_while(|(at, planned)| *at == 0 || is_ready(planned)).map(|(_, planned)| planned);
            let starting = wave.map(|planned| start(planned, &started, runtime));
            // The first look at each asks for its start: in this order.
            for begun in join_all(starting).await {
                started.push(begun?);
            }
        }
        Ok(started)
    }
}

/// Starts one session, now that those that it waits for have had their turn.
async fn start(planned: &PlannedSession, started: &[Started], runtime: &Runtime) -> Result<Started, CommandError> {
    let name = planned.name.clone();
    let after: Result<Vec<Dependency>, StartError> = planned
        .waits_for()
        .map(|(place, gives_input)| {
            let other = &started[place];
            let session = other.session.as_ref().map_err(|_| StartError::FailedDependency(other.name.clone()))?;
            Ok(Dependency { session_id: session.id().clone(), gives_input })
        })
        .collect();
    let session = match after {
        Ok(after) => match runtime.session_after(planned.spec.clone(), after).await {
            Ok(session) => Ok(session),
            Err(CommandError::CannotStart(error)) => Err(error),
            Err(other) => return Err(other),
        },
        Err(error) => Err(error),
    };
    Ok(Started { name, session })
}

impl PlannedSession {
    /// The sessions that it waits for, as places in the plan, and whether their answers are its input.
    fn waits_for(&self) -> impl Iterator<Item = (usize, bool)> {
        let orders = self.after.iter().filter(|place| !self.input_from.contains(place));
        self.input_from.iter().map(|place| (*place, true)).chain(orders.map(|place| (*place, false)))
    }
}
