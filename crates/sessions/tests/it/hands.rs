//! Tools and approvals for tests: they do what they are told to, at a simulated time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flightrec_recorder::Clock;
use flightrec_recorder::events::{Id, Idempotency, Reason, SideEffect, Timestamp, Transport};
use flightrec_sessions::{
    ApprovalRequest, Approvals, BoxFuture, Decision, SimulatedTime, Time, Tool, ToolCall, ToolFailure, ToolOutput,
    ToolSpec,
};
use futures_util::future::{Either, select};

use crate::world::id;

pub(crate) fn after(time: &SimulatedTime, wait: Duration) -> Timestamp {
    Timestamp::from_micros(time.now().as_micros() + wait.as_micros() as i64).unwrap()
}

/// Calls that began, by idempotency key, whatever becomes of the process.
pub(crate) type Begun = Arc<Mutex<Vec<String>>>;

/// A tool that takes some time and gives its `text` back.
#[derive(Debug)]
pub(crate) struct Work {
    spec: ToolSpec,
    time: SimulatedTime,
    takes: Duration,
    stops: bool,
    pub(crate) begun: Begun,
}

impl Work {
    pub(crate) fn new(name: &str, time: &SimulatedTime, takes: Duration) -> Self {
        let parameters = serde_json::json!({
            "type": "object",
            "properties": { "text": { "type": "string" } },
            "required": ["text"],
            "additionalProperties": false,
        });
        let spec = ToolSpec {
            name: id(name),
            version: id("1"),
            description: "Gives its text back.".into(),
            parameters: Arc::new(parameters),
            side_effect: SideEffect::Execute,
            idempotency: Idempotency::NonIdempotent,
            transport: Transport::Local,
            capability: id("work"),
        };
        Self { spec, time: time.clone(), takes, stops: true, begun: Begun::default() }
    }

    /// A tool that does not listen when it is asked to end.
    pub(crate) fn deaf(mut self) -> Self {
        self.stops = false;
        self
    }
}

impl Tool for Work {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>> {
        self.begun.lock().unwrap().push(call.idempotency_key.to_string());
        let done = self.time.sleep_until(after(&self.time, self.takes));
        let stops = self.stops;
        Box::pin(async move {
            let text = call.arguments["text"].as_str().unwrap_or_default().to_owned();
            let asked: BoxFuture<'static, ()> =
                if stops { Box::pin(call.stop.asked()) } else { Box::pin(std::future::pending()) };
            match select(done, asked).await {
                Either::Left(_) => Ok(ToolOutput { text, files: Vec::new() }),
                Either::Right(_) => {
                    Err(ToolFailure { code: "stopped", message: "asked to end".to_owned(), retryable: true })
                }
            }
        })
    }
}

/// Somebody who decides the same about everything, after a while.
#[derive(Debug)]
pub(crate) struct Someone {
    time: SimulatedTime,
    takes: Duration,
    approves: bool,
    pub(crate) asked: Arc<Mutex<Vec<ApprovalRequest>>>,
}

impl Someone {
    pub(crate) fn new(time: &SimulatedTime, takes: Duration, approves: bool) -> Self {
        Self { time: time.clone(), takes, approves, asked: Arc::default() }
    }
}

impl Approvals for Someone {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'static, Decision> {
        self.asked.lock().unwrap().push(request);
        let decided = self.time.sleep_until(after(&self.time, self.takes));
        let approved = self.approves;
        Box::pin(async move {
            decided.await;
            Decision { approved, by: Id::new("ada").unwrap(), reason: Reason::new("looked at it").unwrap() }
        })
    }
}
