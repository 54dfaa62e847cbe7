//! A store in a directory of its own, and queries over it.

use std::path::{Path, PathBuf};

use flightrec_recorder::{Mode, Reader, Recorder};
use flightrec_sql::{Engine, Limits, Options, SqlError};
use serde_json::Value;
use tempfile::TempDir;

/// Rows of JSON values.
pub(crate) type Rows = Vec<Vec<Value>>;

pub(crate) struct Store {
    dir: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A store with these events.
    pub(crate) fn with(events: &[Value]) -> Self {
        let store = Self::new();
        store.record(events);
        store
    }

    /// A store whose first part is sealed, and whose second part is not.
    pub(crate) fn mixed(sealed: &[Value], live: &[Value]) -> Self {
        let store = Self::with(sealed);
        store.seal();
        store.record(live);
        store
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn record(&self, events: &[Value]) {
        let recorder = Recorder::open(self.path()).unwrap();
        record(&recorder, events);
        recorder.close().unwrap();
    }

    pub(crate) fn seal(&self) {
        let recorder = Recorder::open(self.path()).unwrap();
        assert!(recorder.seal().unwrap().events > 0);
        recorder.close().unwrap();
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(self.path()).unwrap()
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.reader(), &Options::default()).unwrap()
    }

    /// The files of the sealed segments.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.path().join("archive/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// Records events, all of which must be taken.
pub(crate) fn record(recorder: &Recorder, events: &[Value]) {
    for events in events.chunks(512) {
        let parsed = events.iter().map(|event| recorder.registry().parse(event.to_string().as_bytes()).unwrap());
        let ticket = recorder.record_batch(parsed.collect(), Mode::Strict).unwrap();
        for outcome in ticket.durable().unwrap() {
            assert!(matches!(outcome, flightrec_recorder::view::Outcome::Recorded { .. }), "{outcome:?}");
        }
    }
}

/// The rows of an answer.
#[track_caller]
pub(crate) fn ask(engine: &Engine, query: &str) -> Rows {
    try_ask(engine, query, Limits::default()).unwrap_or_else(|error| panic!("{query}: {error}")).0
}

/// The rows of an answer, and whether there were more.
pub(crate) fn try_ask(engine: &Engine, query: &str, limits: Limits) -> Result<(Rows, bool), SqlError> {
    let mut answer = engine.query_blocking(query, limits)?;
    let mut rows = Vec::new();
    while let Some(batch) = answer.next_blocking()? {
        for row in batch.json_rows() {
            rows.push(row.iter().map(|value| serde_json::from_str(value).unwrap()).collect());
        }
    }
    Ok((rows, answer.is_truncated()))
}

/// Each row as an object, by the names of the columns.
#[track_caller]
pub(crate) fn objects(engine: &Engine, query: &str) -> Vec<Value> {
    let mut answer = engine.query_blocking(query, Limits::default()).unwrap();
    let names: Vec<String> = answer.columns().iter().map(|column| column.name.clone()).collect();
    let mut rows = Vec::new();
    while let Some(batch) = answer.next_blocking().unwrap() {
        for row in batch.json_rows() {
            let fields = names.iter().cloned().zip(row.iter().map(|value| serde_json::from_str(value).unwrap()));
            rows.push(Value::Object(fields.collect()));
        }
    }
    rows
}
