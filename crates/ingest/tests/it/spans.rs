//! What the spans of each capture tell, against what their emitters really did.
//!
//! The figures are counted from the raw requests and from the list of answers that the model gave; each
//! figure that differs from that list says why.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_events::MessageRole;
use flightrec_ingest::attributes::Attributes;
use flightrec_ingest::conventions;
use flightrec_ingest::facts::{Facts, Source, Work};
use flightrec_ingest::otlp::model::{Span, TracesRequest};

use crate::captures;

/// Every span with what it tells.
fn facts(requests: &[TracesRequest]) -> Vec<(&Span, Facts<'_>)> {
    let mut all = Vec::new();
    for resource in requests.iter().flat_map(|request| &request.resource_spans) {
        let attributes =
            resource.resource.as_ref().map_or_else(Attributes::none, |resource| Attributes::new(&resource.attributes));
        for scope in &resource.scope_spans {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            all.extend(scope.spans.iter().map(|span| (span, conventions::span(span, name, attributes))));
        }
    }
    all
}

/// What the facts of a capture add up to.
#[derive(Debug, PartialEq, Eq)]
struct Sums {
    agents: usize,
    model_calls: usize,
    /// Model calls with usage, those with one response id in one trace counted once.
    charged: usize,
    input: u64,
    output: u64,
    cached: u64,
    tool_calls: usize,
    sessions: usize,
}

/// The key by which a model call is charged once.
fn charge<'a>(span: &'a Span, facts: &'a Facts<'_>) -> (&'a [u8], &'a [u8]) {
    (&span.trace_id, facts.response_id.as_deref().map_or(span.span_id.as_slice(), str::as_bytes))
}

fn sums(name: &str) -> Sums {
    let requests = captures::traces(name);
    let facts = facts(&requests);
    let of = |work| facts.iter().filter(|(_, facts)| facts.work == work).count();
    let mut charged = BTreeMap::new();
    for (span, facts) in &facts {
        if let (Work::ModelCall, Some(usage)) = (facts.work, facts.usage) {
            charged.entry(charge(span, facts)).or_insert(usage);
        }
    }
    let sessions: BTreeSet<_> = facts.iter().filter_map(|(_, facts)| facts.session.as_deref()).collect();
    Sums {
        agents: of(Work::Agent),
        model_calls: of(Work::ModelCall),
        charged: charged.len(),
        input: charged.values().map(|usage| usage.input).sum(),
        output: charged.values().map(|usage| usage.output).sum(),
        cached: charged.values().filter_map(|usage| usage.cached).sum(),
        tool_calls: of(Work::ToolCall),
        sessions: sessions.len(),
    }
}

/// What the model answered without an error: how often, with how many tokens in, out and cached.
fn truth(name: &str) -> (usize, u64, u64, u64) {
    let answers: Vec<_> = captures::truth(name).into_iter().filter(is_answered).collect();
    let sum = |key: &str| answers.iter().filter_map(|answer| answer[key].as_u64()).sum();
    (answers.len(), sum("input_tokens"), sum("output_tokens"), sum("cached"))
}

fn is_answered(answer: &serde_json::Value) -> bool {
    answer["error"].is_null() && answer["hang"].is_null()
}

#[test]
fn openai_agents_with_the_official_instrumentation() {
    // 11 workflows and 14 agents in them; one call failed, one was cancelled.
    let wanted = Sums {
        agents: 25,
        model_calls: 24,
        charged: 22,
        input: 5951,
        output: 489,
        cached: 2308,
        tool_calls: 16,
        sessions: 5,
    };
    assert_eq!(sums("openai-agents-genai"), wanted);
    assert_eq!(truth("openai-agents-genai"), (22, 5951, 489, 2308));
}

#[test]
fn openai_agents_with_openinference() {
    // As above; the chat completions' cached tokens (256) are not told, and only two sessions are named.
    let wanted = Sums {
        agents: 25,
        model_calls: 24,
        charged: 22,
        input: 5951,
        output: 489,
        cached: 2052,
        tool_calls: 17,
        sessions: 2,
    };
    assert_eq!(sums("openai-agents-openinference"), wanted);
    assert_eq!(truth("openai-agents-openinference"), (22, 5951, 489, 2052 + 256));
}

#[test]
fn langgraph_with_traceloop() {
    // Nine runs, one graph in another and two agents as tools; the workflow in each run is a step of it. Two of
    // the 21 calls ask a model that counts no tokens, one failed, and one was cancelled before its usage came.
    let wanted = Sums {
        agents: 12,
        model_calls: 21,
        charged: 17,
        input: 5803,
        output: 530,
        cached: 2692,
        tool_calls: 14,
        sessions: 7,
    };
    assert_eq!(sums("langgraph-traceloop"), wanted);
    assert_eq!(truth("langgraph-traceloop"), (17, 5803, 530, 2692));
}

#[test]
fn googles_adk() {
    // 13 agents and the 8 workflows around them; the two spans that merge tools' answers are no tool calls.
    let wanted = Sums {
        agents: 21,
        model_calls: 17,
        charged: 15,
        input: 3683,
        output: 307,
        cached: 1536,
        tool_calls: 10,
        sessions: 7,
    };
    assert_eq!(sums("google-adk"), wanted);
    assert_eq!(truth("google-adk"), (15, 3683, 307, 1536));
}

#[test]
fn strands_counts_usage_of_agents_once() {
    // Each agent repeats the sum of its calls under the same keys; 11 agents and one graph.
    let wanted = Sums {
        agents: 12,
        model_calls: 20,
        charged: 19,
        input: 6015,
        output: 529,
        cached: 2492,
        tool_calls: 14,
        sessions: 5,
    };
    assert_eq!(sums("strands"), wanted);
    assert_eq!(truth("strands"), (19, 6015, 529, 2492));
}

#[test]
fn openai_sdk_in_both_versions_of_the_conventions() {
    // One abandoned stream has no usage and one call of the Responses API no span: 299 in, 38 out are not told.
    let wanted = Sums {
        agents: 8,
        model_calls: 20,
        charged: 18,
        input: 5463,
        output: 543,
        cached: 0,
        tool_calls: 15,
        sessions: 6,
    };
    assert_eq!(sums("openai-sdk-otelv2-logs"), wanted);
    assert_eq!(sums("openai-sdk-otelv2-latest"), wanted);
    for name in ["openai-sdk-otelv2-logs", "openai-sdk-otelv2-latest"] {
        assert_eq!(truth(name), (20, 5463 + 299, 543 + 38, 1992));
    }
}

#[test]
fn pydantic_ai_with_the_sdk_spans_inside_of_its_own() {
    // Two more answers come from a model in the process, with 106 tokens in and 6 out.
    let wanted = Sums {
        agents: 11,
        model_calls: 24,
        charged: 18,
        input: 5812,
        output: 526,
        cached: 2492,
        tool_calls: 16,
        sessions: 10,
    };
    assert_eq!(sums("pydantic-ai"), wanted);
    assert_eq!(truth("pydantic-ai"), (16, 5812 - 106, 526 - 6, 2492));
}

#[test]
fn vercels_sdk_whose_response_ids_repeat_in_other_traces() {
    let wanted = Sums {
        agents: 8,
        model_calls: 15,
        charged: 13,
        input: 4664,
        output: 460,
        cached: 1992,
        tool_calls: 9,
        sessions: 7,
    };
    assert_eq!(sums("vercel-ai"), wanted);
}

#[test]
fn anthropics_sdk_that_tells_each_call_twice() {
    let requests = captures::traces("anthropic-sdk-traceloop");
    let facts = facts(&requests);
    let of = |source| {
        let calls = facts.iter().filter(|(_, facts)| facts.work == Work::ModelCall && facts.source == source);
        let usages: Vec<_> = calls.filter_map(|(span, facts)| Some((charge(span, facts), facts.usage?))).collect();
        let ids: BTreeSet<_> = usages.iter().map(|(key, _)| *key).collect();
        let input: u64 = usages.iter().map(|(_, usage)| usage.input).sum();
        let output: u64 = usages.iter().map(|(_, usage)| usage.output).sum();
        (ids, input, output)
    };
    let (sdk, traceloop) = (of(Source::GenAi), of(Source::Traceloop));
    assert_eq!(sdk.0, traceloop.0);
    assert_eq!((sdk.0.len(), sdk.1, sdk.2, 1792), truth("anthropic-sdk-traceloop"));
    // Traceloop counts one token too many on each of three streams.
    assert_eq!((traceloop.1, traceloop.2), (sdk.1, sdk.2 + 3));
    let sessions: BTreeSet<_> = facts.iter().filter_map(|(_, facts)| facts.session.as_deref()).collect();
    assert_eq!(sessions, BTreeSet::from(["s-A", "s-B", "s-D", "s-E"]));
    // The application's own spans follow no convention and are known by their names.
    let own = |work| facts.iter().filter(|(_, facts)| facts.source == Source::Plain && facts.work == work).count();
    assert_eq!((own(Work::Agent), own(Work::ToolCall), own(Work::Plain)), (6, 12, 0));
}

#[test]
fn agents_are_named() {
    let named = |capture: &str| {
        let requests = captures::traces(capture);
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for (_, facts) in facts(&requests) {
            if facts.work == Work::Agent {
                *names.entry(facts.agent.unwrap_or_default().into_owned()).or_default() += 1;
            }
        }
        names.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let openai_agents = "Agent workflow 5, agents-as-tools 1, billing_specialist 1, cancel-me 1, guarded 1, outer workflow 1, \
                         researcher 2, stream 1, triage 10, two-turn 2";
    assert_eq!(named("openai-agents-genai"), openai_agents);
    assert_eq!(named("openai-agents-openinference"), openai_agents);
    assert_eq!(
        named("langgraph-traceloop"),
        "LangGraph 1, badgraph 1, fanout 1, researcher 2, streamer 1, supervisor 6"
    );
    assert_eq!(
        named("google-adk"),
        "billing_specialist 3, branch_one 1, branch_two 1, fanout 1, joiner 1, pipeline 2, researcher 2, supervisor 10"
    );
    assert_eq!(named("strands"), " 1, join 1, one 1, researcher 2, supervisor 6, two 1");
    assert_eq!(named("pydantic-ai"), "researcher 2, supervisor 8, tester 1");
    assert_eq!(named("vercel-ai"), "cancelled 1, failing 1, flaky-agent 1, researcher 2, streamer 1, supervisor 2");
}

#[test]
fn costs_that_an_emitter_tells_are_kept() {
    let requests = captures::traces("pydantic-ai");
    let facts = facts(&requests);
    let calls = facts.iter().filter(|(_, facts)| facts.work == Work::ModelCall);
    let costs: Vec<u64> = calls.filter_map(|(_, facts)| facts.usage?.cost_nanos).collect();
    assert_eq!((costs.len(), costs.iter().sum::<u64>()), (16, 16_441_300));
}

#[test]
fn every_answer_of_the_model_is_told_by_a_span() {
    let captures = [
        "anthropic-sdk-traceloop",
        "langgraph-traceloop",
        "openai-agents-genai",
        "openai-agents-openinference",
        "pydantic-ai",
        "strands",
    ];
    for name in captures {
        let requests = captures::traces(name);
        let facts = facts(&requests);
        let answers: Vec<_> =
            facts.iter().flat_map(|(_, facts)| &facts.messages).filter(|message| message.is_answer).collect();
        for answer in captures::truth(name).iter().filter(|answer| is_answered(answer)) {
            let text = answer["text"].as_str().unwrap();
            let is_said =
                answers.iter().any(|message| message.role == MessageRole::Assistant && message.content == text);
            assert!(text.is_empty() || is_said, "{name}: {text}");
            for call in answer["tools"].as_array().unwrap() {
                let id = call["id"].as_str();
                let is_asked = answers.iter().any(|message| {
                    message.role == MessageRole::ToolCall
                        && message.tool_call_id.as_deref() == id
                        && message.content.contains(call["name"].as_str().unwrap())
                });
                assert!(is_asked, "{name}: {call}");
            }
        }
    }
}

#[test]
fn an_answer_is_repeated_in_the_same_words_by_the_next_request() {
    // How many answers ask for tools whose answers a later request gives: by the list of answers all that ask
    // for tools, but those after which a tool raised or the turns ran out, and those whose next request failed
    // or was cancelled where the emitter tells no messages of such a request.
    let captures = [
        ("anthropic-sdk-traceloop", 7),
        ("langgraph-traceloop", 9),
        ("openai-agents-genai", 12),
        ("openai-agents-openinference", 10),
        ("openai-sdk-otelv2-latest", 10),
        ("pydantic-ai", 7),
        ("strands", 9),
        ("vercel-ai", 7),
    ];
    for (name, wanted) in captures {
        let requests = captures::traces(name);
        let facts = facts(&requests);
        let calls: Vec<_> = facts.iter().filter(|(_, facts)| facts.work == Work::ModelCall).collect();
        let mut given = BTreeSet::new();
        let mut answered = BTreeSet::new();
        for (span, facts) in &calls {
            for message in facts.messages.iter().filter(|message| !message.is_answer) {
                given.insert((
                    &span.trace_id,
                    message.role as u8,
                    message.tool_call_id.as_deref(),
                    message.content.as_ref(),
                ));
                if message.role == MessageRole::ToolResult {
                    answered.insert((&span.trace_id, message.tool_call_id.as_deref().unwrap()));
                }
            }
        }
        let mut repeated = 0;
        for (span, facts) in &calls {
            let answer = || facts.messages.iter().filter(|message| message.is_answer);
            let is_answered = |id: Option<&str>| id.is_some_and(|id| answered.contains(&(&span.trace_id, id)));
            if answer().any(|message| is_answered(message.tool_call_id.as_deref())) {
                for message in answer() {
                    let told =
                        (&span.trace_id, message.role as u8, message.tool_call_id.as_deref(), message.content.as_ref());
                    assert!(given.contains(&told), "{name}: {message:?}");
                }
                repeated += 1;
            }
        }
        assert_eq!(repeated, wanted, "{name}");
    }
}

#[test]
fn tool_calls_tell_what_was_given_and_answered() {
    // How many tool calls there are, and how many of them tell their id, what they were given and what they answered.
    let captures = [
        ("google-adk", [10, 10, 0, 0]),
        ("langgraph-traceloop", [14, 13, 14, 13]),
        ("openai-agents-genai", [16, 0, 16, 15]),
        ("openai-agents-openinference", [17, 0, 17, 16]),
        ("openai-sdk-otelv2-latest", [15, 15, 0, 0]),
        ("pydantic-ai", [16, 16, 16, 14]),
        ("strands", [14, 14, 14, 14]),
        ("vercel-ai", [9, 9, 9, 8]),
    ];
    for (name, wanted) in captures {
        let requests = captures::traces(name);
        let facts = facts(&requests);
        let tools: Vec<_> = facts.iter().filter_map(|(_, facts)| facts.tool.as_ref()).collect();
        let told = [
            tools.iter().filter(|tool| tool.name.is_some()).count(),
            tools.iter().filter(|tool| tool.call_id.is_some()).count(),
            tools.iter().filter(|tool| tool.arguments.is_some()).count(),
            tools.iter().filter(|tool| tool.result.is_some()).count(),
        ];
        assert_eq!(told, wanted, "{name}");
        let answers: BTreeSet<_> = tools.iter().filter_map(|tool| tool.result.as_deref()).collect();
        let is_calculated = answers.contains("42") || answers.contains("\"42\"");
        assert!(wanted[3] == 0 || is_calculated, "{name}: {answers:?}");
    }
}

#[test]
fn failures_and_cancellations_are_told_apart() {
    let failures = |name: &str| {
        let requests = captures::traces(name);
        let mut kinds: BTreeMap<(String, bool), usize> = BTreeMap::new();
        for (_, facts) in facts(&requests) {
            if let Some(failure) = facts.failure {
                *kinds.entry((failure.code.unwrap_or_default().into_owned(), failure.cancelled)).or_default() += 1;
            }
        }
        kinds.into_iter().map(|((code, cancelled), count)| (code, cancelled, count)).collect::<Vec<_>>()
    };
    let kinds = |kinds: &[(&str, bool, usize)]| {
        kinds.iter().map(|(code, cancelled, count)| ((*code).to_owned(), *cancelled, *count)).collect::<Vec<_>>()
    };
    assert_eq!(
        failures("openai-agents-genai"),
        kinds(&[
            ("_OTHER", false, 6),
            ("asyncio.exceptions.CancelledError", true, 1),
            ("openai.InternalServerError", false, 1)
        ])
    );
    assert_eq!(
        failures("langgraph-traceloop"),
        kinds(&[
            ("CancelledError", true, 2),
            ("OpenAIAPIError", false, 3),
            ("RuntimeError", false, 3),
            ("ValueError", false, 4),
            ("asyncio.exceptions.CancelledError", true, 1),
            ("langchain_openai.chat_models.base.OpenAIAPIError", false, 1),
        ])
    );
    assert_eq!(failures("vercel-ai"), kinds(&[("AbortError", true, 2), ("Error", false, 3)]));
    assert_eq!(
        failures("strands"),
        kinds(&[
            ("CancelledError", true, 1),
            ("ValueError", false, 2),
            ("openai.InternalServerError", false, 2),
            ("strands.types.exceptions.EventLoopException", false, 1),
        ])
    );
}

#[test]
fn the_providers_and_models_of_all_calls_are_told() {
    let told = |name: &str| {
        let requests = captures::traces(name);
        let mut names = BTreeSet::new();
        for (_, facts) in facts(&requests) {
            if facts.work == Work::ModelCall {
                let provider = facts.provider.unwrap_or_default();
                names.insert(format!("{provider} {}", facts.model.unwrap_or_default()));
            }
        }
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told("openai-agents-genai"), "openai gpt-4o, openai gpt-5-mini");
    // A call that failed or was cancelled has no model there.
    assert_eq!(told("openai-agents-openinference"), "openai , openai gpt-4o, openai gpt-5-mini");
    assert_eq!(told("strands"), " gpt-4o");
    assert_eq!(told("google-adk"), "openai openai/gpt-4o");
    assert_eq!(told("langgraph-traceloop"), " , openai gpt-4o, openai gpt-4o-mini");
    assert_eq!(told("pydantic-ai"), "anthropic claude-sonnet-4-5, openai gpt-4o, openai gpt-5-mini, test test");
    assert_eq!(
        told("vercel-ai"),
        "mock-provider m, mock-provider m-stream, mock-provider mock-gpt, mock-provider sub-model"
    );
}
