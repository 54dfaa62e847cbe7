//! One file of event ids: written once, sorted, each block of it checked when it is read.
//!
//! ```text
//! derived/ids-<first seq>-<last seq>.fri:
//! header:  8 magic, 16 store id, 8 count, 16 smallest id, 16 largest id,
//!          32 chain (the log's link at the block that ends with the last seq),
//!          32 SHA-256 of all that, of both seqs, and of the fence
//! fence:   per block of 128 entries: 16 first id, 8 digest of the block
//! entries: 16 id, 8 digest of the content; sorted by id
//! ```

use std::io;
use std::sync::Arc;

use flightrec_journal::{Access, Storage, StorageFile, StoreId, read_up_to, write_all_at};
use sha2::{Digest, Sha256};

use crate::derived::{self, DIR, damaged, short_digest};
use crate::log::Log;

const MAGIC: [u8; 8] = *b"FRIDS001";
const HEADER_BYTES: usize = 8 + 16 + 8 + 16 + 16 + 32 + 32;
/// Where the digest stands in the header.
const DIGEST_AT: usize = HEADER_BYTES - 32;
const ENTRY_BYTES: usize = 24;
const BLOCK_ENTRIES: usize = 128;

/// An id and the digest of its event's content.
pub(crate) type Entry = ([u8; 16], [u8; 8]);

/// An open file; its fence is in memory.
#[derive(Debug)]
pub(crate) struct IdFile {
    pub(crate) path: String,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) count: u64,
    pub(crate) smallest: [u8; 16],
    pub(crate) largest: [u8; 16],
    pub(crate) chain: [u8; 32],
    file: Arc<dyn StorageFile>,
    fence: Vec<Entry>,
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
pub(crate) fn write_entries(
    storage: &dyn Storage,
    path: &str,
    store: StoreId,
    seqs: (u64, u64),
    chain: &[u8; 32],
    entries: &[Entry],
) -> io::Result<()> {
    let mut body = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for (id, digest) in entries {
        body.extend_from_slice(id);
        body.extend_from_slice(digest);
    }
    let mut fence = Vec::new();
    for block in body.chunks(BLOCK_ENTRIES * ENTRY_BYTES) {
        fence.extend_from_slice(&block[..16]);
        fence.extend_from_slice(&short_digest(block));
    }
    let mut head = Vec::with_capacity(HEADER_BYTES + fence.len());
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(store.as_bytes());
    head.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    head.extend_from_slice(entries.first().map_or(&[0; 16], |entry| &entry.0));
    head.extend_from_slice(entries.last().map_or(&[0; 16], |entry| &entry.0));
    head.extend_from_slice(chain);
    let digest = head_digest(&head, seqs, &fence);
    head.extend_from_slice(&digest);
    head.extend_from_slice(&fence);
    let (file, temporary) = derived::begin(storage, path)?;
    write_all_at(&*file, &head, 0)?;
    write_all_at(&*file, &body, head.len() as u64)?;
    file.sync_data()?;
    storage.rename(&temporary, path)
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
        let array = |at: usize| -> [u8; 16] { std::array::from_fn(|i| head[at + i]) };
        let count = u64::from_le_bytes(std::array::from_fn(|i| head[24 + i]));
        let mut opened = Self {
            path: path.to_owned(),
            first_seq,
            last_seq,
            count,
            smallest: array(32),
            largest: array(48),
            chain: std::array::from_fn(|i| head[64 + i]),
            file,
            fence: Vec::new(),
            fence_digest: std::array::from_fn(|i| head[DIGEST_AT + i]),
            block: None,
        };
        let len = opened.file.len()?;
        if count == 0 || count > last_seq - first_seq + 1 || count > len / ENTRY_BYTES as u64 {
            return Ok(None);
        }
        if len != HEADER_BYTES as u64 + opened.blocks() as u64 * 24 + count * ENTRY_BYTES as u64 {
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

    fn load_fence(&mut self) -> io::Result<()> {
        let mut head = vec![0; HEADER_BYTES + self.blocks() * 24];
        if read_up_to(&*self.file, &mut head, 0)? < head.len() {
            return Err(damaged(&self.path));
        }
        let (head, fence) = head.split_at(HEADER_BYTES);
        if head_digest(&head[..DIGEST_AT], (self.first_seq, self.last_seq), fence) != self.fence_digest {
            return Err(damaged(&self.path));
        }
        let split = |entry: &[u8]| (std::array::from_fn(|i| entry[i]), std::array::from_fn(|i| entry[16 + i]));
        self.fence = fence.chunks_exact(24).map(split).collect();
        Ok(())
    }

    /// Whether the log still holds what the file was made from.
    pub(crate) fn belongs_to(&self, log: &Log) -> io::Result<bool> {
        let link = log.link_at(self.last_seq).map_err(io::Error::other)?;
        Ok(link.is_some_and(|link| *link.as_bytes() == self.chain))
    }

    pub(crate) fn find(&mut self, id: &[u8; 16]) -> io::Result<Option<[u8; 8]>> {
        let Some(at) = self.fence.partition_point(|(first, _)| first <= id).checked_sub(1) else { return Ok(None) };
        let block = self.read_block(at)?;
        let entries: Vec<&[u8]> = block.chunks_exact(ENTRY_BYTES).collect();
        Ok(entries
            .binary_search_by(|entry| entry[..16].cmp(id))
            .ok()
            .map(|i| std::array::from_fn(|k| entries[i][16 + k])))
    }

    fn read_block(&mut self, at: usize) -> io::Result<&[u8]> {
        if self.block.as_ref().is_none_or(|(held, _)| *held != at) {
            let entries = (self.count as usize - at * BLOCK_ENTRIES).min(BLOCK_ENTRIES);
            let mut bytes = vec![0; entries * ENTRY_BYTES];
            let offset = HEADER_BYTES + self.blocks() * 24 + at * BLOCK_ENTRIES * ENTRY_BYTES;
            let expected = self.fence.get(at).map(|(_, digest)| *digest);
            if read_up_to(&*self.file, &mut bytes, offset as u64)? < bytes.len()
                || expected != Some(short_digest(&bytes))
            {
                return Err(damaged(&self.path));
            }
            self.block = Some((at, bytes));
        }
        Ok(self.block.as_ref().map_or(&[], |(_, bytes)| bytes))
    }

    pub(crate) fn entries(&mut self) -> io::Result<Vec<Entry>> {
        let mut all = Vec::with_capacity(self.count as usize);
        for at in 0..self.blocks() {
            let block = self.read_block(at)?;
            all.extend(
                block
                    .chunks_exact(ENTRY_BYTES)
                    .map(|entry| (std::array::from_fn(|i| entry[i]), std::array::from_fn(|i| entry[16 + i]))),
            );
        }
        Ok(all)
    }
}
