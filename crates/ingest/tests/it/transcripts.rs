//! Transcripts of real sessions, held against what the model answered, and what no order and no damage changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flightrec_events::{CheckedEvent, Payload, Registry};
use flightrec_ingest::contents::{Kept, KeptContents, KeptLately};
use flightrec_ingest::mapper::Mapper;
use flightrec_ingest::prices::PriceTable;
use flightrec_ingest::transcripts::{self, Agent, Origin, Read, Transcript};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::captures;

/// All transcripts of a capture.
fn files(name: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|end| end == "jsonl") {
                files.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test-data/transcripts").join(name), &mut found);
    found.sort();
    assert!(!found.is_empty(), "{name}");
    found
}

fn agent(name: &str) -> Agent {
    if name == "codex-cli" { Agent::Codex } else { Agent::ClaudeCode }
}

fn transcript(agent: Agent, path: &Path) -> Transcript {
    let origin = Origin::new(&path.file_name().unwrap().to_string_lossy());
    let meta = fs::read(path.to_string_lossy().replace(".jsonl", ".meta.json"));
    Transcript::new(agent, meta.map_or(origin.clone(), |meta| origin.with_meta(&meta)))
}

fn lines(path: &Path) -> Vec<Vec<u8>> {
    fs::read(path).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The events of a file with these lines.
fn events<'l>(agent: Agent, path: &Path, lines: impl IntoIterator<Item = &'l Vec<u8>>) -> Vec<CheckedEvent> {
    let mut transcript = transcript(agent, path);
    let mut told = Vec::new();
    for line in lines {
        // Taken in pieces, as they come.
        transcript.line(line).unwrap();
        told.extend(transcript.take());
    }
    transcript.end();
    told.extend(transcript.take());
    let contents = transcripts::contents(&told);
    let (mut kept, missing) = contents.split(&KeptLately::default());
    for text in missing {
        let sha256 = flightrec_events::Sha256Hex::from_bytes(Sha256::digest(text.as_bytes()).into());
        let artifact_id = flightrec_events::ArtifactId::new(sha256);
        kept.keep(text, Kept { sha256, artifact_id, redacted: false });
    }
    map(&told, &kept)
}

fn map(told: &[transcripts::Told], kept: &KeptContents) -> Vec<CheckedEvent> {
    let mut mapper = Mapper::new(PriceTable::bundled(), Arc::new(Registry::new()));
    let became = mapper.transcript(told, kept);
    assert_eq!((became.refused, became.why), (0, None));
    became.groups.into_iter().flatten().collect()
}

/// What a model used by response: the report with most tokens.
type Used = BTreeMap<String, (u64, u64, u64)>;

fn used(events: &[CheckedEvent]) -> Used {
    let mut used = Used::new();
    for event in events {
        if let Payload::LlmInference(inference) = &event.payload {
            let usage = &inference.token_usage;
            let cached = usage.cached_prompt_tokens.map_or(0, flightrec_events::Count::get);
            let counts = (usage.completion_tokens.get(), usage.prompt_tokens.get(), cached);
            let held = used.entry(inference.request_id.as_ref().unwrap().as_str().to_owned()).or_default();
            *held = (*held).max(counts);
        }
    }
    used
}

/// The ids of messages, by session, and of tool calls that were answered.
fn said(events: &[CheckedEvent]) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
    let (mut messages, mut calls) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        if let Payload::SessionMessage(message) = &event.payload {
            messages.insert((message.session_id.as_str().to_owned(), message.message_id.as_str().to_owned()));
        } else if let Payload::ToolCall(call) = &event.payload {
            calls.insert(call.tool_call_id.as_str().to_owned());
        }
    }
    (messages, calls)
}

fn all(name: &str) -> Vec<CheckedEvent> {
    files(name).iter().flat_map(|path| events(agent(name), path, &lines(path))).collect()
}

#[test]
fn every_answer_of_the_model_is_told_once() {
    for name in ["claude-code-std", "claude-code-traces", "codex-cli"] {
        let used = used(&all(name));
        let truth =
            captures::truth(name).into_iter().filter(|answer| answer["error"].is_null() && answer["hang"].is_null());
        // The first call of Claude Code warmed its caches, in a session without a transcript.
        let truth: Vec<Value> = truth.filter(|answer| name == "codex-cli" || answer["n"] != 1).collect();
        assert_eq!(used.len(), truth.len(), "{name}");
        for answer in truth {
            let number = answer["n"].as_u64().unwrap();
            let id = if name == "codex-cli" {
                format!("resp_fake_responses_{number:04}")
            } else {
                format!("req_fake{number:04}")
            };
            let count = |key: &str| answer[key].as_u64().unwrap();
            assert_eq!(used[&id], (count("output_tokens"), count("input_tokens"), count("cached")), "{name} {id}");
        }
    }
}

#[test]
fn every_tool_call_that_was_answered_is_told_with_what_it_was_given_and_answered() {
    for (name, unanswered) in [("claude-code-std", 1), ("claude-code-traces", 1), ("codex-cli", 0)] {
        let asked = captures::truth(name).into_iter().flat_map(|answer| answer["tools"].as_array().unwrap().clone());
        let asked: BTreeSet<String> = asked.map(|tool| tool["id"].as_str().unwrap().to_owned()).collect();
        let all = all(name);
        let (_, answered) = said(&all);
        assert!(answered.is_subset(&asked), "{name}");
        assert_eq!(asked.len() - answered.len(), unanswered, "{name}");
        for event in &all {
            if let Payload::ToolCall(call) = &event.payload {
                assert!(call.args_hash.is_some() && call.result_hash.is_some() && call.tool_id.as_str() != "unknown");
            }
        }
    }
}

#[test]
fn every_line_of_every_sample_is_understood() {
    for name in ["claude-code-std", "claude-code-traces", "codex-cli"] {
        for path in files(name) {
            let mut transcript = transcript(agent(name), &path);
            for line in lines(&path) {
                let read = transcript.line(&line).unwrap();
                assert!(matches!(read, Read::Told | Read::LeftOut), "{read:?}: {}", String::from_utf8_lossy(&line));
            }
        }
    }
}

#[test]
fn a_file_that_has_grown_tells_what_it_told_before_with_the_same_ids() {
    for name in ["claude-code-std", "codex-cli"] {
        for path in files(name) {
            let lines = lines(&path);
            let whole = events(agent(name), &path, &lines);
            let known: BTreeSet<_> = whole.iter().map(|event| *event.event_id.as_bytes()).collect();
            for end in 0..lines.len() {
                for event in events(agent(name), &path, &lines[..end]) {
                    assert!(known.contains(event.event_id.as_bytes()), "{}: {end}: {event:?}", path.display());
                }
            }
            let ids: BTreeSet<_> = whole.iter().map(|event| *event.event_id.as_bytes()).collect();
            assert_eq!(ids.len(), whole.len(), "{}: an id twice", path.display());
        }
    }
}

#[test]
fn no_damage_to_a_byte_and_no_cut_panics() {
    for name in ["claude-code-std", "codex-cli"] {
        for path in files(name) {
            // One reader for all, so that what it remembers is damaged, too.
            let mut damaged = transcript(agent(name), &path);
            for line in lines(&path) {
                let step = 1 + line.len() / 400;
                for at in (0..line.len()).step_by(step) {
                    for byte in [0, b'"', b'9', 0xff] {
                        let mut line = line.clone();
                        line[at] = byte;
                        let _read = damaged.line(&line);
                    }
                    assert!(damaged.line(&line[..at]).is_err(), "a line that was cut is no JSON");
                    damaged.take();
                }
            }
            damaged.end();
        }
    }
}

#[test]
fn whatever_has_the_right_type_is_taken_whatever_it_holds() {
    let odd = [
        "null",
        "true",
        "-1",
        "1e400",
        "\"\"",
        "\"\\u0000\\u001b[31m\"",
        "[]",
        "[[[]]]",
        "{}",
        "[{\"type\":\"tool_result\"}]",
        "[{\"type\":\"tool_use\",\"id\":\"\",\"name\":null,\"input\":[]}]",
        "{\"type\":{\"type\":\"text\"}}",
        "18446744073709551615",
    ];
    for (agent, name, sample) in [(Agent::ClaudeCode, "claude-code-std", 5), (Agent::Codex, "codex-cli", 12)] {
        let path = &files(name)[2];
        let mut transcript = transcript(agent, path);
        for line in lines(path).into_iter().take(sample + 10) {
            let value: Value = serde_json::from_slice(&line).unwrap();
            let mut paths = Vec::new();
            pointers(&value, &mut String::new(), &mut paths);
            for (at, odd) in paths.iter().flat_map(|at| odd.iter().map(move |odd| (at, odd))) {
                let mut value = value.clone();
                // A number that no float holds is refused by the parser already.
                let Ok(odd) = serde_json::from_str(odd) else { continue };
                *value.pointer_mut(at).unwrap() = odd;
                let _read = transcript.line(value.to_string().as_bytes());
            }
        }
        transcript.end();
        let told = transcript.take();
        let kept = KeptContents::default();
        assert!(!map(&told, &kept).is_empty());
    }
}

/// Where every value of a JSON value stands.
fn pointers(value: &Value, at: &mut String, found: &mut Vec<String>) {
    found.push(at.clone());
    let length = at.len();
    if let Value::Object(map) = value {
        for (name, inner) in map {
            at.push('/');
            at.push_str(&name.replace('~', "~0").replace('/', "~1"));
            pointers(inner, at, found);
            at.truncate(length);
        }
    } else if let Value::Array(items) = value {
        for (index, inner) in items.iter().enumerate() {
            at.push('/');
            at.push_str(&index.to_string());
            pointers(inner, at, found);
            at.truncate(length);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Neither the order of lines nor lines that stand there twice change what was used, said and called. Codex's sums are
    /// told in order, so its lines are only repeated.
    #[test]
    fn lines_in_any_order_and_again_tell_the_same(path in select(files("claude-code-std")), seed in any::<u64>()) {
        let lines = lines(&path);
        let mut mixed: Vec<Vec<u8>> = lines.iter().chain(&lines).cloned().collect();
        let mut state = seed | 1;
        for at in (1..mixed.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            mixed.swap(at, (state >> 33) as usize % (at + 1));
        }
        let (straight, mixed) = (events(Agent::ClaudeCode, &path, &lines), events(Agent::ClaudeCode, &path, &mixed));
        prop_assert_eq!(used(&mixed), used(&straight));
        prop_assert_eq!(said(&mixed), said(&straight));
    }

    #[test]
    fn lines_that_stand_there_again_tell_nothing_new(path in select(files("codex-cli")), times in 2_usize..4) {
        let lines = lines(&path);
        let again: Vec<Vec<u8>> = (0..times).flat_map(|_| lines.clone()).collect();
        let (straight, again) = (events(Agent::Codex, &path, &lines), events(Agent::Codex, &path, &again));
        prop_assert_eq!(again, straight);
    }
}
