//! What is to be looked at again, and when.

use std::collections::BTreeMap;

use flightrec_events::Timestamp;

use super::input::Who;

/// One timer. Timers of one time go off in the order in which they were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(Timestamp, u64);

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The model of a session takes too long.
    Call(Who),
    /// The tool of a session takes too long.
    Tool(Who),
    /// The tool of a session was asked to end and did not.
    ToolGrace(Who),
}

/// All timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeMap<TimerKey, Alarm>,
    drawn: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Timestamp, alarm: Alarm) -> TimerKey {
        self.drawn += 1;
        let key = TimerKey(at, self.drawn);
        self.set.insert(key, alarm);
        key
    }

    pub(crate) fn unset(&mut self, key: TimerKey) {
        self.set.remove(&key);
    }

    /// Takes one that is due.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<Alarm> {
        let first = self.set.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.set.keys().next().map(|key| key.0)
    }
}
