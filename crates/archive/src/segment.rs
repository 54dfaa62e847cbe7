//! One open segment.

use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{Access, IoFailure, Storage, StorageFile, StoreId, read_up_to};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use sha2::{Digest, Sha256};

use crate::blocks::BlockEntry;
use crate::checked::{self, CheckedFile};
use crate::entry::{SegmentEntry, temporary_path};
use crate::error::{ReadError, io};
use crate::footer::{Footer, MAGIC, Refused, glimpse, key};
use crate::hex::hex;
use crate::schema::SCHEMA;
use crate::slice::{ColumnSlice, OpenColumn};

/// An open segment: its footer is in memory, the rest is read page by page.
///
/// Memory: [`memory_bytes`](Self::memory_bytes); about 1 byte an event. Reading one never writes, and needs no lock.
#[derive(Debug)]
pub struct Segment {
    pub(crate) entry: SegmentEntry,
    pub(crate) footer: Footer,
    pub(crate) file: Arc<CheckedFile>,
}

impl Segment {
    /// Opens the segment that the manifest names so.
    ///
    /// Its file may still have its temporary name, when the archive has not been settled since a crash.
    ///
    /// # Errors
    /// [`ReadError`]: the file is missing, has another length, is damaged, newer, or another one than the entry says.
    pub fn open(storage: &dyn Storage, store: StoreId, entry: &SegmentEntry) -> Result<Self, ReadError> {
        let Found { file, path, tail } = find(storage, store, entry)?;
        let from = entry.bytes - entry.tail_bytes;
        let mut footer = Footer::read(from, tail).map_err(|refused| match refused {
            Refused::Newer(what) => ReadError::NewerFormat { file: entry.file.clone(), what },
            Refused::Damaged(what) => damaged(&entry.file, "in its footer".to_owned(), what),
        })?;
        let checksums = std::mem::take(&mut footer.facts.checksums);
        let file = Arc::new(CheckedFile { file, path, checksums, data_bytes: from });
        let segment = Self { entry: entry.clone(), footer, file };
        segment.check_facts(store)?;
        Ok(segment)
    }

    fn check_facts(&self, store: StoreId) -> Result<(), ReadError> {
        let (facts, entry) = (&self.footer.facts, &self.entry);
        if facts.store != store {
            return Err(ReadError::ForeignStore {
                file: entry.file.clone(),
                found: facts.store.to_string(),
                expected: store.to_string(),
            });
        }
        if (facts.first_seq, facts.last_seq) != (entry.first_seq, entry.last_seq) {
            return Err(swapped(entry, &facts.first_seq.to_string(), &facts.last_seq.to_string()));
        }
        let same_chain = facts.chain_start == entry.chain_start && facts.chain_end == entry.chain_end;
        let blocks = &facts.blocks;
        let starts = blocks.first().is_some_and(|block| block.first_seq == entry.first_seq);
        let ends = blocks.last().is_some_and(|block| block.next_seq() == entry.last_seq.plus(1));
        let rows: u64 = blocks.iter().map(BlockEntry::rows).sum();
        if !same_chain || !starts || !ends || rows != entry.events || self.footer.rows() != rows {
            return Err(damaged(
                &entry.file,
                "in its footer".to_owned(),
                "what it says of itself does not fit the manifest",
            ));
        }
        Ok(())
    }

    /// What the manifest says of it.
    pub const fn entry(&self) -> &SegmentEntry {
        &self.entry
    }

    /// The journal's blocks of its range.
    pub fn blocks(&self) -> &[BlockEntry] {
        &self.footer.facts.blocks
    }

    /// How many bytes each column takes in the file, by name.
    pub fn column_bytes(&self) -> Vec<(String, u64)> {
        self.footer.column_bytes()
    }

    /// Its footer and page index, for an engine that reads the columns itself with [`read`](Self::read).
    pub const fn metadata(&self) -> &Arc<ParquetMetaData> {
        &self.footer.metadata
    }

    /// How many bytes lie before its [`tail`](Self::tail).
    pub fn data_bytes(&self) -> u64 {
        self.file.data_bytes
    }

    /// Bytes of its columns, whose checksums were looked at.
    ///
    /// # Errors
    /// [`ReadError`] if the storage fails, or the bytes are not what was sealed.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes, ReadError> {
        let len = range.end.saturating_sub(range.start) as usize;
        self.file.read(range.start, len).map_err(|refused| match refused {
            checked::Refused::Io(failure) => ReadError::Io(failure),
            checked::Refused::Checksum { offset } => {
                self.damaged("a checksum does not fit", format!("at offset {offset}"))
            }
        })
    }

    /// What lies behind its columns: filters, indexes and footer, whose digest was looked at.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub fn tail(&self) -> Result<Bytes, ReadError> {
        let entry = &self.entry;
        let tail = read_tail(&*self.file.file, &self.file.path, entry.bytes, entry.tail_bytes)?;
        if <[u8; 32]>::from(Sha256::digest(&tail)) == entry.tail_sha256 {
            Ok(Bytes::from(tail))
        } else {
            Err(self.damaged("the end of the file is not what was written", "in its footer".to_owned()))
        }
    }

    /// About how many bytes its footer takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.footer.bytes() + size_of_val(&*self.file.checksums)
    }

    /// Some rows of one column; `None` where no row of the group has a value.
    pub(crate) fn column(
        &self,
        group: usize,
        place: usize,
        rows: Range<usize>,
    ) -> Result<Option<ColumnSlice>, ReadError> {
        let Some(mut column) = self.open_column(group, place)? else { return Ok(None) };
        self.next_rows(&mut column, place, rows).map(Some)
    }

    /// A column that is about to be read; `None` where no row of the group has a value.
    pub(crate) fn open_column(&self, group: usize, place: usize) -> Result<Option<OpenColumn>, ReadError> {
        let Some((chunk, pages)) = self.footer.chunk(group, place) else { return Ok(None) };
        let column = OpenColumn::open(&self.file, chunk, pages, self.footer.groups[group].rows);
        column.map(Some).map_err(|error| self.refused(error, place))
    }

    /// Some rows of a column, none of which is before those that were read last.
    pub(crate) fn next_rows(
        &self,
        column: &mut OpenColumn,
        place: usize,
        rows: Range<usize>,
    ) -> Result<ColumnSlice, ReadError> {
        column.read(rows).map_err(|error| self.refused(error, place))
    }

    /// Compares the whole file with its digest.
    pub(crate) fn check_digest(&self) -> Result<(), ReadError> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        while at < self.entry.bytes {
            let read = read_up_to(&*self.file.file, &mut buffer, at).map_err(io("read", &self.file.path))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            at += read as u64;
        }
        let is_whole = <[u8; 32]>::from(hasher.finalize()) == self.entry.sha256;
        if is_whole || sabotaged(Sabotage::NoSegmentCheck) {
            Ok(())
        } else {
            Err(self.damaged("its bytes do not have their digest", "somewhere".to_owned()))
        }
    }

    /// What is wrong when the Parquet library could not read a column.
    fn refused(&self, error: ParquetError, place: usize) -> ReadError {
        let column = &SCHEMA.columns()[place].name;
        let what = "its pages cannot be decoded";
        if let ParquetError::External(source) = error
            && let Ok(refused) = source.downcast::<checked::Refused>()
        {
            return match *refused {
                checked::Refused::Io(failure) => ReadError::Io(failure),
                checked::Refused::Checksum { offset } => {
                    self.damaged("a checksum does not fit", format!("in column `{column}` at offset {offset}"))
                }
            };
        }
        self.damaged(what, format!("in column `{column}`"))
    }

    pub(crate) fn damaged(&self, what: &'static str, place: String) -> ReadError {
        damaged(&self.entry.file, place, what)
    }
}

fn damaged(file: &str, place: String, what: &'static str) -> ReadError {
    ReadError::Damaged { file: file.to_owned(), place, what }
}

fn swapped(entry: &SegmentEntry, first: &str, last: &str) -> ReadError {
    ReadError::Swapped {
        file: entry.file.clone(),
        found: format!("{first} to {last}"),
        expected: format!("{} to {}", entry.first_seq, entry.last_seq),
    }
}

/// A file that ends as its entry says.
pub(crate) struct Found {
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) path: String,
    pub(crate) tail: Bytes,
}

/// Finds the file of an entry under its name, or else under its temporary one.
///
/// # Errors
/// What is wrong with the file under its own name.
fn find(storage: &dyn Storage, store: StoreId, entry: &SegmentEntry) -> Result<Found, ReadError> {
    let first = match find_at(storage, store, entry, entry.path()) {
        Err(ReadError::Io(failure)) => return Err(ReadError::Io(failure)),
        Ok(found) => return Ok(found),
        Err(refused) => refused,
    };
    match find_at(storage, store, entry, temporary_path(&entry.file)) {
        Err(ReadError::Io(failure)) => return Err(ReadError::Io(failure)),
        Ok(found) => return Ok(found),
        Err(_) => {}
    }
    // Between the two looks a writer may have given the file its name.
    match find_at(storage, store, entry, entry.path()) {
        Err(ReadError::Io(failure)) => Err(ReadError::Io(failure)),
        Ok(found) => Ok(found),
        Err(_) => Err(first),
    }
}

/// The file at `path`, if it ends as the entry says.
pub(crate) fn find_at(
    storage: &dyn Storage,
    store: StoreId,
    entry: &SegmentEntry,
    path: String,
) -> Result<Found, ReadError> {
    let file = match storage.open(&path, Access::Read) {
        Ok(file) => file,
        Err(source) if source.kind() == ErrorKind::NotFound => {
            return Err(ReadError::Missing { file: entry.file.clone(), source });
        }
        Err(source) => return Err(io("open", &path)(source).into()),
    };
    let len = file.len().map_err(io("measure", &path))?;
    let tail = read_tail(&*file, &path, len, entry.tail_bytes.min(len))?;
    if len == entry.bytes && <[u8; 32]>::from(Sha256::digest(&tail)) == entry.tail_sha256 {
        return Ok(Found { file, path, tail: Bytes::from(tail) });
    }
    Err(why_not(store, entry, len, &tail))
}

fn read_tail(file: &dyn StorageFile, path: &str, len: u64, tail_len: u64) -> Result<Vec<u8>, IoFailure> {
    let mut tail = vec![0; tail_len as usize];
    let read = read_up_to(file, &mut tail, len - tail_len).map_err(io("read", path))?;
    tail.truncate(read);
    Ok(tail)
}

/// What is wrong with a file whose end is not the one that was written.
fn why_not(store: StoreId, entry: &SegmentEntry, len: u64, tail: &[u8]) -> ReadError {
    if let Some(found) = glimpse(tail, key::STORE)
        && found.len() == 32
        && found != hex(store.as_bytes())
    {
        return ReadError::ForeignStore { file: entry.file.clone(), found, expected: store.to_string() };
    }
    if let (Some(first), Some(last)) = (glimpse(tail, key::FIRST_SEQ), glimpse(tail, key::LAST_SEQ))
        && (&first, &last) != (&entry.first_seq.to_string(), &entry.last_seq.to_string())
        && len != entry.bytes
    {
        return swapped(entry, &first, &last);
    }
    if len != entry.bytes {
        return ReadError::WrongLength { file: entry.file.clone(), found: len, expected: entry.bytes };
    }
    if !tail.ends_with(MAGIC) {
        return ReadError::NotParquet { file: entry.file.clone() };
    }
    damaged(&entry.file, "in its footer".to_owned(), "the end of the file is not what was written")
}
