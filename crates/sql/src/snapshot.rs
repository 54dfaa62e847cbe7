//! The store at the moment of a query: what is sealed, and a reader that goes up to the last event of that moment.

use std::sync::Arc;

use flightrec_recorder::archive::Manifest;
use flightrec_recorder::{ReadError, Reader};

/// Everything that one query sees. The reader stands still as long as one is held.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) reader: Arc<Reader>,
    pub(crate) manifest: Manifest,
}

impl Snapshot {
    /// Takes in what was recorded meanwhile, and holds that.
    pub(crate) fn take(reader: &Arc<Reader>) -> Result<Arc<Self>, ReadError> {
        reader.refresh()?;
        Ok(Arc::new(Self { reader: Arc::clone(reader), manifest: reader.manifest() }))
    }

    /// The first position that is not sealed.
    pub(crate) fn live_from(&self) -> u64 {
        self.manifest.origin().seq.get()
    }
}
