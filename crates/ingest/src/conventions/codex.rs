//! Codex's own spans and log records.
//!
//! Source: its configuration page on telemetry (developers.openai.com/codex/config-advanced) and what version
//! 0.169.0 sends. Of its thousands of spans a few tell of the work; the rest is plain. A span's `thread.id`
//! may be there twice: as a number it is a thread of the operating system, as text the conversation.

use std::borrow::Cow;

use flightrec_events::MessageRole;

use super::logs::{self, LogFacts, ToolKeys, told};
use crate::attributes::Attributes;
use crate::facts::{Facts, Failure, Source, Tool, Usage, Work};
use crate::otlp::model::Span;

/// The main agent, as its log records name it.
const MAIN_AGENT: &str = "/root";
/// The least status of an HTTP answer that is a failure.
const LEAST_FAILURE: u64 = 400;

/// What one of its spans tells.
pub(crate) fn span<'a>(span: &'a Span, _scope: &str, _resource: Attributes<'_>) -> Facts<'a> {
    let attributes = Attributes::new(&span.attributes);
    let session = ["conversation.id", "thread_id", "thread.id"].iter().find_map(|key| attributes.str(key));
    let work = work(span, &attributes);
    let is_told = |key: &str| ["gen_ai.", "codex.", "turn.id", "turn_id"].iter().any(|start| key.starts_with(start));
    if work == Work::Step && session.is_none() && !attributes.iter().any(|(key, _)| is_told(key)) {
        return Facts::new(Source::Plain, Work::Plain);
    }
    let mut facts = Facts::new(Source::Codex, work);
    facts.session = session.map(Cow::Borrowed);
    facts.model =
        ["gen_ai.response.model", "model", "slug"].iter().find_map(|key| attributes.str(key)).map(Cow::Borrowed);
    match work {
        Work::ModelCall => {
            facts.usage = usage(&attributes, &OF_CALL);
            facts.response_id = attributes.str("gen_ai.response.id").map(Cow::Borrowed);
        }
        Work::Agent => facts.usage = usage(&attributes, &OF_TURN),
        Work::ToolCall => {
            let name = attributes.str("tool_name").unwrap_or(&span.name);
            let call_id = attributes.str("call_id").map(Cow::Borrowed);
            facts.tool = Some(Tool { name: Some(Cow::Borrowed(name)), call_id, ..Tool::default() });
            let is_aborted = attributes.bool("aborted") == Some(true);
            let failure = Failure { code: Some(Cow::Borrowed("aborted")), cancelled: true };
            facts.failure = is_aborted.then_some(failure);
        }
        Work::Step | Work::Plain => {}
    }
    facts
}

fn work(span: &Span, attributes: &Attributes<'_>) -> Work {
    let is_dispatch = attributes.str("codex.tool.phase") == Some("dispatch") && attributes.has("call_id");
    if is_dispatch {
        Work::ToolCall
    } else if attributes.has(OF_CALL.input) || attributes.has(OF_CALL.output) {
        Work::ModelCall
    } else if span.name == "session_task.turn" {
        Work::Agent
    } else {
        Work::Step
    }
}

/// What one of its log records tells, by the name of its event without `codex.`.
///
/// Of the events of a stream only its end counts, and of the two that tell of it the one with counts.
pub(super) fn log<'a>(event: &str, attributes: &Attributes<'a>) -> Option<LogFacts<'a>> {
    let kind = attributes.str("event.kind").unwrap_or_default();
    let status = attributes.u64("http.response.status_code");
    let mut facts = match event {
        "conversation_starts" | "tool_decision" => Facts::new(Source::Codex, Work::Step),
        "user_prompt" => {
            let mut facts = Facts::new(Source::Codex, Work::Step);
            let prompt = told(attributes, "prompt");
            facts.messages.extend(prompt.map(|text| logs::message(MessageRole::User, text, false)));
            facts
        }
        "api_request" | "websocket_request" => {
            let has_failed = attributes.has("error.message") || status.is_some_and(|status| status >= LEAST_FAILURE);
            let mut facts = Facts::new(Source::Codex, if has_failed { Work::ModelCall } else { Work::Step });
            facts.failure = has_failed.then(|| failure(attributes));
            facts
        }
        "sse_event" | "websocket_event" => {
            let mut facts = Facts::new(Source::Codex, Work::ModelCall);
            facts.usage = usage(attributes, &OF_EVENT);
            facts.time_to_first_token_ms = attributes.u64("ttft_ms");
            match (kind, &facts.usage) {
                ("response.completed", Some(_)) => facts,
                ("response.failed" | "response.incomplete", _) => {
                    facts.failure = Some(failure(attributes));
                    facts
                }
                _ => return None,
            }
        }
        "tool_result" => tool_result(attributes),
        _ => return None,
    };
    facts.session = attributes.str("conversation.id").map(Cow::Borrowed);
    facts.model = ["model", "slug"].iter().find_map(|key| attributes.str(key)).map(Cow::Borrowed);
    let key = ["call_id", "event.kind", "attempt"].iter().find_map(|key| attributes.text(key));
    Some(LogFacts { key, ..LogFacts::loose(facts) })
}

const LOGGED_TOOL: ToolKeys<'_> = ToolKeys {
    name: "tool_name",
    call_id: "call_id",
    arguments: &["arguments"],
    result: "output",
    mcp_server: &["mcp_server"],
};

fn tool_result<'a>(attributes: &Attributes<'a>) -> Facts<'a> {
    let mut facts = Facts::new(Source::Codex, Work::ToolCall);
    let tool = logs::tool(attributes, &LOGGED_TOOL);
    if tool.name.as_deref().is_some_and(|name| name.ends_with("spawn_agent"))
        && let Some(child) = tool.result.as_deref().and_then(spawned)
    {
        facts.spawned.push(Cow::Owned(child));
    }
    facts.failure = (tool.ok == Some(false)).then(|| failure(attributes));
    facts.tool = Some(tool);
    facts.agent = attributes.str("agent_name").filter(|name| *name != MAIN_AGENT).map(Cow::Borrowed);
    facts.duration_ms = attributes.u64("duration_ms");
    facts
}

/// The conversation of the agent that was spawned, by the answer of the tool that did it.
pub(crate) fn spawned(output: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(output).ok()?;
    ["agent_id", "thread_id", "conversation_id"].iter().find_map(|key| Some(answer.get(key)?.as_str()?.to_owned()))
}

/// Which attributes hold counts of tokens. All of them count the cache within the input.
struct UsageKeys {
    input: &'static str,
    output: &'static str,
    cached: &'static str,
    cache_write: &'static str,
    reasoning: &'static str,
}

/// Of one call, on its span.
const OF_CALL: UsageKeys = UsageKeys {
    input: "gen_ai.usage.input_tokens",
    output: "gen_ai.usage.output_tokens",
    cached: "gen_ai.usage.cache_read.input_tokens",
    cache_write: "gen_ai.usage.cache_write.input_tokens",
    reasoning: "codex.usage.reasoning_output_tokens",
};

/// Of all calls of a turn, on the turn's span.
const OF_TURN: UsageKeys = UsageKeys {
    input: "codex.turn.token_usage.input_tokens",
    output: "codex.turn.token_usage.output_tokens",
    cached: "codex.turn.token_usage.cached_input_tokens",
    cache_write: "codex.turn.token_usage.cache_write_input_tokens",
    reasoning: "codex.turn.token_usage.reasoning_output_tokens",
};

/// Of one call, in a log record.
const OF_EVENT: UsageKeys = UsageKeys {
    input: "input_token_count",
    output: "output_token_count",
    cached: "cached_token_count",
    cache_write: "cache_write_token_count",
    reasoning: "reasoning_token_count",
};

fn usage(attributes: &Attributes<'_>, keys: &UsageKeys) -> Option<Usage> {
    let (input, output) = (attributes.u64(keys.input), attributes.u64(keys.output));
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Usage {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached: attributes.u64(keys.cached),
        cache_write: attributes.u64(keys.cache_write),
        reasoning: attributes.u64(keys.reasoning),
        cost_nanos: None,
    })
}

fn failure<'a>(attributes: &Attributes<'a>) -> Failure<'a> {
    let code = attributes.text("http.response.status_code").or_else(|| attributes.str("error.type").map(Cow::Borrowed));
    Failure { code, cancelled: attributes.str("error.message").is_some_and(logs::is_cancelled) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::conventions::fixtures;
    use crate::otlp::model::{Any, AnyValue, KeyValue, LogRecord};

    fn facts_of(told: &Span) -> Facts<'_> {
        span(told, "codex_exec", Attributes::none())
    }

    #[test]
    fn a_number_as_thread_id_is_no_session() {
        let pair = |key: &str, any| KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(any) }) };
        let number = || pair("thread.id", Any::Int(3));
        let text = |key: &str, text: &str| pair(key, Any::Str(text.to_owned()));
        let cases = [
            (vec![number()], None),
            (vec![number(), text("thread.id", "c-1")], Some("c-1")),
            (vec![number(), text("thread.id", "c-1"), text("thread_id", "c-2")], Some("c-2")),
            (vec![text("thread_id", "c-2"), text("conversation.id", "c-3")], Some("c-3")),
            (vec![number(), text("turn.id", "t-1")], None),
        ];
        for (attributes, session) in cases {
            let span = Span { name: "run_turn".to_owned(), attributes, ..Span::default() };
            assert_eq!(facts_of(&span).session.as_deref(), session);
        }
    }

    #[test]
    fn each_span_is_what_it_is() {
        let cases = [
            ("handle_responses", json!({"codex.response.receive_wait_ms": 0.1}), (Source::Codex, Work::Step)),
            ("fs.read_file", json!({"thread.id": 4}), (Source::Plain, Work::Plain)),
            (
                "handle_responses",
                json!({"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 1}),
                (Source::Codex, Work::ModelCall),
            ),
            ("session_task.turn", json!({"codex.turn.token_usage.input_tokens": 7}), (Source::Codex, Work::Agent)),
            ("exec_command", json!({"codex.tool.phase": "dispatch", "call_id": "c"}), (Source::Codex, Work::ToolCall)),
            (
                "exec_command",
                json!({"codex.tool.phase": "handler", "call_id": "c", "turn.id": "t"}),
                (Source::Codex, Work::Step),
            ),
            ("unified_exec.exec_command", json!({"call_id": "c", "conversation.id": "s"}), (Source::Codex, Work::Step)),
            ("turn/start", json!({"turn.id": "t"}), (Source::Codex, Work::Step)),
            ("auth", json!({"busy_ns": 7}), (Source::Plain, Work::Plain)),
        ];
        for (name, attributes, expected) in cases {
            let span = fixtures::span(name, &attributes);
            let facts = facts_of(&span);
            assert_eq!((facts.source, facts.work), expected, "{name} {attributes}");
        }
    }

    #[test]
    fn a_turn_sums_up_and_a_call_counts() {
        let call = fixtures::span(
            "handle_responses",
            &json!({"gen_ai.usage.input_tokens": 2310, "gen_ai.usage.cache_read.input_tokens": 2000,
            "gen_ai.usage.cache_write.input_tokens": 0, "gen_ai.usage.output_tokens": 81, "codex.usage.reasoning_output_tokens": 12}),
        );
        let usage = Usage {
            input: 2310,
            output: 81,
            cached: Some(2000),
            cache_write: Some(0),
            reasoning: Some(12),
            cost_nanos: None,
        };
        assert_eq!(facts_of(&call).usage, Some(usage));
        let turn = fixtures::span(
            "session_task.turn",
            &json!({"codex.turn.token_usage.input_tokens": 6300,
            "codex.turn.token_usage.cached_input_tokens": 2000, "codex.turn.token_usage.output_tokens": 69, "model": "gpt-5-codex"}),
        );
        let facts = facts_of(&turn);
        assert_eq!(facts.usage, Some(Usage { input: 6300, output: 69, cached: Some(2000), ..Usage::default() }));
        assert_eq!(facts.model.as_deref(), Some("gpt-5-codex"));
    }

    #[test]
    fn a_tool_that_was_aborted_was_cancelled() {
        let attributes =
            json!({"codex.tool.phase": "dispatch", "call_id": "c", "tool_name": "exec_command", "aborted": true});
        let span = fixtures::span("exec_command", &attributes);
        let facts = facts_of(&span);
        assert!(facts.failure.unwrap().cancelled);
        assert_eq!(facts.tool.unwrap().name.as_deref(), Some("exec_command"));
    }

    fn record(event: &str, attributes: &Value) -> LogRecord {
        let mut record = fixtures::record(event, attributes);
        record.event_name = "event otel/src/events/session_telemetry.rs:703".to_owned();
        record
    }

    #[test]
    fn of_a_stream_only_its_end_with_counts_is_a_call() {
        let cases = [
            (json!({"event.kind": "response.created"}), None),
            (json!({"event.kind": "response.completed", "duration_ms": "5"}), None),
            (
                json!({"event.kind": "response.completed", "input_token_count": "2310", "output_token_count": "81", "cached_token_count": 2000,
                "cache_write_token_count": 0, "reasoning_token_count": 12}),
                Some(Usage {
                    input: 2310,
                    output: 81,
                    cached: Some(2000),
                    cache_write: Some(0),
                    reasoning: Some(12),
                    cost_nanos: None,
                }),
            ),
        ];
        for (attributes, usage) in cases {
            let record = record("codex.sse_event", &attributes);
            let log = logs::log(&record, "codex_otel.log_only", Attributes::none());
            assert_eq!(log.as_ref().and_then(|log| log.facts.usage), usage, "{attributes}");
            assert_eq!(log.map(|log| log.facts.work), usage.map(|_| Work::ModelCall));
        }
        let failed =
            record("codex.sse_event", &json!({"event.kind": "response.failed", "error.message": "stream cancelled"}));
        let log = logs::log(&failed, "codex_otel.log_only", Attributes::none()).unwrap();
        assert_eq!(log.facts.failure, Some(Failure { code: None, cancelled: true }));
    }

    #[test]
    fn a_request_counts_only_where_it_failed() {
        for (status, work) in [(200, Work::Step), (429, Work::ModelCall)] {
            let record =
                record("codex.api_request", &json!({"http.response.status_code": status, "conversation.id": "s"}));
            let facts = logs::log(&record, "codex_otel.log_only", Attributes::none()).unwrap().facts;
            assert_eq!(
                (facts.work, facts.session.as_deref(), facts.failure.is_some()),
                (work, Some("s"), work == Work::ModelCall)
            );
        }
    }

    #[test]
    fn a_tool_result_tells_of_its_call_and_of_the_agent_that_it_spawned() {
        let spawn = json!({"tool_name": "spawn_agent", "call_id": "c", "duration_ms": "13", "success": "true", "agent_name": "/root",
            "arguments": "{}", "output": "{\"agent_id\":\"child\",\"nickname\":\"Ptolemy\"}", "mcp_server": ""});
        let record = record("codex.tool_result", &spawn);
        let facts = logs::log(&record, "codex_otel.log_only", Attributes::none()).unwrap().facts;
        assert_eq!(facts.spawned, ["child"]);
        assert_eq!((facts.agent, facts.duration_ms), (None, Some(13)));
        let tool = facts.tool.unwrap();
        assert_eq!((tool.ok, tool.mcp_server, tool.arguments.as_deref()), (Some(true), None, Some("{}")));

        for (name, output) in
            [("exec_command", "{\"agent_id\":\"x\"}"), ("spawn_agent", "no json"), ("spawn_agent", "[1]")]
        {
            let record = self::record(
                "codex.tool_result",
                &json!({"tool_name": name, "output": output, "agent_name": "Ptolemy"}),
            );
            let facts = logs::log(&record, "codex_otel.log_only", Attributes::none()).unwrap().facts;
            assert_eq!((facts.spawned.len(), facts.agent.as_deref()), (0, Some("Ptolemy")), "{name} {output}");
        }
    }

    #[test]
    fn what_tells_nothing_is_left() {
        for event in ["codex.startup_phase", "codex.turn_ttft", "codex.something_newer"] {
            assert_eq!(logs::log(&record(event, &json!({})), "codex_otel.log_only", Attributes::none()), None);
        }
        let masked = record("codex.user_prompt", &json!({"prompt": "[REDACTED]", "conversation.id": "s"}));
        assert!(logs::log(&masked, "codex_otel.log_only", Attributes::none()).unwrap().facts.messages.is_empty());
    }
}
