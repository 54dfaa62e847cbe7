//! A storage that is a map in memory, so that a target can be run many thousand times.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flightrec_journal::{Access, LockGuard, Storage, StorageFile};

/// The most bytes of one file; a lying length must end in an error, not in the end of memory.
const LARGEST_FILE: usize = 32 << 20;

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files by their path.
#[derive(Debug, Default)]
pub(crate) struct MemoryStorage(Mutex<BTreeMap<String, Bytes>>);

#[derive(Debug)]
struct MemoryFile {
    bytes: Bytes,
    writable: bool,
}

struct NoLock;

impl LockGuard for NoLock {}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStorage {
    /// A storage with one file.
    pub(crate) fn with(path: &str, bytes: &[u8]) -> Self {
        Self::holding(BTreeMap::from([(path.to_owned(), bytes.to_vec())]))
    }

    /// A storage with these files.
    pub(crate) fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        let files = files.into_iter().map(|(path, bytes)| (path, Arc::new(Mutex::new(bytes)))).collect();
        Self(Mutex::new(files))
    }

    /// A copy of everything.
    pub(crate) fn image(&self) -> BTreeMap<String, Vec<u8>> {
        held(&self.0).iter().map(|(path, bytes)| (path.clone(), held(bytes).clone())).collect()
    }

    fn get(&self, path: &str) -> io::Result<Bytes> {
        held(&self.0).get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Storage for MemoryStorage {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let inside = format!("{dir}/");
        let files = held(&self.0);
        let names = files.keys().filter_map(|path| path.strip_prefix(&inside));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut files = held(&self.0);
        if files.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let bytes = Bytes::default();
        files.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(Arc::new(MemoryFile { bytes, writable: true }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(MemoryFile { bytes: self.get(path)?, writable: access == Access::Write }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.get(from)?;
        let mut files = held(&self.0);
        files.remove(from);
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.get(path)?;
        held(&self.0).remove(path);
        Ok(())
    }

    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        Ok(Some(Box::new(NoLock)))
    }
}

impl MemoryFile {
    fn changed(&self, end: u64) -> io::Result<(MutexGuard<'_, Vec<u8>>, usize)> {
        if !self.writable {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let end = usize::try_from(end).ok().filter(|end| *end <= LARGEST_FILE);
        let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        Ok((held(&self.bytes), end))
    }
}

impl StorageFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = held(&self.bytes);
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or(&[]);
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let (mut bytes, end) = self.changed(offset.saturating_add(buf.len() as u64))?;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[end - buf.len()..end].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(held(&self.bytes).len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut bytes, end) = self.changed(len)?;
        bytes.resize(end, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}
