//! Which events the record holds: `event_id` to a digest of the content, across restarts.
//!
//! Ids of recent events are in memory; older ones lie in sorted files of which only a fence, one key
//! in 128, is held in memory. Version 7 ids grow with time, so that new events fall into no old file's
//! range; any other id costs one read of 1.5 KiB per file. A file is written beside the recording, and its ids
//! stay in memory until it is there.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use flightrec_events::{CheckedEvent, EventId};
use flightrec_journal::{RecordHash, Seq};
use rustc_hash::FxHashMap;

use crate::derived::{DIR, damaged};
use crate::id_file::{self, CONTENT_BYTES, Entry, IdFile, Key, Range, parse_name};
use crate::log::{Log, LogItem};

/// How many ids are kept in memory before they are put into a file.
pub(crate) const MAX_ACTIVE: usize = 262_144;

/// How many ids may be in memory while a file of others is not there yet; then the writer waits for it.
const MAX_WAITING: usize = 4 * MAX_ACTIVE;

/// The first four bytes of the SHA-256 of an event's stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentDigest([u8; CONTENT_BYTES]);

type Ids = FxHashMap<[u8; 16], ContentDigest>;

impl ContentDigest {
    pub(crate) fn of(stored: &RecordHash) -> Self {
        Self(std::array::from_fn(|i| stored.as_bytes()[i]))
    }
}

/// Ids on their way into a file.
#[derive(Debug)]
struct Underway {
    ids: Arc<Ids>,
    filed: Receiver<io::Result<IdFile>>,
}

/// The work of putting ids into a file, which anyone can do at any time.
#[derive(Debug)]
pub(crate) struct Filing {
    log: Arc<Log>,
    ids: Arc<Ids>,
    /// The range of the last file, if that is so small that it becomes part of the new one.
    merged: Option<(u64, u64)>,
    first_seq: u64,
    last_seq: u64,
    chain: [u8; 32],
    filed: Sender<io::Result<IdFile>>,
}

impl Filing {
    /// Does the work. Whoever does not do it must let go of it.
    pub(crate) fn run(&self) {
        // If nobody waits for the file any more, the next open finds it.
        let _told = self.filed.send(self.write()).is_ok();
    }

    fn write(&self) -> io::Result<IdFile> {
        let (storage, store) = (&**self.log.storage(), self.log.store());
        let mut entries: Vec<Entry> = self.ids.iter().map(|(id, digest)| (Key::of(store, id), digest.0)).collect();
        let mut smallest = self.ids.keys().min().copied().unwrap_or_default();
        let mut largest = self.ids.keys().max().copied().unwrap_or_default();
        let mut first_seq = self.first_seq;
        // One that cannot be read stays as it is: who looks into it makes it again, or the next open does.
        if let Some((first, last)) = self.merged
            && let Ok(Some(mut small)) = IdFile::open(storage, &id_file::path(first, last), first, last, store)
            && let Ok(others) = small.entries()
        {
            entries.extend(others);
            smallest = smallest.min(small.range.smallest);
            largest = largest.max(small.range.largest);
            first_seq = first;
        }
        write(&self.log, Range { first_seq, last_seq: self.last_seq, smallest, largest, chain: self.chain }, entries)
    }
}

/// Writes a file and opens it.
fn write(log: &Log, range: Range, mut entries: Vec<Entry>) -> io::Result<IdFile> {
    entries.sort_unstable();
    id_file::write(&**log.storage(), log.store(), &range, &entries)?;
    let path = id_file::path(range.first_seq, range.last_seq);
    let made = IdFile::open(&**log.storage(), &path, range.first_seq, range.last_seq, log.store())?;
    made.ok_or_else(|| damaged(&path))
}

/// All ids of the record.
#[derive(Debug)]
pub(crate) struct Identity {
    log: Arc<Log>,
    active: Ids,
    underway: Option<Underway>,
    files: Vec<IdFile>,
    /// The last position whose id is in a file.
    filed_seq: u64,
    /// How many ids are in memory when the next attempt to file them is due.
    due: usize,
}

impl Identity {
    /// Opens the files that cover the record from its first event without a gap, up to `last_seq`.
    /// Files beyond, of another log, or damaged at their head, are removed: the caller folds the log
    /// from [`Self::filed_seq`] on.
    pub(crate) fn open(log: Arc<Log>, last_seq: u64) -> io::Result<Self> {
        let mut identity = Self {
            log,
            active: FxHashMap::default(),
            underway: None,
            files: Vec::new(),
            filed_seq: 0,
            due: MAX_ACTIVE,
        };
        identity.open_files(last_seq)?;
        // The chain's link vouches for everything before it, so that the newest file speaks for all.
        while let Some(newest) = identity.files.last()
            && !newest.belongs_to(&identity.log)?
        {
            identity.log.storage().remove(&newest.path)?;
            identity.files.pop();
            identity.filed_seq = identity.files.last().map_or(0, |file| file.range.last_seq);
        }
        Ok(identity)
    }

    fn open_files(&mut self, last_seq: u64) -> io::Result<()> {
        let names = self.log.storage().list(DIR)?;
        for leftover in names.iter().filter(|name| name.starts_with("ids-") && name.strip_suffix(".tmp").is_some()) {
            self.log.storage().remove(&format!("{DIR}/{leftover}"))?;
        }
        let mut found: Vec<(u64, u64, String)> = names.into_iter().filter_map(parse_name).collect();
        found.sort_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
        for (first, last, name) in found {
            let path = format!("{DIR}/{name}");
            let next = first == self.filed_seq + 1 && last <= last_seq;
            match if next { IdFile::open(&**self.log.storage(), &path, first, last, self.log.store())? } else { None } {
                Some(file) => {
                    self.filed_seq = last;
                    self.files.push(file);
                }
                None => self.log.storage().remove(&path)?,
            }
        }
        Ok(())
    }

    /// The log that it speaks of.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The last position whose id is in a file; 0 if none is.
    pub(crate) const fn filed_seq(&self) -> u64 {
        self.filed_seq
    }

    /// The content that the record holds under an id.
    pub(crate) fn find(&mut self, id: EventId) -> io::Result<Option<ContentDigest>> {
        let id = id.as_bytes();
        let underway = self.underway.as_ref().and_then(|underway| underway.ids.get(id));
        if let Some(digest) = self.active.get(id).or(underway) {
            return Ok(Some(*digest));
        }
        let mut key = None;
        for at in (0..self.files.len()).rev() {
            if !self.files[at].may_hold(id) {
                continue;
            }
            let key = *key.get_or_insert_with(|| Key::of(self.log.store(), id));
            let found = match self.files[at].find(key) {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.remake(at)?;
                    self.files[at].find(key)?
                }
                other => other?,
            };
            if found.is_some() {
                return Ok(found.map(ContentDigest));
            }
        }
        Ok(None)
    }

    /// Makes a damaged file again from the log.
    fn remake(&mut self, at: usize) -> io::Result<()> {
        let mut range = self.files[at].range;
        let mut entries: Vec<Entry> = Vec::new();
        let mut scan = self.log.scan(range.first_seq);
        let mut reached = 0;
        (range.smallest, range.largest) = ([u8::MAX; 16], [0; 16]);
        while reached < range.last_seq
            && let Some(item) = scan.next().map_err(io::Error::other)?
        {
            // What is damaged in the log is no more in the record.
            let LogItem::Block(block) = item else { continue };
            let within = |(seq, _): &(Seq, &[u8])| (range.first_seq..=range.last_seq).contains(&seq.get());
            for (seq, stored) in block.records().filter(within) {
                let event = CheckedEvent::decode(stored)
                    .map_err(|error| io::Error::other(format!("event {seq} cannot be read: {error}")))?;
                let id = event.event_id.as_bytes();
                range.smallest = range.smallest.min(*id);
                range.largest = range.largest.max(*id);
                entries.push((Key::of(self.log.store(), id), ContentDigest::of(&RecordHash::of(stored)).0));
            }
            reached = block.last_seq();
        }
        self.files[at] = write(&self.log, range, entries)?;
        Ok(())
    }

    /// Remembers an id of the record.
    pub(crate) fn insert(&mut self, id: EventId, digest: ContentDigest) {
        self.active.insert(*id.as_bytes(), digest);
    }

    /// Whether so many ids are in memory that they should be put into a file.
    pub(crate) fn is_full(&self) -> bool {
        self.active.len() >= self.due
    }

    /// Begins to put the ids in memory, which reach up to `last_seq`, where the log's chain has the link `chain`, into
    /// a file; a small last file becomes part of it. They are known all the while. `None` if there is nothing to do, or
    /// another file is not there yet.
    pub(crate) fn start_filing(&mut self, last_seq: u64, chain: &[u8; 32]) -> Option<Filing> {
        if self.active.is_empty() || last_seq <= self.filed_seq || self.underway.is_some() {
            return None;
        }
        let ids = Arc::new(std::mem::take(&mut self.active));
        self.due = MAX_ACTIVE;
        let (told, filed) = bounded(1);
        self.underway = Some(Underway { ids: Arc::clone(&ids), filed });
        let last = self.files.last().filter(|file| file.count < MAX_ACTIVE as u64 / 2);
        Some(Filing {
            log: Arc::clone(&self.log),
            ids,
            merged: last.map(|file| (file.range.first_seq, file.range.last_seq)),
            first_seq: self.filed_seq + 1,
            last_seq,
            chain: *chain,
            filed: told,
        })
    }

    /// Takes over a file that has been written meanwhile. While too many ids wait for it, it is waited for. If it could
    /// not be written, its ids stay in memory, and it is tried again after as many more.
    pub(crate) fn settle(&mut self) {
        let Some(underway) = &self.underway else { return };
        let filed = match underway.filed.try_recv() {
            Err(TryRecvError::Empty) if self.active.len() < MAX_WAITING => return,
            Err(TryRecvError::Empty) => underway.filed.recv().ok(),
            told => told.ok(),
        };
        let Some(Underway { ids, .. }) = self.underway.take() else { return };
        let Some(Ok(file)) = filed else {
            self.active.extend(ids.iter());
            self.due = self.active.len() + MAX_ACTIVE;
            return;
        };
        let merged = self.files.pop_if(|last| last.range.first_seq == file.range.first_seq);
        self.filed_seq = file.range.last_seq;
        self.files.push(file);
        // If the merged file stays, the next open removes it.
        let _gone = merged.is_none_or(|merged| self.log.storage().remove(&merged.path).is_ok());
    }

    /// Puts the ids in memory into a file at once.
    pub(crate) fn file(&mut self, last_seq: u64, chain: &[u8; 32]) {
        self.settle();
        if let Some(filing) = self.start_filing(last_seq, chain) {
            filing.run();
        }
        self.settle();
    }
}
