//! What lies at a target, for whoever asks over the archives of many nodes.

use std::ops::Range;

use bytes::Bytes;
use flightrec_journal::StoreId;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::error::{PublishedError, TargetFailure};
use super::published::Published;
use super::target::Target;
use crate::hex::unhex;

impl Target {
    /// What each node has published here, by node.
    ///
    /// # Errors
    /// [`PublishedError`] if a manifest is damaged or newer, or the target fails.
    pub async fn published(&self) -> Result<Vec<Published>, PublishedError> {
        let manifests = self.prefix().clone().join("manifests");
        let listed = self.objects().list_with_delimiter(Some(&manifests)).await;
        let listed = listed.map_err(TargetFailure::of("list", &manifests))?;
        let mut nodes: Vec<StoreId> = listed.common_prefixes.iter().filter_map(node_of).collect();
        nodes.sort_unstable_by_key(|node| *node.as_bytes());
        let mut published = Vec::new();
        for node in nodes {
            // One that goes while this looks is not there.
            published.extend(Published::load(self.objects(), self.prefix(), node).await?);
        }
        Ok(published)
    }

    /// Bytes of a segment, by its place as a manifest names it.
    ///
    /// # Errors
    /// [`TargetFailure`] if the object is not there, is shorter, or the target fails.
    pub async fn read(&self, place: &str, range: Range<u64>) -> Result<Bytes, Box<TargetFailure>> {
        let place = Path::from(place);
        let object: Path = self.prefix().parts().chain(place.parts()).collect();
        self.objects().get_range(&object, range).await.map_err(TargetFailure::of("read", &object))
    }
}

fn node_of(directory: &Path) -> Option<StoreId> {
    let name = directory.parts().next_back()?;
    unhex(name.as_ref().strip_prefix("node=")?).map(StoreId::from_bytes)
}
