//! What is sealed and what is not, as one table of the archive's columns.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;
use flightrec_archive::{ColumnType, SegmentEntry, table_columns};

use super::live::LiveEvents;
use super::sealed::{SealedFiles, SegmentSource, StoreSegments};
use crate::literals;
use crate::snapshot::Snapshot;

const SEQ: &str = "seq";
const SESSION: &str = "model_session_id";

/// Events with the archive's columns as they are.
#[derive(Debug)]
pub(super) struct RawEvents {
    snapshot: Arc<Snapshot>,
}

impl RawEvents {
    pub(super) const fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot }
    }

    fn live(
        &self,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sessions = literals::values_of(SESSION, filters);
        let columns = projection.cloned().unwrap_or_else(|| (0..schema().fields().len()).collect());
        let part = LiveEvents::new(Arc::clone(&self.snapshot), columns, sessions)?;
        let schema = Arc::clone(part.columns());
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, [], false, limit)?))
    }
}

#[async_trait]
impl TableProvider for RawEvents {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters say what need not be read; each row that is read passes them again.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let live = self.live(projection, filters, limit)?;
        if self.snapshot.manifest.segments().is_empty() {
            return Ok(live);
        }
        let files = self.snapshot.manifest.segments().iter().map(|entry| file(entry, entry.file.clone())).collect();
        let source = StoreSegments::new(&self.snapshot);
        let sealed = scan(state, schema().into(), files, Arc::new(source), projection, limit)?;
        UnionExec::try_new(vec![sealed, live])
    }
}

/// The scan of segments, in as many parts as there are processors. The optimizer gives it the conditions.
pub(crate) fn scan(
    state: &dyn Session,
    columns: TableSchema,
    files: Vec<PartitionedFile>,
    segments: Arc<dyn SegmentSource>,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = state.table_options().parquet.clone();
    let source = ParquetSource::new(columns)
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(Arc::new(SealedFiles::new(segments)));
    let groups = FileGroup::new(files).split_files(state.config().target_partitions());
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups)
        .with_projection_indices(projection.cloned())?
        .with_limit(limit)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// A segment for the Parquet reader, under a name of its own; what the manifest says of its positions spares opening it.
pub(crate) fn file(entry: &SegmentEntry, name: String) -> PartitionedFile {
    let seq = schema().index_of(SEQ).expect("`seq` is the archive's first column");
    let mut statistics = Statistics::new_unknown(&schema());
    let position = |seq: u64| Precision::Inexact(ScalarValue::Int64(Some(seq as i64)));
    statistics.num_rows = Precision::Inexact(entry.events as usize);
    statistics.column_statistics[seq] = ColumnStatistics {
        min_value: position(entry.first_seq.get()),
        max_value: position(entry.last_seq.get()),
        ..ColumnStatistics::new_unknown()
    };
    PartitionedFile::new(name, entry.bytes).with_statistics(Arc::new(statistics))
}

/// The archive's columns.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let field = |column: &flightrec_archive::TableColumn| {
            let holds = match column.holds {
                ColumnType::Text => DataType::Utf8View,
                ColumnType::Id(_) | ColumnType::Bytes => DataType::BinaryView,
                ColumnType::Int => DataType::Int64,
                ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                ColumnType::Double => DataType::Float64,
                ColumnType::Bool => DataType::Boolean,
            };
            Field::new(column.name, holds, column.is_nullable)
        };
        Arc::new(Schema::new(table_columns().iter().map(field).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}
