//! Files that can be made again from the log: sealed with a digest, written without waiting for the disk.
//!
//! ```text
//! 8    magic, which names what the file holds
//! 4    version, little endian
//! 16   store id
//! 32   SHA-256 of magic, version, store id and content
//! …    content
//! ```
//! A file that a crash left half written has another digest and counts as absent.

use std::io;
use std::sync::Arc;

use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{Storage, StorageFile, StoreId, read_file, remove_if_there, write_all_at};
use sha2::{Digest, Sha256};

/// The directory of derived files.
pub(crate) const DIR: &str = "derived";

const HEADER_BYTES: usize = 60;
/// Far more than any snapshot needs; a larger file is not ours.
const MAX_BYTES: u64 = 8 << 30;

/// What a derived file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

/// What became of reading a derived file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Derived {
    /// It is whole.
    Whole(Vec<u8>),
    /// There is none, or one of another version.
    Absent,
    /// It is there, and its digest is not that of its content.
    Damaged,
}

/// A new file beside `path`, to be renamed to it once it is written; what an earlier try left is gone.
pub(crate) fn begin(storage: &dyn Storage, path: &str) -> io::Result<(Arc<dyn StorageFile>, String)> {
    let temporary = format!("{path}.tmp");
    remove_if_there(storage, &temporary)?;
    Ok((storage.create(&temporary)?, temporary))
}

/// Replaces a derived file. A crash may leave the old one, the new one, or a damaged one.
pub(crate) fn write(
    storage: &dyn Storage,
    path: &str,
    format: Format,
    store: StoreId,
    content: &[u8],
) -> io::Result<()> {
    let (file, temporary) = begin(storage, path)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
    bytes.extend_from_slice(&format.magic);
    bytes.extend_from_slice(&format.version.to_le_bytes());
    bytes.extend_from_slice(store.as_bytes());
    bytes.extend_from_slice(&digest(format, store, content));
    bytes.extend_from_slice(content);
    write_all_at(&*file, &bytes, 0)?;
    storage.rename(&temporary, path)
}

/// Reads a derived file whole.
pub(crate) fn read(storage: &dyn Storage, path: &str, format: Format, store: StoreId) -> io::Result<Derived> {
    let mut bytes = match read_file(storage, path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Derived::Absent),
        Err(error) => return Err(error),
    };
    if bytes.len() < HEADER_BYTES {
        return Ok(Derived::Damaged);
    }
    let content = bytes.split_off(HEADER_BYTES);
    if bytes[..8] != format.magic || bytes[12..28] != *store.as_bytes() {
        return Ok(Derived::Damaged);
    }
    let found = Format { magic: format.magic, version: u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) };
    if bytes[28..60] != digest(found, store, &content) && !sabotaged(Sabotage::SkipSnapshotCheck) {
        return Ok(Derived::Damaged);
    }
    Ok(if found == format { Derived::Whole(content) } else { Derived::Absent })
}

fn digest(format: Format, store: StoreId, content: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(format.magic);
    hasher.update(format.version.to_le_bytes());
    hasher.update(store.as_bytes());
    hasher.update(content);
    hasher.finalize().into()
}

/// The first eight bytes of the SHA-256.
pub(crate) fn short_digest(bytes: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&Sha256::digest(bytes)[..8]);
    short
}

/// The error that says so.
pub(crate) fn damaged(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path} is damaged; it is made again at the next open"))
}
