//! Bytes of segments for the engine's Parquet reader: every one of them is checked before it is decoded.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::error::Result;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use flightrec_archive::{Segment, SegmentEntry};
use flightrec_recorder::{ReadError, Reader};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::snapshot::Snapshot;

/// Where segments come from, by the names that their scan gives them. It is asked on threads that may wait.
pub(crate) trait SegmentSource: fmt::Debug + Send + Sync {
    /// Opens the segment of this name.
    fn open(&self, name: &str) -> std::result::Result<Arc<Segment>, ReadError>;
}

/// The segments of a snapshot, by the names of their files.
#[derive(Debug)]
pub(super) struct StoreSegments {
    reader: Arc<Reader>,
    entries: HashMap<String, SegmentEntry>,
}

impl StoreSegments {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let entries = snapshot.manifest.segments().iter().map(|entry| (entry.file.clone(), entry.clone())).collect();
        Self { reader: Arc::clone(&snapshot.reader), entries }
    }
}

impl SegmentSource for StoreSegments {
    fn open(&self, name: &str) -> std::result::Result<Arc<Segment>, ReadError> {
        self.reader.segment(&self.entries[name])
    }
}

/// Readers of the segments of a source.
#[derive(Debug)]
pub(super) struct SealedFiles {
    source: Arc<dyn SegmentSource>,
}

impl SealedFiles {
    pub(super) const fn new(source: Arc<dyn SegmentSource>) -> Self {
        Self { source }
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
        let name = file.path().as_ref().to_owned();
        let metrics = ParquetFileMetrics::new(partition_index, &name, metrics);
        Ok(Box::new(SealedFile { source: Arc::clone(&self.source), name, segment: None, tail: None, metrics }))
    }
}

/// One segment that is being read. It is opened when its first bytes are wanted.
struct SealedFile {
    source: Arc<dyn SegmentSource>,
    name: String,
    segment: Option<Arc<Segment>>,
    /// What lies behind the columns, once it was asked for: its bytes are checked as a whole.
    tail: Option<Bytes>,
    metrics: ParquetFileMetrics,
}

impl SealedFile {
    async fn segment(&mut self) -> ParquetResult<Arc<Segment>> {
        if let Some(segment) = &self.segment {
            return Ok(Arc::clone(segment));
        }
        let (source, name) = (Arc::clone(&self.source), self.name.clone());
        let segment = waiting(move || source.open(&name)).await?;
        Ok(Arc::clone(self.segment.insert(segment)))
    }

    async fn read(&mut self, range: Range<u64>) -> ParquetResult<Bytes> {
        let segment = self.segment().await?;
        let from = segment.data_bytes();
        self.metrics.bytes_scanned.add(range.end.saturating_sub(range.start) as usize);
        if range.end <= from {
            return waiting(move || Ok(segment.read(range)?)).await;
        }
        let tail = if let Some(tail) = &self.tail {
            tail
        } else {
            let tail = waiting(move || Ok(segment.tail()?)).await?;
            self.tail.insert(tail)
        };
        let within =
            |at: u64| at.checked_sub(from).and_then(|at| usize::try_from(at).ok()).filter(|at| *at <= tail.len());
        match (within(range.start), within(range.end)) {
            (Some(start), Some(end)) if start <= end => Ok(tail.slice(start..end)),
            _ => Err(ParquetError::EOF(format!("`{}` has no bytes {} to {}", self.name, range.start, range.end))),
        }
    }
}

impl AsyncFileReader for SealedFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.read(range).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async { Ok(Arc::clone(self.segment().await?.metadata())) }.boxed()
    }
}

/// Runs what waits for a disk or a network on a thread that may.
async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, ReadError> + Send + 'static,
) -> ParquetResult<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| ParquetError::External(Box::new(error)))?;
    done.map_err(|error| ParquetError::External(Box::new(error)))
}
