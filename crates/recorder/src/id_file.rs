//! One file of event ids: written once, sorted, each block of it checked when it is read.
//!
//! An id is kept as a key of nine bytes, the beginning of a hash that no two ids of a store share by chance; of a
//! block's keys only what each is beyond the first one.
//!
//! ```text
//! derived/ids-<first seq>-<last seq>.fri:
//! header:  8 magic, 16 store id, 8 count, 8 width in bytes of what a key is beyond another,
//!          16 smallest id, 16 largest id,
//!          32 chain (the log's link at the block that ends with the last seq),
//!          32 SHA-256 of all that, of both seqs, and of the fence
//! fence:   per block of 128 entries: 9 first key, 8 digest of the block
//! entries: what the key is beyond the block's first (width), 4 digest of the content; sorted by key
//! ```

use std::io;
use std::sync::Arc;

use flightrec_journal::{Access, Storage, StorageFile, StoreId, read_up_to, write_all_at};
use sha2::{Digest, Sha256};

use crate::derived::{self, DIR, damaged, short_digest};
use crate::log::Log;

const MAGIC: [u8; 8] = *b"FRIDS002";
const HEADER_BYTES: usize = 8 + 16 + 8 + 8 + 16 + 16 + 32 + 32;
/// Where the digest stands in the header.
const DIGEST_AT: usize = HEADER_BYTES - 32;
const KEY_BYTES: usize = 9;
pub(crate) const CONTENT_BYTES: usize = 4;
const BLOCK_ENTRIES: usize = 128;
const FENCE_BYTES: usize = KEY_BYTES + 8;

/// What stands for an id: the first nine bytes, as a number, of the SHA-256 of the store's id and the event's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u128);

impl Key {
    pub(crate) fn of(store: StoreId, id: &[u8; 16]) -> Self {
        let hash = Sha256::new().chain_update(store.as_bytes()).chain_update(id).finalize();
        Self::read(&hash[..KEY_BYTES])
    }

    fn read(bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }

    /// The last bytes of what the key is beyond another.
    fn beyond(self, first: Self) -> [u8; 16] {
        self.0.saturating_sub(first.0).to_be_bytes()
    }
}

/// A key and the digest of its event's content.
pub(crate) type Entry = (Key, [u8; CONTENT_BYTES]);

/// What a file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) smallest: [u8; 16],
    pub(crate) largest: [u8; 16],
    /// The log's link at the block that ends with the last position.
    pub(crate) chain: [u8; 32],
}

/// Where the file of a range lies.
pub(crate) fn path(first_seq: u64, last_seq: u64) -> String {
    format!("{DIR}/ids-{first_seq:020}-{last_seq:020}.fri")
}

/// An open file; its fence is in memory.
#[derive(Debug)]
pub(crate) struct IdFile {
    pub(crate) path: String,
    pub(crate) range: Range,
    pub(crate) count: u64,
    width: usize,
    file: Arc<dyn StorageFile>,
    fence: Vec<(Key, [u8; 8])>,
    fence_digest: [u8; 32],
    /// The block that was read last.
    block: Option<(usize, Vec<u8>)>,
}

/// The id files that are damaged anywhere, or of another log, by name, without touching them.
pub(crate) fn damaged_files(log: &Log) -> io::Result<Vec<String>> {
    let (storage, store) = (&**log.storage(), log.store());
    let mut bad = Vec::new();
    for (first, last, name) in storage.list(DIR)?.into_iter().filter_map(parse_name) {
        let path = format!("{DIR}/{name}");
        let whole = IdFile::open(storage, &path, first, last, store).and_then(|file| match file {
            None => Ok(false),
            Some(mut file) => Ok(file.entries()?.len() as u64 == file.count && file.belongs_to(log)?),
        });
        match whole {
            Ok(true) => {}
            Ok(false) => bad.push(path),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => bad.push(path),
            // A writer may have merged it into another file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bad)
}

/// First and last position, from a file's name.
pub(crate) fn parse_name(name: String) -> Option<(u64, u64, String)> {
    let (first, last) = name.strip_prefix("ids-")?.strip_suffix(".fri")?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (0 < first && first <= last).then_some((first, last, name))
}

/// Writes a file whole and syncs it before it gets its name: one that is torn would have to be made again.
pub(crate) fn write(storage: &dyn Storage, store: StoreId, range: &Range, entries: &[Entry]) -> io::Result<()> {
    let blocks = || entries.chunks(BLOCK_ENTRIES).filter_map(|block| Some((block, block.first()?.0)));
    let widest = blocks().filter_map(|(block, first)| Some(block.last()?.0.0 - first.0)).max().unwrap_or_default();
    let width = (u128::BITS - widest.leading_zeros()).div_ceil(8) as usize;
    let mut body = Vec::with_capacity(entries.len() * (width + CONTENT_BYTES));
    let mut fence = Vec::with_capacity(entries.len().div_ceil(BLOCK_ENTRIES) * FENCE_BYTES);
    for (block, first) in blocks() {
        let begin = body.len();
        for (key, content) in block {
            body.extend_from_slice(&key.beyond(first)[16 - width..]);
            body.extend_from_slice(content);
        }
        fence.extend_from_slice(&first.0.to_be_bytes()[16 - KEY_BYTES..]);
        fence.extend_from_slice(&short_digest(&body[begin..]));
    }
    let mut head = Vec::with_capacity(HEADER_BYTES + fence.len());
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(store.as_bytes());
    head.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    head.extend_from_slice(&(width as u64).to_le_bytes());
    head.extend_from_slice(&range.smallest);
    head.extend_from_slice(&range.largest);
    head.extend_from_slice(&range.chain);
    let digest = head_digest(&head, (range.first_seq, range.last_seq), &fence);
    head.extend_from_slice(&digest);
    head.extend_from_slice(&fence);
    let path = path(range.first_seq, range.last_seq);
    let (file, temporary) = derived::begin(storage, &path)?;
    write_all_at(&*file, &head, 0)?;
    write_all_at(&*file, &body, head.len() as u64)?;
    file.sync_data()?;
    storage.rename(&temporary, &path)
}

fn head_digest(head: &[u8], (first_seq, last_seq): (u64, u64), fence: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(head);
    hasher.update(first_seq.to_le_bytes());
    hasher.update(last_seq.to_le_bytes());
    hasher.update(fence);
    hasher.finalize().into()
}

impl IdFile {
    /// Opens a file and checks its size; `None` if it is not whole.
    pub(crate) fn open(
        storage: &dyn Storage,
        path: &str,
        first_seq: u64,
        last_seq: u64,
        store: StoreId,
    ) -> io::Result<Option<Self>> {
        let file = storage.open(path, Access::Read)?;
        let mut head = [0; HEADER_BYTES];
        if read_up_to(&*file, &mut head, 0)? < HEADER_BYTES || head[..8] != MAGIC || head[8..24] != *store.as_bytes() {
            return Ok(None);
        }
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
        let id = |at: usize| -> [u8; 16] { std::array::from_fn(|i| head[at + i]) };
        let (count, width) = (number(24), number(32));
        let chain = std::array::from_fn(|i| head[72 + i]);
        let len = file.len()?;
        if count == 0 || count > last_seq - first_seq + 1 || count > len || width > KEY_BYTES as u64 {
            return Ok(None);
        }
        let mut opened = Self {
            path: path.to_owned(),
            range: Range { first_seq, last_seq, smallest: id(40), largest: id(56), chain },
            count,
            width: width as usize,
            file,
            fence: Vec::new(),
            fence_digest: std::array::from_fn(|i| head[DIGEST_AT + i]),
            block: None,
        };
        if len != opened.entries_at() + count * opened.entry_bytes() as u64 {
            return Ok(None);
        }
        match opened.load_fence() {
            Ok(()) => Ok(Some(opened)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    const fn blocks(&self) -> usize {
        (self.count as usize).div_ceil(BLOCK_ENTRIES)
    }

    const fn entry_bytes(&self) -> usize {
        self.width + CONTENT_BYTES
    }

    /// Where the entries begin.
    const fn entries_at(&self) -> u64 {
        (HEADER_BYTES + self.blocks() * FENCE_BYTES) as u64
    }

    fn load_fence(&mut self) -> io::Result<()> {
        let mut head = vec![0; self.entries_at() as usize];
        if read_up_to(&*self.file, &mut head, 0)? < head.len() {
            return Err(damaged(&self.path));
        }
        let (head, fence) = head.split_at(HEADER_BYTES);
        let seqs = (self.range.first_seq, self.range.last_seq);
        if head_digest(&head[..DIGEST_AT], seqs, fence) != self.fence_digest {
            return Err(damaged(&self.path));
        }
        let split = |entry: &[u8]| (Key::read(&entry[..KEY_BYTES]), std::array::from_fn(|i| entry[KEY_BYTES + i]));
        self.fence = fence.chunks_exact(FENCE_BYTES).map(split).collect();
        Ok(())
    }

    /// Whether the log still holds what the file was made from.
    pub(crate) fn belongs_to(&self, log: &Log) -> io::Result<bool> {
        let link = log.link_at(self.range.last_seq).map_err(io::Error::other)?;
        Ok(link.is_some_and(|link| *link.as_bytes() == self.range.chain))
    }

    /// Whether an id may be in the file: one that is neither before its first nor behind its last.
    pub(crate) fn may_hold(&self, id: &[u8; 16]) -> bool {
        (self.range.smallest..=self.range.largest).contains(id)
    }

    pub(crate) fn find(&mut self, key: Key) -> io::Result<Option<[u8; CONTENT_BYTES]>> {
        let Some(at) = self.fence.partition_point(|(first, _)| *first <= key).checked_sub(1) else { return Ok(None) };
        let beyond = key.beyond(self.fence[at].0);
        let (width, entry_bytes) = (self.width, self.entry_bytes());
        let (out_of_reach, beyond) = beyond.split_at(16 - width);
        if out_of_reach.iter().any(|byte| *byte != 0) {
            return Ok(None);
        }
        let entries: Vec<&[u8]> = self.read_block(at)?.chunks_exact(entry_bytes).collect();
        let found = entries.binary_search_by(|entry| entry[..width].cmp(beyond)).ok();
        Ok(found.map(|i| std::array::from_fn(|k| entries[i][width + k])))
    }

    fn read_block(&mut self, at: usize) -> io::Result<&[u8]> {
        if self.block.as_ref().is_none_or(|(held, _)| *held != at) {
            let entries = (self.count as usize - at * BLOCK_ENTRIES).min(BLOCK_ENTRIES);
            let mut bytes = vec![0; entries * self.entry_bytes()];
            let offset = self.entries_at() + (at * BLOCK_ENTRIES * self.entry_bytes()) as u64;
            let expected = self.fence.get(at).map(|(_, digest)| *digest);
            if read_up_to(&*self.file, &mut bytes, offset)? < bytes.len() || expected != Some(short_digest(&bytes)) {
                return Err(damaged(&self.path));
            }
            self.block = Some((at, bytes));
        }
        Ok(self.block.as_ref().map_or(&[], |(_, bytes)| bytes))
    }

    pub(crate) fn entries(&mut self) -> io::Result<Vec<Entry>> {
        let mut all = Vec::with_capacity(self.count as usize);
        let (width, entry_bytes) = (self.width, self.entry_bytes());
        for at in 0..self.blocks() {
            let first = self.fence[at].0;
            all.extend(self.read_block(at)?.chunks_exact(entry_bytes).map(|entry| {
                let key = Key(first.0.saturating_add(Key::read(&entry[..width]).0));
                (key, std::array::from_fn(|i| entry[width + i]))
            }));
        }
        Ok(all)
    }
}
