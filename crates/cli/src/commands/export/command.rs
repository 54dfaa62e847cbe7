//! From the arguments to a file or a stream, and the formats that hold events.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use flightrec_ingest::export::SessionExport;
use flightrec_ingest::otlp::model::TracesRequest;
use flightrec_ingest::otlp::{self, Encoding};
use flightrec_recorder::Reader;
use flightrec_recorder::archive::{EventsFile, ExportError};
use flightrec_recorder::journal::Seq;
use flightrec_recorder::query::EventFilter;

use super::super::events::readable;
use super::super::scope::{self, Scope};
use super::super::{Run, has_gaps};
use super::{chosen, html, perfetto};
use crate::args::{ExportArgs, Format};
use crate::escape::escape_json;
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::{words, write_file};

pub(in crate::commands) fn run(run: &Run, args: &ExportArgs, format: Option<Format>) -> Outcome {
    let shape = match format {
        None | Some(Format::Ndjson) => Shape::Events { replay: args.replay },
        Some(Format::Otlp) => Shape::Otlp,
        Some(Format::Parquet) => Shape::Parquet,
        Some(Format::Perfetto) => Shape::Perfetto,
        Some(Format::Html) => Shape::Html,
        Some(Format::Table | Format::Json | Format::Csv | Format::Markdown) => {
            return Err(Failure::usage(
                "export writes ndjson, otlp, parquet, perfetto or html: leave --format out, or use `flightrec events` for \
                 other formats",
            ));
        }
    };
    check(shape, args)?;
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let kinds = scope::kinds(&reader.registry().map_err(|error| run.store.open_failure(&error))?, &args.kind)?;
    let scope = Scope::new(run, &reader, args.session.as_deref(), &args.filters)?;
    let filter = EventFilter { session: scope.session.clone(), kinds, since, until, ..EventFilter::default() };
    let write = |out: &mut (dyn Write + Send)| write(run, &reader, args, &filter, &scope, shape, out);
    let Some(path) = &args.output else {
        if shape.is_of_bytes() && run.console.output_is_terminal {
            return Err(Failure::usage(
                "this format is not for terminals: name a file with --output, or redirect the output",
            ));
        }
        let mut out = BufWriter::with_capacity(256 * 1024, std::io::stdout());
        return write(&mut out).map(|(_, exit)| exit);
    };
    let path = &if shape == Shape::Parquet && path.is_dir() { path.join("events.parquet") } else { path.clone() };
    let mut written = (0, Exit::Done);
    write_file(path, |out| {
        written = write(out)?;
        Ok(())
    })?;
    let (count, exit) = written;
    let (one, many) = if shape == Shape::Perfetto { ("session", "sessions") } else { ("event", "events") };
    run.console.note(&format!("{} written to {}", words::counted(count, one, many), path.display()));
    Ok(exit)
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Events, one JSON object a line.
    Events { replay: bool },
    /// OTLP requests with spans, one JSON object a line.
    Otlp,
    /// Events, as rows of the archive's columns.
    Parquet,
    /// Sessions, as tracks of a trace.
    Perfetto,
    /// One session, as a page.
    Html,
}

impl Shape {
    const fn is_of_bytes(self) -> bool {
        match self {
            Shape::Parquet | Shape::Perfetto => true,
            Shape::Events { .. } | Shape::Otlp | Shape::Html => false,
        }
    }

    /// Whether it is a picture of sessions, and no list of their events.
    const fn is_picture(self) -> bool {
        match self {
            Shape::Perfetto | Shape::Html => true,
            Shape::Events { .. } | Shape::Otlp | Shape::Parquet => false,
        }
    }
}

/// Refuses options that would do nothing.
fn check(shape: Shape, args: &ExportArgs) -> Result<(), Failure> {
    if shape.is_picture() && (args.replay || !args.kind.is_empty()) {
        return Err(Failure::usage("--replay and --kind choose events; perfetto and html show whole sessions"));
    }
    if args.tree && !shape.is_picture() {
        return Err(Failure::usage("--tree is for --format perfetto and html"));
    }
    if shape == Shape::Html && args.session.is_none() {
        return Err(Failure::usage(
            "--format html shows one session: name it with --session ID; --tree adds those below it",
        ));
    }
    Ok(())
}

fn write(
    run: &Run,
    reader: &Reader,
    args: &ExportArgs,
    filter: &EventFilter,
    scope: &Scope,
    shape: Shape,
    out: &mut (dyn Write + Send),
) -> Result<(u64, Exit), Failure> {
    match shape {
        Shape::Events { replay } => write_events(run, reader, filter, scope, replay, out),
        Shape::Otlp => write_otlp(run, reader, filter, scope, out),
        Shape::Parquet => write_parquet(run, reader, filter, scope, out),
        Shape::Perfetto => {
            let sessions = chosen::sessions(run, reader, args)?;
            let is_whole = perfetto::write(run, reader, &sessions, out)?;
            Ok((sessions.len() as u64, exit_of(is_whole && !has_gaps(reader))))
        }
        Shape::Html => {
            let sessions = chosen::sessions(run, reader, args)?;
            let (events, is_whole) = html::write(run, reader, &sessions, out)?;
            Ok((events, exit_of(is_whole && !has_gaps(reader))))
        }
    }
}

const fn exit_of(is_whole: bool) -> Exit {
    if is_whole { Exit::Done } else { Exit::Damaged }
}

/// Writes sessions as spans that hold their events, session by session.
fn write_otlp(
    run: &Run,
    reader: &Reader,
    filter: &EventFilter,
    scope: &Scope,
    out: &mut dyn Write,
) -> Result<(u64, Exit), Failure> {
    let sessions = match &scope.session {
        Some(session) => vec![Arc::clone(session)],
        // Spans outside any session are exported too, unless sessions are filtered.
        None => reader.ids_with_traces(),
    };
    let mut events = 0;
    let mut is_whole = !has_gaps(reader);
    let mut send = |request: TracesRequest| -> Result<(), Failure> {
        let mut line = otlp::encode_traces(&request, Encoding::Json);
        escape_json(&mut line);
        line.push(b'\n');
        Ok(out.write_all(&line)?)
    };
    for session in sessions.iter().filter(|session| scope.takes(Some(session))) {
        let mut export = SessionExport::new(session);
        for event in reader.events(&EventFilter { session: Some(Arc::clone(session)), ..filter.clone() }) {
            let Some(event) = readable(run, event, &mut is_whole)? else { continue };
            events += 1;
            if let Some(request) = export.add(event.seq, &event.event) {
                send(request)?;
            }
        }
        if let Some(request) = export.finish() {
            send(request)?;
        }
    }
    out.flush()?;
    Ok((events, exit_of(is_whole)))
}

/// Writes every event that is wanted and can be read into one Parquet file, in the order of the record.
fn write_parquet(
    run: &Run,
    reader: &Reader,
    filter: &EventFilter,
    scope: &Scope,
    out: &mut (dyn Write + Send),
) -> Result<(u64, Exit), Failure> {
    let mut is_whole = !has_gaps(reader);
    let mut file = EventsFile::create(out, reader.store_id()).map_err(|error| cannot_write(&error))?;
    for event in reader.events(filter) {
        let Some(event) = readable(run, event, &mut is_whole)? else { continue };
        if scope.takes(event.event.model_session_id.as_ref().map(AsRef::as_ref)) {
            let added = file.push(Seq::new(event.seq), event.recorded_at, &event.event);
            added.map_err(|error| cannot_write(&error))?;
        }
    }
    let events = file.finish().map_err(|error| cannot_write(&error))?;
    Ok((events, exit_of(is_whole)))
}

/// The error of the output, if it is behind that of the encoder.
fn cannot_write(error: &ExportError) -> Failure {
    match error.output() {
        Some(kind) => Failure::from(std::io::Error::from(kind)),
        None => Failure::failed(chain(error)),
    }
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
    Ok((events, exit_of(is_whole)))
}
