//! The events of all nodes as one table of the archive's columns, with the node of each.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use flightrec_archive::push::{Published, PublishedSegment};
use flightrec_archive::{Segment, SegmentEntry};
use flightrec_recorder::ReadError;
use flightrec_recorder::journal::StoreId;
use tokio::runtime::Handle;

use super::Moment;
use super::files::NodeFiles;
use crate::events::{self, PLACES, SegmentSource};

/// Events as the files have them, with their node and the day of their segment.
pub(super) fn raw(moment: Moment) -> Arc<dyn TableProvider> {
    Arc::new(LakeEvents { moment })
}

/// Events with the archive's columns as they are, and their node.
#[derive(Debug)]
struct LakeEvents {
    moment: Moment,
}

fn columns() -> TableSchema {
    let places = PLACES.map(|name| Arc::new(Field::new(name, DataType::Utf8View, false)));
    TableSchema::builder(events::schema()).with_table_partition_cols(places.to_vec()).build()
}

#[async_trait]
impl TableProvider for LakeEvents {
    fn schema(&self) -> SchemaRef {
        static SCHEMA: LazyLock<SchemaRef> =
            LazyLock::new(|| Arc::new(Schema::new(columns().table_schema().fields().clone())));
        Arc::clone(&SCHEMA)
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
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let file = |node: &Published, segment: &PublishedSegment| {
            let values = [node.store.to_string(), day_of(&segment.path).to_owned()];
            let values = values.map(|value| ScalarValue::Utf8View(Some(value))).to_vec();
            events::file(&segment.entry, name(node.store, &segment.entry)).with_partition_values(values)
        };
        let of = |node: &Published| node.segments.iter().map(|segment| file(node, segment)).collect::<Vec<_>>();
        let files = self.moment.nodes.iter().flat_map(of).collect();
        let source = Arc::new(LakeSegments::new(&self.moment, &Handle::current()));
        events::scan(state, columns(), files, source, projection, limit)
    }
}

/// The day that a segment lies under.
fn day_of(place: &str) -> &str {
    place.split('/').find_map(|part| part.strip_prefix("date=")).unwrap_or_default()
}

/// The name of a segment in a scan: no two of a lake have the same.
fn name(node: StoreId, entry: &SegmentEntry) -> String {
    format!("{node}/{}", entry.file)
}

/// The segments of all nodes, by their names in a scan.
#[derive(Debug)]
struct LakeSegments {
    segments: HashMap<String, (StoreId, SegmentEntry, Arc<NodeFiles>)>,
}

impl LakeSegments {
    fn new(moment: &Moment, runtime: &Handle) -> Self {
        let mut segments = HashMap::new();
        for node in &moment.nodes {
            let files = Arc::new(NodeFiles::new(moment.target.clone(), node, runtime.clone()));
            let of = node.segments.iter().map(|segment| &segment.entry);
            segments.extend(of.map(|entry| (name(node.store, entry), (node.store, entry.clone(), Arc::clone(&files)))));
        }
        Self { segments }
    }
}

impl SegmentSource for LakeSegments {
    fn open(&self, name: &str) -> std::result::Result<Arc<Segment>, ReadError> {
        let (store, entry, files) = &self.segments[name];
        Ok(Arc::new(Segment::open(&**files, *store, entry)?))
    }
}
