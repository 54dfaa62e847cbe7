//! The names of objects at a target.

use flightrec_journal::StoreId;
use object_store::path::Path;

use crate::blocks::BlockEntry;
use crate::hex::hex;

/// Where the objects of one node lie.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: Path,
    node: String,
}

impl Layout {
    pub(super) fn new(root: &Path, node: StoreId) -> Self {
        Self { root: root.clone(), node: format!("node={node}") }
    }

    fn of(&self, kind: &str) -> Path {
        self.root.clone().join(kind).join(&*self.node)
    }

    /// Below this lie the segments.
    pub(super) fn events(&self) -> Path {
        self.of("events")
    }

    /// Below this lie the artifacts.
    pub(super) fn artifacts(&self) -> Path {
        self.of("artifacts")
    }

    /// The manifest.
    pub(super) fn manifest(&self) -> Path {
        self.of("manifests").join("MANIFEST")
    }

    /// A segment that begins with this block. It lies under the day on which its first event was recorded.
    pub(super) fn segment(&self, file: &str, first: Option<&BlockEntry>) -> Path {
        let stamp_us = first.map_or(0, |block| block.stamp_us);
        let at = flightrec_events::Timestamp::from_micros(stamp_us).unwrap_or_default().to_string();
        let day = at.split('T').next().unwrap_or_default();
        self.events().join(format!("date={day}")).join(file)
    }

    /// An artifact.
    pub(super) fn artifact(&self, sha256: &[u8; 32]) -> Path {
        let name = hex(sha256);
        self.artifacts().join(&name[..2]).join(&*name)
    }

    /// The name of a segment's object from the root on, as manifests keep it.
    pub(super) fn relative(&self, object: &Path) -> String {
        let parts = object.prefix_match(&self.root).into_iter().flatten();
        parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/")
    }

    /// The object behind a name that [`relative`](Self::relative) gave; `None` if it is none of this node's segments.
    pub(super) fn absolute(&self, relative: &str) -> Option<Path> {
        let object = Path::parse(relative).ok()?;
        let object: Path = self.root.parts().chain(object.parts()).collect();
        object.prefix_matches(&self.events()).then_some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(root: &str) -> Layout {
        Layout::new(&Path::from(root), StoreId::from_bytes([0xab; 16]))
    }

    #[test]
    fn a_segment_lies_under_its_node_and_the_day_of_its_first_event() {
        let first = BlockEntry {
            first_seq: flightrec_journal::Seq::new(1),
            count: 1,
            stamp_us: 1_767_225_599_999_999,
            link: flightrec_journal::ChainHash::from_bytes([0; 32]),
            records: crate::Kept::All,
        };
        let node = "ab".repeat(16);
        for (root, before) in [("", String::new()), ("a/b", "a/b/".to_owned())] {
            let layout = layout(root);
            let object = layout.segment("x.parquet", Some(&first));
            assert_eq!(object.as_ref(), format!("{before}events/node={node}/date=2025-12-31/x.parquet"));
            assert_eq!(layout.absolute(&layout.relative(&object)), Some(object));
            assert_eq!(layout.manifest().as_ref(), format!("{before}manifests/node={node}/MANIFEST"));
        }
    }

    #[test]
    fn names_of_other_nodes_and_of_other_kinds_are_none_of_this_node_s_segments() {
        let layout = layout("p");
        let node = "ab".repeat(16);
        for name in [
            "events/node=cd/date=2026-01-01/x.parquet".to_owned(),
            format!("artifacts/node={node}/ab/x"),
            format!("events/node={node}cd/x"),
            format!("events/node={node}/../x"),
            String::new(),
        ] {
            assert_eq!(layout.absolute(&name), None, "{name}");
        }
    }
}
