//! Scripts, as they are kept and as code builds them.

use std::collections::BTreeMap;
use std::time::Duration;

use flightrec_events::{Id, Label};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failure::ScriptedFailure;
use super::format::{ScriptForm, StepForm};
use crate::model::Usage;

/// The name of the script for sessions that have none of their own.
const DEFAULT: &str = "default";

/// Scripts by the label or role of the sessions that play them, or `default`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct Scripts(BTreeMap<String, Script>);

impl Scripts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a script, in place of an earlier one of this name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, script: Script) -> Self {
        self.0.insert(name.into(), script);
        self
    }

    /// The script that a session plays.
    pub fn of(&self, role: &Id, label: Option<&Label>) -> Option<&Script> {
        let named = label.and_then(|label| self.0.get(label.as_str()));
        named.or_else(|| self.0.get(role.as_str())).or_else(|| self.0.get(DEFAULT))
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, Script)> for Scripts {
    fn from_iter<I: IntoIterator<Item = (String, Script)>>(scripts: I) -> Self {
        Self(scripts.into_iter().collect())
    }
}

/// What a session says, run by run.
///
/// ```
/// use flightrec_sessions::{Script, Step};
/// let script: Script = serde_json::from_str(
///     r#"{"steps": [{"tools": [{"name": "read_file", "arguments": {"path": "a"}}]}, {"text": "done"}]}"#,
/// )?;
/// let built = Script::of([Step::call("read_file", serde_json::json!({"path": "a"})), Step::say("done")]);
/// assert_eq!(script, built);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "ScriptForm")]
pub struct Script {
    pub(super) steps: Vec<Step>,
}

impl Script {
    /// A script of these steps.
    pub fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step that the run after `replies` replies plays; the last one repeats.
    pub(super) fn step(&self, replies: u32) -> Option<&Step> {
        self.steps.get(replies as usize).or(self.steps.last())
    }
}

/// One run: what is said, what is asked for, how long it takes, what it uses, how it fails.
///
/// In a plan it is a table with these keys, all of which may be left out; any other is refused:
///
/// | key | default | meaning |
/// |---|---|---|
/// | `text` | `""` | what the model says. `{{last_user}}` becomes the last input, `{{last_tool_result}}` the last result of a tool; anything else in braces stays |
/// | `tools` | `[]` | what it asks for: `name`, and `arguments` (a table) or `raw_arguments` (a text, to play arguments that are no JSON); `id` in place of a hash |
/// | `usage` | by lengths | `prompt`, `completion`, `cached`, `cache_write`, `reasoning`, each a number of tokens. Without `prompt`, a fourth of the bytes of the thread; without `completion`, a fourth of the bytes of the text, tool names and arguments, plus `reasoning`; both rounded up. The others are 0 |
/// | `tells_usage` | `true` | whether the provider states its usage |
/// | `first_token_ms` | `200`, or `duration_ms` if that is less | when the first chunk comes |
/// | `duration_ms` | `1000`, or `first_token_ms` if that is more | when the last chunk comes, and with it the reply |
/// | `chunks` | `8` | how many chunks: they come evenly between the two, and have even shares of the bytes |
/// | `finish_reason` | `tool_calls` or `stop` | why the model stopped |
/// | `cost_nanos` | none | what the provider says that it cost, in nano-dollars |
/// | `response_id` | `true` | whether the provider gives the response an id |
/// | `fail` | none | how it fails: see [`ScriptedFailure`] |
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "StepForm")]
pub struct Step {
    pub(super) text: String,
    pub(super) tools: Vec<ScriptedTool>,
    pub(super) usage: ScriptedUsage,
    pub(super) tells_usage: bool,
    pub(super) first_token: Duration,
    pub(super) duration: Duration,
    pub(super) chunks: u32,
    pub(super) finish_reason: Option<String>,
    pub(super) cost_nanos: Option<u64>,
    pub(super) has_response_id: bool,
    pub(super) failure: Option<ScriptedFailure>,
}

/// A tool that a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScriptedTool {
    pub(super) name: String,
    /// As the model writes them.
    pub(super) arguments: String,
    pub(super) id: Option<String>,
}

/// The usage that a step states; the rest follows from lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScriptedUsage {
    pub(super) prompt: Option<u64>,
    pub(super) completion: Option<u64>,
    pub(super) cached: u64,
    pub(super) cache_write: u64,
    pub(super) reasoning: u64,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            text: String::new(),
            tools: Vec::new(),
            usage: ScriptedUsage::default(),
            tells_usage: true,
            first_token: Duration::from_millis(200),
            duration: Duration::from_secs(1),
            chunks: 8,
            finish_reason: None,
            cost_nanos: None,
            has_response_id: true,
            failure: None,
        }
    }
}

impl Step {
    /// Says something.
    pub fn say(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Asks for a tool.
    pub fn call(name: impl Into<String>, arguments: Value) -> Self {
        Self::default().and_call(name, arguments)
    }

    /// Fails.
    pub fn fail(failure: ScriptedFailure) -> Self {
        Self::default().failing(failure)
    }

    /// Asks for one more tool.
    #[must_use]
    pub fn and_call(self, name: impl Into<String>, arguments: Value) -> Self {
        let mut arguments = match arguments {
            Value::Null => Value::Object(Map::new()),
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                other
            }
        };
        // In one order, whatever the build's maps keep: a script plays the same bytes everywhere.
        arguments.sort_all_objects();
        self.and_call_raw(name, arguments.to_string())
    }

    /// Asks for one more tool, with arguments as they are written here.
    #[must_use]
    pub fn and_call_raw(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.tools.push(ScriptedTool { name: name.into(), arguments: arguments.into(), id: None });
        self
    }

    /// Gives the last tool call an id in place of a hash.
    #[must_use]
    pub fn with_call_id(mut self, id: impl Into<String>) -> Self {
        if let Some(tool) = self.tools.last_mut() {
            tool.id = Some(id.into());
        }
        self
    }

    /// States the usage.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = ScriptedUsage {
            prompt: Some(usage.prompt_tokens),
            completion: Some(usage.completion_tokens),
            cached: usage.cached_prompt_tokens,
            cache_write: usage.cache_write_tokens,
            reasoning: usage.reasoning_tokens,
        };
        self
    }

    /// The provider does not state its usage.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.tells_usage = false;
        self
    }

    /// The first chunk comes after `first_token`, the last one after `duration`, which is at least that.
    #[must_use]
    pub fn taking(mut self, first_token: Duration, duration: Duration) -> Self {
        self.first_token = first_token;
        self.duration = duration.max(first_token);
        self
    }

    /// The reply comes in so many chunks, at least one.
    #[must_use]
    pub fn in_chunks(mut self, chunks: u32) -> Self {
        self.chunks = chunks.max(1);
        self
    }

    /// Why the model stops.
    #[must_use]
    pub fn with_finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = Some(reason.into());
        self
    }

    /// What the provider says that it cost, in nano-dollars.
    #[must_use]
    pub fn with_cost_nanos(mut self, nanos: u64) -> Self {
        self.cost_nanos = Some(nanos);
        self
    }

    /// The provider gives the response no id.
    #[must_use]
    pub fn without_response_id(mut self) -> Self {
        self.has_response_id = false;
        self
    }

    /// Fails, for ever or for some attempts.
    #[must_use]
    pub fn failing(mut self, failure: ScriptedFailure) -> Self {
        self.failure = Some(failure);
        self
    }

    /// The tools that it asks for, in their order.
    pub fn tool_names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(|tool| tool.name.as_str())
    }
}
