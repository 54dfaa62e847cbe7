//! What a node has published, as the files of a store that is only read: so its segments are opened and checked as local
//! ones are.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use flightrec_archive::push::{Published, Target};
use flightrec_recorder::journal::{Access, LockGuard, Storage, StorageFile};
use tokio::runtime::Handle;

/// The directory of segments in a store.
const DIR: &str = "archive/events";

/// The segments of one node. They are read on threads that may wait.
#[derive(Debug)]
pub(super) struct NodeFiles {
    target: Target,
    runtime: Handle,
    /// The place and length of each file, by its path in the node's store.
    places: HashMap<String, (String, u64)>,
}

impl NodeFiles {
    pub(super) fn new(target: Target, published: &Published, runtime: Handle) -> Self {
        let place = |segment: &flightrec_archive::push::PublishedSegment| {
            let path = format!("{DIR}/{}", segment.entry.file);
            (path, (segment.path.clone(), segment.entry.bytes))
        };
        Self { target, runtime, places: published.segments.iter().map(place).collect() }
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "what was pushed is only read"))
}

impl Storage for NodeFiles {
    fn list(&self, _dir: &str) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn create(&self, _path: &str) -> io::Result<Arc<dyn StorageFile>> {
        read_only()
    }

    fn open(&self, path: &str, _access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let (place, bytes) = self.places.get(path).ok_or(io::ErrorKind::NotFound)?;
        let (target, runtime) = (self.target.clone(), self.runtime.clone());
        Ok(Arc::new(NodeFile { target, runtime, place: place.clone(), bytes: *bytes }))
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _path: &str) -> io::Result<()> {
        read_only()
    }

    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        read_only()
    }

    fn lock(&self, _path: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        read_only()
    }
}

/// One object.
#[derive(Debug)]
struct NodeFile {
    target: Target,
    runtime: Handle,
    place: String,
    bytes: u64,
}

impl StorageFile for NodeFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let until = self.bytes.min(offset.saturating_add(buf.len() as u64));
        if offset >= until {
            return Ok(0);
        }
        let read = self.runtime.block_on(self.target.read(&self.place, offset..until)).map_err(io::Error::other)?;
        let len = read.len().min(buf.len());
        buf[..len].copy_from_slice(&read[..len]);
        Ok(len)
    }

    fn write_at(&self, _buf: &[u8], _offset: u64) -> io::Result<usize> {
        read_only()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        read_only()
    }

    fn sync_data(&self) -> io::Result<()> {
        read_only()
    }
}
