//! A range of rows of one column, read by the Parquet library.

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

/// Reads rows of a chunk, in a group of so many rows.
pub(crate) fn read(
    file: &Arc<CheckedFile>,
    chunk: &ColumnChunkMetaData,
    pages: &[PageLocation],
    group_rows: usize,
    rows: Range<usize>,
) -> Result<ColumnSlice, ParquetError> {
    let pages = SerializedPageReader::new(Arc::clone(file), chunk, group_rows, Some(pages.to_vec()))?;
    match get_column_reader(chunk.column_descr_ptr(), Box::new(Decompressed(pages))) {
        ColumnReader::ByteArrayColumnReader(reader) => take(reader, rows, Read::Strings),
        ColumnReader::Int64ColumnReader(reader) => take(reader, rows, Read::Numbers),
        ColumnReader::DoubleColumnReader(reader) => take(reader, rows, Read::Doubles),
        ColumnReader::BoolColumnReader(reader) => take(reader, rows, Read::Bools),
        ColumnReader::Int32ColumnReader(_)
        | ColumnReader::Int96ColumnReader(_)
        | ColumnReader::FloatColumnReader(_)
        | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            Err(ParquetError::General("a column is of a type that no segment has".to_owned()))
        }
    }
}

fn take<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: Range<usize>,
    wrap: impl FnOnce(Vec<T::T>) -> Read,
) -> Result<ColumnSlice, ParquetError> {
    let short = || ParquetError::General("a column has fewer rows than its group".to_owned());
    if reader.skip_records(rows.start)? != rows.start {
        return Err(short());
    }
    let (mut values, mut levels) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut left = rows.len();
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
