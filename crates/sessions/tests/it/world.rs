//! A small world to run sessions in: simulated time, ids from a seed, scripts for models, and a store on a disk of
//! its own, which tells afterwards what happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::events::{Backend, Event, Id, Payload, SpanKind, Timestamp};
use flightrec_recorder::journal::DiskStorage;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::{SessionDetail, SpanView};
use flightrec_recorder::{Options, Reader, SteppedRecorder};
use flightrec_sessions::{
    Approvals, Limits, ModelRoute, Price, Runtime, RuntimeBuilder, Script, ScriptedClient, Scripts, SeededIds,
    SessionSpec, SimulatedTime, SteppedRecord, Time, Tool,
};
use futures_util::future::join;
use tempfile::TempDir;

/// Noon on a day in spring.
pub(crate) const NOON_US: i64 = 1_775_044_800_000_000;

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A session of a role, with the model `small`, that is asked something.
pub(crate) fn spec(role: &str) -> SessionSpec {
    SessionSpec { prompt: Some("Do what you are for.".into()), ..SessionSpec::new(id(role), id("small")) }
}

/// Waiting, in simulated time.
pub(crate) trait Later {
    /// Waits so long from now on.
    async fn sleep_until_later(&self, wait: Duration);
}

impl Later for SimulatedTime {
    async fn sleep_until_later(&self, wait: Duration) {
        self.sleep_until(crate::hands::after(self, wait)).await;
    }
}

pub(crate) struct World {
    dir: TempDir,
    pub(crate) time: SimulatedTime,
    seed: u64,
    scripts: Scripts,
    tools: Vec<Arc<dyn Tool>>,
    limits: Limits,
    approvals: Option<Arc<dyn Approvals>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            time: SimulatedTime::new(Timestamp::from_micros(NOON_US).unwrap()),
            seed: 1,
            scripts: Scripts::new(),
            tools: Vec::new(),
            limits: Limits::default(),
            approvals: None,
        }
    }

    pub(crate) fn script(mut self, role: &str, steps: impl IntoIterator<Item = flightrec_sessions::Step>) -> Self {
        self.scripts = self.scripts.with(role, Script::of(steps));
        self
    }

    pub(crate) fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn approvals(mut self, approvals: impl Approvals + 'static) -> Self {
        self.approvals = Some(Arc::new(approvals));
        self
    }

    /// The builder of a runtime in this world: the models `small` and `large` of provider `acme`, and `free` of
    /// provider `nobody`, which has no price.
    pub(crate) fn builder(&self) -> RuntimeBuilder {
        let client = Arc::new(ScriptedClient::new(Arc::new(self.time.clone()), self.scripts.clone()));
        let route = |model: &str, provider: &str, price: Option<Price>| ModelRoute {
            model_id: id(model),
            provider: id(provider),
            backend: Backend::Cloud,
            client: client.clone(),
            price,
        };
        // A dollar per million tokens read, two per million written.
        let price = Price { input_nanos: 1_000_000_000, output_nanos: 2_000_000_000, ..Price::default() };
        let mut builder = Runtime::builder()
            .ids(Arc::new(SeededIds::new(self.seed)))
            .limits(self.limits.clone())
            .model(id("small"), route("acme-small", "acme", Some(price)))
            .model(id("large"), route("acme-large", "acme", Some(price)))
            .model(id("free"), route("free-1", "nobody", None));
        for tool in &self.tools {
            builder = builder.tool(Arc::clone(tool)).unwrap();
        }
        match &self.approvals {
            Some(approvals) => builder.approvals(Arc::clone(approvals)),
            None => builder,
        }
    }

    /// Another process on the same store: other ids from now on.
    pub(crate) fn restarted(mut self) -> Self {
        self.seed += 1;
        self
    }

    fn record(&self) -> SteppedRecord {
        let options = Options {
            clock: Arc::new(self.time.clone()),
            ids: Arc::new(SeededIds::new(self.seed ^ 0xffff)),
            ..Options::default()
        };
        let storage = Arc::new(DiskStorage::new(self.dir.path()));
        SteppedRecord::new(SteppedRecorder::open(storage, &options).unwrap())
    }

    /// Plays `body` against a runtime until both have ended, and gives what it gives.
    pub(crate) fn play<T>(&self, body: impl AsyncFnOnce(&Runtime) -> T) -> T {
        let (runtime, driver) = self.builder().drive(Box::new(self.record()), Arc::new(self.time.clone())).unwrap();
        let whole = join(driver.run(), async {
            let output = body(&runtime).await;
            drop(runtime);
            output
        });
        let (ended, output) = self.time.run(whole).expect("something waits for ever");
        ended.unwrap();
        output
    }

    /// Plays `body`, and then shuts the runtime down.
    pub(crate) fn play_to_shutdown<T>(&self, body: impl AsyncFnOnce(&Runtime) -> T) -> T {
        let (runtime, driver) = self.builder().drive(Box::new(self.record()), Arc::new(self.time.clone())).unwrap();
        let whole = join(driver.run(), async {
            let output = body(&runtime).await;
            runtime.shutdown().await.unwrap();
            output
        });
        let (ended, output) = self.time.run(whole).expect("something waits for ever");
        ended.unwrap();
        output
    }

    /// Plays `body`, and then the process dies: nothing is told, nothing is closed.
    pub(crate) fn play_and_die<T>(&self, body: impl AsyncFnOnce(&Runtime) -> T) -> T {
        let (runtime, driver) = self.builder().drive(Box::new(self.record()), Arc::new(self.time.clone())).unwrap();
        let body = std::pin::pin!(async { body(&runtime).await });
        let driver = std::pin::pin!(driver.run());
        let first = self.time.run(futures_util::future::select(body, driver)).expect("something waits for ever");
        match first {
            futures_util::future::Either::Left((output, _)) => output,
            futures_util::future::Either::Right((ended, _)) => panic!("the runtime ended first: {ended:?}"),
        }
    }

    /// The link of the hash chain that all of the record leads to.
    pub(crate) fn chain_head(&self) -> String {
        self.record().into_inner().chain_head()
    }

    /// What is on record.
    pub(crate) fn told(&self) -> Told {
        Told::read(self.dir.path())
    }
}

/// The record, after the fact.
pub(crate) struct Told {
    pub(crate) reader: Reader,
    pub(crate) events: Vec<Event>,
}

impl Told {
    /// Reads a store.
    pub(crate) fn read(store: &std::path::Path) -> Self {
        let reader = Reader::open(store).unwrap();
        let events = reader.events(&EventFilter::default()).map(|event| Event::clone(&event.unwrap().event)).collect();
        Self { reader, events }
    }

    pub(crate) fn of(&self, session: &Id) -> Vec<&Event> {
        self.events.iter().filter(|event| event.model_session_id.as_ref() == Some(session)).collect()
    }

    pub(crate) fn session(&self, session: &Id) -> SessionDetail {
        self.reader.session(session.as_str()).unwrap()
    }

    /// The types of a session's events, in order, runs of one type counted; checkpoints and messages left out.
    pub(crate) fn types(&self, session: &Id) -> Vec<String> {
        self.of(session)
            .iter()
            .map(|event| event.type_name().to_owned())
            .filter(|name| name != "session.checkpointed" && name != "session.message")
            .collect()
    }

    /// A session's states with their reasons.
    pub(crate) fn states(&self, session: &Id) -> Vec<String> {
        self.session(session).states.iter().map(|step| format!("{}: {}", step.to_state, step.reason)).collect()
    }

    /// Every span of a session by kind.
    pub(crate) fn spans(&self, session: &Id, kind: SpanKind) -> Vec<SpanView> {
        self.session(session).spans.into_iter().filter(|span| span.kind == Some(kind)).collect()
    }

    /// What holds of every record of every run: the three ids on every event, spans opened once, closed once and
    /// nested, tool calls under runs, one run at a time.
    pub(crate) fn check(&self) {
        let mut open: BTreeMap<String, (SpanKind, Id)> = BTreeMap::new();
        let mut seen: BTreeMap<String, SpanKind> = BTreeMap::new();
        for event in &self.events {
            let Some(session) = &event.model_session_id else { continue };
            assert!(event.session_span_id.is_some() && event.trace_id.is_some(), "{event:?}");
            let own_span = match &event.payload {
                Payload::SpanOpened(opened) => opened.kind == SpanKind::Session,
                Payload::SpanClosed(_) => event.activity_span_id.is_none(),
                _ => false,
            };
            assert_eq!(event.activity_span_id.is_none(), own_span, "{event:?}");
            let Some(span) = event.span_id().map(|span| span.to_string()) else { continue };
            match &event.payload {
                Payload::SpanOpened(opened) => {
                    assert!(seen.insert(span.clone(), opened.kind).is_none(), "{span} was opened twice");
                    let parent = opened.parent_span_id.map(|parent| parent.to_string());
                    let parent_kind = parent.as_ref().and_then(|parent| seen.get(parent)).copied();
                    match opened.kind {
                        SpanKind::Session => assert!(matches!(parent_kind, None | Some(SpanKind::Session))),
                        SpanKind::ModelRun => {
                            assert_eq!(parent_kind, Some(SpanKind::Session));
                            let other = open.values().find(|(kind, of)| *kind == SpanKind::ModelRun && of == session);
                            assert!(other.is_none(), "two runs at once in {session}");
                        }
                        SpanKind::ToolCall => assert_eq!(parent_kind, Some(SpanKind::ModelRun)),
                        SpanKind::Job | SpanKind::Other => panic!("nothing opens {:?}", opened.kind),
                    }
                    open.insert(span, (opened.kind, session.clone()));
                }
                Payload::SpanClosed(_) => assert!(open.remove(&span).is_some(), "{span} was closed and not open"),
                _ => {}
            }
        }
        let live: Vec<_> = open
            .values()
            .filter(|(kind, session)| *kind != SpanKind::Session || self.session(session).session.state.is_terminal())
            .collect();
        assert!(live.is_empty(), "left open: {live:?}");
    }
}
