//! The values of one column in one row group: gathered row by row, then written by the Parquet library.

use bytes::Bytes;
use flightrec_events::Cell;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::ColumnPath;

use crate::schema::{Column, Ranges, SCHEMA, Storage, place};
use crate::values::{Value, Values};

const ZSTD_LEVEL: i32 = 3;
/// A page ends when its values have about so many bytes: whoever reads a few rows decodes all of it.
const PAGE_BYTES: usize = 16 << 10;
/// The most rows of a page: to pass over empty places costs time as well.
const PAGE_ROWS: usize = 4096;
/// The most bytes of a dictionary: whoever reads a few rows reads all of it.
const DICTIONARY_BYTES: usize = 32 << 10;
/// How often a bloom filter may say yes for a session that is not there.
const FALSE_POSITIVES: f64 = 0.01;
/// The most sessions that a bloom filter is made for; it shrinks to those that there are.
const FILTER_SESSIONS: u64 = 65_536;

/// The values of one column, gathered row by row.
#[derive(Debug)]
pub(crate) struct ColumnBuffer {
    nullable: bool,
    /// The row of each value, rising.
    rows: Vec<u32>,
    values: Values,
}

impl ColumnBuffer {
    pub(crate) fn new(column: &Column) -> Self {
        Self { nullable: column.nullable, rows: Vec::new(), values: Values::new(column.storage) }
    }

    /// Adds the value of a row; one of another type than the column's is not taken.
    pub(crate) fn push(&mut self, row: u32, cell: Cell<'_>) {
        if self.values.push(cell) {
            self.rows.push(row);
        }
    }

    /// The value of the row that is being added, if it has one.
    pub(crate) fn last(&self, row: u32) -> Option<Value<'_>> {
        (self.rows.last() == Some(&row)).then(|| self.values.get(self.values.len() - 1))
    }

    /// Empties the text or bytes that were added last.
    pub(crate) fn empty_last(&mut self) {
        if let Values::Strings(strings) = &mut self.values {
            strings.empty_last();
        }
    }

    /// The value of each of so many rows.
    pub(crate) fn rows(&self, rows: usize) -> impl Iterator<Item = Option<Value<'_>>> {
        let mut next = 0;
        (0..rows).map(move |row| {
            let found = self.rows.get(next).is_some_and(|at| *at as usize == row);
            next += usize::from(found);
            found.then(|| self.values.get(next - 1))
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes() + 4 * self.rows.len()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.values.clear();
    }

    /// Writes the column of a group of so many rows.
    pub(crate) fn write(&self, rows: usize, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.nullable.then(|| {
            let mut levels = vec![0_i16; rows];
            self.rows.iter().for_each(|row| levels[*row as usize] = 1);
            levels
        });
        let levels = levels.as_deref();
        match &self.values {
            Values::Strings(strings) => {
                let data = Bytes::copy_from_slice(strings.data());
                let values: Vec<ByteArray> = strings.ranges().map(|range| ByteArray::from(data.slice(range))).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, levels, None)
            }
            Values::Numbers(numbers) => writer.typed::<Int64Type>().write_batch(numbers, levels, None),
            Values::Doubles(doubles) => writer.typed::<DoubleType>().write_batch(doubles, levels, None),
            Values::Bools(bools) => writer.typed::<BoolType>().write_batch(bools, levels, None),
        }
        .map(drop)
    }
}

/// How the library is to write a segment: a function of the columns alone, so that the same rows always become the same
/// bytes.
pub(crate) fn properties(created_by: &str) -> Result<WriterProperties, ParquetError> {
    let sorted_by = |column: usize| SortingColumn { column_idx: column as i32, descending: false, nulls_first: true };
    let sorted = vec![sorted_by(SCHEMA.session), sorted_by(place::SEQ)];
    Ok(builder(created_by)?.set_sorting_columns(Some(sorted)).build())
}

/// How the library is to write rows in the order in which they come.
pub(crate) fn properties_in_order(created_by: &str) -> Result<WriterProperties, ParquetError> {
    Ok(builder(created_by)?.build())
}

fn builder(created_by: &str) -> Result<WriterPropertiesBuilder, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(created_by.to_owned())
        // What every engine reads; the encodings are chosen column by column.
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(256)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(None)
        .set_statistics_truncate_length(None)
        .set_column_index_truncate_length(None)
        .set_bloom_filter_position(BloomFilterPosition::End);
    for column in SCHEMA.columns() {
        properties = of_column(properties, column);
    }
    let session = ColumnPath::from(SCHEMA.columns()[SCHEMA.session].name.as_str());
    Ok(properties
        .set_column_bloom_filter_enabled(session.clone(), true)
        .set_column_bloom_filter_fpp(session.clone(), FALSE_POSITIVES)
        .set_column_bloom_filter_max_ndv(session, FILTER_SESSIONS))
}

fn of_column(properties: WriterPropertiesBuilder, column: &Column) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(column.name.as_str());
    let (has_dictionary, encoding) = match (column.storage, column.name.as_str()) {
        // They grow, and few are alike.
        (Storage::Int, "seq") | (Storage::Time, _) => (false, Encoding::DELTA_BINARY_PACKED),
        (Storage::Int, _) => (true, Encoding::DELTA_BINARY_PACKED),
        // Ids that begin with a time share their beginnings.
        (Storage::Bytes, "event_id") => (false, Encoding::DELTA_BYTE_ARRAY),
        (Storage::Bytes, _) => (true, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        (Storage::Text, _) => (true, Encoding::DELTA_BYTE_ARRAY),
        (Storage::Double | Storage::Bool, _) => (true, Encoding::PLAIN),
    };
    let statistics = match column.ranges {
        Ranges::Group => EnabledStatistics::Chunk,
        Ranges::Page => EnabledStatistics::Page,
    };
    properties
        .set_column_dictionary_enabled(path.clone(), has_dictionary)
        .set_column_encoding(path.clone(), encoding)
        .set_column_statistics_enabled(path, statistics)
}
