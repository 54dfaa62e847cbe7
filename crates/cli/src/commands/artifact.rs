//! `artifact put` and `artifact get`: content by its hash.

use std::io::Write as _;

use flightrec_recorder::MAX_ARTIFACT_BYTES;

use super::Run;
use crate::args::{ArtifactCommand, ArtifactGetArgs, ArtifactPutArgs};
use crate::escape::escape_lines;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{print_object, words, write_file};
use crate::store::read_all;

pub(super) fn run(run: &Run, command: &ArtifactCommand) -> Outcome {
    match command {
        ArtifactCommand::Put(args) => put(run, args),
        ArtifactCommand::Get(args) => get(run, args),
    }
}

/// Any number of processes may give content at once, also while one records; so the writer's lock is
/// taken only to make a store where there is none.
fn put(run: &Run, args: &ArtifactPutArgs) -> Outcome {
    let content = read_all(&args.file, MAX_ARTIFACT_BYTES)?;
    let reader = if let Some(reader) = run.store.reader_if_any()? {
        reader
    } else {
        let recorder = run.store.recorder()?;
        recorder.close().map_err(|error| Failure::failed(format!("{}: {error}", run.store.path.display())))?;
        run.store.reader()?
    };
    let artifact = reader.artifacts().put(&content).map_err(|error| run.store.artifact_failure(&error))?;
    print_object(run.console, &artifact, |out| {
        let redacted = if artifact.redacted { ", secrets taken out" } else { "" };
        writeln!(out, "{}  {}{redacted}", artifact.artifact_id, words::bytes(artifact.bytes))?;
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn get(run: &Run, args: &ArtifactGetArgs) -> Outcome {
    let reader = run.store.reader()?;
    let content = reader.artifacts().get(args.id).map_err(|error| run.store.artifact_failure(&error))?;
    match &args.output {
        Some(path) => write_file(path, |out| Ok(out.write_all(&content)?))?,
        None if run.console.output_is_terminal => {
            let text = escape_lines(&String::from_utf8_lossy(&content));
            std::io::stdout().write_all(text.as_bytes())?;
        }
        None => std::io::stdout().write_all(&content)?,
    }
    Ok(Exit::Done)
}
