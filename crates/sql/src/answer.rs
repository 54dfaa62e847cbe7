//! Rows on their way out.

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
        match begun.await {
            Ok(columns) => answer.columns = columns,
            Err(_) => {
                answer.next().await?;
                return Err(unfinished());
            }
        }
        Ok(answer)
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
    schema.fields().iter().map(column).collect()
}

fn word(holds: &DataType) -> String {
    match holds {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytes".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::UInt64 => "unsigned bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        DataType::List(item) => format!("{}[]", word(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}
