//! From checked events to what the journal keeps: redacted first, then encoded, then hashed.
//!
//! A batch is prepared on the thread of its caller, so that callers share the work among them; a
//! single event on the writer's, so that its caller is not kept. See docs/adr/0005.

use std::sync::Arc;

use flightrec_events::CheckedEvent;
use flightrec_journal::RecordHash;
use flightrec_journal::sabotage::{Sabotage, sabotaged};

use crate::redact::Redactor;

/// Events with their stored forms.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    events: Vec<(CheckedEvent, RecordHash)>,
    /// All stored forms, one after the other.
    stored: Vec<u8>,
    /// Where each stored form ends.
    ends: Vec<usize>,
}

impl Prepared {
    /// Redacts, encodes and hashes, in that order.
    pub(crate) fn new(events: Vec<CheckedEvent>, redactor: &Arc<Redactor>) -> Self {
        let mut prepared = Self { events: Vec::with_capacity(events.len()), ..Self::default() };
        for mut event in events {
            if !sabotaged(Sabotage::RedactAfterWrite) {
                redactor.redact_event(&mut event);
            }
            let start = prepared.stored.len();
            event.encode(&mut prepared.stored);
            let hash = RecordHash::of(&prepared.stored[start..]);
            prepared.events.push((event, hash));
            prepared.ends.push(prepared.stored.len());
        }
        prepared
    }

    /// The bytes that the journal will need for them at most.
    pub(crate) fn journal_bytes(&self) -> usize {
        self.stored.len() + 4 * self.events.len()
    }

    /// Calls `each` with every event, its stored form and the hash of that, in order.
    pub(crate) fn try_for_each<E>(
        self,
        mut each: impl FnMut(CheckedEvent, &[u8], RecordHash) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        for ((event, hash), end) in self.events.into_iter().zip(self.ends) {
            each(event, &self.stored[start..end], hash)?;
            start = end;
        }
        Ok(())
    }
}

/// What is submitted: prepared by its caller, or to be prepared by the writer.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// As it was checked.
    Checked(Vec<CheckedEvent>),
    /// Redacted, encoded and hashed.
    Prepared(Prepared),
}

impl Submitted {
    /// How many events it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Submitted::Checked(events) => events.len(),
            Submitted::Prepared(prepared) => prepared.events.len(),
        }
    }

    /// Prepares what is not prepared yet.
    pub(crate) fn prepare(self, redactor: &Arc<Redactor>) -> Prepared {
        match self {
            Submitted::Checked(events) => Prepared::new(events, redactor),
            Submitted::Prepared(prepared) => prepared,
        }
    }
}
