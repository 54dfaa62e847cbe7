//! A store in a directory of its own, the binary, and events to feed it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_flightrec");

/// What a run of the binary left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The same, after checking the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    #[track_caller]
    pub(crate) fn list(&self) -> Vec<Value> {
        self.json().as_array().unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

/// A store that does not exist yet, in a directory that goes with the test.
pub(crate) struct Store {
    dir: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A store with these events.
    #[track_caller]
    pub(crate) fn with(events: &[Value]) -> Self {
        let store = Self::new();
        store.record(events).code(0);
        store
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// A path beside the store.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = bare();
        command.arg("--data").arg(self.path()).args(args);
        command
    }

    /// Runs the binary on this store.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        finish(self.command(args), b"")
    }

    /// Runs the binary on this store, with an input.
    pub(crate) fn feed<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, input: &[u8]) -> Ran {
        finish(self.command(args), input)
    }

    pub(crate) fn record(&self, events: &[Value]) -> Ran {
        self.feed(["record", "--format", "ndjson"], &ndjson(events))
    }

    /// A list, as JSON.
    #[track_caller]
    pub(crate) fn list(&self, args: &[&str]) -> Vec<Value> {
        self.run(args.iter().chain(&["--format", "json"])).code(0).list()
    }

    /// Every file of the store with its bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.path(), &mut files);
        files.sort();
        files
    }
}

fn collect(dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
}

/// The binary without any of the developer's own settings.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(BINARY);
    for name in ["FLIGHTREC_DATA", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end, feeding it and reading from it at once.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command that does not read its input ends before it took all of it.
            let _taken = stdin.write_all(input).is_ok();
        });
        child.wait_with_output().unwrap()
    });
    Ran {
        code: output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", output.status)),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A child that is ended with the test, whatever happens.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill().is_ok();
        let _waited = self.0.wait().is_ok();
    }
}

pub(crate) fn ndjson(events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        serde_json::to_writer(&mut bytes, event).unwrap();
        bytes.push(b'\n');
    }
    bytes
}

/// An event id that no other test uses.
pub(crate) fn event_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("01999a7b-1c2d-7000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An event of one session at second `at_s` of a certain day.
pub(crate) fn event(code: &str, type_name: &str, session: &str, at_s: u32, payload: impl Into<Value>) -> Value {
    json!({
        "event_id": event_id(),
        "code": code,
        "type": type_name,
        "timestamp": format!("2026-03-01T{:02}:{:02}:{:02}.000000Z", 12 + at_s / 3600, at_s / 60 % 60, at_s % 60),
        "actor": "system",
        "model_session_id": session,
        "payload": payload.into(),
    })
}

pub(crate) fn created(session: &str, at_s: u32) -> Value {
    created_as(session, at_s, &json!({}))
}

/// Copies a directory, file by file.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A session's creation, with some of its facts replaced.
pub(crate) fn created_as(session: &str, at_s: u32, facts: &Value) -> Value {
    let mut payload = json!({
        "session_id": session, "model_id": "m-1", "backend": "local", "role": "coder", "wp_id": null, "mt_id": null,
        "memory_policy": "EPHEMERAL", "spawn_depth": 0,
    });
    payload.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    event("FR-EVT-SESS-001", "session.created", session, at_s, payload)
}

pub(crate) fn state(session: &str, at_s: u32, from: &str, to: &str, reason: &str) -> Value {
    let payload = json!({"session_id": session, "from_state": from, "to_state": to, "reason": reason});
    event("FR-EVT-SESS-002", "session.state_change", session, at_s, payload)
}

pub(crate) fn message(session: &str, at_s: u32, number: u32) -> Value {
    let hash = format!("{number:064x}");
    let payload = json!({
        "session_id": session, "message_id": format!("{session}-m{number}"), "role": "USER", "content_hash": hash,
        "content_artifact_id": format!("sha256:{hash}"), "token_count": 3,
    });
    event("FR-EVT-SESS-004", "session.message", session, at_s, payload)
}

pub(crate) fn span_opened(session: &str, at_s: u32, span: &str, parent: Option<&str>, kind: &str, name: &str) -> Value {
    let payload = json!({"kind": kind, "name": name, "parent_span_id": parent, "tags": ["a", "b"]});
    in_span(event("FR-EVT-SPAN-001", "span.opened", session, at_s, payload), span)
}

pub(crate) fn span_closed(session: &str, at_s: u32, span: &str) -> Value {
    in_span(event("FR-EVT-SPAN-002", "span.closed", session, at_s, json!({"status": "ok"})), span)
}

/// An inference; without a price if `cost_usd` is `None`.
pub(crate) fn inference(session: &str, at_s: u32, span: &str, tokens: (u64, u64), cost_usd: Option<f64>) -> Value {
    let mut payload = json!({
        "model_id": "m-1",
        "token_usage": {"prompt_tokens": tokens.0, "completion_tokens": tokens.1, "total_tokens": tokens.0 + tokens.1},
        "provider": "p-1",
        "request_id": format!("req-{session}-{at_s}"),
    });
    if let Some(cost) = cost_usd {
        payload["cost_usd"] = json!(cost);
    }
    in_span(event("FR-EVT-006", "llm_inference", session, at_s, payload), span)
}

pub(crate) fn tool_call(session: &str, at_s: u32, span: &str, error: Option<&str>) -> Value {
    let mut payload = json!({
        "tool_call_id": format!("call-{session}-{at_s}"), "tool_id": "shell.run", "tool_version": "1", "transport": "local",
        "side_effect": "EXECUTE", "idempotency": "NON_IDEMPOTENT", "actor": {"kind": "agent"}, "ok": error.is_none(),
        "timing": {"started_at": "2026-03-01T12:00:00Z", "ended_at": "2026-03-01T12:00:01Z", "duration_ms": 1000},
    });
    if let Some(message) = error {
        payload["error"] = json!({"code": "E1", "kind": "failed", "message": message, "retryable": false});
    }
    in_span(event("FR-EVT-007", "tool_call", session, at_s, payload), span)
}

pub(crate) fn in_span(mut event: Value, span: &str) -> Value {
    event["trace_id"] = json!("4bf92f3577b34da6a3ce929d0e0e4736");
    event["activity_span_id"] = json!(span);
    event
}

/// Keys of an object, sorted.
#[track_caller]
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
