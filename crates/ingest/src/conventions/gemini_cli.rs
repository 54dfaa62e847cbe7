//! Gemini CLI's own log records. Its spans follow OpenTelemetry's conventions.
//!
//! Source: its telemetry page (geminicli.com/docs/cli/telemetry). Thinking is counted apart from the answer,
//! and what tools put into the prompt apart from the prompt; here both are added.

use std::borrow::Cow;

use flightrec_events::MessageRole;

use super::logs::{self, LogFacts, ToolKeys, told};
use crate::attributes::Attributes;
use crate::facts::{Facts, Failure, Source, Usage, Work};
use crate::otlp::model::LogRecord;

/// The name of its instrumentation scope.
pub(super) const SCOPE: &str = "gemini-cli";

/// What one of its log records tells, by the name of its event without `gemini_cli.`.
pub(super) fn log<'a>(event: &str, record: &LogRecord, attributes: &Attributes<'a>) -> Option<LogFacts<'a>> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| attributes.str(key)).map(Cow::Borrowed);
    let mut facts = match event {
        "user_prompt" => {
            let mut facts = Facts::new(Source::GenAi, Work::Step);
            let prompt = told(attributes, "prompt");
            facts.messages.extend(prompt.map(|text| logs::message(MessageRole::User, text, false)));
            facts
        }
        "api_response" | "api_error" => {
            let mut facts = Facts::new(Source::GenAi, Work::ModelCall);
            facts.model = text(&["model", "model_name"]);
            facts.provider = Some(Cow::Borrowed("google"));
            facts.usage = usage(attributes);
            facts.finish_reason = attributes.first_str("finish_reasons");
            facts.failure = (event == "api_error").then(|| failure(attributes));
            facts
        }
        "tool_call" => tool_call(record, attributes),
        "agent.start" | "agent.finish" => Facts::new(Source::GenAi, Work::Step),
        _ => return None,
    };
    facts.session = text(&["session.id", "gen_ai.conversation.id"]);
    facts.agent = text(&["agent_name"]);
    facts.duration_ms = attributes.u64("duration_ms");
    let key = ["call_id", "agent_id", "prompt_id"].iter().find_map(|key| attributes.str(key)).map(Cow::Borrowed);
    // A model is called within the span of the call; other events are told within whatever is under way.
    let is_call = facts.work == Work::ModelCall;
    let log = if is_call { LogFacts::anchored(facts, record) } else { LogFacts::loose(facts) };
    Some(LogFacts { key, ..log })
}

const LOGGED_TOOL: ToolKeys<'_> = ToolKeys {
    name: "function_name",
    call_id: "call_id",
    arguments: &["function_args"],
    result: "function_result",
    mcp_server: &["mcp_server_name"],
};

/// A tool call. A record without the call's id that lies in a span repeats that span, which has the id.
fn tool_call<'a>(record: &LogRecord, attributes: &Attributes<'a>) -> Facts<'a> {
    let tool = logs::tool(attributes, &LOGGED_TOOL);
    if tool.call_id.is_none() && !record.span_id.is_empty() {
        return Facts::new(Source::GenAi, Work::Step);
    }
    let mut facts = Facts::new(Source::GenAi, Work::ToolCall);
    facts.failure = (tool.ok == Some(false)).then(|| failure(attributes));
    facts.tool = Some(tool);
    facts
}

fn usage(attributes: &Attributes<'_>) -> Option<Usage> {
    let (prompt, answer) = (attributes.u64("input_token_count"), attributes.u64("output_token_count"));
    if prompt.is_none() && answer.is_none() {
        return None;
    }
    let (thoughts, of_tools) = (attributes.u64("thoughts_token_count"), attributes.u64("tool_token_count"));
    Some(Usage {
        input: prompt.unwrap_or(0).saturating_add(of_tools.unwrap_or(0)),
        output: answer.unwrap_or(0).saturating_add(thoughts.unwrap_or(0)),
        cached: attributes.u64("cached_content_token_count"),
        cache_write: None,
        reasoning: thoughts,
        cost_nanos: None,
    })
}

fn failure<'a>(attributes: &Attributes<'a>) -> Failure<'a> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| attributes.str(key));
    let code = text(&["error.type", "error_type"]).map(Cow::Borrowed).or_else(|| attributes.text("status_code"));
    let cancelled = attributes.str("decision") == Some("cancel")
        || text(&["error.message", "error"]).is_some_and(logs::is_cancelled);
    Failure { code, cancelled }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conventions::fixtures;

    #[test]
    fn a_response_counts_thinking_and_what_tools_gave() {
        let attributes = json!({"session.id": "s", "model": "gemini-2.5-pro", "input_token_count": 100, "output_token_count": 20,
            "cached_content_token_count": 60, "thoughts_token_count": 7, "tool_token_count": 3, "duration_ms": 900,
            "finish_reasons": ["stop"], "prompt_id": "p"});
        let mut record = fixtures::record("gemini_cli.api_response", &attributes);
        record.span_id = vec![1; 8];
        let log = logs::log(&record, SCOPE, Attributes::none()).unwrap();
        let usage =
            Usage { input: 103, output: 27, cached: Some(60), cache_write: None, reasoning: Some(7), cost_nanos: None };
        assert_eq!((log.facts.work, log.facts.usage), (Work::ModelCall, Some(usage)));
        assert_eq!((log.facts.session.as_deref(), log.facts.finish_reason.as_deref()), (Some("s"), Some("stop")));
        assert!(log.anchored);
        assert_eq!(log.key.as_deref(), Some("p"));
    }

    #[test]
    fn a_tool_call_is_told_by_its_span_where_there_is_one() {
        let attributes = json!({"function_name": "read_file", "function_args": "{\"path\":\"a\"}", "success": false, "decision": "cancel"});
        let alone = fixtures::record("gemini_cli.tool_call", &attributes);
        let facts = logs::log(&alone, SCOPE, Attributes::none()).unwrap().facts;
        assert_eq!((facts.work, facts.failure), (Work::ToolCall, Some(Failure { code: None, cancelled: true })));
        assert_eq!(facts.tool.unwrap().arguments.as_deref(), Some("{\"path\":\"a\"}"));
        let mut within = alone.clone();
        within.span_id = vec![1; 8];
        assert_eq!(logs::log(&within, SCOPE, Attributes::none()).unwrap().facts.work, Work::Step);
        within.attributes.extend(fixtures::pairs(&json!({"call_id": "c"})));
        assert_eq!(logs::log(&within, SCOPE, Attributes::none()).unwrap().facts.work, Work::ToolCall);
    }

    #[test]
    fn the_same_call_in_the_words_of_opentelemetry_is_not_counted_again() {
        let attributes = json!({"gen_ai.usage.input_tokens": 100, "gen_ai.response.id": "r", "session.id": "s",
            "gen_ai.output.messages": "[{\"role\":\"model\",\"parts\":[{\"type\":\"text\",\"content\":\"Hi\"}]}]"});
        let record = fixtures::record("gen_ai.client.inference.operation.details", &attributes);
        let facts = logs::log(&record, SCOPE, Attributes::none()).unwrap().facts;
        assert_eq!((facts.work, facts.usage, facts.response_id), (Work::Step, None, None));
        assert_eq!(facts.messages[0].content, "Hi");
        let elsewhere = logs::log(&record, "another", Attributes::none()).unwrap().facts;
        assert_eq!((elsewhere.work, elsewhere.usage.map(|usage| usage.input)), (Work::ModelCall, Some(100)));
    }

    #[test]
    fn prompts_errors_and_agents_are_told() {
        let prompt = fixtures::record("gemini_cli.user_prompt", &json!({"prompt": "Hello", "session.id": "s"}));
        assert_eq!(logs::log(&prompt, SCOPE, Attributes::none()).unwrap().facts.messages[0].content, "Hello");
        let error = fixtures::record(
            "gemini_cli.api_error",
            &json!({"error.type": "ApiError", "status_code": 500, "error": "boom"}),
        );
        let facts = logs::log(&error, SCOPE, Attributes::none()).unwrap().facts;
        assert_eq!(facts.failure, Some(Failure { code: Some("ApiError".into()), cancelled: false }));
        let agent = fixtures::record(
            "gemini_cli.agent.finish",
            &json!({"agent_name": "codebase_investigator", "agent_id": "a", "duration_ms": 9}),
        );
        let log = logs::log(&agent, SCOPE, Attributes::none()).unwrap();
        assert_eq!((log.facts.agent.as_deref(), log.key.as_deref()), (Some("codebase_investigator"), Some("a")));
        let config = fixtures::record("gemini_cli.config", &json!({"session.id": "s"}));
        assert_eq!(logs::log(&config, SCOPE, Attributes::none()), None);
    }
}
