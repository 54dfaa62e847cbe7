//! What a store has to give beside its segments.

use std::collections::HashSet;

use super::error::ContentError;

/// One artifact of a store: content by its SHA-256, in the form in which it lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of the content: its name.
    pub sha256: [u8; 32],
    /// The length of its file.
    pub bytes: u64,
}

/// The artifacts of a store.
pub trait Contents: Sync {
    /// All artifacts, in the order of their names.
    fn list(&self) -> Result<Vec<Content>, ContentError>;

    /// The file of one, after checking that it holds what its name says.
    fn read(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, ContentError>;

    /// The artifacts that events still name; `None` if nobody can tell. It is asked for only when some are to be removed
    /// at the target.
    fn named(&self) -> Result<Option<HashSet<[u8; 32]>>, ContentError>;
}
