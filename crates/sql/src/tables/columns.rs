//! A view of the recorder as columns of an engine.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, ListBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use flightrec_events::Timestamp;

/// How the value of a column is taken from a row.
pub(super) enum Take<T> {
    /// A text.
    Text(fn(&T) -> Option<Cow<'_, str>>),
    /// A whole number.
    Int(fn(&T) -> Option<i64>),
    /// A time.
    Time(fn(&T) -> Option<Timestamp>),
    /// Yes or no.
    Bool(fn(&T) -> Option<bool>),
    /// A list of texts.
    Texts(fn(&T) -> &[String]),
}

/// One column of rows of type `T`.
pub(super) struct Column<T> {
    pub(super) name: &'static str,
    pub(super) take: Take<T>,
}

impl<T> Column<T> {
    pub(super) const fn new(name: &'static str, take: Take<T>) -> Self {
        Self { name, take }
    }

    fn field(&self) -> Field {
        let holds = match self.take {
            Take::Text(_) => DataType::Utf8,
            Take::Int(_) => DataType::Int64,
            Take::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Take::Bool(_) => DataType::Boolean,
            Take::Texts(_) => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        };
        Field::new(self.name, holds, true)
    }

    fn array(&self, rows: &[T]) -> ArrayRef {
        match self.take {
            Take::Text(take) => {
                let mut texts = StringBuilder::new();
                for row in rows {
                    texts.append_option(take(row));
                }
                Arc::new(texts.finish())
            }
            Take::Int(take) => Arc::new(rows.iter().map(take).collect::<Int64Array>()),
            Take::Time(take) => {
                let times = rows.iter().map(|row| take(row).map(Timestamp::as_micros));
                Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            Take::Bool(take) => Arc::new(rows.iter().map(take).collect::<BooleanArray>()),
            Take::Texts(take) => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                for row in rows {
                    lists.append_value(take(row).iter().map(Some));
                }
                Arc::new(lists.finish())
            }
        }
    }
}

/// The columns as the engine describes them.
pub(super) fn schema<T>(columns: &[Column<T>]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
}

/// Some columns of rows, by their places.
pub(super) fn batch<T>(
    columns: &[Column<T>],
    places: &[usize],
    schema: &SchemaRef,
    rows: &[T],
) -> Result<RecordBatch, ArrowError> {
    let arrays = places.iter().map(|place| columns[*place].array(rows)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
}

/// A text that a row holds.
pub(super) fn held(text: Option<&Arc<str>>) -> Option<Cow<'_, str>> {
    text.map(|text| Cow::Borrowed(&**text))
}

/// A text that is made of something that a row holds.
pub(super) fn made<'a>(value: Option<impl ToString>) -> Option<Cow<'a, str>> {
    value.map(|value| Cow::Owned(value.to_string()))
}

/// A count or an amount. What no 64 bits hold is their greatest: nothing real is as large.
pub(super) fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
