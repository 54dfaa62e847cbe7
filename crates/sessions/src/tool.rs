//! The seam to tools: what one is, what it is asked, and what it answers.

use std::fmt;
use std::sync::Arc;

use flightrec_events::{Id, Idempotency, SideEffect, Transport};
use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::Shared;

use crate::model::BoxFuture;

/// Something that sessions can call.
///
/// The runtime checks that the session was granted [`ToolSpec::capability`] and that the arguments fit
/// [`ToolSpec::parameters`] before it calls, and calls once: a call that a crash cut off is never repeated unseen.
pub trait Tool: Send + Sync + fmt::Debug {
    /// What it is.
    fn spec(&self) -> &ToolSpec;

    /// Runs it. A tool that takes long watches [`ToolCall::stop`]; it is never dropped half-way but at its time limit.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>>;
}

/// What a tool is, for the model and for the record.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name: what a model calls it.
    pub name: Id,
    /// Its version.
    pub version: Id,
    /// What it does, for the model.
    pub description: Arc<str>,
    /// A JSON Schema (2020-12) of its arguments.
    pub parameters: Arc<serde_json::Value>,
    /// What it may do to the world.
    pub side_effect: SideEffect,
    /// Whether a call may be repeated.
    pub idempotency: Idempotency,
    /// How it is reached.
    pub transport: Transport,
    /// What a session must be granted to call it.
    pub capability: Id,
}

/// One call, checked.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The session that calls.
    pub session_id: Id,
    /// The call.
    pub tool_call_id: Id,
    /// The same for every attempt of the same call, and for no other.
    pub idempotency_key: Id,
    /// The arguments; they fit the tool's schema.
    pub arguments: serde_json::Value,
    /// Tells that the result is no longer wanted.
    pub stop: Stop,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolOutput {
    /// The result, for the model.
    pub text: String,
    /// Files that it read or wrote.
    pub files: Vec<String>,
}

/// How a tool failed; the model is told the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ToolFailure {
    /// A stable code, such as `not_found`.
    pub code: &'static str,
    /// What happened, and what to do instead.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
}

/// Asks for something to end, once. Clones ask and are asked together.
#[derive(Debug, Clone)]
pub struct Stop(Shared<oneshot::Receiver<()>>);

/// The other end of a [`Stop`]; dropping it asks.
#[derive(Debug)]
pub struct Stopper(#[expect(dead_code, reason = "dropping it is the signal")] oneshot::Sender<()>);

impl Stop {
    /// A signal and who gives it.
    pub fn pair() -> (Stopper, Self) {
        let (sender, receiver) = oneshot::channel();
        (Stopper(sender), Self(receiver.shared()))
    }

    /// Waits until asked to stop.
    pub fn asked(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.clone().map(|_| ())
    }
}
