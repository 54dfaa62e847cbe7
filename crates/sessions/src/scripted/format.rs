//! The form in which plans hold scripts, and what is checked when one is read.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::failure::ScriptedFailure;
use super::script::{Script, ScriptedTool, ScriptedUsage, Step};

/// The most steps of a script, and tool calls of a step.
const MAX_ITEMS: usize = 1024;

/// The most chunks of a reply.
const MAX_CHUNKS: u32 = 10_000;

/// The longest time that a plan can state: a day.
const MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// How a reader of TOML hands on a date where any value may stand.
const DATE_KEY: &str = "$__toml_private_datetime";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptForm {
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepForm {
    #[serde(default)]
    text: String,
    #[serde(default)]
    tools: Vec<ToolForm>,
    #[serde(default)]
    usage: ScriptedUsage,
    #[serde(default = "yes")]
    tells_usage: bool,
    #[serde(default)]
    first_token_ms: Option<u64>,
    #[serde(default)]
    duration_ms: Option<u64>,
    #[serde(default)]
    chunks: Option<u32>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    cost_nanos: Option<u64>,
    #[serde(default = "yes")]
    response_id: bool,
    #[serde(default)]
    fail: Option<ScriptedFailure>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "ToolKeys")]
struct ToolForm(ScriptedTool);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolKeys {
    name: String,
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    #[serde(default)]
    raw_arguments: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

const fn yes() -> bool {
    true
}

impl TryFrom<ScriptForm> for Script {
    type Error = String;

    fn try_from(form: ScriptForm) -> Result<Self, String> {
        match form.steps.len() {
            0 => Err("a script needs at least one step".to_owned()),
            1..=MAX_ITEMS => Ok(Self { steps: form.steps }),
            found => Err(format!("a script has at most {MAX_ITEMS} steps, found {found}")),
        }
    }
}

impl TryFrom<StepForm> for Step {
    type Error = String;

    fn try_from(form: StepForm) -> Result<Self, String> {
        let usual = Self::default();
        let millis = |name: &str, ms: Option<u64>| match ms {
            Some(ms) if ms > MAX_MS => Err(format!("`{name}` is at most {MAX_MS} (a day), found {ms}")),
            other => Ok(other.map(Duration::from_millis)),
        };
        let (first_token, duration) =
            match (millis("first_token_ms", form.first_token_ms)?, millis("duration_ms", form.duration_ms)?) {
                (Some(first), Some(duration)) if first > duration => {
                    return Err(
                        "`first_token_ms` is at most `duration_ms`: the first chunk cannot come after the last"
                            .to_owned(),
                    );
                }
                (Some(first), Some(duration)) => (first, duration),
                (Some(first), None) => (first, usual.duration.max(first)),
                (None, Some(duration)) => (usual.first_token.min(duration), duration),
                (None, None) => (usual.first_token, usual.duration),
            };
        let chunks = form.chunks.unwrap_or(usual.chunks);
        if !(1..=MAX_CHUNKS).contains(&chunks) {
            return Err(format!("`chunks` is between 1 and {MAX_CHUNKS}, found {chunks}"));
        }
        if form.tools.len() > MAX_ITEMS {
            return Err(format!("a step asks for at most {MAX_ITEMS} tools, found {}", form.tools.len()));
        }
        if let Some(failure) = &form.fail {
            check_failure(failure, chunks)?;
        }
        check_usage(&form.usage)?;
        Ok(Self {
            text: form.text,
            tools: form.tools.into_iter().map(|tool| tool.0).collect(),
            usage: form.usage,
            tells_usage: form.tells_usage,
            first_token,
            duration,
            chunks,
            finish_reason: form.finish_reason,
            cost_nanos: form.cost_nanos,
            has_response_id: form.response_id,
            failure: form.fail,
        })
    }
}

fn check_failure(failure: &ScriptedFailure, chunks: u32) -> Result<(), String> {
    if failure.attempts == Some(0) {
        return Err("`attempts` is at least 1; leave `fail` out for a step that works".to_owned());
    }
    if let Some(after) = failure.after_chunks.filter(|after| *after > chunks) {
        return Err(format!("`after_chunks` is at most `chunks`, which is {chunks}; found {after}"));
    }
    match failure.retry_after_ms.filter(|ms| *ms > MAX_MS) {
        Some(ms) => Err(format!("`retry_after_ms` is at most {MAX_MS} (a day), found {ms}")),
        None => Ok(()),
    }
}

/// Parts of a whole are no more than the whole, where that is stated.
fn check_usage(usage: &ScriptedUsage) -> Result<(), String> {
    let read = usage.cached.saturating_add(usage.cache_write);
    if let Some(prompt) = usage.prompt.filter(|prompt| read > *prompt) {
        return Err(format!("`cached` and `cache_write` are parts of `prompt`: {read} is more than {prompt}"));
    }
    match usage.completion.filter(|completion| usage.reasoning > *completion) {
        Some(completion) => {
            Err(format!("`reasoning` is a part of `completion`: {} is more than {completion}", usage.reasoning))
        }
        None => Ok(()),
    }
}

impl TryFrom<ToolKeys> for ToolForm {
    type Error = String;

    fn try_from(keys: ToolKeys) -> Result<Self, String> {
        if keys.name.is_empty() {
            return Err("`name` is empty; name the tool that is asked for".to_owned());
        }
        let arguments = match (keys.arguments, keys.raw_arguments) {
            (Some(_), Some(_)) => {
                return Err("`arguments` and `raw_arguments` are two forms of the same; give one of them".to_owned());
            }
            (Some(arguments), None) => {
                let mut arguments = Value::Object(arguments);
                if has_date(&arguments) {
                    return Err("JSON has no dates; write the date in `arguments` as a text".to_owned());
                }
                arguments.sort_all_objects();
                arguments.to_string()
            }
            (None, Some(raw)) => raw,
            (None, None) => "{}".to_owned(),
        };
        Ok(Self(ScriptedTool { name: keys.name, arguments, id: keys.id }))
    }
}

fn has_date(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.iter().any(has_date),
        Value::Object(fields) => fields.iter().any(|(name, value)| name == DATE_KEY || has_date(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Usage;
    use crate::scripted::{ScriptedFailureKind, Scripts};

    fn read(steps: &Value) -> Result<Script, String> {
        serde_json::from_value(json!({"steps": steps})).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let step = json!({
            "text": "hi",
            "tools": [
                {"name": "a", "arguments": {"x": [1, "2"]}},
                {"name": "b", "raw_arguments": "{", "id": "mine"},
                {"name": "c"},
            ],
            "usage": {"prompt": 10, "completion": 5, "cached": 4, "cache_write": 3, "reasoning": 2},
            "tells_usage": false,
            "first_token_ms": 1,
            "duration_ms": 2,
            "chunks": 3,
            "finish_reason": "length",
            "cost_nanos": 4,
            "response_id": false,
            "fail": {
                "kind": "rate_limited", "attempts": 1, "retry_after_ms": 5, "after_chunks": 2, "message": "later",
            },
        });
        let usage = Usage {
            prompt_tokens: 10,
            completion_tokens: 5,
            cached_prompt_tokens: 4,
            cache_write_tokens: 3,
            reasoning_tokens: 2,
        };
        let failure = ScriptedFailure::new(ScriptedFailureKind::RateLimited)
            .for_attempts(1)
            .retry_after(Duration::from_millis(5))
            .after_chunks(2)
            .saying("later");
        let built = Step::say("hi")
            .and_call("a", json!({"x": [1, "2"]}))
            .and_call_raw("b", "{")
            .with_call_id("mine")
            .and_call("c", json!({}))
            .with_usage(usage)
            .without_usage()
            .taking(Duration::from_millis(1), Duration::from_millis(2))
            .in_chunks(3)
            .with_finish_reason("length")
            .with_cost_nanos(4)
            .without_response_id()
            .failing(failure);
        assert_eq!(read(&json!([step, {}])), Ok(Script::of([built, Step::default()])));
    }

    #[test]
    fn a_time_that_is_left_out_makes_room_for_the_one_that_is_given() {
        let times = |step: Value| {
            let script = read(&json!([step])).unwrap();
            (script.steps()[0].first_token.as_millis(), script.steps()[0].duration.as_millis())
        };
        assert_eq!(times(json!({})), (200, 1000));
        assert_eq!(times(json!({"first_token_ms": 1500})), (1500, 1500));
        assert_eq!(times(json!({"duration_ms": 50})), (50, 50));
        assert_eq!(times(json!({"first_token_ms": 0, "duration_ms": 0})), (0, 0));
    }

    #[test]
    fn every_kind_of_failure_is_read_by_its_name() {
        let kinds = [
            ("rate_limited", ScriptedFailureKind::RateLimited),
            ("unavailable", ScriptedFailureKind::Unavailable),
            ("connection", ScriptedFailureKind::Connection),
            ("stream_broken", ScriptedFailureKind::StreamBroken),
            ("refused", ScriptedFailureKind::Refused),
            ("unauthorized", ScriptedFailureKind::Unauthorized),
            ("unknown_model", ScriptedFailureKind::UnknownModel),
            ("bad_reply", ScriptedFailureKind::BadReply),
            ("hang", ScriptedFailureKind::Hang),
        ];
        for (name, kind) in kinds {
            let script = read(&json!([{"fail": {"kind": name}}])).unwrap();
            assert_eq!(script.steps()[0].failure, Some(ScriptedFailure::new(kind)));
            assert!(kind.error().is_none_or(|error| error.code() == name), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_what_is_allowed() {
        let cases = [
            (json!([]), "at least one step"),
            (json!([{"txt": "hi"}]), "unknown field `txt`, expected one of `text`, `tools`"),
            (json!([{"chunks": 0}]), "`chunks` is between 1 and 10000, found 0"),
            (json!([{"chunks": 10_001}]), "found 10001"),
            (json!([{"chunks": -1}]), "expected u32"),
            (json!([{"first_token_ms": 2000, "duration_ms": 1999}]), "`first_token_ms` is at most `duration_ms`"),
            (json!([{"duration_ms": 86_400_001}]), "`duration_ms` is at most 86400000 (a day)"),
            (json!([{"first_token_ms": 86_400_001}]), "`first_token_ms` is at most 86400000"),
            (json!([{"tools": [{"arguments": {}}]}]), "missing field `name`"),
            (json!([{"tools": [{"name": ""}]}]), "`name` is empty"),
            (json!([{"tools": [{"name": "a", "arguments": "{}"}]}]), "expected a map"),
            (json!([{"tools": [{"name": "a", "arguments": {}, "raw_arguments": ""}]}]), "give one of them"),
            (json!([{"tools": [{"name": "a", "arguments": {"x": [{DATE_KEY: "2024"}]}}]}]), "JSON has no dates"),
            (json!([{"usage": {"prompt": 3, "cached": 2, "cache_write": 2}}]), "4 is more than 3"),
            (json!([{"usage": {"completion": 3, "reasoning": 4}}]), "4 is more than 3"),
            (json!([{"usage": {"total": 3}}]), "unknown field `total`"),
            (json!([{"fail": {}}]), "missing field `kind`"),
            (json!([{"fail": {"kind": "timeout"}}]), "unknown variant `timeout`, expected one of `rate_limited`"),
            (json!([{"fail": {"kind": "hang", "attempts": 0}}]), "`attempts` is at least 1"),
            (
                json!([{"fail": {"kind": "hang", "after_chunks": 9}}]),
                "`after_chunks` is at most `chunks`, which is 8; found 9",
            ),
            (json!([{"fail": {"kind": "hang", "retry_after_ms": 86_400_001}}]), "`retry_after_ms` is at most"),
            (json!([{"fail": {"kind": "hang", "after": 1}}]), "unknown field `after`"),
            (Value::Array(vec![json!({}); MAX_ITEMS + 1]), "at most 1024 steps, found 1025"),
            (json!([{"tools": vec![json!({"name": "a"}); MAX_ITEMS + 1]}]), "at most 1024 tools, found 1025"),
        ];
        for (steps, part) in cases {
            let error = read(&steps).unwrap_err();
            assert!(error.contains(part), "{steps}: {error}");
        }
        assert!(serde_json::from_value::<Script>(json!({"step": []})).is_err());
    }

    #[test]
    fn a_plan_holds_them_as_toml() {
        let read = |text: &str| toml::from_str::<Script>(text).map_err(|error| error.to_string());
        let script = read(
            r#"
            [[steps]]
            text = "I look."
            tools = [{ name = "read_file", arguments = { path = "a", max_bytes = 10 } }]
            usage = { prompt = 1200, cached = 1000 }

            [[steps]]
            fail = { kind = "rate_limited", attempts = 1, retry_after_ms = 2000 }
            text = "Done."
            "#,
        );
        let limited = ScriptedFailure::new(ScriptedFailureKind::RateLimited);
        let mut first = Step::say("I look.").and_call("read_file", json!({"path": "a", "max_bytes": 10}));
        first.usage = ScriptedUsage { prompt: Some(1200), cached: 1000, ..ScriptedUsage::default() };
        let second = Step::say("Done.").failing(limited.for_attempts(1).retry_after(Duration::from_secs(2)));
        assert_eq!(script, Ok(Script::of([first, second])));

        let date = read("[[steps]]\ntools = [{ name = \"a\", arguments = { day = 2024-02-29 } }]\n").unwrap_err();
        assert!(date.contains("line 2") && date.contains("JSON has no dates"), "{date}");
        let unknown = read("[[steps]]\n[[steps]]\ntext = \"x\"\ntxt = 1\n").unwrap_err();
        assert!(unknown.contains("line 4") && unknown.contains("unknown field `txt`"), "{unknown}");
    }

    #[test]
    fn scripts_are_a_table_by_name() {
        let scripts: Scripts = serde_json::from_value(json!({"b": {"steps": [{}]}, "a": {"steps": [{}]}})).unwrap();
        assert_eq!(scripts.names().collect::<Vec<_>>(), ["a", "b"]);
    }
}
