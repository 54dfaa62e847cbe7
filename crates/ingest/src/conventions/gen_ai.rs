//! OpenTelemetry's conventions for generative AI, present and older, with what frameworks add to them:
//! Pydantic AI, Google's ADK, Strands, Gemini CLI, Microsoft's Agent Framework.

use std::borrow::Cow;

use super::failure::failure;
use super::gen_ai_content as content;
use super::provider::provider;
use super::usage::{Counts, first_count, millis};
use crate::attributes::Attributes;
use crate::facts::{Facts, Source, Tool, Usage, Work};
use crate::otlp::model::{Any, Span};

/// The kind of a span that serves a request of another process.
const SPAN_KIND_SERVER: i32 = 2;

/// How a conversation id begins that is really the id of an earlier response.
const RESPONSE_IDS: [&str; 2] = ["resp_", "chatcmpl-"];

/// What an instrumentation calls an agent whose name it does not know.
const NAMELESS_AGENTS: [&str; 2] = ["OpenAI Agent", "UnnamedAgent"];

/// What stands for a model that is not known.
const NAMELESS_MODEL: &str = "unknown";

/// The operations that ask a model: those of the conventions, then Semantic Kernel's and Gemini CLI's.
///
/// An operation that is not named here is a step, whatever it counts: frameworks repeat the counts of a call
/// on the steps around it.
const MODEL_CALLS: [&str; 11] = [
    "chat",
    "text_completion",
    "generate_content",
    "embeddings",
    "completion",
    "responses",
    "chat.completions",
    "chat.streaming_completions",
    "text.completions",
    "text.streaming_completions",
    "llm_call",
];

/// What the spans of ADK are called that only gather the answers of tools that ran side by side.
const MERGED_TOOLS: [&str; 2] = ["(merged)", "(merged tools)"];

const INPUT_TOKENS: [&str; 3] =
    ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.aggregated_usage.input_tokens"];
const OUTPUT_TOKENS: [&str; 3] =
    ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "gen_ai.aggregated_usage.output_tokens"];
const CACHED_TOKENS: [&str; 8] = [
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cached_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_tokens",
    "gen_ai.aggregated_usage.cache_read.input_tokens",
];
const CACHE_WRITE_TOKENS: [&str; 8] = [
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.input_tokens.cache_write",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "gen_ai.aggregated_usage.cache_creation.input_tokens",
];
const REASONING_TOKENS: [&str; 5] = [
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.details.reasoning_tokens",
    "gen_ai.aggregated_usage.details.reasoning_tokens",
];

/// What a span of these conventions tells.
pub(crate) fn span<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Facts<'a> {
    let work = work(span, attributes);
    Facts {
        session: session(attributes).map(Cow::Borrowed),
        agent: agent(span, attributes, work).map(Cow::Borrowed),
        model: model(attributes).map(Cow::Borrowed),
        provider: attributes.first_of(&["gen_ai.provider.name", "gen_ai.system"]).and_then(provider),
        usage: usage(attributes),
        response_id: attributes.str("gen_ai.response.id").map(Cow::Borrowed),
        finish_reason: finish_reason(attributes),
        time_to_first_token_ms: time_to_first_token_ms(attributes),
        tool: (work == Work::ToolCall).then(|| tool(span, attributes)),
        messages: content::messages(span, attributes, work),
        failure: failure(span, attributes),
        ..Facts::new(Source::GenAi, work)
    }
}

/// What a span stands for: its operation says so, or, in the first conventions, what it tells.
pub(super) fn work(span: &Span, attributes: &Attributes<'_>) -> Work {
    let Some(operation) = attributes.str("gen_ai.operation.name") else {
        return untold_work(span, attributes);
    };
    match operation {
        "invoke_agent" | "invoke_workflow" | "invoke_graph" | "invoke_swarm" | "agent_call" => Work::Agent,
        "execute_tool" | "tool_call" if is_call_of_tool(span, attributes) => Work::ToolCall,
        calls if MODEL_CALLS.contains(&calls) => Work::ModelCall,
        _ => Work::Step,
    }
}

/// A tool that is served to another process was called there; merged tools were called one by one.
fn is_call_of_tool(span: &Span, attributes: &Attributes<'_>) -> bool {
    let is_served = span.kind == SPAN_KIND_SERVER && attributes.has("mcp.method.name");
    let name = attributes.str("gen_ai.tool.name").or_else(|| after_space(&span.name)).unwrap_or_default();
    !is_served && !MERGED_TOOLS.contains(&name)
}

fn untold_work(span: &Span, attributes: &Attributes<'_>) -> Work {
    if attributes.has("gen_ai.tool.name") || attributes.has("gen_ai.tool.call.id") {
        return Work::ToolCall;
    }
    if attributes.has("agent_name") || span.name.starts_with("invoke_agent") {
        return Work::Agent;
    }
    let is_of_agent = attributes.has("gen_ai.agent.name");
    let is_request = attributes.has("gen_ai.request.model") || attributes.has("gen_ai.response.model");
    if is_request && !is_of_agent { Work::ModelCall } else { Work::Step }
}

/// The session that a span names itself.
pub(super) fn session<'a>(attributes: &Attributes<'a>) -> Option<&'a str> {
    conversation(attributes).or_else(|| attributes.str("session.id"))
}

/// The conversation that a span names, unless that is the id of an earlier response.
pub(super) fn conversation<'a>(attributes: &Attributes<'a>) -> Option<&'a str> {
    let id = attributes.str("gen_ai.conversation.id")?;
    let is_response = RESPONSE_IDS.iter().any(|beginning| id.starts_with(beginning));
    (!is_response).then_some(id)
}

/// The agent, or the workflow of agents, by its name.
fn agent<'a>(span: &'a Span, attributes: &Attributes<'a>, work: Work) -> Option<&'a str> {
    let named = attributes.first_of(&["gen_ai.agent.name", "agent_name"]);
    if let Some(name) = named.filter(|name| !NAMELESS_AGENTS.contains(name)) {
        return Some(name);
    }
    if work != Work::Agent {
        return None;
    }
    let invoked = || span.name.split_once(' ').filter(|(verb, _)| verb.starts_with("invoke_")).map(|(_, name)| name);
    attributes.str("gen_ai.workflow.name").or_else(invoked)
}

/// The model that answered, else the one that was asked.
pub(super) fn model<'a>(attributes: &Attributes<'a>) -> Option<&'a str> {
    let is_known = |name: &&str| *name != NAMELESS_MODEL;
    let answered = attributes.str("gen_ai.response.model").filter(is_known);
    answered.or_else(|| attributes.first_of(&["gen_ai.request.model", "model_name"]).filter(is_known))
}

/// What was used, by the counts of these conventions.
pub(super) fn counts(attributes: &Attributes<'_>) -> Counts {
    Counts {
        input: first_count(attributes, &INPUT_TOKENS),
        output: first_count(attributes, &OUTPUT_TOKENS),
        total: attributes.u64("gen_ai.usage.total_tokens"),
        cached: first_count(attributes, &CACHED_TOKENS),
        cache_write: first_count(attributes, &CACHE_WRITE_TOKENS),
        reasoning: first_count(attributes, &REASONING_TOKENS),
        cost_usd: attributes.f64("operation.cost").or_else(|| attributes.f64("gen_ai.usage.cost")),
    }
}

fn usage(attributes: &Attributes<'_>) -> Option<Usage> {
    counts(attributes).usage()
}

fn finish_reason<'a>(attributes: &Attributes<'a>) -> Option<Cow<'a, str>> {
    let reason = attributes.first_str("gen_ai.response.finish_reasons");
    reason.or_else(|| attributes.str("anthropic.message.stop_reason").map(Cow::Borrowed))
}

/// Told in seconds, but by Strands, which counts whole milliseconds.
fn time_to_first_token_ms(attributes: &Attributes<'_>) -> Option<u64> {
    let seconds = ["gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"];
    let chunk = || seconds.iter().find_map(|key| attributes.f64(key)).and_then(millis);
    match attributes.get("gen_ai.server.time_to_first_token") {
        Some(Any::Int(waited)) => u64::try_from(*waited).ok(),
        Some(Any::Double(seconds)) => millis(*seconds),
        Some(Any::Str(_) | Any::Bool(_) | Any::Array(_) | Any::Map(_) | Any::Bytes(_)) | None => chunk(),
    }
}

fn tool<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Tool<'a> {
    let first = |keys: &[&str]| keys.iter().find_map(|key| attributes.text(key));
    let named = attributes.str("gen_ai.tool.name").or_else(|| after_space(&span.name));
    let arguments = first(&[
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.input",
        "tool_arguments",
        "gcp.vertex.agent.tool_call_args",
    ]);
    let result =
        first(&["gen_ai.tool.call.result", "gen_ai.tool.output", "tool_response", "gcp.vertex.agent.tool_response"]);
    Tool {
        name: named.map(Cow::Borrowed),
        call_id: attributes.first_of(&["gen_ai.tool.call.id", "gen_ai.tool.call_id"]).map(Cow::Borrowed),
        arguments: arguments.or_else(|| content::given(span, attributes)),
        result: result.or_else(|| content::answered(span, attributes)),
        ok: outcome(attributes),
        mcp_server: attributes.str("mcp.server.name").map(Cow::Borrowed),
    }
}

/// Whether a tool succeeded, where a span says so apart from its status.
pub(super) fn outcome(attributes: &Attributes<'_>) -> Option<bool> {
    match attributes.first_of(&["gen_ai.tool.status", "gen_ai.task.status"])? {
        "success" => Some(true),
        "error" | "failure" => Some(false),
        _ => None,
    }
}

/// What a span's name says after its verb.
fn after_space(name: &str) -> Option<&str> {
    name.split_once(' ').map(|(_, rest)| rest).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::conventions::fixtures;

    fn told(name: &str, attributes: &Value, look: impl Fn(Facts<'_>)) {
        let told = fixtures::span(name, attributes);
        look(span(&told, &Attributes::new(&told.attributes)));
    }

    #[test]
    fn an_operation_says_what_a_span_stands_for() {
        let cases = [
            ("chat", Work::ModelCall),
            ("text_completion", Work::ModelCall),
            ("generate_content", Work::ModelCall),
            ("embeddings", Work::ModelCall),
            ("chat.completions", Work::ModelCall),
            ("llm_call", Work::ModelCall),
            ("invoke_agent", Work::Agent),
            ("invoke_workflow", Work::Agent),
            ("invoke_graph", Work::Agent),
            ("execute_tool", Work::ToolCall),
            ("tool_call", Work::ToolCall),
            ("create_agent", Work::Step),
            ("agent_step", Work::Step),
            ("execute_event_loop_cycle", Work::Step),
            ("execute_task", Work::Step),
            ("schedule_tool_calls", Work::Step),
            ("unknown", Work::Step),
        ];
        for (operation, work) in cases {
            let attributes = json!({ "gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 5 });
            told("x y", &attributes, |facts| assert_eq!(facts.work, work, "{operation}"));
        }
    }

    #[test]
    fn without_an_operation_a_span_is_what_it_tells() {
        let cases = [
            (json!({ "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4" }), Work::ModelCall),
            (json!({ "gen_ai.tool.name": "f", "gen_ai.request.model": "gpt-4" }), Work::ToolCall),
            (json!({ "agent_name": "a", "gen_ai.usage.input_tokens": 1 }), Work::Agent),
            (json!({ "gen_ai.agent.name": "a", "gen_ai.request.model": "gpt-4" }), Work::Step),
            (json!({ "gen_ai.conversation.id": "c" }), Work::Step),
        ];
        for (attributes, work) in cases {
            told("x", &attributes, |facts| assert_eq!(facts.work, work, "{attributes}"));
        }
    }

    #[test]
    fn tools_that_are_merged_or_served_to_another_process_are_not_called_again() {
        let attributes = json!({ "gen_ai.operation.name": "execute_tool" });
        told("execute_tool (merged)", &attributes, |facts| assert_eq!(facts.work, Work::Step));
        let attributes = json!({ "gen_ai.operation.name": "execute_tool", "mcp.method.name": "tools/call" });
        told("tools/call f", &attributes, |facts| assert_eq!(facts.work, Work::ToolCall));
        let mut served = fixtures::span("tools/call f", &attributes);
        served.kind = SPAN_KIND_SERVER;
        assert_eq!(span(&served, &Attributes::new(&served.attributes)).work, Work::Step);
    }

    #[test]
    fn a_session_is_named_by_a_conversation_that_is_one() {
        let cases = [
            (json!({ "gen_ai.conversation.id": "c", "session.id": "s" }), Some("c")),
            (json!({ "gen_ai.conversation.id": "resp_68a1", "session.id": "s" }), Some("s")),
            (json!({ "gen_ai.conversation.id": "resp_68a1" }), None),
            (json!({ "gen_ai.conversation.id": 7, "session.id": "s" }), Some("s")),
            (json!({ "gen_ai.conversation.id": "" }), None),
        ];
        for (attributes, session) in cases {
            told("x", &attributes, |facts| assert_eq!(facts.session.as_deref(), session, "{attributes}"));
        }
    }

    #[test]
    fn counts_are_read_under_every_name() {
        let usage = |input, output, cached, cache_write, reasoning| {
            Some(Usage { input, output, cached, cache_write, reasoning, cost_nanos: None })
        };
        let cases = [
            (json!({ "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2 }), usage(9, 2, None, None, None)),
            (
                json!({ "gen_ai.usage.prompt_tokens": "9", "gen_ai.usage.completion_tokens": 2.0 }),
                usage(9, 2, None, None, None),
            ),
            (
                json!({ "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_read.input_tokens": 4,
                        "gen_ai.usage.cache_creation.input_tokens": 1, "gen_ai.usage.reasoning.output_tokens": 3 }),
                usage(9, 0, Some(4), Some(1), Some(3)),
            ),
            (
                json!({ "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_read_input_tokens": 4,
                        "gen_ai.usage.cache_write.input_tokens": 0, "gen_ai.usage.details.reasoning_tokens": 3 }),
                usage(9, 0, Some(4), Some(0), Some(3)),
            ),
            (
                json!({ "gen_ai.usage.input_tokens": -9, "gen_ai.usage.prompt_tokens": 9 }),
                usage(9, 0, None, None, None),
            ),
            (json!({ "gen_ai.usage.input_tokens": "many" }), None),
            (json!({ "gen_ai.usage.total_tokens": 9 }), None),
        ];
        for (attributes, wanted) in cases {
            told("chat", &attributes, |facts| assert_eq!(facts.usage, wanted, "{attributes}"));
        }
    }

    #[test]
    fn waits_are_told_in_their_own_units() {
        let cases = [
            (json!({ "gen_ai.response.time_to_first_chunk": 0.288 }), Some(288)),
            (json!({ "gen_ai.client.operation.time_to_first_chunk": 1.5 }), Some(1500)),
            (json!({ "gen_ai.server.time_to_first_token": 1319 }), Some(1319)),
            (json!({ "gen_ai.server.time_to_first_token": 0.5 }), Some(500)),
            (json!({ "gen_ai.response.time_to_first_chunk": "soon" }), None),
        ];
        for (attributes, wanted) in cases {
            told("chat", &attributes, |facts| assert_eq!(facts.time_to_first_token_ms, wanted, "{attributes}"));
        }
    }

    #[test]
    fn a_call_tells_its_model_provider_and_response() {
        let attributes = json!({
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.provider.name": "azure.ai.openai",
            "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.response.id": "r1",
            "gen_ai.response.finish_reasons": ["tool_calls", "stop"],
        });
        told("chat gpt-4o", &attributes, |facts| {
            assert_eq!(facts.provider.as_deref(), Some("azure"));
            assert_eq!(facts.model.as_deref(), Some("gpt-4o-2024-08-06"));
            assert_eq!(facts.response_id.as_deref(), Some("r1"));
            assert_eq!(facts.finish_reason.as_deref(), Some("tool_calls"));
            assert_eq!((facts.usage, facts.tool), (None, None));
        });
        let unknown = json!({ "gen_ai.request.model": "m", "gen_ai.response.model": "unknown" });
        told("chat", &unknown, |facts| assert_eq!(facts.model.as_deref(), Some("m")));
    }

    #[test]
    fn an_agent_is_named_by_itself_its_workflow_or_its_span() {
        let cases = [
            ("invoke_agent x", json!({ "gen_ai.agent.name": "triage" }), Some("triage")),
            ("invoke_agent x", json!({ "gen_ai.agent.name": "OpenAI Agent" }), Some("x")),
            ("invoke_workflow x", json!({ "gen_ai.workflow.name": "pipeline" }), Some("pipeline")),
            ("invoke_graph", json!({}), None),
            ("agent run", json!({ "agent_name": "older" }), Some("older")),
        ];
        for (name, mut attributes, agent) in cases {
            attributes["gen_ai.operation.name"] = json!("invoke_agent");
            told(name, &attributes, |facts| assert_eq!(facts.agent.as_deref(), agent, "{name}"));
        }
        let call = json!({ "gen_ai.operation.name": "chat" });
        told("invoke_agent x", &call, |facts| assert_eq!(facts.agent, None));
    }

    #[test]
    fn a_tool_is_read_under_every_name() {
        let cases = [
            json!({ "gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c", "gen_ai.tool.call.arguments": "{}", "gen_ai.tool.call.result": "1" }),
            json!({ "gen_ai.tool.name": "f", "gen_ai.tool.call_id": "c", "tool_arguments": "{}", "tool_response": "1" }),
            json!({ "gen_ai.tool.call.id": "c", "gcp.vertex.agent.tool_call_args": "{}", "gcp.vertex.agent.tool_response": "1" }),
            json!({ "gen_ai.tool.call.id": "c", "gen_ai.tool.input": {}, "gen_ai.tool.output": 1 }),
        ];
        for mut attributes in cases {
            attributes["gen_ai.operation.name"] = json!("execute_tool");
            told("execute_tool f", &attributes, |facts| {
                let tool = facts.tool.unwrap();
                assert_eq!((tool.name.as_deref(), tool.call_id.as_deref()), (Some("f"), Some("c")), "{attributes}");
                assert_eq!(
                    (tool.arguments.as_deref(), tool.result.as_deref()),
                    (Some("{}"), Some("1")),
                    "{attributes}"
                );
                assert_eq!(tool.ok, None);
            });
        }
        for (status, ok) in [("success", Some(true)), ("error", Some(false)), ("other", None)] {
            let attributes = json!({ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.status": status });
            told("execute_tool f", &attributes, |facts| assert_eq!(facts.tool.unwrap().ok, ok));
        }
    }
}
