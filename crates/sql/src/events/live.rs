//! Events that are not sealed yet, as rows of the archive's columns.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions,
    StringViewBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use flightrec_archive::{ColumnType, TableRows, Value, table_columns};
use flightrec_recorder::journal::Seq;
use flightrec_recorder::query::EventFilter;

use super::raw::schema;
use crate::snapshot::Snapshot;

/// How many rows go on at once.
const BATCH_ROWS: usize = 4096;
/// How many batches may wait for whoever takes them.
const BATCHES_AHEAD: usize = 2;

/// The events of the journal, or of some sessions in it.
#[derive(Debug, Clone)]
pub(super) struct LiveEvents {
    snapshot: Arc<Snapshot>,
    /// The wanted columns, by their places.
    places: Vec<usize>,
    columns: SchemaRef,
    sessions: Option<Vec<String>>,
}

impl LiveEvents {
    pub(super) fn new(snapshot: Arc<Snapshot>, places: Vec<usize>, sessions: Option<Vec<String>>) -> Result<Self> {
        let columns = Arc::new(schema().project(&places)?);
        Ok(Self { snapshot, places, columns, sessions })
    }

    /// The columns of its rows.
    pub(super) const fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Reads, and hands batches on until nobody takes them.
    fn read(&self, send: &mut dyn FnMut(RecordBatch) -> bool) -> Result<()> {
        let from_seq = Some(self.snapshot.live_from());
        let filters: Vec<EventFilter> = match &self.sessions {
            None => vec![EventFilter { from_seq, ..EventFilter::default() }],
            Some(ids) => {
                ids.iter().map(|id| EventFilter { from_seq, ..EventFilter::of_session(id.as_str().into()) }).collect()
            }
        };
        let mut rows = TableRows::default();
        for filter in &filters {
            for event in self.snapshot.reader.events(filter) {
                let event = event.map_err(|error| DataFusionError::External(Box::new(error)))?;
                rows.push(Seq::new(event.seq), event.recorded_at, &event.event);
                if rows.len() == BATCH_ROWS {
                    if !send(self.batch(&rows)?) {
                        return Ok(());
                    }
                    rows.clear();
                }
            }
        }
        if !rows.is_empty() {
            send(self.batch(&rows)?);
        }
        Ok(())
    }

    fn batch(&self, rows: &TableRows) -> Result<RecordBatch> {
        let arrays = self.places.iter().map(|place| array(table_columns()[*place].holds, rows, *place)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.columns), arrays, &options)?)
    }
}

impl PartitionStream for LiveEvents {
    fn schema(&self) -> &SchemaRef {
        &self.columns
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.columns), BATCHES_AHEAD);
        let (this, sender) = (self.clone(), stream.tx());
        stream.spawn_blocking(move || this.read(&mut |batch| sender.blocking_send(Ok(batch)).is_ok()));
        stream.build()
    }
}

fn array(holds: ColumnType, rows: &TableRows, place: usize) -> ArrayRef {
    let values = rows.column(place);
    let number = |value: Option<Value<'_>>| if let Some(Value::Number(number)) = value { Some(number) } else { None };
    let bytes = |value| if let Some(Value::String(bytes)) = value { Some(bytes) } else { None };
    match holds {
        ColumnType::Text => {
            let mut builder = StringViewBuilder::with_capacity(rows.len());
            // What the columns took as text is text.
            values
                .for_each(|value| builder.append_option(bytes(value).and_then(|text| std::str::from_utf8(text).ok())));
            Arc::new(builder.finish())
        }
        ColumnType::Id(_) | ColumnType::Bytes => {
            let mut builder = BinaryViewBuilder::with_capacity(rows.len());
            values.for_each(|value| builder.append_option(bytes(value)));
            Arc::new(builder.finish())
        }
        ColumnType::Int => {
            let mut builder = Int64Builder::with_capacity(rows.len());
            values.for_each(|value| builder.append_option(number(value)));
            Arc::new(builder.finish())
        }
        ColumnType::Time => {
            let mut builder = TimestampMicrosecondBuilder::with_capacity(rows.len());
            values.for_each(|value| builder.append_option(number(value)));
            Arc::new(builder.finish().with_timezone("UTC"))
        }
        ColumnType::Double => {
            let mut builder = Float64Builder::with_capacity(rows.len());
            values.for_each(|value| {
                builder.append_option(if let Some(Value::Double(double)) = value { Some(double) } else { None });
            });
            Arc::new(builder.finish())
        }
        ColumnType::Bool => {
            let mut builder = BooleanBuilder::with_capacity(rows.len());
            values.for_each(|value| {
                builder.append_option(if let Some(Value::Bool(bool)) = value { Some(bool) } else { None });
            });
            Arc::new(builder.finish())
        }
    }
}
