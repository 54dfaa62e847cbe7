//! What stands behind the last column of a segment: indexes, filters, and what the file says of itself.
//!
//! It is read once, with its digest checked, and kept.

use std::ops::Range;

use bytes::Bytes;
use flightrec_journal::{ChainHash, Seq, StoreId};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;

use crate::blocks::{self, BlockEntry};
use crate::checked;
use crate::hex::unhex;
use crate::pages::without_compression;
use crate::schema::{SCHEMA, place};
use crate::varint::Decoded;

/// The names under which a file says what it is.
pub(crate) mod key {
    pub(crate) const FORMAT: &str = "flightrec.format";
    /// The version that is written and read.
    pub(crate) const FORMAT_NOW: &str = "1";
    pub(crate) const STORE: &str = "flightrec.store";
    pub(crate) const FIRST_SEQ: &str = "flightrec.first_seq";
    pub(crate) const LAST_SEQ: &str = "flightrec.last_seq";
    pub(crate) const CHAIN_START: &str = "flightrec.chain_start";
    pub(crate) const CHAIN_END: &str = "flightrec.chain_end";
    pub(crate) const BLOCKS: &str = "flightrec.blocks";
    pub(crate) const CHECKSUMS: &str = "flightrec.checksums";
}

/// The last bytes of every Parquet file.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

/// A segment's footer.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) facts: Facts,
    pub(crate) groups: Vec<Group>,
    metadata: ParquetMetaData,
    /// The column of the file behind each place of the schema.
    columns: Vec<Option<usize>>,
}

/// What a file says of itself.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) store: StoreId,
    pub(crate) first_seq: Seq,
    pub(crate) last_seq: Seq,
    pub(crate) chain_start: ChainHash,
    pub(crate) chain_end: ChainHash,
    pub(crate) blocks: Vec<BlockEntry>,
    pub(crate) checksums: Vec<u32>,
}

/// One row group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) rows: usize,
    /// The pages of the column of sessions, with the least and the greatest of each; `None` for pages without one.
    pub(crate) sessions: Vec<Page<Option<SessionEnds>>>,
    /// The pages of the column of positions, with the least and the greatest of each.
    pub(crate) seqs: Vec<Page<(i64, i64)>>,
    pub(crate) filter: Option<Sbbf>,
}

/// The least and the greatest session of a page.
pub(crate) type SessionEnds = (Box<[u8]>, Box<[u8]>);

/// A page of a column that rows are found by.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Range<usize>,
    pub(crate) ends: T,
}

/// Why a footer is not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A later release wrote it.
    Newer(String),
    /// It is not what any release writes.
    Damaged(&'static str),
}

impl From<&'static str> for Refused {
    fn from(what: &'static str) -> Self {
        Self::Damaged(what)
    }
}

impl From<ParquetError> for Refused {
    fn from(_: ParquetError) -> Self {
        Self::Damaged("its footer cannot be read")
    }
}

/// The end of a file, read as if the rest were there.
struct Tail {
    from: u64,
    bytes: Bytes,
}

impl Tail {
    fn slice(&self, start: u64, len: usize) -> Option<Bytes> {
        let start = usize::try_from(start.checked_sub(self.from)?).ok()?;
        let end = start.checked_add(len).filter(|end| *end <= self.bytes.len())?;
        Some(self.bytes.slice(start..end))
    }
}

impl Length for Tail {
    fn len(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }
}

impl ChunkReader for Tail {
    type T = std::io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let len = Length::len(self).saturating_sub(start) as usize;
        self.get_bytes(start, len).map(std::io::Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.slice(start, length).ok_or_else(|| ParquetError::EOF("outside of the tail".to_owned()))
    }
}

impl Footer {
    /// Reads the end of a file; its digest has been checked. `from` is where it begins.
    pub(crate) fn read(from: u64, bytes: Bytes) -> Result<Self, Refused> {
        let tail = Tail { from, bytes };
        let metadata =
            ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required).parse_and_finish(&tail)?;
        let metadata = without_compression(metadata)?.ok_or(Refused::Damaged("a column is compressed otherwise"))?;
        let facts = facts(&metadata, from)?;
        let places = SCHEMA.places_of(metadata.file_metadata().schema_descr());
        let places = places.map_err(|name| Refused::Newer(format!("it has a column `{name}`")))?;
        if !places.contains(&place::SEQ) || !places.contains(&place::CODE) {
            return Err(Refused::Damaged("columns are missing"));
        }
        let mut columns = vec![None; SCHEMA.columns().len()];
        places.iter().enumerate().for_each(|(column, place)| columns[*place] = Some(column));
        let groups = (0..metadata.num_row_groups()).map(|index| group(&metadata, index, &columns, &tail));
        let groups = groups.collect::<Result<_, _>>()?;
        Ok(Self { facts, groups, metadata, columns })
    }

    /// Where a column of a group lies, page by page; `None` where no row has a value.
    pub(crate) fn chunk(&self, group: usize, place: usize) -> Option<(&ColumnChunkMetaData, &[PageLocation])> {
        let column = self.columns[place]?;
        let chunk = self.metadata.row_group(group).column(column);
        let is_empty = chunk.statistics().and_then(Statistics::null_count_opt) == Some(self.groups[group].rows as u64);
        let pages = &self.metadata.offset_index()?.get(group)?.get(column)?.page_locations;
        (!is_empty).then_some((chunk, pages))
    }

    /// How many rows the file has.
    pub(crate) fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.rows as u64).sum()
    }

    /// How many bytes each column takes in the file.
    pub(crate) fn column_bytes(&self) -> Vec<(String, u64)> {
        let of = |column: usize| {
            let groups = self.metadata.row_groups().iter();
            groups.map(|group| group.column(column).compressed_size() as u64).sum()
        };
        let named = SCHEMA.columns().iter().zip(&self.columns);
        named.filter_map(|(column, at)| Some((column.name.clone(), of((*at)?)))).collect()
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.metadata.memory_size() + self.facts.blocks.len() * size_of::<BlockEntry>()
    }
}

const BAD: &str = "what it says of itself cannot be read";

fn facts(metadata: &ParquetMetaData, data_bytes: u64) -> Result<Facts, Refused> {
    let listed = metadata.file_metadata().key_value_metadata();
    let fact = |name: &str| {
        let found = listed.into_iter().flatten().find(|fact| fact.key == name);
        found.and_then(|fact| fact.value.as_deref()).ok_or("it does not say what it is")
    };
    let format = fact(key::FORMAT)?;
    if format != key::FORMAT_NOW {
        return Err(Refused::Newer(format!("its format is {format}")));
    }
    let seq = |name| -> Decoded<Seq> { fact(name)?.parse().map(Seq::new).map_err(|_| BAD) };
    let link = |name| -> Decoded<ChainHash> { unhex(fact(name)?).map(ChainHash::from_bytes).ok_or(BAD) };
    Ok(Facts {
        store: unhex(fact(key::STORE)?).map(StoreId::from_bytes).ok_or(BAD)?,
        first_seq: seq(key::FIRST_SEQ)?,
        last_seq: seq(key::LAST_SEQ)?,
        chain_start: link(key::CHAIN_START)?,
        chain_end: link(key::CHAIN_END)?,
        blocks: blocks::from_text(fact(key::BLOCKS)?)?,
        checksums: checked::from_text(fact(key::CHECKSUMS)?, data_bytes)?,
    })
}

fn group(metadata: &ParquetMetaData, index: usize, columns: &[Option<usize>], tail: &Tail) -> Result<Group, Refused> {
    const NO_INDEX: &str = "its page index is missing";
    let found = metadata.row_group(index);
    let rows = u32::try_from(found.num_rows()).map_err(|_| "a row group has no size")? as usize;
    let indexes = metadata.column_index().and_then(|groups| groups.get(index)).ok_or(NO_INDEX)?;
    let offsets = metadata.offset_index().and_then(|groups| groups.get(index)).ok_or(NO_INDEX)?;
    if indexes.len() != found.num_columns() || offsets.len() != found.num_columns() {
        return Err(NO_INDEX.into());
    }
    let column = |place: usize| columns[place].ok_or("a column is missing");
    let (session, seq) = (column(SCHEMA.session)?, column(place::SEQ)?);
    let unordered = "its page index is out of order";
    let (ColumnIndexMetaData::BYTE_ARRAY(sessions), ColumnIndexMetaData::INT64(seqs)) =
        (&indexes[session], &indexes[seq])
    else {
        return Err(NO_INDEX.into());
    };
    let sessions = pages(&offsets[session].page_locations, rows, |page| {
        let ends = sessions.min_value(page).zip(sessions.max_value(page));
        Some(ends.map(|(least, greatest)| (least.into(), greatest.into())))
    });
    let seqs = pages(&offsets[seq].page_locations, rows, |page| Some((*seqs.min_value(page)?, *seqs.max_value(page)?)));
    let filter = filter(found.column(session), tail)?;
    Ok(Group { rows, sessions: sessions.ok_or(unordered)?, seqs: seqs.ok_or(unordered)?, filter })
}

/// Pages with their rows and ends, if they follow one another from the first row on.
fn pages<T>(locations: &[PageLocation], rows: usize, ends: impl Fn(usize) -> Option<T>) -> Option<Vec<Page<T>>> {
    let first_row = |at: usize| locations.get(at).map_or(Some(rows), |page| usize::try_from(page.first_row_index).ok());
    let page = |at: usize| {
        let rows = first_row(at)?..first_row(at + 1)?;
        (rows.start < rows.end).then_some(())?;
        Some(Page { rows, ends: ends(at)? })
    };
    let pages: Option<Vec<Page<T>>> = (0..locations.len()).map(page).collect();
    pages.filter(|pages| rows == 0 || pages.first().is_some_and(|first| first.rows.start == 0))
}

fn filter(chunk: &ColumnChunkMetaData, tail: &Tail) -> Result<Option<Sbbf>, Refused> {
    let (Some(offset), Some(len)) = (chunk.bloom_filter_offset(), chunk.bloom_filter_length()) else {
        return Ok(None);
    };
    let place = u64::try_from(offset).ok().zip(usize::try_from(len).ok());
    let bytes = place.and_then(|(offset, len)| tail.slice(offset, len)).ok_or("a filter lies outside")?;
    Ok(Some(Sbbf::from_bytes(&bytes)?))
}

/// The text that follows the name of a fact somewhere in these bytes: enough to say whose file it is that was put in
/// another one's place, without reading a footer whose digest does not fit.
pub(crate) fn glimpse(bytes: &[u8], name: &str) -> Option<String> {
    let at = bytes.windows(name.len()).rposition(|window| window == name.as_bytes())?;
    // A field of type string, then its length, which is below 128 for these facts.
    let [0x18, len, rest @ ..] = &bytes[at + name.len()..] else { return None };
    let text = rest.get(..usize::from(*len))?;
    text.iter().all(u8::is_ascii_alphanumeric).then(|| text.iter().map(|byte| char::from(*byte)).collect())
}
