//! How a step becomes a reply: its words, its ids, its chunks and their times.

use std::time::Duration;

use flightrec_events::Sha256Hex;
use sha2::{Digest as _, Sha256};

use super::script::Step;
use crate::message::{ToolRequest, Turn};
use crate::model::{ModelCall, ModelReply, Usage};

/// A reply, and how it comes in.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) reply: ModelReply,
    /// The usage, told or not.
    usage: Usage,
    bytes: u64,
    chunks: u32,
    first_token: Duration,
    duration: Duration,
}

impl Stream {
    /// What a step is in answer to a call.
    pub(super) fn of(step: &Step, call: &ModelCall) -> Self {
        let key = key(call);
        let text = filled(&step.text, &call.thread);
        let tool_calls: Vec<ToolRequest> = (0..)
            .zip(&step.tools)
            .map(|(index, tool): (u32, _)| ToolRequest {
                id: tool.id.clone().unwrap_or_else(|| format!("call_{}_{index}", &key[..16])),
                name: tool.name.clone(),
                arguments: tool.arguments.clone(),
            })
            .collect();
        let bytes = text.len() + tool_calls.iter().map(|call| call.arguments.len()).sum::<usize>();
        let names = tool_calls.iter().map(|call| call.name.len()).sum::<usize>();
        let stated = step.usage;
        let usage = Usage {
            prompt_tokens: stated.prompt.unwrap_or_else(|| tokens(thread_bytes(&call.thread))),
            completion_tokens: stated
                .completion
                .unwrap_or_else(|| tokens(bytes + names).saturating_add(stated.reasoning)),
            cached_prompt_tokens: stated.cached,
            cache_write_tokens: stated.cache_write,
            reasoning_tokens: stated.reasoning,
        };
        let finish_reason =
            step.finish_reason.as_deref().unwrap_or(if tool_calls.is_empty() { "stop" } else { "tool_calls" });
        Self {
            reply: ModelReply {
                text,
                tool_calls,
                usage: step.tells_usage.then_some(usage),
                response_id: step.has_response_id.then(|| format!("scripted_{}", &key[..32])),
                finish_reason: Some(finish_reason.to_owned()),
                cost_nanos: step.cost_nanos,
            },
            usage,
            bytes: bytes as u64,
            chunks: step.chunks.max(1),
            first_token: step.first_token,
            duration: step.duration.max(step.first_token),
        }
    }

    /// The chunks, by when each comes and how many bytes it has.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (Duration, usize)> + use<> {
        let (count, bytes) = (u64::from(self.chunks), self.bytes);
        let (first, between) = (self.first_token, self.duration.saturating_sub(self.first_token));
        (0..count).map(move |index| {
            let share = |whole: u64, part: u64, of: u64| (u128::from(whole) * u128::from(part) / u128::from(of)) as u64;
            let micros = u64::try_from(between.as_micros()).unwrap_or(u64::MAX);
            let after = Duration::from_micros(share(micros, index, (count - 1).max(1)));
            let size = share(bytes, index + 1, count) - share(bytes, index, count);
            (first + after, size as usize)
        })
    }

    /// What is used up once so many chunks came: all of the prompt, and of the rest an even share.
    pub(super) fn usage_after(&self, chunks: u32) -> Usage {
        let share = |tokens: u64| (u128::from(tokens) * u128::from(chunks) / u128::from(self.chunks)) as u64;
        Usage {
            completion_tokens: share(self.usage.completion_tokens),
            reasoning_tokens: share(self.usage.reasoning_tokens),
            ..self.usage
        }
    }

    pub(super) const fn first_token(&self) -> Duration {
        self.first_token
    }

    pub(super) const fn duration(&self) -> Duration {
        self.duration
    }
}

/// What makes this run this run, as a hash in hex.
fn key(call: &ModelCall) -> String {
    let mut hash = Sha256::new();
    for id in [&call.session_id, &call.job_id] {
        hash.update((id.as_str().len() as u64).to_le_bytes());
        hash.update(id.as_str());
    }
    hash.update(call.attempt.to_le_bytes());
    hash.update(call.step.to_le_bytes());
    Sha256Hex::from_bytes(hash.finalize().into()).to_string()
}

/// Tokens by the rule of thumb: a fourth of the bytes, rounded up.
const fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

fn thread_bytes(thread: &[Turn]) -> usize {
    let turn_bytes = |turn: &Turn| match turn {
        Turn::Assistant { text, tool_calls } => {
            text.len() + tool_calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>()
        }
        Turn::System(text) | Turn::User(text) | Turn::ToolResult { text, .. } => text.len(),
    };
    thread.iter().map(turn_bytes).sum()
}

/// The text with its placeholders filled, once: what is filled in is not looked at again.
fn filled(text: &str, thread: &[Turn]) -> String {
    const LAST_USER: &str = "{{last_user}}";
    const LAST_TOOL_RESULT: &str = "{{last_tool_result}}";
    let last_user =
        || thread.iter().rev().find_map(|turn| if let Turn::User(text) = turn { Some(&**text) } else { None });
    let last_result = || {
        thread.iter().rev().find_map(|turn| if let Turn::ToolResult { text, .. } = turn { Some(&**text) } else { None })
    };

    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        done.push_str(before);
        if let Some(after) = from.strip_prefix(LAST_USER) {
            done.push_str(last_user().unwrap_or_default());
            rest = after;
        } else if let Some(after) = from.strip_prefix(LAST_TOOL_RESULT) {
            done.push_str(last_result().unwrap_or_default());
            rest = after;
        } else {
            done.push('{');
            rest = &from[1..];
        }
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use flightrec_events::{SpanId, TraceId};
    use proptest::prelude::*;

    use super::*;
    use crate::words::id;

    fn call() -> ModelCall {
        ModelCall {
            session_id: id("session"),
            role: id("role"),
            label: None,
            model_id: id("model"),
            thread: Vec::new(),
            tools: Vec::new(),
            max_output_tokens: None,
            job_id: id("job"),
            attempt: 1,
            step: 0,
            trace_id: TraceId::from_bytes([1; 16]).unwrap(),
            span_id: SpanId::from_bytes([1; 8]).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn chunks_add_up_and_come_in_their_time(
            length in 0_usize..500, count in 1_u32..200, first_ms in 0_u64..2000, more_ms in 0_u64..5000
        ) {
            let (first, end) = (Duration::from_millis(first_ms), Duration::from_millis(first_ms + more_ms));
            let step = Step::say("x".repeat(length)).taking(first, end).in_chunks(count);
            let chunks: Vec<_> = Stream::of(&step, &call()).chunks().collect();
            prop_assert_eq!(chunks.len(), count as usize);
            prop_assert_eq!(chunks.iter().map(|(_, bytes)| bytes).sum::<usize>(), length);
            prop_assert_eq!(chunks[0].0, first);
            prop_assert!(count == 1 || chunks[chunks.len() - 1].0 == end);
            prop_assert!(chunks.is_sorted_by_key(|(after, _)| *after));
            let even = length / count as usize;
            prop_assert!(chunks.iter().all(|(_, bytes)| (even..=even + 1).contains(bytes)));
        }

        #[test]
        fn filling_ends_and_keeps_what_is_no_placeholder(text in "[{}a_ ]{0,40}") {
            prop_assert_eq!(filled(&text, &[]), text);
        }
    }
}
