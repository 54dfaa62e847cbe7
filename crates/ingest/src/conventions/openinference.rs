//! OpenInference.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::failure::failure;
use super::gen_ai;
use super::indexed;
use super::messages::from_json;
use super::provider::provider;
use super::usage::{Counts, first_count};
use crate::attributes::Attributes;
use crate::facts::{Facts, Message, Source, Tool, Work};
use crate::otlp::model::Span;

/// The attribute that every span of this convention has.
pub(crate) const KIND: &str = "openinference.span.kind";

const CACHED_TOKENS: [&str; 2] =
    ["llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"];

/// What a span of this convention tells.
pub(crate) fn span<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Facts<'a> {
    let metadata = Metadata::of(attributes);
    let work = match work(attributes) {
        // LangChain writes every graph as a chain; the one that is an agent is named as it.
        Work::Step if is_chain(attributes) && metadata.agent.as_deref() == Some(span.name.as_str()) => Work::Agent,
        work @ (Work::Agent | Work::ModelCall | Work::ToolCall | Work::Step | Work::Plain) => work,
    };
    let is_model_call = work == Work::ModelCall;
    Facts {
        session: gen_ai::session(attributes).map(Cow::Borrowed).or(metadata.session),
        agent: agent(span, attributes, work).or(metadata.agent),
        model: attributes.first_of(&["llm.model_name", "embedding.model_name"]).map(Cow::Borrowed),
        provider: attributes.first_of(&["llm.provider", "llm.system"]).and_then(provider),
        usage: counts(attributes).usage(),
        response_id: if is_model_call { response_id(attributes).map(Cow::Owned) } else { None },
        finish_reason: attributes.str("llm.finish_reason").map(Cow::Borrowed),
        tool: (work == Work::ToolCall).then(|| tool(span, attributes)),
        messages: if is_model_call { messages(attributes) } else { Vec::new() },
        failure: failure(span, attributes),
        ..Facts::new(Source::OpenInference, work)
    }
}

fn work(attributes: &Attributes<'_>) -> Work {
    let kind = attributes.str(KIND).unwrap_or_default();
    match kind.to_ascii_uppercase().as_str() {
        "LLM" | "EMBEDDING" => Work::ModelCall,
        "AGENT" => Work::Agent,
        "TOOL" => Work::ToolCall,
        _ => Work::Step,
    }
}

fn is_chain(attributes: &Attributes<'_>) -> bool {
    attributes.str(KIND).is_some_and(|kind| kind.eq_ignore_ascii_case("CHAIN"))
}

/// An agent that names itself; a workflow is named by its span.
fn agent<'a>(span: &'a Span, attributes: &Attributes<'a>, work: Work) -> Option<Cow<'a, str>> {
    let named = attributes.str("agent.name");
    let name = if work == Work::Agent { named.or(Some(span.name.as_str())) } else { named };
    name.filter(|name| !name.is_empty()).map(Cow::Borrowed)
}

fn counts(attributes: &Attributes<'_>) -> Counts {
    Counts {
        input: attributes.u64("llm.token_count.prompt"),
        output: attributes.u64("llm.token_count.completion"),
        total: attributes.u64("llm.token_count.total"),
        cached: first_count(attributes, &CACHED_TOKENS),
        cache_write: attributes.u64("llm.token_count.prompt_details.cache_write"),
        reasoning: attributes.u64("llm.token_count.completion_details.reasoning"),
        cost_usd: attributes.f64("llm.cost.total"),
    }
}

fn tool<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Tool<'a> {
    Tool {
        name: Some(Cow::Borrowed(attributes.str("tool.name").unwrap_or(&span.name))),
        call_id: attributes.first_of(&["tool.id", "tool_call.id"]).map(Cow::Borrowed),
        arguments: attributes.text("input.value"),
        result: attributes.text("output.value"),
        ok: None,
        mcp_server: None,
    }
}

/// Messages as they are flattened; else what went in and came out as a whole.
fn messages(attributes: &Attributes<'_>) -> Vec<Message<'static>> {
    let mut told = indexed::messages(attributes, "llm.input_messages.", "llm.output_messages.");
    if told.is_empty() {
        told.extend(attributes.str("input.value").map(|text| from_json(text, false)).unwrap_or_default());
        told.extend(attributes.str("output.value").map(|text| from_json(text, true)).unwrap_or_default());
    }
    told
}

/// The provider's id of a response, where the response is kept as it came.
fn response_id(attributes: &Attributes<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Response {
        id: Option<Value>,
        llm_output: Option<LlmOutput>,
    }
    #[derive(Deserialize)]
    struct LlmOutput {
        id: Option<Value>,
    }
    let text = attributes.str("output.value").filter(|text| text.starts_with('{'))?;
    let response: Response = serde_json::from_str(text).ok()?;
    match response.id.or_else(|| response.llm_output?.id)? {
        Value::String(id) if !id.is_empty() => Some(id),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What an application or a framework noted beside the convention, as one JSON text.
#[derive(Debug, Default)]
struct Metadata {
    session: Option<Cow<'static, str>>,
    agent: Option<Cow<'static, str>>,
}

impl Metadata {
    fn of(attributes: &Attributes<'_>) -> Self {
        let Some(Value::Object(noted)) = attributes.json("metadata") else { return Self::default() };
        let first = |keys: &[&str]| {
            let found =
                keys.iter().find_map(|key| noted.get(*key).and_then(Value::as_str).filter(|text| !text.is_empty()));
            found.map(|text| Cow::Owned(text.to_owned()))
        };
        Self { session: first(&["thread_id", "session_id", "conversation_id"]), agent: first(&["lc_agent_name"]) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conventions::fixtures;
    use crate::facts::Usage;

    fn told(name: &str, kind: &str, mut attributes: Value, look: impl Fn(Facts<'_>)) {
        attributes[KIND] = json!(kind);
        let told = fixtures::span(name, &attributes);
        look(span(&told, &Attributes::new(&told.attributes)));
    }

    #[test]
    fn a_kind_says_what_a_span_stands_for() {
        let cases = [
            ("LLM", Work::ModelCall),
            ("llm", Work::ModelCall),
            ("EMBEDDING", Work::ModelCall),
            ("AGENT", Work::Agent),
            ("TOOL", Work::ToolCall),
            ("CHAIN", Work::Step),
            ("RETRIEVER", Work::Step),
            ("RERANKER", Work::Step),
            ("GUARDRAIL", Work::Step),
            ("EVALUATOR", Work::Step),
            ("UNKNOWN", Work::Step),
        ];
        for (kind, work) in cases {
            told("x", kind, json!({ "llm.token_count.prompt": 5 }), |facts| assert_eq!(facts.work, work, "{kind}"));
        }
        // The model called it as it calls any other tool.
        told("handoff to billing", "TOOL", json!({}), |facts| assert_eq!(facts.work, Work::ToolCall));
    }

    #[test]
    fn a_model_call_tells_usage_cost_and_response() {
        let attributes = json!({
            "llm.model_name": "gpt-5-mini", "llm.system": "openai", "llm.provider": "azure", "llm.finish_reason": "stop",
            "llm.token_count.prompt": 200, "llm.token_count.completion": 15, "llm.token_count.total": 215,
            "llm.token_count.prompt_details.cache_read": 128, "llm.token_count.prompt_details.cache_write": 8,
            "llm.token_count.completion_details.reasoning": 4, "llm.cost.total": 0.000_25,
            "output.value": r#"{"id":"resp_1","output":[]}"#,
        });
        told("response", "LLM", attributes, |facts| {
            assert_eq!((facts.model.as_deref(), facts.provider.as_deref()), (Some("gpt-5-mini"), Some("azure")));
            assert_eq!((facts.response_id.as_deref(), facts.finish_reason.as_deref()), (Some("resp_1"), Some("stop")));
            let usage = Usage {
                input: 200,
                output: 15,
                cached: Some(128),
                cache_write: Some(8),
                reasoning: Some(4),
                cost_nanos: Some(250_000),
            };
            assert_eq!(facts.usage, Some(usage));
        });
    }

    #[test]
    fn a_response_id_is_taken_only_from_a_response() {
        let cases = [
            (r#"{"id":"r"}"#, Some("r")),
            (r#"{"generations":[],"llm_output":{"id":"r"}}"#, Some("r")),
            (r#"{"id":7}"#, None),
            (r#"{"id":null,"llm_output":null}"#, None),
            (r#"[{"id":"r"}]"#, None),
            ("plain", None),
            ("{broken", None),
        ];
        for (output, id) in cases {
            told("x", "LLM", json!({ "output.value": output }), |facts| {
                assert_eq!(facts.response_id.as_deref(), id, "{output}");
            });
        }
        told("x", "CHAIN", json!({ "output.value": r#"{"id":"r"}"# }), |facts| assert_eq!(facts.response_id, None));
    }

    #[test]
    fn an_agent_and_a_session_are_named_by_the_span_or_its_metadata() {
        let noted = json!({ "metadata": r#"{"lc_agent_name":"sup","thread_id":"t","session_id":"s"}"# });
        told("x", "LLM", noted.clone(), |facts| {
            assert_eq!((facts.agent.as_deref(), facts.session.as_deref()), (Some("sup"), Some("t")));
        });
        let both =
            json!({ "agent.name": "a", "session.id": "s", "metadata": r#"{"lc_agent_name":"sup","thread_id":"t"}"# });
        told("x", "CHAIN", both, |facts| {
            assert_eq!((facts.agent.as_deref(), facts.session.as_deref()), (Some("a"), Some("s")));
        });
        told("workflow", "AGENT", json!({}), |facts| assert_eq!(facts.agent.as_deref(), Some("workflow")));
        told("sup", "CHAIN", noted.clone(), |facts| assert_eq!(facts.work, Work::Agent, "a graph that is an agent"));
        told("model", "CHAIN", noted.clone(), |facts| assert_eq!(facts.work, Work::Step, "a node of it"));
        told("x", "LLM", json!({ "metadata": "[1]" }), |facts| assert_eq!((facts.agent, facts.session), (None, None)));
    }

    #[test]
    fn a_tool_is_named_by_its_span_if_not_by_itself() {
        let attributes = json!({ "input.value": r#"{"n": 1}"#, "output.value": "done", "tool.id": "c1" });
        told("flaky_tool", "TOOL", attributes, |facts| {
            let tool = facts.tool.unwrap();
            assert_eq!((tool.name.as_deref(), tool.call_id.as_deref()), (Some("flaky_tool"), Some("c1")));
            assert_eq!((tool.arguments.as_deref(), tool.result.as_deref()), (Some(r#"{"n": 1}"#), Some("done")));
        });
    }

    #[test]
    fn messages_that_are_not_flattened_are_read_as_a_whole() {
        let attributes = json!({ "input.value": r#"[{"role":"user","content":"Hello"}]"#, "output.value": "Hi." });
        told("x", "LLM", attributes, |facts| {
            let said: Vec<_> =
                facts.messages.iter().map(|message| (message.content.as_ref(), message.is_answer)).collect();
            assert_eq!(said, [("Hello", false), ("Hi.", true)]);
        });
    }
}
