//! From lines to parcels: what is submitted together, with the verdicts that are known already.

use flightrec_events::{CheckedEvent, EventId, MAX_EVENT_BYTES, Registry, Rejection, Rule, Violation};
use flightrec_recorder::{BatchTicket, MAX_BATCH_EVENTS, RecorderError};

use super::lines::Line;

/// A parcel is closed when its lines reach this size.
pub(crate) const MAX_PARCEL_BYTES: usize = 512 * 1024;
/// Rejected lines weigh little; so many close a parcel all the same, so that its verdicts are printed.
const MAX_PARCEL_LINES: usize = 4 * MAX_BATCH_EVENTS;
/// What an entry costs in memory beside its line, so that a parcel of nothing but tiny lines weighs something.
const ENTRY_BYTES: usize = 256;

/// One line on its way.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Its event was submitted; the ticket has its outcome.
    Submitted {
        /// The line.
        line: u64,
        /// The event.
        event_id: EventId,
    },
    /// It breaks a rule by itself.
    Rejected {
        /// The line.
        line: u64,
        /// What is wrong, and with which event.
        rejection: Box<Rejection>,
    },
}

/// Lines that travel together.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// In the order of the lines.
    pub(crate) entries: Vec<Entry>,
    /// The answer for those that were submitted; `None` if none was.
    pub(crate) ticket: Option<Result<BatchTicket, RecorderError>>,
    /// What it weighs in the window.
    pub(crate) bytes: usize,
    /// Bytes of the input up to its end.
    pub(crate) input_bytes: u64,
}

/// Parses lines and gathers them.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    entries: Vec<Entry>,
    events: Vec<CheckedEvent>,
    bytes: usize,
}

impl Intake {
    /// Takes one line.
    pub(crate) fn take(&mut self, registry: &Registry, number: u64, line: &Line<'_>) {
        self.bytes += ENTRY_BYTES;
        self.entries.push(match parse(registry, line) {
            Ok(event) => {
                if let Line::Whole(line) = line {
                    self.bytes += line.len();
                }
                let entry = Entry::Submitted { line: number, event_id: event.event_id };
                self.events.push(event);
                entry
            }
            Err(rejection) => Entry::Rejected { line: number, rejection: Box::new(rejection) },
        });
    }

    /// Whether the parcel must go before it takes another line.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() >= MAX_BATCH_EVENTS
            || self.bytes >= MAX_PARCEL_BYTES
            || self.entries.len() >= MAX_PARCEL_LINES
    }

    /// Closes the parcel: its entries, the events to submit, its weight. `None` if nothing came.
    pub(crate) fn close(&mut self) -> Option<(Vec<Entry>, Vec<CheckedEvent>, usize)> {
        if self.entries.is_empty() {
            return None;
        }
        Some((std::mem::take(&mut self.entries), std::mem::take(&mut self.events), std::mem::take(&mut self.bytes)))
    }
}

/// The event of a line.
pub(crate) fn parse(registry: &Registry, line: &Line<'_>) -> Result<CheckedEvent, Rejection> {
    match line {
        Line::Whole(line) => registry.parse(line),
        Line::TooLong { bytes } => {
            let message =
                format!("an event is at most {MAX_EVENT_BYTES} bytes, found {bytes}; keep content in artifacts");
            Err(Rejection { event_id: None, violation: Violation::new(Rule::OutOfBounds, message) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_held_gets_the_verdict_of_one_that_is() {
        let registry = Registry::new();
        let held = vec![b' '; MAX_EVENT_BYTES + 1];
        let as_held = parse(&registry, &Line::Whole(&held)).unwrap_err();
        let as_let_go = parse(&registry, &Line::TooLong { bytes: held.len() as u64 }).unwrap_err();
        assert_eq!(as_held, as_let_go);
    }

    #[test]
    fn a_parcel_closes_by_weight_and_by_lines() {
        let registry = Registry::new();
        let mut intake = Intake::default();
        assert!(intake.close().is_none());
        let mut lines = 0;
        while !intake.is_full() {
            lines += 1;
            intake.take(&registry, lines, &Line::Whole(b"{}"));
        }
        assert!(lines <= MAX_PARCEL_LINES as u64);
        let (entries, events, bytes) = intake.close().unwrap();
        assert_eq!((entries.len() as u64, events.len()), (lines, 0));
        assert!(bytes >= entries.len() * ENTRY_BYTES);
        assert!(!intake.is_full());
    }
}
