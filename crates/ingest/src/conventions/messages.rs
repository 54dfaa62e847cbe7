//! Messages of a thread, in whichever form they are told, brought to one form.
//!
//! Understood are the parts of OpenTelemetry, OpenAI's chat messages and response items, Anthropic's and
//! Bedrock's content blocks, Gemini's parts, LangChain's serialised messages and the Vercel AI SDK's model
//! messages. Whatever cannot be understood is kept as compact JSON.
//!
//! One message of the source becomes one [`Message`] for each run of its text, one for each tool call it
//! asks for, one for each tool's answer and one for each piece of reasoning, so that it makes no difference
//! whether a source tells them in one message or in several. Nothing else but what is said is looked at, so
//! an answer and its repetition in a later request come out alike.

use std::borrow::Cow;

use flightrec_events::MessageRole;
use serde_json::{Map, Value};

use crate::attributes::{compact, json};
use crate::facts::Message;
use crate::otlp::model::{Any, AnyValue};

/// Messages from an attribute that holds JSON; text that is no JSON is one message.
pub(crate) fn from_json(text: &str, is_answer: bool) -> Vec<Message<'static>> {
    from_value(&parsed(text), spoken_by(is_answer), is_answer)
}

/// Messages from a structured attribute or body; one that holds text is read as JSON.
pub(crate) fn from_any(value: &AnyValue, is_answer: bool) -> Vec<Message<'static>> {
    from_value(&parsed_any(value), spoken_by(is_answer), is_answer)
}

/// The instructions that a model was given apart from its messages.
pub(crate) fn instructions(value: &AnyValue) -> Vec<Message<'static>> {
    from_value(&parsed_any(value), MessageRole::System, false)
}

/// Messages from a JSON value; those that name no role are `default_role`'s.
pub(crate) fn from_value(value: &Value, default_role: MessageRole, is_answer: bool) -> Vec<Message<'static>> {
    let mut reader = Reader { is_answer, messages: Vec::new() };
    reader.value(value, &Speaker { role: default_role, call_id: None });
    reader.messages
}

/// Text as it is, anything else as compact JSON with sorted keys.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => compact(value.clone()),
    }
}

const fn spoken_by(is_answer: bool) -> MessageRole {
    if is_answer { MessageRole::Assistant } else { MessageRole::User }
}

/// JSON where the text is a JSON array, object or string; else the text.
fn parsed(text: &str) -> Value {
    let opens_json = text.trim_start().starts_with(['[', '{', '"']);
    let value = if opens_json { serde_json::from_str(text).ok() } else { None };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn parsed_any(value: &AnyValue) -> Value {
    match &value.value {
        Some(Any::Str(text)) => parsed(text),
        Some(Any::Bool(_) | Any::Int(_) | Any::Double(_) | Any::Array(_) | Any::Map(_) | Any::Bytes(_)) | None => {
            json(value)
        }
    }
}

fn role(name: &str) -> Option<MessageRole> {
    Some(match name {
        "system" | "developer" | "SystemMessage" => MessageRole::System,
        "user" | "human" | "HumanMessage" | "HumanMessageChunk" => MessageRole::User,
        "assistant" | "model" | "ai" | "AIMessage" | "AIMessageChunk" => MessageRole::Assistant,
        "tool" | "function" | "ToolMessage" | "FunctionMessage" => MessageRole::ToolResult,
        _ => return None,
    })
}

/// Who speaks, and which tool call an answer of a tool answers.
struct Speaker<'v> {
    role: MessageRole,
    call_id: Option<&'v str>,
}

/// What a part of a message says.
enum Part<'v> {
    Text(Cow<'v, str>),
    Reasoning(String),
    Call { id: Option<&'v str>, name: Option<&'v str>, arguments: Option<&'v Value> },
    Result { id: Option<&'v str>, content: Option<&'v Value> },
    Other(&'v Value),
}

struct Reader {
    is_answer: bool,
    messages: Vec<Message<'static>>,
}

impl Reader {
    /// Reads a list of messages, one message, a list of parts, a part or a text.
    fn value(&mut self, value: &Value, speaker: &Speaker<'_>) {
        match value {
            Value::Null => {}
            Value::Array(items) if items.iter().any(is_envelope) => {
                for item in items {
                    self.value(item, speaker);
                }
            }
            Value::Array(items) => self.parts(items, speaker),
            Value::Object(map) if is_envelope(value) => self.envelope(map, speaker),
            Value::Object(_) | Value::String(_) | Value::Bool(_) | Value::Number(_) => {
                self.parts(std::slice::from_ref(value), speaker);
            }
        }
    }

    /// Reads an object that is a message or holds messages.
    fn envelope(&mut self, map: &Map<String, Value>, outer: &Speaker<'_>) {
        if let Some(system) = map.get("system").or_else(|| map.get("instructions")) {
            self.value(system, &Speaker { role: MessageRole::System, call_id: None });
        }
        let named = text(map, &["role", "type"]).and_then(role).or_else(|| class(map).and_then(role));
        let role = named.unwrap_or(outer.role);
        let call_id = text(map, &["tool_call_id", "id"]).filter(|_| role == MessageRole::ToolResult);
        let speaker = Speaker { role, call_id: call_id.or(outer.call_id) };
        for key in ["messages", "input", "candidates", "choices", "message", "kwargs"] {
            if let Some(inner @ (Value::Array(_) | Value::Object(_))) = map.get(key) {
                self.value(inner, &speaker);
            }
        }
        for key in ["parts", "content"] {
            if let Some(inner) = map.get(key) {
                self.value(inner, &speaker);
            }
        }
        if let Some(Value::Array(calls)) = map.get("tool_calls") {
            self.parts(calls, &speaker);
        }
        if let Some(Value::Object(call)) = map.get("function_call") {
            self.call(None, text(call, &["name"]), call.get("arguments"));
        }
    }

    /// Reads what one speaker says: runs of text and unknown parts become one message each.
    fn parts(&mut self, parts: &[Value], speaker: &Speaker<'_>) {
        let mut run: Vec<Part<'_>> = Vec::new();
        for value in parts {
            match part(value) {
                said @ (Part::Text(_) | Part::Other(_)) => run.push(said),
                Part::Reasoning(thought) => {
                    self.end_run(&mut run, speaker);
                    self.reasoning(&thought);
                }
                Part::Call { id, name, arguments } => {
                    self.end_run(&mut run, speaker);
                    self.call(id, name, arguments);
                }
                Part::Result { id, content } => {
                    self.end_run(&mut run, speaker);
                    if let Some(content) = content {
                        self.push(MessageRole::ToolResult, answer(content), id.or(speaker.call_id));
                    }
                }
            }
        }
        self.end_run(&mut run, speaker);
    }

    fn end_run(&mut self, run: &mut Vec<Part<'_>>, speaker: &Speaker<'_>) {
        let said = spoken(run);
        run.clear();
        let is_answer_of_tool = speaker.role == MessageRole::ToolResult;
        match said {
            Some(content) if !content.is_empty() || is_answer_of_tool => {
                self.push(speaker.role, content, speaker.call_id);
            }
            Some(_) | None => {}
        }
    }

    fn reasoning(&mut self, thought: &str) {
        if !thought.is_empty() {
            let content = serde_json::json!({ "content": thought, "type": "reasoning" });
            self.push(MessageRole::Assistant, compact(content.clone()), None);
        }
    }

    fn call(&mut self, id: Option<&str>, name: Option<&str>, arguments: Option<&Value>) {
        let mut content = Map::new();
        if let Some(arguments) = arguments {
            let structured = arguments.as_str().map(parsed);
            content.insert("arguments".to_owned(), structured.unwrap_or_else(|| arguments.clone()));
        }
        if let Some(name) = name {
            content.insert("name".to_owned(), Value::from(name));
        }
        if !content.is_empty() {
            self.push(MessageRole::ToolCall, compact(Value::Object(content)), id);
        }
    }

    fn push(&mut self, role: MessageRole, content: String, call_id: Option<&str>) {
        self.messages.push(Message {
            role,
            content: Cow::Owned(content),
            tool_call_id: call_id.map(|id| Cow::Owned(id.to_owned())),
            is_answer: self.is_answer,
        });
    }
}

/// Whether a value is a message or holds messages, rather than being a part of one.
fn is_envelope(value: &Value) -> bool {
    const HOLDERS: [&str; 7] = ["parts", "tool_calls", "message", "messages", "candidates", "choices", "kwargs"];
    let Value::Object(map) = value else {
        return value.is_array();
    };
    let holds = |key: &&str| map.get(*key).is_some_and(|inner| inner.is_array() || inner.is_object());
    let kind = text(map, &["type"]);
    text(map, &["role"]).is_some()
        || HOLDERS.iter().any(holds)
        || map.contains_key("content") && kind.is_none_or(|kind| role(kind).is_some())
}

/// The class of a message that LangChain serialised.
fn class(map: &Map<String, Value>) -> Option<&str> {
    map.get("id")?.as_array()?.last()?.as_str()
}

fn part(value: &Value) -> Part<'_> {
    let Value::Object(map) = value else {
        return value.as_str().map_or(Part::Other(value), |text| Part::Text(Cow::Borrowed(text)));
    };
    match text(map, &["type"]) {
        Some("text" | "input_text" | "output_text" | "refusal") => {
            let said = text(map, &["content", "text", "refusal"]);
            said.map_or(Part::Other(value), |text| Part::Text(Cow::Borrowed(text)))
        }
        Some("reasoning" | "thinking") => Part::Reasoning(thought(map)),
        Some("tool_call" | "tool_use" | "server_tool_use" | "function_call" | "custom_tool_call" | "tool-call") => {
            call(map)
        }
        Some(
            "tool_call_response" | "tool_result" | "function_call_output" | "custom_tool_call_output" | "tool-result",
        ) => result(map),
        Some(_) | None => untyped(value, map),
    }
}

/// Parts that are told apart by the one key they hold.
fn untyped<'v>(value: &'v Value, map: &'v Map<String, Value>) -> Part<'v> {
    let object = |keys: [&str; 2]| keys.iter().find_map(|key| map.get(*key).and_then(Value::as_object));
    if let Some(said) = text(map, &["text"]).filter(|_| !map.contains_key("type")) {
        let is_thought = map.get("thought").and_then(Value::as_bool).unwrap_or(false);
        return if is_thought { Part::Reasoning(said.to_owned()) } else { Part::Text(Cow::Borrowed(said)) };
    }
    if let Some(function) = object(["function", "function"]) {
        let (name, arguments) = (text(function, &["name"]), function.get("arguments"));
        return Part::Call { id: text(map, &["id"]), name, arguments };
    }
    if let Some(inner) = object(["toolUse", "tool_use"]).or_else(|| object(["functionCall", "function_call"])) {
        return call(inner);
    }
    if let Some(inner) =
        object(["toolResult", "tool_result"]).or_else(|| object(["functionResponse", "function_response"]))
    {
        return result(inner);
    }
    if let Some(inner) = object(["reasoningContent", "reasoning_content"]) {
        let inner = inner.get("reasoningText").and_then(Value::as_object).unwrap_or(inner);
        return Part::Reasoning(thought(inner));
    }
    Part::Other(value)
}

fn call(map: &Map<String, Value>) -> Part<'_> {
    Part::Call {
        id: text(map, &["call_id", "toolCallId", "toolUseId", "tool_call_id", "id"]),
        name: text(map, &["name", "toolName", "tool_name"]),
        arguments: first(map, &["arguments", "input", "args"]),
    }
}

fn result(map: &Map<String, Value>) -> Part<'_> {
    Part::Result {
        id: text(map, &["tool_use_id", "call_id", "toolCallId", "toolUseId", "tool_call_id", "id"]),
        content: first(map, &["response", "result", "output", "content"]),
    }
}

fn thought(map: &Map<String, Value>) -> String {
    match first(map, &["content", "text", "thinking", "reasoning", "summary"]) {
        Some(Value::Array(pieces)) => joined(pieces.iter().filter_map(words)),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => String::new(),
    }
}

/// What a run of parts says: their text, one a line, if all are text; else their JSON.
fn spoken(run: &[Part<'_>]) -> Option<String> {
    let texts = run.iter().map(|part| match part {
        Part::Text(text) => Some(text.as_ref()),
        Part::Reasoning(_) | Part::Call { .. } | Part::Result { .. } | Part::Other(_) => None,
    });
    if let Some(texts) = texts.collect::<Option<Vec<_>>>() {
        return if texts.is_empty() { None } else { Some(joined(texts.into_iter())) };
    }
    let mut values: Vec<Value> = run
        .iter()
        .map(|part| match part {
            Part::Text(text) => serde_json::json!({ "content": text, "type": "text" }),
            Part::Other(value) => without_absent(value),
            Part::Reasoning(_) | Part::Call { .. } | Part::Result { .. } => Value::Null,
        })
        .collect();
    if values.len() == 1 { values.pop().map(|value| plain(&value)) } else { Some(compact(Value::Array(values))) }
}

/// A tool's answer: text parts as their text, a value that says its own type as that value.
fn answer(content: &Value) -> String {
    match content {
        Value::Array(items) => match items.iter().map(words).collect::<Option<Vec<_>>>() {
            Some(texts) if !texts.is_empty() => joined(texts.into_iter()),
            Some(_) | None => match items.as_slice() {
                [Value::Object(only)] if only.contains_key("json") => plain(&only["json"]),
                _ => compact(content.clone()),
            },
        },
        Value::Object(map) => match (text(map, &["type"]), map.get("value")) {
            (Some("text" | "json" | "error-text" | "error-json"), Some(value)) => plain(value),
            (Some(_) | None, _) => compact(content.clone()),
        },
        Value::Null => String::new(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => plain(content),
    }
}

/// The text of a text part.
fn words(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(map) => match text(map, &["type"]) {
            None | Some("text" | "input_text" | "output_text" | "summary_text" | "reasoning_text") => {
                text(map, &["text", "content"])
            }
            Some(_) => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn joined<'v>(mut texts: impl Iterator<Item = &'v str>) -> String {
    let mut all = texts.next().unwrap_or_default().to_owned();
    for text in texts {
        all.push('\n');
        all.push_str(text);
    }
    all
}

/// A part without those of its fields that hold nothing.
fn without_absent(value: &Value) -> Value {
    let Value::Object(map) = value else {
        return value.clone();
    };
    let told = map.iter().filter(|(_, item)| !item.is_null());
    Value::Object(told.map(|(key, item)| (key.clone(), item.clone())).collect())
}

/// The first of these fields that holds text.
fn text<'v>(map: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v str> {
    keys.iter().find_map(|key| map.get(*key).and_then(Value::as_str))
}

/// The first of these fields that holds anything.
fn first<'v>(map: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| map.get(*key).filter(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use flightrec_events::MessageRole::{Assistant, System, ToolCall, ToolResult, User};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::conventions::fixtures;

    type Told = (MessageRole, String, Option<String>);

    fn told(messages: &[Message<'_>]) -> Vec<Told> {
        let plain = |id: &Cow<'_, str>| id.clone().into_owned();
        messages
            .iter()
            .map(|one| (one.role, one.content.clone().into_owned(), one.tool_call_id.as_ref().map(plain)))
            .collect()
    }

    fn said(role: MessageRole, content: &str) -> Told {
        (role, content.to_owned(), None)
    }

    fn tied(role: MessageRole, content: &str, id: &str) -> Told {
        (role, content.to_owned(), Some(id.to_owned()))
    }

    /// The same exchange in the words of many.
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn forms() -> Vec<(&'static str, Value)> {
        vec![
            (
                "parts of OpenTelemetry",
                json!([
                    {"role": "system", "parts": [{"content": "You supervise.", "type": "text"}]},
                    {"role": "user", "parts": [{"content": "6 by 7?", "type": "text"}], "name": null},
                    {"role": "assistant", "finish_reason": "tool_call", "parts": [
                        {"type": "text", "content": "Let me compute."},
                        {"type": "tool_call", "id": "call_1", "name": "calculator", "arguments": "{\"expr\": \"6*7\"}"}]},
                    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "42"}]},
                ]),
            ),
            (
                "parts of pydantic-ai",
                json!([
                    {"role": "system", "parts": [{"content": "You supervise.", "type": "text"}]},
                    {"role": "user", "parts": [{"content": "6 by 7?", "type": "text"}]},
                    {"role": "assistant", "parts": [{"type": "text", "content": "Let me compute."}]},
                    {"role": "assistant", "parts": [
                        {"type": "tool_call", "id": "call_1", "name": "calculator", "arguments": {"expr": "6*7"}}]},
                    {"role": "user", "parts": [{"type": "tool_call_response", "id": "call_1", "name": "calculator", "result": 42}]},
                ]),
            ),
            (
                "OpenAI's chat",
                json!([
                    {"role": "developer", "content": "You supervise."},
                    {"role": "user", "content": [{"type": "text", "text": "6 by 7?"}]},
                    {"role": "assistant", "content": "Let me compute.", "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "calculator", "arguments": "{\"expr\": \"6*7\"}"}}]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
                ]),
            ),
            (
                "OpenAI's response items",
                json!([
                    {"role": "system", "content": "You supervise."},
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "6 by 7?"}]},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me compute."}]},
                    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "calculator", "arguments": "{\"expr\":\"6*7\"}"},
                    {"type": "function_call_output", "call_id": "call_1", "output": "42"},
                ]),
            ),
            (
                "Anthropic",
                json!({"system": [{"type": "text", "text": "You supervise."}], "messages": [
                    {"role": "user", "content": "6 by 7?"},
                    {"role": "assistant", "content": [
                        {"type": "text", "text": "Let me compute."},
                        {"type": "tool_use", "id": "call_1", "name": "calculator", "input": {"expr": "6*7"}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "42"}]}]},
                ]}),
            ),
            (
                "Bedrock",
                json!([
                    {"role": "system", "content": [{"text": "You supervise."}]},
                    {"role": "user", "content": [{"text": "6 by 7?"}]},
                    {"role": "assistant", "content": [
                        {"text": "Let me compute."},
                        {"toolUse": {"toolUseId": "call_1", "name": "calculator", "input": {"expr": "6*7"}}}]},
                    {"role": "user", "content": [
                        {"toolResult": {"toolUseId": "call_1", "content": [{"text": "42"}], "status": "success"}}]},
                ]),
            ),
            (
                "Gemini",
                json!([
                    {"role": "system", "parts": [{"text": "You supervise."}]},
                    {"role": "user", "parts": [{"text": "6 by 7?"}]},
                    {"role": "model", "parts": [
                        {"text": "Let me compute."},
                        {"functionCall": {"id": "call_1", "name": "calculator", "args": {"expr": "6*7"}}}]},
                    {"role": "user", "parts": [{"functionResponse": {"id": "call_1", "name": "calculator", "response": "42"}}]},
                ]),
            ),
            (
                "LangChain",
                json!([[
                    {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "SystemMessage"],
                     "kwargs": {"content": "You supervise."}},
                    {"type": "human", "content": "6 by 7?", "id": "m1"},
                    {"type": "ai", "content": "Let me compute.", "tool_calls": [
                        {"name": "calculator", "args": {"expr": "6*7"}, "id": "call_1", "type": "tool_call"}]},
                    {"type": "tool", "content": "42", "tool_call_id": "call_1", "id": "m3"},
                ]]),
            ),
            (
                "the Vercel AI SDK",
                json!({"messages": [
                    {"role": "system", "content": "You supervise."},
                    {"role": "user", "content": [{"type": "text", "text": "6 by 7?"}]},
                    {"role": "assistant", "content": [
                        {"type": "text", "text": "Let me compute."},
                        {"type": "tool-call", "toolCallId": "call_1", "toolName": "calculator", "input": {"expr": "6*7"}}]},
                    {"role": "tool", "content": [
                        {"type": "tool-result", "toolCallId": "call_1", "toolName": "calculator", "output": {"type": "json", "value": 42}}]},
                ]}),
            ),
        ]
    }

    #[test]
    fn an_exchange_is_told_alike_in_every_form() {
        let expected = [
            said(System, "You supervise."),
            said(User, "6 by 7?"),
            said(Assistant, "Let me compute."),
            tied(ToolCall, r#"{"arguments":{"expr":"6*7"},"name":"calculator"}"#, "call_1"),
            tied(ToolResult, "42", "call_1"),
        ];
        for (form, value) in forms() {
            assert_eq!(told(&from_json(&value.to_string(), false)), expected, "{form}");
            assert_eq!(told(&from_any(&fixtures::any(&value), false)), expected, "{form}, structured");
        }
    }

    #[test]
    fn an_answer_is_what_a_later_request_repeats() {
        let answers = [
            json!([{"role": "assistant", "parts": [{"content": "Done.", "type": "text"}], "finish_reason": "stop", "name": null}]),
            json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Done."}}),
            json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Done.", "tool_calls": null}}]}),
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Done."}]}, "finishReason": "STOP"}]}),
            json!("Done."),
        ];
        for answer in answers {
            let messages = from_json(&answer.to_string(), true);
            assert_eq!(told(&messages), [said(Assistant, "Done.")], "{answer}");
            assert!(messages[0].is_answer);
        }
        let repeated = from_json(r#"[{"role":"assistant","parts":[{"content":"Done.","type":"text"}]}]"#, false);
        assert_eq!(told(&repeated), [said(Assistant, "Done.")]);
        assert!(!repeated[0].is_answer);
    }

    #[test]
    fn runs_of_text_are_one_message_and_the_rest_stands_alone() {
        let cases = [
            (json!(["one", {"type": "text", "text": "two"}]), vec![said(User, "one\ntwo")]),
            (
                json!([{"type": "text", "content": "see"}, {"type": "image", "url": "x", "alt": null}]),
                vec![said(User, r#"[{"content":"see","type":"text"},{"type":"image","url":"x"}]"#)],
            ),
            (json!([{"type": "image", "url": "x"}]), vec![said(User, r#"{"type":"image","url":"x"}"#)]),
            (
                json!([{"role": "assistant", "parts": [
                    {"type": "tool_call", "id": "a", "name": "f"},
                    {"type": "text", "content": "after"},
                    {"type": "reasoning", "content": "hm"}]}]),
                vec![
                    tied(ToolCall, r#"{"name":"f"}"#, "a"),
                    said(Assistant, "after"),
                    said(Assistant, r#"{"content":"hm","type":"reasoning"}"#),
                ],
            ),
            (
                json!([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]}]),
                vec![said(Assistant, r#"{"content":"a\nb","type":"reasoning"}"#)],
            ),
            (
                json!([{"role": "model", "parts": [{"text": "hm", "thought": true}]}]),
                vec![said(Assistant, r#"{"content":"hm","type":"reasoning"}"#)],
            ),
            (json!([{"role": "assistant", "content": ""}, {"role": "assistant", "content": null}]), vec![]),
            (json!([{"role": "tool", "tool_call_id": "a", "content": ""}]), vec![tied(ToolResult, "", "a")]),
            (json!([{"role": "tool", "id": "a"}]), vec![]),
            (
                json!([{"role": "tool", "parts": [{"type": "tool_call_response", "id": "a", "response": {"z": 1, "a": [true]}}]}]),
                vec![tied(ToolResult, r#"{"a":[true],"z":1}"#, "a")],
            ),
            (
                json!([{"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "no json"}}]),
                vec![said(ToolCall, r#"{"arguments":"no json","name":"f"}"#)],
            ),
            (json!([{"role": "narrator", "content": "x"}]), vec![said(User, "x")]),
            (json!([{"type": "error", "message": "boom"}]), vec![said(User, r#"{"message":"boom","type":"error"}"#)]),
            (json!([]), vec![]),
            (json!(null), vec![]),
        ];
        for (value, expected) in cases {
            assert_eq!(told(&from_value(&value, User, false)), expected, "{value}");
        }
    }

    #[test]
    fn text_that_is_no_message_stays_as_it_is() {
        for text in ["plain", "[not json", "42", "{\"role\":", "", "null"] {
            let expected = if text.is_empty() { vec![] } else { vec![said(User, text)] };
            assert_eq!(told(&from_json(text, false)), expected, "{text}");
        }
        assert_eq!(told(&from_json(r#"{"b":1,"a":2}"#, false)), [said(User, r#"{"a":2,"b":1}"#)]);
        assert_eq!(told(&instructions(&fixtures::any(&json!("Be brief.")))), [said(System, "Be brief.")]);
        let parts = json!([{"type": "text", "content": "Be brief."}]);
        assert_eq!(told(&instructions(&fixtures::any(&parts))), [said(System, "Be brief.")]);
        assert_eq!(told(&instructions(&fixtures::any(&json!(parts.to_string())))), [said(System, "Be brief.")]);
    }

    fn values() -> impl Strategy<Value = Value> {
        let keys = prop::sample::select(vec![
            "role",
            "type",
            "parts",
            "content",
            "text",
            "message",
            "messages",
            "tool_calls",
            "function",
            "name",
            "id",
            "arguments",
            "response",
            "kwargs",
            "system",
            "toolUse",
            "functionCall",
            "summary",
            "choices",
        ]);
        let words =
            prop::sample::select(vec!["user", "tool", "text", "tool_call", "function_call", "reasoning", "{}", "[1"]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            words.prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn whatever_comes_is_read_alike_as_text_and_structured(value in values()) {
            let as_any = told(&from_any(&fixtures::any(&value), false));
            if value.is_array() || value.is_object() {
                prop_assert_eq!(told(&from_json(&value.to_string(), false)), as_any);
            }
        }
    }
}
