//! `push`: the archive and the artifacts to an object store.
// tidy: no-wildcard

use std::collections::HashSet;
use std::time::Duration;

use flightrec_archive::Manifest;
use flightrec_archive::push::{
    Content, ContentError, Contents, Patience, Progress, Push, PushError, PushOptions, Pushed, Target, TargetError,
};
use flightrec_events::Sha256Hex;
use flightrec_recorder::{ArtifactError, Reader};
use serde::Serialize;

use super::Run;
use super::seal;
use super::signals::Signals;
use crate::args::PushArgs;
use crate::exit::{Exit, Failure, Outcome, chain, tell};
use crate::output::{print_object, words};

/// The most characters of an error that are told: a target can answer with any text.
const MAX_TOLD: usize = 1_000;

/// What was pushed, as it is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Sent {
    url: String,
    node: String,
    dry_run: bool,
    /// Whether all of it was read back.
    verified: bool,
    generation: u64,
    segments: Counts,
    /// `None` if artifacts were left out.
    artifacts: Option<Counts>,
    bytes_put: u64,
    removed: u64,
    artifacts_missing_here: u64,
    /// Positions that are sealed.
    positions_sealed: u64,
    /// Positions that are in the journal, and were not pushed.
    positions_in_journal: u64,
}

#[derive(Debug, Serialize)]
struct Counts {
    put: u64,
    there: u64,
}

/// The object store behind a URL, with settings from the environment.
pub(crate) fn open_target(url: &str, patience: Patience) -> Result<Target, Failure> {
    let settings =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Target::open(url, settings, patience).map_err(|error| target_failure(&error))
}

pub(super) fn run(run: &Run, args: &PushArgs) -> Outcome {
    let patience = Patience { timeout: Duration::from_secs(args.timeout), retries: usize::from(args.retries) };
    let target = open_target(&args.url, patience)?;
    if args.seal {
        let sealed = seal::now(run)?;
        run.console.note(&format!("{} sealed", words::counted(sealed.events, "event", "events")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start a runtime: {error}")))?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            outcome = async { if args.watch { watch(run, args, &target).await } else { once(run, args, &target).await } } => outcome,
            () = signals.next() => stopped(args),
        }
    })
}

/// What a signal means: the wanted end of watching, and the unwanted one of a single push.
fn stopped(args: &PushArgs) -> Outcome {
    if args.watch {
        return Ok(Exit::Done);
    }
    Err(Failure::failed("stopped: the manifest there is the one before; the next push goes on from what was put"))
}

async fn once(run: &Run, args: &PushArgs, target: &Target) -> Outcome {
    let sent = push(run, args, target).await?;
    print(run, &sent)?;
    Ok(Exit::Done)
}

/// Pushes again and again. A target that fails is tried again at the next look; a damaged store is not.
async fn watch(run: &Run, args: &PushArgs, target: &Target) -> Outcome {
    let reader = run.store.reader()?;
    let (storage, store) = (reader.storage().clone(), reader.store_id());
    drop(reader);
    let mut in_force = None;
    loop {
        let generation =
            Manifest::load(&*storage, store).map_err(|error| push_failure(run, target, &error.into()))?.generation();
        if in_force != Some(generation) {
            match push(run, args, target).await {
                Ok(sent) => {
                    print(run, &sent)?;
                    in_force = Some(sent.generation);
                }
                Err(Failure::Told { exit: Exit::Failed, message }) => tell(&message),
                Err(other) => return Err(other),
            }
        }
        tokio::time::sleep(Duration::from_secs(args.every)).await;
    }
}

async fn push(run: &Run, args: &PushArgs, target: &Target) -> Result<Sent, Failure> {
    let reader = run.store.reader()?;
    let contents = Artifacts(&reader);
    let push = Push {
        storage: &**reader.storage(),
        store: reader.store_id(),
        contents: (!args.no_artifacts).then_some(&contents as &dyn Contents),
    };
    let options = PushOptions { dry_run: args.dry_run, verify: args.verify };
    let bar = run.console.progress(None, "{bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {msg}");
    let show = |at: Progress<'_>| {
        bar.set_length(at.total_bytes);
        bar.set_position(at.done_bytes);
        bar.set_message(at.object.rsplit('/').next().unwrap_or_default().to_owned());
    };
    let pushed = push.run(target, options, &show).await;
    bar.finish_and_clear();
    let pushed = pushed.map_err(|error| push_failure(run, target, &error))?;
    Ok(sent(args, target, &reader, pushed))
}

fn sent(args: &PushArgs, target: &Target, reader: &Reader, pushed: Pushed) -> Sent {
    let Pushed { generation, next_seq, bytes_put, removed, missing_here, .. } = pushed;
    let artifacts = Counts { put: pushed.artifacts_put, there: pushed.artifacts_there };
    Sent {
        url: target.url().to_owned(),
        node: reader.store_id().to_string(),
        dry_run: args.dry_run,
        verified: args.verify && !args.dry_run,
        generation,
        segments: Counts { put: pushed.segments_put, there: pushed.segments_there },
        artifacts: (!args.no_artifacts).then_some(artifacts),
        bytes_put,
        removed,
        artifacts_missing_here: missing_here,
        positions_sealed: next_seq.saturating_sub(1),
        positions_in_journal: reader.last_seq().unwrap_or(0).saturating_sub(next_seq.saturating_sub(1)),
    }
}

fn print(run: &Run, sent: &Sent) -> Result<(), Failure> {
    if sent.positions_in_journal > 0 {
        let events = words::counted(sent.positions_in_journal, "event is", "events are");
        run.console.note(&format!("{events} not sealed yet and stayed here; `flightrec push --seal` takes all"));
    }
    if sent.artifacts_missing_here > 0 {
        let artifacts = words::counted(sent.artifacts_missing_here, "artifact is", "artifacts are");
        tell(&format!(
            "{artifacts} there and not here, although events name them: they were left there; `flightrec verify` looks closer"
        ));
    }
    print_object(run.console, sent, |out| {
        let Sent { segments, artifacts, bytes_put, removed, dry_run, verified, url, .. } = sent;
        let put = if *dry_run { "to be put" } else { "put" };
        let with = |one: &str, more: &str, counts: &Counts| {
            format!("{} {put}, {} there already", words::counted(counts.put, one, more), words::count(counts.there))
        };
        let mut parts = vec![with("segment", "segments", segments)];
        parts.extend(artifacts.as_ref().map(|counts| with("artifact", "artifacts", counts)));
        parts.push(words::bytes(*bytes_put));
        parts.extend((*removed > 0).then(|| {
            format!(
                "{} {}",
                words::counted(*removed, "obsolete object", "obsolete objects"),
                if *dry_run { "to be removed" } else { "removed" }
            )
        }));
        parts.extend(verified.then(|| "all read back and compared".to_owned()));
        Ok(writeln!(out, "{}: {}", crate::escape::escape(url), parts.join("; "))?)
    })
}

/// The artifacts of the store, as a push asks for them.
struct Artifacts<'a>(&'a Reader);

impl Contents for Artifacts<'_> {
    fn list(&self) -> Result<Vec<Content>, ContentError> {
        let files = self.0.artifacts().files().map_err(content_error)?;
        Ok(files.into_iter().map(|(sha256, bytes)| Content { sha256: *sha256.as_bytes(), bytes }).collect())
    }

    fn read(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, ContentError> {
        self.0.artifacts().file(Sha256Hex::from_bytes(*sha256)).map_err(content_error)
    }

    fn named(&self) -> Result<Option<HashSet<[u8; 32]>>, ContentError> {
        self.0.named_artifacts().map_err(|error| ContentError::Failed(Box::new(error)))
    }
}

fn content_error(error: ArtifactError) -> ContentError {
    match error {
        ArtifactError::NotFound(_) => ContentError::Gone,
        ArtifactError::Damaged(_) => ContentError::Damaged(Box::new(error)),
        ArtifactError::TooLarge { .. } | ArtifactError::Io { .. } => ContentError::Failed(Box::new(error)),
    }
}

fn target_failure(error: &TargetError) -> Failure {
    match error {
        TargetError::Url { .. } | TargetError::PlainHttp { .. } => Failure::usage(chain(error)),
        TargetError::NoCredentials { .. }
        | TargetError::Certificates(_)
        | TargetError::Http(_)
        | TargetError::Settings(_) => Failure::failed(chain(error)),
    }
}

fn push_failure(run: &Run, target: &Target, error: &PushError) -> Failure {
    let told = chain(error);
    let told = told.char_indices().nth(MAX_TOLD).map_or(&*told, |(end, _)| &told[..end]);
    if error.is_damage() {
        Failure::Told { exit: Exit::Damaged, message: format!("{}: {told}", run.store.path.display()) }
    } else {
        Failure::failed(format!("{}: {told}", target.url()))
    }
}
