//! `verify`: re-reads everything and names the first damage.

use std::path::Path;

use flightrec_recorder::view::{ProjectionCheck, VerifyView};
use flightrec_recorder::{Checkpoint, VerifyStage};

use super::Run;
use crate::args::VerifyArgs;
use crate::escape::escape;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{print_object, words};
use crate::store::read_all;

/// The most bytes of a file of checkpoints.
const MAX_CHECKPOINT_BYTES: u64 = 16 * 1024 * 1024;

pub(super) fn run(run: &Run, args: &VerifyArgs) -> Outcome {
    let checkpoints = args.against.as_deref().map(read_checkpoints).transpose()?.unwrap_or_default();
    let reader = run.store.reader()?;
    let bar = run
        .console
        .progress(Some(reader.event_count()), "{msg:10} {bar:32} {percent:>3}%  {human_pos} events  {eta} left");
    let verified = reader.verify_against(&checkpoints, &mut |step| {
        bar.set_message(match step.stage {
            VerifyStage::Log => "log",
            VerifyStage::Events => "events",
            VerifyStage::Artifacts => "artifacts",
        });
        bar.set_position(step.events);
    });
    bar.finish_and_clear();
    let found = verified.map_err(|error| run.store.verify_failure(&error))?;
    print_object(run.console, &found, |out| people(&found, out))?;
    Ok(if found.ok { Exit::Done } else { Exit::Damaged })
}

/// The checkpoints in a file, one a line; empty lines are passed over.
fn read_checkpoints(path: &Path) -> Result<Vec<Checkpoint>, Failure> {
    let bytes = read_all(path, MAX_CHECKPOINT_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let checkpoints = lines
        .map(|(at, line)| {
            line.parse().map_err(|error| Failure::usage(format!("{}, line {}: {error}", path.display(), at + 1)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if checkpoints.is_empty() {
        return Err(Failure::usage(format!(
            "{} holds no checkpoint; `flightrec checkpoint` prints one",
            path.display()
        )));
    }
    Ok(checkpoints)
}

fn people(found: &VerifyView, out: &mut dyn std::io::Write) -> Result<(), Failure> {
    let position = |seq: Option<u64>| seq.map_or_else(words::none, |seq| seq.to_string());
    writeln!(out, "{}", if found.ok { "ok: everything is as it was written" } else { "DAMAGED" })?;
    writeln!(
        out,
        "events       {} (seq {} to {})",
        words::count(found.events),
        position(found.first_seq),
        position(found.last_seq)
    )?;
    writeln!(out, "chain head   {}", found.chain_head)?;
    writeln!(
        out,
        "artifacts    {} checked, {} bad, {} named by events but never given",
        words::count(found.artifacts.checked),
        words::count(found.artifacts.bad),
        words::count(found.artifacts.missing),
    )?;
    writeln!(
        out,
        "projections  {}",
        match found.projections {
            ProjectionCheck::Match => "match the events",
            ProjectionCheck::Differ =>
                "differ from the events; delete the directory `derived` of the store to have them made again",
        }
    )?;
    for damage in &found.damage {
        let range = match (damage.seq_from, damage.seq_to) {
            (Some(from), Some(to)) => format!("seq {from} to {to}"),
            (Some(from), None) => format!("from seq {from}"),
            (None, Some(to)) => format!("up to seq {to}"),
            (None, None) => "no events".to_owned(),
        };
        writeln!(
            out,
            "damage       {}: {} in {}: {}",
            range,
            escape(&damage.kind),
            escape(&damage.segment),
            escape(&damage.detail)
        )?;
    }
    Ok(())
}
