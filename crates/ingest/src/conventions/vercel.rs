//! The Vercel AI SDK's own spans, as its versions 3 to 6 make them; version 7 follows OpenTelemetry's conventions.

use std::borrow::Cow;

use flightrec_events::MessageRole;
use serde_json::{Map, Value, json};

use super::failure::failure;
use super::gen_ai;
use super::messages::{from_json, from_value};
use super::provider::provider;
use super::usage::{Counts, first_count};
use crate::attributes::Attributes;
use crate::facts::{Facts, Message, Source, Tool, Work};
use crate::otlp::model::Span;

/// The attribute that every span of this convention has.
pub(crate) const OPERATION: &str = "ai.operationId";

/// Where applications put the id of a session, in the order in which it is looked for.
const SESSIONS: [&str; 8] = [
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
    "ai.telemetry.metadata.conversationId",
    "ai.telemetry.metadata.conversation_id",
    "ai.telemetry.metadata.threadId",
    "ai.telemetry.metadata.thread_id",
    "ai.telemetry.metadata.chatId",
    "ai.telemetry.metadata.chat_id",
];

const INPUT_TOKENS: [&str; 4] =
    ["ai.usage.inputTokens", "gen_ai.usage.input_tokens", "ai.usage.promptTokens", "ai.usage.tokens"];
const OUTPUT_TOKENS: [&str; 3] = ["ai.usage.outputTokens", "gen_ai.usage.output_tokens", "ai.usage.completionTokens"];
const CACHED_TOKENS: [&str; 2] = ["ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"];
const REASONING_TOKENS: [&str; 2] = ["ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"];
const MODELS: [&str; 4] = ["ai.response.model", "gen_ai.response.model", "ai.model.id", "gen_ai.request.model"];

/// What a span of this convention tells.
pub(crate) fn span<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Facts<'a> {
    let work = work(attributes);
    let borrowed = |keys: &[&str]| attributes.first_of(keys).map(Cow::Borrowed);
    Facts {
        session: gen_ai::session(attributes).or_else(|| attributes.first_of(&SESSIONS)).map(Cow::Borrowed),
        agent: borrowed(&["ai.telemetry.functionId", "gen_ai.agent.name"]),
        model: borrowed(&MODELS),
        provider: attributes.first_of(&["ai.model.provider", "gen_ai.system"]).and_then(provider),
        usage: counts(attributes).usage(),
        response_id: borrowed(&["ai.response.id", "gen_ai.response.id"]),
        finish_reason: borrowed(&["ai.response.finishReason", "ai.finishReason"])
            .or_else(|| attributes.first_str("gen_ai.response.finish_reasons")),
        time_to_first_token_ms: first_chunk_ms(attributes),
        tool: (work == Work::ToolCall).then(|| tool(attributes)),
        messages: if work == Work::ModelCall { messages(attributes) } else { Vec::new() },
        failure: failure(span, attributes),
        ..Facts::new(Source::VercelAi, work)
    }
}

/// A call of the SDK may ask the model many times; each time is a span of its own inside of it.
fn work(attributes: &Attributes<'_>) -> Work {
    match attributes.str(OPERATION).unwrap_or_default() {
        "ai.toolCall" => Work::ToolCall,
        "ai.generateText" | "ai.streamText" | "ai.generateObject" | "ai.streamObject" => Work::Agent,
        inner if [".doGenerate", ".doStream", ".doEmbed"].iter().any(|end| inner.ends_with(end)) => Work::ModelCall,
        _ => Work::Step,
    }
}

fn counts(attributes: &Attributes<'_>) -> Counts {
    Counts {
        input: first_count(attributes, &INPUT_TOKENS),
        output: first_count(attributes, &OUTPUT_TOKENS),
        total: attributes.u64("ai.usage.totalTokens"),
        cached: first_count(attributes, &CACHED_TOKENS),
        cache_write: attributes.u64("ai.usage.inputTokenDetails.cacheWriteTokens"),
        reasoning: first_count(attributes, &REASONING_TOKENS),
        cost_usd: None,
    }
}

fn first_chunk_ms(attributes: &Attributes<'_>) -> Option<u64> {
    let waited = attributes.f64("ai.response.msToFirstChunk").or_else(|| attributes.f64("ai.stream.msToFirstChunk"))?;
    (0.0..1e12).contains(&waited).then(|| waited.round() as u64)
}

fn tool<'a>(attributes: &Attributes<'a>) -> Tool<'a> {
    Tool {
        name: attributes.str("ai.toolCall.name").map(Cow::Borrowed),
        call_id: attributes.str("ai.toolCall.id").map(Cow::Borrowed),
        arguments: attributes.first_of(&["ai.toolCall.args", "ai.toolCall.input"]).map(Cow::Borrowed),
        result: attributes.first_of(&["ai.toolCall.result", "ai.toolCall.output"]).map(Cow::Borrowed),
        ok: None,
        mcp_server: None,
    }
}

fn messages(attributes: &Attributes<'_>) -> Vec<Message<'static>> {
    let mut told = attributes.str("ai.prompt.messages").map(|text| from_json(text, false)).unwrap_or_default();
    if let Some(answer) = answer(attributes) {
        told.extend(from_value(&answer, MessageRole::Assistant, true));
    }
    told
}

/// The answer in the form in which a later request repeats it.
fn answer(attributes: &Attributes<'_>) -> Option<Value> {
    let mut parts = Vec::new();
    if let Some(thought) = attributes.str("ai.response.reasoning") {
        parts.push(json!({ "type": "reasoning", "text": thought }));
    }
    if let Some(text) =
        attributes.first_of(&["ai.response.text", "ai.result.text", "ai.response.object", "ai.result.object"])
    {
        parts.push(json!({ "type": "text", "text": text }));
    }
    let calls = attributes.json("ai.response.toolCalls").or_else(|| attributes.json("ai.result.toolCalls"));
    if let Some(Value::Array(calls)) = calls {
        parts.extend(calls.iter().filter_map(Value::as_object).map(call));
    }
    (!parts.is_empty()).then(|| json!({ "role": "assistant", "content": parts }))
}

fn call(told: &Map<String, Value>) -> Value {
    let mut part = told.clone();
    part.insert("type".to_owned(), Value::from("tool-call"));
    Value::Object(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::fixtures;
    use crate::facts::Usage;

    fn told(operation: &str, mut attributes: Value, look: impl Fn(Facts<'_>)) {
        attributes[OPERATION] = json!(operation);
        let told = fixtures::span(operation, &attributes);
        look(span(&told, &Attributes::new(&told.attributes)));
    }

    #[test]
    fn an_operation_says_what_a_span_stands_for() {
        let cases = [
            ("ai.generateText", Work::Agent),
            ("ai.streamObject", Work::Agent),
            ("ai.generateText.doGenerate", Work::ModelCall),
            ("ai.streamText.doStream", Work::ModelCall),
            ("ai.embed.doEmbed", Work::ModelCall),
            ("ai.embedMany", Work::Step),
            ("ai.toolCall", Work::ToolCall),
            ("ai.later", Work::Step),
        ];
        for (operation, work) in cases {
            told(operation, json!({ "ai.usage.inputTokens": 5 }), |facts| {
                assert_eq!((facts.source, facts.work), (Source::VercelAi, work), "{operation}");
            });
        }
    }

    #[test]
    fn counts_are_read_under_the_names_of_every_version() {
        let usage = |cached, reasoning| Usage { input: 9, output: 2, cached, reasoning, ..Usage::default() };
        let cases = [
            (json!({ "ai.usage.promptTokens": 9, "ai.usage.completionTokens": 2 }), usage(None, None)),
            (
                json!({ "ai.usage.inputTokens": 9, "ai.usage.outputTokens": 2, "ai.usage.cachedInputTokens": 4, "ai.usage.reasoningTokens": 1 }),
                usage(Some(4), Some(1)),
            ),
            (
                json!({ "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2, "ai.usage.inputTokenDetails.cacheReadTokens": 4,
                        "ai.usage.outputTokenDetails.reasoningTokens": 0 }),
                usage(Some(4), Some(0)),
            ),
        ];
        for (attributes, wanted) in cases {
            told("ai.generateText.doGenerate", attributes.clone(), |facts| {
                assert_eq!(facts.usage, Some(wanted), "{attributes}");
            });
        }
    }

    #[test]
    fn the_application_names_the_session() {
        for key in [
            "sessionId",
            "session_id",
            "conversationId",
            "conversation_id",
            "threadId",
            "thread_id",
            "chatId",
            "chat_id",
        ] {
            let attributes =
                json!({ format!("ai.telemetry.metadata.{key}"): "s", "ai.telemetry.metadata.userId": "u" });
            told("ai.generateText", attributes, |facts| assert_eq!(facts.session.as_deref(), Some("s"), "{key}"));
        }
        told("ai.generateText", json!({ "ai.telemetry.metadata.userId": "u" }), |facts| {
            assert_eq!(facts.session, None);
        });
    }

    #[test]
    fn an_answer_is_told_as_the_next_prompt_repeats_it() {
        let first = json!({
            "ai.prompt.messages": r#"[{"role":"user","content":[{"type":"text","text":"Hello"}]}]"#,
            "ai.response.text": "Wait.",
            "ai.response.toolCalls": r#"[{"toolCallId":"c1","toolName":"f","input":"{\"x\":1}"}]"#,
        });
        let second = json!({
            "ai.prompt.messages": r#"[{"role":"user","content":[{"type":"text","text":"Hello"}]},{"role":"assistant","content":
                [{"type":"text","text":"Wait."},{"type":"tool-call","toolCallId":"c1","toolName":"f","input":{"x":1}}]},
                {"role":"tool","content":[{"type":"tool-result","toolCallId":"c1","toolName":"f","output":{"type":"text","value":"42"}}]}]"#,
        });
        let contents = |attributes: Value| {
            let told = fixtures::span("x", &attributes);
            let messages = messages(&Attributes::new(&told.attributes));
            messages.into_iter().map(|message| (message.role, message.content.into_owned())).collect::<Vec<_>>()
        };
        let (first, second) = (contents(first), contents(second));
        assert_eq!(first.len(), 3);
        assert_eq!(first, second[..3]);
        assert_eq!(second[3], (MessageRole::ToolResult, "42".to_owned()));
    }

    #[test]
    fn a_tool_call_tells_what_was_given_and_answered() {
        let attributes = json!({ "ai.toolCall.name": "f", "ai.toolCall.id": "c1", "ai.toolCall.args": "{}", "ai.toolCall.result": "42" });
        told("ai.toolCall", attributes, |facts| {
            let tool = facts.tool.unwrap();
            assert_eq!((tool.name.as_deref(), tool.call_id.as_deref()), (Some("f"), Some("c1")));
            assert_eq!((tool.arguments.as_deref(), tool.result.as_deref()), (Some("{}"), Some("42")));
        });
    }
}
