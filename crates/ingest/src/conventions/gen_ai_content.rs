//! The content that spans of OpenTelemetry's conventions carry: messages, and what a tool is given and answers.
//!
//! Present conventions hold messages in attributes, of the span or of one event; older ones have an event
//! for each message. What a framework tells both ways is taken once.

use std::borrow::Cow;

use flightrec_events::MessageRole;
use serde_json::{Value, json};

use super::messages::{from_any, from_value, instructions};
use crate::attributes::{Attributes, any_json, any_text, parse};
use crate::facts::{Message, Work};
use crate::otlp::model::{Any, Span, SpanEvent};

/// The event that carries a call's content as a whole.
const DETAILS: &str = "gen_ai.client.inference.operation.details";

/// Messages that were given to a model call or an agent, and what a model call answered.
///
/// A step or a tool call repeats messages of the model calls beside it, so that none are taken from it. What
/// an agent answers in an event is its last model call's answer in other words, so it is not taken either.
pub(super) fn messages<'a>(span: &'a Span, attributes: &Attributes<'a>, work: Work) -> Vec<Message<'a>> {
    match work {
        Work::ModelCall | Work::Agent => {}
        Work::ToolCall | Work::Step | Work::Plain => return Vec::new(),
    }
    let mut told = structured(attributes);
    if is_without_thread(attributes) {
        for event in &span.events {
            told.extend(of_event(event, work));
        }
    }
    if told.is_empty() {
        told = oldest(attributes);
    }
    told
}

/// Messages in attributes, of a span or of an event.
fn structured(attributes: &Attributes<'_>) -> Vec<Message<'static>> {
    let mut told = attributes.value("gen_ai.system_instructions").map(instructions).unwrap_or_default();
    told.extend(attributes.value("gen_ai.input.messages").map(|value| from_any(value, false)).unwrap_or_default());
    told.extend(attributes.value("gen_ai.output.messages").map(|value| from_any(value, true)).unwrap_or_default());
    told
}

fn is_without_thread(attributes: &Attributes<'_>) -> bool {
    !attributes.has("gen_ai.input.messages") && !attributes.has("gen_ai.output.messages")
}

/// The messages of one event.
fn of_event(event: &SpanEvent, work: Work) -> Vec<Message<'static>> {
    if !event.name.starts_with("gen_ai.") {
        return Vec::new();
    }
    let attributes = Attributes::new(&event.attributes);
    let (role, is_answer) = match event.name.as_str() {
        DETAILS => return structured(&attributes),
        "gen_ai.system.message" => (MessageRole::System, false),
        "gen_ai.user.message" | "gen_ai.content.prompt" => (MessageRole::User, false),
        "gen_ai.assistant.message" => (MessageRole::Assistant, false),
        "gen_ai.tool.message" => (MessageRole::ToolResult, false),
        "gen_ai.choice" | "gen_ai.content.completion" => (MessageRole::Assistant, true),
        _ => return Vec::new(),
    };
    if is_answer && work == Work::Agent {
        return Vec::new();
    }
    let keys = ["gen_ai.event.content", "content", "message", "gen_ai.prompt", "gen_ai.completion"];
    let Some(said) = keys.iter().find_map(|key| attributes.get(key)).map(value) else {
        return Vec::new();
    };
    let call_id = attributes.str("id").filter(|_| role == MessageRole::ToolResult);
    match (&said, call_id) {
        (Value::String(_), Some(id)) => {
            let message = json!({ "role": "tool", "content": said, "tool_call_id": id });
            from_value(&message, role, is_answer)
        }
        (_, Some(_) | None) => from_value(&said, role, is_answer),
    }
}

/// Messages as the first conventions and the first versions of Pydantic AI have them: one attribute that
/// holds all events, or one for the prompt and one for the completion.
fn oldest(attributes: &Attributes<'_>) -> Vec<Message<'static>> {
    if let Some(Value::Array(events)) = attributes.json("events") {
        return events.iter().flat_map(listed).collect();
    }
    let mut told = attributes
        .get("gen_ai.prompt")
        .map(value)
        .map_or_else(Vec::new, |prompt| from_value(&prompt, MessageRole::User, false));
    if let Some(completion) = attributes.get("gen_ai.completion").map(value) {
        told.extend(from_value(&completion, MessageRole::Assistant, true));
    }
    told
}

/// One event of a list of events.
fn listed(event: &Value) -> Vec<Message<'static>> {
    match event.get("event.name").and_then(Value::as_str) {
        Some("gen_ai.system.message") => from_value(event, MessageRole::System, false),
        Some("gen_ai.user.message") => from_value(event, MessageRole::User, false),
        Some("gen_ai.assistant.message") => from_value(event, MessageRole::Assistant, false),
        Some("gen_ai.tool.message") => from_value(event, MessageRole::ToolResult, false),
        Some("gen_ai.choice") => from_value(event.get("message").unwrap_or(event), MessageRole::Assistant, true),
        Some(_) | None => Vec::new(),
    }
}

/// What a tool was given, as its events or messages have it.
pub(super) fn given<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Option<Cow<'a, str>> {
    let told = event(span, "gen_ai.tool.message").and_then(|event| event.text("content"));
    told.or_else(|| attributes.text("gen_ai.input.messages"))
        .or_else(|| event(span, DETAILS).and_then(|event| event.text("gen_ai.input.messages")))
}

/// What a tool answered, as its events or messages have it: in the words in which the model is told it.
pub(super) fn answered<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Option<Cow<'a, str>> {
    if let Some(message) = event(span, "gen_ai.choice").and_then(|event| event.get("message")) {
        let mut told = from_value(&value(message), MessageRole::ToolResult, false);
        return if told.len() == 1 { told.pop().map(|only| only.content) } else { Some(any_text(message)) };
    }
    attributes
        .text("gen_ai.output.messages")
        .or_else(|| event(span, DETAILS).and_then(|event| event.text("gen_ai.output.messages")))
}

fn event<'a>(span: &'a Span, name: &str) -> Option<Attributes<'a>> {
    span.events.iter().find(|event| event.name == name).map(|event| Attributes::new(&event.attributes))
}

/// JSON where text is a JSON object, list or string; else the text; structured values as they are.
fn value(any: &Any) -> Value {
    let Any::Str(text) = any else { return any_json(any) };
    let opens_json = text.trim_start().starts_with(['[', '{', '"']);
    let parsed = if opens_json { parse(text) } else { None };
    parsed.unwrap_or_else(|| Value::String(text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::fixtures;

    /// Each message as its role, its content, the call it belongs to and whether it is an answer.
    fn told(
        attributes: &Value,
        events: &[(&str, Value)],
        work: Work,
    ) -> Vec<(MessageRole, String, Option<String>, bool)> {
        let mut span = fixtures::span("chat", attributes);
        span.events = events.iter().map(|(name, attributes)| fixtures::event(name, attributes)).collect();
        let messages = messages(&span, &Attributes::new(&span.attributes), work);
        let plain = |message: Message<'_>| {
            let call_id = message.tool_call_id.map(Cow::into_owned);
            (message.role, message.content.into_owned(), call_id, message.is_answer)
        };
        messages.into_iter().map(plain).collect()
    }

    /// One exchange: instructions, a question, a call of a tool, its answer, and the answer to the question.
    fn exchange() -> Vec<(MessageRole, String, Option<String>, bool)> {
        let call = r#"{"arguments":{"x":1},"name":"f"}"#;
        let message = |role, content: &str, id: Option<&str>, is_answer| {
            (role, content.to_owned(), id.map(str::to_owned), is_answer)
        };
        vec![
            message(MessageRole::System, "Be brief.", None, false),
            message(MessageRole::User, "Hello", None, false),
            message(MessageRole::ToolCall, call, Some("c1"), false),
            message(MessageRole::ToolResult, "42", Some("c1"), false),
            message(MessageRole::Assistant, "It is 42.", None, true),
        ]
    }

    #[test]
    fn one_exchange_is_told_alike_in_attributes_and_in_events() {
        let instructions = r#"[{"type":"text","content":"Be brief."}]"#;
        let input = r#"[{"role":"user","parts":[{"type":"text","content":"Hello"}]},
            {"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"f","arguments":{"x":1}}]},
            {"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"42"}]}]"#;
        let output = r#"[{"role":"assistant","parts":[{"type":"text","content":"It is 42."}],"finish_reason":"stop"}]"#;
        let present = json!({
            "gen_ai.system_instructions": instructions, "gen_ai.input.messages": input, "gen_ai.output.messages": output,
        });
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let structured = json!({
            "gen_ai.system_instructions": parsed(instructions), "gen_ai.input.messages": parsed(input),
            "gen_ai.output.messages": parsed(output),
        });
        assert_eq!(told(&present, &[], Work::ModelCall), exchange());
        assert_eq!(told(&structured, &[], Work::ModelCall), exchange());
        assert_eq!(told(&json!({}), &[(DETAILS, present.clone())], Work::ModelCall), exchange());
        // Told both ways, it is taken once.
        assert_eq!(told(&present, &[(DETAILS, present.clone())], Work::ModelCall), exchange());
    }

    #[test]
    fn one_exchange_is_told_alike_by_an_event_for_each_message() {
        let bedrock = [
            ("gen_ai.system.message", json!({ "content": r#"[{"text":"Be brief."}]"# })),
            ("gen_ai.user.message", json!({ "content": r#"[{"text":"Hello"}]"# })),
            ("exception", json!({ "content": "no message" })),
            (
                "gen_ai.assistant.message",
                json!({ "content": r#"[{"toolUse":{"toolUseId":"c1","name":"f","input":{"x":1}}}]"# }),
            ),
            (
                "gen_ai.tool.message",
                json!({ "content": r#"[{"toolResult":{"toolUseId":"c1","content":[{"text":"42"}]}}]"# }),
            ),
            ("gen_ai.choice", json!({ "message": r#"[{"text":"It is 42."}]"#, "finish_reason": "end_turn" })),
        ];
        assert_eq!(told(&json!({}), &bedrock, Work::ModelCall), exchange());
        let openai = [
            ("gen_ai.system.message", json!({ "gen_ai.event.content": r#"{"role":"system","content":"Be brief."}"# })),
            ("gen_ai.user.message", json!({ "gen_ai.event.content": r#"{"content":"Hello"}"# })),
            (
                "gen_ai.assistant.message",
                json!({ "gen_ai.event.content": r#"{"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]}"# }),
            ),
            ("gen_ai.tool.message", json!({ "content": "42", "id": "c1" })),
            (
                "gen_ai.choice",
                json!({ "gen_ai.event.content": r#"{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"It is 42."}}"# }),
            ),
        ];
        assert_eq!(told(&json!({}), &openai, Work::ModelCall), exchange());
    }

    #[test]
    fn the_oldest_forms_are_read_where_there_is_no_other() {
        let events = r#"[{"event.name":"gen_ai.system.message","content":"Be brief.","role":"system"},
            {"event.name":"gen_ai.user.message","content":"Hello","role":"user"},
            {"event.name":"gen_ai.assistant.message","role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":{"x":1}}}]},
            {"event.name":"gen_ai.tool.message","content":"42","role":"tool","id":"c1"},
            {"event.name":"gen_ai.choice","index":0,"message":{"role":"assistant","content":"It is 42."}}]"#;
        assert_eq!(told(&json!({ "events": events }), &[], Work::ModelCall), exchange());
        let whole =
            json!({ "gen_ai.prompt": r#"[{"role":"user","content":"Hello"}]"#, "gen_ai.completion": "It is 42." });
        let wanted = vec![exchange().swap_remove(1), exchange().swap_remove(4)];
        assert_eq!(told(&whole, &[], Work::ModelCall), wanted);
        let content = [
            ("gen_ai.content.prompt", json!({ "gen_ai.prompt": "Hello" })),
            ("gen_ai.content.completion", json!({ "gen_ai.completion": "It is 42." })),
        ];
        assert_eq!(told(&json!({}), &content, Work::ModelCall), wanted);
    }

    #[test]
    fn a_step_and_a_tool_repeat_what_model_calls_tell() {
        let attributes = json!({ "gen_ai.input.messages": r#"[{"role":"user","content":"Hello"}]"# });
        for work in [Work::Step, Work::ToolCall, Work::Plain] {
            assert_eq!(told(&attributes, &[], work), []);
        }
        let choice = ("gen_ai.choice", json!({ "message": "It is 42.\n" }));
        assert_eq!(told(&attributes, std::slice::from_ref(&choice), Work::Agent), [exchange().swap_remove(1)]);
        assert_eq!(told(&json!({}), &[choice], Work::Agent), []);
    }

    #[test]
    fn a_tool_may_be_told_by_its_events() {
        let mut span = fixtures::span("execute_tool f", &json!({}));
        span.events = vec![
            fixtures::event("gen_ai.tool.message", &json!({ "role": "tool", "content": r#"{"x":1}"#, "id": "c1" })),
            fixtures::event("gen_ai.choice", &json!({ "message": r#"[{"text":"42"}]"#, "id": "c1" })),
        ];
        let attributes = Attributes::new(&span.attributes);
        assert_eq!(given(&span, &attributes).as_deref(), Some(r#"{"x":1}"#));
        assert_eq!(answered(&span, &attributes).as_deref(), Some("42"));
        span.events.clear();
        assert_eq!((given(&span, &attributes), answered(&span, &attributes)), (None, None));
    }
}
