//! The same replies in the form of each provider.

use flightrec_sessions::{ProviderKind, Usage};
use serde_json::{Value, json};

/// The response id of every reply here.
pub(super) const RESPONSE_ID: &str = "resp-7";

/// What every reply here says was used.
pub(super) const USAGE: Usage = Usage {
    prompt_tokens: 120,
    completion_tokens: 30,
    cached_prompt_tokens: 100,
    cache_write_tokens: 0,
    reasoning_tokens: 12,
};

/// One event, as it goes over the wire.
pub(super) fn event(kind: ProviderKind, data: &Value) -> String {
    match kind {
        ProviderKind::Anthropic => format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()),
        ProviderKind::Gemini => format!("data: {data}\r\n\r\n"),
        ProviderKind::OpenAi | ProviderKind::Ollama => format!("data: {data}\n\n"),
    }
}

/// A reply in two pieces of text, with usage.
pub(super) fn text(kind: ProviderKind) -> Vec<String> {
    let all: Vec<Value> = match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => {
            let chunk =
                |choices: Value| json!({"id": RESPONSE_ID, "object": "chat.completion.chunk", "choices": choices});
            let mut last = chunk(json!([]));
            last["usage"] = json!({"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 12}});
            vec![
                chunk(json!([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}])),
                chunk(json!([{"index": 0, "delta": {"content": "Grüß "}, "finish_reason": null}])),
                chunk(json!([{"index": 0, "delta": {"content": "dich 🦀"}, "finish_reason": null}])),
                chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
                last,
            ]
        }
        ProviderKind::Anthropic => vec![
            json!({"type": "message_start", "message": {"id": RESPONSE_ID, "type": "message", "role": "assistant", "content": [],
                "usage": {"input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0, "output_tokens": 1}}}),
            json!({"type": "ping"}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüß "}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "dich 🦀"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 12}}}),
            json!({"type": "message_stop"}),
        ],
        ProviderKind::Gemini => vec![
            json!({"responseId": RESPONSE_ID, "candidates": [{"content": {"role": "model", "parts": [{"text": "Grüß "}]}}],
                "usageMetadata": {"promptTokenCount": 120}}),
            json!({"responseId": RESPONSE_ID,
                "candidates": [{"content": {"role": "model", "parts": [{"text": "dich 🦀"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 120, "cachedContentTokenCount": 100, "candidatesTokenCount": 18,
                    "thoughtsTokenCount": 12, "totalTokenCount": 150}}),
        ],
    };
    with_end(kind, &all)
}

/// Why the model stopped in [`text`], in each provider's word.
pub(super) fn stopped(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => "stop",
        ProviderKind::Anthropic => "end_turn",
        ProviderKind::Gemini => "STOP",
    }
}

/// Two tool calls whose arguments come in pieces that take turns where the provider can.
pub(super) fn two_calls(kind: ProviderKind) -> Vec<String> {
    let all: Vec<Value> = match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => {
            let piece =
                |calls: Value| json!({"id": RESPONSE_ID, "choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
            vec![
                piece(
                    json!([{"index": 0, "id": "call-a", "type": "function", "function": {"name": "read_file", "arguments": ""}}]),
                ),
                piece(json!([{"index": 0, "function": {"arguments": "{\"path\": "}}])),
                piece(
                    json!([{"index": 1, "id": "call-b", "type": "function", "function": {"name": "list_directory", "arguments": "{}"}}]),
                ),
                piece(json!([{"index": 0, "function": {"arguments": "\"a.rs\"}"}}])),
                json!({"id": RESPONSE_ID, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            ]
        }
        ProviderKind::Anthropic => vec![
            json!({"type": "message_start", "message": {"id": RESPONSE_ID}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "call-a", "name": "read_file", "input": {}}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"path\": "}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "\"a.rs\"}"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "call-b", "name": "list_directory", "input": {}}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ],
        ProviderKind::Gemini => vec![
            json!({"responseId": RESPONSE_ID, "candidates": [{"content": {"role": "model", "parts": [
                {"functionCall": {"id": "call-a", "name": "read_file", "args": {"path": "a.rs"}}}]}}]}),
            json!({"responseId": RESPONSE_ID, "candidates": [{"content": {"role": "model", "parts": [
                {"functionCall": {"id": "call-b", "name": "list_directory", "args": {}}}]}, "finishReason": "STOP"}]}),
        ],
    };
    with_end(kind, &all)
}

/// A tool call whose arguments are these, however wrong; Gemini's arguments are part of its JSON and cannot be wrong.
pub(super) fn call_with(kind: ProviderKind, arguments: &str) -> Option<Vec<String>> {
    let all: Vec<Value> = match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => vec![
            json!({"id": RESPONSE_ID, "choices": [{"index": 0, "finish_reason": "tool_calls", "delta": {"tool_calls": [
                {"index": 0, "id": "call-a", "function": {"name": "read_file", "arguments": arguments}}]}}]}),
        ],
        ProviderKind::Anthropic => vec![
            json!({"type": "message_start", "message": {"id": RESPONSE_ID}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "call-a", "name": "read_file", "input": {}}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": arguments}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}),
            json!({"type": "message_stop"}),
        ],
        ProviderKind::Gemini => return None,
    };
    Some(with_end(kind, &all))
}

/// One event with this text.
pub(super) fn piece(kind: ProviderKind, text: &str) -> String {
    let data = match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
        ProviderKind::Anthropic => {
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        }
        ProviderKind::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
    };
    event(kind, &data)
}

/// An error that comes in the middle of a stream and says that the provider has too much to do.
pub(super) fn overloaded(kind: ProviderKind) -> String {
    let data = match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => {
            json!({"error": {"message": "too much to do", "type": "server_error", "code": 503}})
        }
        ProviderKind::Anthropic => {
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "too much to do"}})
        }
        ProviderKind::Gemini => json!({"error": {"code": 503, "message": "too much to do", "status": "UNAVAILABLE"}}),
    };
    event(kind, &data)
}

/// The body of an answer that is an error.
pub(super) fn refusal(kind: ProviderKind, message: &str) -> String {
    let body = match kind {
        ProviderKind::OpenAi | ProviderKind::Ollama => {
            json!({"error": {"message": message, "type": "some_error", "code": null}})
        }
        ProviderKind::Anthropic => json!({"type": "error", "error": {"type": "some_error", "message": message}}),
        ProviderKind::Gemini => json!([{"error": {"code": 0, "message": message, "status": "SOME_STATUS"}}]),
    };
    body.to_string()
}

fn with_end(kind: ProviderKind, all: &[Value]) -> Vec<String> {
    let mut frames: Vec<String> = all.iter().map(|data| event(kind, data)).collect();
    if matches!(kind, ProviderKind::OpenAi | ProviderKind::Ollama) {
        frames.push("data: [DONE]\n\n".to_owned());
    }
    frames
}
