//! Rows on their way out.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::SqlError;

/// Times as every other answer has them.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
    /// What it holds, in a word of SQL.
    pub holds: String,
    /// Whether it holds numbers.
    pub is_number: bool,
}

/// What a query's task sends.
#[derive(Debug)]
pub(crate) enum Part {
    Rows(RecordBatch),
    End { truncated: bool },
    Failed(SqlError),
}

/// The answer to a query: columns, then rows as they are made. Dropping it ends the query.
#[derive(Debug)]
pub struct Answer {
    columns: Vec<AnswerColumn>,
    rows: mpsc::Receiver<Part>,
    task: JoinHandle<()>,
    end: Option<bool>,
}

impl Answer {
    /// Waits for the columns, or for why there are none.
    pub(crate) async fn begin(
        begun: oneshot::Receiver<Vec<AnswerColumn>>,
        rows: mpsc::Receiver<Part>,
        task: JoinHandle<()>,
    ) -> Result<Self, SqlError> {
        let mut answer = Self { columns: Vec::new(), rows, task, end: None };
        if let Ok(columns) = begun.await {
            answer.columns = columns;
            return Ok(answer);
        }
        answer.next().await?;
        Err(unfinished())
    }

    /// Its columns.
    pub fn columns(&self) -> &[AnswerColumn] {
        &self.columns
    }

    /// The next rows; `None` when there are no more.
    ///
    /// # Errors
    /// [`SqlError`] if the query failed; the rows that came are not the whole answer then.
    pub async fn next(&mut self) -> Result<Option<Batch>, SqlError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let part = self.rows.recv().await;
        self.take(part)
    }

    /// The same, for a thread that may wait.
    ///
    /// # Errors
    /// As of [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Result<Option<Batch>, SqlError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let part = self.rows.blocking_recv();
        self.take(part)
    }

    fn take(&mut self, part: Option<Part>) -> Result<Option<Batch>, SqlError> {
        match part {
            Some(Part::Rows(rows)) => Batch::new(&rows).map(Some).map_err(|error| SqlError::Engine(error.to_string())),
            Some(Part::End { truncated }) => {
                self.end = Some(truncated);
                Ok(None)
            }
            Some(Part::Failed(error)) => Err(error),
            None => Err(unfinished()),
        }
    }

    /// Whether there were more rows than the query might give; known at the end.
    pub fn is_truncated(&self) -> bool {
        self.end == Some(true)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn unfinished() -> SqlError {
    SqlError::Engine("the query ended before its answer did".to_owned())
}

/// Some rows, each value as JSON.
#[derive(Debug)]
pub struct Batch {
    /// Row by row.
    values: Vec<Box<str>>,
    columns: usize,
    rows: usize,
}

impl Batch {
    fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let (columns, rows) = (batch.num_columns(), batch.num_rows());
        let options = EncoderOptions::default()
            .with_explicit_nulls(true)
            .with_timestamp_format(TIME.trim_end_matches('Z').to_owned())
            .with_timestamp_tz_format(TIME.to_owned());
        let schema = batch.schema();
        let mut encoders = encoders(&schema, batch, &options)?;
        let mut values = Vec::with_capacity(columns * rows);
        let mut json = Vec::new();
        for row in 0..rows {
            for encoder in &mut encoders {
                json.clear();
                if encoder.is_null(row) {
                    json.extend_from_slice(b"null");
                } else {
                    encoder.encode(row, &mut json);
                }
                values.push(String::from_utf8_lossy(&json).into());
            }
        }
        Ok(Self { values, columns, rows })
    }

    /// How many rows there are.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The rows: of each the values, as JSON.
    pub fn json_rows(&self) -> impl Iterator<Item = &[Box<str>]> {
        (0..self.rows).map(|row| &self.values[row * self.columns..(row + 1) * self.columns])
    }
}

fn encoders<'a>(
    schema: &'a Arc<Schema>,
    batch: &'a RecordBatch,
    options: &'a EncoderOptions,
) -> Result<Vec<NullableEncoder<'a>>, ArrowError> {
    let fields: &'a [FieldRef] = schema.fields();
    fields.iter().zip(batch.columns()).map(|(field, array)| make_encoder(field, array.as_ref(), options)).collect()
}

/// The columns of an answer.
pub(crate) fn columns_of(schema: &Schema) -> Vec<AnswerColumn> {
    let column = |field: &FieldRef| AnswerColumn {
        name: field.name().clone(),
        holds: word(field.data_type()),
        is_number: field.data_type().is_numeric(),
    };
    let mut columns: Vec<AnswerColumn> = schema.fields().iter().map(column).collect();
    with_names_of_their_own(&mut columns);
    columns
}

fn word(holds: &DataType) -> String {
    if let DataType::List(item) = holds {
        return format!("{}[]", word(item.data_type()));
    }
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let words = [
        (DataType::Utf8, "text"),
        (DataType::LargeUtf8, "text"),
        (DataType::Utf8View, "text"),
        (DataType::Binary, "bytes"),
        (DataType::BinaryView, "bytes"),
        (DataType::Int32, "integer"),
        (DataType::Int64, "bigint"),
        (DataType::UInt64, "unsigned bigint"),
        (DataType::Float64, "double"),
        (DataType::Boolean, "boolean"),
        (time, "timestamp"),
    ];
    let word = words.into_iter().find(|(known, _)| known == holds);
    word.map_or_else(|| holds.to_string().to_lowercase(), |(_, word)| word.to_owned())
}

/// Columns with names of their own: the second `seq` is `seq_2`.
fn with_names_of_their_own(columns: &mut [AnswerColumn]) {
    let mut taken = HashSet::new();
    for column in columns {
        let mut name = column.name.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{}_{number}", column.name);
        }
        column.name = name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;

    #[test]
    fn no_two_columns_have_one_name() {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        let schema = Schema::new(vec![field("seq"), field("seq"), field("seq_2"), field("a"), field("seq")]);
        let names: Vec<String> = columns_of(&schema).into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["seq", "seq_2", "seq_2_2", "a", "seq_3"]);
    }

    #[test]
    fn types_have_words_of_sql() {
        for (holds, expected) in [
            (DataType::Utf8View, "text"),
            (DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))), "text[]"),
            (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "timestamp"),
            (DataType::Decimal128(10, 2), "decimal128(10, 2)"),
        ] {
            assert_eq!(word(&holds), expected);
        }
    }
}
