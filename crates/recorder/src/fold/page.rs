//! Sessions that nothing has happened to for a while, packed together.
//!
//! Their folds stay in memory, compressed. What was charged to them is read only when a report of usage repeats a charge, or
//! when somebody asks for single model runs: once the page lies in a file, it stays there.

use std::io;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

use flightrec_journal::{StorageFile, read_up_to};
use serde::{Deserialize, Serialize};

use super::cold_keys::{Lead, lead};
use super::rows::PackedRows;
use super::session::SessionFold;
use super::usage::Entry;
use crate::derived::short_digest;

/// The most sessions of a page: its sets are bits of a word.
pub(crate) const PAGE_SESSIONS: usize = 64;

const LEVEL: i32 = 3;
/// Far more than any page holds; one that says so is none of ours.
const MAX_UNPACKED: usize = 1 << 30;

/// The first half of the SHA-256 of something: it stands for it.
pub(crate) type Key = [u8; 16];

/// The keys of usage that one session's entries stand under.
pub(crate) type Entries = Vec<(Key, Entry)>;

/// What is known of a page's sessions without unpacking them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageHead {
    /// The sessions by index, ascending.
    pub(crate) sessions: Vec<u32>,
    pub(crate) ids: Vec<Key>,
    /// The ids that come first and last in order: most look for ids of about one time, which are in few pages.
    least_id: Arc<str>,
    greatest_id: Arc<str>,
    /// What stands for the id of the session that each says spawned it.
    pub(crate) parents: Vec<Option<Key>>,
    /// Those that are hidden, a bit each.
    hidden: u64,
    /// Those without events, a bit each.
    eventless: u64,
}

impl PageHead {
    /// Whether it can be the head of a page of a projection with so many sessions.
    pub(crate) fn is_sound(&self, sessions: u32) -> bool {
        let count = self.sessions.len();
        (1..=PAGE_SESSIONS).contains(&count)
            && (self.ids.len(), self.parents.len()) == (count, count)
            && self.sessions.is_sorted_by(|a, b| a < b)
            && self.sessions.iter().all(|at| *at < sessions)
    }

    /// Whether one of its ids may begin so.
    pub(crate) fn may_hold(&self, prefix: &str) -> bool {
        let begins = |id: &str| id.starts_with(prefix);
        (*self.least_id <= *prefix || begins(&self.least_id))
            && (*self.greatest_id >= *prefix || begins(&self.greatest_id))
    }

    pub(crate) const fn is_hidden(&self, slot: usize) -> bool {
        self.hidden >> slot & 1 == 1
    }

    pub(crate) const fn is_eventless(&self, slot: usize) -> bool {
        self.eventless >> slot & 1 == 1
    }
}

/// A part of bytes that many share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    whole: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Shared {
    /// A part of bytes that are there; nothing of others.
    pub(crate) fn of(whole: &Arc<Vec<u8>>, range: Range<usize>) -> Self {
        Self { whole: Arc::clone(whole), range }
    }
}

impl From<Vec<u8>> for Shared {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { whole: Arc::new(bytes), range }
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

/// A file that pages lie in.
#[derive(Debug)]
pub(crate) struct PageFile {
    pub(crate) number: u64,
    /// The digest of what is read of it at an open.
    pub(crate) digest: [u8; 32],
    /// Where that begins which is not read at an open.
    pub(crate) base: u64,
    pub(crate) path: String,
    pub(crate) file: Arc<dyn StorageFile>,
}

/// A part of a file behind its base, by the digest of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extract {
    pub(crate) at: u64,
    pub(crate) len: u32,
    pub(crate) digest: [u8; 8],
}

impl PageFile {
    pub(crate) fn read(&self, extract: Extract) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; extract.len as usize];
        if read_up_to(&*self.file, &mut bytes, self.base + extract.at)? < bytes.len()
            || short_digest(&bytes) != extract.digest
        {
            return Err(unreadable(&self.path));
        }
        Ok(bytes)
    }
}

/// The error that says so. Only what an open reads is found by an open.
fn unreadable(path: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{path} is damaged; remove it, and the next open makes it again"),
    )
}

/// Where the entries of a page are.
#[derive(Debug, Clone)]
enum Place {
    Held(Arc<[u8]>),
    Filed(Arc<PageFile>, Extract),
}

/// Some sessions, packed.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) head: PageHead,
    pub(crate) rows: PackedRows,
    pub(crate) folds: Shared,
    entries: Mutex<Place>,
}

impl Page {
    /// Packs sessions, in the order of their indices, each with its entries in the ledger.
    pub(crate) fn pack(sessions: &[(u32, SessionFold, Entries)], key_of: impl Fn(&str) -> Key) -> io::Result<Self> {
        let bits = |is: fn(&SessionFold) -> bool| {
            sessions.iter().enumerate().fold(0, |bits, (slot, (_, fold, _))| bits | u64::from(is(fold)) << slot)
        };
        let folds: Vec<&SessionFold> = sessions.iter().map(|(_, fold, _)| fold).collect();
        let entries: Vec<&Entries> = sessions.iter().map(|(_, _, entries)| entries).collect();
        let head = PageHead {
            sessions: sessions.iter().map(|(at, ..)| *at).collect(),
            ids: folds.iter().map(|fold| key_of(&fold.id)).collect(),
            least_id: folds.iter().map(|fold| Arc::clone(&fold.id)).min().unwrap_or_default(),
            greatest_id: folds.iter().map(|fold| Arc::clone(&fold.id)).max().unwrap_or_default(),
            parents: folds.iter().map(|fold| fold.parent().map(|id| key_of(id))).collect(),
            hidden: bits(SessionFold::is_hidden),
            eventless: bits(|fold| fold.extent.events == 0),
        };
        let entries = Mutex::new(Place::Held(pack(&entries)?.into()));
        let rows = PackedRows::of(folds.iter().copied());
        Ok(Self { head, rows, folds: pack(&folds)?.into(), entries })
    }

    /// A page as it lies in a file.
    pub(crate) fn filed(
        head: PageHead,
        rows: PackedRows,
        folds: Shared,
        file: Arc<PageFile>,
        entries: Extract,
    ) -> Self {
        Self { head, rows, folds, entries: Mutex::new(Place::Filed(file, entries)) }
    }

    /// Says that the page lies in a file from now on.
    pub(crate) fn move_to(&self, file: Arc<PageFile>, entries: Extract) {
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = Place::Filed(file, entries);
    }

    /// The file that it lies in.
    pub(crate) fn file(&self) -> Option<Arc<PageFile>> {
        match self.place() {
            Place::Held(_) => None,
            Place::Filed(file, _) => Some(file),
        }
    }

    fn place(&self) -> Place {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn packed_entries(&self) -> io::Result<Vec<u8>> {
        match self.place() {
            Place::Held(bytes) => Ok(bytes.to_vec()),
            Place::Filed(file, extract) => file.read(extract),
        }
    }

    /// The entries of its sessions.
    pub(crate) fn entries(&self) -> io::Result<Vec<Entries>> {
        self.unpack_entries(&self.packed_entries()?)
    }

    fn unpack_entries(&self, packed: &[u8]) -> io::Result<Vec<Entries>> {
        let entries: Vec<Entries> = unpack(packed)?;
        if entries.len() == self.head.sessions.len() { Ok(entries) } else { Err(not_ours()) }
    }

    /// The beginnings of the keys that its sessions hold, told from their packed entries.
    pub(crate) fn leads(&self, packed: &[u8]) -> io::Result<Vec<Lead>> {
        let entries = self.unpack_entries(packed)?;
        Ok(self.head.sessions.iter().zip(&entries).flat_map(|(at, entries)| leads_of(*at, entries)).collect())
    }

    /// The folds of its sessions.
    pub(crate) fn sessions(&self) -> io::Result<Vec<SessionFold>> {
        let folds: Vec<SessionFold> = unpack(&self.folds)?;
        if folds.len() == self.head.sessions.len() { Ok(folds) } else { Err(not_ours()) }
    }
}

/// The beginnings of the keys that a session holds.
pub(crate) fn leads_of(session: u32, entries: &Entries) -> impl Iterator<Item = Lead> {
    entries.iter().map(move |(key, _)| (lead(key), session))
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a page of sessions cannot be unpacked")
}

fn pack<T: Serialize>(value: &[T]) -> io::Result<Vec<u8>> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let mut packed = u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
    packed.extend(zstd::bulk::compress(&bytes, LEVEL)?);
    Ok(packed)
}

fn unpack<T: for<'a> Deserialize<'a>>(packed: &[u8]) -> io::Result<Vec<T>> {
    let (len, packed) = packed.split_first_chunk::<4>().ok_or_else(not_ours)?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > MAX_UNPACKED {
        return Err(not_ours());
    }
    let bytes = zstd::bulk::decompress(packed, len)?;
    postcard::from_bytes(&bytes).map_err(|_| not_ours())
}
