//! A store in memory whose syncs can be held back or made to fail, and whose reads are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use flightrec_recorder::journal::{Access, LockGuard, Storage, StorageFile};

type Bytes = Arc<Mutex<Vec<u8>>>;

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Bytes>,
    locks: BTreeSet<String>,
    syncs_held: bool,
    syncs_waiting: usize,
    writes_fail: bool,
    syncs_fail: bool,
}

/// All files of one store. A clone is the same store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
    read_bytes: Arc<AtomicU64>,
}

impl Memory {
    pub(crate) fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on every sync of a file waits.
    pub(crate) fn hold_syncs(&self) {
        self.state().syncs_held = true;
    }

    pub(crate) fn release_syncs(&self) {
        self.state().syncs_held = false;
        self.changed.notify_all();
    }

    /// Waits until a sync is being held back.
    pub(crate) fn wait_for_sync(&self) {
        let held = self.changed.wait_while(self.state(), |state| state.syncs_waiting == 0);
        drop(held.unwrap());
    }

    pub(crate) fn fail_writes(&self, fail: bool) {
        self.state().writes_fail = fail;
    }

    pub(crate) fn fail_syncs(&self, fail: bool) {
        self.state().syncs_fail = fail;
    }

    /// How many bytes were read since the last question.
    pub(crate) fn take_read_bytes(&self) -> u64 {
        self.read_bytes.swap(0, Ordering::SeqCst)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.state().files[path].lock().unwrap().clone()
    }

    pub(crate) fn set(&self, path: &str, bytes: Vec<u8>) {
        self.state().files.insert(path.to_owned(), Arc::new(Mutex::new(bytes)));
    }

    pub(crate) fn delete(&self, path: &str) {
        self.state().files.remove(path).unwrap();
    }

    pub(crate) fn flip(&self, path: &str, at: usize, bit: u32) {
        self.state().files[path].lock().unwrap()[at] ^= 1 << bit;
    }

    /// Removes everything below a directory.
    pub(crate) fn delete_dir(&self, dir: &str) {
        self.state().files.retain(|path, _| !path.starts_with(dir));
    }

    /// The same files, apart from this store.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        for (path, bytes) in &self.state().files {
            copy.set(path, bytes.lock().unwrap().clone());
        }
        copy
    }
}

fn not_found(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.to_owned())
}

impl Storage for Memory {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let state = self.state();
        let names = state.files.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut state = self.state();
        if state.writes_fail {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if state.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let bytes = Bytes::default();
        state.files.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(Arc::new(MemoryFile { bytes, store: self.clone() }))
    }

    fn open(&self, path: &str, _access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let bytes = self.state().files.get(path).cloned().ok_or_else(|| not_found(path))?;
        Ok(Arc::new(MemoryFile { bytes, store: self.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let bytes = state.files.remove(from).ok_or_else(|| not_found(from))?;
        state.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.state().files.remove(path).map(drop).ok_or_else(|| not_found(path))
    }

    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        let taken = self.state().locks.insert(path.to_owned());
        Ok(taken.then(|| Box::new(MemoryLock { store: self.clone(), path: path.to_owned() }) as Box<dyn LockGuard>))
    }

    fn readers(&self) -> usize {
        3
    }
}

struct MemoryLock {
    store: Memory,
    path: String,
}

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.store.state().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct MemoryFile {
    bytes: Bytes,
    store: Memory,
}

impl StorageFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.lock().unwrap();
        let start = (offset as usize).min(bytes.len());
        let len = buf.len().min(bytes.len() - start);
        buf[..len].copy_from_slice(&bytes[start..start + len]);
        self.store.read_bytes.fetch_add(len as u64, Ordering::SeqCst);
        Ok(len)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        if self.store.state().writes_fail {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = self.bytes.lock().unwrap();
        let end = offset as usize + buf.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.store.state();
        state.syncs_waiting += 1;
        self.store.changed.notify_all();
        let mut state = self.store.changed.wait_while(state, |state| state.syncs_held).unwrap();
        state.syncs_waiting -= 1;
        if state.syncs_fail { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }
}
