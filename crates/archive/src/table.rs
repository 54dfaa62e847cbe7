//! The columns as an engine sees them: what each holds, and events as rows of them.
//!
//! What is sealed an engine reads from the file. What is not yet sealed becomes rows of the same columns here, with the
//! same empty places, so that both are one table.

use std::sync::LazyLock;

use flightrec_events::{BytesText, CheckedEvent, Event, Kind, Leaf, Timestamp};
use flightrec_journal::Seq;

use crate::rows::RowBuffer;
use crate::schema::{SCHEMA, Storage};
use crate::values::Value;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// Bytes that stand for a text: an id or a hash.
    Id(BytesText),
    /// Bytes.
    Bytes,
    /// 64 bits, signed.
    Int,
    /// Microseconds since 1970 in UTC.
    Time,
    /// 64 bits, floating.
    Double,
    /// One bit.
    Bool,
}

/// One column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: ColumnType,
    /// Whether a row may have no value in it.
    pub is_nullable: bool,
    /// The column whose value an empty one (zero bytes, not null) stands for.
    pub twin_of: Option<&'static str>,
}

/// All columns, in the order of the file.
pub fn table_columns() -> &'static [TableColumn] {
    static COLUMNS: LazyLock<Vec<TableColumn>> = LazyLock::new(|| {
        let of = |(place, column): (usize, &'static crate::schema::Column)| TableColumn {
            name: &column.name,
            holds: match column.storage {
                Storage::Text => ColumnType::Text,
                Storage::Bytes => bytes_text(place).map_or(ColumnType::Bytes, ColumnType::Id),
                Storage::Int => ColumnType::Int,
                Storage::Time => ColumnType::Time,
                Storage::Double => ColumnType::Double,
                Storage::Bool => ColumnType::Bool,
            },
            is_nullable: column.nullable,
            twin_of: SCHEMA.twins.iter().find(|twin| twin.column == place).map(|twin| &*SCHEMA.columns()[twin.of].name),
        };
        SCHEMA.columns().iter().enumerate().map(of).collect()
    });
    &COLUMNS
}

/// How the leaves that lie in a column are written as text.
fn bytes_text(place: usize) -> Option<BytesText> {
    leaves_in(place).find_map(Leaf::bytes_text)
}

fn leaves_in(place: usize) -> impl Iterator<Item = &'static Leaf> {
    Kind::ALL.iter().flat_map(move |kind| {
        let leaves = Event::envelope_leaves().iter().chain(kind.leaves());
        leaves.zip(SCHEMA.of_kind(*kind)).filter(move |(_, at)| at.column == place).map(|(leaf, _)| leaf)
    })
}

/// Events as rows of the table's columns, gathered one by one.
#[derive(Debug)]
pub struct TableRows {
    rows: RowBuffer,
    stored: Vec<u8>,
}

impl Default for TableRows {
    fn default() -> Self {
        Self { rows: RowBuffer::new(), stored: Vec::new() }
    }
}

impl TableRows {
    /// How many rows it has.
    pub const fn len(&self) -> usize {
        self.rows.rows()
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the values take.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Adds an event.
    pub fn push(&mut self, seq: Seq, recorded_at: Timestamp, event: &CheckedEvent) {
        self.stored.clear();
        event.encode(&mut self.stored);
        self.rows.push(seq, recorded_at, event, &self.stored);
    }

    /// The values of a column, by its place in [`table_columns`], row by row.
    pub fn column(&self, place: usize) -> impl Iterator<Item = Option<Value<'_>>> {
        self.rows.columns()[place].rows(self.len())
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    pub(crate) const fn buffer(&self) -> &RowBuffer {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_leaves_of_a_column_are_written_alike() {
        for (place, column) in table_columns().iter().enumerate() {
            for leaf in leaves_in(place) {
                assert_eq!(leaf.bytes_text(), bytes_text(place), "{}", column.name);
            }
        }
        let named = |name: &str| table_columns().iter().find(|column| column.name == name).unwrap();
        assert_eq!(named("event_id").holds, ColumnType::Id(BytesText::Uuid));
        assert_eq!(named("trace_id").holds, ColumnType::Id(BytesText::Hex));
        assert_eq!(named("payload_content_artifact_id").holds, ColumnType::Id(BytesText::ArtifactId));
        assert_eq!(named("payload_content_artifact_id").twin_of, Some("payload_content_hash"));
        assert_eq!(named("stored").holds, ColumnType::Bytes);
    }
}
