//! A small workload of sessions in which everything happens that a session can do, and how it is brought to its end
//! by whichever process comes last.

use std::collections::BTreeMap;
use std::time::Duration;

use flightrec_recorder::events::{BudgetAction, Id, Lane, MemoryPolicy, SpawnMode, State};
use flightrec_sessions::{
    BudgetOptions, CommandError, Dependency, JobOptions, Limits, Runtime, SPAWN, Script, ScriptedFailure,
    ScriptedFailureKind, Scripts, SessionHandle, SessionSpec, SimulatedTime, Source, StartError, Step,
};

use crate::sessions_world::{Death, Ended, Outside, World, id, sleep};

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A reply that takes `ms`.
pub(crate) fn say(text: &str, millis: u64) -> Step {
    Step::say(text).taking(ms(millis / 4), ms(millis)).in_chunks(2)
}

pub(crate) fn write(step: Step, millis: u64) -> Step {
    step.and_call("write", serde_json::json!({ "ms": millis }))
}

pub(crate) fn spawn(step: Step, role: &str, announce_back: bool) -> Step {
    step.and_call(
        "spawn_session",
        serde_json::json!({ "role": role, "task": format!("Be a {role}."), "announce_back": announce_back }),
    )
}

/// A session that may use the tools.
pub(crate) fn spec(role: &str, model: &str) -> SessionSpec {
    SessionSpec {
        prompt: Some(format!("Do what a {role} does.").into()),
        capabilities: [id("book"), id(SPAWN)].into(),
        tools: vec![id("write"), id("hold")],
        jobs: JobOptions { timeout: ms(5_000), tool_timeout: ms(3_000), max_retries: 2, ..JobOptions::default() },
        ..SessionSpec::new(id(role), id(model))
    }
}

pub(crate) fn spawning(mut parent: SessionSpec, children: impl IntoIterator<Item = SessionSpec>) -> SessionSpec {
    parent.spawns = children.into_iter().map(|child| (child.role.clone(), child)).collect();
    parent
}

/// Limits that make sessions wait for each other.
fn limits() -> Limits {
    Limits {
        active_sessions: 4,
        per_provider: 3,
        per_model: 2,
        spawn_depth: 3,
        children_per_session: 2,
        work_packets: BTreeMap::from([(
            id("wp-1"),
            BudgetOptions { tokens: Some(400), action: BudgetAction::Warn, ..BudgetOptions::default() },
        )]),
        ..Limits::default()
    }
}

fn fails(kind: ScriptedFailureKind) -> ScriptedFailure {
    ScriptedFailure::new(kind)
}

fn scripts() -> Scripts {
    let lead = [
        spawn(spawn(say("Two of you.", 400), "worker", true), "scout", false),
        write(say("And a line of my own.", 300), 500),
        say("All is done.", 300),
    ];
    let worker = [
        spawn(write(Step::default(), 200), "clerk", true),
        // The cap on children and unknown tools refuse what they have to.
        spawn(say("More.", 200), "nobody", true).and_call("no_such_tool", serde_json::json!({})),
        say("My part is done.", 300),
    ];
    let clerk = [spawn(say("Deeper.", 200), "deep", true), say("Filed.", 300)];
    let deep = [spawn(say("Too deep.", 200), "deeper", true), say("This is the floor.", 200)];
    let asks = [
        say("May I?", 300)
            .and_call("write", serde_json::json!({ "ms": 100 }))
            .and_call("write", serde_json::json!({ "ms": 100, "risky": true })),
        say("I asked.", 200),
    ];
    let limited = fails(ScriptedFailureKind::RateLimited).for_attempts(1).retry_after(ms(1_500));
    let broken = fails(ScriptedFailureKind::StreamBroken).for_attempts(2);
    let flaky = [write(say("First.", 300), 300).failing(limited), say("Second.", 600).failing(broken)];
    let slow = [say("In time.", 300).failing(fails(ScriptedFailureKind::Hang).for_attempts(1))];
    let stuck = [
        write(say("Wait.", 200), 60_000),
        say("Hold on.", 200).and_call("hold", serde_json::json!({ "ms": 20_000 })),
        say("Enough.", 200),
    ];
    let doomed = [
        spawn(say("A child.", 200), "scout", true),
        say("Never said.", 400).failing(fails(ScriptedFailureKind::Refused)),
    ];
    let scout = [write(say("Looking.", 400), 900), say("Nothing there.", 900)];
    let talker = [say("Yes?", 1_500), say("I see.", 700)];
    let plain = [write(say("One.", 200), 200), say("Two.", 200)];
    Scripts::new()
        .with("lead", Script::of(lead))
        .with("worker", Script::of(worker))
        .with("clerk", Script::of(clerk))
        .with("deep", Script::of(deep))
        .with("asks", Script::of(asks))
        .with("flaky", Script::of(flaky))
        .with("slow", Script::of(slow))
        .with("stuck", Script::of(stuck))
        .with("doomed", Script::of(doomed))
        .with("scout", Script::of(scout))
        .with("talker", Script::of(talker))
        .with("default", Script::of(plain))
}

/// A world with this workload's scripts and limits.
pub(crate) fn world(seed: u64) -> World {
    World::new(seed, scripts(), limits())
}

/// The first process of a world does all of it, or dies.
pub(crate) fn play(world: &mut World, death: Death) -> Ended<()> {
    let outside = world.outside.clone();
    world.process(death, async |runtime, time| work(&runtime, time, &outside).await)
}

impl Outside {
    /// What a command gave, if it could be carried out: the runtime may have stopped, and sessions end when they want.
    pub(crate) fn done<T>(&self, result: Result<T, CommandError>) -> Option<T> {
        match result {
            Ok(value) => return Some(value),
            Err(CommandError::Stopped(cause)) => drop(self.look().causes.insert(cause)),
            Err(
                CommandError::Ended(_)
                | CommandError::NotPaused(_)
                | CommandError::NotKept(_)
                | CommandError::UnknownSession(_)
                | CommandError::CannotStart(StartError::FailedDependency(_) | StartError::Stopping),
            ) => {}
            Err(error) => panic!("{error}"),
        }
        None
    }

    /// Cancels a session, and keeps in mind that it was wanted, and whether it was answered.
    pub(crate) async fn cancel(&self, session: &SessionHandle, reason: &str) {
        self.look().unwanted.insert(session.id().clone());
        let cancelled = self.done(session.cancel(id("ann"), reason).await);
        self.look().cancelled.extend(cancelled.into_iter().flatten());
    }

    /// Whether somebody was told that the runtime has stopped.
    fn stopped(&self) -> bool {
        !self.look().causes.is_empty()
    }
}

/// The first process's part: everything is started, and sessions are sent to, paused, resumed and cancelled.
pub(crate) async fn work(runtime: &Runtime, time: &SimulatedTime, outside: &Outside) {
    if let Some(()) = try_work(runtime, time, outside).await {
        finish(runtime, time, outside).await;
    }
}

async fn try_work(runtime: &Runtime, time: &SimulatedTime, outside: &Outside) -> Option<()> {
    let after = |on: &Id, gives_input| vec![Dependency { session_id: on.clone(), gives_input }];
    let deep = spawning(spec("deep", "small"), [spec("deeper", "small")]);
    let worker = spawning(spec("worker", "large"), [spawning(spec("clerk", "small"), [deep])]);
    let scout = SessionSpec { lane: Lane::Background, ..spec("scout", "free") };
    let lead = SessionSpec {
        wp_id: Some(id("wp-1")),
        instructions: Some("Lead.".into()),
        ..spawning(spec("lead", "small"), [worker, scout.clone()])
    };
    let lead = outside.done(runtime.session(lead).await)?;
    let flaky =
        outside.done(runtime.session(SessionSpec { wp_id: Some(id("wp-1")), ..spec("flaky", "large") }).await)?;
    let asks = outside
        .done(runtime.session(SessionSpec { approvals: [id("write")].into(), ..spec("asks", "small") }).await)?;
    let slow = outside.done(runtime.session(spec("slow", "small")).await)?;
    let stuck = outside.done(runtime.session(spec("stuck", "free")).await)?;
    outside.done(runtime.session(spawning(spec("doomed", "large"), [scout])).await)?;
    let budget = BudgetOptions { tokens: Some(60), ..BudgetOptions::default() };
    outside.done(runtime.session(SessionSpec { budget, ..spec("spender", "large") }).await)?;
    outside.done(
        runtime.session(SessionSpec { memory_policy: MemoryPolicy::Ephemeral, ..spec("forgets", "free") }).await,
    )?;
    let talker = SessionSpec { mode: SpawnMode::SessionPersistent, ..spec("talker", "free") };
    let talker = outside.done(runtime.session(talker).await)?;
    outside.done(runtime.session_after(spec("next", "small"), after(flaky.id(), true)).await)?;
    outside.done(runtime.session_after(spec("then", "small"), after(slow.id(), false)).await)?;
    outside.done(runtime.session_after(spec("never", "small"), after(stuck.id(), false)).await)?;

    sleep(time, ms(600)).await;
    outside.done(talker.send("And now?", Source::operator()).await);
    outside.done(asks.pause(id("ann"), "lunch").await);
    sleep(time, ms(700)).await;
    outside.done(talker.send("Go on.", Source::operator()).await);
    outside.done(lead.pause(id("ann"), "a question").await);
    sleep(time, ms(800)).await;
    outside.done(asks.resume(id("ann")).await);
    outside.done(lead.resume(id("ann")).await);
    sleep(time, ms(8_000)).await;
    outside.cancel(&stuck, "it takes too long").await;
    sleep(time, ms(60_000)).await;
    Some(())
}

/// Brings every session to its end: what is paused is resumed, what waits for input is cancelled.
pub(crate) async fn finish(runtime: &Runtime, time: &SimulatedTime, outside: &Outside) {
    for _ in 0..80 {
        // A runtime that stopped says so to whatever is asked.
        let nobody = id("nobody");
        outside.done(runtime.read_thread(&nobody, &nobody).await);
        let live: Vec<_> = runtime.sessions().into_iter().filter(|session| !session.state.is_terminal()).collect();
        if live.is_empty() || outside.stopped() {
            return;
        }
        for session in live {
            let handle = runtime.handle(session.session_id.clone());
            match session.state {
                State::Paused => match handle.resume(id("ann")).await {
                    Err(CommandError::NotKept(_)) => drop(outside.done(handle.cancel(id("ann"), "nobody knows").await)),
                    other => drop(outside.done(other)),
                },
                State::Blocked if &*session.reason == "awaiting_input" && session.role.as_str().starts_with("talk") => {
                    outside.done(handle.cancel(id("ann"), "no more").await);
                }
                State::Created
                | State::Active
                | State::Blocked
                | State::Completed
                | State::Failed
                | State::Cancelled => {}
            }
        }
        sleep(time, ms(30_000)).await;
    }
    let told: Vec<String> = runtime
        .sessions()
        .iter()
        .map(|session| format!("{} {} {}: {}", session.session_id, session.role, session.state, session.reason))
        .collect();
    panic!("sessions do not end:\n{}", told.join("\n"));
}

/// The last process of a world: it brings everything to its end.
pub(crate) fn end(world: &mut World) {
    let outside = world.outside.clone();
    world.process(Death::None, async |runtime, time| finish(&runtime, time, &outside).await).whole();
}
