//! The table of events: sealed segments, read by the engine's own Parquet reader with all of its pruning, and then what
//! lies in the journal still.
//!
//! - `raw`: both as one table of the archive's columns
//! - `sealed`: bytes of segments for the Parquet reader, none of them unchecked
//! - `live`: events of the journal as rows
//! - `shown`: ids and hashes as the text that people know

mod live;
mod raw;
mod sealed;
mod shown;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::Result;

use crate::snapshot::Snapshot;

pub(crate) use raw::{file, scan, schema};
pub(crate) use sealed::SegmentSource;
pub(crate) use shown::{PLACES, hex};

/// The table of events as a query sees it.
pub(crate) fn table(snapshot: &Arc<Snapshot>) -> Result<Arc<dyn TableProvider>> {
    shown(Arc::new(raw::RawEvents::new(Arc::clone(snapshot))))
}

/// Events with the archive's columns, as people know their ids and hashes.
pub(crate) fn shown(raw: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(shown::view(raw)?))
}
