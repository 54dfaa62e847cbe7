//! The client of model endpoints, against real HTTP servers on this machine.

mod dialects;
mod failures;
mod replies;
mod requests;
mod server;

use std::future::Future;
use std::sync::Arc;

use flightrec_sessions::events::{Id, Idempotency, SideEffect, SpanId, TraceId, Transport};
use flightrec_sessions::{
    Meter, ModelCall, ModelClient, ModelError, ModelReply, ProviderClient, ProviderKind, ProviderOptions, Secret,
    ToolSpec, Turn,
};

const KINDS: [ProviderKind; 4] =
    [ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Gemini, ProviderKind::Ollama];

/// Runs a test on one thread, as the runtime does.
fn live<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A client of a server in this test.
fn client(kind: ProviderKind, base_url: &str) -> ProviderClient {
    let options = ProviderOptions {
        base_url: Some(base_url.to_owned()),
        api_key: Some(Secret::new("sk-very-secret")),
        ..ProviderOptions::new(kind)
    };
    ProviderClient::new(options).unwrap()
}

/// A call that asks one question.
fn question() -> ModelCall {
    ModelCall {
        session_id: id("s-1"),
        role: id("coder"),
        label: None,
        model_id: id("model-1"),
        thread: vec![Turn::System("Be brief.".into()), Turn::User("Say hello.".into())],
        tools: vec![tool()],
        max_output_tokens: Some(64),
        job_id: id("j-1"),
        attempt: 1,
        step: 0,
        trace_id: TraceId::parse_text("0a1b2c3d4e5f67890a1b2c3d4e5f6789").unwrap(),
        span_id: SpanId::parse_text("0a1b2c3d4e5f6789").unwrap(),
    }
}

fn tool() -> ToolSpec {
    ToolSpec {
        name: id("read_file"),
        version: id("1"),
        description: "Reads a file.".into(),
        parameters: Arc::new(serde_json::json!({
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": false
        })),
        side_effect: SideEffect::Read,
        idempotency: Idempotency::Idempotent,
        transport: Transport::Local,
        capability: id("fs.read"),
    }
}

/// Asks the question and gives what came of it.
async fn ask(client: &ProviderClient) -> Result<ModelReply, ModelError> {
    client.call(question(), Meter::default()).await
}
