//! From the arguments to the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flightrec_events::{Id, SpawnMode, State};
use flightrec_recorder::{Reader, Recorder};
use flightrec_sessions::{
    CommandError, Plan, Runtime, RuntimeBuilder, RuntimeError, SessionStatus, StartError, Started,
};
use tokio::sync::mpsc;

use super::approvals::{Approver, Question};
use super::plan_file::Loaded;
use super::prices::ListPrices;
use super::screen::Screen;
use super::summary::{Checked, Outcome, Summary, Told};
use super::watching::{Watch, Watched, stopped};
use crate::args::RunArgs;
use crate::commands::Run;
use crate::commands::import::prices;
use crate::commands::recovery::tell_recovered;
use crate::commands::short_ids::ShortIds;
use crate::commands::signals::Signals;
use crate::exit::{self, Exit, Failure, chain, tell};

pub(in crate::commands) fn run(run: &Run, args: &RunArgs) -> exit::Outcome {
    let loaded = Loaded::from_file(&args.plan)?;
    if args.check {
        Checked::of(&loaded.plan).print(run.console)?;
        return Ok(Exit::Done);
    }
    let prices = prices(&args.prices)?;
    let (approver, questions) = Approver::new(&loaded.plan, &args.approve)?;
    let builder = loaded.launch.builder().map_err(|error| start_failure(run, &error))?;
    let builder = builder.prices(Arc::new(ListPrices(prices))).approvals(Arc::new(approver));
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the run: {error}")))?;
    let recorder = Arc::new(run.store.recorder()?);
    let Some(told) = executor.block_on(perform(run, args, &loaded, builder, &recorder, questions))? else {
        return Err(Failure::failed(
            "left at once: sessions that were at work are PAUSED by the next `run` or `up`, and go on with --resume",
        ));
    };
    let summary = Summary::read(run, recorder.reader(), told)?;
    let (short, all) = (ShortIds::of(run, recorder.reader()), ShortIds::all(recorder.reader()));
    if let Some(recorder) = Arc::into_inner(recorder) {
        recorder.close().map_err(|error| Failure::failed(format!("{}: {error}", run.store.path.display())))?;
    }
    summary.print(run, &short)?;
    let cancelled = |outcome: &&Outcome| summary.interrupted && outcome.state == Some(State::Cancelled);
    let failed = summary.sessions.iter().filter(|outcome| !outcome.ok && !cancelled(outcome));
    failed.for_each(|outcome| tell(&outcome.told(&all)));
    if summary.interrupted {
        tell("interrupted: every session that had not ended was cancelled");
    }
    Ok(if summary.ok { Exit::Done } else { Exit::Failed })
}

/// Runs the sessions; `None` if the user left before they had ended.
async fn perform(
    run: &Run,
    args: &RunArgs,
    loaded: &Loaded,
    builder: RuntimeBuilder,
    recorder: &Arc<Recorder>,
    questions: mpsc::Receiver<Question>,
) -> Result<Option<Told>, Failure> {
    let reader = recorder.reader();
    let from_seq = reader.last_seq().map_or(1, |seq| seq + 1);
    // Before anything starts, so that no signal is missed.
    let signals = Signals::new()?;
    let runtime = builder.start(Arc::clone(recorder)).map_err(|error| start_failure(run, &error))?;
    tell_recovered(run.console, reader, runtime.recovered(), args.resume.is_none());
    let before = runtime.sessions().into_iter().map(|session| (session.session_id.clone(), session)).collect();
    let mut watch = Watch {
        runtime: &runtime,
        reader,
        signals,
        questions,
        screen: Screen::new(run.console, reader),
        before,
        interrupted: false,
        refused: BTreeSet::new(),
    };
    let played = play(run, args, loaded, &mut watch).await;
    watch.screen.clear();
    let interrupted = watch.interrupted;
    let Played { watched, outcomes, sessions } = played?;
    if watched == Watched::Left {
        return Ok(None);
    }
    let recovered = runtime.recovered().to_vec();
    runtime
        .shutdown()
        .await
        .map_err(|error| Failure::failed(format!("{}: {}", run.store.path.display(), chain(&error))))?;
    Ok(Some(Told { plan: loaded.plan.name.clone(), interrupted, outcomes, recovered, sessions, from_seq }))
}

/// What came of the sessions.
struct Played {
    watched: Watched,
    outcomes: Vec<Outcome>,
    /// Every session of the run.
    sessions: BTreeSet<Arc<str>>,
}

/// Starts or resumes, and watches until nothing moves any more.
async fn play(run: &Run, args: &RunArgs, loaded: &Loaded, watch: &mut Watch<'_>) -> Result<Played, Failure> {
    let runtime = watch.runtime;
    let (watched, begun) = if let Some(named) = &args.resume {
        let wanted = wanted(run, watch, named)?;
        if wanted.is_empty() {
            watch.screen.note("no session of this store is paused");
        }
        let (watched, answers) = watch.until_rest(resume(runtime, wanted)).await?;
        (watched, Begun::of_resumed(answers.unwrap_or_default(), !named.is_empty(), watch)?)
    } else {
        let (watched, started) = watch.until_rest(loaded.launch.start(runtime)).await?;
        let started = started.transpose().map_err(|error| stopped(&error))?.unwrap_or_default();
        (watched, Begun { started, ..Begun::default() })
    };
    let sessions = watch.sessions();
    let outcomes = begun.outcomes(&loaded.plan, watch, &sessions);
    Ok(Played { watched, outcomes, sessions: sessions.iter().map(|session| session.session_id.shared()).collect() })
}

/// What the run began with.
#[derive(Default)]
struct Begun {
    started: Vec<Started>,
    /// Sessions that were to be resumed by name, and could not be.
    refused: Vec<(Id, String)>,
    /// Sessions that were resumed.
    resumed: Vec<Id>,
}

/// The sessions that are to go on: those that are named, or all that are paused.
fn wanted(run: &Run, watch: &Watch<'_>, named: &[String]) -> Result<Vec<Id>, Failure> {
    if named.is_empty() {
        let paused = watch.before.values().filter(|session| session.state == State::Paused);
        return Ok(paused.map(|session| session.session_id.clone()).collect());
    }
    named.iter().map(|prefix| find(run, watch.reader, &watch.before, prefix)).collect()
}

/// Lets paused sessions go on, and gives each answer.
async fn resume(runtime: &Runtime, wanted: Vec<Id>) -> Vec<(Id, Result<(), CommandError>)> {
    let mut answers = Vec::with_capacity(wanted.len());
    for id in wanted {
        let operator = Id::new("operator").expect("the word is short and printable");
        let answer = runtime.handle(id.clone()).resume(operator).await;
        answers.push((id, answer));
    }
    answers
}

impl Begun {
    /// Sorts what was answered. Who names a session wants that one; else those that cannot go on are only told of.
    fn of_resumed(
        answers: Vec<(Id, Result<(), CommandError>)>,
        by_name: bool,
        watch: &Watch<'_>,
    ) -> Result<Self, Failure> {
        let mut begun = Self::default();
        for (id, answer) in answers {
            match answer {
                Ok(()) => begun.resumed.push(id),
                Err(error @ CommandError::Stopped(_)) => return Err(stopped(&error)),
                Err(error) if by_name => begun.refused.push((id, advice(&error))),
                Err(error) => watch.screen.note(&format!("{id} stays paused: {}", advice(&error))),
            }
        }
        Ok(begun)
    }
}

/// Why a session does not go on, and what would make it.
fn advice(error: &CommandError) -> String {
    match error {
        CommandError::CannotStart(StartError::UnknownModel(model)) => {
            format!("the plan has no model `{model}`; resume it with the plan that began it")
        }
        CommandError::CannotStart(StartError::UnknownTool(tool)) => {
            format!("the plan offers no tool `{tool}`; resume it with the plan that began it")
        }
        CommandError::CannotStart(_)
        | CommandError::UnknownSession(_)
        | CommandError::Ended(_)
        | CommandError::NotPaused(_)
        | CommandError::Refused { .. }
        | CommandError::NotKept(_)
        | CommandError::Stopped(_) => error.to_string(),
    }
}

/// The one session that a prefix names, if it can be resumed at all.
fn find(run: &Run, reader: &Reader, before: &BTreeMap<Id, SessionStatus>, prefix: &str) -> Result<Id, Failure> {
    let id = run.store.resolve(reader, prefix)?;
    match before.iter().find(|(known, _)| known.as_str() == &*id) {
        Some((id, session)) if session.state == State::Paused => Ok(id.clone()),
        Some((id, session)) => {
            Err(Failure::failed(format!("session {id} is {}, and only a paused one can be resumed", session.state)))
        }
        None => Err(Failure::failed(format!(
            "session {id} cannot be resumed: it has ended, or no plan began it; `flightrec show {id}` tells"
        ))),
    }
}

impl Begun {
    /// How the sessions came out that the run was about.
    fn outcomes(self, plan: &Plan, watch: &Watch<'_>, sessions: &[SessionStatus]) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        let status = |id: &Id| sessions.iter().find(|session| session.session_id == *id);
        for (started, planned) in self.started.iter().zip(&plan.sessions) {
            let name = Some(started.name.shared());
            let of = started.session.as_ref().map(|handle| status(handle.id()));
            outcomes.push(match of {
                Ok(Some(session)) => outcome(name, session, planned.spec.mode),
                Ok(None) => Outcome { name, session_id: None, state: None, reason: "it is gone".into(), ok: false },
                Err(error) => {
                    Outcome { name, session_id: None, state: None, reason: format!("not started: {error}"), ok: false }
                }
            });
        }
        for (id, why) in self.refused {
            let state = watch.before.get(&id).map(|session| session.state);
            outcomes.push(Outcome { name: None, session_id: Some(id), state, reason: why, ok: false });
        }
        // What waited for a resumed session has gone on, too. Spawned sessions answer to those that spawned them.
        let moved = sessions.iter().filter(|session| watch.before.contains_key(&session.session_id));
        for session in moved.filter(|session| session.depth == 0 || self.resumed.contains(&session.session_id)) {
            outcomes.push(outcome(session.label.clone(), session, SpawnMode::OneShot));
        }
        outcomes
    }
}

/// How a session came out. One that is to live on has done its part when it waits for input.
fn outcome(name: Option<Arc<str>>, session: &SessionStatus, mode: SpawnMode) -> Outcome {
    let rests = session.state == State::Blocked && &*session.reason == "awaiting_input";
    let ok = session.state == State::Completed || (rests && mode == SpawnMode::SessionPersistent);
    let (id, reason) = (session.session_id.clone(), session.reason.to_string());
    Outcome { name, session_id: Some(id), state: Some(session.state), reason, ok }
}

impl Outcome {
    /// One line: which session, how it came out, and what to do.
    fn told(&self, short: &ShortIds) -> String {
        let id = self.session_id.as_ref().map(|id| short.get(id.as_str()));
        let called = match (&self.name, id) {
            (Some(name), Some(id)) => format!("session {name} ({id})"),
            (Some(name), None) => format!("session {name}"),
            (None, id) => format!("session {}", id.unwrap_or("?")),
        };
        match self.state {
            Some(State::Paused) => {
                format!("{called} is PAUSED: {}; `flightrec run PLAN --resume` goes on with it", self.reason)
            }
            Some(state) => format!("{called} is {state}: {}", self.reason),
            None => format!("{called}: {}", self.reason),
        }
    }
}

fn start_failure(run: &Run, error: &RuntimeError) -> Failure {
    Failure::failed(format!("{}: cannot start the sessions: {}", run.store.path.display(), chain(error)))
}
