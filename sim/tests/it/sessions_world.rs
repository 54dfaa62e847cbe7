//! The whole session runtime on a simulated disk, in one process after the other: whatever stops a process, the next
//! one takes up what it left behind. What lies outside of the store, tools and models, remembers what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flightrec_recorder::events::{
    Backend, CheckedEvent, Id, Idempotency, Reason, SideEffect, SpanId, Timestamp, Transport,
};
use flightrec_recorder::journal::{Compression, Prepare, WriterOptions};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::{Clock as _, Options, Reader, RecordedEvent, SteppedRecorder};
use flightrec_sessions::{
    ApprovalRequest, Approvals, BoxFuture, ContentName, Decision, Limits, Meter, ModelCall, ModelClient, ModelError,
    ModelReply, ModelRoute, Price, Record, RecordError, Runtime, RuntimeBuilder, RuntimeError, ScriptedClient, Scripts,
    SeededIds, SimulatedTime, SteppedRecord, Time, Tool, ToolCall, ToolFailure, ToolOutput, ToolSpec, Turn, Usage,
};
use flightrec_sim::{Fault, SimStorage};
use futures_util::future::{Either, join, select};

/// Noon on a day in spring.
const NOON_US: i64 = 1_775_044_800_000_000;
/// How long nobody runs between two processes.
const DOWN: Duration = Duration::from_secs(90);

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).expect("it is short")
}

fn later(at: Timestamp, wait: Duration) -> Timestamp {
    Timestamp::from_micros(at.as_micros() + wait.as_micros() as i64).expect("it is this century")
}

/// Sleeps in simulated time.
pub(crate) async fn sleep(time: &SimulatedTime, wait: Duration) {
    time.sleep_until(later(time.now(), wait)).await;
}

/// What the world outside of the store saw. No crash takes it away.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// How often a tool was called, by session and call, and the idempotency key it was given.
    pub(crate) tools: BTreeMap<(Id, Id), (u32, Id)>,
    /// The spans of model runs that were begun.
    pub(crate) runs: BTreeSet<SpanId>,
    /// What the model said was used, by response.
    pub(crate) replies: BTreeMap<String, Usage>,
    /// How many approvals were asked for.
    pub(crate) asked: u64,
    /// The sessions that somebody wanted to cancel, whether or not there was an answer.
    pub(crate) unwanted: BTreeSet<Id>,
    /// The sessions of which somebody was told that they are cancelled.
    pub(crate) cancelled: BTreeSet<Id>,
    /// What each session's model read last.
    pub(crate) threads: BTreeMap<Id, Vec<Turn>>,
    /// What was answered to those who asked something of a runtime that had stopped.
    pub(crate) causes: BTreeSet<String>,
    /// The process is dead, or could not record something: nothing may begin any more.
    dead: bool,
    /// What was wrong. The runtime outlives what its tools and models panic of, so that it is told at the end.
    pub(crate) wrong: Vec<String>,
}

impl Seen {
    fn expect(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        if !is_right {
            self.wrong.push(what());
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Outside(Arc<Mutex<Seen>>);

impl Outside {
    pub(crate) fn look(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("no test goes on after a panic")
    }

    /// Something is begun in the world.
    fn begin(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.look();
        let is_dead = seen.dead;
        seen.expect(!is_dead, || "something was begun after the record had failed".to_owned());
        seen
    }
}

/// The models: scripts, and a note of what they gave.
#[derive(Debug)]
struct NotedModel {
    inner: ScriptedClient,
    outside: Outside,
}

impl NotedModel {
    fn note(&self, call: &ModelCall) {
        let (id, thread) = (&call.session_id, &call.thread);
        let mut seen = self.outside.begin();
        let is_new = seen.runs.insert(call.span_id);
        seen.expect(is_new, || format!("the span of {id} is taken: {call:?}"));
        // Whatever happens between two runs, nothing that a model has read is taken back or told otherwise.
        let read = seen.threads.insert(id.clone(), thread.clone()).unwrap_or_default();
        seen.expect(thread.starts_with(&read), || format!("{id} read {read:?}\nand now reads {thread:?}"));
        let replies = thread.iter().filter(|turn| matches!(turn, Turn::Assistant { .. })).count();
        seen.expect(call.step as usize == replies, || format!("{id} has had {} replies: {thread:?}", call.step));
        let is_asked = !matches!(thread.last(), None | Some(Turn::System(_)));
        seen.expect(is_asked && are_answered(thread), || format!("no model takes this of {id}: {thread:?}"));
    }
}

/// Whether every tool call has its one result before anything else is said.
fn are_answered(thread: &[Turn]) -> bool {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut sound = true;
    for turn in thread {
        match turn {
            Turn::Assistant { tool_calls, .. } => {
                sound &= open.is_empty();
                open.extend(tool_calls.iter().map(|call| call.id.as_str()));
            }
            Turn::ToolResult { tool_call_id, .. } => sound &= open.remove(tool_call_id.as_str()),
            Turn::System(_) | Turn::User(_) => sound &= open.is_empty(),
        }
    }
    sound && open.is_empty()
}

impl ModelClient for NotedModel {
    fn call(&self, call: ModelCall, meter: Meter) -> BoxFuture<'static, Result<ModelReply, ModelError>> {
        self.note(&call);
        let (outside, reply) = (self.outside.clone(), self.inner.call(call, meter));
        Box::pin(async move {
            let reply = reply.await;
            let (response, usage) = match &reply {
                Ok(reply) => (reply.response_id.clone(), reply.usage),
                Err(error) => (error.response_id.clone(), error.usage),
            };
            if let Some(response) = response {
                let mut seen = outside.look();
                let before = seen.replies.insert(response, usage.unwrap_or_default());
                seen.expect(before.is_none(), || format!("a response came twice: {reply:?}"));
            }
            reply
        })
    }
}

/// A tool that counts how often it is called, and takes as long as it is told.
#[derive(Debug)]
struct Ledger {
    spec: ToolSpec,
    time: SimulatedTime,
    outside: Outside,
    /// Whether it ends when it is asked to.
    yields: bool,
}

impl Ledger {
    fn new(name: &str, yields: bool, time: &SimulatedTime, outside: &Outside) -> Self {
        let parameters = serde_json::json!({
            "type": "object",
            "properties": {
                "ms": { "type": "integer", "minimum": 0 },
                "risky": { "type": "boolean" },
                "note": { "type": "string" },
            },
            "required": ["ms"],
            "additionalProperties": false,
        });
        let spec = ToolSpec {
            name: id(name),
            version: id("1"),
            description: "Writes a line into a book.".into(),
            parameters: Arc::new(parameters),
            side_effect: SideEffect::Write,
            idempotency: Idempotency::NonIdempotent,
            transport: Transport::Local,
            capability: id("book"),
        };
        Self { spec, time: time.clone(), outside: outside.clone(), yields }
    }
}

impl Tool for Ledger {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>> {
        let mut seen = self.outside.begin();
        let named = (call.session_id.clone(), call.tool_call_id.clone());
        let noted = seen.tools.entry(named).or_insert_with(|| (0, call.idempotency_key.clone()));
        noted.0 += 1;
        let (count, has_its_key) = (noted.0, noted.1 == call.idempotency_key);
        seen.expect(has_its_key, || format!("another key for the same call: {call:?}"));
        let wait = Duration::from_millis(call.arguments["ms"].as_u64().expect("the schema says so"));
        let (time, yields) = (self.time.clone(), self.yields);
        Box::pin(async move {
            let work = Box::pin(sleep(&time, wait));
            if !yields {
                work.await;
            } else if let Either::Right(_) = select(work, Box::pin(call.stop.asked())).await {
                let message = "asked to end".to_owned();
                return Err(ToolFailure { code: "stopped", message, retryable: false });
            }
            Ok(ToolOutput { text: format!("line {count} of {}", call.tool_call_id), files: Vec::new() })
        })
    }
}

/// Approves what is not risky, after a while.
#[derive(Debug)]
struct Clerk {
    time: SimulatedTime,
    outside: Outside,
}

impl Approvals for Clerk {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'static, Decision> {
        self.outside.begin().asked += 1;
        let approved = match request {
            ApprovalRequest::Tool { arguments, .. } => arguments["risky"] != true,
            ApprovalRequest::CrossSessionRead { .. } => true,
        };
        let time = self.time.clone();
        Box::pin(async move {
            sleep(&time, Duration::from_millis(700)).await;
            Decision { approved, by: id("clerk"), reason: Reason::new("by the book").expect("it is short") }
        })
    }
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// By itself.
    None,
    /// Just before the commit of this number, from 0.
    Before(u64),
    /// When what it was given to do is done, whatever else it is at.
    WithItsWork,
    /// When this commit is durable, and nothing was done yet that it allows.
    After(u64),
}

/// A record whose process dies at a commit.
#[derive(Debug)]
struct Mortal {
    inner: SteppedRecord,
    outside: Outside,
    death: Death,
    commits: Arc<Mutex<u64>>,
}

impl Mortal {
    fn committed(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError> {
        let number = {
            let mut commits = self.commits.lock().expect("no test goes on after a panic");
            *commits += 1;
            *commits - 1
        };
        if self.death == Death::Before(number) {
            return Err(RecordError::Panicked);
        }
        self.inner.commit(groups)?;
        if self.death == Death::After(number) { Err(RecordError::Panicked) } else { Ok(()) }
    }
}

impl Record for Mortal {
    fn name(&mut self, content: &[u8], keep: bool) -> Result<ContentName, RecordError> {
        self.inner.name(content, keep)
    }

    fn commit(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError> {
        let done = self.committed(groups);
        if done.is_err() {
            self.outside.look().dead = true;
        }
        done
    }

    fn reader(&self) -> Option<&Reader> {
        self.inner.reader()
    }
}

/// What became of a process.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    /// The store could not be opened, or what was left behind not be taken up.
    Early(String),
    /// It ran.
    Ran { ended: Result<(), RecordError>, output: T },
}

impl<T> Ended<T> {
    /// What a process gave that nothing went wrong with.
    pub(crate) fn whole(self) -> T {
        match self {
            Self::Ran { ended: Ok(()), output } => output,
            Self::Ran { ended: Err(error), .. } => panic!("the runtime stopped: {error}"),
            Self::Early(why) => panic!("the runtime did not start: {why}"),
        }
    }
}

/// A store, its world, and the processes that come one after the other.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) storage: SimStorage,
    pub(crate) outside: Outside,
    pub(crate) limits: Limits,
    scripts: Scripts,
    seed: u64,
    process: u64,
    start: Timestamp,
    commits: Arc<Mutex<u64>>,
}

impl World {
    pub(crate) fn new(seed: u64, scripts: Scripts, limits: Limits) -> Self {
        Self {
            storage: SimStorage::new(seed),
            outside: Outside::default(),
            limits,
            scripts,
            seed,
            process: 0,
            start: Timestamp::from_micros(NOON_US).expect("it is this century"),
            commits: Arc::default(),
        }
    }

    /// How many commits the last process made, or tried to.
    pub(crate) fn commits(&self) -> u64 {
        *self.commits.lock().expect("no test goes on after a panic")
    }

    fn options(&self, time: &SimulatedTime) -> Options {
        let journal = WriterOptions {
            first_segment_bytes: 64 << 10,
            max_segment_bytes: 128 << 10,
            grow_bytes: 32 << 10,
            compression: Compression::Off,
            prepare: Prepare::Inline,
        };
        let ids = Arc::new(SeededIds::new(self.seed << 32 ^ self.process << 8 ^ 0xff));
        Options { clock: Arc::new(time.clone()), ids, journal, ..Options::default() }
    }

    /// The models `small` and `large` of provider `acme`, and `free` of provider `nobody`, which has no price.
    fn builder(&self, time: &SimulatedTime) -> Result<RuntimeBuilder, RuntimeError> {
        let inner = ScriptedClient::new(Arc::new(time.clone()), self.scripts.clone());
        let client: Arc<dyn ModelClient> = Arc::new(NotedModel { inner, outside: self.outside.clone() });
        let route = |model: &str, provider: &str, price| ModelRoute {
            model_id: id(model),
            provider: id(provider),
            backend: Backend::Cloud,
            client: Arc::clone(&client),
            price,
        };
        let price = Price { input_nanos: 1_000_000_000, output_nanos: 2_000_000_000, ..Price::default() };
        Runtime::builder()
            .ids(Arc::new(SeededIds::new(self.seed << 32 ^ self.process << 8)))
            .limits(self.limits.clone())
            .approvals(Arc::new(Clerk { time: time.clone(), outside: self.outside.clone() }))
            .model(id("small"), route("acme-small", "acme", Some(price)))
            .model(id("large"), route("acme-large", "acme", Some(price)))
            .model(id("free"), route("free-1", "nobody", None))
            .tool(Arc::new(Ledger::new("write", true, time, &self.outside)))?
            .tool(Arc::new(Ledger::new("hold", false, time, &self.outside)))
    }

    /// Runs one process: takes up what is there, plays `body`, and lives until nothing is left to do.
    pub(crate) fn process<T>(
        &mut self,
        death: Death,
        body: impl AsyncFnOnce(Runtime, &SimulatedTime) -> T,
    ) -> Ended<T> {
        let time = SimulatedTime::new(self.start);
        {
            let mut seen = self.outside.look();
            seen.dead = false;
            seen.causes.clear();
        }
        self.commits = Arc::default();
        let ended = self.live(death, &time, body);
        self.process += 1;
        self.start = later(time.now(), DOWN);
        ended
    }

    fn live<T>(
        &self,
        death: Death,
        time: &SimulatedTime,
        body: impl AsyncFnOnce(Runtime, &SimulatedTime) -> T,
    ) -> Ended<T> {
        let inner = match SteppedRecorder::open(Arc::new(self.storage.clone()), &self.options(time)) {
            Ok(recorder) => SteppedRecord::new(recorder),
            Err(error) => return Ended::Early(error.to_string()),
        };
        let record = Mortal { inner, outside: self.outside.clone(), death, commits: Arc::clone(&self.commits) };
        let builder = self.builder(time).expect("the tools are sound");
        let (runtime, driver) = match builder.drive(Box::new(record), Arc::new(time.clone())) {
            Ok(started) => started,
            Err(error) => return Ended::Early(error.to_string()),
        };
        let (driver, body) = (driver.run(), body(runtime, time));
        if death == Death::WithItsWork {
            return match time.run(select(pin!(body), pin!(driver))).expect("something waits for ever") {
                Either::Left((output, _)) => Ended::Ran { ended: Ok(()), output },
                Either::Right((ended, _)) => panic!("the runtime ended first: {ended:?}"),
            };
        }
        let (ended, output) = time.run(join(driver, body)).expect("something waits for ever");
        Ended::Ran { ended, output }
    }

    /// The same store and world once more, as of now, for another future.
    pub(crate) fn fork(&self) -> Self {
        Self {
            storage: SimStorage::with_files(&self.storage.files(), self.seed),
            outside: Outside(Arc::new(Mutex::new(self.outside.look().clone()))),
            limits: self.limits.clone(),
            scripts: self.scripts.clone(),
            seed: self.seed,
            process: self.process,
            start: self.start,
            commits: Arc::default(),
        }
    }

    /// The power is cut: what was not synced is old, new or torn.
    pub(crate) fn cut_power(&mut self, seed: u64) {
        self.storage = self.storage.crash(seed);
        self.storage.inject(Fault::None);
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open_storage(Arc::new(self.storage.clone())).expect("a sound disk opens")
    }

    /// Everything on record; nothing if no store was made yet.
    pub(crate) fn events(&self) -> Vec<RecordedEvent> {
        match Reader::open_storage(Arc::new(self.storage.clone())) {
            Ok(reader) => {
                reader.events(&EventFilter::default()).map(|event| event.expect("a sound disk reads")).collect()
            }
            Err(flightrec_recorder::OpenError::NoStore) => Vec::new(),
            Err(error) => panic!("the store does not open: {error}"),
        }
    }
}
