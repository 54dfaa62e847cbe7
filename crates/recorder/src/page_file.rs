//! One file of packed sessions: written once, put together with its neighbours when it is small.
//!
//! ```text
//! derived/sessions-<number>.frp:
//! header:  8 magic, 16 store id, 8 length of what is read at an open, 32 SHA-256 of all that and of what is read at an open
//! at open: 4 length of the contents, contents (postcard), then for each page its rows and its packed folds
//! later:   the entries of each page, then the keys of all of them; each by its place and digest in the contents
//! ```

use std::io;
use std::sync::Arc;

use flightrec_journal::{Access, Storage, StoreId, read_up_to, write_all_at};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::derived::{self, DIR, damaged, short_digest};
use crate::fold::{Extract, PackedRows, Page, PageFile, PageHead, ROW_BYTES, Shared, encode_leads, merge_leads};

const MAGIC: [u8; 8] = *b"FRPAGES1";
const HEADER_BYTES: usize = 8 + 16 + 8 + 32;
const DIGEST_AT: usize = HEADER_BYTES - 32;
/// Far more than any file holds; one that says so is none of ours.
const MAX_AT_OPEN: u64 = 4 << 30;

/// What a snapshot remembers of a file: its number, and the digest of what is read of it at an open.
pub(crate) type Reference = (u64, [u8; 32]);

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    pages: Vec<Filed>,
    keys: Extract,
}

#[derive(Debug, Serialize, Deserialize)]
struct Filed {
    head: PageHead,
    /// The names that its rows hold.
    names: Vec<Arc<str>>,
    /// How many bytes the packed folds take.
    folds: u32,
    entries: Extract,
}

/// A file that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: Arc<PageFile>,
    pub(crate) pages: Vec<Arc<Page>>,
    /// Where the beginnings of its keys lie.
    pub(crate) keys: Extract,
}

/// Where a file lies.
pub(crate) fn path(number: u64) -> String {
    format!("{DIR}/sessions-{number:08}.frp")
}

/// The number of a file, from its name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix("sessions-")?.strip_suffix(".frp")?.parse().ok()
}

/// Whether a name is that of a file which was never finished.
pub(crate) fn is_leftover(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some_and(|name| number_of(name).is_some())
}

/// Writes pages as a new file, where they lie from then on, and syncs it: without it all sessions would have to be folded
/// again.
pub(crate) fn write(storage: &dyn Storage, store: StoreId, number: u64, pages: &[Arc<Page>]) -> io::Result<Reference> {
    let mut later = Vec::new();
    let mut put = |bytes: &[u8]| -> io::Result<Extract> {
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let extract = Extract { at: later.len() as u64, len, digest: short_digest(bytes) };
        later.extend_from_slice(bytes);
        Ok(extract)
    };
    let mut filed = Vec::with_capacity(pages.len());
    let mut keys = Vec::with_capacity(pages.len());
    for page in pages {
        let entries = page.packed_entries()?;
        keys.push(page.leads(&entries)?);
        let entries = put(&entries)?;
        let folds = u32::try_from(page.folds.len()).map_err(io::Error::other)?;
        filed.push(Filed { head: page.head.clone(), names: page.rows.names.clone(), folds, entries });
    }
    let keys = put(&encode_leads(&merge_leads(&keys)))?;
    let contents = Contents { pages: filed, keys };
    let encoded = postcard::to_stdvec(&contents).map_err(io::Error::other)?;
    let mut at_open = u32::try_from(encoded.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
    at_open.extend_from_slice(&encoded);
    for page in pages {
        at_open.extend_from_slice(&page.rows.bytes);
        at_open.extend_from_slice(&page.folds);
    }

    let mut head = Vec::with_capacity(HEADER_BYTES);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(store.as_bytes());
    head.extend_from_slice(&(at_open.len() as u64).to_le_bytes());
    let digest = digest(&head, &at_open);
    head.extend_from_slice(&digest);
    let path = path(number);
    let (file, temporary) = derived::begin(storage, &path)?;
    write_all_at(&*file, &head, 0)?;
    write_all_at(&*file, &at_open, HEADER_BYTES as u64)?;
    let base = (HEADER_BYTES + at_open.len()) as u64;
    write_all_at(&*file, &later, base)?;
    file.sync_data()?;
    storage.rename(&temporary, &path)?;
    let file = storage.open(&path, Access::Read)?;
    let file = Arc::new(PageFile { number, digest, base, path, file });
    for (page, filed) in pages.iter().zip(contents.pages) {
        page.move_to(Arc::clone(&file), filed.entries);
    }
    Ok((number, digest))
}

fn digest(head: &[u8], at_open: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(head);
    hasher.update(at_open);
    hasher.finalize().into()
}

/// Opens a file, and reads what is needed before anybody asks.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is none, [`io::ErrorKind::InvalidData`] if it is another one or damaged.
pub(crate) fn open(storage: &dyn Storage, store: StoreId, (number, expected): Reference) -> io::Result<Opened> {
    let path = path(number);
    let file = storage.open(&path, Access::Read)?;
    let mut head = [0; HEADER_BYTES];
    let is_ours = read_up_to(&*file, &mut head, 0)? == HEADER_BYTES
        && head[..8] == MAGIC
        && head[8..24] == *store.as_bytes()
        && head[DIGEST_AT..] == expected;
    let len = u64::from_le_bytes(std::array::from_fn(|i| head[24 + i]));
    if !is_ours || len > MAX_AT_OPEN || len + HEADER_BYTES as u64 > file.len()? {
        return Err(damaged(&path));
    }
    let mut at_open = vec![0; len as usize];
    let read = read_up_to(&*file, &mut at_open, HEADER_BYTES as u64)?;
    if read < at_open.len() || digest(&head[..DIGEST_AT], &at_open) != expected {
        return Err(damaged(&path));
    }
    let file =
        Arc::new(PageFile { number, digest: expected, base: HEADER_BYTES as u64 + len, path: path.clone(), file });
    let (contents, mut next) = contents(&at_open).ok_or_else(|| damaged(&path))?;
    let at_open = Arc::new(at_open);
    let mut take = |len: usize| {
        let taken = next..next.saturating_add(len);
        next = taken.end;
        if next > at_open.len() { Err(damaged(&path)) } else { Ok(Shared::of(&at_open, taken)) }
    };
    let mut pages = Vec::with_capacity(contents.pages.len());
    for Filed { head, names, folds, entries } in contents.pages {
        let rows = PackedRows { names, bytes: take(head.sessions.len() * ROW_BYTES)? };
        let folds = take(folds as usize)?;
        pages.push(Arc::new(Page::filed(head, rows, folds, Arc::clone(&file), entries)));
    }
    Ok(Opened { file, pages, keys: contents.keys })
}

/// The contents, and where they end.
fn contents(at_open: &[u8]) -> Option<(Contents, usize)> {
    let (len, rest) = at_open.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    Some((postcard::from_bytes(rest.get(..len)?).ok()?, len + 4))
}

impl Opened {
    /// Reads what no open reads.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.file.read(self.keys)?;
        self.pages.iter().try_for_each(|page| page.packed_entries().map(drop))
    }
}
