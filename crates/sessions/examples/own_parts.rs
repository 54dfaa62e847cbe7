//! A model client, a tool and an approval of one's own, and a session that spawns another.
//!
//! ```text
//! cargo run -p flightrec-sessions --example own_parts
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::Arc;

use flightrec_recorder::Recorder;
use flightrec_recorder::events::{Backend, Id, Idempotency, Reason, SideEffect, Transport};
use flightrec_sessions::{
    ApprovalRequest, Approvals, BoxFuture, Decision, Meter, ModelCall, ModelClient, ModelError, ModelReply, ModelRoute,
    Runtime, SPAWN, SessionSpec, Tool, ToolCall, ToolFailure, ToolOutput, ToolRequest, ToolSpec, Turn, Usage,
};

/// A model that asks for what its role needs first, and then repeats the last thing that it was told.
#[derive(Debug)]
struct Parrot;

impl ModelClient for Parrot {
    fn call(&self, call: ModelCall, meter: Meter) -> BoxFuture<'static, Result<ModelReply, ModelError>> {
        Box::pin(async move {
            meter.chunk(5);
            let ask = |name: &str, arguments: &str| {
                vec![ToolRequest {
                    id: format!("call-{}", call.step),
                    name: name.to_owned(),
                    arguments: arguments.to_owned(),
                }]
            };
            let last = match call.thread.last() {
                Some(Turn::System(text) | Turn::User(text) | Turn::ToolResult { text, .. }) => text.to_string(),
                Some(Turn::Assistant { .. }) | None => String::new(),
            };
            let tool_calls = match (call.role.as_str(), call.step) {
                ("planner", 0) => ask("spawn_session", r#"{"role": "worker", "task": "Ring the bell."}"#),
                ("worker", 0) => ask("ring", r#"{"times": 3}"#),
                _ => Vec::new(),
            };
            let usage = Usage { prompt_tokens: 20, completion_tokens: 5, ..Usage::default() };
            let text = if tool_calls.is_empty() { last } else { String::new() };
            Ok(ModelReply { text, tool_calls, usage: Some(usage), ..ModelReply::default() })
        })
    }
}

/// A tool with a side effect.
#[derive(Debug)]
struct Bell(ToolSpec);

impl Bell {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self(ToolSpec {
            name: Id::new("ring")?,
            version: Id::new("1")?,
            description: "Rings the bell.".into(),
            parameters: Arc::new(serde_json::json!({
                "type": "object",
                "properties": { "times": { "type": "integer", "minimum": 1 } },
                "required": ["times"],
            })),
            side_effect: SideEffect::Execute,
            idempotency: Idempotency::NonIdempotent,
            transport: Transport::Local,
            capability: Id::new("bell")?,
        }))
    }
}

impl Tool for Bell {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>> {
        let text = format!("rang {} times", call.arguments["times"]);
        println!("{text}");
        Box::pin(std::future::ready(Ok(ToolOutput { text, files: Vec::new() })))
    }
}

/// Somebody who is asked before the bell rings.
#[derive(Debug)]
struct Janitor;

impl Approvals for Janitor {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'static, Decision> {
        let approved = matches!(&request, ApprovalRequest::Tool { arguments, .. } if arguments["times"] != 1_000);
        Box::pin(async move {
            Decision {
                approved,
                by: Id::new("janitor").unwrap_or_else(|_| unreachable!("a short word")),
                reason: Reason::new("not too often").unwrap_or_else(|_| unreachable!("a short sentence")),
            }
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let recorder = Arc::new(Recorder::open(dir.path())?);
    let (model, bell, spawn) = (Id::new("parrot")?, Id::new("bell")?, Id::new(SPAWN)?);
    let route = ModelRoute {
        model_id: model.clone(),
        provider: Id::new("the-cage")?,
        backend: Backend::Local,
        client: Arc::new(Parrot),
        price: None,
    };
    let runtime = Runtime::builder()
        .model(model.clone(), route)
        .tool(Arc::new(Bell::new()?))?
        .approvals(Arc::new(Janitor))
        .start(Arc::clone(&recorder))?;

    let worker = SessionSpec {
        tools: vec![Id::new("ring")?],
        approvals: [Id::new("ring")?].into(),
        capabilities: [bell.clone()].into(),
        ..SessionSpec::new(Id::new("worker")?, model.clone())
    };
    let planner = SessionSpec {
        prompt: Some("Let somebody ring the bell.".into()),
        // A child may do what its parent may, and no more.
        capabilities: [spawn, bell].into(),
        spawns: [(worker.role.clone(), worker)].into(),
        ..SessionSpec::new(Id::new("planner")?, model)
    };
    let planner = runtime.session(planner).await?;
    let ending = planner.ended().await?;
    println!("{}: {}", ending.state, ending.output);
    runtime.shutdown().await?;

    let tree = recorder.reader().tree(planner.id().as_str())?;
    assert_eq!(tree.children[0].session.tool_calls, 1);
    assert!(ending.output.contains("rang 3 times"), "the worker's result came back");
    Ok(())
}
