//! Messages that are flattened into attributes with numbers in their names.
//!
//! ```text
//! llm.input_messages.0.message.role                                      OpenInference
//! llm.input_messages.0.message.contents.1.message_content.text
//! llm.output_messages.0.message.tool_calls.2.tool_call.function.name
//! gen_ai.prompt.0.role                                                    Traceloop
//! gen_ai.completion.0.tool_calls.2.name
//! ```

use std::collections::BTreeMap;

use flightrec_events::MessageRole;
use serde_json::{Map, Value, json};

use super::messages::from_value;
use crate::attributes::{Attributes, any_json, parse};
use crate::facts::Message;
use crate::otlp::model::Any;

/// Parts of a name that only repeat what the part before it says.
const REPETITIONS: [&str; 4] = ["message", "message_content", "tool_call", "function"];

/// One message, as far as it has been read.
#[derive(Debug, Default)]
struct Draft<'a> {
    fields: BTreeMap<&'a str, Value>,
    parts: BTreeMap<u32, Map<String, Value>>,
    calls: BTreeMap<u32, Map<String, Value>>,
}

/// The messages under these beginnings of names: what the model was given, then what it answered.
///
/// The attributes are walked once, however many messages there are and whatever their numbers.
pub(super) fn messages(attributes: &Attributes<'_>, given: &str, answered: &str) -> Vec<Message<'static>> {
    let mut drafts: BTreeMap<(bool, u32), Draft<'_>> = BTreeMap::new();
    for (key, any) in attributes.iter() {
        if let Some(name) = key.strip_prefix(given) {
            add(&mut drafts, false, name, any);
        } else if let Some(name) = key.strip_prefix(answered) {
            add(&mut drafts, true, name, any);
        }
    }
    let mut messages = Vec::new();
    for ((is_answer, _), draft) in drafts {
        let role = if is_answer { MessageRole::Assistant } else { MessageRole::User };
        messages.extend(from_value(&draft.into_message(), role, is_answer));
    }
    messages
}

/// Puts one attribute into the message that its name tells.
fn add<'a>(drafts: &mut BTreeMap<(bool, u32), Draft<'a>>, is_answer: bool, name: &'a str, any: &Any) {
    let mut path = name.split('.').filter(|part| !REPETITIONS.contains(part));
    let Some(number) = path.next().and_then(|part| part.parse().ok()) else { return };
    let Some(field) = path.next() else { return };
    let draft = drafts.entry((is_answer, number)).or_default();
    let list = match field {
        "contents" => &mut draft.parts,
        "tool_calls" => &mut draft.calls,
        _ => {
            draft.fields.entry(field).or_insert_with(|| any_json(any));
            return;
        }
    };
    let Some(number) = path.next().and_then(|part| part.parse().ok()) else { return };
    let member = path.collect::<Vec<_>>().join(".");
    if !member.is_empty() {
        list.entry(number).or_default().entry(member).or_insert_with(|| any_json(any));
    }
}

impl Draft<'_> {
    /// The message as OpenAI's chat has it.
    fn into_message(mut self) -> Value {
        let is_text = |part: &Map<String, Value>| part.get("type").and_then(Value::as_str) == Some("text");
        let content = self.fields.remove("content").filter(|content| !content.is_null()).map(in_parts);
        let has_text = self.parts.values().any(is_text);
        let mut parts: Vec<Value> = self.parts.into_values().map(Value::Object).collect();
        let mut message = Map::new();
        match content {
            // The text stands in both places: the parts tell more.
            _ if has_text => drop(message.insert("content".to_owned(), Value::Array(parts))),
            Some(content) if parts.is_empty() => drop(message.insert("content".to_owned(), content)),
            Some(content) => {
                parts.push(json!({ "type": "text", "text": content }));
                message.insert("content".to_owned(), Value::Array(parts));
            }
            None if parts.is_empty() => {}
            None => drop(message.insert("content".to_owned(), Value::Array(parts))),
        }
        for field in ["role", "tool_call_id"] {
            if let Some(value) = self.fields.remove(field) {
                message.insert(field.to_owned(), value);
            }
        }
        let mut calls: Vec<Value> = self.calls.into_values().map(call).collect();
        if let Some(name) = self.fields.remove("function_call_name") {
            let arguments = self.fields.remove("function_call_arguments_json").unwrap_or_default();
            calls.push(json!({ "function": { "name": name, "arguments": arguments } }));
        }
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        Value::Object(message)
    }
}

/// Content that was written as JSON because it has parts, as those parts.
fn in_parts(content: Value) -> Value {
    let is_part = |part: &Value| part.get("type").is_some_and(Value::is_string);
    let parsed = content.as_str().filter(|text| text.starts_with("[{")).and_then(parse);
    match parsed {
        Some(Value::Array(parts)) if parts.iter().all(is_part) => Value::Array(parts),
        Some(_) | None => content,
    }
}

fn call(mut told: Map<String, Value>) -> Value {
    let mut function = Map::new();
    for member in ["name", "arguments"] {
        if let Some(value) = told.remove(member) {
            function.insert(member.to_owned(), value);
        }
    }
    let mut call = Map::new();
    call.insert("function".to_owned(), Value::Object(function));
    if let Some(id) = told.remove("id") {
        call.insert("id".to_owned(), id);
    }
    Value::Object(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::fixtures;

    fn told(attributes: &Value, given: &str, answered: &str) -> Vec<(MessageRole, String, Option<String>)> {
        let span = fixtures::span("chat", attributes);
        let plain = |message: Message<'_>| {
            (message.role, message.content.into_owned(), message.tool_call_id.map(std::borrow::Cow::into_owned))
        };
        messages(&Attributes::new(&span.attributes), given, answered).into_iter().map(plain).collect()
    }

    fn exchange() -> Vec<(MessageRole, String, Option<String>)> {
        let message = |role, content: &str, id: Option<&str>| (role, content.to_owned(), id.map(str::to_owned));
        vec![
            message(MessageRole::System, "Be brief.", None),
            message(MessageRole::User, "Hello", None),
            message(MessageRole::ToolResult, "42", Some("c1")),
            message(MessageRole::Assistant, "Wait.", None),
            message(MessageRole::ToolCall, r#"{"arguments":{"x":1},"name":"f"}"#, Some("c2")),
        ]
    }

    #[test]
    fn messages_are_gathered_from_openinference_keys_in_any_order() {
        let attributes = json!({
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": r#"{"x": 1}"#,
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c2",
            "llm.output_messages.0.message.content": "Wait.",
            "llm.output_messages.0.message.contents.0.message_content.type": "text",
            "llm.output_messages.0.message.contents.0.message_content.text": "Wait.",
            "llm.output_messages.0.message.role": "assistant",
            "llm.input_messages.10.message.role": "tool",
            "llm.input_messages.10.message.content": "42",
            "llm.input_messages.10.message.tool_call_id": "c1",
            "llm.input_messages.2.message.contents.0.message_content.text": "Hello",
            "llm.input_messages.2.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.content": "Be brief.",
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.x.message.role": "no number",
            "llm.input_messages.7": "no field",
        });
        assert_eq!(told(&attributes, "llm.input_messages.", "llm.output_messages."), exchange());
    }

    #[test]
    fn messages_are_gathered_from_traceloop_keys() {
        let attributes = json!({
            "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": r#"[{"type":"text","text":"Hello"}]"#,
            "gen_ai.prompt.2.role": "tool", "gen_ai.prompt.2.content": "42", "gen_ai.prompt.2.tool_call_id": "c1",
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Wait.",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id": "c2", "gen_ai.completion.0.tool_calls.0.name": "f",
            "gen_ai.completion.0.tool_calls.0.arguments": r#"{"x":1}"#,
        });
        assert_eq!(told(&attributes, "gen_ai.prompt.", "gen_ai.completion."), exchange());
    }

    #[test]
    fn a_thought_stays_beside_the_text() {
        let attributes = json!({
            "out.0.message.content": "Done.",
            "out.0.message.contents.0.message_content.type": "reasoning",
            "out.0.message.contents.0.message_content.text": "need maths",
        });
        let roles: Vec<_> =
            told(&attributes, "in.", "out.").into_iter().map(|(role, content, _)| (role, content)).collect();
        let thought = r#"{"content":"need maths","type":"reasoning"}"#.to_owned();
        assert_eq!(roles, [(MessageRole::Assistant, thought), (MessageRole::Assistant, "Done.".to_owned())]);
    }

    #[test]
    fn ten_thousand_messages_are_gathered_in_one_walk() {
        let mut attributes = Map::new();
        for number in 0..10_000 {
            attributes.insert(format!("in.{number}.message.content"), Value::from(format!("message {number}")));
        }
        let messages = told(&Value::Object(attributes), "in.", "out.");
        assert_eq!(messages.len(), 10_000);
        assert_eq!(messages[9_999].1, "message 9999");
    }
}
