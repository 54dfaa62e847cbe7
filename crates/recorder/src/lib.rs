//! The recorder: the handle that a host embeds. It has no async runtime, no HTTP and no SQL.
//!
//! | module | role |
//! |---|---|
//! | [`Recorder`] | the one writer of a store: queue, tickets, one thread |
//! | `core` | the write path without threads: admit, redact, number, append, sync, fold |
//! | `prepare` | redact, encode, digest: on the caller's thread for batches |
//! | `identity`, `id_file` | idempotency by `event_id`, across restarts |
//! | `fold` | events to sessions, spans, costs, rate, findings |
//! | `snapshot`, `derived` | the fold put aside; can be deleted at any time |
//! | [`Reader`], `details`, `selection` | every answer, also in other processes while one writes |
//! | `log` | what is sealed in the archive, then the journal: one log |
//! | [`Artifacts`] | content by its hash |
//! | [`Checkpoint`] | a line that is kept elsewhere, against roll-back |
//! | [`redact`] | secrets out, before the first byte |
//! | `retention` | what may be forgotten, and what is held |
//! | `named`, `unreferenced` | which content events name, and what goes when they are forgotten |
//! | `store` | the directory and its identity |
//! | [`view`], [`query`] | the shapes of answers and of questions |
//!
//! Three words for three promises: *accepted* is in the queue, *written* survives the death of the
//! process, *durable* survives a power cut. See [`Ticket`].
//!
//! Limits: one writer per store; a batch of 1,024 events; an artifact of 256 MiB; the queue's cap is
//! the host's to choose, and every drop at the cap is counted and recorded.

mod artifacts;
mod behind;
pub mod budgets;
mod checkpoint;
mod core;
mod derived;
mod details;
mod drops;
mod error;
mod fold;
mod id_file;
mod identity;
pub mod lanes;
mod log;
mod named;
mod open;
mod options;
mod page_file;
mod prepare;
pub mod query;
mod reader;
mod recorder;
pub mod redact;
mod retention;
mod sealing;
mod seam;
mod selection;
mod side_by_side;
mod simulated;
mod snapshot;
mod store;
mod ticket;
mod unreferenced;
mod verify;
pub mod view;

pub use flightrec_archive as archive;
pub use flightrec_events as events;
pub use flightrec_journal as journal;

pub use artifacts::{Artifacts, MAX_ARTIFACT_BYTES, PreparedArtifact};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::{ArtifactError, LookupError, OpenError, ReadError, RecorderError, SINK_FAILURE, SinkFailure};
pub use fold::CostKey;
pub use log::{ForgetError, SealError, Sealed};
pub use options::{Mode, Options, Overflow, Packing, SealWhen};
pub use reader::{AnswerError, Reader, RecordedEvent};
pub use recorder::{FlightRecorder, MAX_BATCH_EVENTS, Recorder};
pub use retention::{
    Forgotten, Hold, HoldError, Holds, RetentionError, RetentionPlan, RetentionPolicy, RetentionRefusal, Vouched,
};
pub use seam::{Clock, IdSource, SystemClock, SystemIds};
pub use selection::Events;
pub use simulated::SteppedRecorder;
pub use store::{RECORDER_VERSION, STORE_FORMAT};
pub use ticket::{BatchTicket, Receipt, Ticket};
pub use verify::{VerifyError, VerifyStage, VerifyStep};

/// Lower-case hex of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}
