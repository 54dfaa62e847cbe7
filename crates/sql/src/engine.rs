//! Takes queries, one at a time, and runs them on threads of its own.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use flightrec_recorder::Reader;
use futures_util::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::answer::{Answer, AnswerColumn, Part, columns_of};
use crate::error::SqlError;
use crate::lake::{self, Lake};
use crate::snapshot::Snapshot;
use crate::{statement, tables};

/// The memory that a query may use when nobody says otherwise: 512 MiB.
const DEFAULT_MEMORY_BYTES: usize = 512 << 20;
/// How many batches may wait for whoever takes them.
const BATCHES_AHEAD: usize = 2;
/// How many parts of a query are named when its memory is used up.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).expect("3 is not 0");

/// Functions that make as much of nothing as they are asked to: their results are not counted before they are there.
const REFUSED_FUNCTIONS: &[&str] =
    &["array_repeat", "array_resize", "generate_series", "lpad", "range", "repeat", "rpad", "space"];

/// What an engine may use.
#[derive(Debug, Clone)]
pub struct Options {
    /// The memory of a query, in bytes: what sorts, joins and groups hold.
    pub memory_bytes: usize,
    /// How many threads run queries; as many as there are processors without it.
    pub threads: Option<NonZeroUsize>,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_bytes: DEFAULT_MEMORY_BYTES, threads: None }
    }
}

/// How much one query may give and take; nothing is bounded without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most rows of the answer, which says whether there were more.
    pub max_rows: Option<usize>,
    /// The most time until its last row, the wait for its turn included, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// Answers queries about one store, one at a time: each sees the store at one moment. Whoever drops an [`Answer`] ends its
/// query.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    turn: Arc<Semaphore>,
    /// Gone only while the engine is dropped.
    runtime: Option<Runtime>,
}

/// What is asked.
#[derive(Debug, Clone)]
enum Source {
    Store(Arc<Reader>),
    Lake(Lake),
}

/// What the tasks of queries share.
#[derive(Debug)]
struct Shared {
    source: Source,
    config: SessionConfig,
    memory_bytes: usize,
}

impl Engine {
    /// An engine over a store. The reader is its own: it stands still while a query runs.
    ///
    /// # Errors
    /// [`SqlError::Threads`] if there are none to be had.
    pub fn new(reader: Reader, options: &Options) -> Result<Self, SqlError> {
        Self::over(Source::Store(Arc::new(reader)), options)
    }

    /// An engine over what many nodes have pushed to one place.
    ///
    /// # Errors
    /// [`SqlError::Threads`] if there are none to be had.
    pub fn of_lake(lake: Lake, options: &Options) -> Result<Self, SqlError> {
        Self::over(Source::Lake(lake), options)
    }

    fn over(source: Source, options: &Options) -> Result<Self, SqlError> {
        let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = options.threads.unwrap_or(available).get();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("flightrec-sql")
            .thread_stack_size(statement::STACK_BYTES)
            .enable_all()
            .build()
            .map_err(SqlError::Threads)?;
        let mut config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_information_schema(true)
            .with_default_catalog_and_schema("store", "public");
        let settings = config.options_mut();
        settings.sql_parser.collect_spans = true;
        settings.execution.parquet.pushdown_filters = true;
        settings.execution.parquet.reorder_filters = true;
        let shared = Shared { source, config, memory_bytes: options.memory_bytes };
        Ok(Self { shared: Arc::new(shared), turn: Arc::new(Semaphore::new(1)), runtime: Some(runtime) })
    }

    /// Begins a query when its turn comes; its answer has columns then, and rows as they are made.
    ///
    /// # Errors
    /// [`SqlError`] if it is none that is answered, or fails before its first row. Later failures come with the rows.
    pub async fn query(&self, text: &str, limits: Limits) -> Result<Answer, SqlError> {
        let (columns, begun) = oneshot::channel();
        let (parts, rows) = mpsc::channel(BATCHES_AHEAD);
        let query = Query {
            shared: Arc::clone(&self.shared),
            turn: Arc::clone(&self.turn),
            text: text.to_owned(),
            limits,
            parts: parts.clone(),
        };
        let task = self.runtime().spawn(async move {
            let work = query.run(columns);
            let done = match limits.timeout_ms {
                None => work.await,
                Some(limit_ms) => {
                    let timed = tokio::time::timeout(Duration::from_millis(limit_ms), work).await;
                    timed.unwrap_or(Err(SqlError::Timeout { limit_ms }))
                }
            };
            let last = match done {
                Ok(truncated) => Part::End { truncated },
                Err(error) => Part::Failed(error),
            };
            // Whoever has gone need not be told.
            let _told = parts.send(last).await.is_ok();
        });
        Answer::begin(begun, rows, task).await
    }

    /// The same, for a thread that may wait.
    ///
    /// # Errors
    /// As of [`query`](Self::query).
    pub fn query_blocking(&self, text: &str, limits: Limits) -> Result<Answer, SqlError> {
        self.runtime().block_on(self.query(text, limits))
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("only dropping the engine takes its runtime")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A runtime must not wait for its threads on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One query on its way.
struct Query {
    shared: Arc<Shared>,
    turn: Arc<Semaphore>,
    text: String,
    limits: Limits,
    parts: mpsc::Sender<Part>,
}

impl Query {
    /// Runs it to its end; answers with whether there were more rows than it may give.
    async fn run(self, columns: oneshot::Sender<Vec<AnswerColumn>>) -> Result<bool, SqlError> {
        let limit_bytes = self.shared.memory_bytes;
        let failed = |error: DataFusionError| SqlError::within(error, limit_bytes);
        let statement = statement::parse(&self.text)?;
        let _turn = self.turn.acquire().await.expect("nobody closes the turns");
        let context = self.shared.context().map_err(failed)?;
        match self.shared.source.clone() {
            Source::Store(reader) => {
                let snapshot = tokio::task::spawn_blocking(move || Snapshot::take(&reader)).await;
                let snapshot = snapshot.map_err(|error| SqlError::Engine(error.to_string()))?;
                tables::register(&context, &snapshot.map_err(SqlError::Store)?).await.map_err(failed)?;
            }
            Source::Lake(lake) => {
                let moment = lake.moment().await.map_err(SqlError::Lake)?;
                lake::register(&context, moment).await.map_err(failed)?;
            }
        }
        let plan = context.state().statement_to_plan(statement).await.map_err(failed)?;
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        reads.verify_plan(&plan).map_err(failed)?;
        let mut frame = context.execute_logical_plan(plan).await.map_err(failed)?;
        if let Some(max_rows) = self.limits.max_rows
            && may_be_limited(frame.logical_plan())
        {
            // One more than is given tells whether there are more.
            frame = frame.limit(0, Some(max_rows.saturating_add(1))).map_err(failed)?;
        }
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        if columns.send(columns_of(&stream.schema())).is_err() {
            return Ok(false);
        }
        let mut left = self.limits.max_rows.unwrap_or(usize::MAX);
        while let Some(batch) = stream.next().await {
            let batch: RecordBatch = batch.map_err(failed)?;
            let rows = batch.num_rows();
            let batch = if rows > left { batch.slice(0, left) } else { batch };
            if batch.num_rows() > 0 && self.parts.send(Part::Rows(batch)).await.is_err() {
                return Ok(false);
            }
            if rows > left {
                return Ok(true);
            }
            left -= rows;
        }
        Ok(false)
    }
}

/// Plans of what is told about a query stand at the top alone.
fn may_be_limited(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_))
}

impl Shared {
    /// What the query engine knows of one query before the tables: functions, and how much memory there is.
    fn context(&self) -> Result<SessionContext, DataFusionError> {
        let context = SessionContext::new_with_config_rt(self.config.clone(), self.environment()?);
        for function in REFUSED_FUNCTIONS {
            context.deregister_udf(function);
        }
        Ok(context)
    }

    /// Memory with a limit, and no place on the disk.
    fn environment(&self) -> Result<Arc<RuntimeEnv>, DataFusionError> {
        let pool = TrackConsumersPool::new(GreedyMemoryPool::new(self.memory_bytes), NAMED_CONSUMERS);
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
    }
}
