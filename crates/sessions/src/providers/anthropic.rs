//! The frames of Anthropic's messages.

use serde_json::Value;

use super::reading::{Arrived, count};

/// Reads one event.
pub(super) fn read(arrived: &mut Arrived, frame: &Value) {
    match frame["type"].as_str() {
        Some("message_start") => {
            arrived.response_id(frame.pointer("/message/id").and_then(Value::as_str));
            usage(arrived, &frame["message"]["usage"]);
        }
        Some("content_block_start") => block_start(arrived, frame["index"].as_u64(), &frame["content_block"]),
        Some("content_block_delta") => block_delta(arrived, frame["index"].as_u64(), &frame["delta"]),
        Some("message_delta") => {
            arrived.finish_reason(frame.pointer("/delta/stop_reason").and_then(Value::as_str));
            usage(arrived, &frame["usage"]);
        }
        Some("message_stop") => arrived.whole = true,
        _ => {}
    }
}

fn block_start(arrived: &mut Arrived, index: Option<u64>, block: &Value) {
    match block["type"].as_str() {
        Some("text") => arrived.text(block["text"].as_str().unwrap_or_default()),
        Some("tool_use") => {
            let text = |field: &str| block[field].as_str().unwrap_or_default();
            arrived.call(index, text("id"), text("name"));
            // The arguments follow in pieces; gateways that send them at once do it here.
            if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
                arrived.arguments(index, &block["input"].to_string());
            }
        }
        Some("thinking" | "redacted_thinking") => arrived.reasoning(),
        _ => {}
    }
}

fn block_delta(arrived: &mut Arrived, index: Option<u64>, delta: &Value) {
    match delta["type"].as_str() {
        Some("text_delta") => arrived.text(delta["text"].as_str().unwrap_or_default()),
        Some("input_json_delta") => arrived.arguments(index, delta["partial_json"].as_str().unwrap_or_default()),
        Some("thinking_delta" | "signature_delta") => arrived.reasoning(),
        _ => {}
    }
}

/// Anthropic counts what comes from and goes to the cache beside the input, not within it.
fn usage(arrived: &mut Arrived, told: &Value) {
    if !told.is_object() {
        return;
    }
    let usage = arrived.usage();
    let from_cache = usage.cached_prompt_tokens.saturating_add(usage.cache_write_tokens);
    let uncached = usage.prompt_tokens.saturating_sub(from_cache);
    let uncached = count(told, "/input_tokens").unwrap_or(uncached);
    usage.cached_prompt_tokens = count(told, "/cache_read_input_tokens").unwrap_or(usage.cached_prompt_tokens);
    usage.cache_write_tokens = count(told, "/cache_creation_input_tokens").unwrap_or(usage.cache_write_tokens);
    usage.prompt_tokens = uncached.saturating_add(usage.cached_prompt_tokens).saturating_add(usage.cache_write_tokens);
    usage.completion_tokens = count(told, "/output_tokens").unwrap_or(usage.completion_tokens);
    usage.reasoning_tokens = count(told, "/output_tokens_details/thinking_tokens").unwrap_or(usage.reasoning_tokens);
}

#[cfg(test)]
mod tests {
    use crate::message::ToolRequest;
    use crate::model::Usage;
    use crate::providers::ProviderKind;
    use crate::providers::reading::tests::read_all;

    #[test]
    fn a_message_is_read_block_by_block() {
        let (arrived, meter) = read_all(
            ProviderKind::Anthropic,
            &[
                r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":7,"output_tokens":1}}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}"#,
                r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"read","input":{}}}"#,
                r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\": "}}"#,
                r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1"}}"#,
                r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"list","input":{"p":"."}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":55,"output_tokens_details":{"thinking_tokens":20}}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        );
        let reply = arrived.into_reply();
        assert_eq!((reply.text.as_str(), reply.response_id.as_deref()), ("Hello", Some("msg_1")));
        assert_eq!(reply.finish_reason.as_deref(), Some("tool_use"));
        let request = |id: &str, name: &str, arguments: &str| ToolRequest {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        };
        assert_eq!(reply.tool_calls, [request("t1", "read", "{\"a\": 1"), request("t2", "list", r#"{"p":"."}"#)]);
        let usage = Usage {
            prompt_tokens: 117,
            completion_tokens: 55,
            cached_prompt_tokens: 100,
            cache_write_tokens: 7,
            reasoning_tokens: 20,
        };
        assert_eq!(reply.usage, Some(usage));
        // Two for the thinking, one for the text, two calls and two pieces: neither the ping nor the frame counts.
        assert_eq!(meter.chunks(), 7);
    }

    #[test]
    fn counts_that_come_only_at_the_end_are_added_up_the_same() {
        let (arrived, _) = read_all(
            ProviderKind::Anthropic,
            &[
                r#"{"type":"message_start","message":{"id":"m"}}"#,
                r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":2,"cache_read_input_tokens":3,"output_tokens":4}}"#,
                r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":2,"cache_read_input_tokens":3,"output_tokens":5}}"#,
            ],
        );
        let usage = arrived.reply.usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.cached_prompt_tokens, usage.completion_tokens), (5, 3, 5));
    }

    #[test]
    fn counts_beyond_all_reason_overflow_nothing() {
        let most = u64::MAX;
        let usage = format!(
            r#"{{"input_tokens":{most},"cache_read_input_tokens":{most},"cache_creation_input_tokens":{most},"output_tokens":{most}}}"#
        );
        let frame = format!(r#"{{"type":"message_delta","delta":{{}},"usage":{usage}}}"#);
        let (arrived, _) = read_all(ProviderKind::Anthropic, &[&frame, &frame]);
        assert_eq!(arrived.reply.usage.unwrap().prompt_tokens, most);
    }
}
