//! What a host chooses when it opens a recorder.

use std::sync::Arc;
use std::time::Duration;

use flightrec_journal::WriterOptions;

use crate::redact::Policy;
use crate::retention::RetentionPolicy;
use crate::seam::{Clock, IdSource, SystemClock, SystemIds};

/// How the rules that depend on the store are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A violation of the life of a session is rejected: for those who record as things happen.
    #[default]
    Strict,
    /// It is recorded, and raises a finding: for telemetry from elsewhere, which arrives late and out of order.
    Lenient,
}

/// What happens when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The caller waits, as long as it takes.
    Block,
    /// The caller waits so long; then the event is dropped and counted.
    BlockFor(Duration),
    /// The event is dropped and counted at once.
    Drop,
}

/// When the journal's segments are sealed in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SealWhen {
    /// In the background, once there is enough for a segment of the archive.
    #[default]
    Due,
    /// When [`Recorder::seal`](crate::Recorder::seal) is called, and not before.
    Asked,
}

/// When sessions are packed: those to which nothing happens for long take little memory then, and no answer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// How many sessions there may be before some are packed.
    pub sessions: usize,
    /// For how many events nothing must have happened to those.
    pub events: u64,
}

impl Default for Packing {
    fn default() -> Self {
        Self { sessions: 1_024, events: 32_768 }
    }
}

/// What a host chooses when it opens a recorder.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most submissions that wait to be written. A submission is one event, or one batch of at
    /// most [`crate::MAX_BATCH_EVENTS`].
    pub queue_cap: usize,
    /// What happens when the queue is full.
    pub overflow: Overflow,
    /// Which detectors of personal data are on; detectors of secrets always are.
    pub policy: Policy,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of identities.
    pub ids: Arc<dyn IdSource>,
    /// Sizes of the log's segments.
    pub journal: WriterOptions,
    /// When the journal's segments are sealed.
    pub seal: SealWhen,
    /// When sessions are packed.
    pub packing: Packing,
    /// What [`enforce_retention`](crate::FlightRecorder::enforce_retention) forgets.
    pub retention: RetentionPolicy,
    /// JSON Schema files that declare more families; the store keeps them from then on.
    pub declarations: Vec<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_cap: 65_536,
            overflow: Overflow::Block,
            policy: Policy::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            journal: WriterOptions::default(),
            seal: SealWhen::default(),
            packing: Packing::default(),
            retention: RetentionPolicy::default(),
            declarations: Vec::new(),
        }
    }
}
