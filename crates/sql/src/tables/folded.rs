//! Rows that the recorder folds, as a table.

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

use super::columns::{self, Column};
use crate::error::SqlError;
use crate::literals;
use crate::snapshot::Snapshot;

/// How many rows go on at once.
const BATCH_ROWS: usize = 4096;
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

    /// The rows of all sessions, or of some.
    fn rows(snapshot: &Snapshot, session: Option<&str>) -> Result<Vec<Self::Row>, SqlError>;
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
        let wanted = match &self.sessions {
            None => vec![None],
            Some(sessions) => sessions.iter().cloned().map(Some).collect(),
        };
        stream.spawn_blocking(move || {
            let held = MemoryConsumer::new(F::NAME).register(context.memory_pool());
            for session in wanted {
                let rows = F::rows(&snapshot, session.as_deref());
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
