//! The seam to models: what a model run asks for, and what comes back.
// tidy: no-wildcard

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flightrec_events::{Backend, Id, Label, SpanId, TraceId};

use crate::message::{ToolRequest, Turn};
use crate::price::Price;
use crate::tool::ToolSpec;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that runs a model: an endpoint, or a script.
///
/// A call that is no longer wanted is dropped between two chunks; whatever it holds has to be let go then.
pub trait ModelClient: Send + Sync + fmt::Debug {
    /// Runs the model once. Every chunk that arrives is counted on `meter`, which is how the runtime sees a
    /// first token, a stream that stands still, and how much was written.
    fn call(&self, call: ModelCall, meter: Meter) -> BoxFuture<'static, Result<ModelReply, ModelError>>;
}

/// One model as sessions name it: who serves it, what it costs, and the client that reaches it.
#[derive(Debug, Clone)]
pub struct ModelRoute {
    /// The model, as its provider calls it.
    pub model_id: Id,
    /// Who serves it: limits and rates are counted by this name.
    pub provider: Id,
    /// Where it runs.
    pub backend: Backend,
    /// The client.
    pub client: Arc<dyn ModelClient>,
    /// What its tokens cost, if the host says so; else the runtime's price list is asked.
    pub price: Option<Price>,
}

/// One run of a model.
#[derive(Debug, Clone)]
pub struct ModelCall {
    /// The session.
    pub session_id: Id,
    /// What the session is for.
    pub role: Id,
    /// The session's name for people.
    pub label: Option<Label>,
    /// The model, as its provider calls it.
    pub model_id: Id,
    /// The conversation so far, oldest first.
    pub thread: Vec<Turn>,
    /// The tools that the model may ask for.
    pub tools: Vec<ToolSpec>,
    /// The most tokens that the reply may have.
    pub max_output_tokens: Option<u64>,
    /// The job.
    pub job_id: Id,
    /// Which attempt of the job this is, from 1.
    pub attempt: u32,
    /// How many runs of this session gave a reply before, from 0: what a script goes by.
    pub step: u32,
    /// The trace, for endpoints that take a `traceparent`.
    pub trace_id: TraceId,
    /// The span of this run.
    pub span_id: SpanId,
}

/// What a model run gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelReply {
    /// The text, empty if there was none.
    pub text: String,
    /// The tools that the model asks for, in its order.
    pub tool_calls: Vec<ToolRequest>,
    /// What the provider says was used.
    pub usage: Option<Usage>,
    /// The provider's id of the response.
    pub response_id: Option<String>,
    /// Why the model stopped, in the provider's word.
    pub finish_reason: Option<String>,
    /// What the provider says it cost, in nano-dollars.
    pub cost_nanos: Option<u64>,
}

/// Tokens as a provider counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Read by the model, cached ones included.
    pub prompt_tokens: u64,
    /// Written by the model, reasoning included.
    pub completion_tokens: u64,
    /// Read from the provider's cache.
    pub cached_prompt_tokens: u64,
    /// Written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Spent on reasoning.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// All tokens.
    pub const fn total(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// How a model run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// The provider asks to come back later: HTTP 429.
    RateLimited,
    /// The provider has trouble of its own: HTTP 5xx, overloaded.
    Unavailable,
    /// No connection, or it broke before the reply began.
    Connection,
    /// The stream broke off in the middle of the reply.
    StreamBroken,
    /// No reply in time. The runtime raises it; a client need not.
    TimedOut,
    /// The provider refuses this request, now and later: HTTP 400 and the like.
    Refused,
    /// The credentials are missing or wrong.
    Unauthorized,
    /// There is no such model.
    UnknownModel,
    /// The reply is none that can be read.
    BadReply,
}

impl ModelErrorKind {
    /// The stable code that spans carry.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Connection => "connection",
            Self::StreamBroken => "stream_broken",
            Self::TimedOut => "timeout",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::UnknownModel => "unknown_model",
            Self::BadReply => "bad_reply",
        }
    }

    /// Whether another attempt may succeed.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RateLimited | Self::Unavailable | Self::Connection | Self::StreamBroken | Self::TimedOut => true,
            Self::Refused | Self::Unauthorized | Self::UnknownModel | Self::BadReply => false,
        }
    }
}

/// A model run that failed. What it used all the same is kept, because it is paid for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {message}", kind.code())]
pub struct ModelError {
    /// What kind of failure it was.
    pub kind: ModelErrorKind,
    /// What the provider said.
    pub message: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// What was used before it failed, as far as the provider told.
    pub usage: Option<Usage>,
    /// The provider's id of the response, if it gave one.
    pub response_id: Option<String>,
}

impl ModelError {
    /// A failure of which nothing more is known.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, usage: None, response_id: None }
    }
}

/// Counts what a running call has received, from any thread.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    chunks: AtomicU64,
    text_bytes: AtomicU64,
}

impl Meter {
    /// A chunk arrived that holds so many bytes of text, or of a tool's arguments.
    pub fn chunk(&self, text_bytes: usize) {
        self.0.text_bytes.fetch_add(text_bytes as u64, Ordering::Relaxed);
        self.0.chunks.fetch_add(1, Ordering::Release);
    }

    /// How many chunks arrived.
    pub fn chunks(&self) -> u64 {
        self.0.chunks.load(Ordering::Acquire)
    }

    /// How many bytes of text arrived.
    pub fn text_bytes(&self) -> u64 {
        self.0.text_bytes.load(Ordering::Relaxed)
    }
}
