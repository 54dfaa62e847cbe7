//! Sessions that ask for other sessions: accepted, refused, told of the end, cancelled together.

use std::time::Duration;

use flightrec_recorder::events::families::session::{AnnounceBack, SpawnRejected};
use flightrec_recorder::events::families::work::MailboxMessageCreated;
use flightrec_recorder::events::{FinalState, Id, Payload, RejectionReason, SpanKind, SpawnMode, State};
use flightrec_sessions::{
    BudgetOptions, ChildRequest, CommandError, Dependency, Limits, SPAWN, ScriptedFailure, ScriptedFailureKind,
    SessionSpec, SpawnAnswer, Step,
};
use serde_json::json;

use crate::hands::Work;
use crate::world::{Later, Told, World, id, spec};

const SECOND: Duration = Duration::from_secs(1);

/// A session that may spawn sessions of these roles.
fn boss(role: &str, spawns: impl IntoIterator<Item = SessionSpec>) -> SessionSpec {
    let spawns = spawns.into_iter().map(|spec| (spec.role.clone(), spec)).collect();
    SessionSpec { spawns, capabilities: [id(SPAWN)].into(), ..spec(role) }
}

/// What a role is when it is spawned: its first input is the task.
fn template(role: &str) -> SessionSpec {
    SessionSpec { prompt: None, ..spec(role) }
}

fn ask_for(role: &str, task: &str) -> Step {
    Step::call("spawn_session", json!({"role": role, "task": task}))
}

fn child(role: &str) -> ChildRequest {
    ChildRequest { spec: template(role), task: "Help.".into(), mode: SpawnMode::OneShot, announce_back: true }
}

fn pick<'a, T>(told: &'a Told, pick: impl Fn(&'a Payload) -> Option<&'a T>) -> Vec<&'a T> {
    told.events.iter().filter_map(|event| pick(&event.payload)).collect()
}

fn announcements(told: &Told) -> Vec<&AnnounceBack> {
    pick(told, |payload| if let Payload::AnnounceBack(payload) = payload { Some(payload) } else { None })
}

fn mails(told: &Told) -> Vec<&MailboxMessageCreated> {
    pick(told, |payload| if let Payload::MailboxMessageCreated(payload) = payload { Some(payload) } else { None })
}

fn rejections(told: &Told) -> Vec<&SpawnRejected> {
    pick(told, |payload| if let Payload::SpawnRejected(payload) = payload { Some(payload) } else { None })
}

/// Plays one session to its end.
fn live(world: &World, spec: SessionSpec) -> (Told, flightrec_sessions::Ending) {
    let ending = world.play(async |runtime| runtime.session(spec).await.unwrap().ended().await.unwrap());
    let told = world.told();
    told.check();
    (told, ending)
}

#[test]
fn a_child_is_tied_to_its_parent_both_ways_and_tells_of_its_end() {
    let world = World::new()
        .script("lead", [ask_for("scout", "Look around."), Step::say("I wait."), Step::say("The scout found gold.")])
        .script("scout", [Step::say("Gold!").taking(SECOND, 30 * SECOND)]);
    let (told, ending) = live(&world, boss("lead", [template("scout")]));
    assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "The scout found gold."), "{}", ending.reason);

    let lead = told.session(&ending.session_id);
    assert_eq!(lead.children.len(), 1);
    let scout = &lead.children[0].session;
    assert_eq!(scout.parent_session_id.as_deref(), Some(ending.session_id.as_str()));
    assert_eq!((scout.spawn_depth, scout.state), (Some(1), State::Completed));
    assert!(scout.cost.own_nanos > 0);
    assert_eq!(lead.session.cost.inclusive_nanos, lead.session.cost.own_nanos + scout.cost.own_nanos);

    let scout_id = Id::new(&*scout.session_id).unwrap();
    let own_span = |session: &Id| told.spans(session, SpanKind::Session).remove(0);
    let (lead_span, scout_span) = (own_span(&ending.session_id), own_span(&scout_id));
    assert_eq!(scout_span.parent_span_id, Some(lead_span.span_id));
    assert_eq!(scout_span.trace_id, lead_span.trace_id);
    let tool = told.spans(&ending.session_id, SpanKind::ToolCall).remove(0);
    assert_eq!(tool.links[0].span_id, scout_span.span_id);
    assert_eq!(scout_span.links[0].span_id, tool.span_id);
    let last_run = told.spans(&ending.session_id, SpanKind::ModelRun).pop().unwrap();
    assert_eq!(last_run.links[0].span_id, scout_span.span_id);
    assert_eq!(last_run.links[0].relation.as_deref(), Some("announce_back"));

    let (announced, mail) = (announcements(&told)[0], mails(&told)[0]);
    assert_eq!((&announced.child_session_id, &announced.requester_session_id), (&scout_id, &ending.session_id));
    assert_eq!(announced.mailbox_message_id, mail.message_id);
    assert_eq!(mail.message_type.as_str(), "SessionAnnounceBack");
    assert_eq!((mail.from_role.as_str(), mail.to_roles[0].as_str()), ("scout", "lead"));
    assert_eq!(mail.body_ref.as_str(), announced.summary_artifact_id.to_string());
    let summary = told.reader.artifacts().get(mail.body_sha256).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(
        (&summary["status"], &summary["outputs"][0], &summary["error"]),
        (&json!("COMPLETED"), &json!("Gold!"), &json!(null))
    );

    let states = told.states(&ending.session_id);
    assert!(states.contains(&"BLOCKED: awaiting_children: 1 still at work".to_owned()), "{states:?}");
    let heard = told.of(&ending.session_id).into_iter().find_map(|event| match &event.payload {
        Payload::SessionMessage(message) => message.source.clone().filter(|source| source.session_id.is_some()),
        _ => None,
    });
    let heard = heard.unwrap();
    assert_eq!((heard.session_id.as_ref(), heard.trusted), (Some(&scout_id), Some(false)));
}

#[test]
fn children_reach_four_levels_and_no_deeper() {
    let level = |n: usize| format!("level-{n}");
    let mut specs = template(&level(4));
    for n in (0..4).rev() {
        specs = SessionSpec { prompt: None, ..boss(&level(n), [specs]) };
        specs.capabilities.insert(id(SPAWN));
    }
    specs.prompt = Some("Go.".into());
    let mut world = World::new();
    for n in 0..4 {
        world = world.script(&level(n), [ask_for(&level(n + 1), "Deeper."), Step::say("Done.")]);
    }
    // The last template asks for nothing of its own that a parent lacks.
    let (told, ending) = live(&world, specs);
    assert_eq!(ending.state, FinalState::Completed, "{}", ending.reason);
    let mut depths = Vec::new();
    let mut tree = &told.reader.tree(ending.session_id.as_str()).unwrap();
    loop {
        depths.push(tree.session.spawn_depth.unwrap());
        match tree.children.first() {
            Some(next) => tree = next,
            None => break,
        }
    }
    assert_eq!(depths, [0, 1, 2, 3]);
    let rejected = rejections(&told)[0];
    assert_eq!(rejected.rejection_reason, RejectionReason::DepthLimitExceeded);
    assert_eq!((rejected.spawn_depth.get(), rejected.requester_session_id.as_str()), (4, &*tree.session.session_id));
}

#[test]
fn every_refusal_has_its_reason_and_makes_no_child() {
    let grown = SessionSpec { capabilities: [id("fs.write")].into(), ..template("scout") };
    let cases: Vec<(&str, Limits, SessionSpec, Vec<Step>, RejectionReason)> = vec![
        (
            "more children than the cap",
            Limits { children_per_session: 1, ..Limits::default() },
            boss("lead", [template("scout")]),
            vec![ask_for("scout", "One.").and_call("spawn_session", json!({"role": "scout", "task": "Two."}))],
            RejectionReason::ChildrenCapReached,
        ),
        (
            "more sessions than the cap",
            Limits { live_sessions: 1, ..Limits::default() },
            boss("lead", [template("scout")]),
            vec![ask_for("scout", "One.")],
            RejectionReason::SessionCapReached,
        ),
        (
            "a child that asks for more than its parent has",
            Limits::default(),
            boss("lead", [grown]),
            vec![ask_for("scout", "One.")],
            RejectionReason::CapabilityNotGranted,
        ),
        (
            "a parent that may not spawn",
            Limits::default(),
            SessionSpec { capabilities: [].into(), ..boss("lead", [template("scout")]) },
            vec![ask_for("scout", "One.")],
            RejectionReason::CapabilityNotGranted,
        ),
    ];
    for (name, limits, spec, mut steps, expected) in cases {
        steps.push(Step::say("Alone, then."));
        let world = World::new().limits(limits).script("lead", steps).script("scout", [Step::say("Yes.")]);
        let (told, ending) = live(&world, spec);
        assert_eq!(ending.state, FinalState::Completed, "{name}: {}", ending.reason);
        let rejected = rejections(&told);
        assert_eq!(rejected.len(), 1, "{name}");
        assert_eq!(rejected[0].rejection_reason, expected, "{name}");
        let failed = told.of(&ending.session_id).into_iter().find_map(|event| match &event.payload {
            Payload::ToolCall(call) if !call.ok => call.error.clone(),
            _ => None,
        });
        assert_eq!(failed.unwrap().message.unwrap().as_str(), expected.as_str(), "{name}: the model is told why");
        let accepted = told.events.iter().filter(|event| matches!(event.payload, Payload::SpawnAccepted(_))).count();
        let created = told.events.iter().filter(|event| matches!(event.payload, Payload::SessionCreated(_))).count();
        assert_eq!(created, 1 + accepted, "{name}: no child without an answer");
    }
}

#[test]
fn a_host_may_ask_for_a_session_that_is_at_work_and_for_no_other() {
    let persistent = SessionSpec { mode: SpawnMode::SessionPersistent, ..boss("lead", []) };
    let world = World::new()
        .script("lead", [Step::say("Ready.").taking(SECOND, 10 * SECOND), Step::say("So I hear.")])
        .script("scout", [Step::say("Yes.")]);
    let (lead, answers) = world.play(async |runtime| {
        let lead = runtime.session(persistent).await.unwrap();
        world.time.sleep_until_later(5 * SECOND).await;
        let at_work = lead.spawn(child("scout")).await.unwrap();
        let SpawnAnswer::Accepted { child_session_id } = &at_work else { panic!("{at_work:?}") };
        runtime.handle(child_session_id.clone()).ended().await.unwrap();
        world.time.sleep_until_later(60 * SECOND).await;
        let resting = lead.spawn(child("scout")).await.unwrap();
        lead.cancel(id("ada"), "enough").await.unwrap();
        let ended = lead.spawn(child("scout")).await;
        (lead.id().clone(), (resting, ended))
    });
    let told = world.told();
    told.check();
    assert_eq!(answers.0, SpawnAnswer::Rejected { reason: RejectionReason::RequesterNotActive });
    assert_eq!(answers.1, Err(CommandError::Ended(lead)));
}

#[test]
fn cancelling_a_session_cancels_all_below_it_and_one_event_lists_them() {
    let world = World::new();
    let work = Work::new("work", &world.time, 1_000 * SECOND);
    let limits = Limits { active_sessions: 3, per_model: 3, ..Limits::default() };
    let ten = (0..4).fold(Step::say(""), |step, n| {
        step.and_call("spawn_session", json!({"role": "scout", "task": format!("Task {n}.")}))
    });
    let scouts = SessionSpec {
        tools: vec![id("work")],
        capabilities: [id("work"), id(SPAWN)].into(),
        ..boss("scout", [template("leaf")])
    };
    let mut lead = boss("lead", [scouts]);
    lead.capabilities.insert(id("work"));
    let world = world
        .tool(work)
        .limits(limits)
        .script("lead", [ten, Step::say("Waiting.")])
        .script("scout", [ask_for("leaf", "Stream."), Step::call("work", json!({"text": "x"}))])
        .script("leaf", [Step::say("A long tale.").taking(SECOND, 1_000 * SECOND)]);
    let cancelled = world.play(async |runtime| {
        let lead = runtime.session(lead).await.unwrap();
        world.time.sleep_until_later(20 * SECOND).await;
        let cancelled = lead.cancel(id("ada"), "all of it").await.unwrap();
        lead.ended().await.unwrap();
        for session in &cancelled {
            assert_eq!(runtime.handle(session.clone()).ended().await.unwrap().state, FinalState::Cancelled);
        }
        cancelled
    });
    let told = world.told();
    told.check();
    let cascades =
        pick(&told, |payload| if let Payload::CascadeCancel(payload) = payload { Some(payload) } else { None });
    assert_eq!(cascades.len(), 1);
    assert_eq!(cascades[0].root_session_id, cancelled[0]);
    assert_eq!(cascades[0].cancelled_session_ids, cancelled[1..]);
    assert!(cancelled.len() > 4, "children and grandchildren: {}", cancelled.len());
    assert_eq!(announcements(&told).len(), cancelled.len() - 1, "each child tells of its end");
    assert!(announcements(&told).iter().all(|announced| announced.status == FinalState::Cancelled));
}

#[test]
fn a_parent_that_fails_takes_its_children_along() {
    let refused = ScriptedFailure::new(ScriptedFailureKind::Refused);
    let world = World::new()
        .script("lead", [ask_for("scout", "Look."), Step::fail(refused)])
        .script("scout", [Step::say("Too late.").taking(SECOND, 1_000 * SECOND)]);
    let (told, ending) = live(&world, boss("lead", [template("scout")]));
    assert_eq!(ending.state, FinalState::Failed);
    let lead = told.session(&ending.session_id);
    assert_eq!(lead.children[0].session.state, State::Cancelled, "no orphan works on");
}

#[test]
fn a_child_that_fails_is_announced_with_its_error_and_the_parent_goes_on() {
    let refused = ScriptedFailure::new(ScriptedFailureKind::Refused).saying("no");
    let world = World::new()
        .script("lead", [ask_for("scout", "Look."), Step::say("I wait."), Step::say("A pity.")])
        .script("scout", [Step::fail(refused)]);
    let (told, ending) = live(&world, boss("lead", [template("scout")]));
    assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "A pity."));
    let announced = announcements(&told)[0];
    assert_eq!(announced.status, FinalState::Failed);
    let summary = told.reader.artifacts().get(announced.summary_artifact_id.sha256()).unwrap();
    assert!(String::from_utf8(summary).unwrap().contains("refused: no"));
}

#[test]
fn a_child_has_no_more_than_its_parent_and_spends_its_parents_budget() {
    let big = BudgetOptions { tokens: Some(1_000_000), ..BudgetOptions::default() };
    let scout = SessionSpec { budget: big, ..template("scout") };
    let small = BudgetOptions { tokens: Some(500), ..BudgetOptions::default() };
    let use_400 = flightrec_sessions::Usage { prompt_tokens: 300, completion_tokens: 100, ..Default::default() };
    let world = World::new()
        .script("lead", [ask_for("scout", "Look.").with_usage(use_400), Step::say("Wait.").without_usage()])
        .script("scout", [Step::say("Much.").with_usage(use_400).taking(SECOND, 10 * SECOND)]);
    let lead = SessionSpec { budget: small, ..boss("lead", [scout]) };
    let lead = world.play(async |runtime| {
        let lead = runtime.session(lead).await.unwrap();
        world.time.sleep_until_later(100 * SECOND).await;
        let child = runtime.sessions()[1].clone();
        assert_eq!(child.state, State::Completed);
        assert_eq!(runtime.sessions()[0].state, State::Paused, "its child spent what was left");
        lead.cancel(id("ada"), "enough").await.unwrap();
        lead.id().clone()
    });
    let told = world.told();
    told.check();
    let budgets: Vec<String> = told
        .events
        .iter()
        .filter_map(|event| match &event.payload {
            Payload::SessionCreated(created) => Some(format!("{:?}", created.budget.as_ref().unwrap().get("tokens"))),
            _ => None,
        })
        .collect();
    assert_eq!(budgets, ["Some(Int(500))", "Some(Int(500))"]);
    let warned = told.of(&lead).iter().filter(|event| matches!(event.payload, Payload::BudgetWarning(_))).count();
    assert_eq!(warned, 2);
}

#[test]
fn a_session_waits_for_others_and_takes_their_answers_in() {
    let world = World::new()
        .script("first", [Step::say("Forty-two.").taking(SECOND, 20 * SECOND)])
        .script("second", [Step::say("{{last_user}}")]);
    let (second, cancelled) = world.play(async |runtime| {
        let first = runtime.session(spec("first")).await.unwrap();
        let on = |gives_input| vec![Dependency { session_id: first.id().clone(), gives_input }];
        let second = runtime.session_after(spec("second"), on(true)).await.unwrap();
        assert_eq!(runtime.sessions()[1].state, State::Blocked);
        let second = second.ended().await.unwrap();
        let third = runtime.session(spec("first")).await.unwrap();
        let on = vec![Dependency { session_id: third.id().clone(), gives_input: false }];
        let fourth = runtime.session_after(spec("second"), on).await.unwrap();
        third.cancel(id("ada"), "no need").await.unwrap();
        (second, fourth.ended().await.unwrap())
    });
    let told = world.told();
    told.check();
    assert!(second.output.contains("Forty-two."), "{}", second.output);
    assert!(told.states(&second.session_id)[0].starts_with("BLOCKED: dependency: waits for session"));
    assert_eq!(cancelled.state, FinalState::Cancelled);
    assert!(cancelled.reason.contains("ended CANCELLED"), "{}", cancelled.reason);
}

#[test]
fn one_session_reads_another_only_where_somebody_approves_and_it_is_on_record() {
    use crate::hands::Someone;
    for approves in [true, false] {
        let world = World::new().script("coder", [Step::say("A private thought.")]);
        let ada = Someone::new(&world.time, SECOND, approves);
        let world = world.approvals(ada);
        let (entries, reader) = world.play(async |runtime| {
            let owner = runtime.session(spec("coder")).await.unwrap();
            let reader = runtime.session(spec("coder")).await.unwrap();
            owner.ended().await.unwrap();
            (runtime.read_thread(reader.id(), owner.id()).await, reader.id().clone())
        });
        let told = world.told();
        told.check();
        let reads: Vec<_> = told
            .of(&reader)
            .into_iter()
            .filter(|event| matches!(event.payload, Payload::CrossSessionRead(_)))
            .collect();
        if approves {
            let entries = entries.unwrap();
            assert_eq!(entries.last().unwrap().content, "A private thought.");
            let Payload::CrossSessionRead(read) = &reads[0].payload else { panic!() };
            assert_eq!((read.approved_by.as_str(), read.message_ids.len()), ("ada", entries.len()));
        } else {
            assert!(matches!(entries, Err(CommandError::Refused { .. })), "{entries:?}");
            assert_eq!(reads.len(), 0);
        }
    }
}
