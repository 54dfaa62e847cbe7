//! Codex's transcripts, which it calls rollouts.
//!
//! Source: what version 0.169.0 and before write; there is no published description. Most of what happens stands in a
//! file twice: as an item of the conversation, which is read, and as an event for whoever watches, of which only
//! turns, usage and the ends of commands are. Counts of tokens are sums over the whole session with the last call beside
//! them, and are told again without a call; a session that was forked begins with a copy of all that came before.

use std::borrow::Cow;

use flightrec_events::{Id, LinkEvidence, MessageRole, Timestamp, TraceId};
use serde_json::Value;

use super::fields::{at, begins, count, is_set, name, text, time, whole};
use super::reader::{Origin, Read, Unread};
use super::threads::{Answer, Ending, Threads};
use crate::attributes::compact;
use crate::conventions::codex::spawned;
use crate::conventions::messages;
use crate::facts::{Facts, Failure, Source, Tool, Usage, Work};
use crate::ids::{self, About};
use crate::memory::Recent;

/// Kinds of lines that tell nothing that is recorded.
const LEFT_OUT: [&str; 6] = [
    "compacted",
    "inter_agent_communication",
    "inter_agent_communication_metadata",
    "realtime_item",
    "security_risk_score",
    "world_state",
];

/// Items of the conversation that tell nothing that is recorded.
const LEFT_OUT_ITEMS: [&str; 5] =
    ["additional_tools", "compaction", "compaction_summary", "context_compaction", "ghost_snapshot"];

/// How text begins that the program puts into the mouth of its user.
const PUT_IN: [&str; 8] = [
    "<environment_context>",
    "<permissions instructions>",
    "<skill>",
    "<subagent_notification>",
    "<turn_aborted>",
    "<user_instructions>",
    "<user_shell_command>",
    "# AGENTS.md instructions",
];

/// Providers by the names that Codex itself gives them; any other name was made up by its user.
const PROVIDERS: [(&str, &str); 7] = [
    ("amazon-bedrock", "bedrock"),
    ("azure", "azure"),
    ("lmstudio", "lmstudio"),
    ("ollama", "ollama"),
    ("ollama-chat", "ollama"),
    ("openai", "openai"),
    ("oss", "ollama"),
];

/// How a command that a call ran ended, told before the call's own answer.
#[derive(Debug, Clone, Default)]
struct CommandEnd {
    ok: Option<bool>,
    code: Option<String>,
}

/// Reads the lines of one file.
#[derive(Debug)]
pub(super) struct Codex {
    pub(super) threads: Threads,
    /// The id at the end of the file's name, for files whose first line is lost.
    named: Option<Id>,
    session: Option<Id>,
    /// The first session of those that the file holds copies of, or the session itself.
    lineage: Option<String>,
    is_fork: bool,
    role: Option<String>,
    provider: Option<&'static str>,
    model: Option<String>,
    turn: Option<String>,
    /// The sums that were told last, which repeat until another call is made.
    total: Option<[u8; 32]>,
    ends: Recent<u64, CommandEnd>,
}

impl Codex {
    pub(super) fn new(origin: &Origin) -> Self {
        let stem = origin.file_name.split_once(".jsonl").map_or("", |(stem, _)| stem);
        let id = stem.len().checked_sub(36).and_then(|from| stem.get(from..));
        let is_id = |id: &&str| id.bytes().filter(|byte| *byte == b'-').count() == 4;
        Self {
            threads: Threads::new(Source::CodexTranscript),
            named: id.filter(is_id).and_then(ids::named_session),
            session: None,
            lineage: None,
            is_fork: false,
            role: None,
            provider: None,
            model: None,
            turn: None,
            total: None,
            ends: Recent::default(),
        }
    }

    pub(super) fn line(&mut self, value: &Value, kind: &str) -> Result<Read, Unread> {
        if LEFT_OUT.contains(&kind) {
            return Ok(Read::LeftOut);
        }
        if !["session_meta", "turn_context", "response_item", "event_msg", "token_usage_record"].contains(&kind) {
            return Ok(Read::Unknown(kind.to_owned()));
        }
        let payload =
            at(value, &["payload"]).filter(|payload| payload.is_object()).ok_or(Unread::Missing("payload"))?;
        let when = time(value, &["timestamp"]).ok_or(Unread::NoTime)?;
        if kind == "session_meta" {
            return self.meta(payload, when);
        }
        let named = self.session.clone().or_else(|| self.named.clone());
        let session = named.ok_or(Unread::NoSession("session_meta"))?;
        self.threads.introduce(&session, when, self.role.as_deref());
        let what = text(payload, &["type"]).unwrap_or_default();
        match kind {
            "turn_context" => {
                self.set_model(payload, &["model"]);
                self.turn = name(payload, &["turn_id"]).or_else(|| self.turn.take());
                Ok(Read::Told)
            }
            "token_usage_record" => self.record(&session, when, payload),
            "response_item" => self.item(&session, when, payload, what),
            _ => Ok(self.event(&session, when, payload, what)),
        }
    }

    fn set_model(&mut self, payload: &Value, path: &[&str]) {
        if let Some(model) = name(payload, path) {
            self.model = Some(model);
        }
    }

    /// The first one says whose file this is; those after it are those of the sessions that it holds copies of.
    fn meta(&mut self, payload: &Value, when: Timestamp) -> Result<Read, Unread> {
        let id = text(payload, &["id"]).and_then(ids::named_session).ok_or(Unread::Missing("payload.id"))?;
        if self.session.is_some() {
            self.is_fork |= self.session.as_ref() != Some(&id);
            self.lineage = Some(id.as_str().to_owned());
            return Ok(Read::Told);
        }
        let forked_from = name(payload, &["forked_from_id"]);
        self.is_fork = forked_from.is_some();
        self.lineage = forked_from.or_else(|| Some(id.as_str().to_owned()));
        let spawn = at(payload, &["source", "subagent", "thread_spawn"]);
        let of_spawn = |field: &str| spawn.and_then(|spawn| name(spawn, &[field]));
        let named = |field: &str| of_spawn(field).or_else(|| name(payload, &[field]));
        self.role = named("agent_role").or_else(|| named("agent_nickname"));
        let provider = text(payload, &["model_provider"]);
        self.provider =
            provider.and_then(|name| PROVIDERS.iter().find(|(known, _)| *known == name)).map(|(_, ours)| *ours);
        self.threads.introduce(&id, when, self.role.as_deref());
        if let Some(parent) = named("parent_thread_id").as_deref().and_then(ids::named_session) {
            self.threads.child(&id, &parent, when, LinkEvidence::Attribute);
        }
        self.session = Some(id);
        Ok(Read::Told)
    }

    /// What one response used, by its id. Older versions tell only sums.
    fn record(&mut self, session: &Id, when: Timestamp, payload: &Value) -> Result<Read, Unread> {
        let usage = at(payload, &["usage"]).and_then(usage).ok_or(Unread::Missing("payload.usage"))?;
        let id = name(payload, &["response_id"]).ok_or(Unread::Missing("payload.response_id"))?;
        self.total = at(payload, &["thread_token_usage"]).map(digest);
        self.used(session, when, usage, id);
        Ok(Read::Told)
    }

    /// The sums of the session and what the last call used. The same sums are the same call, in whatever file.
    fn counts(&mut self, session: &Id, when: Timestamp, payload: &Value) -> Read {
        let info = |name: &str| at(payload, &["info", name]).filter(|counts| counts.is_object());
        let (Some(total), Some(last)) = (info("total_token_usage"), info("last_token_usage")) else {
            return Read::LeftOut;
        };
        let Some(usage) = usage(last) else { return Read::LeftOut };
        let total = digest(total);
        if self.total == Some(total) || usage.input.saturating_add(usage.output) == 0 {
            return Read::LeftOut;
        }
        let named = self.turn.as_deref().or(self.lineage.as_deref()).unwrap_or(session.as_str());
        let hash = ids::digest(About::Inference, &[named.as_bytes(), &total, &digest(last)]);
        self.total = Some(total);
        self.used(session, when, usage, format!("counts:{}", ids::hex(&hash[..16])));
        Read::Told
    }

    fn used(&mut self, session: &Id, when: Timestamp, usage: Usage, id: String) {
        let mut facts = Facts::new(Source::CodexTranscript, Work::ModelCall);
        facts.model = self.model.clone().map(Cow::Owned);
        facts.provider = self.provider.map(Cow::Borrowed);
        facts.usage = Some(usage);
        facts.response_id = Some(Cow::Owned(id));
        self.threads.use_model(session, when, facts, self.is_fork);
    }

    /// An item of the conversation.
    fn item(&mut self, session: &Id, when: Timestamp, payload: &Value, what: &str) -> Result<Read, Unread> {
        match what {
            "message" => {
                let content = at(payload, &["content"]).unwrap_or(&Value::Null);
                let (role, is_answer) = match text(payload, &["role"]) {
                    Some("assistant") => (MessageRole::Assistant, true),
                    Some("user") if !is_put_in(payload, content) => (MessageRole::User, false),
                    Some(_) => (MessageRole::System, false),
                    None => return Err(Unread::Missing("payload.role")),
                };
                self.threads.say(session, when, messages::from_value(content, role, is_answer));
            }
            "reasoning" => {
                let items = Value::Array(vec![payload.clone()]);
                self.threads.say(session, when, messages::from_value(&items, MessageRole::Assistant, true));
            }
            "function_call" | "custom_tool_call" => {
                let id = name(payload, &["call_id"]).ok_or(Unread::Missing("payload.call_id"))?;
                let arguments = at(payload, &["arguments"]).or_else(|| at(payload, &["input"]));
                self.call(session, when, &id, tool(payload, name(payload, &["name"]), arguments), payload);
            }
            "local_shell_call" | "web_search_call" | "tool_search_call" | "image_generation_call" => {
                // Those that the provider runs have no answer of their own.
                if let Some(id) = name(payload, &["call_id"]).or_else(|| name(payload, &["id"])) {
                    let named = what.strip_suffix("_call").map(str::to_owned);
                    let arguments = at(payload, &["action"]).or_else(|| at(payload, &["arguments"]));
                    self.call(session, when, &id, tool(payload, named, arguments), payload);
                    if what != "local_shell_call" && what != "tool_search_call" {
                        let ok = text(payload, &["status"]).map(|status| status != "failed");
                        self.threads.answer(session, when, &id, Answer { ok, ..Answer::default() });
                    }
                }
            }
            "function_call_output" | "custom_tool_call_output" | "tool_search_output" => {
                let id = name(payload, &["call_id"]).ok_or(Unread::Missing("payload.call_id"))?;
                self.answer(session, when, &id, payload);
            }
            _ if LEFT_OUT_ITEMS.contains(&what) => return Ok(Read::LeftOut),
            _ => return Ok(Read::Unknown(format!("response_item {what}"))),
        }
        Ok(Read::Told)
    }

    fn call(&mut self, session: &Id, when: Timestamp, id: &str, tool: Tool<'static>, item: &Value) {
        let items = Value::Array(vec![item.clone()]);
        let asked = messages::from_value(&items, MessageRole::Assistant, true);
        self.threads.say(session, when, asked);
        self.threads.spoke(session, when, false);
        self.threads.call(session, when, id, tool, self.role.clone().as_deref());
    }

    fn answer(&mut self, session: &Id, when: Timestamp, id: &str, payload: &Value) {
        let items = Value::Array(vec![payload.clone()]);
        let said = messages::from_value(&items, MessageRole::ToolResult, false);
        let result = said.first().map(|message| message.content.clone().into_owned());
        self.threads.say(session, when, said);
        let words = result.as_deref().unwrap_or_default();
        let end = self.ends.get(&key_of(id)).cloned().unwrap_or_default();
        let stated = at(payload, &["output", "success"]).and_then(Value::as_bool).or(end.ok);
        let code = end.code.or_else(|| exit_code(words));
        let is_cancelled = stated.is_none() && code.is_none() && words.trim_end().ends_with("aborted by user");
        let is_unsupported = words.starts_with("unsupported call: ");
        let ok = stated.or_else(|| code.as_ref().map(|code| code == "0")).unwrap_or(!is_cancelled && !is_unsupported);
        let failure =
            (!ok).then(|| Failure { code: code.filter(|code| code != "0").map(Cow::Owned), cancelled: is_cancelled });
        let is_spawn = self.threads.tool_of(session, id).is_some_and(|name| name.ends_with("spawn_agent"));
        let child = if is_spawn { spawned(words).as_deref().and_then(ids::named_session) } else { None };
        let began = self.threads.answer(session, when, id, Answer { ok: Some(ok), failure, result });
        if let Some(child) = child {
            self.threads.child(&child, session, began, LinkEvidence::ToolResult);
        }
    }

    /// An event for whoever watches. Those that are not named here repeat an item of the conversation.
    fn event(&mut self, session: &Id, when: Timestamp, payload: &Value, what: &str) -> Read {
        match what {
            "task_started" | "turn_started" => {
                let turn = name(payload, &["turn_id"]);
                let trace = text(payload, &["trace_id"]).and_then(|trace| TraceId::parse_text(trace).ok());
                self.turn.clone_from(&turn);
                self.threads.begin(session, when, turn, trace, self.role.clone().as_deref());
            }
            "task_complete" | "turn_complete" => {
                let failure = at(payload, &["error"]).filter(|error| !error.is_null());
                let ending = failure.map_or(Ending::Done, |error| Ending::Failed(error_code(error)));
                self.threads.finish(session, when, ending);
            }
            "turn_aborted" => {
                let is_replaced = text(payload, &["reason"]) == Some("replaced");
                self.threads.finish(session, when, if is_replaced { Ending::LeftOpen } else { Ending::Cancelled });
            }
            "error" => self.threads.failed(session, error_code(payload).or_else(|| Some("error".to_owned()))),
            "thread_settings_applied" => self.set_model(payload, &["thread_settings", "model"]),
            "token_count" => return self.counts(session, when, payload),
            "exec_command_end" | "patch_apply_end" | "mcp_tool_call_end" => self.ended(payload, &["call_id"]),
            "item_completed" => match at(payload, &["item"]) {
                Some(item) if text(item, &["type"]) == Some("CommandExecution") => self.ended(item, &["id"]),
                Some(_) | None => return Read::LeftOut,
            },
            _ => return Read::LeftOut,
        }
        Read::Told
    }

    /// Notes how a command ended.
    fn ended(&mut self, told: &Value, id: &[&str]) {
        let Some(id) = name(told, id) else { return };
        let code = whole(told, &["exit_code"]);
        let success = at(told, &["success"]).and_then(Value::as_bool);
        let by_status = text(told, &["status"]).map(|status| status == "completed");
        let is_error = at(told, &["result", "Err"]).is_some() || is_set(told, &["result", "Ok", "is_error"]);
        let of_result = at(told, &["result"]).map(|_| !is_error);
        let ok = code.map(|code| code == 0).or(success).or(by_status).or(of_result);
        self.ends.put(key_of(&id), CommandEnd { ok, code: code.map(|code| code.to_string()) });
    }
}

fn tool(payload: &Value, named: Option<String>, arguments: Option<&Value>) -> Tool<'static> {
    let space = name(payload, &["namespace"]);
    let space = [&space, &named].into_iter().flatten().find_map(|name| name.strip_prefix("mcp__"));
    let server = space.map(|space| space.split("__").next().unwrap_or(space).to_owned());
    let arguments = arguments.filter(|arguments| !arguments.is_null());
    Tool {
        name: named.map(Cow::Owned),
        arguments: arguments.map(|arguments| Cow::Owned(messages::plain(arguments))),
        mcp_server: server.filter(|server| !server.is_empty()).map(Cow::Owned),
        ..Tool::default()
    }
}

fn usage(counts: &Value) -> Option<Usage> {
    let (input, output) = (count(counts, &["input_tokens"]), count(counts, &["output_tokens"]));
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Usage {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached: count(counts, &["cached_input_tokens"]),
        cache_write: count(counts, &["cache_write_input_tokens"]),
        reasoning: count(counts, &["reasoning_output_tokens"]),
        cost_nanos: None,
    })
}

/// Whether the program said it, and not its user.
fn is_put_in(payload: &Value, content: &Value) -> bool {
    let told = at(payload, &["internal_chat_message_metadata_passthrough", "content_item_metadata"]);
    let by_whom = told.and_then(Value::as_array).and_then(|items| text(items.first()?, &["provenance", "type"]));
    if let Some(by_whom) = by_whom {
        return by_whom != "user";
    }
    let words = content.as_str().or_else(|| content.as_array().and_then(|parts| text(parts.first()?, &["text"])));
    words.is_some_and(|words| begins(words, &PUT_IN))
}

/// The exit code that the answer of a shell tells in words, or in JSON.
fn exit_code(words: &str) -> Option<String> {
    let told = ["Process exited with code ", "Exit code: "].iter().find_map(|before| {
        let after = words.lines().take(8).find_map(|line| line.strip_prefix(before))?;
        Some(after.trim().to_owned())
    });
    told.filter(|code| code.parse::<i64>().is_ok()).or_else(|| {
        let answer: Value = words.starts_with('{').then(|| serde_json::from_str(words).ok()).flatten()?;
        whole(&answer, &["metadata", "exit_code"]).map(|code| code.to_string())
    })
}

/// The kind of an error: a word, or an object whose only name is one.
fn error_code(error: &Value) -> Option<String> {
    let info = at(error, &["codex_error_info"])?;
    let named = || info.as_object().and_then(|object| object.keys().next()).map(String::as_str);
    info.as_str().or_else(named).map(|code| ids::id(code).as_str().to_owned())
}

/// What stands for counts, to tell whether others are the same.
fn digest(counts: &Value) -> [u8; 32] {
    ids::digest(About::Inference, &[compact(counts.clone()).as_bytes()])
}

fn key_of(call: &str) -> u64 {
    ids::short_key(About::ToolCall, &[call.as_bytes()])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::reader::{Agent, Transcript};
    use super::super::told::{Told, What};
    use super::*;

    const NAME: &str = "rollout-2026-03-01T12-00-00-01a20220-81a8-7733-aa44-c328a9d8c5e1.jsonl";

    fn line(kind: &str, at_s: u32, payload: &Value) -> Value {
        json!({"timestamp": format!("2026-03-01T12:00:{at_s:02}.123Z"), "type": kind, "payload": payload})
    }

    fn meta(id: &str, more: &Value) -> Value {
        let mut payload =
            json!({"id": id, "timestamp": "2026-03-01T12:00:00Z", "cwd": "/x", "model_provider": "openai"});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line("session_meta", 0, &payload)
    }

    fn counts(at_s: u32, total: u64, last: u64) -> Value {
        let counts = |input: u64| json!({"input_tokens": input, "cached_input_tokens": 1, "output_tokens": 2, "reasoning_output_tokens": 0});
        let info = json!({"total_token_usage": counts(total), "last_token_usage": counts(last)});
        line("event_msg", at_s, &json!({"type": "token_count", "info": info}))
    }

    fn told(lines: &[Value]) -> Vec<Told> {
        let mut transcript = Transcript::new(Agent::Codex, Origin::new(NAME));
        for line in lines {
            transcript.line(line.to_string().as_bytes()).unwrap();
        }
        transcript.end();
        transcript.take()
    }

    /// Response ids, input tokens and whether a copy told of them.
    fn used(told: &[Told]) -> Vec<(String, u64, bool)> {
        let each = told.iter().filter_map(|told| {
            let What::Inference { facts, is_copy } = &told.what else { return None };
            Some((facts.response_id.as_deref().unwrap().to_owned(), facts.usage.unwrap().input, *is_copy))
        });
        each.collect()
    }

    #[test]
    fn sums_are_taken_apart_into_calls() {
        let lines = [meta("s", &json!({})), counts(1, 10, 10), counts(2, 10, 10), counts(3, 25, 15), counts(4, 30, 5)];
        let calls: Vec<u64> = used(&told(&lines)).iter().map(|(_, input, _)| *input).collect();
        assert_eq!(calls, [10, 15, 5], "sums that are told again are no call");
        let empty = line("event_msg", 1, &json!({"type": "token_count", "info": null}));
        assert_eq!(used(&told(&[meta("s", &json!({})), empty])), []);
    }

    #[test]
    fn a_call_that_is_told_by_its_response_is_not_told_by_its_sums_again() {
        let record = line(
            "token_usage_record",
            1,
            &json!({
                "response_id": "resp_1", "usage": {"input_tokens": 10, "output_tokens": 2},
                "thread_token_usage": {"input_tokens": 10, "cached_input_tokens": 1, "output_tokens": 2, "reasoning_output_tokens": 0},
            }),
        );
        let found = used(&told(&[meta("s", &json!({})), record, counts(2, 10, 10), counts(3, 15, 5)]));
        assert_eq!((found.len(), found[0].0.as_str(), found[1].1), (2, "resp_1", 5));
    }

    #[test]
    fn what_a_fork_repeats_is_the_same_and_what_it_adds_is_not() {
        let parent = used(&told(&[meta("p", &json!({})), counts(1, 10, 10), counts(2, 25, 15)]));
        let forked = [
            meta("f", &json!({"forked_from_id": "p"})),
            meta("p", &json!({})),
            counts(31, 10, 10),
            counts(31, 25, 15),
            counts(40, 40, 15),
        ];
        let fork = used(&told(&forked));
        assert_eq!(
            fork.iter().map(|(id, ..)| id).take(2).collect::<Vec<_>>(),
            parent.iter().map(|(id, ..)| id).collect::<Vec<_>>()
        );
        assert!(fork.iter().all(|(_, _, is_copy)| *is_copy) && parent.iter().all(|(_, _, is_copy)| !is_copy));
        assert!(parent.iter().all(|(id, ..)| *id != fork[2].0));
        // Without the metadata of its parent, and a fork of a fork.
        assert_eq!(used(&told(&[forked[0].clone(), forked[2].clone()]))[0].0, parent[0].0);
        let grand =
            [meta("g", &json!({"forked_from_id": "f"})), forked[0].clone(), forked[1].clone(), counts(50, 10, 10)];
        assert_eq!(used(&told(&grand))[0].0, parent[0].0);
        // Another session that used just as much is no copy.
        assert_ne!(used(&told(&[meta("q", &json!({})), counts(1, 10, 10)]))[0].0, parent[0].0);
        // Where turns have ids, those tell calls apart.
        let turn = |id: &str| line("turn_context", 1, &json!({"turn_id": id, "model": "gpt-5-codex"}));
        let of_turn = |session: &str, id: &str| {
            used(&told(&[meta(session, &json!({})), turn(id), counts(2, 10, 10)]))[0].0.clone()
        };
        assert_eq!(of_turn("p", "t1"), of_turn("other", "t1"));
        assert_ne!(of_turn("p", "t1"), of_turn("p", "t2"));
    }

    #[test]
    fn how_a_command_ended_is_told_by_whatever_tells_it_first() {
        let call = |id: &str| {
            line(
                "response_item",
                1,
                &json!({"type": "function_call", "name": "shell", "arguments": "{\"a\":1}", "call_id": id}),
            )
        };
        let output = |output: &Value| {
            line("response_item", 3, &json!({"type": "function_call_output", "call_id": "c", "output": output}))
        };
        let end = |payload: &Value| line("event_msg", 2, payload);
        let cases = [
            (None, json!("Process exited with code 0\nOutput:\nfine"), (true, None, false)),
            (None, json!("Exit code: 2\nOutput:\nno"), (false, Some("2"), false)),
            (None, json!("{\"output\":\"x\",\"metadata\":{\"exit_code\":1}}"), (false, Some("1"), false)),
            (None, json!("Wall time: 7 seconds\naborted by user"), (false, None, true)),
            (None, json!("unsupported call: shell"), (false, None, false)),
            (None, json!("anything else"), (true, None, false)),
            (None, json!({"content": "x", "success": false}), (false, None, false)),
            (
                Some(json!({"type": "exec_command_end", "call_id": "c", "exit_code": 3})),
                json!("words"),
                (false, Some("3"), false),
            ),
            (
                Some(json!({"type": "mcp_tool_call_end", "call_id": "c", "result": {"Err": "no"}})),
                json!("words"),
                (false, None, false),
            ),
            (
                Some(json!({"type": "patch_apply_end", "call_id": "c", "success": true})),
                json!("words"),
                (true, None, false),
            ),
            (
                Some(
                    json!({"type": "item_completed", "item": {"type": "CommandExecution", "id": "c", "status": "failed", "exit_code": 9}}),
                ),
                json!("aborted by user"),
                (false, Some("9"), false),
            ),
        ];
        for (ended, answered, (ok, code, cancelled)) in cases {
            let lines: Vec<Value> = [meta("s", &json!({})), call("c")]
                .into_iter()
                .chain(ended.iter().map(end))
                .chain([output(&answered)])
                .collect();
            let told = told(&lines);
            let call =
                |told: &Told| if let What::ToolCall { facts, .. } = &told.what { Some(facts.clone()) } else { None };
            let facts = told.iter().find_map(call).unwrap();
            let tool = facts.tool.as_ref().unwrap();
            let failure = facts.failure.clone().unwrap_or_default();
            assert_eq!(
                (tool.ok, failure.code.as_deref(), failure.cancelled),
                (Some(ok), code, cancelled),
                "{ended:?} {answered}"
            );
            assert_eq!((tool.name.as_deref(), tool.arguments.as_deref()), (Some("shell"), Some("{\"a\":1}")));
        }
    }

    #[test]
    fn who_spawned_whom_is_told_from_both_sides() {
        let source = json!({"source": {"subagent": {"thread_spawn": {"parent_thread_id": "p", "agent_nickname": "Ptolemy", "agent_role": null}}}});
        let child = told(&[meta("s", &source)]);
        assert_eq!(child[0].what, What::Session { role: Some("Ptolemy".to_owned()) });
        let parent = ids::named_session("p").unwrap();
        assert_eq!(child[1].what, What::ChildOf { parent: parent.clone(), evidence: LinkEvidence::Attribute });

        let call = line(
            "response_item",
            1,
            &json!({"type": "function_call", "name": "spawn_agent", "arguments": "{}", "call_id": "c"}),
        );
        let answer = line(
            "response_item",
            5,
            &json!({"type": "function_call_output", "call_id": "c", "output": "{\"agent_id\":\"s\"}"}),
        );
        let link = told(&[meta("p", &json!({})), call, answer])
            .into_iter()
            .find(|told| matches!(told.what, What::ChildOf { .. }))
            .unwrap();
        assert_eq!(
            (link.session.as_str(), link.what),
            ("s", What::ChildOf { parent, evidence: LinkEvidence::ToolResult })
        );
        assert_eq!(link.at, Timestamp::parse_text("2026-03-01T12:00:01.123Z").unwrap(), "when it was called");
    }

    #[test]
    fn turns_end_as_they_are_said_to() {
        let event = |at_s, payload: &Value| line("event_msg", at_s, payload);
        let begins =
            event(1, &json!({"type": "task_started", "turn_id": "t", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}));
        let cases = [
            (vec![json!({"type": "task_complete"})], Some("COMPLETED")),
            (vec![json!({"type": "task_complete", "error": {"codex_error_info": "other"}})], Some("FAILED")),
            (
                vec![
                    json!({"type": "error", "codex_error_info": {"http": {"status": 500}}}),
                    json!({"type": "turn_complete"}),
                ],
                Some("FAILED"),
            ),
            (vec![json!({"type": "turn_aborted", "reason": "interrupted"})], Some("CANCELLED")),
            (vec![json!({"type": "turn_aborted", "reason": "replaced"})], None),
            (vec![], None),
        ];
        for (ends, expected) in cases {
            let lines: Vec<Value> = [meta("s", &json!({})), begins.clone()]
                .into_iter()
                .chain(ends.iter().map(|end| event(2, end)))
                .collect();
            let ended = told(&lines).into_iter().find_map(|told| {
                let What::Ended { trace, state, .. } = told.what else { return None };
                Some((trace, state))
            });
            assert_eq!(ended.map(|(_, state)| state.as_str()), expected, "{ends:?}");
            assert!(ended.is_none_or(|(trace, _)| trace.to_string() == "4bf92f3577b34da6a3ce929d0e0e4736"));
        }
    }

    #[test]
    fn who_speaks_is_told_by_the_item_and_by_what_it_begins_with() {
        let message = |role: &str, text: &str, provenance: Option<&str>| {
            let mut item = json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]});
            if let Some(provenance) = provenance {
                item["internal_chat_message_metadata_passthrough"] =
                    json!({"content_item_metadata": [{"provenance": {"type": provenance}}]});
            }
            line("response_item", 1, &item)
        };
        let cases = [
            (message("user", "Hi", None), "USER"),
            (message("user", "<environment_context>", Some("user")), "USER"),
            (message("user", "<environment_context>", None), "SYSTEM"),
            (message("user", "Hi", Some("harness")), "SYSTEM"),
            (message("developer", "Be good", None), "SYSTEM"),
            (message("assistant", "Yes", None), "ASSISTANT"),
        ];
        for (line, role) in cases {
            let found = told(&[meta("s", &json!({})), line.clone()]);
            let What::Message { message, .. } = &found[1].what else { panic!("{:?}", found[1]) };
            assert_eq!(message.role.as_str(), role, "{line}");
        }
    }

    #[test]
    fn odd_lines_are_told_apart() {
        let mut transcript = Transcript::new(Agent::Codex, Origin::new(NAME));
        let at = "\"timestamp\":\"2026-03-01T12:00:00Z\"";
        let cases = [
            ("{\"type\":\"world_state\"}".to_owned(), Ok(Read::LeftOut)),
            ("{\"type\":\"newer\"}".to_owned(), Ok(Read::Unknown("newer".to_owned()))),
            ("{\"type\":\"event_msg\"}".to_owned(), Err("missing_field")),
            ("{\"type\":\"event_msg\",\"payload\":{}}".to_owned(), Err("no_time")),
            (format!("{{\"type\":\"session_meta\",\"payload\":{{}},{at}}}"), Err("missing_field")),
            (format!("{{\"type\":\"event_msg\",\"payload\":{{}},{at}}}"), Ok(Read::LeftOut)),
            (format!("{{\"type\":\"token_usage_record\",\"payload\":{{}},{at}}}"), Err("missing_field")),
            (
                format!("{{\"type\":\"response_item\",\"payload\":{{\"type\":\"newer\"}},{at}}}"),
                Ok(Read::Unknown("response_item newer".to_owned())),
            ),
            (
                format!("{{\"type\":\"response_item\",\"payload\":{{\"type\":\"function_call\"}},{at}}}"),
                Err("missing_field"),
            ),
        ];
        for (line, expected) in cases {
            let read = transcript.line(line.as_bytes());
            assert_eq!(read.as_ref().map_err(Unread::reason), expected.as_ref().map_err(|reason| *reason), "{line}");
        }
        assert_eq!(transcript.take()[0].session.as_str(), "01a20220-81a8-7733-aa44-c328a9d8c5e1", "by the file's name");
        let mut nameless = Transcript::new(Agent::Codex, Origin::new("rollout.jsonl"));
        let line = format!("{{\"type\":\"event_msg\",\"payload\":{{}},{at}}}");
        assert_eq!(nameless.line(line.as_bytes()).unwrap_err().reason(), "no_session");
    }

    #[test]
    fn only_names_that_codex_gives_itself_are_providers() {
        for (name, provider) in [("openai", Some("openai")), ("oss", Some("ollama")), ("my-gateway", None)] {
            let lines = [meta("s", &json!({"model_provider": name})), counts(1, 10, 10)];
            let told = told(&lines);
            let What::Inference { facts, .. } = &told[1].what else { panic!("{told:?}") };
            assert_eq!(facts.provider.as_deref(), provider);
        }
    }
}
