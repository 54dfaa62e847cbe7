//! The archive at size: millions of reference events recorded, sealed, opened, asked and verified, beside peers that
//! keep the same events and answer the same questions in the same run.
//!
//! | module | role |
//! |---|---|
//! | `run` | what is done in which order, and where it lies |
//! | `phase` | a step in a process of its own, so that its memory and its caches are its own |
//! | `figures` | what a step says: measures, and answers to be compared |
//! | `ours` | the steps with a store of ours |
//! | `rows` | events as a table that others keep |
//! | `plain`, `sqlite`, `duckdb` | the steps with others |
//! | `disk` | room, sizes, and files out of the page cache |
//! | `questions`, `asking` | what is asked in SQL; how often a question is asked |
//! | `report` | the table |
//!
//! Events are made as they are recorded, from one seed: no step holds more than a few thousand of them, or one row group.

mod asking;
mod disk;
mod duckdb;
mod figures;
mod ours;
mod phase;
mod plain;
mod questions;
mod report;
mod rows;
mod run;
mod sqlite;

pub use phase::{PHASE, serve};
pub use run::{Plan, run};

use crate::workload::Workload;

/// How many events there are unless another number is asked for.
pub const EVENTS: usize = 10_000_000;

const SEED: u64 = 23;
const SESSIONS_AT_ONCE: usize = 64;
/// The turns of the one long session: about 30,000 spans.
const LONG_TURNS: u64 = 15_000;

/// The events of every step, in the same order.
fn workload(events: usize) -> impl Iterator<Item = flightrec_recorder::events::CheckedEvent> {
    Workload::with_long_session(SEED, SESSIONS_AT_ONCE, LONG_TURNS).take(events)
}
