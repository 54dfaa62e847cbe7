//! `retain`: what a policy does not keep is forgotten, and the record tells of it.

use flightrec_recorder::{Forgotten, RetentionError, RetentionPlan, Vouched};
use serde::Serialize;

use super::Run;
use crate::args::RetainArgs;
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::{print_object, words};

/// What was forgotten, or would be.
#[derive(Debug, Serialize)]
pub(crate) struct Retained {
    policy: String,
    dry_run: bool,
    sessions: u64,
    events: u64,
    /// Not known before it is done.
    artifacts: Option<u64>,
    /// Bytes of the log; a dry run estimates them.
    bytes: u64,
    kept_sessions: u64,
    held_sessions: u64,
    live_sessions: u64,
}

pub(super) fn run(run: &Run, args: &RetainArgs) -> Outcome {
    let failed = |error: &RetentionError| Failure::failed(format!("{}: {}", run.store.path.display(), chain(error)));
    let policy = args.policy();
    let vouched = Vouched { clock: args.trust_clock, everything: args.all };
    let reader = run.store.reader()?;
    let retained = if args.dry_run {
        let plan = reader.plan_retention(policy, run.now(), vouched).map_err(|error| failed(&error))?;
        let RetentionPlan { sessions, events, about_bytes, kept_sessions, held_sessions, live_sessions, .. } = plan;
        Retained {
            policy: policy.to_string(),
            dry_run: true,
            sessions,
            events,
            artifacts: None,
            bytes: about_bytes,
            kept_sessions,
            held_sessions,
            live_sessions,
        }
    } else {
        drop(reader);
        let recorder = run.store.recorder()?;
        let bar = run.console.progress(None, "{spinner} forgetting  {elapsed}");
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        let forgotten = recorder.forget(policy, vouched);
        bar.finish_and_clear();
        let closed = recorder.close();
        let forgotten = forgotten.map_err(|error| failed(&error))?;
        closed.map_err(|error| Failure::failed(format!("{}: {}", run.store.path.display(), chain(&error))))?;
        let Forgotten { sessions, events, artifacts, bytes, kept_sessions, held_sessions, live_sessions } = forgotten;
        Retained {
            policy: policy.to_string(),
            dry_run: false,
            sessions,
            events,
            artifacts: Some(artifacts),
            bytes,
            kept_sessions,
            held_sessions,
            live_sessions,
        }
    };
    print_object(run.console, &retained, |out| Ok(writeln!(out, "{}", told(&retained))?))?;
    Ok(Exit::Done)
}

/// In words.
fn told(retained: &Retained) -> String {
    let Retained { policy, dry_run, sessions, events, artifacts, bytes, kept_sessions, held_sessions, live_sessions } =
        retained;
    let sessions_of = |count: u64| words::counted(count, "session", "sessions");
    let text = if *sessions == 0 {
        format!("{policy}: nothing to forget")
    } else {
        let verb = if *dry_run { "would be forgotten" } else { "forgotten" };
        let what = format!("{} with {}", sessions_of(*sessions), words::counted(*events, "event", "events"));
        let content = artifacts
            .map(|count| format!(" and {}", words::counted(count, "artifact", "artifacts")))
            .unwrap_or_default();
        let about = if *dry_run { "about " } else { "" };
        format!("{policy}: {what}{content} {verb}, {about}{} of the log", words::bytes(*bytes))
    };
    let reasons = [(*held_sessions, "by a hold"), (*live_sessions, "because they are still being recorded")];
    let reasons = reasons.into_iter().filter(|(count, _)| *count > 0);
    let reasons: String =
        reasons.map(|(count, why)| format!(", {} of them {why}", words::count(count))).collect::<Vec<_>>().concat();
    format!("{text}; {} kept{reasons}", sessions_of(*kept_sessions))
}
