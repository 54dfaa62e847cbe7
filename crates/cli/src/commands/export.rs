//! `export`: events out of the store, for keeping or for recording elsewhere.

use std::io::{BufWriter, Write};

use flightrec_recorder::Reader;
use flightrec_recorder::query::EventFilter;

use super::events::readable;
use super::scope::{self, Scope};
use super::{Run, has_gaps};
use crate::args::{ExportArgs, Format};
use crate::escape::escape_json;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{words, write_file};

pub(super) fn run(run: &Run, args: &ExportArgs, format: Option<Format>) -> Outcome {
    match format {
        None | Some(Format::Ndjson) => {}
        Some(Format::Table | Format::Json | Format::Csv | Format::Markdown) => {
            return Err(Failure::usage(
                "export writes ndjson: leave --format out, or use `flightrec events` for other formats",
            ));
        }
    }
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let kinds = scope::kinds(&reader.registry().map_err(|error| run.store.open_failure(&error))?, &args.kind)?;
    let scope = Scope::new(run, &reader, args.session.as_deref(), &args.filters)?;
    let filter = EventFilter { session: scope.session.clone(), kinds, since, until, ..EventFilter::default() };
    let Some(path) = &args.output else {
        let mut out = BufWriter::with_capacity(256 * 1024, std::io::stdout());
        return write_events(run, &reader, &filter, &scope, args.replay, &mut out).map(|(_, exit)| exit);
    };
    let mut written = (0, Exit::Done);
    write_file(path, |out| {
        written = write_events(run, &reader, &filter, &scope, args.replay, out)?;
        Ok(())
    })?;
    let (events, exit) = written;
    run.console.note(&format!("{} written to {}", words::counted(events, "event", "events"), path.display()));
    Ok(exit)
}

/// Writes every event that is wanted and can be read; answers with how many, and whether some could not.
fn write_events(
    run: &Run,
    reader: &Reader,
    filter: &EventFilter,
    scope: &Scope,
    replay: bool,
    out: &mut dyn Write,
) -> Result<(u64, Exit), Failure> {
    let mut line = Vec::new();
    let mut events = 0;
    let mut is_whole = !has_gaps(reader);
    for event in reader.events(filter) {
        let Some(event) = readable(run, event, &mut is_whole)? else { continue };
        if !scope.takes(event.event.model_session_id.as_ref().map(AsRef::as_ref)) {
            continue;
        }
        line.clear();
        if replay {
            event.event.write_json(&mut line, None);
        } else {
            event.write_json(&mut line);
        }
        escape_json(&mut line);
        line.push(b'\n');
        out.write_all(&line)?;
        events += 1;
    }
    out.flush()?;
    Ok((events, if is_whole { Exit::Done } else { Exit::Damaged }))
}
