//! Claude Code's own spans and log records.
//!
//! Source: its monitoring page (code.claude.com/docs/en/monitoring-usage) and what version 2.1.197 sends.
//! Its counts of input tokens leave out those from and to the cache; here they are added. Tokens are told by
//! spans and log records alike, the cost by log records alone; `request_id` joins the two.

use std::borrow::Cow;

use flightrec_events::MessageRole;
use serde_json::{Map, Value};

use super::gen_ai;
use super::logs::{self, LogFacts, ToolKeys, told};
use super::usage::Counts;
use crate::attributes::{Attributes, compact};
use crate::facts::{Facts, Failure, Source, Tool, Usage, Work};
use crate::otlp::model::Span;

/// What the names of its instrumentation scopes begin with.
pub(super) const SCOPE: &str = "com.anthropic.claude_code";
/// Nano-dollars in a micro-dollar.
const NANOS_PER_MICRO_DOLLAR: u64 = 1_000;

/// What one of its spans tells.
pub(crate) fn span<'a>(span: &'a Span, _scope: &str, resource: Attributes<'_>) -> Facts<'a> {
    let attributes = Attributes::new(&span.attributes);
    let kind = attributes.str("span.type").or_else(|| span.name.strip_prefix("claude_code.")).unwrap_or_default();
    let mut facts = match kind {
        "interaction" => Facts::new(Source::ClaudeCode, Work::Agent),
        "llm_request" => request(&attributes),
        "tool" => {
            let mut facts = Facts::new(Source::ClaudeCode, Work::ToolCall);
            facts.tool = Some(tool(span, &attributes));
            facts
        }
        _ => Facts::new(Source::ClaudeCode, Work::Step),
    };
    facts.session = session(&attributes, resource);
    if kind == "interaction"
        && let Some(prompt) = told(&attributes, "user_prompt")
    {
        facts.messages.push(logs::message(MessageRole::User, prompt, false));
    }
    if attributes.bool("success") == Some(false) {
        facts.failure = Some(failure(&attributes));
    }
    facts
}

/// What one of its log records tells, by the name of its event without `claude_code.`.
pub(super) fn log<'a>(event: &str, attributes: &Attributes<'a>, resource: Attributes<'_>) -> Option<LogFacts<'a>> {
    let step = || Facts::new(Source::ClaudeCode, Work::Step);
    let mut facts = match event {
        "user_prompt" => spoken(attributes, "prompt", MessageRole::User),
        "assistant_response" => spoken(attributes, "response", MessageRole::Assistant),
        "api_request" => request(attributes),
        "api_error" => {
            let mut facts = request(attributes);
            facts.usage = None;
            facts.failure = Some(failure(attributes));
            facts
        }
        "tool_result" => {
            let mut facts = Facts::new(Source::ClaudeCode, Work::ToolCall);
            let tool = logs::tool(attributes, &LOGGED_TOOL);
            facts.failure = (tool.ok == Some(false)).then(|| failure(attributes));
            facts.tool = Some(tool);
            facts
        }
        "subagent_completed" => {
            let mut facts = step();
            facts.agent = attributes.str("agent_type").map(Cow::Borrowed);
            facts.model = attributes.str("model").map(Cow::Borrowed);
            facts
        }
        _ => step(),
    };
    facts.session = session(attributes, resource);
    facts.duration_ms = attributes.u64("duration_ms");
    if facts.agent.is_none() {
        facts.agent = attributes.str("agent.name").map(Cow::Borrowed);
    }
    if facts.session.is_none() && facts.response_id.is_none() && facts.tool.is_none() {
        return None;
    }
    let key = match (attributes.str("prompt.id"), attributes.u64("event.sequence")) {
        (Some(prompt), Some(sequence)) => Some(Cow::Owned(format!("{prompt}/{sequence}"))),
        (None, Some(sequence)) => Some(Cow::Owned(sequence.to_string())),
        (prompt, None) => prompt.map(Cow::Borrowed),
    };
    Some(LogFacts { key, ..LogFacts::loose(facts) })
}

const LOGGED_TOOL: ToolKeys<'_> = ToolKeys {
    name: "tool_name",
    call_id: "tool_use_id",
    arguments: &["tool_input", "tool_parameters"],
    result: "tool_output",
    mcp_server: &["mcp_server_name", "mcp_server.name"],
};

/// The session, which sub-agents share with the one that called them.
fn session<'a>(attributes: &Attributes<'a>, resource: Attributes<'_>) -> Option<Cow<'a, str>> {
    let own = attributes.str("session.id").map(Cow::Borrowed);
    own.or_else(|| resource.str("session.id").map(|id| Cow::Owned(id.to_owned())))
}

fn spoken<'a>(attributes: &Attributes<'a>, key: &str, role: MessageRole) -> Facts<'a> {
    let mut facts = Facts::new(Source::ClaudeCode, Work::Step);
    let is_answer = role == MessageRole::Assistant;
    facts.messages.extend(told(attributes, key).map(|text| logs::message(role, text, is_answer)));
    facts.model = attributes.str("model").map(Cow::Borrowed);
    facts.response_id = attributes.str("request_id").map(Cow::Borrowed);
    facts
}

/// A call of a model, whose keys are the same on spans and log records.
fn request<'a>(attributes: &Attributes<'a>) -> Facts<'a> {
    let mut facts = Facts::new(Source::ClaudeCode, Work::ModelCall);
    let text = |keys: &[&str]| keys.iter().find_map(|key| attributes.str(key)).map(Cow::Borrowed);
    facts.agent = text(&["agent.name"]);
    facts.model = text(&["gen_ai.response.model", "model", "gen_ai.request.model"]);
    facts.provider = text(&["gen_ai.provider.name", "gen_ai.system"]).or(Some(Cow::Borrowed("anthropic")));
    facts.usage = usage(attributes);
    facts.response_id = text(&["request_id", "gen_ai.response.id"]);
    facts.finish_reason = text(&["stop_reason"]).or_else(|| attributes.first_str("gen_ai.response.finish_reasons"));
    facts.time_to_first_token_ms = attributes.u64("ttft_ms");
    facts
}

fn usage(attributes: &Attributes<'_>) -> Option<Usage> {
    let count = |key: &str| attributes.u64(key);
    let (fresh, output) = (count("input_tokens"), count("output_tokens"));
    let (cached, cache_write) = (count("cache_read_tokens"), count("cache_creation_tokens"));
    let cache = cached.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
    let input = fresh.map(|fresh| fresh.saturating_add(cache));
    let cost_usd = attributes.f64("cost_usd");
    let micros = || count("cost_usd_micros").filter(|micros| *micros > 0)?.checked_mul(NANOS_PER_MICRO_DOLLAR);
    let own = Counts { input, output, cached, cache_write, cost_usd, ..Counts::default() };
    let usage = own.usage().or_else(|| gen_ai::counts(attributes).usage())?;
    Some(Usage { cost_nanos: usage.cost_nanos.or_else(micros), ..usage })
}

/// A tool call as its span tells it: what it was given in attributes, what it answered in an event.
fn tool<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Tool<'a> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| told(attributes, key)).map(Cow::Borrowed);
    let given = || {
        let keys = ["full_command", "file_path", "url", "query", "pattern", "skill_name", "subagent_type"];
        let pairs = keys.iter().filter_map(|key| Some(((*key).to_owned(), Value::from(told(attributes, key)?))));
        let given: Map<String, Value> = pairs.collect();
        (!given.is_empty()).then(|| Cow::Owned(compact(Value::Object(given))))
    };
    let answered = || {
        let mut events = span.events.iter().filter(|event| event.name == "tool.output");
        events.find_map(|event| {
            let attributes = Attributes::new(&event.attributes);
            ["output", "content", "result"].iter().find_map(|key| told(&attributes, key))
        })
    };
    Tool {
        name: text(&["tool_name", "gen_ai.tool.name"]),
        call_id: text(&["tool_use_id", "gen_ai.tool.call.id"]),
        arguments: attributes.text("tool_input").filter(|text| text != "<REDACTED>").or_else(given),
        result: answered().map(Cow::Borrowed),
        ok: attributes.bool("success"),
        mcp_server: text(&["mcp_server_name", "mcp_server.name"]),
    }
}

fn failure<'a>(attributes: &Attributes<'a>) -> Failure<'a> {
    let error = attributes.str("error").unwrap_or_default();
    let code = attributes.text("status_code").filter(|code| !code.is_empty());
    let code =
        code.or_else(|| attributes.str("error_type").or_else(|| attributes.str("error.type")).map(Cow::Borrowed));
    let cancelled = is_called_off(attributes) || logs::is_cancelled(error);
    Failure { code, cancelled }
}

fn is_called_off(attributes: &Attributes<'_>) -> bool {
    attributes.str("error_type").or_else(|| attributes.str("error.type")).is_some_and(logs::is_cancelled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conventions::fixtures;
    use crate::facts::Message;
    use crate::otlp::model::SpanEvent;

    fn logged(event: &str, attributes: &Value) -> Option<(Work, Option<Usage>)> {
        let record = fixtures::record(event, attributes);
        let log = logs::log(&record, "com.anthropic.claude_code.events", Attributes::none())?;
        assert_eq!(log.facts.source, Source::ClaudeCode);
        Some((log.facts.work, log.facts.usage))
    }

    fn facts_of(told: &Span) -> Facts<'_> {
        span(told, SCOPE, Attributes::none())
    }

    #[test]
    fn the_cache_is_added_to_the_input_and_the_cost_kept_to_the_nano_dollar() {
        let cases = [
            (
                json!({"input_tokens": 200, "output_tokens": 22, "cache_read_tokens": 1500, "cache_creation_tokens": 30,
                "cost_usd": 0.008_749_999_999_999_999, "cost_usd_micros": 8750}),
                Usage {
                    input: 1730,
                    output: 22,
                    cached: Some(1500),
                    cache_write: Some(30),
                    reasoning: None,
                    cost_nanos: Some(8_750_000),
                },
            ),
            (
                json!({"input_tokens": "7", "output_tokens": "1", "cost_usd_micros": "3"}),
                Usage { input: 7, output: 1, cost_nanos: Some(3_000), ..Usage::default() },
            ),
            (json!({"input_tokens": 7, "cost_usd": -1.0}), Usage { input: 7, ..Usage::default() }),
        ];
        for (mut attributes, usage) in cases {
            attributes["session.id"] = json!("s");
            assert_eq!(logged("api_request", &attributes), Some((Work::ModelCall, Some(usage))), "{attributes}");
        }
        assert_eq!(logged("api_request", &json!({"session.id": "s"})), Some((Work::ModelCall, None)));
        let standard =
            json!({"session.id": "s", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_read.input_tokens": 4});
        let usage = Usage { input: 9, cached: Some(4), ..Usage::default() };
        assert_eq!(logged("api_request", &standard), Some((Work::ModelCall, Some(usage))));
    }

    #[test]
    fn each_event_is_what_it_is() {
        let cases = [
            ("user_prompt", Work::Step),
            ("assistant_response", Work::Step),
            ("api_request", Work::ModelCall),
            ("api_error", Work::ModelCall),
            ("tool_decision", Work::Step),
            ("tool_result", Work::ToolCall),
            ("subagent_completed", Work::Step),
            ("something_newer", Work::Step),
        ];
        for (event, work) in cases {
            assert_eq!(logged(event, &json!({"session.id": "s"})), Some((work, None)), "{event}");
            let whole = format!("claude_code.{event}");
            assert_eq!(logged(&whole, &json!({"session.id": "s"})), Some((work, None)), "{whole}");
        }
        assert_eq!(logged("something_newer", &json!({})), None);
    }

    #[test]
    fn masked_content_is_no_content() {
        for (event, key) in [("user_prompt", "prompt"), ("assistant_response", "response")] {
            let of = |text: &str| {
                let record = fixtures::record(event, &json!({"session.id": "s", key: text}));
                let log = logs::log(&record, SCOPE, Attributes::none()).unwrap();
                log.facts.messages.iter().map(|message| message.content.clone().into_owned()).collect::<Vec<_>>()
            };
            assert_eq!(of("<REDACTED>"), Vec::<String>::new());
            assert_eq!(of("Hello"), ["Hello"]);
        }
    }

    #[test]
    fn a_tool_result_tells_of_its_call() {
        let attributes = json!({"session.id": "s", "tool_name": "Bash", "tool_use_id": "call_1", "success": "false",
            "duration_ms": "35", "tool_input": "{\"command\":\"ls\"}", "error": "Request was aborted.", "prompt.id": "p", "event.sequence": 4});
        let record = fixtures::record("tool_result", &attributes);
        let log = logs::log(&record, SCOPE, Attributes::none()).unwrap();
        let tool = log.facts.tool.unwrap();
        assert_eq!((tool.name.as_deref(), tool.call_id.as_deref()), (Some("Bash"), Some("call_1")));
        assert_eq!((tool.arguments.as_deref(), tool.ok), (Some("{\"command\":\"ls\"}"), Some(false)));
        assert_eq!(log.facts.failure, Some(Failure { code: None, cancelled: true }));
        assert_eq!(log.facts.duration_ms, Some(35));
        assert_eq!(log.key.as_deref(), Some("p/4"));
        assert!(!log.anchored);
    }

    #[test]
    fn each_span_is_what_it_is() {
        let cases = [
            ("claude_code.interaction", Work::Agent),
            ("claude_code.llm_request", Work::ModelCall),
            ("claude_code.tool", Work::ToolCall),
            ("claude_code.tool.execution", Work::Step),
            ("claude_code.tool.blocked_on_user", Work::Step),
            ("claude_code.hook", Work::Step),
        ];
        for (name, work) in cases {
            let by_name = fixtures::span(name, &json!({"session.id": "s"}));
            let facts = facts_of(&by_name);
            assert_eq!((facts.work, facts.session.as_deref()), (work, Some("s")), "{name}");
            let kind = name.strip_prefix("claude_code.").unwrap();
            let by_type = fixtures::span("renamed", &json!({"span.type": kind}));
            assert_eq!(facts_of(&by_type).work, work, "{kind}");
        }
    }

    #[test]
    fn spans_tell_of_prompts_calls_and_tools() {
        let interaction = fixtures::span("claude_code.interaction", &json!({"user_prompt": "Hello"}));
        let said = facts_of(&interaction).messages;
        let expected =
            Message { role: MessageRole::User, content: "Hello".into(), tool_call_id: None, is_answer: false };
        assert_eq!(said, [expected]);

        let call = fixtures::span(
            "claude_code.llm_request",
            &json!({"success": false, "status_code": 529, "model": "claude-opus-4-8[1m]",
            "request_id": "req_1", "ttft_ms": 60}),
        );
        let facts = facts_of(&call);
        assert_eq!(facts.failure, Some(Failure { code: Some("529".into()), cancelled: false }));
        assert_eq!((facts.usage, facts.response_id.as_deref()), (None, Some("req_1")));
        assert_eq!(
            (facts.model.as_deref(), facts.provider.as_deref()),
            (Some("claude-opus-4-8[1m]"), Some("anthropic"))
        );
        assert_eq!(facts.time_to_first_token_ms, Some(60));

        let mut tool = fixtures::span(
            "claude_code.tool",
            &json!({"tool_name": "Bash", "full_command": "ls", "tool_use_id": "call_1"}),
        );
        tool.events.push(SpanEvent {
            name: "tool.output".to_owned(),
            attributes: fixtures::pairs(&json!({"bash_command": "ls", "output": "notes.txt"})),
            ..SpanEvent::default()
        });
        let told = facts_of(&tool).tool.unwrap();
        assert_eq!(told.arguments.as_deref(), Some("{\"full_command\":\"ls\"}"));
        assert_eq!((told.result.as_deref(), told.call_id.as_deref()), (Some("notes.txt"), Some("call_1")));
    }

    #[test]
    fn the_resource_tells_the_session_where_the_record_does_not() {
        let list = fixtures::pairs(&json!({"session.id": "of the resource"}));
        let resource = Attributes::new(&list);
        let silent = fixtures::record("claude_code.user_prompt", &json!({}));
        let log = logs::log(&silent, SCOPE, resource).unwrap();
        assert_eq!(log.facts.session.as_deref(), Some("of the resource"));
        let own = fixtures::record("claude_code.user_prompt", &json!({"session.id": "own"}));
        assert_eq!(logs::log(&own, SCOPE, resource).unwrap().facts.session.as_deref(), Some("own"));
    }
}
