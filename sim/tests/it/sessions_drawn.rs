//! Workloads of a few dozen sessions, drawn from a seed.

use std::collections::BTreeMap;

use flightrec_recorder::events::{BudgetAction, Id, Lane, MemoryPolicy, RetryBackoff, SpawnMode};
use flightrec_sessions::{
    BudgetOptions, ChildRequest, CommandError, Dependency, LaneWeights, Limits, RateBudget, Rates, Runtime, Script,
    ScriptedFailure, ScriptedFailureKind, Scripts, SessionSpec, SimulatedTime, Source, Step,
};
use flightrec_sim::Rng;

use crate::sessions_work::{finish, ms, spawn, spawning, spec, write};
use crate::sessions_world::{Death, Ended, Outside, World, id, sleep};

/// How many roles there are; a role spawns only those after it.
const ROLES: usize = 9;

/// A workload: what there is, and who does what to it when.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    rng: Rng,
    specs: Vec<SessionSpec>,
    scripts: Scripts,
    limits: Limits,
}

fn one_of<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.below(of.len() as u64) as usize]
}

fn some<T>(rng: &mut Rng, once_in: u64, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    rng.once_in(once_in).then(|| value(rng))
}

/// The role of a number; what talks is never done by itself.
fn role(number: usize) -> String {
    if number % 4 == 3 { format!("talks-{number}") } else { format!("role-{number}") }
}

fn budget(rng: &mut Rng) -> BudgetOptions {
    BudgetOptions {
        tokens: some(rng, 2, |rng| 40 + rng.below(400)),
        cost_nanos: some(rng, 3, |rng| 50_000 + rng.below(500_000)),
        warn_percent: 50 + rng.below(51) as u8,
        action: one_of(rng, &[BudgetAction::Warn, BudgetAction::Pause, BudgetAction::Pause, BudgetAction::Cancel]),
    }
}

fn failure(rng: &mut Rng) -> ScriptedFailure {
    use ScriptedFailureKind::{
        BadReply, Connection, Hang, RateLimited, Refused, StreamBroken, Unauthorized, Unavailable,
    };
    let passing = [RateLimited, RateLimited, Unavailable, Connection, StreamBroken, StreamBroken, Hang];
    if rng.once_in(8) {
        return ScriptedFailure::new(one_of(rng, &[Refused, Unauthorized, BadReply]));
    }
    let failure = ScriptedFailure::new(one_of(rng, &passing)).for_attempts(1 + rng.below(3) as u32);
    if rng.once_in(2) { failure.retry_after(ms(rng.below(4_000))) } else { failure }
}

fn step(rng: &mut Rng, children: &[usize]) -> Step {
    let text = "word ".repeat(rng.below(12) as usize);
    let lasts = rng.below(2_500);
    let mut step =
        Step::say(text.trim()).taking(ms(rng.below(lasts + 1)), ms(lasts)).in_chunks(1 + rng.below(6) as u32);
    for _ in 0..rng.below(3) {
        let wait = rng.below(5_000);
        step = match rng.below(8) {
            0..=2 => write(step, wait),
            3 => step.and_call("write", serde_json::json!({ "ms": wait, "risky": true })),
            4 => step.and_call("hold", serde_json::json!({ "ms": wait })),
            5 => step.and_call_raw("write", "{\"ms\":"),
            6 => step.and_call("no_such_tool", serde_json::json!({})),
            _ => step,
        };
    }
    for child in children {
        if rng.once_in(3) {
            step = spawn(step, &role(*child), !rng.once_in(4));
        }
    }
    if rng.once_in(8) {
        step = step.with_call_id("again");
    }
    if rng.once_in(8) {
        step = step.without_usage();
    }
    if rng.once_in(8) {
        step = step.without_response_id();
    }
    if rng.once_in(8) {
        step = step.with_cost_nanos(rng.below(100_000));
    }
    if rng.once_in(4) { step.failing(failure(rng)) } else { step }
}

fn limits(rng: &mut Rng) -> Limits {
    let active_sessions = 2 + rng.below(5) as usize;
    let per_provider = 1 + rng.below(active_sessions as u64) as usize;
    let rates = |rng: &mut Rng| Rates {
        requests_per_minute: some(rng, 2, |rng| 20 + rng.below(60) as u32),
        tokens_per_minute: some(rng, 2, |rng| 4_000 + rng.below(8_000)),
    };
    Limits {
        active_sessions,
        per_provider,
        per_model: 1 + rng.below(per_provider as u64) as usize,
        per_group: 1 + rng.below(2) as usize,
        rates: some(rng, 2, |rng| BTreeMap::from([(id("acme"), rates(rng))])).unwrap_or_default(),
        lane_weights: LaneWeights { primary: 1 + rng.below(8) as u32, subagent: 4, validation: 2, background: 1 },
        spawn_depth: 3,
        children_per_session: 1 + rng.below(4) as usize,
        live_sessions: 24 + rng.below(24) as usize,
        work_packets: some(rng, 2, |rng| BTreeMap::from([(id("wp-1"), budget(rng))])).unwrap_or_default(),
        global_rate: RateBudget {
            tokens_per_minute: some(rng, 3, |rng| 500 + rng.below(1_000)),
            nanos_per_minute: None,
            warn_percent: 80,
            action: one_of(rng, &[BudgetAction::Warn, BudgetAction::Pause]),
        },
    }
}

impl Drawn {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let limits = limits(&mut rng);
        let mut specs: Vec<SessionSpec> = Vec::new();
        let mut scripts = Scripts::new();
        for number in (0..ROLES).rev() {
            let children: Vec<usize> =
                (0..rng.below(3)).map(|_| number + 1 + rng.below((ROLES - number) as u64) as usize).collect();
            let children: Vec<usize> = children.into_iter().filter(|child| *child < ROLES).collect();
            let steps: Vec<Step> = (0..=rng.below(4)).map(|_| step(&mut rng, &children)).collect();
            // A model that asks for something for ever never ends.
            scripts = scripts.with(role(number), Script::of(steps.into_iter().chain([Step::say("That is all.")])));
            let of = |child: usize| specs[ROLES - 1 - child].clone();
            let drawn = draw_spec(&mut rng, number, children.into_iter().map(of).collect());
            specs.push(drawn);
        }
        Self { rng, specs, scripts, limits }
    }

    pub(crate) fn world(&self, seed: u64) -> World {
        World::new(seed, self.scripts.clone(), self.limits.clone())
    }

    /// The first process does all of it, or dies.
    pub(crate) fn play(&self, world: &mut World, death: Death) -> Ended<()> {
        let outside = world.outside.clone();
        let mut drawn = self.clone();
        world.process(death, async |runtime, time| {
            drawn.work(&runtime, time, &outside).await;
            finish(&runtime, time, &outside).await;
        })
    }

    async fn work(&mut self, runtime: &Runtime, time: &SimulatedTime, outside: &Outside) {
        let mut started: Vec<Id> = Vec::new();
        for _ in 0..16 + self.rng.below(12) {
            let spec = self.any_spec();
            let mut after = Vec::new();
            while self.rng.once_in(4) && !started.is_empty() {
                let on = self.rng.below(started.len() as u64) as usize;
                after.push(Dependency { session_id: started[on].clone(), gives_input: self.rng.once_in(2) });
            }
            let session = match runtime.session_after(spec, after).await {
                Err(CommandError::CannotStart(flightrec_sessions::StartError::SessionCap { .. })) => None,
                other => outside.done(other),
            };
            started.extend(session.map(|session| session.id().clone()));
            if self.rng.once_in(3) {
                sleep(time, ms(self.rng.below(1_500))).await;
            }
        }
        for _ in 0..24 {
            sleep(time, ms(self.rng.below(1_500))).await;
            self.command(runtime, outside).await;
        }
        sleep(time, ms(20_000)).await;
    }

    fn any_spec(&mut self) -> SessionSpec {
        let at = self.rng.below(self.specs.len() as u64) as usize;
        self.specs[at].clone()
    }

    async fn command(&mut self, runtime: &Runtime, outside: &Outside) {
        let sessions = runtime.sessions();
        if sessions.is_empty() {
            return;
        }
        let any = |rng: &mut Rng| sessions[rng.below(sessions.len() as u64) as usize].session_id.clone();
        let handle = runtime.handle(any(&mut self.rng));
        match self.rng.below(12) {
            0..=2 => drop(outside.done(handle.pause(id("ann"), "wait").await)),
            3..=5 => drop(outside.done(handle.resume(id("ann")).await)),
            6 => outside.cancel(&handle, "not wanted").await,
            7..=9 => drop(outside.done(handle.send("One more thing.", Source::operator()).await)),
            10 => {
                let spec = self.any_spec();
                let mode = spec.mode;
                let child = ChildRequest { spec, task: "Help.".into(), mode, announce_back: self.rng.once_in(2) };
                outside.done(handle.spawn(child).await);
            }
            _ => drop(outside.done(runtime.read_thread(&any(&mut self.rng), handle.id()).await)),
        }
    }
}

fn draw_spec(rng: &mut Rng, number: usize, children: Vec<SessionSpec>) -> SessionSpec {
    let name = role(number);
    let model = one_of(rng, &["small", "small", "large", "free"]);
    let mut drawn = spawning(spec(&name, model), children);
    if name.starts_with("talks") {
        drawn.mode = SpawnMode::SessionPersistent;
    }
    drawn.lane = one_of(rng, &[Lane::Primary, Lane::Subagent, Lane::Background, Lane::Validation]);
    drawn.instructions = some(rng, 2, |_| "Be brief.".into());
    drawn.jobs.priority = rng.below(100) as u8;
    drawn.jobs.concurrency_group = some(rng, 4, |_| id("one by one"));
    drawn.jobs.max_retries = rng.below(3) as u32;
    drawn.jobs.retry_backoff = one_of(rng, &[RetryBackoff::Fixed, RetryBackoff::Exponential]);
    drawn.jobs.max_tokens_budget = some(rng, 8, |rng| 20 + rng.below(200));
    drawn.wp_id = some(rng, 3, |_| id("wp-1"));
    drawn.max_runs = 2 + rng.below(8) as u32;
    if rng.once_in(3) {
        drawn.budget = budget(rng);
    }
    if rng.once_in(3) {
        drawn.approvals = [id("write")].into();
    }
    drawn.memory_policy = one_of(
        rng,
        &[
            MemoryPolicy::SessionScoped,
            MemoryPolicy::SessionScoped,
            MemoryPolicy::WorkspaceScoped,
            MemoryPolicy::Ephemeral,
        ],
    );
    drawn
}
