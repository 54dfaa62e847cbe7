//! The log as one: what is sealed in the archive first, then the journal.
//!
//! - [`view`]: what the log consists of at one moment, and how that is kept up to date
//! - [`scan`]: from block to block through all of it, and after it as it grows
//! - [`seal`]: whole journal segments become a segment of the archive
//! - [`merge`]: small segments of the archive become one
//! - [`forget`]: segments without some sessions take the place of those with them

mod forget;
mod merge;
mod scan;
mod seal;
mod view;

pub use forget::ForgetError;
pub(crate) use forget::Order;
pub(crate) use scan::{LogItem, Scan, damage_of_journal, damage_of_segment};
pub(crate) use seal::Sealer;
pub use seal::{SealError, Sealed};
pub(crate) use view::{Log, View};
