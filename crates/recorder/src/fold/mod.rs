//! The fold: from events in their order to everything that can be asked.
//!
//! - [`projection`]: all sessions, kept up to date with every durable event
//! - [`blocks`]: where the blocks of the journal lie
//! - [`session`]: what is kept of one session
//! - [`tally`]: the spans of one session
//! - [`told`]: what telemetry told of one session, in whatever order
//! - [`places`]: which session an id stands for, and who spawned whom, where telemetry told so late
//! - [`usage`]: the ledger that counts usage once
//! - [`rate`]: usage by second
//! - [`detail`]: spans, messages and states, folded from one session's events when somebody asks
//! - [`answers`]: views of the projection
//! - [`runs`]: its model runs, each once
//!
//! Nothing here writes, waits or reads a clock; folding the same log gives the same projection.

mod answers;
mod blocks;
mod detail;
mod places;
mod projection;
mod rate;
mod runs;
mod session;
mod tally;
mod told;
mod usage;

pub use answers::CostKey;
pub(crate) use answers::SpawnForest;
pub(crate) use blocks::BlockPlace;
pub(crate) use detail::DetailFold;
pub(crate) use projection::Projection;
pub(crate) use told::{Told, telemetry_source};
