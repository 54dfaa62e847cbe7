//! `seal`: what was recorded so far goes into the archive.

use flightrec_recorder::Sealed;

use super::Run;
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::{print_object, words};

/// Seals all that was recorded so far.
pub(super) fn now(run: &Run) -> Result<Sealed, Failure> {
    let failed =
        |error: &dyn std::error::Error| Failure::failed(format!("{}: {}", run.store.path.display(), chain(error)));
    // There must be a store: sealing makes none.
    drop(run.store.reader()?);
    let recorder = run.store.recorder()?;
    let bar = run.console.progress(None, "{spinner} sealing  {elapsed}");
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    let sealed = recorder.seal();
    bar.finish_and_clear();
    let closed = recorder.close();
    let sealed = sealed.map_err(|error| failed(&error))?;
    closed.map_err(|error| failed(&error))?;
    Ok(sealed)
}

pub(super) fn run(run: &Run) -> Outcome {
    let sealed = now(run)?;
    print_object(run.console, &sealed, |out| {
        if sealed.segments == 0 {
            writeln!(out, "nothing to seal: all that was recorded is in the archive")?;
        } else {
            let (from, to) = (words::bytes(sealed.journal_bytes), words::bytes(sealed.archive_bytes));
            let segments = words::counted(sealed.segments, "segment", "segments");
            writeln!(
                out,
                "{} events sealed in {segments}: {from} of the journal are {to} of Parquet",
                words::count(sealed.events)
            )?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}
