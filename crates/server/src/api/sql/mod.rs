//! Questions in SQL, in a build that has the query engine.

#[cfg(not(feature = "sql"))]
mod absent;
#[cfg(feature = "sql")]
mod answering;

#[cfg(not(feature = "sql"))]
pub(crate) use absent::{Engines, answer};
#[cfg(feature = "sql")]
pub(crate) use answering::{Engines, answer};

/// The rows of an answer when nobody says how many.
pub(crate) const DEFAULT_MAX_ROWS: usize = 10_000;
/// The time of a query when nobody says how much, in milliseconds.
pub(crate) const DEFAULT_TIMEOUT_MS: u64 = 30_000;
