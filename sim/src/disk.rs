//! The simulated disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use flightrec_journal::{Access, LockGuard, Storage, StorageFile};

use crate::rng::Rng;

const PAGE: usize = 4096;
const SECTOR: usize = 512;
const LOG_LINES: usize = 48;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailKind {
    /// The device failed. A write may have been done in part; a sync has lost its pages.
    Io,
    /// The disk is full.
    NoSpace,
    /// A signal came in between; nothing was done.
    Interrupted,
    /// A write takes only a part of what it is given. Other calls are not harmed.
    ShortWrite,
}

/// What is to go wrong. Calls are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The call with this number fails, and every later one too if `forever`.
    FailCall {
        /// Counts every call, reads too.
        at: u64,
        /// How.
        kind: FailKind,
        /// Every later call fails as well.
        forever: bool,
    },
    /// The power fails within the changing call with this number: it may be done in part, and nothing works after it.
    PowerCut {
        /// Counts calls that change something, syncs included.
        at: u64,
    },
    /// The file sync with this number fails, and its pages are then taken for clean although they are not on the disk.
    LoseSync {
        /// Counts file syncs.
        at: u64,
    },
    /// Files may have this many bytes together.
    Space {
        /// The bytes.
        bytes: u64,
    },
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// What a program sees.
    live: Vec<u8>,
    /// What is on the disk.
    durable: Vec<u8>,
    /// Pages that differ, or may.
    dirty: BTreeSet<usize>,
    len_dirty: bool,
}

#[derive(Clone, Debug)]
enum NameChange {
    Create { path: String, inode: u64 },
    Rename { from: String, to: String, inode: u64 },
    Remove { path: String },
}

#[derive(Clone, Debug, Default)]
struct Names(BTreeMap<String, u64>);

impl Names {
    /// Applies a change if it can be.
    fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Create { path, inode } => {
                self.0.insert(path.clone(), *inode);
            }
            // A directory on the disk names files, not names: the file that was meant gets the new one.
            NameChange::Rename { from, to, inode } => {
                if self.0.get(from) == Some(inode) {
                    self.0.remove(from);
                }
                self.0.insert(to.clone(), *inode);
            }
            NameChange::Remove { path } => {
                self.0.remove(path);
            }
        }
    }
}

struct Disk {
    inodes: BTreeMap<u64, Inode>,
    names: Names,
    durable_names: Names,
    pending: Vec<NameChange>,
    locks: BTreeSet<String>,
    next_inode: u64,
    fault: Fault,
    rng: Rng,
    calls: u64,
    changes: u64,
    syncs: u64,
    dead: bool,
    log: VecDeque<String>,
    log_hash: u64,
}

/// What the fault wants of the call at hand.
enum Verdict {
    Go,
    Fail(io::Error),
    Short,
    Cut,
}

impl Disk {
    /// Counts a call, and asks the fault about it.
    fn call(&mut self, text: fmt::Arguments<'_>, changes: bool) -> Verdict {
        let line = format!("{} {text}", self.calls);
        for byte in line.bytes() {
            self.log_hash = (self.log_hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(line);
        let (call, change) = (self.calls, self.changes);
        self.calls += 1;
        self.changes += u64::from(changes);
        if self.dead {
            return Verdict::Fail(power_is_off());
        }
        match self.fault {
            Fault::FailCall { at, kind, forever } if call == at || (forever && call > at) => match kind {
                FailKind::Io => Verdict::Fail(io::Error::from_raw_os_error(5)),
                FailKind::NoSpace => Verdict::Fail(io::ErrorKind::StorageFull.into()),
                FailKind::Interrupted => Verdict::Fail(io::ErrorKind::Interrupted.into()),
                FailKind::ShortWrite => Verdict::Short,
            },
            Fault::PowerCut { at } if changes && change == at => {
                self.dead = true;
                Verdict::Cut
            }
            Fault::FailCall { .. }
            | Fault::PowerCut { .. }
            | Fault::LoseSync { .. }
            | Fault::Space { .. }
            | Fault::None => Verdict::Go,
        }
    }

    fn name_change(&mut self, text: fmt::Arguments<'_>, change: NameChange) -> io::Result<()> {
        match self.call(text, true) {
            Verdict::Go | Verdict::Short => {}
            Verdict::Fail(error) => return Err(error),
            Verdict::Cut => {
                if self.rng.once_in(2) {
                    self.pending.push(change);
                }
                return Err(power_is_off());
            }
        }
        self.names.apply(&change);
        self.pending.push(change);
        Ok(())
    }

    fn space_left(&self) -> u64 {
        match self.fault {
            Fault::Space { bytes } => {
                let used: usize = self.names.0.values().map(|inode| self.inodes[inode].live.len()).sum();
                bytes.saturating_sub(used as u64)
            }
            Fault::None | Fault::FailCall { .. } | Fault::PowerCut { .. } | Fault::LoseSync { .. } => u64::MAX,
        }
    }

    fn write(&mut self, inode: u64, bytes: &[u8], offset: u64) {
        let node = self.inodes.get_mut(&inode).expect("an open file has its inode");
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if end > node.live.len() {
            node.live.resize(end, 0);
            node.len_dirty = true;
        }
        node.live[start..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            node.dirty.extend(start / PAGE..=(end - 1) / PAGE);
        }
    }

    /// Puts a page on the disk.
    fn flush_page(node: &mut Inode, page: usize) {
        let start = page * PAGE;
        let end = (start + PAGE).min(node.live.len());
        if start < end {
            if node.durable.len() < end {
                node.durable.resize(end, 0);
            }
            node.durable[start..end].copy_from_slice(&node.live[start..end]);
        }
        node.dirty.remove(&page);
    }

    fn flush(node: &mut Inode) {
        let pages: Vec<_> = node.dirty.iter().copied().collect();
        for page in pages {
            Self::flush_page(node, page);
        }
        node.durable.resize(node.live.len(), 0);
        node.len_dirty = false;
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn not_found(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file `{path}`"))
}

/// A disk in memory that forgets what was not synced.
#[derive(Clone)]
pub struct SimStorage {
    disk: Arc<Mutex<Disk>>,
}

impl fmt::Debug for SimStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.lock_disk();
        writeln!(f, "SimStorage, {:?}, dead: {}; last calls:", disk.fault, disk.dead)?;
        disk.log.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl SimStorage {
    /// An empty disk; the seed decides what is torn.
    pub fn new(seed: u64) -> Self {
        Self::from_parts(BTreeMap::new(), Names::default(), 0, seed)
    }

    fn from_parts(inodes: BTreeMap<u64, Inode>, names: Names, next_inode: u64, seed: u64) -> Self {
        let disk = Disk {
            inodes,
            durable_names: names.clone(),
            names,
            pending: Vec::new(),
            locks: BTreeSet::new(),
            next_inode,
            fault: Fault::None,
            rng: Rng::new(seed),
            calls: 0,
            changes: 0,
            syncs: 0,
            dead: false,
            log: VecDeque::new(),
            log_hash: 0xcbf2_9ce4_8422_2325,
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    fn lock_disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("no test goes on after a panic")
    }

    /// Sets the fault; counting begins anew.
    pub fn inject(&self, fault: Fault) {
        let mut disk = self.lock_disk();
        disk.fault = fault;
        (disk.calls, disk.changes, disk.syncs) = (0, 0, 0);
    }

    /// How many calls there were since the last [`inject`](Self::inject).
    pub fn calls(&self) -> u64 {
        self.lock_disk().calls
    }

    /// How many of them changed something.
    pub fn changes(&self) -> u64 {
        self.lock_disk().changes
    }

    /// How many of them synced a file.
    pub fn syncs(&self) -> u64 {
        self.lock_disk().syncs
    }

    /// A number that two runs share only if they did the same calls.
    pub fn trace(&self) -> u64 {
        self.lock_disk().log_hash
    }

    /// How many bytes the files have together.
    pub fn used_bytes(&self) -> u64 {
        let disk = self.lock_disk();
        disk.names.0.values().map(|inode| disk.inodes[inode].live.len() as u64).sum()
    }

    /// Every file and its bytes, as a program sees them.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.lock_disk();
        let file = |(name, inode): (&String, &u64)| (name.clone(), disk.inodes[inode].live.clone());
        disk.names.0.iter().map(file).collect()
    }

    /// A disk with these files, all durable.
    pub fn with_files(files: &BTreeMap<String, Vec<u8>>, seed: u64) -> Self {
        let mut inodes = BTreeMap::new();
        let mut names = Names::default();
        for (inode, (name, bytes)) in (0..).zip(files) {
            let node = Inode { live: bytes.clone(), durable: bytes.clone(), ..Inode::default() };
            inodes.insert(inode, node);
            names.0.insert(name.clone(), inode);
        }
        Self::from_parts(inodes, names, files.len() as u64, seed)
    }

    /// The disk after a power cut now: each page that was not synced is old, new or torn, each change of a name that
    /// was not synced did or did not happen.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let disk = self.lock_disk();
        let mut rng = Rng::new(seed);
        let mut names = disk.durable_names.clone();
        // A file system with a journal keeps a first part of the changes; one without may keep any of them.
        let kept = if rng.once_in(2) { Some(rng.below(disk.pending.len() as u64 + 1)) } else { None };
        for (number, change) in (0..).zip(&disk.pending) {
            if kept.map_or_else(|| rng.once_in(2), |kept| number < kept) {
                names.apply(change);
            }
        }
        // Once in a while all that was not synced is lost, or nothing.
        let mood = rng.below(8);
        let mut inodes = BTreeMap::new();
        for inode in names.0.values() {
            let node = &disk.inodes[inode];
            let bytes = crash_file(node, &mut rng, mood);
            inodes.insert(*inode, Inode { live: bytes.clone(), durable: bytes, ..Inode::default() });
        }
        Self::from_parts(inodes, names, disk.next_inode, seed ^ 0x5bd1_e995)
    }
}

fn crash_file(node: &Inode, rng: &mut Rng, mood: u64) -> Vec<u8> {
    let mut bytes = node.durable.clone();
    let longest = node.live.len().max(bytes.len());
    bytes.resize(longest, 0);
    for page in &node.dirty {
        let start = page * PAGE;
        let end = (start + PAGE).min(node.live.len());
        if start >= end {
            continue;
        }
        let choice = match mood {
            0 => 0,
            1 => 1,
            _ => rng.below(3),
        };
        match choice {
            0 => {}
            1 => bytes[start..end].copy_from_slice(&node.live[start..end]),
            _ => {
                for sector in (start..end).step_by(SECTOR) {
                    if rng.once_in(2) {
                        let end = (sector + SECTOR).min(end);
                        bytes[sector..end].copy_from_slice(&node.live[sector..end]);
                    }
                }
            }
        }
    }
    let new_len = node.len_dirty && mood != 0 && (mood == 1 || rng.once_in(2));
    let len = if new_len || !node.len_dirty { node.live.len() } else { node.durable.len() };
    bytes.resize(len, 0);
    bytes
}

impl Storage for SimStorage {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut disk = self.lock_disk();
        if let Verdict::Fail(error) = disk.call(format_args!("list {dir}"), false) {
            return Err(error);
        }
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let names = disk.names.0.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut disk = self.lock_disk();
        if disk.names.0.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = disk.next_inode;
        disk.next_inode += 1;
        disk.inodes.insert(inode, Inode::default());
        let change = NameChange::Create { path: path.to_owned(), inode };
        disk.name_change(format_args!("create {path}"), change)?;
        drop(disk);
        Ok(Arc::new(SimFile { storage: self.clone(), inode }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        let mut disk = self.lock_disk();
        if let Verdict::Fail(error) = disk.call(format_args!("open {path} {access:?}"), false) {
            return Err(error);
        }
        let inode = *disk.names.0.get(path).ok_or_else(|| not_found(path))?;
        drop(disk);
        Ok(Arc::new(SimFile { storage: self.clone(), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.lock_disk();
        let inode = *disk.names.0.get(from).ok_or_else(|| not_found(from))?;
        let change = NameChange::Rename { from: from.to_owned(), to: to.to_owned(), inode };
        disk.name_change(format_args!("rename {from} {to}"), change)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut disk = self.lock_disk();
        if !disk.names.0.contains_key(path) {
            return Err(not_found(path));
        }
        let change = NameChange::Remove { path: path.to_owned() };
        disk.name_change(format_args!("remove {path}"), change)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut disk = self.lock_disk();
        match disk.call(format_args!("sync_dir {dir}"), true) {
            Verdict::Go | Verdict::Short => {}
            Verdict::Fail(error) => return Err(error),
            // What was pending stays pending: the crash decides.
            Verdict::Cut => return Err(power_is_off()),
        }
        let pending = std::mem::take(&mut disk.pending);
        for change in pending {
            let path = match &change {
                NameChange::Create { path, .. } | NameChange::Remove { path } => path,
                NameChange::Rename { to, .. } => to,
            };
            if path.rsplit_once('/').map_or("", |(parent, _)| parent) == dir {
                disk.durable_names.apply(&change);
            } else {
                disk.pending.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        let mut disk = self.lock_disk();
        if let Verdict::Fail(error) = disk.call(format_args!("lock {path}"), false) {
            return Err(error);
        }
        if !disk.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        drop(disk);
        Ok(Some(Box::new(SimLock { storage: self.clone(), path: path.to_owned() })))
    }
}

struct SimLock {
    storage: SimStorage,
    path: String,
}

impl LockGuard for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.storage.lock_disk().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimFile {
    storage: SimStorage,
    inode: u64,
}

impl SimFile {
    fn node<'a>(&self, disk: &'a mut Disk) -> &'a mut Inode {
        disk.inodes.get_mut(&self.inode).expect("an open file has its inode")
    }
}

impl StorageFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.storage.lock_disk();
        let text = format_args!("read {} at {offset} {}", self.inode, buf.len());
        let verdict = disk.call(text, false);
        let node = self.node(&mut disk);
        let start = (offset as usize).min(node.live.len());
        let mut len = buf.len().min(node.live.len() - start);
        match verdict {
            Verdict::Go | Verdict::Cut => {}
            Verdict::Fail(error) => return Err(error),
            Verdict::Short => len = len.div_ceil(2),
        }
        buf[..len].copy_from_slice(&node.live[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.storage.lock_disk();
        let verdict = disk.call(format_args!("write {} at {offset} {}", self.inode, buf.len()), true);
        let part = disk.rng.below(buf.len() as u64 + 1) as usize;
        match verdict {
            Verdict::Go => {}
            Verdict::Fail(error) if error.kind() == io::ErrorKind::Interrupted || disk.dead => {
                return Err(error);
            }
            Verdict::Fail(error) => {
                disk.write(self.inode, &buf[..part], offset);
                return Err(error);
            }
            Verdict::Short => {
                let part = part.max(1).min(buf.len());
                disk.write(self.inode, &buf[..part], offset);
                return Ok(part);
            }
            Verdict::Cut => {
                disk.write(self.inode, &buf[..part], offset);
                return Err(power_is_off());
            }
        }
        let len = self.node(&mut disk).live.len() as u64;
        let room = (len + disk.space_left().min(1 << 40)).saturating_sub(offset);
        let taken = (buf.len() as u64).min(room) as usize;
        if taken == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.write(self.inode, &buf[..taken], offset);
        Ok(taken)
    }

    fn len(&self) -> io::Result<u64> {
        let mut disk = self.storage.lock_disk();
        if let Verdict::Fail(error) = disk.call(format_args!("len {}", self.inode), false) {
            return Err(error);
        }
        Ok(self.node(&mut disk).live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.storage.lock_disk();
        let verdict = disk.call(format_args!("set_len {} {len}", self.inode), true);
        let done = match &verdict {
            Verdict::Go | Verdict::Short => true,
            Verdict::Fail(_) => false,
            Verdict::Cut => disk.rng.once_in(2),
        };
        if done {
            let node = self.node(&mut disk);
            let old = node.live.len();
            node.live.resize(len as usize, 0);
            node.len_dirty = true;
            // The page that is cut loses its rest.
            let (from, until) = (old.min(len as usize), old.max(len as usize));
            node.dirty.extend(from / PAGE..until.div_ceil(PAGE));
        }
        match verdict {
            Verdict::Go | Verdict::Short => Ok(()),
            Verdict::Fail(error) => Err(error),
            Verdict::Cut => Err(power_is_off()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.storage.lock_disk();
        let verdict = disk.call(format_args!("sync {}", self.inode), true);
        let sync = disk.syncs;
        disk.syncs += 1;
        match verdict {
            Verdict::Go | Verdict::Short if disk.fault == (Fault::LoseSync { at: sync }) => {
                self.node(&mut disk).dirty.clear();
                Err(io::Error::from_raw_os_error(5))
            }
            Verdict::Go | Verdict::Short => {
                Disk::flush(self.node(&mut disk));
                Ok(())
            }
            Verdict::Fail(error) if error.kind() == io::ErrorKind::Interrupted || disk.dead => Err(error),
            Verdict::Fail(error) => {
                self.node(&mut disk).dirty.clear();
                Err(error)
            }
            Verdict::Cut => {
                let pages: Vec<_> = self.node(&mut disk).dirty.iter().copied().collect();
                for page in pages {
                    if disk.rng.once_in(2) {
                        Disk::flush_page(self.node(&mut disk), page);
                    }
                }
                Err(power_is_off())
            }
        }
    }
}
