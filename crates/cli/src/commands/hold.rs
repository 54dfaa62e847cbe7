//! `hold`: sessions that no retention policy touches.

use std::sync::Arc;

use flightrec_recorder::HoldError;
use serde::Serialize;

use super::Run;
use super::short_ids::ShortIds;
use crate::args::HoldArgs;
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::{Align, Column, Lister, words};

const COLUMNS: &[Column] =
    &[Column("SESSION", Align::Left), Column("SINCE", Align::Left), Column("REASON", Align::Left)];

/// One hold, as it is listed.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    session_id: Arc<str>,
    reason: String,
    since: String,
}

pub(super) fn run(run: &Run, args: &HoldArgs) -> Outcome {
    let reader = run.store.reader()?;
    let failed = |error: HoldError| Failure::failed(format!("{}: {}", run.store.path.display(), chain(&error)));
    if args.sessions.is_empty() {
        let holds = reader.holds().map_err(failed)?;
        let short = ShortIds::of(run, &reader);
        let mut list = Lister::new::<Held>(run.console, COLUMNS)?;
        for (session, hold) in holds.iter() {
            let held = Held { session_id: Arc::clone(session), reason: hold.reason.clone(), since: hold.since.clone() };
            list.item(&held, || {
                vec![short.get(session).into(), hold.since.as_str().into(), hold.reason.as_str().into()]
            })?;
        }
        list.finish("holds")?;
        return Ok(Exit::Done);
    }
    let sessions =
        args.sessions.iter().map(|prefix| run.store.resolve(&reader, prefix)).collect::<Result<Vec<_>, _>>()?;
    let now = run.now();
    let changed = reader
        .change_holds(|holds| {
            let change = |session: &&Arc<str>| {
                if args.release { holds.remove(session) } else { holds.insert(session, &args.reason, now) }
            };
            sessions.iter().filter(change).count()
        })
        .map_err(failed)?;
    let done = if args.release { "released" } else { "placed" };
    let before = sessions.len() - changed;
    let rest = match (before, args.release) {
        (0, _) => String::new(),
        (before, true) => format!("; {} not held", words::counted(before as u64, "was", "were")),
        (before, false) => format!("; {} held already", words::counted(before as u64, "was", "were")),
    };
    run.console.note(&format!("{} {done}{rest}", words::counted(changed as u64, "hold", "holds")));
    Ok(Exit::Done)
}
