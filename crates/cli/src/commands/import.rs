//! `import otlp`: saved requests into the record, as if they had just been sent.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flightrec_ingest::otlp::Encoding;
use flightrec_ingest::prices::PriceTable;
use flightrec_ingest::transcripts::Agent;
use flightrec_server::telemetry::{Telemetry, TelemetryError};
use flightrec_server::{Signal, Taken};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Run, transcripts};
use crate::args::{ImportCommand, ImportOtlpArgs, PriceArgs, SignalWord};
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::print_object;
use crate::store::read_all;

/// The most bytes of one file, as it lies and as it is decoded.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// What was imported.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Imported {
    files: u64,
    requests: u64,
    spans: u64,
    log_records: u64,
    refused: u64,
    /// Data points, which are not recorded.
    data_points: u64,
    events_added: u64,
}

pub(super) fn run(run: &Run, command: &ImportCommand) -> Outcome {
    match command {
        ImportCommand::Otlp(args) => otlp(run, args),
        ImportCommand::ClaudeCode(args) => transcripts::run(run, Agent::ClaudeCode, &args.from),
        ImportCommand::Codex(args) => transcripts::run(run, Agent::Codex, &args.from),
    }
}

/// The bundled prices, and the user's own over them.
pub(super) fn prices(args: &PriceArgs) -> Result<PriceTable, Failure> {
    let Some(path) = &args.prices else { return Ok(PriceTable::bundled()) };
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read the prices in", path, &error))?;
    PriceTable::with_user(&bytes)
        .map_err(|error| Failure::failed(format!("cannot use the prices in {}: {}", path.display(), chain(&error))))
}

fn otlp(run: &Run, args: &ImportOtlpArgs) -> Outcome {
    let prices = prices(&args.prices)?;
    let recorder = Arc::new(run.store.recorder()?);
    let before = recorder.reader().event_count();
    let telemetry = Telemetry::open(Arc::clone(&recorder), prices).map_err(|error| run.store.read_failure(&error))?;
    let bar = run.console.progress(Some(args.files.len() as u64), "{bar:32} {pos}/{len} files  {msg}  {eta} left");
    let mut imported = Imported::default();
    let mut exit = Exit::Done;
    for path in &args.files {
        bar.set_message(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
        let content = unpacked(path, read_all(path, MAX_FILE_BYTES)?)?;
        match import(&telemetry, args.signal, path, &content, &mut imported) {
            Ok(notes) => notes.iter().for_each(|note| {
                bar.suspend(|| run.console.note(&format!("{}: {note}", path.display())));
            }),
            Err(Refused::Input(why)) => {
                exit = Exit::Rejected;
                bar.suspend(|| crate::exit::tell(&format!("{}: {why}", path.display())));
            }
            Err(Refused::Recorder(why)) => {
                return Err(Failure::failed(format!(
                    "{}: {why}; import the same files again: what is in the record already is not taken twice",
                    run.store.path.display()
                )));
            }
        }
        imported.files += 1;
        bar.inc(1);
    }
    bar.finish_and_clear();
    imported.events_added = recorder.reader().event_count() - before;
    drop(telemetry);
    if let Some(recorder) = Arc::into_inner(recorder) {
        recorder.close().map_err(|error| Failure::failed(format!("{}: {error}", run.store.path.display())))?;
    }
    if imported.refused > 0 {
        exit = Exit::Rejected;
    }
    print_object(run.console, &imported, |out| {
        let Imported { files, spans, log_records, refused, data_points, events_added, .. } = &imported;
        writeln!(out, "{spans} spans and {log_records} log records of {files} files; {events_added} events added")?;
        if *refused > 0 {
            writeln!(out, "{refused} refused")?;
        }
        if *data_points > 0 {
            writeln!(
                out,
                "{data_points} data points not recorded: their sums repeat what spans and log records carry"
            )?;
        }
        Ok(())
    })?;
    Ok(exit)
}

/// Why a file was not taken.
enum Refused {
    Input(String),
    Recorder(String),
}

/// Imports the requests of one file; gives what there is to say of them.
fn import(
    telemetry: &Telemetry,
    signal: Option<SignalWord>,
    path: &Path,
    content: &[u8],
    imported: &mut Imported,
) -> Result<Vec<String>, Refused> {
    let encoding = Encoding::sniff(content);
    let signal = match signal {
        Some(SignalWord::Traces) => Signal::Traces,
        Some(SignalWord::Logs) => Signal::Logs,
        Some(SignalWord::Metrics) => Signal::Metrics,
        None => told_signal(path, content, encoding).ok_or_else(|| {
            Refused::Input(
                "neither its name nor its content tells what it holds: say --signal traces, logs or metrics".to_owned(),
            )
        })?,
    };
    let mut notes = Vec::new();
    let mut take = |body: &[u8]| {
        let Taken { taken, refused, message } =
            telemetry.request(signal, encoding, body).map_err(|error| match error {
                TelemetryError::Malformed(error) => Refused::Input(chain(&error)),
                TelemetryError::Content(_) | TelemetryError::Record(_) => Refused::Recorder(chain(&error)),
            })?;
        imported.requests += 1;
        match signal {
            Signal::Traces => imported.spans += taken,
            Signal::Logs => imported.log_records += taken,
            Signal::Metrics => imported.data_points += refused,
        }
        if signal != Signal::Metrics {
            imported.refused += refused;
            notes.extend(message);
        }
        Ok(())
    };
    match encoding {
        Encoding::Protobuf => take(content)?,
        Encoding::Json => {
            for request in serde_json::Deserializer::from_slice(content).into_iter::<&RawValue>() {
                let request = request.map_err(|error| Refused::Input(format!("it is not JSON: {error}")))?;
                take(request.get().as_bytes())?;
            }
        }
    }
    Ok(notes)
}

/// The signal that a file's name tells, or else the first names in its JSON.
fn told_signal(path: &Path, content: &[u8], encoding: Encoding) -> Option<Signal> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let by_name =
        [("trace", Signal::Traces), ("span", Signal::Traces), ("log", Signal::Logs), ("metric", Signal::Metrics)];
    if let Some((_, signal)) = by_name.iter().find(|(word, _)| name.contains(word)) {
        return Some(*signal);
    }
    if encoding == Encoding::Protobuf {
        return None;
    }
    let head = String::from_utf8_lossy(&content[..content.len().min(4_096)]);
    let by_content =
        [("resourceSpans", Signal::Traces), ("resourceLogs", Signal::Logs), ("resourceMetrics", Signal::Metrics)];
    by_content.iter().find(|(word, _)| head.contains(word)).map(|(_, signal)| *signal)
}

/// The content of a file, unpacked if its first bytes say that it is packed.
fn unpacked(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let reader: Box<dyn Read + '_> = match bytes.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(bytes.as_slice())),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(
            zstd::stream::read::Decoder::new(bytes.as_slice())
                .map_err(|error| Failure::file("unpack", path, &error))?,
        ),
        _ => return Ok(bytes),
    };
    let mut content = Vec::new();
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(|error| Failure::file("unpack", path, &error))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::failed(format!("cannot unpack {}: it grows beyond 1 GiB", path.display())));
    }
    Ok(content)
}
