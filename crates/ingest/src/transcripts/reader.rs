//! A transcript as it is read: one line after the other, whichever agent wrote it.

use serde_json::Value;

use super::claude_code::ClaudeCode;
use super::codex::Codex;
use super::fields;
use super::told::Told;
use crate::ids::{self, About};
use crate::memory::Recent;

/// Which agent wrote a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// Claude Code: `projects/<project>/<session>.jsonl`, sub-agents in files of their own.
    ClaudeCode,
    /// Codex: `sessions/YYYY/MM/DD/rollout-*.jsonl`.
    Codex,
}

/// What is known of a transcript beside its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The name of its file, without what is before it.
    pub(super) file_name: String,
    /// What kind of agent it is of, if it is a sub-agent's.
    pub(super) agent_type: Option<String>,
    /// How many spawns lie above that agent.
    pub(super) spawn_depth: Option<u64>,
}

impl Origin {
    /// A transcript in a file of this name.
    pub fn new(file_name: &str) -> Self {
        Self { file_name: file_name.to_owned(), ..Self::default() }
    }

    /// With what the file beside it (`agent-<id>.meta.json`) says of its agent.
    #[must_use]
    pub fn with_meta(mut self, meta: &[u8]) -> Self {
        if let Ok(meta) = serde_json::from_slice::<Value>(meta) {
            self.agent_type = fields::text(&meta, &["agentType"]).map(str::to_owned);
            self.spawn_depth = fields::count(&meta, &["spawnDepth"]);
        }
        self
    }
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// It was read, and tells something.
    Told,
    /// The same line stands further up.
    Again,
    /// It tells nothing that is recorded: titles, snapshots of files, settings, what another line tells as well.
    LeftOut,
    /// It is of a kind that nobody here knows.
    Unknown(String),
}

/// Why a line cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is no object, or does not say what it is.
    #[error("it is no object with a `type`")]
    NoType,
    /// Nobody knows when it was written.
    #[error("its `timestamp` is missing or no time in UTC")]
    NoTime,
    /// Nobody knows what session it belongs to.
    #[error("no session is named: `{0}` is missing")]
    NoSession(&'static str),
    /// What it should hold is not there.
    #[error("`{0}` is missing or not what it should be")]
    Missing(&'static str),
}

impl Unread {
    /// The same for all lines with the same fault: to count them by.
    pub const fn reason(&self) -> &'static str {
        match self {
            Unread::NotJson(_) => "not_json",
            Unread::NoType => "no_type",
            Unread::NoTime => "no_time",
            Unread::NoSession(_) => "no_session",
            Unread::Missing(_) => "missing_field",
        }
    }
}

/// Reads the lines of one transcript, in memory that does not grow with it.
#[derive(Debug)]
pub struct Transcript {
    reader: Reader,
    /// Hashes of the lines that were read.
    lines: Recent<u64, ()>,
}

#[derive(Debug)]
enum Reader {
    ClaudeCode(Box<ClaudeCode>),
    Codex(Box<Codex>),
}

impl Transcript {
    /// A transcript of which no line has been read.
    pub fn new(agent: Agent, origin: Origin) -> Self {
        let reader = match agent {
            Agent::ClaudeCode => Reader::ClaudeCode(Box::new(ClaudeCode::new(origin))),
            Agent::Codex => Reader::Codex(Box::new(Codex::new(&origin))),
        };
        Self { reader, lines: Recent::default() }
    }

    /// Reads the next line.
    ///
    /// # Errors
    /// [`Unread`] if it cannot be understood; the next line can be read all the same.
    pub fn line(&mut self, line: &[u8]) -> Result<Read, Unread> {
        let value: Value = serde_json::from_slice(line).map_err(|error| Unread::NotJson(error.to_string()))?;
        let kind = fields::text(&value, &["type"]).filter(|_| value.is_object()).ok_or(Unread::NoType)?;
        // The same line has the same id, and where it has none the same bytes.
        let id = fields::text(&value, &["uuid"]).map_or(line, str::as_bytes);
        let session = fields::text(&value, &["sessionId"]).unwrap_or_default();
        let key = ids::short_key(About::Opened, &[session.as_bytes(), kind.as_bytes(), id]);
        if self.lines.get(&key).is_some() {
            return Ok(Read::Again);
        }
        let read = match &mut self.reader {
            Reader::ClaudeCode(reader) => reader.line(&value, kind),
            Reader::Codex(reader) => reader.line(&value, kind),
        }?;
        self.lines.put(key, ());
        Ok(read)
    }

    /// How much was told and not yet taken.
    pub const fn waiting(&self) -> usize {
        match &self.reader {
            Reader::ClaudeCode(reader) => reader.threads.told(),
            Reader::Codex(reader) => reader.threads.told(),
        }
    }

    /// Takes what was told since the last time.
    pub fn take(&mut self) -> Vec<Told> {
        match &mut self.reader {
            Reader::ClaudeCode(reader) => reader.threads.take(),
            Reader::Codex(reader) => reader.threads.take(),
        }
    }

    /// Tells what only the end of the file tells.
    pub fn end(&mut self) {
        match &mut self.reader {
            Reader::ClaudeCode(reader) => reader.threads.end(),
            Reader::Codex(reader) => reader.threads.end(),
        }
    }
}
