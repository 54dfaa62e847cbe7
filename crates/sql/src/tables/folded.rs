//! Rows that the recorder folds, as a table.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};

use flightrec_recorder::Reader;

use super::columns::{self, Column};
use crate::error::SqlError;
use crate::literals;
use crate::snapshot::Snapshot;

/// How many rows go on at once.
const BATCH_ROWS: usize = 4096;
/// How many events are read at once.
const GROUP_EVENTS: u64 = 65_536;
/// How many batches may wait for whoever takes them.
const BATCHES_AHEAD: usize = 2;

/// What a table consists of.
pub(super) trait Fold: Send + Sync + 'static {
    /// One row.
    type Row: Send + 'static;

    /// Its name.
    const NAME: &'static str;
    /// Its columns.
    const COLUMNS: &'static [Column<Self::Row>];

    /// Whether its rows are read from the log, so that those of all sessions are made some sessions at a time.
    const IS_READ: bool;

    /// The rows of some sessions, or of all.
    fn rows(snapshot: &Snapshot, wanted: &Wanted) -> Result<Vec<Self::Row>, SqlError>;
}

/// Whose rows.
#[derive(Debug)]
pub(super) enum Wanted {
    All,
    Of(Vec<Arc<str>>),
}

impl Wanted {
    /// The ids of the sessions, and of the traces outside any.
    pub(super) fn ids(&self, reader: &Reader) -> Cow<'_, [Arc<str>]> {
        match self {
            Self::All => reader.ids_with_traces().into(),
            Self::Of(ids) => ids.into(),
        }
    }

    /// The parts in which the rows of a table are made.
    fn parts(snapshot: &Snapshot, is_read: bool, sessions: Option<&Vec<String>>) -> Vec<Self> {
        match sessions {
            Some(sessions) => sessions.iter().map(|id| Self::Of(vec![id.as_str().into()])).collect(),
            None if is_read => snapshot.reader.groups(GROUP_EVENTS).into_iter().map(Self::Of).collect(),
            None => vec![Self::All],
        }
    }
}

/// A table of what the recorder folds.
pub(super) struct FoldedTable<F> {
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
    fold: PhantomData<F>,
}

impl<F: Fold> FoldedTable<F> {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, schema: columns::schema(F::COLUMNS), fold: PhantomData }
    }
}

impl<F: Fold> fmt::Debug for FoldedTable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoldedTable").field("name", &F::NAME).finish_non_exhaustive()
    }
}

#[async_trait]
impl<F: Fold> TableProvider for FoldedTable<F> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters say which sessions need not be read; each row that is read passes them again.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places = projection.cloned().unwrap_or_else(|| (0..F::COLUMNS.len()).collect());
        let schema = Arc::new(self.schema.project(&places)?);
        let part = FoldedRows::<F> {
            snapshot: Arc::clone(&self.snapshot),
            places,
            schema: Arc::clone(&schema),
            sessions: literals::values_of("session_id", filters),
            fold: PhantomData,
        };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, [], false, limit)?))
    }
}

/// The rows of one scan.
struct FoldedRows<F> {
    snapshot: Arc<Snapshot>,
    /// The wanted columns, by their places.
    places: Vec<usize>,
    schema: SchemaRef,
    sessions: Option<Vec<String>>,
    fold: PhantomData<F>,
}

impl<F: Fold> fmt::Debug for FoldedRows<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("FoldedRows");
        told.field("name", &F::NAME).field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl<F: Fold> PartitionStream for FoldedRows<F> {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let sender = stream.tx();
        let (snapshot, places, schema) = (Arc::clone(&self.snapshot), self.places.clone(), Arc::clone(&self.schema));
        let sessions = self.sessions.clone();
        stream.spawn_blocking(move || {
            let held = MemoryConsumer::new(F::NAME).register(context.memory_pool());
            for part in Wanted::parts(&snapshot, F::IS_READ, sessions.as_ref()) {
                if sender.is_closed() {
                    return Ok(());
                }
                let rows = F::rows(&snapshot, &part);
                let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)))?;
                held.try_resize(rows.len() * size_of::<F::Row>())?;
                for rows in rows.chunks(BATCH_ROWS) {
                    let batch = columns::batch(F::COLUMNS, &places, &schema, rows)?;
                    if sender.blocking_send(Ok(batch)).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        stream.build()
    }
}
