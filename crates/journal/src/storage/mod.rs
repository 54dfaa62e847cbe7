//! The one seam through which the journal and the recorder touch files.
//!
//! Paths are relative to the root of the store, with `/` between their parts (`journal/0000000001.frj`). The real
//! implementation is [`DiskStorage`]; the other one belongs to the fault runs, which cut the power at every operation.
//!
//! Nothing is durable before the matching sync: bytes and lengths before [`StorageFile::sync_data`], names before
//! [`Storage::sync_dir`] of their directory.

mod digested;
mod disk;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use crate::sabotage::{Sabotage, sabotaged};

pub use digested::{read_digested_line, write_digested_line};
pub use disk::DiskStorage;

/// What an opened file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading alone; works on read-only media.
    Read,
    /// Reading and writing in place.
    Write,
}

/// A directory tree that belongs to one store.
pub trait Storage: Send + Sync + Debug {
    /// The names of the files in `dir`, sorted; empty when there is no such directory.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Makes a new, empty file for writing; fails when the file exists. Missing parent directories are made, and
    /// are durable at once; the name of the file is not.
    fn create(&self, path: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens an existing file.
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn StorageFile>>;

    /// Gives a file another name, replacing what had it, in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in `dir` durable (`""` is the root).
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Takes the exclusive lock at `path`; `None` while another holder has it. It is freed when the guard is dropped
    /// or the process ends, however it ends.
    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn LockGuard>>>;

    /// How many files may be read side by side. One, where a run must repeat: then the order of reads is part of it.
    fn readers(&self) -> usize {
        1
    }
}

/// One open file; offsets and lengths are in bytes.
pub trait StorageFile: Send + Sync + Debug {
    /// Reads at most `buf.len()` bytes from `offset`; 0 at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset` and answers how many bytes were taken, which may be fewer than given.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// The present length.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes bytes and length durable. After a failure nothing may be assumed about what reached the disk.
    fn sync_data(&self) -> io::Result<()>;
}

/// Keeps an exclusive lock while it lives.
pub trait LockGuard: Send + Sync {}

/// Writes all of `buf` at `offset`: short writes are continued, interrupted ones repeated.
pub fn write_all_at(file: &dyn StorageFile, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match file.write_at(buf, offset) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
            Ok(taken) => {
                if sabotaged(Sabotage::IgnoreShortWrite) {
                    return Ok(());
                }
                buf = &buf[taken..];
                offset += taken as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads into `buf` from `offset` until it is full or the file ends; answers how many bytes were read.
pub fn read_up_to(file: &dyn StorageFile, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] when the file is longer than `limit`; nothing is allocated then.
pub fn read_file(storage: &dyn Storage, path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let file = storage.open(path, Access::Read)?;
    let len = file.len()?;
    if len > limit {
        let text = format!("`{path}` has {len} bytes; at most {limit} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let read = read_up_to(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Puts `bytes` at `path` so that after any crash the file holds either what it held before or all of `bytes`.
///
/// When this returns the new content is durable. A leftover of an earlier, interrupted call is replaced.
pub fn write_file_atomically(storage: &dyn Storage, path: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}.tmp");
    remove_if_there(storage, &temporary)?;
    let file = storage.create(&temporary)?;
    write_all_at(&*file, bytes, 0)?;
    file.sync_data()?;
    storage.rename(&temporary, path)?;
    sync_dir(storage, parent_dir(path))
}

/// Removes a file and tells whether there was one; that there was none is no failure.
pub fn remove_if_there(storage: &dyn Storage, path: &str) -> io::Result<bool> {
    match storage.remove(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes names durable.
pub(crate) fn sync_dir(storage: &dyn Storage, dir: &str) -> io::Result<()> {
    if sabotaged(Sabotage::NoDirSync) { Ok(()) } else { storage.sync_dir(dir) }
}

/// The directory part of a path; `""` for a file in the root.
fn parent_dir(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}
