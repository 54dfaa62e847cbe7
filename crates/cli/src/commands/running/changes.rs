//! Progress without a terminal: a line for each change of state, from the record itself, so that none is missed.

use std::collections::BTreeMap;

use flightrec_events::Payload;
use flightrec_recorder::Reader;
use flightrec_recorder::query::EventFilter;
use flightrec_sessions::SessionStatus;

use super::lines::called;
use crate::console::Console;

const CHANGED: &str = "session.state_change";

/// What was told so far.
pub(super) struct Changes {
    next_seq: u64,
}

impl Changes {
    /// Tells what is recorded from now on.
    pub(super) fn from_now(reader: &Reader) -> Self {
        Self { next_seq: reader.last_seq().map_or(1, |seq| seq + 1) }
    }

    /// Tells what has changed since the last time.
    pub(super) fn tell(&mut self, console: Console, reader: &Reader, sessions: &[SessionStatus]) {
        let Some(last) = reader.last_seq().filter(|last| *last >= self.next_seq) else { return };
        let filter =
            EventFilter { from_seq: Some(self.next_seq), kinds: vec![CHANGED.to_owned()], ..EventFilter::default() };
        let names: BTreeMap<&str, String> =
            sessions.iter().map(|session| (session.session_id.as_str(), called(session))).collect();
        // What cannot be read is damage, which the end of the run tells.
        for event in reader.events(&filter).flatten() {
            if let Payload::SessionStateChange(change) = &event.event.payload
                && let Some(name) = names.get(change.session_id.as_str())
            {
                let (from, to) = (change.from_state, change.to_state);
                let (at, id, why) = (event.event.timestamp, &change.session_id, change.reason.as_str());
                console.note(&format!("{at}  {id}  {name}  {from} to {to}: {why}"));
            }
        }
        self.next_seq = last + 1;
    }
}
