//! Asks one question of an endpoint and shows what came back.
//!
//! ```text
//! cargo run -p flightrec-sessions --features providers --example ask_model -- openai http://127.0.0.1:8089/v1 MODEL "Say hello." [--tool]
//! ```
//!
//! A key is taken from `ASK_MODEL_API_KEY`. With `--tool` the model is offered one tool, which is not run.
#![expect(clippy::print_stdout, reason = "an example that shows what it does")]

use std::error::Error;
use std::sync::Arc;

use flightrec_sessions::events::{Id, Idempotency, SideEffect, SpanId, TraceId, Transport};
use flightrec_sessions::{
    Meter, ModelCall, ModelClient, ProviderClient, ProviderKind, ProviderOptions, Secret, ToolSpec, Turn,
};

const USAGE: &str = "ask_model openai|anthropic|gemini|ollama BASE_URL MODEL QUESTION [--tool]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let (kind, base_url, model, question) = (kind(&next()?)?, next()?, next()?, next()?);
    let client = ProviderClient::new(ProviderOptions {
        base_url: Some(base_url),
        api_key: std::env::var("ASK_MODEL_API_KEY").ok().map(Secret::new),
        ..ProviderOptions::new(kind)
    })?;
    let call = ModelCall {
        session_id: Id::new("ask")?,
        role: Id::new("example")?,
        label: None,
        model_id: Id::new(model)?,
        thread: vec![Turn::User(question.into())],
        tools: if arguments.next().as_deref() == Some("--tool") { vec![weather()?] } else { Vec::new() },
        max_output_tokens: Some(128),
        job_id: Id::new("ask-1")?,
        attempt: 1,
        step: 0,
        trace_id: TraceId::parse_text("0a1b2c3d4e5f67890a1b2c3d4e5f6789")?,
        span_id: SpanId::parse_text("0a1b2c3d4e5f6789")?,
    };
    let meter = Meter::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reply = runtime.block_on(client.call(call, meter.clone()))?;
    println!("text: {}", reply.text);
    for request in &reply.tool_calls {
        println!("tool call {}: {} {}", request.id, request.name, request.arguments);
    }
    println!("ended: {:?}, response {:?}", reply.finish_reason, reply.response_id);
    println!("arrived: {} chunks, {} bytes; {:?}", meter.chunks(), meter.text_bytes(), reply.usage);
    Ok(())
}

fn kind(name: &str) -> Result<ProviderKind, String> {
    [ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Gemini, ProviderKind::Ollama]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| format!("no kind of provider is called `{name}`; {USAGE}"))
}

fn weather() -> Result<ToolSpec, Box<dyn Error>> {
    Ok(ToolSpec {
        name: Id::new("get_weather")?,
        version: Id::new("1")?,
        description: "Tells the weather of a city.".into(),
        parameters: Arc::new(serde_json::json!({
            "type": "object",
            "properties": {"city": {"type": "string", "description": "The city's name."}},
            "required": ["city"],
            "additionalProperties": false
        })),
        side_effect: SideEffect::Read,
        idempotency: Idempotency::Idempotent,
        transport: Transport::Local,
        capability: Id::new("weather")?,
    })
}
