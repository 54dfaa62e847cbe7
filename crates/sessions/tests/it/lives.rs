//! The lives of single sessions, each read back from the store.

use std::time::Duration;

use flightrec_recorder::events::{
    Actor, BudgetAction, FinalState, Id, MessageRole, Payload, SpanKind, SpanStatus, State,
};
use flightrec_sessions::{
    BudgetOptions, CommandError, Ending, Limits, Rates, ScriptedFailure, ScriptedFailureKind, SessionSpec, Source,
    StartError, Step, Usage,
};
use serde_json::json;

use crate::hands::{Someone, Work};
use crate::world::{Later, Told, World, id, spec};

const SECOND: Duration = Duration::from_secs(1);

fn usage(prompt_tokens: u64, completion_tokens: u64) -> Usage {
    Usage { prompt_tokens, completion_tokens, ..Usage::default() }
}

/// A spec that may call the tool `work`.
fn worker(role: &str) -> SessionSpec {
    SessionSpec { tools: vec![id("work")], capabilities: [id("work")].into(), ..spec(role) }
}

/// Plays one session to its end, and checks what holds of every record.
fn live(world: &World, spec: SessionSpec) -> (Told, Ending) {
    let ending = world.play(async |runtime| runtime.session(spec).await.unwrap().ended().await.unwrap());
    let told = world.told();
    told.check();
    assert_eq!(told.session(&ending.session_id).session.state, State::from(ending.state));
    (told, ending)
}

fn payloads<'a, T>(told: &'a Told, session: &Id, pick: impl Fn(&'a Payload) -> Option<&'a T>) -> Vec<&'a T> {
    told.of(session).into_iter().filter_map(|event| pick(&event.payload)).collect()
}

macro_rules! all {
    ($told:expr, $session:expr, $kind:ident) => {
        payloads(&$told, &$session, |payload| match payload {
            Payload::$kind(payload) => Some(payload),
            _ => None,
        })
    };
}

#[test]
fn a_session_that_answers_once_is_completed_and_everything_of_it_is_on_record() {
    let world = World::new().script("coder", [Step::say("Done.").with_usage(usage(1_000, 500))]);
    let (told, ending) = live(&world, spec("coder"));
    assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "Done."), "{}", ending.reason);
    assert_eq!((ending.tokens, ending.cost_nanos), (1_500, Some(2_000_000)));
    let id = ending.session_id;
    assert_eq!(
        told.types(&id),
        [
            "session.created",
            "span.opened",
            "session_scheduler.enqueue",
            "session_scheduler.dispatch",
            "session.state_change",
            "span.opened",
            "llm_inference",
            "span.closed",
            "session.state_change",
            "session.completed",
            "span.closed",
        ]
    );
    let detail = told.session(&id);
    assert_eq!((detail.session.tokens.total, detail.session.cost.own_nanos), (1_500, 2_000_000));
    assert_eq!((detail.session.open_spans, detail.session.findings.len()), (0, 0));
    let run = &told.spans(&id, SpanKind::ModelRun)[0];
    assert_eq!((run.status, run.tokens_in, run.cost_nanos), (Some(SpanStatus::Ok), Some(1_000), Some(2_000_000)));
    assert_eq!(run.end.unwrap().micros_since(run.start.unwrap()), SECOND.as_micros() as i64);
    let roles: Vec<MessageRole> = told.reader.messages(Some(id.shared())).unwrap().iter().map(|m| m.role).collect();
    assert_eq!(roles, [MessageRole::User, MessageRole::Assistant]);
    let completed = all!(told, id, SessionCompleted)[0];
    assert_eq!((completed.duration_ms.get(), completed.messages_count.get()), (1_000, 2));
    assert_eq!(completed.total_cost_usd.unwrap().nanos(), 2_000_000);
}

#[test]
fn tools_run_under_the_run_that_asked_for_them_and_the_next_run_reads_their_results() {
    let world = World::new();
    let work = Work::new("work", &world.time, SECOND);
    let steps = [
        Step::call("work", json!({"text": "one"})).and_call("work", json!({"text": "two"})),
        Step::say("Both are in."),
    ];
    let world = world.tool(work).script("coder", steps);
    let (told, ending) = live(&world, worker("coder"));
    let id = ending.session_id;
    assert_eq!(ending.state, FinalState::Completed, "{}", ending.reason);
    let runs = told.spans(&id, SpanKind::ModelRun);
    let tools = told.spans(&id, SpanKind::ToolCall);
    assert_eq!((runs.len(), tools.len()), (2, 2));
    for tool in &tools {
        assert_eq!(tool.parent_span_id, Some(runs[0].span_id));
        assert!(tool.start >= runs[0].start && tool.end <= runs[0].end);
    }
    assert!(tools[0].end <= tools[1].start, "tools of one session run one after another");
    let called = all!(told, id, ToolCall);
    assert!(called.iter().all(|call| call.ok && call.timing.duration_ms.get() == 1_000));
    assert_ne!(called[0].idempotency_key, called[1].idempotency_key);
    let messages = told.reader.messages(Some(id.shared())).unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["USER", "TOOL_CALL", "TOOL_CALL", "TOOL_RESULT", "TOOL_RESULT", "ASSISTANT"]);
    assert_eq!(messages[1].tool_call_id, messages[3].tool_call_id);
    let result = told.reader.artifacts().get(messages[4].content_hash).unwrap();
    assert_eq!(result, b"two");
    let expected = ["ACTIVE", "BLOCKED: awaiting_dispatch", "ACTIVE", "COMPLETED: the model gave its final answer"];
    for (state, expected) in told.states(&id).iter().zip(expected) {
        assert!(state.starts_with(expected), "{state} is not {expected}");
    }
}

#[test]
fn a_refused_request_fails_the_session_at_once_and_says_why() {
    let refused = ScriptedFailure::new(ScriptedFailureKind::Refused).saying("no such parameter");
    let world = World::new().script("coder", [Step::fail(refused)]);
    let (told, ending) = live(&world, spec("coder"));
    assert_eq!(ending.state, FinalState::Failed);
    assert!(ending.reason.contains("refused: no such parameter"), "{}", ending.reason);
    let runs = told.spans(&ending.session_id, SpanKind::ModelRun);
    assert_eq!(runs.len(), 1, "it is not tried again");
    assert_eq!((runs[0].status, runs[0].error_code.as_deref()), (Some(SpanStatus::Error), Some("refused")));
    assert_eq!(all!(told, ending.session_id, LlmInference).len(), 0, "nothing was used");
}

#[test]
fn failures_that_may_pass_are_retried_with_growing_waits_that_are_on_record() {
    let trouble = ScriptedFailure::new(ScriptedFailureKind::Unavailable).for_attempts(3);
    let world = World::new().script("coder", [Step::say("At last.").failing(trouble)]);
    let (told, ending) = live(&world, spec("coder"));
    let id = ending.session_id;
    assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "At last."));
    let runs = told.spans(&id, SpanKind::ModelRun);
    let codes: Vec<Option<&str>> = runs.iter().map(|run| run.error_code.as_deref()).collect();
    assert_eq!(codes, [Some("unavailable"), Some("unavailable"), Some("unavailable"), None]);
    let holds = all!(told, id, SchedulerRateLimited);
    let waits: Vec<u64> = holds.iter().map(|hold| hold.backoff_ms.get()).collect();
    assert_eq!(waits, [1_000, 2_000, 4_000]);
    assert!(holds[1].reason.as_ref().unwrap().as_str().contains("EXPONENTIAL"), "{holds:?}");
    let dispatched: Vec<(u64, u64)> = all!(told, id, SchedulerDispatch)
        .iter()
        .map(|dispatch| (dispatch.attempt.unwrap().get(), dispatch.queue_wait_ms.get()))
        .collect();
    assert_eq!(dispatched, [(1, 0), (2, 1_000), (3, 2_000), (4, 4_000)]);
    let jobs: std::collections::BTreeSet<_> =
        all!(told, id, SchedulerEnqueue).iter().map(|enqueue| enqueue.job_id.clone()).collect();
    assert_eq!(jobs.len(), 1, "attempts belong to one job");
    let states = told.states(&id);
    assert!(states[1].starts_with("BLOCKED: retry: attempt 2 of 4 in 1000 ms"), "{states:?}");
}

#[test]
fn after_the_last_attempt_the_session_fails() {
    let trouble = ScriptedFailure::new(ScriptedFailureKind::Connection);
    let world = World::new().script("coder", [Step::fail(trouble)]);
    let (told, ending) = live(&world, spec("coder"));
    assert_eq!(ending.state, FinalState::Failed);
    assert!(ending.reason.contains("attempt 4 of 4"), "{}", ending.reason);
    assert_eq!(told.spans(&ending.session_id, SpanKind::ModelRun).len(), 4);
}

#[test]
fn a_provider_that_asks_to_wait_is_waited_for_by_all_its_sessions() {
    let limited = ScriptedFailure::new(ScriptedFailureKind::RateLimited).for_attempts(1).retry_after(7 * SECOND);
    let world = World::new()
        .script("first", [Step::say("In the end.").failing(limited)])
        .script("second", [Step::say("Me too.")]);
    let (first, second) = world.play(async |runtime| {
        let first = runtime.session(spec("first")).await.unwrap();
        world.time.sleep_until_later(2 * SECOND).await;
        let second = runtime.session(spec("second")).await.unwrap();
        (first.ended().await.unwrap(), second.ended().await.unwrap())
    });
    let told = world.told();
    told.check();
    let hold = all!(told, first.session_id, SchedulerRateLimited)[0];
    assert_eq!((hold.backoff_ms.get(), hold.limit.as_ref().unwrap().as_str()), (7_000, "provider_pause"));
    let hold = all!(told, second.session_id, SchedulerRateLimited)[0];
    assert_eq!(hold.limit.as_ref().unwrap().as_str(), "provider_pause");
    let dispatch = all!(told, second.session_id, SchedulerDispatch)[0];
    assert!((4_000..=7_000).contains(&dispatch.queue_wait_ms.get()), "{dispatch:?}");
    assert_eq!(hold.backoff_ms, dispatch.queue_wait_ms, "the whole wait is explained");
}

#[test]
fn rates_hold_jobs_back_and_say_for_how_long() {
    let mut limits = Limits::default();
    limits.rates.insert(id("acme"), Rates { requests_per_minute: Some(2), tokens_per_minute: None });
    let steps = [Step::say("Yes.")];
    let world = World::new().limits(limits).script("coder", steps);
    let endings = world.play(async |runtime| {
        let mut endings = Vec::new();
        for _ in 0..3 {
            endings.push(runtime.session(spec("coder")).await.unwrap().ended().await.unwrap());
        }
        endings
    });
    let told = world.told();
    told.check();
    let last = &endings[2].session_id;
    let hold = all!(told, *last, SchedulerRateLimited)[0];
    assert_eq!(hold.limit.as_ref().unwrap().as_str(), "request_rate");
    assert_eq!(hold.backoff_ms, all!(told, *last, SchedulerDispatch)[0].queue_wait_ms);
    assert_eq!(hold.backoff_ms.get(), 28_000, "a place in the minute every 30 s, 2 s of which had gone by");
}

#[test]
fn a_model_that_hangs_is_let_go_at_the_time_limit_and_tried_again() {
    let hang = ScriptedFailure::new(ScriptedFailureKind::Hang).for_attempts(1);
    let world = World::new().script("coder", [Step::say("Awake.").failing(hang)]);
    let (told, ending) = live(&world, spec("coder"));
    assert_eq!(ending.state, FinalState::Completed, "{}", ending.reason);
    let runs = told.spans(&ending.session_id, SpanKind::ModelRun);
    assert_eq!(runs[0].error_code.as_deref(), Some("timeout"));
    assert_eq!(runs[0].end.unwrap().micros_since(runs[0].start.unwrap()), 120_000_000);
}

#[test]
fn a_stream_that_breaks_off_was_worked_for_and_counts() {
    let broken = ScriptedFailure::new(ScriptedFailureKind::StreamBroken).for_attempts(1).after_chunks(3);
    let world = World::new().script("coder", [Step::say("Whole.").with_usage(usage(10, 5)).failing(broken)]);
    let (told, ending) = live(&world, spec("coder"));
    assert_eq!((ending.state, ending.cost_nanos), (FinalState::Completed, Some(32_000)));
    let inferences = all!(told, ending.session_id, LlmInference);
    assert_eq!(inferences.len(), 2);
    assert_eq!(inferences[0].finish_reason.as_ref().unwrap().as_str(), "stream_broken");
    assert_ne!(inferences[0].request_id, inferences[1].request_id);
    let session = told.session(&ending.session_id).session;
    assert_eq!((session.cost.unpriced_runs, session.cost.own_nanos), (0, 32_000));
}

#[test]
fn a_model_without_a_price_is_unpriced() {
    let world = World::new().script("coder", [Step::say("Free?").with_usage(usage(10, 5))]);
    let (told, ending) = live(&world, SessionSpec { model: id("free"), ..spec("coder") });
    assert_eq!((ending.tokens, ending.cost_nanos), (15, None));
    assert_eq!(told.session(&ending.session_id).session.cost.unpriced_runs, 1);
}

#[test]
fn a_tool_that_needs_an_approval_blocks_its_session_until_somebody_decides() {
    let world = World::new();
    let (work, ada) = (Work::new("work", &world.time, SECOND), Someone::new(&world.time, 90 * SECOND, true));
    let (begun, asked) = (work.begun.clone(), ada.asked.clone());
    let steps = [Step::call("work", json!({"text": "risky"})), Step::say("It went well.")];
    let world = world.tool(work).approvals(ada).script("coder", steps);
    let (told, ending) = live(&world, SessionSpec { approvals: [id("work")].into(), ..worker("coder") });
    assert_eq!(ending.state, FinalState::Completed, "{}", ending.reason);
    assert_eq!((begun.lock().unwrap().len(), asked.lock().unwrap().len()), (1, 1));
    let states = told.states(&ending.session_id);
    assert!(states[1].starts_with("BLOCKED: approval: tool `work`"), "{states:?}");
    let detail = told.session(&ending.session_id);
    assert_eq!(detail.states[2].timestamp.micros_since(detail.states[1].timestamp), 90_000_000);
    let runs = told.spans(&ending.session_id, SpanKind::ModelRun);
    assert!(runs[0].end.unwrap() >= detail.states[2].timestamp, "the run goes on after the approval");
    assert_eq!(told.spans(&ending.session_id, SpanKind::ToolCall)[0].parent_span_id, Some(runs[0].span_id));
    let enqueued = all!(told, ending.session_id, SchedulerEnqueue);
    assert_eq!(enqueued[0].job_id, enqueued[1].job_id, "the same job goes on");
}

#[test]
fn a_tool_that_is_refused_does_not_run_and_the_model_is_told() {
    let world = World::new();
    let (work, ada) = (Work::new("work", &world.time, SECOND), Someone::new(&world.time, SECOND, false));
    let begun = work.begun.clone();
    let steps = [Step::call("work", json!({"text": "risky"})), Step::say("Then not.")];
    let world = world.tool(work).approvals(ada).script("coder", steps);
    let (told, ending) = live(&world, SessionSpec { approvals: [id("work")].into(), ..worker("coder") });
    assert_eq!((ending.state, begun.lock().unwrap().len()), (FinalState::Completed, 0));
    let call = all!(told, ending.session_id, ToolCall)[0];
    let error = call.error.as_ref().unwrap();
    assert_eq!((call.ok, error.code.as_ref().unwrap().as_str()), (false, "approval_refused"));
    assert!(error.message.as_ref().unwrap().as_str().contains("ada refused: looked at it"));
}

#[test]
fn calls_that_cannot_run_are_on_record_with_their_reason_and_cost_no_tool_anything() {
    let world = World::new();
    let work = Work::new("work", &world.time, SECOND);
    let begun = work.begun.clone();
    let steps = [
        Step::call("work", json!({"txt": 1})).and_call("wark", json!({})).and_call_raw("work", "{\"text\": "),
        Step::say("I give up."),
    ];
    let world = world.tool(work).script("coder", steps);
    let (told, ending) = live(&world, worker("coder"));
    assert_eq!((ending.state, begun.lock().unwrap().len()), (FinalState::Completed, 0));
    let codes: Vec<String> = all!(told, ending.session_id, ToolCall)
        .iter()
        .map(|call| call.error.as_ref().unwrap().code.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(codes, ["malformed_arguments", "unknown_tool", "malformed_arguments"]);
    assert_eq!(told.spans(&ending.session_id, SpanKind::ToolCall).len(), 3);
}

#[test]
fn a_tool_that_takes_too_long_is_asked_to_end_and_a_deaf_one_is_let_go() {
    for deaf in [false, true] {
        let world = World::new();
        let work = Work::new("work", &world.time, 1_000 * SECOND);
        let work = if deaf { work.deaf() } else { work };
        let steps = [Step::call("work", json!({"text": "slow"})), Step::say("Without it, then.")];
        let world = world.tool(work).script("coder", steps);
        let (told, ending) = live(&world, worker("coder"));
        assert_eq!(ending.state, FinalState::Completed, "{}", ending.reason);
        let call = all!(told, ending.session_id, ToolCall)[0];
        assert_eq!(call.error.as_ref().unwrap().code.as_ref().unwrap().as_str(), "timeout");
        assert_eq!(call.timing.duration_ms.get(), if deaf { 65_000 } else { 60_000 });
    }
}

#[test]
fn a_paused_session_stops_at_the_next_step_and_goes_on_where_it_was() {
    let world = World::new();
    let work = Work::new("work", &world.time, 10 * SECOND);
    let steps =
        [Step::call("work", json!({"text": "one"})).and_call("work", json!({"text": "two"})), Step::say("Both.")];
    let world = world.tool(work).script("coder", steps);
    let ending = world.play(async |runtime| {
        let session = runtime.session(worker("coder")).await.unwrap();
        world.time.sleep_until_later(3 * SECOND).await;
        session.pause(id("ada"), "lunch").await.unwrap();
        world.time.sleep_until_later(100 * SECOND).await;
        assert_eq!(runtime.sessions()[0].state, State::Paused);
        session.resume(id("ada")).await.unwrap();
        assert_eq!(session.resume(id("ada")).await, Err(CommandError::NotPaused(session.id().clone())));
        session.ended().await.unwrap()
    });
    let told = world.told();
    told.check();
    assert_eq!(ending.state, FinalState::Completed);
    let states = told.states(&ending.session_id);
    assert_eq!(states[1], "PAUSED: lunch");
    let changes = told.of(&ending.session_id);
    let paused = changes.iter().find(
        |event| matches!(&event.payload, Payload::SessionStateChange(change) if change.to_state == State::Paused),
    );
    let paused = paused.unwrap();
    assert_eq!((paused.actor, paused.actor_id.as_ref().unwrap().as_str()), (Actor::Human, "ada"));
    assert_eq!(all!(told, ending.session_id, ToolCall).len(), 2, "each tool ran once");
    let tools = told.spans(&ending.session_id, SpanKind::ToolCall);
    assert!(tools[0].end.unwrap() <= paused.timestamp && tools[1].start.unwrap() > paused.timestamp);
    let triggers: Vec<&str> =
        all!(told, ending.session_id, SessionCheckpointed).iter().map(|made| made.trigger.as_str()).collect();
    assert!(triggers.contains(&"tool_call") && triggers.contains(&"created"), "{triggers:?}");
}

#[test]
fn a_session_that_is_paused_in_the_queue_stays_queued_and_is_not_dispatched() {
    let limits = Limits { active_sessions: 1, ..Limits::default() };
    let world = World::new().limits(limits).script("coder", [Step::say("Yes.").taking(SECOND, 10 * SECOND)]);
    let (first, second) = world.play(async |runtime| {
        let first = runtime.session(spec("coder")).await.unwrap();
        let second = runtime.session(spec("coder")).await.unwrap();
        second.pause(id("ada"), "not yet").await.unwrap();
        let first = first.ended().await.unwrap();
        world.time.sleep_until_later(50 * SECOND).await;
        assert_eq!(runtime.sessions()[1].state, State::Paused);
        second.resume(id("ada")).await.unwrap();
        (first, second.ended().await.unwrap())
    });
    let told = world.told();
    told.check();
    assert_eq!((first.state, second.state), (FinalState::Completed, FinalState::Completed));
    let hold = all!(told, second.session_id, SchedulerRateLimited)[0];
    assert_eq!(hold.limit.as_ref().unwrap().as_str(), "active_sessions");
    assert_eq!(all!(told, second.session_id, SchedulerDispatch)[0].queue_wait_ms.get(), 60_000);
}

#[test]
fn a_session_that_is_cancelled_while_its_model_streams_is_cancelled_not_failed() {
    let world = World::new().script("coder", [Step::say("A long story.").taking(SECOND, 100 * SECOND)]);
    let ending = world.play(async |runtime| {
        let session = runtime.session(spec("coder")).await.unwrap();
        world.time.sleep_until_later(30 * SECOND).await;
        let cancelled = session.cancel(id("ada"), "changed my mind").await.unwrap();
        assert_eq!(cancelled, [session.id().clone()]);
        assert_eq!(session.cancel(id("ada"), "again").await, Err(CommandError::Ended(session.id().clone())));
        session.ended().await.unwrap()
    });
    let told = world.told();
    told.check();
    assert_eq!(ending.state, FinalState::Cancelled);
    let run = &told.spans(&ending.session_id, SpanKind::ModelRun)[0];
    assert_eq!(run.status, Some(SpanStatus::Cancelled));
    let cancelled = all!(told, ending.session_id, SchedulerCancelled)[0];
    assert_eq!((cancelled.cancelled_by.as_str(), cancelled.reason.as_str()), ("ada", "changed my mind"));
    assert_eq!(ending.cost_nanos, None, "what the stream cost so far is not known");
}

#[test]
fn a_session_that_is_cancelled_while_a_tool_runs_ends_when_the_tool_has() {
    let world = World::new();
    let work = Work::new("work", &world.time, 100 * SECOND);
    let world = world.tool(work).script("coder", [Step::call("work", json!({"text": "x"})), Step::say("never")]);
    let ending = world.play(async |runtime| {
        let session = runtime.session(worker("coder")).await.unwrap();
        world.time.sleep_until_later(10 * SECOND).await;
        session.cancel(id("ada"), "stop").await.unwrap();
        session.ended().await.unwrap()
    });
    let told = world.told();
    told.check();
    assert_eq!(ending.state, FinalState::Cancelled);
    let call = all!(told, ending.session_id, ToolCall)[0];
    assert_eq!(call.error.as_ref().unwrap().code.as_ref().unwrap().as_str(), "stopped");
    assert_eq!(told.spans(&ending.session_id, SpanKind::ToolCall)[0].status, Some(SpanStatus::Cancelled));
}

#[test]
fn a_persistent_session_waits_for_input_and_knows_who_sent_it() {
    let steps = [Step::say("Hello."), Step::say("Hello again.")];
    let world = World::new().script("chat", steps);
    let persistent = SessionSpec {
        mode: flightrec_recorder::events::SpawnMode::SessionPersistent,
        instructions: Some("Be brief.".into()),
        ..spec("chat")
    };
    let session = world.play(async |runtime| {
        let session = runtime.session(persistent).await.unwrap();
        world.time.sleep_until_later(60 * SECOND).await;
        assert_eq!(&*runtime.sessions()[0].reason, "awaiting_input");
        session.send("And now?", Source { role: Some(id("tester")), ..Source::default() }).await.unwrap();
        world.time.sleep_until_later(60 * SECOND).await;
        session.cancel(id("ada"), "enough").await.unwrap();
        session.id().clone()
    });
    let told = world.told();
    told.check();
    let messages = all!(told, session, SessionMessage);
    let said: Vec<(&str, Option<bool>)> = messages
        .iter()
        .map(|message| (message.role.as_str(), message.source.as_ref().and_then(|source| source.trusted)))
        .collect();
    assert_eq!(
        said,
        [("SYSTEM", None), ("USER", Some(true)), ("ASSISTANT", None), ("USER", Some(false)), ("ASSISTANT", None)]
    );
    assert_eq!(messages[3].source.as_ref().unwrap().role.as_ref().unwrap().as_str(), "tester");
    assert_eq!(told.states(&session).iter().filter(|state| *state == "BLOCKED: awaiting_input").count(), 2);
}

#[test]
fn a_budget_warns_at_its_share_and_pauses_at_its_end() {
    let world = World::new();
    let work = Work::new("work", &world.time, SECOND);
    let call = || Step::call("work", json!({"text": "x"})).with_usage(usage(300, 100));
    let world = world.tool(work).script("coder", [call(), call(), call(), Step::say("Done.")]);
    let budget = BudgetOptions { tokens: Some(1_000), ..BudgetOptions::default() };
    let ending = world.play(async |runtime| {
        let session = runtime.session(SessionSpec { budget, ..worker("coder") }).await.unwrap();
        world.time.sleep_until_later(600 * SECOND).await;
        assert_eq!(runtime.sessions()[0].state, State::Paused);
        session.resume(id("ada")).await.unwrap();
        session.ended().await.unwrap()
    });
    let told = world.told();
    told.check();
    let warnings: Vec<_> = all!(told, ending.session_id, BudgetWarning)
        .iter()
        .map(|warning| (warning.current_value.get(), warning.threshold_value.get(), warning.action.unwrap()))
        .collect();
    assert_eq!(warnings, [(800.0, 800.0, BudgetAction::Warn), (1_200.0, 1_000.0, BudgetAction::Pause)]);
    assert!(told.states(&ending.session_id).contains(&"PAUSED: budget SESSION_TOKENS reached".to_owned()));
}

#[test]
fn a_budget_may_cancel() {
    let world = World::new().script("coder", [Step::say("Costly.").with_usage(usage(10_000, 0))]);
    let budget =
        BudgetOptions { cost_nanos: Some(5_000_000), action: BudgetAction::Cancel, ..BudgetOptions::default() };
    let (told, ending) = live(&world, SessionSpec { budget, ..spec("coder") });
    assert_eq!(ending.state, FinalState::Cancelled);
    assert_eq!(ending.cost_nanos, Some(10_000_000), "what was spent was spent");
    assert_eq!(all!(told, ending.session_id, SchedulerCancelled)[0].cancelled_by.as_str(), "policy:budget");
}

#[test]
fn a_job_that_goes_beyond_its_hard_token_budget_fails() {
    let world = World::new().script("coder", [Step::say("Too much.").with_usage(usage(900, 200))]);
    let mut costly = spec("coder");
    costly.jobs.max_tokens_budget = Some(1_000);
    let (told, ending) = live(&world, costly);
    assert_eq!(ending.state, FinalState::Failed);
    assert!(ending.reason.contains("1100 of 1000 tokens"), "{}", ending.reason);
    let run = &told.spans(&ending.session_id, SpanKind::ModelRun)[0];
    assert_eq!(run.error_code.as_deref(), Some("max_tokens_budget"));
    assert_eq!(told.session(&ending.session_id).session.tokens.total, 1_100, "it is paid for all the same");
}

#[test]
fn a_model_that_never_comes_to_an_answer_fails_its_session() {
    let world = World::new();
    let work = Work::new("work", &world.time, SECOND);
    let world = world.tool(work).script("coder", [Step::call("work", json!({"text": "again"}))]);
    let (told, ending) = live(&world, SessionSpec { max_runs: 3, ..worker("coder") });
    assert_eq!(ending.state, FinalState::Failed);
    assert_eq!(told.spans(&ending.session_id, SpanKind::ModelRun).len(), 3);
}

#[test]
fn what_cannot_be_started_is_told_and_leaves_nothing_on_record() {
    let world = World::new();
    let work = Work::new("work", &world.time, SECOND);
    let world = world.tool(work);
    let errors = world.play(async |runtime| {
        let mut zero = spec("x");
        zero.budget.tokens = Some(0);
        let wrong = [
            SessionSpec { model: id("huge"), ..spec("x") },
            SessionSpec { tools: vec![id("wark")], ..spec("x") },
            SessionSpec { tools: vec![id("work")], ..spec("x") },
            zero,
        ];
        let mut errors = Vec::new();
        for spec in wrong {
            errors.push(runtime.session(spec).await.unwrap_err());
        }
        errors
    });
    let expected = [
        StartError::UnknownModel(id("huge")),
        StartError::UnknownTool(id("wark")),
        StartError::NotGranted { tool: id("work"), capability: id("work") },
        StartError::Zero("budget.tokens"),
    ];
    assert_eq!(errors, expected.map(CommandError::CannotStart));
    assert_eq!(world.told().events.len(), 0);
}

#[test]
fn secrets_in_a_prompt_reach_the_model_and_no_record() {
    let world = World::new().script("coder", [Step::say("I saw {{last_user}}")]);
    let key = ["sk-ant-api03-", &"a1B2".repeat(23), "AA"].concat();
    let prompt = format!("Use {key} for it.");
    let (told, ending) = live(&world, SessionSpec { prompt: Some(prompt.into()), ..spec("coder") });
    assert!(ending.output.contains(&key));
    for message in told.reader.messages(Some(ending.session_id.shared())).unwrap() {
        let kept = told.reader.artifacts().get(message.content_hash).unwrap();
        assert!(!String::from_utf8(kept).unwrap().contains(&key));
        assert_eq!(message.redacted, Some(true));
    }
}

#[test]
fn a_run_repeats_to_the_byte() {
    let play = || {
        let world = World::new();
        let work = Work::new("work", &world.time, SECOND);
        let steps = [Step::call("work", json!({"text": "one"})), Step::say("Done.")];
        let world = world.tool(work).script("coder", steps);
        let (told, _) = live(&world, worker("coder"));
        let mut lines = Vec::new();
        for event in told.reader.events(&flightrec_recorder::query::EventFilter::default()) {
            event.unwrap().write_json(&mut lines);
        }
        lines
    };
    assert_eq!(play(), play());
}

#[test]
fn a_shutdown_leaves_every_session_so_that_another_process_takes_it_up() {
    let world = World::new();
    let work = Work::new("work", &world.time, 100 * SECOND);
    let limits = Limits { active_sessions: 2, ..Limits::default() };
    let steps = [Step::call("work", json!({"text": "half"})), Step::say("Whole.")];
    let world = world
        .tool(work)
        .limits(limits)
        .script("coder", steps)
        .script("talker", [Step::say("Much to say.").taking(SECOND, 100 * SECOND)]);
    let ids = world.play_to_shutdown(async |runtime| {
        let mut ids = Vec::new();
        for spec in [worker("coder"), spec("talker"), spec("talker")] {
            ids.push(runtime.session(spec).await.unwrap().id().clone());
        }
        world.time.sleep_until_later(10 * SECOND).await;
        ids
    });
    let told = world.told();
    told.check();
    for session in &ids {
        assert_eq!(told.states(session).last().unwrap(), "PAUSED: shutdown");
        assert_eq!(told.session(session).session.open_spans, 1, "its own");
    }
    let stopped = all!(told, ids[0], ToolCall)[0].error.as_ref().unwrap();
    assert_eq!(stopped.code.as_ref().unwrap().as_str(), "stopped");

    let world = world.restarted();
    let endings = world.play(async |runtime| {
        assert!(runtime.recovered().is_empty(), "nothing was at work");
        let mut endings = Vec::new();
        for session in &ids {
            runtime.handle(session.clone()).resume(id("ada")).await.unwrap();
        }
        for session in &ids {
            endings.push(runtime.handle(session.clone()).ended().await.unwrap());
        }
        endings
    });
    let told = world.told();
    told.check();
    assert!(endings.iter().all(|ending| ending.state == FinalState::Completed), "{endings:?}");
    assert_eq!(all!(told, ids[0], ToolCall).len(), 1, "the model was told, and did not ask again");
}

#[test]
fn what_a_dead_process_left_is_paused_and_goes_on_without_running_a_tool_twice() {
    let world = World::new();
    let work = Work::new("work", &world.time, 40 * SECOND);
    let begun = work.begun.clone();
    let steps = [
        Step::call("work", json!({"text": "one"})).and_call("work", json!({"text": "two"})),
        Step::say("I saw: {{last_tool_result}}"),
    ];
    let world = world.tool(work).script("coder", steps);
    let session = world.play_and_die(async |runtime| {
        let session = runtime.session(worker("coder")).await.unwrap();
        world.time.sleep_until_later(10 * SECOND).await;
        session.id().clone()
    });
    assert_eq!(begun.lock().unwrap().len(), 1, "the first tool had begun");

    let world = world.restarted();
    world.time.run(world.time.sleep_until_later(3_600 * SECOND));
    let ending = world.play(async |runtime| {
        assert_eq!(runtime.recovered(), std::slice::from_ref(&session));
        let status = &runtime.sessions()[0];
        assert_eq!((status.state, &*status.reason), (State::Paused, "crash_recovery"));
        let handle = runtime.handle(session.clone());
        handle.resume(id("ada")).await.unwrap();
        handle.ended().await.unwrap()
    });
    let told = world.told();
    told.check();
    assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "I saw: two"), "{}", ending.reason);
    let begun = begun.lock().unwrap();
    assert_eq!(begun.len(), 2);
    assert_ne!(begun[0], begun[1], "no call ran twice");
    let calls = all!(told, session, ToolCall);
    assert_eq!(calls[0].error.as_ref().unwrap().code.as_ref().unwrap().as_str(), "interrupted");
    let abandoned: Vec<_> =
        told.session(&session).spans.into_iter().filter(|span| span.status == Some(SpanStatus::Abandoned)).collect();
    assert_eq!(abandoned.len(), 2, "the run and its tool");
    let recovery = all!(told, session, WorkflowRecovery)[0];
    assert_eq!((recovery.from_state.as_str(), recovery.to_state.as_str()), ("ACTIVE", "PAUSED"));
    for span in &abandoned {
        assert_eq!(span.end, Some(recovery.last_heartbeat_ts), "the last time it was seen alive");
    }
    assert_eq!(all!(told, session, LlmInference).len(), 2, "no reply counts twice");
}

#[test]
fn a_thread_that_was_not_kept_is_not_taken_up() {
    let world = World::new().script("coder", [Step::say("Soon.").taking(SECOND, 100 * SECOND)]);
    let memory_policy = flightrec_recorder::events::MemoryPolicy::Ephemeral;
    let session = world.play_and_die(async |runtime| {
        let session = runtime.session(SessionSpec { memory_policy, ..spec("coder") }).await.unwrap();
        world.time.sleep_until_later(10 * SECOND).await;
        session.id().clone()
    });
    for message in world.told().reader.messages(Some(session.shared())).unwrap() {
        assert_eq!(message.artifact_id, None);
        assert!(world.told().reader.artifacts().get(message.content_hash).is_err(), "only its hash is on record");
    }
    let world = world.restarted();
    world.play(async |runtime| {
        let handle = runtime.handle(session.clone());
        assert_eq!(handle.resume(id("ada")).await, Err(CommandError::NotKept(session.clone())));
        handle.cancel(id("ada"), "lost").await.unwrap();
    });
    let told = world.told();
    told.check();
    assert_eq!(told.session(&session).session.state, State::Cancelled);
}
