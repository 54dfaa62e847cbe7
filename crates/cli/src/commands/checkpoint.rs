//! `checkpoint`: a line that proves later what the log held.

use flightrec_recorder::Checkpoint;
use serde::Serialize;

use super::Run;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::print_object;

/// A checkpoint, as programs take it.
#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    store: String,
    seq: u64,
    chain: String,
    at: String,
}

pub(super) fn run(run: &Run) -> Outcome {
    let empty = || Failure::failed(format!("{}: nothing is recorded here yet", run.store.path.display()));
    let checkpoint = run.reader()?.checkpoint().ok_or_else(empty)?;
    let Checkpoint { store, seq, chain, recorded_at } = checkpoint;
    let kept = Kept { store: store.to_string(), seq, chain: chain.to_string(), at: recorded_at.to_string() };
    print_object(run.console, &kept, |out| Ok(writeln!(out, "{checkpoint}")?))?;
    Ok(Exit::Done)
}
