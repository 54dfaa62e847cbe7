//! Bytes of segments for the engine's Parquet reader: every one of them is checked before it is decoded.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use flightrec_archive::{Segment, SegmentEntry};
use flightrec_recorder::{ReadError, Reader};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use crate::snapshot::Snapshot;

/// The segments of a snapshot, by the names of their files.
#[derive(Debug)]
pub(super) struct SealedFiles {
    reader: Arc<Reader>,
    entries: HashMap<String, SegmentEntry>,
}

impl SealedFiles {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let entries = snapshot.manifest.segments().iter().map(|entry| (entry.file.clone(), entry.clone())).collect();
        Self { reader: Arc::clone(&snapshot.reader), entries }
    }
}

impl ParquetFileReaderFactory for SealedFiles {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let name = file.path().as_ref();
        let entry =
            self.entries.get(name).ok_or_else(|| DataFusionError::Internal(format!("no segment is `{name}`")))?;
        Ok(Box::new(SealedFile {
            reader: Arc::clone(&self.reader),
            entry: entry.clone(),
            tail: None,
            metrics: ParquetFileMetrics::new(partition_index, name, metrics),
        }))
    }
}

/// One segment that is being read. It is opened when its first bytes are wanted.
struct SealedFile {
    reader: Arc<Reader>,
    entry: SegmentEntry,
    /// What lies behind the columns, once it was asked for: its bytes are checked as a whole.
    tail: Option<Bytes>,
    metrics: ParquetFileMetrics,
}

impl SealedFile {
    fn segment(&self) -> ParquetResult<Arc<Segment>> {
        self.reader.segment(&self.entry).map_err(failed)
    }

    fn read(&mut self, range: Range<u64>) -> ParquetResult<Bytes> {
        let segment = self.segment()?;
        let from = segment.data_bytes();
        self.metrics.bytes_scanned.add(range.end.saturating_sub(range.start) as usize);
        if range.end <= from {
            return segment.read(range).map_err(|error| failed(error.into()));
        }
        let tail = match &self.tail {
            Some(tail) => tail,
            None => self.tail.insert(segment.tail().map_err(|error| failed(error.into()))?),
        };
        let within =
            |at: u64| at.checked_sub(from).and_then(|at| usize::try_from(at).ok()).filter(|at| *at <= tail.len());
        match (within(range.start), within(range.end)) {
            (Some(start), Some(end)) if start <= end => Ok(tail.slice(start..end)),
            _ => Err(ParquetError::EOF(format!("`{}` has no bytes {} to {}", self.entry.file, range.start, range.end))),
        }
    }
}

/// A segment is on the local disk: what is read is there at once, or soon.
impl AsyncFileReader for SealedFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        ready(self.read(range)).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        ready(self.segment().map(|segment| Arc::clone(segment.metadata()))).boxed()
    }
}

fn failed(error: ReadError) -> ParquetError {
    ParquetError::External(Box::new(error))
}
