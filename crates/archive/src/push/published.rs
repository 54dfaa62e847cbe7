//! The manifest at a target: which objects of a node are whole, and belong together.
//!
//! ```text
//! manifests/node=<store id>/MANIFEST   one line of JSON, one line with its SHA-256
//! ```
//! It has the facts of the store's own manifest and beside them the place of each segment from the prefix on.

use std::sync::Arc;

use flightrec_journal::{ChainHash, Seq, StoreId};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::{PublishedError, TargetFailure};
use super::layout::Layout;
use crate::entry::SegmentEntry;
use crate::hex::{hex, unhex};
use crate::manifest::Manifest;

/// The version that is written and read.
const FORMAT: u64 = 1;
const MAX_BYTES: u64 = 256 << 20;

/// What a node has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The node: the id of its store.
    pub store: StoreId,
    /// The generation of the store's manifest.
    pub generation: u64,
    /// The position behind the last segment.
    pub next_seq: Seq,
    /// The link of the last segment's last block.
    pub chain: ChainHash,
    /// The segments, in the order of their positions.
    pub segments: Vec<PublishedSegment>,
}

/// One segment at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSegment {
    /// What the store's manifest says of it.
    pub entry: SegmentEntry,
    /// Its object, from the prefix on.
    pub path: String,
}

impl Published {
    /// What a store's manifest says, with the places of its segments.
    pub(super) fn new(store: StoreId, manifest: &Manifest, paths: Vec<String>) -> Self {
        let origin = manifest.origin();
        let segments = manifest.segments().iter().cloned().zip(paths);
        Self {
            store,
            generation: manifest.generation(),
            next_seq: origin.seq,
            chain: origin.chain,
            segments: segments.map(|(entry, path)| PublishedSegment { entry, path }).collect(),
        }
    }

    /// Reads what a node has published below a prefix; `None` if that is nothing.
    ///
    /// # Errors
    /// [`PublishedError`] if it is damaged or newer, or the target fails.
    pub async fn load(
        objects: &Arc<dyn ObjectStore>,
        prefix: &Path,
        node: StoreId,
    ) -> Result<Option<Self>, PublishedError> {
        let object = Layout::new(prefix, node).manifest();
        let failed = || TargetFailure::of("read", &object);
        let found = match objects.get(&object).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(failed())?,
        };
        let damaged = |what| PublishedError::Damaged { object: object.to_string(), what };
        if found.meta.size > MAX_BYTES {
            return Err(damaged("it is too long"));
        }
        Self::parse(&found.bytes().await.map_err(failed())?, node, object.as_ref()).map(Some)
    }

    fn parse(bytes: &[u8], node: StoreId, object: &str) -> Result<Self, PublishedError> {
        let damaged = |what| PublishedError::Damaged { object: object.to_owned(), what };
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is no text"))?;
        let (line, digest) = text.split_once('\n').ok_or_else(|| damaged("it is cut off"))?;
        if digest.strip_suffix('\n') != Some(&*hex(&Sha256::digest(line))) {
            return Err(damaged("it does not have its digest"));
        }
        let json: Value = serde_json::from_str(line).map_err(|_| damaged("it is no JSON"))?;
        let format = json["format"].as_u64().ok_or_else(|| damaged("it has no format"))?;
        if format > FORMAT {
            return Err(PublishedError::NewerFormat { object: object.to_owned(), found: format, known: FORMAT });
        }
        let published = Self::from_json(&json).ok_or_else(|| damaged("a fact is missing"))?;
        if published.store == node { Ok(published) } else { Err(damaged("it is another node's")) }
    }

    fn from_json(json: &Value) -> Option<Self> {
        let segment = |json: &Value| {
            let entry = SegmentEntry::from_json(json)?;
            Some(PublishedSegment { entry, path: json["path"].as_str()?.to_owned() })
        };
        Some(Self {
            store: StoreId::from_bytes(unhex(json["store_id"].as_str()?)?),
            generation: json["generation"].as_u64()?,
            next_seq: Seq::new(json["next_seq"].as_u64()?),
            chain: ChainHash::from_bytes(unhex(json["chain"].as_str()?)?),
            segments: json["segments"].as_array()?.iter().map(segment).collect::<Option<_>>()?,
        })
    }

    /// The bytes of the manifest.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let segment = |segment: &PublishedSegment| {
            let mut json = segment.entry.to_json();
            json["path"] = json!(segment.path);
            json
        };
        let line = json!({
            "format": FORMAT,
            "store_id": hex(self.store.as_bytes()),
            "generation": self.generation,
            "next_seq": self.next_seq.get(),
            "chain": hex(self.chain.as_bytes()),
            "segments": self.segments.iter().map(segment).collect::<Vec<_>>(),
        })
        .to_string();
        format!("{line}\n{}\n", hex(&Sha256::digest(&line))).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Published {
        let entry = SegmentEntry {
            file: SegmentEntry::file_name(Seq::new(1), Seq::new(90), 2),
            first_seq: Seq::new(1),
            last_seq: Seq::new(90),
            revision: 2,
            events: 88,
            bytes: 4000,
            sha256: [1; 32],
            tail_bytes: 1000,
            tail_sha256: [2; 32],
            chain_start: ChainHash::from_bytes([3; 32]),
            chain_end: ChainHash::from_bytes([4; 32]),
        };
        Published {
            store: StoreId::from_bytes([7; 16]),
            generation: 3,
            next_seq: Seq::new(91),
            chain: ChainHash::from_bytes([4; 32]),
            segments: vec![PublishedSegment { entry, path: "events/node=07/date=2026-01-01/x.parquet".to_owned() }],
        }
    }

    #[test]
    fn a_manifest_comes_back_and_with_any_byte_changed_or_cut_off_it_does_not() {
        let published = published();
        let bytes = published.to_bytes();
        assert_eq!(Published::parse(&bytes, published.store, "x").unwrap(), published);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            Published::parse(&changed, published.store, "x").unwrap_err();
            Published::parse(&bytes[..at], published.store, "x").unwrap_err();
        }
    }

    #[test]
    fn the_manifest_of_another_node_or_of_a_later_release_is_not_believed() {
        let published = published();
        let bytes = published.to_bytes();
        let other = StoreId::from_bytes([8; 16]);
        assert!(Published::parse(&bytes, other, "x").unwrap_err().to_string().contains("another node's"));
        let line = String::from_utf8(bytes).unwrap().lines().next().unwrap().replace("\"format\":1", "\"format\":2");
        let newer = format!("{line}\n{}\n", hex(&Sha256::digest(&line)));
        let error = Published::parse(newer.as_bytes(), published.store, "x").unwrap_err();
        assert!(matches!(error, PublishedError::NewerFormat { found: 2, known: 1, .. }));
    }
}
