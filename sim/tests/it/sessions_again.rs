//! Single things that a runtime has to know of the processes before it.

use flightrec_recorder::events::{BudgetAction, FinalState, Id, SpawnMode, State};
use flightrec_sessions::{BudgetOptions, Limits, Script, Scripts, SessionSpec, Source, Step, Usage};

use crate::sessions_crash::{check_all, look};
use crate::sessions_record::Record;
use crate::sessions_work::{end, ms, say, spawn, spawning, spec, write};
use crate::sessions_world::{Death, World, sleep};

fn world(scripts: impl IntoIterator<Item = (&'static str, Vec<Step>)>) -> World {
    let scripts: Scripts = scripts.into_iter().map(|(role, steps)| (role.to_owned(), Script::of(steps))).collect();
    World::new(7, scripts, Limits::default())
}

/// A process that starts these sessions, and dies so many milliseconds later.
fn die(world: &mut World, specs: Vec<SessionSpec>, after_ms: u64) -> Vec<Id> {
    world
        .process(Death::WithItsWork, async |runtime, time| {
            let mut started = Vec::new();
            for spec in specs {
                started.push(runtime.session(spec).await.expect("it is sound").id().clone());
            }
            sleep(time, ms(after_ms)).await;
            started
        })
        .whole()
}

fn code(record: &Record, call: &str) -> Option<String> {
    let settled = record.settled.iter().find(|((_, id), _)| id.as_str() == call);
    settled.expect("it is settled").1.as_ref().map(ToString::to_string)
}

#[test]
fn a_tool_whose_secrets_were_not_kept_is_not_run_with_others() {
    let secret = serde_json::json!({ "ms": 10, "note": "password=correct-horse-7-battery" });
    let steps = vec![
        write(Step::default(), 2_000).with_call_id("first").and_call("write", secret).with_call_id("second"),
        say("Done.", 200),
    ];
    let mut world = world([("keeper", steps)]);
    die(&mut world, vec![spec("keeper", "small")], 2_000);
    end(&mut world);
    let record = check_all(&world);
    let called = world.outside.look().tools.keys().map(|(_, call)| call.to_string()).collect::<Vec<_>>();
    assert_eq!(called, ["first"]);
    assert_eq!(code(&record, "first").as_deref(), Some("interrupted"));
    assert_eq!(code(&record, "second").as_deref(), Some("arguments_not_kept"));
}

#[test]
fn who_waits_for_the_end_of_a_session_hears_of_one_that_ended_before() {
    let lead = vec![spawn(say("A child.", 100), "child", false), say("Wait.", 30_000)];
    let mut world = world([("lead", lead), ("child", vec![say("All is well.", 500)])]);
    die(&mut world, vec![spawning(spec("lead", "small"), [spec("child", "small")])], 4_000);
    let left = look(&world);
    let child = left.sessions.iter().find(|(_, session)| session.state == State::Completed).expect("it is done").0;
    let ending = world.process(Death::None, async |runtime, _| runtime.handle(child.clone()).ended().await).whole();
    let ending = ending.expect("it is known");
    assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "All is well."));
    assert!(ending.tokens == left.sessions[child].tokens && ending.cost_nanos.is_some(), "{ending:?}");
    end(&mut world);
    check_all(&world);
}

#[test]
fn a_budget_that_was_told_of_is_not_told_of_again() {
    let usage = Usage { prompt_tokens: 50, completion_tokens: 10, ..Usage::default() };
    let steps = [write(say("First.", 200), 2_000), say("And again.", 200)].map(|step| step.with_usage(usage));
    let mut world = world([("spender", steps.to_vec())]);
    let budget = BudgetOptions { tokens: Some(20), action: BudgetAction::Warn, ..BudgetOptions::default() };
    die(&mut world, vec![SessionSpec { budget, ..spec("spender", "small") }], 1_500);
    assert_eq!(look(&world).told.len(), 1, "both lines were crossed at once");
    end(&mut world);
    assert_eq!(check_all(&world).told.len(), 1);
}

#[test]
fn input_that_came_while_the_model_was_at_work_is_answered_by_whoever_comes_next() {
    let steps = vec![say("Yes?", 1_000), say("I see.", 1_000)];
    let mut world = world([("talker", steps)]);
    let talker = SessionSpec { mode: SpawnMode::SessionPersistent, ..spec("talker", "small") };
    let talker = world
        .process(Death::WithItsWork, async |runtime, time| {
            let talker = runtime.session(talker).await.expect("it is sound");
            sleep(time, ms(500)).await;
            talker.send("And now?", Source::operator()).await.expect("it lives");
            sleep(time, ms(1_000)).await;
            talker.id().clone()
        })
        .whole();
    end(&mut world);
    check_all(&world);
    let said = world.outside.look().threads[&talker].clone();
    assert_eq!(said.len(), 3, "the second input comes after the answer to the first: {said:?}");
}
