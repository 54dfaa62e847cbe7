//! The store at the moment of a query: what is sealed, and up to which position the rest counts.

use std::sync::Arc;

use flightrec_recorder::archive::Manifest;
use flightrec_recorder::{ReadError, Reader};

/// Everything that one query sees. The reader stands still as long as one is held.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) reader: Arc<Reader>,
    pub(crate) manifest: Manifest,
    /// The last position that is visible; 0 in an empty store.
    pub(crate) last_seq: u64,
}

impl Snapshot {
    /// Takes in what was recorded meanwhile, and holds that.
    pub(crate) fn take(reader: &Arc<Reader>) -> Result<Arc<Self>, ReadError> {
        reader.refresh()?;
        let last_seq = reader.last_seq().unwrap_or(0);
        Ok(Arc::new(Self { reader: Arc::clone(reader), manifest: reader.manifest(), last_seq }))
    }

    /// The first position that is not sealed.
    pub(crate) fn live_from(&self) -> u64 {
        self.manifest.origin().seq.get()
    }
}
