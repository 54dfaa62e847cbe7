//! The frames of Gemini.

use serde_json::Value;

use super::reading::{Arrived, count};
use crate::model::ModelErrorKind;

/// Reads one `GenerateContentResponse`.
pub(super) fn read(arrived: &mut Arrived, frame: &Value) {
    arrived.response_id(frame["responseId"].as_str());
    usage(arrived, &frame["usageMetadata"]);
    if let Some(reason) = frame.pointer("/promptFeedback/blockReason").and_then(Value::as_str) {
        arrived.fail(ModelErrorKind::Refused, format!("the provider blocks this prompt: {reason}"));
    }
    let candidate = &frame["candidates"][0];
    for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
        if let Some(call) = part["functionCall"].as_object() {
            let text = |field: &str| call.get(field).and_then(Value::as_str).unwrap_or_default();
            arrived.call(None, text("id"), text("name"));
            if let Some(arguments) = call.get("args") {
                arrived.arguments(None, &arguments.to_string());
            }
        } else if part["thought"] == true {
            arrived.reasoning();
        } else {
            arrived.text(part["text"].as_str().unwrap_or_default());
        }
    }
    arrived.finish_reason(candidate["finishReason"].as_str());
    // There is no end marker but the reason for the end.
    arrived.whole = arrived.reply.finish_reason.is_some();
}

/// Gemini counts thoughts beside the answer, and what tools put into the prompt beside the prompt.
fn usage(arrived: &mut Arrived, told: &Value) {
    if !told.is_object() {
        return;
    }
    let usage = arrived.usage();
    let of = |path: &str| count(told, path);
    if let Some(prompt) = of("/promptTokenCount") {
        usage.prompt_tokens = prompt.saturating_add(of("/toolUsePromptTokenCount").unwrap_or(0));
    }
    usage.cached_prompt_tokens = of("/cachedContentTokenCount").unwrap_or(usage.cached_prompt_tokens);
    let thoughts = of("/thoughtsTokenCount");
    usage.reasoning_tokens = thoughts.unwrap_or(usage.reasoning_tokens);
    if of("/candidatesTokenCount").is_some() || thoughts.is_some() {
        let answer = of("/candidatesTokenCount").unwrap_or(0);
        usage.completion_tokens = answer.saturating_add(usage.reasoning_tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ToolRequest;
    use crate::model::Usage;
    use crate::providers::ProviderKind;
    use crate::providers::reading::tests::read_all;

    #[test]
    fn parts_become_text_and_calls_and_thoughts_only_progress() {
        let (arrived, meter) = read_all(
            ProviderKind::Gemini,
            &[
                r#"{"responseId":"g1","candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Hi"}]}}],"usageMetadata":{"promptTokenCount":8,"toolUsePromptTokenCount":2}}"#,
                r#"{"responseId":"g1","candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"read","args":{"b":1,"a":2}}},{"functionCall":{"name":"list"}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":8,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":3}}"#,
            ],
        );
        let reply = arrived.into_reply();
        assert_eq!((reply.text.as_str(), reply.response_id.as_deref()), ("Hi", Some("g1")));
        assert_eq!(reply.finish_reason.as_deref(), Some("STOP"));
        assert_eq!(reply.tool_calls.len(), 2);
        let arguments: Value = serde_json::from_str(&reply.tool_calls[0].arguments).unwrap();
        assert_eq!(arguments, serde_json::json!({"a": 2, "b": 1}));
        let bare = ToolRequest { id: String::new(), name: "list".into(), arguments: String::new() };
        assert_eq!(reply.tool_calls[1], bare);
        let usage = Usage {
            prompt_tokens: 8,
            completion_tokens: 8,
            cached_prompt_tokens: 4,
            cache_write_tokens: 0,
            reasoning_tokens: 3,
        };
        assert_eq!(reply.usage, Some(usage));
        assert_eq!(meter.chunks(), 2);
    }

    #[test]
    fn a_blocked_prompt_is_a_refusal() {
        let (arrived, _) = read_all(ProviderKind::Gemini, &[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#]);
        let (kind, message) = arrived.failure.unwrap();
        assert_eq!(kind, ModelErrorKind::Refused);
        assert!(message.contains("SAFETY"), "{message}");
    }
}
