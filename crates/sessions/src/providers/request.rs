//! A call as the provider library takes it.

use std::sync::Arc;

use genai::Headers;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatRole, ContentPart, MessageContent, ReasoningEffort, Tool,
    ToolCall as Call, ToolResponse,
};
use serde_json::{Value, json};

use super::ProviderKind;
use super::reading::Reader;
use crate::message::{ToolRequest, Turn};
use crate::model::ModelCall;
use crate::tool::ToolSpec;

/// What arguments that are no JSON object are sent back as: providers, and the templates of local models, take
/// objects alone, and refuse the whole thread otherwise.
const MALFORMED: &str = "malformed_arguments";

/// Endings of model names that the library takes for a setting and cuts off.
const EFFORTS: [&str; 8] = ["none", "zero", "minimal", "low", "medium", "high", "xhigh", "max"];

/// The thread and the tools.
pub(super) fn request(kind: ProviderKind, call: &ModelCall) -> ChatRequest {
    let mut request = ChatRequest::new(messages(kind, &call.thread));
    if !call.tools.is_empty() {
        request = request.with_tools(call.tools.iter().map(tool));
    }
    request
}

/// Everything else of a call.
pub(super) fn options(kind: ProviderKind, call: &ModelCall, reader: Arc<Reader>) -> ChatOptions {
    let traceparent = format!("00-{}-{}-01", call.trace_id, call.span_id);
    let mut options = ChatOptions::default()
        .with_extra_headers(Headers::from([("traceparent", traceparent)]))
        .with_raw_frame_sink_arc(reader);
    if let Some(most) = call.max_output_tokens {
        options = options.with_max_tokens(u32::try_from(most).unwrap_or(u32::MAX));
    }
    // Without an effort, the library reads one from the end of the model's name, so that `qwen-max` would be asked
    // for as `qwen`. Each of these efforts sends nothing; the name is set again besides.
    match kind {
        // Capturing is what makes the library ask for usage, which the others send unasked.
        ProviderKind::OpenAi | ProviderKind::Ollama => options
            .with_capture_usage(true)
            .with_reasoning_effort(ReasoningEffort::Budget(0))
            .with_extra_body(json!({"model": call.model_id.as_str()})),
        // Thinking blocks would have to be sent back signed, and a thread keeps none: so none are asked for.
        ProviderKind::Anthropic => options
            .with_reasoning_effort(ReasoningEffort::Zero)
            .with_extra_body(json!({"model": call.model_id.as_str()})),
        ProviderKind::Gemini => options,
    }
}

/// Whether the library would ask for another model than this one. With Gemini the name is part of the address, and
/// there is no way to set it again.
pub(super) fn is_misread(kind: ProviderKind, model: &str) -> bool {
    match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama | ProviderKind::Anthropic => false,
        ProviderKind::Gemini => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let ending = model.rsplit('-').next().unwrap_or_default();
            !model.chars().all(is_plain) || EFFORTS.contains(&ending)
        }
    }
}

fn messages(kind: ProviderKind, thread: &[Turn]) -> Vec<ChatMessage> {
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(thread.len());
    for turn in thread {
        match turn {
            Turn::System(text) => messages.push(ChatMessage::system(&**text)),
            Turn::User(text) => messages.push(ChatMessage::user(&**text)),
            Turn::Assistant { text, tool_calls } => messages.extend(assistant(text, tool_calls)),
            Turn::ToolResult { tool_call_id, tool, text, failed } => {
                let part = tool_result(kind, tool_call_id.as_str(), tool, text, *failed);
                // All results of one reply stand in one message.
                match messages.last_mut().filter(|last| matches!(last.role, ChatRole::Tool)) {
                    Some(last) => last.content.push(part),
                    None => messages.push(ChatMessage::tool(MessageContent::from_parts(vec![part]))),
                }
            }
        }
    }
    messages
}

/// What the model said. A reply that held nothing is left out: providers refuse an empty message.
fn assistant(text: &str, tool_calls: &[ToolRequest]) -> Option<ChatMessage> {
    let mut parts = Vec::with_capacity(1 + tool_calls.len());
    if !text.is_empty() {
        parts.push(ContentPart::from_text(text));
    }
    parts.extend(tool_calls.iter().map(|request| {
        ContentPart::ToolCall(Call {
            call_id: request.id.clone(),
            fn_name: request.name.clone(),
            fn_arguments: arguments(&request.arguments),
            thought_signatures: None,
        })
    }));
    (!parts.is_empty()).then(|| ChatMessage::assistant(MessageContent::from_parts(parts)))
}

fn arguments(written: &str) -> Value {
    if written.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(written) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({MALFORMED: written}),
    }
}

fn tool_result(kind: ProviderKind, id: &str, tool: &str, text: &str, failed: bool) -> ContentPart {
    match kind {
        // The library cannot say that a tool failed; Anthropic's own form of a result can.
        ProviderKind::Anthropic if failed => ContentPart::from_custom(
            json!({"type": "tool_result", "tool_use_id": id, "content": text, "is_error": true}),
            None,
        ),
        ProviderKind::OpenAi | ProviderKind::Ollama | ProviderKind::Gemini | ProviderKind::Anthropic => {
            ContentPart::ToolResponse(ToolResponse::new(id, text).with_fn_name(tool))
        }
    }
}

fn tool(spec: &ToolSpec) -> Tool {
    Tool::new(spec.name.as_str()).with_description(&*spec.description).with_schema((*spec.parameters).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_objects_whatever_the_model_wrote() {
        for (written, sent) in [
            (r#"{"a":1}"#, json!({"a": 1})),
            ("", json!({})),
            (" \n", json!({})),
            (r#"{"a":"#, json!({MALFORMED: "{\"a\":"})),
            ("[1]", json!({MALFORMED: "[1]"})),
            ("\"x\"", json!({MALFORMED: "\"x\""})),
        ] {
            assert_eq!(arguments(written), sent, "{written}");
        }
    }

    #[test]
    fn an_empty_reply_is_no_message() {
        assert!(assistant("", &[]).is_none());
        assert!(assistant("x", &[]).is_some());
    }

    #[test]
    fn a_model_name_is_sent_as_it_is_or_not_at_all() {
        for (name, misread) in [
            ("gemini-3-flash-preview", false),
            ("gemini-2.5-pro", false),
            ("gemini-2.5-pro-high", true),
            ("gemini-max", true),
            ("../x", true),
            ("a?b", true),
            ("a::b", true),
        ] {
            assert_eq!(is_misread(ProviderKind::Gemini, name), misread, "{name}");
        }
        assert!(!is_misread(ProviderKind::OpenAi, "qwen-max"));
    }
}
