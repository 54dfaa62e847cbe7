//! Traceloop's OpenLLMetry: OpenTelemetry's conventions, earlier or present, with `traceloop.*` beside them.

use std::borrow::Cow;

use serde_json::Value;

use super::usage::first_count;
use super::{gen_ai, indexed};
use crate::attributes::{Attributes, parse};
use crate::facts::{Facts, Source, Tool, Usage, Work};
use crate::otlp::model::Span;

/// How the names of libraries begin that only this project instruments, after the common beginning.
const LIBRARIES: [&str; 24] = [
    "agno",
    "alephalpha",
    "anthropic",
    "bedrock",
    "chromadb",
    "cohere",
    "crewai",
    "google_generativeai",
    "groq",
    "haystack",
    "langchain",
    "llamaindex",
    "mcp",
    "mistralai",
    "ollama",
    "openai.v",
    "pinecone",
    "qdrant",
    "replicate",
    "sagemaker",
    "together",
    "transformers",
    "watsonx",
    "weaviate",
];

/// What names a session, in the order in which it is looked for. A thread comes before a session: LangGraph's
/// spans that name a conversation name the thread.
const THREADS: [&str; 4] = [
    "traceloop.association.properties.thread_id",
    "traceloop.association.properties.threadId",
    "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.conversationId",
];
const SESSIONS: [&str; 5] = [
    "session.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.sessionId",
    "traceloop.association.properties.chat_id",
    "traceloop.association.properties.chatId",
];

/// Whether the library of this name is one that only Traceloop instruments.
pub(crate) fn is_library(scope: &str) -> bool {
    let name = scope.strip_prefix("opentelemetry.instrumentation.").or_else(|| scope.strip_prefix("@traceloop/"));
    name.is_some_and(|name| scope.starts_with('@') || LIBRARIES.iter().any(|library| name.starts_with(library)))
}

/// What a span of this convention tells.
pub(crate) fn span<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Facts<'a> {
    let mut facts = gen_ai::span(span, attributes);
    facts.source = Source::Traceloop;
    facts.work = work(span, attributes, facts.work);
    facts.session = session(attributes).map(Cow::Borrowed);
    facts.agent = facts.agent.or_else(|| agent(attributes, facts.work).map(Cow::Borrowed));
    facts.model = facts.model.or_else(|| {
        let older = attributes.first_of(&["llm.response.model", "llm.request.model"]);
        older.map(Cow::Borrowed)
    });
    facts.usage = facts.usage.or_else(|| older_usage(attributes));
    facts.finish_reason = facts.finish_reason.or_else(|| {
        let keys = ["gen_ai.response.finish_reason", "gen_ai.completion.0.finish_reason", "llm.response.finish_reason"];
        attributes.first_of(&keys).map(Cow::Borrowed)
    });
    match facts.work {
        Work::ToolCall => facts.tool = Some(tool(span, attributes, facts.tool.take().unwrap_or_default())),
        Work::ModelCall if facts.messages.is_empty() => {
            facts.messages = indexed::messages(attributes, "gen_ai.prompt.", "gen_ai.completion.");
        }
        Work::Agent | Work::ModelCall => {}
        Work::Step | Work::Plain => facts.messages.clear(),
    }
    if facts.work != Work::ToolCall {
        facts.tool = None;
    }
    facts
}

/// A workflow inside of the agent that it carries out is a step of it: LangChain's callbacks tell it again.
fn work(span: &Span, attributes: &Attributes<'_>, by_operation: Work) -> Work {
    let kind = attributes.str("traceloop.span.kind").unwrap_or_default();
    if attributes.has("gen_ai.operation.name") {
        let is_told_again = by_operation == Work::Agent && kind == "workflow" && !span.parent_span_id.is_empty();
        return if is_told_again { Work::Step } else { by_operation };
    }
    match (kind, attributes.str("llm.request.type").unwrap_or_default()) {
        (_, "chat" | "completion" | "response" | "embedding") => Work::ModelCall,
        ("workflow" | "agent", _) => Work::Agent,
        ("tool", _) => Work::ToolCall,
        ("", "") => by_operation,
        (_, _) => Work::Step,
    }
}

fn session<'a>(attributes: &Attributes<'a>) -> Option<&'a str> {
    gen_ai::conversation(attributes)
        .or_else(|| attributes.first_of(&THREADS))
        .or_else(|| attributes.first_of(&SESSIONS))
}

fn agent<'a>(attributes: &Attributes<'a>, work: Work) -> Option<&'a str> {
    let named = attributes.str("traceloop.association.properties.lc_agent_name");
    if work != Work::Agent {
        return named;
    }
    named.or_else(|| attributes.first_of(&["traceloop.entity.name", "traceloop.workflow.name"]))
}

fn older_usage(attributes: &Attributes<'_>) -> Option<Usage> {
    let mut counts = gen_ai::counts(attributes);
    counts.input = first_count(attributes, &["llm.usage.prompt_tokens", "llm.usage.input_tokens"]);
    counts.output = first_count(attributes, &["llm.usage.completion_tokens", "llm.usage.output_tokens"]);
    counts.total = attributes.u64("llm.usage.total_tokens");
    counts.usage()
}

/// A tool as LangChain's callbacks tell it: what is given and answered is wrapped in what they know of the run.
fn tool<'a>(span: &'a Span, attributes: &Attributes<'a>, told: Tool<'a>) -> Tool<'a> {
    let given = told.arguments.or_else(|| attributes.text("traceloop.entity.input"));
    let answered = told.result.or_else(|| attributes.text("traceloop.entity.output"));
    let answer = answered.as_deref().and_then(Answer::of).unwrap_or_default();
    let named = attributes.first_of(&["gen_ai.tool.name", "traceloop.entity.name"]);
    Tool {
        name: Some(Cow::Borrowed(named.unwrap_or_else(|| span.name.trim_end_matches(".tool")))),
        call_id: told.call_id.or(answer.call_id.map(Cow::Owned)),
        arguments: given.map(|text| unwrapped(&text).map_or(text, Cow::Owned)),
        result: answer.content.map(Cow::Owned).or(answered),
        ok: told.ok.or_else(|| gen_ai::outcome(attributes)),
        mcp_server: told.mcp_server,
    }
}

/// What a tool was given, without what the callback adds.
fn unwrapped(text: &str) -> Option<String> {
    let Some(Value::Object(mut told)) = parse(text) else { return None };
    if !told.contains_key("metadata") && !told.contains_key("tags") {
        return None;
    }
    match told.remove("inputs").filter(|inputs| !inputs.is_null()).or_else(|| told.remove("input_str"))? {
        Value::String(text) => Some(text),
        structured @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(structured.to_string())
        }
    }
}

/// A tool's answer, without what the callback adds.
#[derive(Debug, Default)]
struct Answer {
    content: Option<String>,
    call_id: Option<String>,
}

impl Answer {
    fn of(text: &str) -> Option<Self> {
        let Some(Value::Object(told)) = parse(text) else { return None };
        let output = told.get("output")?;
        let message = output.get("kwargs").unwrap_or(output);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let content = message.get("content").or(Some(output).filter(|output| output.is_string()));
        Some(Self { content: content.and_then(text), call_id: message.get("tool_call_id").and_then(text) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conventions::fixtures;

    fn told(name: &str, attributes: &Value, look: impl Fn(Facts<'_>)) {
        let told = fixtures::span(name, attributes);
        look(span(&told, &Attributes::new(&told.attributes)));
    }

    #[test]
    fn a_kind_or_a_request_says_what_a_span_stands_for() {
        let cases = [
            (json!({ "traceloop.span.kind": "workflow" }), Work::Agent),
            (json!({ "traceloop.span.kind": "agent" }), Work::Agent),
            (json!({ "traceloop.span.kind": "task" }), Work::Step),
            (json!({ "traceloop.span.kind": "handoff" }), Work::Step),
            (json!({ "traceloop.span.kind": "tool" }), Work::ToolCall),
            (json!({ "llm.request.type": "chat" }), Work::ModelCall),
            (json!({ "llm.request.type": "embedding", "traceloop.span.kind": "task" }), Work::ModelCall),
            (json!({ "llm.request.type": "rerank", "gen_ai.request.model": "m" }), Work::Step),
            (json!({ "gen_ai.request.model": "m", "traceloop.workflow.name": "w" }), Work::ModelCall),
            (json!({ "gen_ai.operation.name": "chat", "traceloop.span.kind": "task" }), Work::ModelCall),
            (json!({ "gen_ai.operation.name": "create_agent" }), Work::Step),
        ];
        for (attributes, work) in cases {
            told("x", &attributes, |facts| {
                assert_eq!((facts.source, facts.work), (Source::Traceloop, work), "{attributes}");
            });
        }
    }

    #[test]
    fn a_workflow_inside_of_its_agent_is_a_step_of_it() {
        let attributes = json!({ "gen_ai.operation.name": "invoke_agent", "traceloop.span.kind": "workflow" });
        let mut workflow = fixtures::span("sup.workflow", &attributes);
        assert_eq!(span(&workflow, &Attributes::new(&workflow.attributes)).work, Work::Agent);
        workflow.parent_span_id = vec![1; 8];
        assert_eq!(span(&workflow, &Attributes::new(&workflow.attributes)).work, Work::Step);
    }

    #[test]
    fn a_thread_names_the_session_before_a_session_does() {
        let association = |key: &str| format!("traceloop.association.properties.{key}");
        let both = json!({ association("session_id"): "s", association("thread_id"): "t", "session.id": "o" });
        told("x", &both, |facts| assert_eq!(facts.session.as_deref(), Some("t")));
        let mut all = both;
        all["gen_ai.conversation.id"] = json!("c");
        told("x", &all, |facts| assert_eq!(facts.session.as_deref(), Some("c")));
        for key in ["session_id", "sessionId", "chat_id", "threadId", "conversation_id"] {
            told("x", &json!({ association(key): "s" }), |facts| {
                assert_eq!(facts.session.as_deref(), Some("s"), "{key}");
            });
        }
        told("x", &json!({ association("user_id"): "u" }), |facts| assert_eq!(facts.session, None));
    }

    #[test]
    fn the_earlier_form_of_a_call_is_read() {
        let attributes = json!({
            "llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4",
            "gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 2, "llm.usage.total_tokens": 11,
            "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hello",
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Hi.",
            "gen_ai.completion.0.finish_reason": "stop",
        });
        told("openai.chat", &attributes, |facts| {
            let usage = facts.usage.unwrap();
            assert_eq!((usage.input, usage.output, facts.provider.as_deref()), (9, 2, Some("openai")));
            assert_eq!(facts.finish_reason.as_deref(), Some("stop"));
            let said: Vec<_> =
                facts.messages.iter().map(|message| (message.content.as_ref(), message.is_answer)).collect();
            assert_eq!(said, [("Hello", false), ("Hi.", true)]);
        });
        let earliest =
            json!({ "llm.request.type": "chat", "llm.request.model": "gpt-3.5", "llm.usage.prompt_tokens": 4 });
        told("openai.chat", &earliest, |facts| {
            assert_eq!((facts.model.as_deref(), facts.usage.map(|usage| usage.input)), (Some("gpt-3.5"), Some(4)));
        });
    }

    #[test]
    fn a_tool_is_told_without_what_the_callback_adds() {
        let attributes = json!({
            "traceloop.span.kind": "tool", "traceloop.entity.name": "f", "gen_ai.task.status": "failure",
            "traceloop.entity.input": r#"{"input_str":"{'n': 1}","tags":[],"metadata":{"thread_id":"t"}}"#,
            "traceloop.entity.output": r#"{"output":{"lc":1,"kwargs":{"content":"42","tool_call_id":"c1"}},"kwargs":{"tags":[]}}"#,
        });
        told("f.tool", &attributes, |facts| {
            let tool = facts.tool.unwrap();
            assert_eq!((tool.name.as_deref(), tool.call_id.as_deref(), tool.ok), (Some("f"), Some("c1"), Some(false)));
            assert_eq!((tool.arguments.as_deref(), tool.result.as_deref()), (Some("{'n': 1}"), Some("42")));
        });
        let plain = json!({ "traceloop.span.kind": "tool", "traceloop.entity.input": r#"{"inputs":1}"#, "traceloop.entity.output": "42" });
        told("g.tool", &plain, |facts| {
            let tool = facts.tool.unwrap();
            assert_eq!((tool.name.as_deref(), tool.arguments.as_deref()), (Some("g"), Some(r#"{"inputs":1}"#)));
            assert_eq!((tool.result.as_deref(), tool.call_id), (Some("42"), None));
        });
    }

    #[test]
    fn a_library_is_known_by_its_name() {
        for scope in [
            "opentelemetry.instrumentation.langchain",
            "opentelemetry.instrumentation.openai.v1",
            "@traceloop/instrumentation-openai",
        ] {
            assert!(is_library(scope), "{scope}");
        }
        for scope in
            ["opentelemetry.instrumentation.openai_v2", "opentelemetry.instrumentation.genai.openai", "langchain", ""]
        {
            assert!(!is_library(scope), "{scope}");
        }
    }
}
