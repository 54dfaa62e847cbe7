//! A range of rows of one column, read by the Parquet library.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::checked::CheckedFile;
use crate::pages::Decompressed;
use crate::values::Value;

/// Marks a row without a value.
const NONE: u32 = u32::MAX;

/// The values of some rows.
#[derive(Debug)]
pub(crate) struct ColumnSlice {
    values: Read,
    /// The place of each row's value.
    places: Vec<u32>,
}

/// Values as the library gives them.
#[derive(Debug)]
enum Read {
    Strings(Vec<ByteArray>),
    Numbers(Vec<i64>),
    Doubles(Vec<f64>),
    Bools(Vec<bool>),
}

impl ColumnSlice {
    pub(crate) fn get(&self, row: usize) -> Option<Value<'_>> {
        let place = *self.places.get(row).filter(|place| **place != NONE)? as usize;
        Some(match &self.values {
            Read::Strings(strings) => Value::String(strings.get(place)?.data()),
            Read::Numbers(numbers) => Value::Number(*numbers.get(place)?),
            Read::Doubles(doubles) => Value::Double(*doubles.get(place)?),
            Read::Bools(bools) => Value::Bool(*bools.get(place)?),
        })
    }

    /// How many rows it covers.
    pub(crate) fn rows(&self) -> usize {
        self.places.len()
    }
}

/// A column of a group, read from the front to the back: what a page or the dictionary was decompressed for once serves all
/// rows behind.
pub(crate) struct OpenColumn {
    reader: ColumnReader,
    /// The first row that was not read.
    next: usize,
}

impl fmt::Debug for OpenColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenColumn").field("next", &self.next).finish_non_exhaustive()
    }
}

impl OpenColumn {
    /// Opens a chunk, in a group of so many rows.
    pub(crate) fn open(
        file: &Arc<CheckedFile>,
        chunk: &ColumnChunkMetaData,
        pages: &[PageLocation],
        group_rows: usize,
    ) -> Result<Self, ParquetError> {
        let reader = |pages: &[PageLocation]| {
            SerializedPageReader::new(Arc::clone(file), chunk, group_rows, Some(pages.to_vec()))
        };
        // The dictionary lies before the first page.
        let pages = Decompressed::new(reader(pages)?, reader(&pages[..pages.len().min(1)])?)?;
        let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
        Ok(Self { reader, next: 0 })
    }

    /// Whether rows from this one on can still be read.
    pub(crate) const fn is_before(&self, row: usize) -> bool {
        self.next <= row
    }

    /// Reads rows, none of which is before those that were read last.
    pub(crate) fn read(&mut self, rows: Range<usize>) -> Result<ColumnSlice, ParquetError> {
        let skip = rows
            .start
            .checked_sub(self.next)
            .ok_or_else(|| ParquetError::General("a column is read from the front to the back".to_owned()))?;
        self.next = rows.end;
        match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => take(reader, skip, rows.len(), Read::Strings),
            ColumnReader::Int64ColumnReader(reader) => take(reader, skip, rows.len(), Read::Numbers),
            ColumnReader::DoubleColumnReader(reader) => take(reader, skip, rows.len(), Read::Doubles),
            ColumnReader::BoolColumnReader(reader) => take(reader, skip, rows.len(), Read::Bools),
            ColumnReader::Int32ColumnReader(_)
            | ColumnReader::Int96ColumnReader(_)
            | ColumnReader::FloatColumnReader(_)
            | ColumnReader::FixedLenByteArrayColumnReader(_) => {
                Err(ParquetError::General("a column is of a type that no segment has".to_owned()))
            }
        }
    }
}

fn take<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    skip: usize,
    rows: usize,
    wrap: impl FnOnce(Vec<T::T>) -> Read,
) -> Result<ColumnSlice, ParquetError> {
    let short = || ParquetError::General("a column has fewer rows than its group".to_owned());
    if reader.skip_records(skip)? != skip {
        return Err(short());
    }
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let mut left = rows;
    while left > 0 {
        let (records, _, _) = reader.read_records(left, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(short());
        }
        left -= records;
    }
    let mut next = 0..values.len() as u32;
    let places = if levels.is_empty() {
        // A column without empty places has no levels.
        next.collect()
    } else {
        levels.iter().map(|level| if *level == 0 { NONE } else { next.next().unwrap_or(NONE) }).collect()
    };
    Ok(ColumnSlice { values: wrap(values), places })
}
