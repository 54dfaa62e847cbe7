//! Log records: those of OpenTelemetry's conventions for generative AI, and the way to those of the coding
//! agents.
//!
//! A log record often repeats what a span tells. It is told here all the same, with the ids by which both
//! are known to be one: the response id, the id of the tool call, or the span that the record was written
//! in, where that span is the very call.

use std::borrow::Cow;

use flightrec_events::{MessageRole, Timestamp};

use super::provider::provider;
use super::{claude_code, codex, failure, gemini_cli, gen_ai, messages};
use crate::attributes::{self, Attributes};
use crate::facts::{Facts, Failure, Message, Source, Tool, Work};
use crate::otlp::model::{Any, AnyValue, LogRecord};

/// Nanoseconds in a microsecond.
const NANOS_PER_MICRO: u64 = 1_000;

/// Everything that one log record tells.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFacts<'a> {
    /// What it tells of the work.
    pub facts: Facts<'a>,
    /// When it happened, else when it was seen, in nanoseconds since 1970; 0 if nothing tells.
    pub at_unix_nano: u64,
    /// The name of the event.
    pub event: Cow<'a, str>,
    /// Whether the record's span is the very call that the record tells of, so that use told by both is one.
    pub anchored: bool,
    /// What tells the record from others of the same time and name.
    pub key: Option<Cow<'a, str>>,
}

/// What a log record tells, or `None` if no convention knows it.
///
/// ```
/// use flightrec_ingest::attributes::Attributes;
/// use flightrec_ingest::conventions::logs;
/// use flightrec_ingest::otlp::model::{Any, AnyValue, KeyValue, LogRecord};
/// let text = |text: &str| Some(AnyValue { value: Some(Any::Str(text.to_owned())) });
/// let content = KeyValue { key: "content".into(), value: text("Hello") };
/// let body = Any::Map(flightrec_ingest::otlp::model::KeyValueList { values: vec![content] });
/// let record = LogRecord {
///     event_name: "gen_ai.user.message".into(),
///     observed_time_unix_nano: 7,
///     body: Some(AnyValue { value: Some(body) }),
///     ..LogRecord::default()
/// };
/// let log = logs::log(&record, "opentelemetry.instrumentation.openai_v2", Attributes::none()).unwrap();
/// assert_eq!(log.facts.messages[0].content, "Hello");
/// assert_eq!(log.at_unix_nano, 7);
/// ```
pub fn log<'a>(record: &'a LogRecord, scope: &str, resource: Attributes<'_>) -> Option<LogFacts<'a>> {
    let attributes = Attributes::new(&record.attributes);
    let event = name(record, &attributes)?;
    let (vendor, short) = event.split_once('.').unwrap_or(("", event));
    let mut log = match vendor {
        "claude_code" => claude_code::log(short, &attributes, resource)?,
        "codex" => codex::log(short, &attributes)?,
        "gemini_cli" => gemini_cli::log(short, record, &attributes)?,
        "gen_ai" => standard(event, record, &attributes, scope)?,
        _ if scope.starts_with(claude_code::SCOPE) => claude_code::log(event, &attributes, resource)?,
        _ => return None,
    };
    log.event = Cow::Borrowed(event);
    log.at_unix_nano = time(record, &attributes);
    Some(log)
}

impl<'a> LogFacts<'a> {
    /// These facts, of a record whose span is not known to be the very call.
    pub(super) const fn loose(facts: Facts<'a>) -> Self {
        Self { facts, at_unix_nano: 0, event: Cow::Borrowed(""), anchored: false, key: None }
    }

    /// These facts, of a record whose span, if it has one, is the very call.
    pub(super) fn anchored(facts: Facts<'a>, record: &LogRecord) -> Self {
        Self { anchored: !record.span_id.is_empty(), ..Self::loose(facts) }
    }
}

/// Text that was told; nothing where it is empty or was masked by its emitter.
pub(super) fn told<'a>(attributes: &Attributes<'a>, key: &str) -> Option<&'a str> {
    attributes.str(key).filter(|text| !matches!(*text, "<REDACTED>" | "[REDACTED]"))
}

/// A message that holds just this text.
pub(super) const fn message(role: MessageRole, text: &str, is_answer: bool) -> Message<'_> {
    Message { role, content: Cow::Borrowed(text), tool_call_id: None, is_answer }
}

/// Whether the kind or the text of an error says that the work was called off rather than failed.
pub(super) fn is_cancelled(error: &str) -> bool {
    failure::is_cancellation(error) || failure::tells_cancellation(error)
}

/// The name of the event. A field of the record holds it, or an attribute, or the body; a source location
/// in the field is none.
fn name<'a>(record: &'a LogRecord, attributes: &Attributes<'a>) -> Option<&'a str> {
    let body = || match record.body.as_ref()?.value.as_ref()? {
        Any::Str(text) => Some(text.as_str()),
        Any::Bool(_) | Any::Int(_) | Any::Double(_) | Any::Array(_) | Any::Map(_) | Any::Bytes(_) => None,
    };
    let is_name = |name: &&str| !name.is_empty() && !name.contains([' ', '/']);
    let named = attributes.str("event.name").or(Some(record.event_name.as_str()).filter(is_name));
    // Claude Code shortens the attribute and gives the whole name as the body.
    match (named, body().filter(is_name)) {
        (Some(named), Some(body)) if body.strip_suffix(named).is_some_and(|before| before.ends_with('.')) => Some(body),
        (Some(named), _) => Some(named),
        (None, body) => body,
    }
}

/// When it happened; when it was seen; what an attribute tells; in this order.
fn time(record: &LogRecord, attributes: &Attributes<'_>) -> u64 {
    if record.time_unix_nano != 0 {
        return record.time_unix_nano;
    }
    if record.observed_time_unix_nano != 0 {
        return record.observed_time_unix_nano;
    }
    let told = attributes.str("event.timestamp").and_then(|text| Timestamp::parse_text(text).ok());
    told.and_then(|time| u64::try_from(time.as_micros()).ok()).map_or(0, |us| us.saturating_mul(NANOS_PER_MICRO))
}

/// The events of OpenTelemetry: one of a whole call, or one of each message.
fn standard<'a>(event: &str, record: &'a LogRecord, attributes: &Attributes<'a>, scope: &str) -> Option<LogFacts<'a>> {
    let role = match event {
        "gen_ai.client.inference.operation.details" => return Some(operation(record, attributes, scope)),
        "gen_ai.system.message" => MessageRole::System,
        "gen_ai.user.message" => MessageRole::User,
        "gen_ai.assistant.message" | "gen_ai.choice" => MessageRole::Assistant,
        "gen_ai.tool.message" => MessageRole::ToolResult,
        _ => return None,
    };
    let is_answer = event == "gen_ai.choice";
    let mut facts = gen_ai_facts(Work::Step, attributes);
    if let Some(body) = &record.body {
        facts.messages = messages::from_value(&attributes::json(body), role, is_answer);
        facts.finish_reason = field(body, "finish_reason").map(Cow::Borrowed);
    }
    Some(LogFacts { key: position(record), ..LogFacts::anchored(facts, record) })
}

/// A choice's place among the choices of an answer.
fn position(record: &LogRecord) -> Option<Cow<'_, str>> {
    let Some(Any::Map(map)) = &record.body.as_ref()?.value else {
        return None;
    };
    Attributes::new(&map.values).text("index")
}

fn field<'a>(body: &'a AnyValue, key: &str) -> Option<&'a str> {
    let Some(Any::Map(map)) = &body.value else {
        return None;
    };
    Attributes::new(&map.values).str(key)
}

/// A whole call of a model. Gemini CLI tells the same call again, with all its counts, in an event of its own.
fn operation<'a>(record: &'a LogRecord, attributes: &Attributes<'a>, scope: &str) -> LogFacts<'a> {
    let is_told_again = scope == gemini_cli::SCOPE;
    let work = if is_told_again { Work::Step } else { Work::ModelCall };
    let mut facts = gen_ai_facts(work, attributes);
    if !is_told_again {
        facts.usage = gen_ai::counts(attributes).usage();
        facts.response_id = attributes.str("gen_ai.response.id").map(Cow::Borrowed);
    }
    facts.finish_reason = attributes.first_str("gen_ai.response.finish_reasons");
    facts.failure =
        attributes.str("error.type").map(|code| Failure { code: Some(code.into()), cancelled: is_cancelled(code) });
    let parts = [
        ("gen_ai.system_instructions", messages::instructions as fn(&AnyValue) -> _),
        ("gen_ai.input.messages", |value| messages::from_any(value, false)),
        ("gen_ai.output.messages", |value| messages::from_any(value, true)),
    ];
    for (key, read) in parts {
        let value = record.attributes.iter().filter(|pair| pair.key == key).find_map(|pair| pair.value.as_ref());
        facts.messages.extend(value.map(read).unwrap_or_default());
    }
    LogFacts::anchored(facts, record)
}

fn gen_ai_facts<'a>(work: Work, attributes: &Attributes<'a>) -> Facts<'a> {
    Facts {
        session: gen_ai::session(attributes).map(Cow::Borrowed),
        agent: attributes.str("gen_ai.agent.name").map(Cow::Borrowed),
        model: gen_ai::model(attributes).map(Cow::Borrowed),
        provider: attributes.first_of(&["gen_ai.provider.name", "gen_ai.system"]).and_then(provider),
        ..Facts::new(Source::GenAi, work)
    }
}

/// A tool call as the logs of the coding agents tell it, by their keys for each of its fields.
pub(super) fn tool<'a>(attributes: &Attributes<'a>, keys: &ToolKeys<'_>) -> Tool<'a> {
    let text = |key: &str| told(attributes, key).map(Cow::Borrowed);
    Tool {
        name: text(keys.name),
        call_id: text(keys.call_id),
        arguments: keys.arguments.iter().find_map(|key| {
            let value = attributes.text(key).filter(|text| !text.is_empty())?;
            (value != "<REDACTED>" && value != "[REDACTED]").then_some(value)
        }),
        result: text(keys.result),
        ok: attributes.bool("success"),
        mcp_server: keys.mcp_server.iter().find_map(|key| text(key)),
    }
}

/// Which attributes hold the fields of a tool call; the first that is there counts.
pub(super) struct ToolKeys<'k> {
    pub(super) name: &'k str,
    pub(super) call_id: &'k str,
    pub(super) arguments: &'k [&'k str],
    pub(super) result: &'k str,
    pub(super) mcp_server: &'k [&'k str],
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conventions::fixtures;
    use crate::facts::Usage;

    #[test]
    fn the_name_is_told_by_attribute_field_or_body() {
        let text = |text: &str| Some(AnyValue { value: Some(Any::Str(text.to_owned())) });
        let cases = [
            ("", None, text("claude_code.user_prompt"), Some("claude_code.user_prompt")),
            ("", Some("user_prompt"), text("claude_code.user_prompt"), Some("claude_code.user_prompt")),
            ("event otel/src/x.rs:703", Some("codex.user_prompt"), None, Some("codex.user_prompt")),
            ("gen_ai.choice", None, text("words of a person"), Some("gen_ai.choice")),
            ("", Some("gemini_cli.api_error"), text("API error for x."), Some("gemini_cli.api_error")),
            ("event otel/src/x.rs:703", None, text("flushing OTEL metrics"), None),
            ("", None, None, None),
        ];
        for (field, attribute, body, expected) in cases {
            let mut record = LogRecord { event_name: field.to_owned(), body, ..LogRecord::default() };
            record.attributes = attribute.map(|name| fixtures::pairs(&json!({"event.name": name}))).unwrap_or_default();
            assert_eq!(name(&record, &Attributes::new(&record.attributes)), expected);
        }
    }

    #[test]
    fn the_time_is_that_of_the_event_else_of_the_observation_else_of_the_attribute() {
        let list = fixtures::pairs(&json!({"event.timestamp": "2026-11-22T07:18:15.870Z"}));
        for (happened, observed, expected) in [(5, 7, 5), (0, 7, 7), (0, 0, 1_795_331_895_870_000_000)] {
            let record =
                LogRecord { time_unix_nano: happened, observed_time_unix_nano: observed, ..LogRecord::default() };
            assert_eq!(time(&record, &Attributes::new(&list)), expected);
        }
        let before = fixtures::pairs(&json!({"event.timestamp": "1960-01-01T00:00:00Z"}));
        assert_eq!(time(&LogRecord::default(), &Attributes::new(&before)), 0);
    }

    #[test]
    fn each_message_has_an_event_of_its_own_in_the_older_form() {
        let cases = [
            ("gen_ai.system.message", json!({"content": "Be brief."}), (MessageRole::System, "Be brief.", false)),
            ("gen_ai.user.message", json!({"content": "Hi"}), (MessageRole::User, "Hi", false)),
            (
                "gen_ai.assistant.message",
                json!({"content": "Hello", "role": "assistant"}),
                (MessageRole::Assistant, "Hello", false),
            ),
            ("gen_ai.tool.message", json!({"content": "42", "id": "c"}), (MessageRole::ToolResult, "42", false)),
            (
                "gen_ai.choice",
                json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}),
                (MessageRole::Assistant, "Hello", true),
            ),
        ];
        for (event, body, expected) in cases {
            let record = LogRecord {
                event_name: event.to_owned(),
                body: Some(fixtures::any(&body)),
                span_id: vec![1; 8],
                ..LogRecord::default()
            };
            let log = log(&record, "", Attributes::none()).unwrap();
            let [message] = log.facts.messages.as_slice() else { panic!("{event}: {:?}", log.facts.messages) };
            assert_eq!((message.role, message.content.as_ref(), message.is_answer), expected);
            assert_eq!((log.facts.work, log.anchored, log.facts.usage), (Work::Step, true, None));
            assert_eq!(message.tool_call_id.as_deref(), (event == "gen_ai.tool.message").then_some("c"));
        }
    }

    #[test]
    fn a_whole_call_tells_its_instructions_first_and_its_answer_last() {
        let attributes = json!({
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "42"}]}],
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "6 by 7?"}]}],
            "gen_ai.system_instructions": [{"type": "text", "content": "Compute."}],
            "gen_ai.conversation.id": "resp_123", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai",
            "gen_ai.response.id": "r", "gen_ai.response.finish_reasons": ["stop"], "error.type": "asyncio.CancelledError",
            "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": "3", "gen_ai.usage.cache_read.input_tokens": 4});
        let record = fixtures::record("gen_ai.client.inference.operation.details", &attributes);
        let log = log(&record, "", Attributes::none()).unwrap();
        let said: Vec<_> =
            log.facts.messages.iter().map(|one| (one.role, one.content.as_ref(), one.is_answer)).collect();
        let expected = [
            (MessageRole::System, "Compute.", false),
            (MessageRole::User, "6 by 7?", false),
            (MessageRole::Assistant, "42", true),
        ];
        assert_eq!(said, expected);
        assert_eq!(log.facts.usage, Some(Usage { input: 12, output: 3, cached: Some(4), ..Usage::default() }));
        assert_eq!((log.facts.session, log.facts.response_id.as_deref()), (None, Some("r")));
        assert!(log.facts.failure.unwrap().cancelled);
        assert!(!log.anchored, "a record without a span hangs on none");
    }

    #[test]
    fn what_no_convention_names_is_left() {
        for event in ["gen_ai.evaluation.result", "app.started", "claude", "codex.", "."] {
            let record = LogRecord { event_name: event.to_owned(), ..LogRecord::default() };
            assert_eq!(log(&record, "my-app", Attributes::none()), None, "{event}");
        }
    }
}
