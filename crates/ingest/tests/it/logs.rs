//! Log records of real emitters, held against what the model answered.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_events::MessageRole;
use flightrec_ingest::attributes::Attributes;
use flightrec_ingest::conventions;
use flightrec_ingest::conventions::logs::{self, LogFacts};
use flightrec_ingest::facts::{Facts, Message, Usage, Work};
use flightrec_ingest::otlp;
use flightrec_ingest::otlp::model::{LogsRequest, Span, TracesRequest};
use proptest::prelude::*;
use serde_json::Value;

use crate::captures;

/// What the log records of requests tell; records that no convention knows are left out.
pub(crate) fn each(requests: &[LogsRequest]) -> Vec<LogFacts<'_>> {
    let mut all = Vec::new();
    for resource in requests.iter().flat_map(|request| &request.resource_logs) {
        let about = resource.resource.as_ref().map_or(Attributes::none(), |about| Attributes::new(&about.attributes));
        for scope in &resource.scope_logs {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            all.extend(scope.log_records.iter().filter_map(|record| logs::log(record, name, about)));
        }
    }
    all
}

/// What the spans of requests tell.
fn spans(requests: &[TracesRequest]) -> Vec<(&Span, Facts<'_>)> {
    let mut all = Vec::new();
    for resource in requests.iter().flat_map(|request| &request.resource_spans) {
        let about = resource.resource.as_ref().map_or(Attributes::none(), |about| Attributes::new(&about.attributes));
        for scope in &resource.scope_spans {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            all.extend(scope.spans.iter().map(|span| (span, conventions::span(span, name, about))));
        }
    }
    all
}

fn usages<'f>(facts: impl Iterator<Item = &'f Facts<'f>>) -> Vec<Usage> {
    let calls = facts.filter(|facts| facts.work == Work::ModelCall);
    calls.filter_map(|facts| facts.usage).collect()
}

/// Tokens read, written and cached, added up.
fn sums(usages: &[Usage]) -> (u64, u64, u64) {
    let sum = |count: fn(&Usage) -> u64| usages.iter().map(count).sum();
    (sum(|usage| usage.input), sum(|usage| usage.output), sum(|usage| usage.cached.unwrap_or(0)))
}

/// The same of the answers that the model gave, without those it failed or hung on and without `left_out`.
fn truth(name: &str, left_out: impl Fn(&Value) -> bool) -> (u64, u64, u64) {
    let answers = captures::truth(name);
    let answers = answers.iter().filter(|answer| answer["error"].is_null() && answer["hang"].is_null());
    let answers: Vec<&Value> = answers.filter(|answer| !left_out(answer)).collect();
    let sum = |key: &str| answers.iter().map(|answer| answer[key].as_u64().unwrap()).sum();
    (sum("input_tokens"), sum("output_tokens"), sum("cached"))
}

fn works(facts: impl Iterator<Item = Work>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for work in facts {
        let name = match work {
            Work::Agent => "agent",
            Work::ModelCall => "model call",
            Work::ToolCall => "tool call",
            Work::Step => "step",
            Work::Plain => "plain",
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn sessions<'f>(facts: impl Iterator<Item = &'f Facts<'f>>) -> BTreeSet<&'f str> {
    facts.filter_map(|facts| facts.session.as_deref()).collect()
}

fn tool_calls<'f>(facts: impl Iterator<Item = &'f Facts<'f>>) -> Vec<&'f str> {
    let calls = facts.filter(|facts| facts.work == Work::ToolCall);
    let mut ids: Vec<_> = calls.map(|facts| facts.tool.as_ref().unwrap().call_id.as_deref().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// The ids of the tool calls that the model asked for.
fn asked_for(name: &str) -> BTreeSet<String> {
    let tools = captures::truth(name).into_iter().flat_map(|answer| answer["tools"].as_array().unwrap().clone());
    tools.map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
}

type Said = (MessageRole, String, Option<String>, bool);

fn said(messages: &[Message<'_>]) -> Vec<Said> {
    let owned = |one: &Message<'_>| {
        let id = one.tool_call_id.as_ref().map(|id| id.clone().into_owned());
        (one.role, one.content.clone().into_owned(), id, one.is_answer)
    };
    messages.iter().map(owned).collect()
}

/// The first answer of both captures of Claude Code is a call to warm up, made without telemetry.
fn warms_up(answer: &Value) -> bool {
    answer["n"] == 1
}

#[test]
fn claude_codes_log_records_tell_every_call_of_model_and_tool_once() {
    for name in ["claude-code-std", "claude-code-traces"] {
        let requests = captures::logs(name);
        let all = each(&requests);
        let counts = works(all.iter().map(|log| log.facts.work));
        assert_eq!(counts, BTreeMap::from([("model call", 18), ("step", 34), ("tool call", 13)]), "{name}");
        assert_eq!(sums(&usages(all.iter().map(|log| &log.facts))), truth(name, warms_up), "{name}");
        assert_eq!(sums(&usages(all.iter().map(|log| &log.facts))), (36_110, 654, 23_700), "{name}");
        assert_eq!(sessions(all.iter().map(|log| &log.facts)).len(), 5, "{name}");

        let cost: u64 = usages(all.iter().map(|log| &log.facts)).iter().map(|usage| usage.cost_nanos.unwrap()).sum();
        assert_eq!(cost, 90_250_000, "{name}");
        let ids: BTreeSet<_> =
            all.iter().filter(|log| log.facts.usage.is_some()).map(|log| &log.facts.response_id).collect();
        assert_eq!(ids.len(), 17, "{name}");
        let errors = all.iter().filter_map(|log| log.facts.failure.as_ref()?.code.as_deref()).collect::<Vec<_>>();
        assert!(errors.contains(&"400"), "{name}: {errors:?}");

        let mut tools = asked_for(name);
        let told = tool_calls(all.iter().map(|log| &log.facts));
        assert!(told.iter().all(|id| tools.remove(*id)), "{name}: told twice or never asked for");
        // Of an edit that was refused before it began and of a call that an interrupt ended no result is told.
        assert_eq!(tools, BTreeSet::from(["call_cc-b_1_7d2a4da", "call_cc-hang_0_c88753a"].map(str::to_owned)));

        let keys: BTreeSet<_> = all.iter().map(|log| (&log.facts.session, &log.key)).collect();
        assert_eq!(keys.len(), all.len(), "{name}");
        assert!(all.iter().all(|log| log.at_unix_nano > 0 && !log.anchored));
    }
}

#[test]
fn claude_codes_content_is_told_only_where_it_is_not_masked() {
    let masked = captures::logs("claude-code-std");
    assert!(each(&masked).iter().all(|log| log.facts.messages.is_empty()));
    let plain = captures::logs("claude-code-traces");
    let mut counts = BTreeMap::new();
    for message in each(&plain).iter().flat_map(|log| &log.facts.messages) {
        *counts.entry((message.role == MessageRole::User, message.is_answer)).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([((true, false), 6), ((false, true), 11)]));
}

#[test]
fn claude_codes_spans_tell_the_same_calls_as_its_log_records() {
    let name = "claude-code-traces";
    let (traces, records) = (captures::traces(name), captures::logs(name));
    let (spans, logs) = (spans(&traces), each(&records));
    let counts = works(spans.iter().map(|(_, facts)| facts.work));
    assert_eq!(counts, BTreeMap::from([("agent", 6), ("model call", 18), ("step", 27), ("tool call", 13)]));
    assert_eq!(sums(&usages(spans.iter().map(|(_, facts)| facts))), truth(name, warms_up));
    assert_eq!(sessions(spans.iter().map(|(_, facts)| facts)), sessions(logs.iter().map(|log| &log.facts)));

    let of_spans: BTreeMap<_, _> =
        spans.iter().filter_map(|(_, facts)| Some((facts.response_id.as_deref()?, facts))).collect();
    let calls = logs.iter().filter(|log| log.facts.work == Work::ModelCall);
    for log in calls {
        let same = of_spans[log.facts.response_id.as_deref().unwrap()];
        let bare = log.facts.usage.map(|usage| Usage { cost_nanos: None, ..usage });
        assert_eq!(same.usage, bare, "{:?}", log.facts.response_id);
    }
    assert_eq!(tool_calls(spans.iter().map(|(_, facts)| facts)), tool_calls(logs.iter().map(|log| &log.facts)));
    let prompts = |facts: &Facts<'_>| facts.messages.iter().filter(|one| one.role == MessageRole::User).count();
    assert_eq!(spans.iter().map(|(_, facts)| prompts(facts)).sum::<usize>(), 6);
    let results = spans.iter().filter(|(_, facts)| facts.tool.as_ref().is_some_and(|tool| tool.result.is_some()));
    assert!(results.count() > 0);
}

/// Codex sends nothing of a run that ends on an error of the API, and no spans of one that is interrupted.
#[test]
fn codex_tells_every_call_once_in_log_records_and_once_in_spans() {
    let name = "codex-cli";
    let (traces, records) = (captures::traces(name), captures::logs(name));
    let (spans, logs) = (spans(&traces), each(&records));
    assert_eq!(sums(&usages(logs.iter().map(|log| &log.facts))), truth(name, |_| false));
    assert_eq!(usages(logs.iter().map(|log| &log.facts)).len(), 13);
    assert_eq!(
        sums(&usages(spans.iter().map(|(_, facts)| facts))),
        truth(name, |answer| answer["script"] == "cx-hang")
    );
    assert_eq!(usages(spans.iter().map(|(_, facts)| facts)).len(), 12);

    assert_eq!(sessions(logs.iter().map(|log| &log.facts)).len(), 5);
    let named = sessions(spans.iter().map(|(_, facts)| facts));
    assert_eq!(named.len(), 4);
    assert!(named.is_subset(&sessions(logs.iter().map(|log| &log.facts))));

    let counts = works(spans.iter().map(|(_, facts)| facts.work));
    assert_eq!((counts["agent"], counts["model call"], counts["tool call"]), (5, 12, 8));
    assert_eq!(counts.values().sum::<usize>(), 3_149);
    assert_eq!(tool_calls(spans.iter().map(|(_, facts)| facts)), tool_calls(logs.iter().map(|log| &log.facts)));
    assert_eq!(tool_calls(logs.iter().map(|log| &log.facts)).len(), 8);

    // No id joins a call's span with its log record; within a session its counts do.
    let counts: BTreeSet<_> = logs
        .iter()
        .filter_map(|log| Some((log.facts.session.as_deref()?, counted(log.facts.usage.as_ref()?))))
        .collect();
    assert_eq!(counts.len(), 13);
}

fn counted(usage: &Usage) -> (u64, u64, Option<u64>, Option<u64>) {
    (usage.input, usage.output, usage.cached, usage.reasoning)
}

#[test]
fn codex_tells_prompts_and_who_spawned_whom() {
    let requests = captures::logs("codex-cli");
    let all = each(&requests);
    let prompts: Vec<_> = all.iter().flat_map(|log| &log.facts.messages).map(|one| one.content.as_ref()).collect();
    assert_eq!(prompts.len(), 6);
    let spawned: Vec<_> =
        all.iter().flat_map(|log| log.facts.spawned.iter().map(move |child| (log, child.as_ref()))).collect();
    let [(parent, child)] = spawned.as_slice() else { panic!("one agent was spawned, not {}", spawned.len()) };
    assert_eq!(*child, "01a20220-864d-77d2-ab3a-41fc0b516d44");
    assert_eq!(parent.facts.session.as_deref(), Some("01a20220-8585-75f3-af4d-acacb7b99ce4"));
    assert!(sessions(all.iter().map(|log| &log.facts)).contains(child));
    let failed = all.iter().filter(|log| log.facts.tool.as_ref().is_some_and(|tool| tool.ok == Some(false))).count();
    assert_eq!(failed, 1);
    assert!(all.iter().all(|log| log.at_unix_nano > 0));
}

#[test]
fn adks_log_records_tell_calls_and_whole_conversations() {
    let name = "google-adk";
    let requests = captures::logs(name);
    let all = each(&requests);
    assert_eq!(works(all.iter().map(|log| log.facts.work)), BTreeMap::from([("model call", 17)]));
    assert_eq!(sums(&usages(all.iter().map(|log| &log.facts))), truth(name, |_| false));
    assert_eq!(sessions(all.iter().map(|log| &log.facts)).len(), 7);
    assert!(all.iter().all(|log| log.anchored));

    let mut asked: BTreeSet<String> = asked_for(name);
    for message in all.iter().flat_map(|log| &log.facts.messages).filter(|one| one.role == MessageRole::ToolCall) {
        asked.remove(message.tool_call_id.as_deref().unwrap());
    }
    assert!(asked.is_empty(), "calls that no message asks for: {asked:?}");
    assert_repeated(&all);
}

/// Whatever a model was given as its own words, an earlier record tells as its answer.
fn assert_repeated(all: &[LogFacts<'_>]) {
    let answers: BTreeSet<_> = all
        .iter()
        .flat_map(|log| &log.facts.messages)
        .filter(|one| one.is_answer)
        .map(|one| (one.role.as_str(), one.content.as_ref(), one.tool_call_id.as_deref()))
        .collect();
    let mut repeated = 0;
    for message in all.iter().flat_map(|log| &log.facts.messages) {
        let is_own = matches!(message.role, MessageRole::Assistant | MessageRole::ToolCall);
        if is_own && !message.is_answer {
            let told = (message.role.as_str(), message.content.as_ref(), message.tool_call_id.as_deref());
            assert!(answers.contains(&told), "{told:?}");
            repeated += 1;
        }
    }
    assert!(repeated > 0);
}

#[test]
fn the_log_record_of_a_whole_call_says_what_its_span_says() {
    let expected = [("openai-sdk-otelv2-latest", 20, (5_463, 543)), ("openai-agents-genai", 24, (5_951, 489))];
    // A stream that was given up tells no counts, and a call that is not instrumented tells nothing.
    let is_untold = |answer: &Value| {
        let is_plain = answer["script"] == "plain" && answer["api"] == "responses";
        (is_plain && answer["last_user"] == "SCRIPT:plain via responses")
            || answer["last_user"] == "SCRIPT:stream abandoned"
    };
    for (name, records, tokens) in expected {
        let (traces, logs) = (captures::traces(name), captures::logs(name));
        let spans: BTreeMap<_, _> = spans(&traces).into_iter().map(|(span, facts)| (&span.span_id, facts)).collect();
        let all = each(&logs);
        assert_eq!(all.len(), records);
        let (input, output, _) = sums(&usages(all.iter().map(|log| &log.facts)));
        assert_eq!((input, output), tokens, "{name}");
        let (input, output, _) = truth(name, is_untold);
        assert_eq!((input, output), tokens, "{name}: what the model answered");
        let records = logs.iter().flat_map(|request| &request.resource_logs).flat_map(|resource| &resource.scope_logs);
        let records: Vec<_> = records.flat_map(|scope| &scope.log_records).collect();
        for (record, log) in records.into_iter().zip(&all) {
            let span = &spans[&record.span_id];
            assert_eq!(said(&log.facts.messages), said(&span.messages), "{name}");
            assert_eq!((log.facts.usage, &log.facts.response_id), (span.usage, &span.response_id), "{name}");
            assert_eq!((&log.facts.model, &log.facts.provider), (&span.model, &span.provider), "{name}");
            assert!(log.anchored);
        }
    }
}

#[test]
fn log_records_of_single_messages_tell_the_thread() {
    let requests = captures::logs("openai-sdk-otelv2-logs");
    let all = each(&requests);
    assert_eq!(works(all.iter().map(|log| log.facts.work)), BTreeMap::from([("step", 91)]));
    let mut by_event: BTreeMap<&str, usize> = BTreeMap::new();
    for log in &all {
        *by_event.entry(log.event.as_ref()).or_default() += 1;
        assert!(log.anchored && log.at_unix_nano > 0);
    }
    let expected = [
        ("gen_ai.assistant.message", 14),
        ("gen_ai.choice", 19),
        ("gen_ai.system.message", 19),
        ("gen_ai.tool.message", 18),
        ("gen_ai.user.message", 21),
    ];
    assert_eq!(by_event, BTreeMap::from(expected));
    // The stream that was given up left an answer without words.
    let silent = all.iter().filter(|log| log.facts.messages.is_empty()).count();
    assert_eq!(silent, 1);
    assert_repeated(&all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damaged_requests_are_read_or_refused(
        name in prop::sample::select(vec!["claude-code-std", "claude-code-traces", "codex-cli", "google-adk", "openai-sdk-otelv2-logs"]),
        nth in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let requests: Vec<_> = captures::requests(name).into_iter().filter(|request| !request.is_traces).collect();
        let request = nth.get(&requests);
        let mut body = request.body.clone();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(damaged) = otlp::logs(&body, request.encoding) {
            for log in each(std::slice::from_ref(&damaged)) {
                prop_assert!(log.facts.messages.iter().all(|one| one.content.len() <= body.len() * 6));
            }
        }
    }
}
