//! The columns of `archive/events/*.parquet`.
//!
//! The table is flat: no lists, no structures, and only the types that every engine reads. First come what the recorder
//! assigned and the envelope, then the leaves of all payloads. Leaves of the same name and type share one column,
//! `payload_<name>`, whatever their family; where one name stands for several types, the first in the order of the
//! contract has the plain name, and the others have their type at the end (`payload_<name>_int`).
//!
//! | column | holds |
//! |---|---|
//! | `seq`, `recorded_at` | the position, the recorder's clock |
//! | `event_id` … `policy_decision_id` | the envelope; binary ids as bytes, `wsids` as JSON |
//! | `payload_…` | the leaves of built-in families |
//! | `payload_json` | the whole payload of a declared family |
//! | `stored` | the stored form, for the rows that the columns alone do not give back: those of declared families |

use std::sync::{Arc, LazyLock};

use flightrec_events::{Event, Kind, Leaf, LeafType};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::schema::types::{SchemaDescriptor, Type};
use rustc_hash::FxHashMap;

/// How the values of a column lie in memory and in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Storage {
    /// UTF-8.
    Text,
    /// Bytes of any length.
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

impl Storage {
    const fn of(leaf: LeafType) -> Self {
        match leaf {
            LeafType::Text | LeafType::Word | LeafType::Json => Self::Text,
            LeafType::Bytes(_) => Self::Bytes,
            LeafType::Int => Self::Int,
            LeafType::Time => Self::Time,
            LeafType::Double => Self::Double,
            LeafType::Bool => Self::Bool,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Int => "int",
            Self::Time => "time",
            Self::Double => "double",
            Self::Bool => "bool",
        }
    }

    /// The type in the file.
    pub(crate) const fn physical(self) -> PhysicalType {
        match self {
            Self::Text | Self::Bytes => PhysicalType::BYTE_ARRAY,
            Self::Int | Self::Time => PhysicalType::INT64,
            Self::Double => PhysicalType::DOUBLE,
            Self::Bool => PhysicalType::BOOLEAN,
        }
    }

    fn logical(self) -> Option<LogicalType> {
        match self {
            Self::Text => Some(LogicalType::String),
            Self::Time => Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            Self::Bytes | Self::Int | Self::Double | Self::Bool => None,
        }
    }
}

/// What the footer says of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// The least and the greatest of each row group.
    Group,
    /// Those of each page as well.
    Page,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) storage: Storage,
    pub(crate) nullable: bool,
    pub(crate) ranges: Ranges,
}

/// The columns that have a place of their own in the code, in the order of the file.
pub(crate) mod place {
    pub(crate) const SEQ: usize = 0;
    pub(crate) const RECORDED_AT: usize = 1;
    pub(crate) const CODE: usize = 2;
    pub(crate) const TYPE: usize = 3;
    /// The first column of the envelope.
    pub(crate) const ENVELOPE: usize = 4;
}

/// All columns, and the way from the leaves of each kind to them.
#[derive(Debug)]
pub(crate) struct Schema {
    columns: Vec<Column>,
    by_name: FxHashMap<String, usize>,
    of_kind: Vec<Vec<LeafPlace>>,
    /// The column of the session: the first key of the order.
    pub(crate) session: usize,
    /// The column of declared payloads.
    pub(crate) payload_json: usize,
    /// The column of stored forms.
    pub(crate) stored: usize,
    /// Columns whose value often repeats that of another one in the same row.
    pub(crate) twins: [Twin; TWINS_LEN],
}

/// Where one leaf of a kind lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafPlace {
    pub(crate) column: usize,
    pub(crate) leaf_type: LeafType,
}

/// A column that names content, beside one with the hash of the same content. Where both say the same, the first one
/// holds an empty value instead: neither an id nor a hash is ever empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Twin {
    pub(crate) column: usize,
    pub(crate) of: usize,
}

/// How many pairs of twins there are.
pub(crate) const TWINS_LEN: usize = 5;

/// The pairs of [`Twin`]s: leaves of payloads.
const TWINS: [(&str, &str); TWINS_LEN] = [
    ("content_artifact_id", "content_hash"),
    ("summary_hash", "summary_artifact_id"),
    ("args_ref", "args_hash"),
    ("result_ref", "result_hash"),
    ("body_ref", "body_sha256"),
];

/// The columns of this version.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::new);

impl Schema {
    fn new() -> Self {
        let column =
            |name: &str, storage, nullable, ranges| Column { name: name.to_owned(), storage, nullable, ranges };
        let mut columns = vec![
            column("seq", Storage::Int, false, Ranges::Page),
            column("recorded_at", Storage::Time, false, Ranges::Page),
            column("code", Storage::Text, false, Ranges::Group),
            column("type", Storage::Text, false, Ranges::Group),
        ];
        let envelope = place::ENVELOPE..place::ENVELOPE + Event::envelope_leaves().len();
        columns.extend(Event::envelope_leaves().iter().map(|leaf| Column {
            name: leaf.name().to_owned(),
            storage: Storage::of(leaf.leaf_type()),
            nullable: leaf.is_nullable(),
            ranges: ranges(leaf),
        }));
        let mut by_leaf: FxHashMap<(&str, Storage), usize> = FxHashMap::default();
        let mut of_kind = Vec::new();
        for kind in Kind::ALL {
            let mut places: Vec<LeafPlace> = envelope
                .clone()
                .zip(Event::envelope_leaves())
                .map(|(column, leaf)| LeafPlace { column, leaf_type: leaf.leaf_type() })
                .collect();
            for leaf in kind.leaves() {
                let storage = Storage::of(leaf.leaf_type());
                let next = columns.len();
                let place = *by_leaf.entry((leaf.name(), storage)).or_insert(next);
                if place == next {
                    let name = payload_name(leaf.name(), storage);
                    columns.push(Column { name, storage, nullable: true, ranges: ranges(leaf) });
                }
                places.push(LeafPlace { column: place, leaf_type: leaf.leaf_type() });
            }
            of_kind.push(places);
        }
        columns.push(column("payload_json", Storage::Text, true, Ranges::Group));
        columns.push(column("stored", Storage::Bytes, true, Ranges::Group));
        let by_name: FxHashMap<String, usize> =
            columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
        let twins = TWINS.map(|(column, of)| Twin {
            column: by_name[&format!("payload_{column}")],
            of: by_name[&format!("payload_{of}")],
        });
        Self {
            session: by_name["model_session_id"],
            payload_json: by_name["payload_json"],
            stored: by_name["stored"],
            twins,
            columns,
            by_name,
            of_kind,
        }
    }

    /// All columns, in the order of the file.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The place of the column of this name.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Where a kind's leaves lie, by the leaves' numbers.
    pub(crate) fn of_kind(&self, kind: Kind) -> &[LeafPlace] {
        &self.of_kind[kind as usize]
    }

    /// The columns as the file describes them.
    pub(crate) fn message() -> Result<Arc<Type>, parquet::errors::ParquetError> {
        let mut fields = Vec::new();
        for column in &SCHEMA.columns {
            let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
            let field = Type::primitive_type_builder(&column.name, column.storage.physical())
                .with_repetition(repetition)
                .with_logical_type(column.storage.logical());
            fields.push(Arc::new(field.build()?));
        }
        Ok(Arc::new(Type::group_type_builder("event").with_fields(fields).build()?))
    }

    /// The place here of each column of a file; the name of the first one that this version does not know so.
    pub(crate) fn places_of(&self, file: &SchemaDescriptor) -> Result<Vec<usize>, String> {
        let known = |found: &parquet::schema::types::ColumnDescriptor| {
            let place = self.place(found.name())?;
            let column = &self.columns[place];
            let same = column.storage.physical() == found.physical_type()
                && column.storage.logical() == found.logical_type_ref().cloned()
                && i16::from(column.nullable) == found.max_def_level()
                && found.max_rep_level() == 0;
            same.then_some(place)
        };
        file.columns().iter().map(|found| known(found).ok_or_else(|| found.name().to_owned())).collect()
    }
}

fn ranges(leaf: &Leaf) -> Ranges {
    match leaf.leaf_type() {
        LeafType::Text if leaf.name() == "model_session_id" => Ranges::Page,
        LeafType::Time if leaf.name() == "timestamp" => Ranges::Page,
        LeafType::Text
        | LeafType::Word
        | LeafType::Int
        | LeafType::Time
        | LeafType::Bytes(_)
        | LeafType::Double
        | LeafType::Bool
        | LeafType::Json => Ranges::Group,
    }
}

/// The name of a leaf's column.
fn payload_name(leaf: &str, storage: Storage) -> String {
    let first = Kind::ALL.iter().flat_map(|kind| kind.leaves()).find(|other| other.name() == leaf);
    let is_first = first.is_none_or(|first| Storage::of(first.leaf_type()) == storage);
    if is_first { format!("payload_{leaf}") } else { format!("payload_{leaf}_{}", storage.name()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_has_a_column_of_its_type() {
        for &kind in Kind::ALL {
            let leaves: Vec<&Leaf> = Event::envelope_leaves().iter().chain(kind.leaves()).collect();
            let places = SCHEMA.of_kind(kind);
            assert_eq!(places.len(), leaves.len());
            for (leaf, place) in leaves.into_iter().zip(places) {
                let column = &SCHEMA.columns()[place.column];
                assert_eq!(column.storage, Storage::of(leaf.leaf_type()), "{}", column.name);
                assert!(column.name.contains(leaf.name()));
                assert!(column.nullable || !leaf.is_nullable());
            }
        }
    }

    #[test]
    fn names_are_unique_and_places_are_theirs() {
        assert_eq!(SCHEMA.by_name.len(), SCHEMA.columns.len());
        let names = [(place::SEQ, "seq"), (place::RECORDED_AT, "recorded_at"), (place::CODE, "code")];
        for (place, name) in names.into_iter().chain([(place::TYPE, "type"), (place::ENVELOPE, "event_id")]) {
            assert_eq!(SCHEMA.columns[place].name, name);
        }
    }

    #[test]
    fn twins_can_never_be_empty_by_themselves() {
        for twin in &SCHEMA.twins {
            let leaf = Kind::ALL
                .iter()
                .flat_map(|kind| kind.leaves())
                .find(|leaf| SCHEMA.columns[twin.column].name == format!("payload_{}", leaf.name()));
            // An id has at least one byte; a hash has 32. A label or reason could be empty.
            let is_id = leaf.is_some_and(|leaf| matches!(leaf.leaf_type(), LeafType::Text | LeafType::Bytes(32)));
            assert!(is_id && SCHEMA.columns[twin.of].storage == Storage::Bytes);
        }
    }

    #[test]
    fn the_file_describes_every_column_as_this_version_knows_it() {
        let file = SchemaDescriptor::new(Schema::message().unwrap());
        assert_eq!(SCHEMA.places_of(&file).unwrap(), (0..SCHEMA.columns.len()).collect::<Vec<_>>());
    }
}
