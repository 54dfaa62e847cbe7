//! The frames of chat completions, as OpenAI and its many likes send them.

use serde_json::Value;

use super::reading::{Arrived, count};

/// Reads one `chat.completion.chunk`.
pub(super) fn read(arrived: &mut Arrived, frame: &Value) {
    arrived.response_id(frame["id"].as_str());
    if frame["usage"].is_object() {
        usage(arrived, &frame["usage"]);
    }
    let choice = &frame["choices"][0];
    let delta = &choice["delta"];
    content(arrived, &delta["content"]);
    arrived.text(delta["refusal"].as_str().unwrap_or_default());
    for field in ["reasoning_content", "reasoning"] {
        if delta[field].as_str().is_some_and(|text| !text.is_empty()) {
            arrived.reasoning();
        }
    }
    for call in delta["tool_calls"].as_array().into_iter().flatten() {
        tool_call(arrived, call);
    }
    arrived.finish_reason(choice["finish_reason"].as_str());
}

/// Text, or a list of typed parts.
fn content(arrived: &mut Arrived, content: &Value) {
    if let Some(text) = content.as_str() {
        arrived.text(text);
    }
    for part in content.as_array().into_iter().flatten() {
        match part["text"].as_str() {
            Some(text) if part["type"] == "text" => arrived.text(text),
            _ => arrived.reasoning(),
        }
    }
}

/// A call, or a further piece of it. The index says which call it is; servers that leave it out send whole calls.
fn tool_call(arrived: &mut Arrived, call: &Value) {
    let index = call["index"].as_u64();
    let id = call["id"].as_str().unwrap_or_default();
    let function = &call["function"];
    let name = function["name"].as_str().unwrap_or_default();
    let begins = match index {
        Some(index) => arrived.is_another(index, id),
        None => !id.is_empty() || !name.is_empty(),
    };
    if begins {
        arrived.call(index, id, name);
    } else {
        arrived.name(index, name);
    }
    match &function["arguments"] {
        Value::String(piece) => arrived.arguments(index, piece),
        whole @ (Value::Object(_) | Value::Array(_)) => arrived.arguments(index, &whole.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn usage(arrived: &mut Arrived, told: &Value) {
    let usage = arrived.usage();
    usage.prompt_tokens = count(told, "/prompt_tokens").unwrap_or(usage.prompt_tokens);
    usage.completion_tokens = count(told, "/completion_tokens").unwrap_or(usage.completion_tokens);
    usage.cached_prompt_tokens =
        count(told, "/prompt_tokens_details/cached_tokens").unwrap_or(usage.cached_prompt_tokens);
    usage.cache_write_tokens =
        count(told, "/prompt_tokens_details/cache_write_tokens").unwrap_or(usage.cache_write_tokens);
    usage.reasoning_tokens =
        count(told, "/completion_tokens_details/reasoning_tokens").unwrap_or(usage.reasoning_tokens);
    if let Some(nanos) = told["cost"].as_f64().and_then(nanos) {
        arrived.reply.cost_nanos = Some(nanos);
    }
}

/// Dollars as OpenRouter states them, in nano-dollars. A float holds every nano-dollar up to some millions of
/// dollars, so that rounding gives the number that was written.
fn nanos(dollars: f64) -> Option<u64> {
    (0.0..1e6).contains(&dollars).then(|| (dollars * 1e9).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ToolRequest;
    use crate::model::Usage;
    use crate::providers::ProviderKind;
    use crate::providers::reading::tests::read_all;

    fn calls(frames: &[&str]) -> Vec<ToolRequest> {
        read_all(ProviderKind::OpenAi, frames).0.into_reply().tool_calls
    }

    fn request(id: &str, name: &str, arguments: &str) -> ToolRequest {
        ToolRequest { id: id.into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn pieces_of_two_calls_are_put_together_by_their_index() {
        let found = calls(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"read","arguments":""}},{"index":1,"id":"b","function":{"name":"list","arguments":"{\"p"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"ath\":1}"}},{"index":0,"function":{"arguments":"{"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"read","arguments":" }"}}]}}]}"#,
        ]);
        assert_eq!(found, [request("a", "read", "{ }"), request("b", "list", r#"{"path":1}"#)]);
    }

    #[test]
    fn servers_that_give_every_call_the_index_zero_or_none_are_understood() {
        let zero = calls(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"[]"}}]}}]}"#,
        ]);
        assert_eq!(zero, [request("a", "f", "{}"), request("b", "f", "[]")]);
        let none = calls(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":1}}},{"function":{"name":"g"}}]}}]}"#,
        ]);
        assert_eq!(none, [request("a", "f", r#"{"x":1}"#), request("", "g", "")]);
    }

    #[test]
    fn a_name_that_follows_its_id_is_kept() {
        let found = calls(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a"}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]}"#,
        ]);
        assert_eq!(found, [request("a", "f", "{}")]);
    }

    #[test]
    fn usage_cost_and_typed_content_are_read() {
        let (arrived, meter) = read_all(
            ProviderKind::OpenAi,
            &[
                r#"{"id":"r-1","choices":[{"delta":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"hi"}]}}],"usage":null}"#,
                r#"{"id":"r-2","choices":[{"delta":{"reasoning":"hm"},"finish_reason":"stop"}]}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":1},"cost":0.00014013}}"#,
            ],
        );
        let reply = arrived.into_reply();
        assert_eq!((reply.text.as_str(), reply.response_id.as_deref()), ("hi", Some("r-1")));
        assert_eq!((reply.finish_reason.as_deref(), reply.cost_nanos), (Some("stop"), Some(140_130)));
        let usage = Usage {
            prompt_tokens: 9,
            completion_tokens: 4,
            cached_prompt_tokens: 3,
            cache_write_tokens: 2,
            reasoning_tokens: 1,
        };
        assert_eq!(reply.usage, Some(usage));
        assert_eq!((meter.chunks(), meter.text_bytes()), (2, 2));
    }

    #[test]
    fn a_cost_is_exact_or_not_told() {
        assert_eq!(nanos(0.000_000_001), Some(1));
        assert_eq!(nanos(12.345_678_901), Some(12_345_678_901));
        for odd in [-0.1, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(nanos(odd), None);
        }
    }
}
