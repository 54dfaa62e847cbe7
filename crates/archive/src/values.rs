//! The values of one column, without its empty places.

use flightrec_events::{Cell, LeafType};

use crate::schema::Storage;
use crate::strings::Strings;

/// Values of one type, in the order of their rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Strings(Strings),
    Numbers(Vec<i64>),
    Doubles(Vec<f64>),
    Bools(Vec<bool>),
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A text, or bytes.
    String(&'a [u8]),
    /// A number, or microseconds since 1970.
    Number(i64),
    /// A floating number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
}

impl Values {
    pub(crate) fn new(storage: Storage) -> Self {
        match storage {
            Storage::Text | Storage::Bytes => Self::Strings(Strings::default()),
            Storage::Int | Storage::Time => Self::Numbers(Vec::new()),
            Storage::Double => Self::Doubles(Vec::new()),
            Storage::Bool => Self::Bools(Vec::new()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Strings(strings) => strings.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Doubles(doubles) => doubles.len(),
            Self::Bools(bools) => bools.len(),
        }
    }

    /// About how many bytes they take in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Strings(strings) => strings.data().len() + 4 * strings.len(),
            Self::Numbers(numbers) => 8 * numbers.len(),
            Self::Doubles(doubles) => 8 * doubles.len(),
            Self::Bools(bools) => bools.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Value<'_> {
        match self {
            Self::Strings(strings) => Value::String(strings.get(index)),
            Self::Numbers(numbers) => Value::Number(numbers[index]),
            Self::Doubles(doubles) => Value::Double(doubles[index]),
            Self::Bools(bools) => Value::Bool(bools[index]),
        }
    }

    /// Adds a value; one of another type is not taken.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Strings(strings), Cell::Text(text) | Cell::Json(text)) => strings.push(text.as_bytes()),
            (Self::Strings(strings), Cell::Bytes(bytes)) => strings.push(bytes),
            (Self::Numbers(numbers), Cell::Int(number) | Cell::Time(number)) => numbers.push(number),
            (Self::Doubles(doubles), Cell::Double(double)) => doubles.push(double),
            (Self::Bools(bools), Cell::Bool(bool)) => bools.push(bool),
            (Self::Strings(_) | Self::Numbers(_) | Self::Doubles(_) | Self::Bools(_), _) => return false,
        }
        true
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Strings(strings) => strings.clear(),
            Self::Numbers(numbers) => numbers.clear(),
            Self::Doubles(doubles) => doubles.clear(),
            Self::Bools(bools) => bools.clear(),
        }
    }
}

impl<'a> Value<'a> {
    /// The value as the cell of a leaf; `None` if it is of another type, or a text that is no UTF-8.
    pub(crate) fn cell(self, leaf: LeafType) -> Option<Cell<'a>> {
        Some(match (leaf, self) {
            (LeafType::Text | LeafType::Word, Value::String(bytes)) => Cell::Text(std::str::from_utf8(bytes).ok()?),
            (LeafType::Json, Value::String(bytes)) => Cell::Json(std::str::from_utf8(bytes).ok()?),
            (LeafType::Bytes(_), Value::String(bytes)) => Cell::Bytes(bytes),
            (LeafType::Int, Value::Number(number)) => Cell::Int(number),
            (LeafType::Time, Value::Number(number)) => Cell::Time(number),
            (LeafType::Double, Value::Double(double)) => Cell::Double(double),
            (LeafType::Bool, Value::Bool(bool)) => Cell::Bool(bool),
            (_, Value::String(_) | Value::Number(_) | Value::Double(_) | Value::Bool(_)) => return None,
        })
    }
}
