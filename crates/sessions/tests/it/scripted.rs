//! Scripted models: exact words at exact times.

use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::Clock as _;
use flightrec_sessions::events::{Id, Label, SpanId, Timestamp, TraceId};
use flightrec_sessions::{
    LiveTime, Meter, ModelCall, ModelClient, ModelError, ModelErrorKind, ModelReply, Script, ScriptedClient,
    ScriptedFailure, ScriptedFailureKind, Scripts, SimulatedTime, Step, Time, ToolRequest, Turn, Usage,
};
use serde_json::json;

const START: i64 = 1_700_000_000_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(START + micros).unwrap()
}

fn id(word: &str) -> Id {
    Id::new(word).unwrap()
}

fn call() -> ModelCall {
    ModelCall {
        session_id: id("session-1"),
        role: id("coder"),
        label: None,
        model_id: id("small"),
        thread: vec![Turn::System("Be brief.".into()), Turn::User("Say hello.".into())],
        tools: Vec::new(),
        max_output_tokens: None,
        job_id: id("job-1"),
        attempt: 1,
        step: 0,
        trace_id: TraceId::parse_text("0af7651916cd43dd8448eb211c80319c").unwrap(),
        span_id: SpanId::parse_text("b7ad6b7169203331").unwrap(),
    }
}

type Answer = Result<ModelReply, ModelError>;

/// An answer, and when it came in microseconds. `None` if it never comes.
fn play(step: Step, call: ModelCall) -> Option<(Answer, i64)> {
    let time = SimulatedTime::new(at(0));
    let client = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("default", Script::of([step])));
    let answer = time.run(client.call(call, Meter::default()))?;
    Some((answer, time.now().micros_since(at(0))))
}

fn reply(step: Step) -> ModelReply {
    play(step, call()).unwrap().0.unwrap()
}

#[test]
fn a_step_says_its_words_at_its_time() {
    let (answer, took) = play(Step::say("hello"), call()).unwrap();
    let expected = ModelReply {
        text: "hello".into(),
        tool_calls: Vec::new(),
        // "Be brief.Say hello." has 19 bytes, "hello" has 5.
        usage: Some(Usage { prompt_tokens: 5, completion_tokens: 2, ..Usage::default() }),
        response_id: Some("scripted_0123".into()),
        finish_reason: Some("stop".into()),
        cost_nanos: None,
    };
    let answer = answer.unwrap();
    let response_id = answer.response_id.clone();
    assert_eq!(answer, ModelReply { response_id: response_id.clone(), ..expected });
    assert_eq!(response_id.unwrap().len(), "scripted_".len() + 32);
    assert_eq!(took, 1_000_000);
}

#[test]
fn chunks_come_evenly_from_the_first_token_to_the_end() {
    let step = Step::say("0123456789").taking(Duration::from_millis(100), Duration::from_millis(400)).in_chunks(4);
    let time = SimulatedTime::new(at(0));
    let client = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("coder", Script::of([step])));
    let meter = Meter::default();
    let mut seen = Vec::new();
    let watch = async {
        for ms in [100, 200, 300, 400] {
            for micros in [ms * 1000 - 1, ms * 1000 + 1] {
                time.sleep_until(at(micros)).await;
                seen.push((micros, meter.chunks(), meter.text_bytes()));
            }
        }
    };
    let (answer, ()) = time.run(futures_util::future::join(client.call(call(), meter.clone()), watch)).unwrap();
    assert_eq!(answer.unwrap().text, "0123456789");
    let expected = [
        (99_999, 0, 0),
        (100_001, 1, 2),
        (199_999, 1, 2),
        (200_001, 2, 5),
        (299_999, 2, 5),
        (300_001, 3, 7),
        (399_999, 3, 7),
        (400_001, 4, 10),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn tools_are_asked_for_as_the_script_has_them() {
    let step = Step::call("read_file", json!({"path": "a", "max_bytes": 10}))
        .and_call("list_directory", serde_json::Value::Null)
        .and_call_raw("run_command", "{\"program\": ")
        .with_call_id("mine");
    let answer = reply(step);
    let written: Vec<_> = answer.tool_calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
    let arguments = "{\"max_bytes\":10,\"path\":\"a\"}";
    assert_eq!(written, [("read_file", arguments), ("list_directory", "{}"), ("run_command", "{\"program\": ")]);
    assert_eq!(answer.finish_reason.as_deref(), Some("tool_calls"));
    assert_eq!(answer.tool_calls[2].id, "mine");
    assert!(answer.tool_calls[0].id.starts_with("call_") && answer.tool_calls[0].id.ends_with("_0"));
    // 27 + 2 + 12 bytes of arguments, 9 + 14 + 11 of names.
    assert_eq!(answer.usage.unwrap().completion_tokens, 75_u64.div_ceil(4));
}

#[test]
fn usage_is_what_the_script_states_and_the_rest_follows_from_lengths() {
    let stated = Usage {
        prompt_tokens: 900,
        completion_tokens: 80,
        cached_prompt_tokens: 512,
        cache_write_tokens: 128,
        reasoning_tokens: 64,
    };
    assert_eq!(reply(Step::say("x").with_usage(stated)).usage, Some(stated));
    assert_eq!(reply(Step::say("x").without_usage()).usage, None);
    let partly: Step =
        serde_json::from_value(json!({"text": "12345", "usage": {"reasoning": 30, "cached": 1}})).unwrap();
    let derived = Usage {
        prompt_tokens: 5,
        completion_tokens: 32,
        cached_prompt_tokens: 1,
        reasoning_tokens: 30,
        ..Usage::default()
    };
    assert_eq!(reply(partly).usage, Some(derived));

    let mut long = call();
    long.thread.extend([
        Turn::Assistant {
            text: "1234".into(),
            tool_calls: vec![ToolRequest {
                id: "not counted".into(),
                name: "1234".into(),
                arguments: "12345678".into(),
            }],
        },
        Turn::ToolResult { tool_call_id: id("1"), tool: "not counted".into(), text: "12345".into(), failed: false },
    ]);
    let answer = play(Step::say(""), long).unwrap().0.unwrap();
    assert_eq!(answer.usage.unwrap(), Usage { prompt_tokens: 10, ..Usage::default() });
}

#[test]
fn what_a_provider_states_can_be_stated_or_left_out() {
    let answer = reply(Step::say("x").with_cost_nanos(7).with_finish_reason("length").without_response_id());
    assert_eq!(
        (answer.cost_nanos, answer.finish_reason.as_deref(), answer.response_id),
        (Some(7), Some("length"), None)
    );
}

#[test]
fn placeholders_are_filled_once() {
    let mut asked = call();
    asked.thread.extend([
        Turn::User("second {{last_tool_result}}".into()),
        Turn::ToolResult { tool_call_id: id("1"), tool: "t".into(), text: "old".into(), failed: false },
        Turn::ToolResult { tool_call_id: id("2"), tool: "t".into(), text: "new".into(), failed: true },
    ]);
    let cases = [
        ("{{last_user}}", "second {{last_tool_result}}"),
        ("a {{last_tool_result}} b {{last_tool_result}}", "a new b new"),
        ("{{other}} {{{last_tool_result}}} {{", "{{other}} {new} {{"),
        ("{{last_user", "{{last_user"),
    ];
    for (text, filled) in cases {
        assert_eq!(play(Step::say(text), asked.clone()).unwrap().0.unwrap().text, filled);
    }
    assert_eq!(reply(Step::say("[{{last_tool_result}}]")).text, "[]");
}

#[test]
fn a_session_plays_the_script_of_its_label_else_of_its_role_else_the_default() {
    let time = SimulatedTime::new(at(0));
    let say = |text: &str| Script::of([Step::say(text)]);
    let scripts =
        Scripts::new().with("coder-2", say("label")).with("coder", say("role")).with("default", say("default"));
    let client = ScriptedClient::new(Arc::new(time.clone()), scripts);
    let asked = |role: &str, label: Option<&str>| {
        let call = ModelCall { role: id(role), label: label.map(|text| Label::new(text).unwrap()), ..call() };
        time.run(client.call(call, Meter::default())).unwrap().unwrap().text
    };
    assert_eq!(asked("coder", Some("coder-2")), "label");
    assert_eq!(asked("coder", Some("coder-1")), "role");
    assert_eq!(asked("coder", None), "role");
    assert_eq!(asked("reviewer", Some("reviewer-1")), "default");
    assert_eq!(asked("reviewer", Some("coder")), "role");

    let none = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("other", say("x")));
    let error = time.run(none.call(call(), Meter::default())).unwrap().unwrap_err();
    assert_eq!(
        error,
        ModelError::new(ModelErrorKind::UnknownModel, "there is no script for the role `coder` or `default`")
    );
    let empty = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("default", Script::of([])));
    assert_eq!(time.run(empty.call(call(), Meter::default())).unwrap().unwrap_err().kind, ModelErrorKind::UnknownModel);
}

#[test]
fn steps_follow_the_replies_and_the_last_one_repeats() {
    let time = SimulatedTime::new(at(0));
    let script = Script::of([Step::say("first"), Step::say("second")]);
    let client = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("default", script));
    for (step, text) in [(0, "first"), (1, "second"), (2, "second"), (u32::MAX, "second")] {
        let call = ModelCall { step, ..call() };
        assert_eq!(time.run(client.call(call, Meter::default())).unwrap().unwrap().text, text);
    }
}

#[test]
fn each_kind_of_failure_comes_in_its_place() {
    use {ModelErrorKind as K, ScriptedFailureKind as F};
    // Eight chunks from 200 ms to 1 s: the first after 200 ms, the fourth after 200 + 3 * 800 / 7.
    let cases = [
        (F::RateLimited, K::RateLimited, "too many requests", 200_000, false),
        (F::Unavailable, K::Unavailable, "the service is overloaded", 200_000, false),
        (F::Connection, K::Connection, "the connection was reset", 200_000, false),
        (F::StreamBroken, K::StreamBroken, "the stream ended in the middle of the reply", 542_857, true),
        (F::Refused, K::Refused, "the request was refused", 200_000, false),
        (F::Unauthorized, K::Unauthorized, "the key is not valid", 200_000, false),
        (F::UnknownModel, K::UnknownModel, "there is no such model", 200_000, false),
        (F::BadReply, K::BadReply, "the reply cannot be read", 1_000_000, true),
    ];
    for (failure, kind, message, micros, begun) in cases {
        let step = Step::say("hello").failing(ScriptedFailure::new(failure));
        let (answer, took) = play(step, call()).unwrap();
        let error = answer.unwrap_err();
        assert_eq!((error.kind, error.message.as_str(), took), (kind, message, micros), "{failure:?}");
        assert_eq!((error.usage.is_some(), error.response_id.is_some()), (begun, begun), "{failure:?}");
        assert_eq!(error.retry_after, None);
    }
    assert!(play(Step::fail(ScriptedFailure::new(F::Hang)), call()).is_none());
}

#[test]
fn a_failure_may_come_later_with_words_of_its_own() {
    let usage = Usage {
        prompt_tokens: 100,
        completion_tokens: 80,
        reasoning_tokens: 9,
        cached_prompt_tokens: 50,
        cache_write_tokens: 5,
    };
    let failure = ScriptedFailure::new(ScriptedFailureKind::Unavailable)
        .after_chunks(2)
        .retry_after(Duration::from_millis(2500))
        .saying("busy");
    let (answer, took) = play(Step::say("12345678").with_usage(usage).failing(failure), call()).unwrap();
    let error = answer.unwrap_err();
    assert_eq!((error.message.as_str(), error.retry_after), ("busy", Some(Duration::from_millis(2500))));
    assert_eq!(took, 314_285);
    assert_eq!(error.usage, Some(Usage { completion_tokens: 20, reasoning_tokens: 2, ..usage }));
}

#[test]
fn what_hangs_has_brought_its_chunks() {
    let failure = ScriptedFailure::new(ScriptedFailureKind::Hang).after_chunks(3);
    let time = SimulatedTime::new(at(0));
    let scripts = Scripts::new().with("default", Script::of([Step::say("12345678").failing(failure)]));
    let client = ScriptedClient::new(Arc::new(time.clone()), scripts);
    let meter = Meter::default();
    assert!(time.run(client.call(call(), meter.clone())).is_none());
    assert_eq!((meter.chunks(), meter.text_bytes()), (3, 3));
}

#[test]
fn the_first_attempts_of_a_job_fail_and_the_next_works() {
    let failure = ScriptedFailure::new(ScriptedFailureKind::RateLimited).for_attempts(2);
    let step = Step::say("at last").failing(failure);
    let works: Vec<bool> =
        (1..=4).map(|attempt| play(step.clone(), ModelCall { attempt, ..call() }).unwrap().0.is_ok()).collect();
    assert_eq!(works, [false, false, true, true]);
}

#[test]
fn the_same_call_repeats_exactly_and_another_has_other_ids() {
    let step = || Step::call("t", json!({})).and_call("t", json!({}));
    let same = play(step(), call()).unwrap();
    assert_eq!(play(step(), call()).unwrap(), same);
    let first = same.0.unwrap();
    assert_ne!(first.tool_calls[0].id, first.tool_calls[1].id);
    for other in [
        ModelCall { session_id: id("session-2"), ..call() },
        ModelCall { job_id: id("job-2"), ..call() },
        ModelCall { attempt: 2, ..call() },
        ModelCall { step: 1, ..call() },
        ModelCall { session_id: id("session-1j"), job_id: id("ob-1"), ..call() },
    ] {
        let answer = play(step(), other).unwrap().0.unwrap();
        assert_ne!(answer.response_id, first.response_id);
        assert_ne!(answer.tool_calls[0].id, first.tool_calls[0].id);
    }
}

#[test]
fn scripts_play_in_real_time_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let time = LiveTime::new();
        let step = Step::say("hello").taking(Duration::from_millis(2), Duration::from_millis(10));
        let client = ScriptedClient::new(Arc::new(time), Scripts::new().with("default", Script::of([step])));
        let (start, meter) = (time.now(), Meter::default());
        let answer = client.call(call(), meter.clone()).await.unwrap();
        assert_eq!((answer.text.as_str(), meter.chunks(), meter.text_bytes()), ("hello", 8, 5));
        assert!(time.now().micros_since(start) >= 10_000);
    });
}
