//! The handle that a host holds: builds a runtime, starts sessions in it, and asks things of them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::thread::JoinHandle;

use flightrec_events::{GovernanceMode, Id};
use flightrec_recorder::{IdSource, Recorder, SystemIds};
use futures_channel::{mpsc, oneshot};
use futures_util::stream::SelectAll;

use crate::approval::{Approvals, RefuseAll};
use crate::board::Board;
use crate::driver::Driver;
use crate::engine::{
    ChildRequest, Command, CommandError, Cx, Dependency, Ending, Engine, RegisteredTool, SessionStatus, Setup,
    SpawnAnswer, StartError, ThreadEntry, nobody,
};
use crate::limits::Limits;
use crate::message::Source;
use crate::model::ModelRoute;
use crate::price::PriceList;
use crate::record::{Record, RecordError, SharedRecord};
use crate::spec::SessionSpec;
use crate::time::{LiveTime, Time};
use crate::tool::Tool;
use crate::tools::SchemaError;
use crate::tools::arguments::Schema;
use crate::words;

/// How many commands may wait besides one of each caller.
const COMMAND_QUEUE: usize = 64;

/// What a runtime is made of.
#[derive(Debug)]
pub struct RuntimeBuilder {
    models: BTreeMap<Id, ModelRoute>,
    tools: BTreeMap<Id, RegisteredTool>,
    limits: Limits,
    prices: Option<Arc<dyn PriceList>>,
    approvals: Arc<dyn Approvals>,
    ids: Arc<dyn IdSource>,
    governance_mode: GovernanceMode,
    recovers: bool,
}

/// A runtime could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A tool cannot be used.
    #[error(transparent)]
    Tool(#[from] SchemaError),
    /// Two tools have one name, or the name is the runtime's own.
    #[error("there is a tool of the name `{0}` already; give it another name")]
    ToolTwice(Id),
    /// A limit of zero lets nothing happen.
    #[error("{0} is zero, which lets nothing happen")]
    Zero(&'static str),
    /// No thread, or none of what a thread needs.
    #[error("cannot start the runtime's thread")]
    Thread(#[from] std::io::Error),
}

impl RuntimeBuilder {
    /// Names a model. A later route of the same name takes the place of an earlier one.
    #[must_use]
    pub fn model(mut self, name: Id, route: ModelRoute) -> Self {
        self.models.insert(name, route);
        self
    }

    /// Adds a tool under the name that it gives itself.
    ///
    /// # Errors
    /// [`RuntimeError::Tool`] if its schema cannot be used, [`RuntimeError::ToolTwice`] if its name is taken.
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Result<Self, RuntimeError> {
        let schema = Schema::compile(tool.spec())?;
        let name = tool.spec().name.clone();
        if name.as_str() == crate::engine::SPAWN_TOOL || self.tools.contains_key(&name) {
            return Err(RuntimeError::ToolTwice(name));
        }
        self.tools.insert(name, RegisteredTool { tool, schema });
        Ok(self)
    }

    /// Sets what may be done at once, and spent.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the list that is asked where neither provider nor route has a price.
    #[must_use]
    pub fn prices(mut self, prices: Arc<dyn PriceList>) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Sets who approves. Without it, whatever needs an approval is refused.
    #[must_use]
    pub fn approvals(mut self, approvals: Arc<dyn Approvals>) -> Self {
        self.approvals = approvals;
        self
    }

    /// Sets where ids come from, for runs that are to repeat.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// Sets the mode of governance that mailbox messages carry.
    #[must_use]
    pub fn governance_mode(mut self, mode: GovernanceMode) -> Self {
        self.governance_mode = mode;
        self
    }

    /// Leaves alone what other runtimes left behind in the store: for a second one beside a first that still runs.
    #[must_use]
    pub fn without_recovery(mut self) -> Self {
        self.recovers = false;
        self
    }

    /// Starts the runtime on a thread of its own. What a crash left behind in the store is picked up first: see
    /// [`Runtime::recovered`].
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn start(self, recorder: Arc<Recorder>) -> Result<Runtime, RuntimeError> {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let time = {
            let _inside = executor.enter();
            LiveTime::new()
        };
        let (mut runtime, driver) = self.drive(Box::new(SharedRecord::new(recorder)), Arc::new(time))?;
        let thread = std::thread::Builder::new()
            .name("flightrec-sessions".to_owned())
            .spawn(move || executor.block_on(driver.run()))?;
        runtime.thread = Some(thread);
        Ok(runtime)
    }

    /// Makes the runtime and the future that drives it, for hosts with an executor of their own, and for simulated
    /// time. What a crash left behind is picked up before this returns.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn drive(self, record: Box<dyn Record>, time: Arc<dyn Time>) -> Result<(Runtime, Driver), RuntimeError> {
        check_limits(&self.limits)?;
        let setup = Setup {
            run_id: words::id(&self.ids.event_id(time.now()).to_string()),
            ids: self.ids,
            models: self.models,
            tools: self.tools,
            limits: self.limits,
            prices: self.prices,
            governance_mode: self.governance_mode,
        };
        let (sender, commands) = mpsc::channel(COMMAND_QUEUE);
        let board = Arc::new(Board::default());
        let mut driver = Driver {
            engine: Engine::new(setup),
            record,
            time,
            approvals: self.approvals,
            commands,
            board: Arc::clone(&board),
            running: SelectAll::new(),
            handles: BTreeMap::new(),
        };
        let mut recovered = Vec::new();
        if self.recovers {
            let mut cx = Cx { now: driver.time.now(), record: &mut *driver.record };
            recovered = driver.engine.recover(&mut cx)?;
            driver.settle()?;
        }
        Ok((Runtime { line: Line { sender, board }, recovered, thread: None }, driver))
    }
}

fn check_limits(limits: &Limits) -> Result<(), RuntimeError> {
    let zero = [
        ("limits.active_sessions", limits.active_sessions == 0),
        ("limits.per_provider", limits.per_provider == 0),
        ("limits.per_model", limits.per_model == 0),
        ("limits.per_group", limits.per_group == 0),
        ("limits.live_sessions", limits.live_sessions == 0),
        (
            "limits.rates",
            limits
                .rates
                .values()
                .any(|rates| rates.requests_per_minute == Some(0) || rates.tokens_per_minute == Some(0)),
        ),
        (
            "limits.work_packets",
            limits.work_packets.values().any(|budget| budget.tokens == Some(0) || budget.cost_nanos == Some(0)),
        ),
        (
            "limits.global_rate",
            limits.global_rate.tokens_per_minute == Some(0) || limits.global_rate.nanos_per_minute == Some(0),
        ),
    ];
    match zero.iter().find(|(_, is_zero)| *is_zero) {
        Some((name, _)) => Err(RuntimeError::Zero(name)),
        None => Ok(()),
    }
}

/// The way to the driver.
#[derive(Debug, Clone)]
struct Line {
    sender: mpsc::Sender<Command>,
    board: Arc<Board>,
}

impl Line {
    /// Asks, and waits for the answer, which is given once it is durable.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, CommandError> {
        let (answer, answered) = oneshot::channel();
        let mut sender = self.sender.clone();
        let stopped = || CommandError::Stopped(self.board.why_stopped());
        poll_fn(|context| sender.poll_ready(context)).await.map_err(|_| stopped())?;
        sender.start_send(command(answer)).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }
}

/// A running runtime. Dropping it without [`shutdown`](Self::shutdown) lets its sessions run to their ends.
#[derive(Debug)]
pub struct Runtime {
    line: Line,
    recovered: Vec<Id>,
    thread: Option<JoinHandle<Result<(), RecordError>>>,
}

impl Runtime {
    /// What a runtime is made of, with nothing in it yet.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder {
            models: BTreeMap::new(),
            tools: BTreeMap::new(),
            limits: Limits::default(),
            prices: None,
            approvals: Arc::new(RefuseAll),
            ids: Arc::new(SystemIds),
            governance_mode: GovernanceMode::Standard,
            recovers: true,
        }
    }

    /// Starts a session. When this returns, its creation is durable.
    ///
    /// # Errors
    /// [`CommandError::CannotStart`] says what is wrong with the specification; nothing is on record then.
    pub async fn session(&self, spec: SessionSpec) -> Result<SessionHandle, CommandError> {
        self.session_after(spec, Vec::new()).await
    }

    /// Starts a session that waits, BLOCKED, until others have completed. If one of them does not complete, it is
    /// cancelled.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub async fn session_after(
        &self,
        spec: SessionSpec,
        after: Vec<Dependency>,
    ) -> Result<SessionHandle, CommandError> {
        let started: Result<Id, StartError> =
            self.line.ask(|answer| Command::Start { spec: Box::new(spec), after, answer }).await?;
        Ok(self.handle(started?))
    }

    /// The handle of a session that this runtime has: one that it started, spawned or recovered.
    pub fn handle(&self, session_id: Id) -> SessionHandle {
        SessionHandle { id: session_id, line: self.line.clone() }
    }

    /// The sessions that were at work when their process died, and were paused by this runtime at its start.
    pub fn recovered(&self) -> &[Id] {
        &self.recovered
    }

    /// Every session as it is now, in the order in which they came.
    pub fn sessions(&self) -> Vec<SessionStatus> {
        self.line.board.sessions()
    }

    /// Lets one session read another's thread, if it is approved. The reading is on record when this returns.
    ///
    /// # Errors
    /// [`CommandError::Refused`], [`CommandError::NotKept`] or [`CommandError::UnknownSession`].
    pub async fn read_thread(&self, reader: &Id, owner: &Id) -> Result<Vec<ThreadEntry>, CommandError> {
        let (reader, owner) = (reader.clone(), owner.clone());
        self.line.ask(|answer| Command::ReadThread { reader, owner, answer }).await?
    }

    /// Stops: nothing new starts, model calls are let go, tools are asked to end, and every session that has not
    /// ended is PAUSED with a checkpoint. Another runtime on the same store takes them up.
    ///
    /// # Errors
    /// [`RecordError`] if the runtime stopped before, because it could not record.
    pub async fn shutdown(mut self) -> Result<(), RecordError> {
        // If nobody takes the command, the thread has ended already and says why below.
        let _told = self.line.ask(|answer| Command::Shutdown { by: nobody(), answer }).await.is_ok();
        self.line.sender.close_channel();
        match self.thread.take() {
            Some(thread) => join(thread).await,
            None => Ok(()),
        }
    }
}

/// Waits for a thread without holding up the executor it is awaited on for long: its last work is under way.
async fn join(thread: JoinHandle<Result<(), RecordError>>) -> Result<(), RecordError> {
    let (sender, ended) = oneshot::channel();
    let waiter = std::thread::Builder::new().name("flightrec-join".to_owned()).spawn(move || {
        let ended = thread.join().unwrap_or(Err(RecordError::Panicked));
        let _nobody_waits = sender.send(ended).is_err();
    });
    match waiter {
        Ok(_) => ended.await.unwrap_or(Err(RecordError::Panicked)),
        Err(_) => Ok(()),
    }
}

/// One session of a runtime. Clones are the same session.
#[derive(Debug, Clone)]
pub struct SessionHandle {
    id: Id,
    line: Line,
}

impl SessionHandle {
    /// Its id: the `model_session_id` of everything that it leaves on record.
    pub const fn id(&self) -> &Id {
        &self.id
    }

    /// Gives it input. It enters the thread as a USER message with its source, and is durable when this returns.
    ///
    /// # Errors
    /// [`CommandError::Ended`] if the session has ended.
    pub async fn send(&self, text: impl Into<Arc<str>>, source: Source) -> Result<Id, CommandError> {
        let (session, text) = (self.id.clone(), text.into());
        self.line.ask(|answer| Command::Send { session, text, source, answer }).await?
    }

    /// Pauses it: at once where nothing runs, else when the model has replied or the tool has ended.
    ///
    /// # Errors
    /// [`CommandError::Ended`] if the session has ended.
    pub async fn pause(&self, by: Id, reason: impl Into<String>) -> Result<(), CommandError> {
        let (session, reason) = (self.id.clone(), reason.into());
        self.line.ask(|answer| Command::Pause { session, by, reason, answer }).await?
    }

    /// Lets it go on where it was. A tool that a crash cut off is not run again: the model is told that nobody knows
    /// whether it happened.
    ///
    /// # Errors
    /// [`CommandError::NotPaused`]; [`CommandError::CannotStart`] or [`CommandError::NotKept`] for a session of
    /// another runtime that this one cannot go on with.
    pub async fn resume(&self, by: Id) -> Result<(), CommandError> {
        let session = self.id.clone();
        self.line.ask(|answer| Command::Resume { session, by, answer }).await?
    }

    /// Cancels it and all sessions below it; gives their ids. What runs is asked to end first.
    ///
    /// # Errors
    /// [`CommandError::Ended`] if the session has ended.
    pub async fn cancel(&self, by: Id, reason: impl Into<String>) -> Result<Vec<Id>, CommandError> {
        let (session, reason) = (self.id.clone(), reason.into());
        self.line.ask(|answer| Command::Cancel { session, by, reason, answer }).await?
    }

    /// Asks for a child. The answer is given at once, and is on record.
    ///
    /// # Errors
    /// [`CommandError`] if the request itself cannot be understood; a refusal is a [`SpawnAnswer`].
    pub async fn spawn(&self, child: ChildRequest) -> Result<SpawnAnswer, CommandError> {
        let requester = self.id.clone();
        self.line.ask(|answer| Command::Spawn { requester, child: Box::new(child), answer }).await?
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] if the runtime stopped before.
    pub async fn ended(&self) -> Result<Ending, CommandError> {
        let session = self.id.clone();
        self.line.ask(|answer| Command::Watch { session, answer }).await?
    }
}
