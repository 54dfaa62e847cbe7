//! Which events the record holds: `event_id` to a digest of the content, across restarts.
//!
//! Ids of recent events are in memory; older ones lie in sorted files of which only a fence, one key
//! in 128, is held in memory. Version 7 ids grow with time, so that new events fall into no old file's
//! range; any other id costs one read of 3 KiB per file.

use std::io;
use std::sync::Arc;

use flightrec_events::{CheckedEvent, EventId};
use flightrec_journal::RecordHash;
use rustc_hash::FxHashMap;

use crate::derived::{DIR, damaged};
use crate::id_file::{Entry, IdFile, parse_name, write_entries};
use crate::log::{Log, LogItem};

/// How many ids are kept in memory before they are put into a file.
pub(crate) const MAX_ACTIVE: usize = 262_144;

/// The first eight bytes of the SHA-256 of an event's stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentDigest([u8; 8]);

impl ContentDigest {
    pub(crate) fn of(stored: &RecordHash) -> Self {
        Self(std::array::from_fn(|i| stored.as_bytes()[i]))
    }
}

/// All ids of the record.
#[derive(Debug)]
pub(crate) struct Identity {
    log: Arc<Log>,
    active: FxHashMap<[u8; 16], ContentDigest>,
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
        let mut identity = Self { log, active: FxHashMap::default(), files: Vec::new(), filed_seq: 0, due: MAX_ACTIVE };
        identity.open_files(last_seq)?;
        // The chain's link vouches for everything before it, so that the newest file speaks for all.
        while let Some(newest) = identity.files.last()
            && !newest.belongs_to(&identity.log)?
        {
            identity.log.storage().remove(&newest.path)?;
            identity.files.pop();
            identity.filed_seq = identity.files.last().map_or(0, |file| file.last_seq);
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
        if let Some(digest) = self.active.get(id) {
            return Ok(Some(*digest));
        }
        for at in (0..self.files.len()).rev() {
            let file = &mut self.files[at];
            if *id < file.smallest || file.largest < *id {
                continue;
            }
            let found = match file.find(id) {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.remake(at)?;
                    self.files[at].find(id)?
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
        let IdFile { path, first_seq, last_seq, chain, .. } = &self.files[at];
        let mut entries: Vec<Entry> = Vec::new();
        let mut scan = self.log.scan(*first_seq);
        let mut reached = 0;
        while reached < *last_seq
            && let Some(item) = scan.next().map_err(io::Error::other)?
        {
            // What is damaged in the log is no more in the record.
            let LogItem::Block(block) = item else { continue };
            for (seq, stored) in block.records().filter(|(seq, _)| (*first_seq..=*last_seq).contains(&seq.get())) {
                let event = CheckedEvent::decode(stored)
                    .map_err(|error| io::Error::other(format!("event {seq} cannot be read: {error}")))?;
                entries.push((*event.event_id.as_bytes(), ContentDigest::of(&RecordHash::of(stored)).0));
            }
            reached = block.last_seq();
        }
        entries.sort_unstable();
        write_entries(&**self.log.storage(), path, self.log.store(), (*first_seq, *last_seq), chain, &entries)?;
        let made = IdFile::open(&**self.log.storage(), path, *first_seq, *last_seq, self.log.store())?;
        self.files[at] = made.ok_or_else(|| damaged(&self.files[at].path))?;
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

    /// Waits for as many more ids before the next attempt: filing failed, and memory holds them meanwhile.
    pub(crate) fn put_off(&mut self) {
        self.due = self.active.len() + MAX_ACTIVE;
    }

    /// Puts the ids in memory, which reach up to `last_seq`, where the log's chain has the link `chain`,
    /// into a file; a small last file is merged into it. After an error all ids are still known.
    pub(crate) fn file(&mut self, last_seq: u64, chain: &[u8; 32]) -> io::Result<()> {
        if self.active.is_empty() || last_seq <= self.filed_seq {
            return Ok(());
        }
        let mut entries: Vec<Entry> = self.active.iter().map(|(id, digest)| (*id, digest.0)).collect();
        let mut first_seq = self.filed_seq + 1;
        let small = self.files.last().is_some_and(|file| file.count < MAX_ACTIVE as u64 / 2);
        if small && let Some(at) = self.files.len().checked_sub(1) {
            entries.extend(self.all_of(at)?);
            first_seq = self.files[at].first_seq;
        }
        entries.sort_unstable();
        let path = format!("{DIR}/ids-{first_seq:020}-{last_seq:020}.fri");
        write_entries(&**self.log.storage(), &path, self.log.store(), (first_seq, last_seq), chain, &entries)?;
        let opened = IdFile::open(&**self.log.storage(), &path, first_seq, last_seq, self.log.store())?;
        let file = opened.ok_or_else(|| damaged(&path))?;
        let merged = if small { self.files.pop() } else { None };
        self.files.push(file);
        self.filed_seq = last_seq;
        self.active = FxHashMap::default();
        self.due = MAX_ACTIVE;
        // If the merged file stays, the next open removes it.
        merged.map_or(Ok(()), |merged| self.log.storage().remove(&merged.path))
    }

    /// The entries of one file, made again if it is damaged.
    fn all_of(&mut self, at: usize) -> io::Result<Vec<Entry>> {
        match self.files[at].entries() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.remake(at)?;
                self.files[at].entries()
            }
            other => other,
        }
    }
}
