//! What one span or log record tells, in this project's words, whatever convention it was written in.

use std::borrow::Cow;

use flightrec_events::{MessageRole, telemetry};

/// The convention that a span or log record follows, or the agent that wrote a transcript. A session is marked with the one that told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// OpenTelemetry's conventions for generative AI, present or older.
    GenAi,
    /// OpenInference.
    OpenInference,
    /// Traceloop (OpenLLMetry).
    Traceloop,
    /// Claude Code's own logs and spans.
    ClaudeCode,
    /// Codex's own logs and spans.
    Codex,
    /// The Vercel AI SDK's own spans.
    VercelAi,
    /// Claude Code's transcripts.
    ClaudeCodeTranscript,
    /// Codex's transcripts.
    CodexTranscript,
    /// This recorder's own export.
    FlightRecorder,
    /// No convention that is known here.
    Plain,
}

impl Source {
    /// The `actor_id` of every event that is mapped from it, and the `source` of its sessions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::GenAi => "otlp:gen_ai",
            Source::OpenInference => "otlp:openinference",
            Source::Traceloop => telemetry::TRACELOOP,
            Source::ClaudeCode => telemetry::CLAUDE_CODE,
            Source::Codex => "otlp:codex",
            Source::VercelAi => "otlp:vercel_ai",
            Source::ClaudeCodeTranscript => telemetry::CLAUDE_CODE_TRANSCRIPT,
            Source::CodexTranscript => telemetry::CODEX_TRANSCRIPT,
            Source::FlightRecorder => "otlp:flightrec",
            Source::Plain => telemetry::NO_CONVENTION,
        }
    }
}

/// What kind of work a span or log record stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// An agent or a workflow of agents was invoked.
    Agent,
    /// A model was called.
    ModelCall,
    /// A tool was called.
    ToolCall,
    /// A step of an agent that is neither: a turn, a chain, a cycle, a hand-off, the making of an agent.
    Step,
    /// Nothing that the conventions describe.
    Plain,
}

/// Everything that one span or log record tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    /// The convention it follows.
    pub source: Source,
    /// What it stands for.
    pub work: Work,
    /// The session that it names itself; never one that is inherited.
    pub session: Option<Cow<'a, str>>,
    /// The agent that works here.
    pub agent: Option<Cow<'a, str>>,
    /// The model: the one that answered, else the one that was asked.
    pub model: Option<Cow<'a, str>>,
    /// Who serves the model, such as `openai`.
    pub provider: Option<Cow<'a, str>>,
    /// What was used. On a model call it is charged; on anything else it is a sum over calls below.
    pub usage: Option<Usage>,
    /// The provider's response id.
    pub response_id: Option<Cow<'a, str>>,
    /// Why the model stopped.
    pub finish_reason: Option<Cow<'a, str>>,
    /// How long the first token took, in milliseconds.
    pub time_to_first_token_ms: Option<u64>,
    /// The tool, on a tool call.
    pub tool: Option<Tool<'a>>,
    /// Messages that were given to the model or came from it, in the order of the thread, inputs first.
    pub messages: Vec<Message<'a>>,
    /// How it failed, if it did. A span's own status is looked at elsewhere.
    pub failure: Option<Failure<'a>>,
    /// Sessions that this work says it spawned.
    pub spawned: Vec<Cow<'a, str>>,
    /// How long it took, in milliseconds, where a log record says so.
    pub duration_ms: Option<u64>,
}

impl Facts<'_> {
    /// Facts that say nothing yet.
    pub const fn new(source: Source, work: Work) -> Self {
        Self {
            source,
            work,
            session: None,
            agent: None,
            model: None,
            provider: None,
            usage: None,
            response_id: None,
            finish_reason: None,
            time_to_first_token_ms: None,
            tool: None,
            messages: Vec::new(),
            failure: None,
            spawned: Vec::new(),
            duration_ms: None,
        }
    }
}

/// What a model call used, by its emitter's count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read, those from and to a cache included.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Tokens read from a cache.
    pub cached: Option<u64>,
    /// Tokens written to a cache.
    pub cache_write: Option<u64>,
    /// Tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// What it cost, in nano-dollars, where the emitter says so.
    pub cost_nanos: Option<u64>,
}

/// A tool that was called.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tool<'a> {
    /// Its name.
    pub name: Option<Cow<'a, str>>,
    /// The id of the call, as the model gave it.
    pub call_id: Option<Cow<'a, str>>,
    /// What it was given.
    pub arguments: Option<Cow<'a, str>>,
    /// What it answered.
    pub result: Option<Cow<'a, str>>,
    /// Whether it succeeded, where that is told apart from a span's status.
    pub ok: Option<bool>,
    /// The MCP server that offers it.
    pub mcp_server: Option<Cow<'a, str>>,
}

/// One message of a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: MessageRole,
    /// What is said: text as it is; anything else as compact JSON with sorted keys, without the fields
    /// in which an answer differs from its repetition in a later request (finish reason, empty name).
    pub content: Cow<'a, str>,
    /// The tool call it asks for or answers.
    pub tool_call_id: Option<Cow<'a, str>>,
    /// Whether the model said it here, rather than was given it.
    pub is_answer: bool,
}

/// How something failed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failure<'a> {
    /// The kind of error, such as `timeout` or an exception's name.
    pub code: Option<Cow<'a, str>>,
    /// Whether it was cancelled rather than failed.
    pub cancelled: bool,
}
