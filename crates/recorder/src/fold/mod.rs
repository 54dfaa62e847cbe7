//! The fold: from events in their order to everything that can be asked.
//!
//! - [`projection`]: all sessions, kept up to date with every durable event
//! - [`blocks`]: where the blocks of the journal lie
//! - [`sessions`]: where what is kept of them is: as it is, or packed
//! - [`session`]: what is kept of one session
//! - [`page`]: sessions that were left alone for long, packed together
//! - [`cold_keys`]: which of those may hold a key of the ledger
//! - [`tally`]: the spans of one session
//! - [`told`]: what telemetry told of one session, in whatever order
//! - [`places`]: which session an id stands for, and who spawned whom, where telemetry told so late
//! - [`usage`]: the ledger that counts usage once
//! - [`rate`]: usage by second
//! - [`detail`]: spans, messages and states, folded from one session's events when somebody asks
//! - [`answers`]: views of the projection
//! - [`rows`]: what lists and roll-ups ask of every session
//! - [`choice`]: which sessions a list shows
//! - [`runs`]: its model runs, each once
//!
//! Nothing here writes, waits or reads a clock; folding the same log gives the same projection.

mod answers;
mod blocks;
mod choice;
mod cold_keys;
mod detail;
mod page;
mod places;
mod projection;
mod rate;
mod rows;
mod runs;
mod session;
mod sessions;
mod tally;
mod told;
mod usage;

pub use answers::CostKey;
pub(crate) use answers::SpawnForest;
pub(crate) use blocks::BlockPlace;
pub(crate) use cold_keys::{encode as encode_leads, merge as merge_leads};
pub(crate) use detail::DetailFold;
pub(crate) use page::{Entries, Extract, Page, PageFile, PageHead, Shared};
pub(crate) use projection::Projection;
pub(crate) use rows::{PackedRows, ROW_BYTES, Row};
pub(crate) use session::SessionFold;
pub(crate) use sessions::Sessions;
pub(crate) use told::{Told, telemetry_source};
