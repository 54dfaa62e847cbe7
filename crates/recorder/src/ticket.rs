//! Tickets: what a caller holds between `accepted` and `durable`.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::{RecorderError, SinkFailure};
use crate::view::Outcome;

type Answer = Result<Vec<Outcome>, SinkFailure>;

/// One submission's answers.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    written: OnceLock<Vec<Outcome>>,
    durable: OnceLock<Answer>,
}

impl Cell {
    pub(crate) fn written(&self, outcomes: &[Outcome]) {
        // The first answer stands.
        let _first = self.written.set(outcomes.to_vec());
    }

    pub(crate) fn durable(&self, answer: Answer) {
        let _first = self.durable.set(answer);
    }

    pub(crate) fn answer(&self) -> Option<Answer> {
        self.durable.get().cloned()
    }
}

/// Wakes whoever waits for an answer.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    rung: Condvar,
}

impl Bell {
    /// Wakes all who wait. The answers must have been given before.
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            drop(self.hold());
            self.rung.notify_all();
        }
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        if let Some(value) = ready() {
            return value;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // The other half of the fence in `ring`: either that sees this waiter, or this sees the answer.
        fence(Ordering::SeqCst);
        let mut guard = self.hold();
        let value = loop {
            if let Some(value) = ready() {
                break value;
            }
            guard = self.rung.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        drop(guard);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        value
    }
}

/// Wakes those who wait for `written` apart from those who wait for `durable`, so that nobody is woken twice.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    written: Bell,
    durable: Bell,
}

impl Bells {
    /// The answers `written` were given.
    pub(crate) fn ring_written(&self) {
        self.written.ring();
    }

    /// The last answers were given, or refused.
    pub(crate) fn ring_durable(&self) {
        self.written.ring();
        self.durable.ring();
    }
}

/// A promise on a batch. Dropping it changes nothing: the events are recorded all the same.
#[derive(Debug)]
#[must_use = "the answer says whether the events are in the record"]
pub struct BatchTicket {
    pub(crate) cell: Arc<Cell>,
    pub(crate) bells: Arc<Bells>,
}

impl BatchTicket {
    /// Waits until the events are with the operating system: they survive the death of this process.
    ///
    /// # Errors
    /// [`SinkFailure`] if the recorder stopped before.
    pub fn written(&self) -> Result<Vec<Outcome>, SinkFailure> {
        self.bells.written.wait_for(|| self.cell.written.get().cloned().map(Ok).or_else(|| self.cell.answer()))
    }

    /// Waits until the events are on the disk: they survive a power cut. Outcomes are in the order
    /// of the batch.
    ///
    /// # Errors
    /// [`SinkFailure`] if the recorder stopped before; a re-open tells what is in the record.
    pub fn durable(&self) -> Result<Vec<Outcome>, SinkFailure> {
        self.bells.durable.wait_for(|| self.cell.answer())
    }

    /// The outcomes, if the events are durable already.
    pub fn try_durable(&self) -> Option<Result<Vec<Outcome>, SinkFailure>> {
        self.cell.answer()
    }
}

/// What became of one event that is in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It was recorded at this position.
    Recorded {
        /// The position, gap-free from 1.
        seq: u64,
    },
    /// The record held it already, with the same content.
    Duplicate,
}

/// A promise on one event. Dropping it changes nothing: the event is recorded all the same.
#[derive(Debug)]
#[must_use = "the answer says whether the event is in the record"]
pub struct Ticket(pub(crate) BatchTicket);

impl Ticket {
    /// Waits until the event is with the operating system: it survives the death of this process.
    ///
    /// # Errors
    /// [`RecorderError::InvalidEvent`] if the event may not follow what the record holds,
    /// [`RecorderError::SinkError`] if the recorder stopped before.
    pub fn written(&self) -> Result<Receipt, RecorderError> {
        receipt(self.0.written()?)
    }

    /// Waits until the event is on the disk: it survives a power cut.
    ///
    /// # Errors
    /// As [`Ticket::written`].
    pub fn durable(&self) -> Result<Receipt, RecorderError> {
        receipt(self.0.durable()?)
    }
}

fn receipt(outcomes: Vec<Outcome>) -> Result<Receipt, RecorderError> {
    match outcomes.into_iter().next() {
        Some(Outcome::Recorded { seq }) => Ok(Receipt::Recorded { seq }),
        Some(Outcome::Duplicate) => Ok(Receipt::Duplicate),
        Some(Outcome::Rejected(violation)) => Err(RecorderError::InvalidEvent(violation)),
        None => Err(RecorderError::SinkError(SinkFailure::Closed)),
    }
}
