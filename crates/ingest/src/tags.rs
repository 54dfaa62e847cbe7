//! What is kept of a span's attributes beside the facts: words to find it by, and small values. Never content.

use flightrec_events::telemetry::ATTRIBUTES_LEFT_OUT;
use flightrec_events::{Attributes, Id, Scalar};

use crate::facts::Work;
use crate::ids;
use crate::memory::Memory;
use crate::otlp::model::Any;
use crate::place::Placed;

/// The most attributes of one span that are kept.
const MAX_KEPT: usize = 32;
/// The most attributes of one span that are looked at.
const MAX_LOOKED_AT: usize = 1_024;
/// The most bytes of a text that may be kept: names and ids are shorter, sentences longer.
const MAX_TEXT_BYTES: usize = 128;

/// Words in a key under which people's words travel, whatever their length.
const CONTENT_WORDS: &[&str] = &[
    "argument",
    "arguments",
    "args",
    "body",
    "command",
    "completion",
    "content",
    "definitions",
    "description",
    "details",
    "error",
    "exception",
    "failure",
    "final_result",
    "full_command",
    "input",
    "instruction",
    "instructions",
    "message",
    "messages",
    "output",
    "outputs",
    "prompt",
    "prompts",
    "query",
    "question",
    "reason_text",
    "result",
    "text",
    "thought",
    "tool_input",
    "transcript",
    "user_prompt",
    "value",
    "statement",
    "documents",
    "document",
];

/// Last words of a key that name a thing, not what is said about it.
const NAME_WORDS: &[&str] =
    &["id", "name", "kind", "model", "version", "format", "length", "mime_type", "type", "tokens"];

/// What keys begin with whose values stand in the facts already, and so in the events that are made of them.
const TOLD: &[&str] = &[
    "gen_ai.agent.",
    "gen_ai.conversation.",
    "gen_ai.operation.",
    "gen_ai.provider.",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.finish",
    "gen_ai.request.model",
    "gen_ai.system",
    "gen_ai.tool.",
    "gen_ai.usage.",
    "llm.token_count.",
    "llm.model_name",
    "openinference.span.kind",
    "traceloop.association.",
    "ai.usage.",
    "ai.toolCall.",
    "ai.model.",
    "ai.response.id",
    "ai.response.model",
    "ai.telemetry.",
    "session.id",
    "conversation.id",
];

/// The tags and attributes of a span.
pub(crate) fn of(span: &Placed<'_>, memory: &mut Memory) -> (Vec<Id>, Attributes) {
    let mut tags = Vec::new();
    if let (Some(agent), Work::Agent) = (&span.facts.agent, span.facts.work) {
        tags.push(memory.name(&format!("agent:{}", short(agent))));
    }
    if let Some(name) = span.facts.tool.as_ref().and_then(|tool| tool.name.as_ref()) {
        tags.push(memory.name(&format!("tool:{}", short(name))));
    }
    if span.span.attributes.len() > MAX_LOOKED_AT {
        tags.push(ids::id(ATTRIBUTES_LEFT_OUT));
    }
    let mut kept = Attributes::default();
    let mut count = 0;
    for pair in span.span.attributes.iter().take(MAX_LOOKED_AT) {
        let Some(any) = pair.value.as_ref().and_then(|value| value.value.as_ref()) else { continue };
        if TOLD.iter().any(|told| pair.key.starts_with(told)) {
            continue;
        }
        let Some(scalar) = scalar(&pair.key, any) else { continue };
        let name = memory.name(&pair.key);
        // A name under which content travels is refused by the vocabulary itself.
        if kept.get(name.as_str()).is_none() && kept.insert(name, scalar).is_ok() {
            count += 1;
        }
        if count == MAX_KEPT {
            break;
        }
    }
    (tags, kept)
}

fn scalar(key: &str, any: &Any) -> Option<Scalar> {
    match any {
        Any::Bool(value) => Some(Scalar::Bool(*value)),
        Any::Int(value) => Some(Scalar::Int(*value)),
        Any::Double(value) => value.is_finite().then_some(Scalar::Float(*value)),
        Any::Str(text) => {
            let is_name = text.len() <= MAX_TEXT_BYTES
                && !text.is_empty()
                && !text.contains(char::is_whitespace)
                && !text.starts_with(['{', '[', '"', '<']);
            (is_name && !may_hold_content(key)).then(|| Scalar::Str(text.as_str().into()))
        }
        Any::Array(_) | Any::Map(_) | Any::Bytes(_) => None,
    }
}

fn may_hold_content(key: &str) -> bool {
    let mut words = key.split(['.', '/', ':']);
    let last = words.next_back().unwrap_or_default();
    if NAME_WORDS.contains(&last) {
        return false;
    }
    words.chain([last]).any(|word| CONTENT_WORDS.contains(&word.to_ascii_lowercase().as_str()))
}

fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(48).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_and_words_of_people_are_not() {
        let text = |text: &str| Any::Str(text.to_owned());
        assert!(scalar("gen_ai.response.id", &text("resp_1")).is_some());
        assert!(scalar("http.response.status_code", &Any::Int(200)).is_some());
        assert!(scalar("server.address", &text("api.example")).is_some());
        for key in ["user_prompt", "gen_ai.input.messages", "input.value", "ai.prompt", "full_command", "output.value"]
        {
            assert_eq!(scalar(key, &text("hello")), None, "{key}");
        }
        assert_eq!(scalar("anything", &text("a sentence of words")), None);
        assert_eq!(scalar("anything", &text("{\"a\":1}")), None);
        assert_eq!(scalar("anything", &Any::Double(f64::NAN)), None);
    }
}
