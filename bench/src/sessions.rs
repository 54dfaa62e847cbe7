//! What the record costs the session runtime: the same run with recording on and off.
//!
//! Time is simulated, so that no model is waited for: what is measured is the runtime, and the disk.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::events::{ArtifactId, Backend, CheckedEvent, Id, Sha256Hex, Timestamp};
use flightrec_recorder::{Options, Reader, Recorder};
use flightrec_sessions::{
    ContentName, ModelRoute, Record, RecordError, Runtime, Script, ScriptedClient, Scripts, SeededIds, SessionSpec,
    SharedRecord, SimulatedTime, Step,
};
use futures_util::future::join;

use crate::Res;
use crate::measure::{median, time};
use crate::report::Row;

const SESSIONS: usize = 1_000;
/// Model runs of each session.
const RUNS: u32 = 3;
const ROUNDS: usize = 5;

/// Takes everything and keeps nothing.
#[derive(Default)]
struct Unrecorded {
    events: usize,
}

impl Record for Unrecorded {
    fn name(&mut self, _: &[u8], _: bool) -> Result<ContentName, RecordError> {
        let sha256 = Sha256Hex::from_bytes([1; 32]);
        Ok(ContentName { artifact_id: ArtifactId::new(sha256), sha256, redacted: false })
    }

    fn commit(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError> {
        self.events += groups.iter().map(Vec::len).sum::<usize>();
        Ok(())
    }

    fn reader(&self) -> Option<&Reader> {
        None
    }
}

/// Counts what goes through.
struct Counted {
    inner: SharedRecord,
    commits: Arc<std::sync::atomic::AtomicUsize>,
}

impl Record for Counted {
    fn name(&mut self, content: &[u8], keep: bool) -> Result<ContentName, RecordError> {
        self.inner.name(content, keep)
    }

    fn commit(&mut self, groups: Vec<Vec<CheckedEvent>>) -> Result<(), RecordError> {
        self.commits.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.inner.commit(groups)
    }

    fn reader(&self) -> Option<&Reader> {
        self.inner.reader()
    }
}

/// Runs all sessions to their ends; they are started together.
fn run(record: Box<dyn Record>) -> Res<()> {
    let time = SimulatedTime::new(Timestamp::from_micros(1_775_044_800_000_000).ok_or("a time")?);
    let second = Duration::from_secs(1);
    let steps = (1..RUNS).map(|_| Step::call("look", serde_json::json!({ "at": "it" })).taking(second / 5, second));
    let script = Script::of(steps.chain([Step::say("That was it.")]));
    let client = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("worker", script));
    let route = ModelRoute {
        model_id: Id::new("script-1")?,
        provider: Id::new("scripted")?,
        backend: Backend::Local,
        client: Arc::new(client),
        price: None,
    };
    let mut limits = flightrec_sessions::Limits::default();
    (limits.active_sessions, limits.per_provider, limits.per_model) = (SESSIONS, SESSIONS, SESSIONS);
    let builder = Runtime::builder().ids(Arc::new(SeededIds::new(1))).limits(limits).model(Id::new("small")?, route);
    let (runtime, driver) = builder.drive(record, Arc::new(time.clone()))?;
    let body = async {
        let spec = SessionSpec {
            prompt: Some("Look at it.".into()),
            ..SessionSpec::new(Id::new("worker")?, Id::new("small")?)
        };
        let started = futures_util::future::try_join_all((0..SESSIONS).map(|_| runtime.session(spec.clone()))).await?;
        for session in &started {
            session.ended().await?;
        }
        drop((runtime, started));
        Ok::<(), Box<dyn Error>>(())
    };
    let (driven, body) = time.run(join(driver.run(), body)).ok_or("something waits for ever")?;
    driven?;
    body
}

pub(crate) fn runtime(rows: &mut Vec<Row>, _: usize) -> Res<()> {
    let (mut off, mut on, mut ratio, mut per_commit) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut events, mut commits_of_one) = (0, 0);
    for _ in 0..ROUNDS {
        let (ended, off_ns) = time(|| run(Box::new(Unrecorded::default())));
        ended?;
        let dir = tempfile::tempdir()?;
        let recorder = Arc::new(Recorder::open_with(dir.path(), Options::default())?);
        let commits = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let record = Counted { inner: SharedRecord::new(Arc::clone(&recorder)), commits: Arc::clone(&commits) };
        let (ended, on_ns) = time(|| run(Box::new(record)));
        ended?;
        events = recorder.reader().event_count();
        commits_of_one = commits.load(std::sync::atomic::Ordering::Relaxed);
        let each = |ns: u64| ns as f64 / 1_000.0 / events as f64;
        off.push(each(off_ns));
        on.push(each(on_ns));
        ratio.push(on_ns as f64 / off_ns as f64);
        per_commit.push((on_ns.saturating_sub(off_ns)) as f64 / 1e6 / commits_of_one as f64);
    }
    let (off, on, ratio) = (median(off), median(on), median(ratio));
    rows.push(Row {
        what: "session runtime, 1,000 sessions at once",
        figure: format!(
            "{on:.1} us an event recorded and durable, {off:.1} us with recording off: {ratio:.1} x; {events} events in {commits_of_one} syncs, {:.1} ms each",
            median(per_commit)
        ),
        aim: "known",
        met: true,
        note: "Three model runs and two tool calls each, scripted, in simulated time. On: contents as artifacts (a file each, synced), events checked, redacted, chained, synced before any effect. Off: the same run with a record that keeps nothing.",
    });
    Ok(())
}
