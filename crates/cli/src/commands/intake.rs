//! `record`: appends events, and answers for each line once it is durable.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use flightrec_recorder::view::Outcome as Fate;
use flightrec_recorder::{RecorderError, SinkFailure};
use indicatif::ProgressBar;

use super::Run;
use crate::args::RecordArgs;
use crate::console::Console;
use crate::exit::{Failure, Outcome};
use crate::record::{Entry, Message, Parcel, Verdict, Verdicts, Window, feed};

/// Parcels whose answers may wait; their weight is bounded by the window.
const ANSWERS_CAP: usize = 1024;

/// An input, and how long it is if that is known.
pub(super) struct Input {
    pub(super) stream: Box<dyn Read + Send>,
    pub(super) bytes: Option<u64>,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path, console: Console) -> Result<Self, Failure> {
        if path == Path::new("-") {
            if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                console.note("reading events from the terminal, one JSON object a line; end with Ctrl-D");
            }
            return Ok(Self { stream: Box::new(std::io::stdin()), bytes: None });
        }
        let cannot = |error| Failure::file("read", path, &error);
        let file = std::fs::File::open(path).map_err(cannot)?;
        let facts = file.metadata().map_err(cannot)?;
        if facts.is_dir() {
            return Err(Failure::failed(format!(
                "cannot read {}: it is a directory; name a file of NDJSON",
                path.display()
            )));
        }
        Ok(Self { stream: Box::new(file), bytes: facts.is_file().then_some(facts.len()) })
    }

    /// A progress bar over its bytes.
    pub(super) fn progress(&self, console: Console) -> ProgressBar {
        let template = match self.bytes {
            Some(_) => "{bar:32} {percent:>3}%  {bytes}/{total_bytes}  {bytes_per_sec}  {msg}  {eta} left",
            None => "{spinner} {bytes}  {bytes_per_sec}  {msg}",
        };
        console.progress(self.bytes, template)
    }
}

pub(super) fn run(run: &Run, args: &RecordArgs) -> Outcome {
    let input = Input::open(&args.file, run.console)?;
    let bar = input.progress(run.console);
    let recorder = Arc::new(run.store.recorder()?);
    let mut verdicts = Verdicts::new(run.console, bar.clone())?;
    let began = run.now();
    let window = Arc::new(Window::default());
    let (answers, parcels) = sync_channel(ANSWERS_CAP);
    // The thread that waits for input is not waited for after a failure: its input may never come.
    let feeder = std::thread::Builder::new().name("flightrec-feed".to_owned()).spawn({
        let (recorder, window, mode) = (Arc::clone(&recorder), Arc::clone(&window), args.strictness.mode());
        move || feed(input.stream, &recorder, mode, &window, &answers)
    });
    let feeder = feeder.map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
    let mut stopped = None;
    for message in parcels {
        match message {
            Message::Parcel(parcel) => {
                let (bytes, input_bytes) = (parcel.bytes, parcel.input_bytes);
                if let Err(failure) = answer(parcel, &mut verdicts)? {
                    stopped = Some(sink_failure(run, &failure));
                    break;
                }
                window.leave(bytes);
                bar.set_position(input_bytes);
                bar.set_message(format!("{} events", verdicts.judged()));
            }
            Message::InputFailed(error) => {
                stopped = Some(Failure::file("read", &args.file, &error));
                break;
            }
        }
    }
    let exit = verdicts.finish(run.now().micros_since(began))?;
    if let Some(failure) = stopped {
        return Err(failure);
    }
    let panicked =
        || Failure::failed("the thread that reads the input panicked; every line that was reported is as reported");
    feeder.join().map_err(|_| panicked())?;
    let recorder = Arc::into_inner(recorder).ok_or_else(panicked)?;
    recorder.close().map_err(|error| {
        let RecorderError::SinkError(failure) = error else { return Failure::failed(error.to_string()) };
        sink_failure(run, &failure)
    })?;
    Ok(exit)
}

/// Waits until a parcel is durable and prints its verdicts; the inner error is the recorder's.
fn answer(parcel: Parcel, verdicts: &mut Verdicts) -> Result<Result<(), SinkFailure>, Failure> {
    let fates = match parcel.ticket {
        None => Ok(Vec::new()),
        Some(Ok(ticket)) => ticket.durable(),
        Some(Err(RecorderError::SinkError(failure))) => Err(failure),
        Some(Err(RecorderError::InvalidEvent(violation))) => {
            return Err(Failure::failed(format!("the recorder refused a batch for one event: {violation}")));
        }
    };
    let (mut fates, failure) = match fates {
        Ok(fates) => (fates.into_iter(), Ok(())),
        Err(failure) => (Vec::new().into_iter(), Err(failure)),
    };
    for entry in parcel.entries {
        match entry {
            Entry::Rejected { line, rejection } => {
                verdicts.print(line, rejection.event_id, Verdict::Rejected(rejection.violation))?;
            }
            Entry::Submitted { line, event_id } => {
                // Without a fate, nothing is said of the line: nobody knows.
                let Some(fate) = fates.next() else { continue };
                let verdict = match fate {
                    Fate::Recorded { .. } => Verdict::Accepted,
                    Fate::Duplicate => Verdict::Duplicate,
                    Fate::Rejected(violation) => Verdict::Rejected(violation),
                };
                verdicts.print(line, Some(event_id), verdict)?;
            }
        }
    }
    verdicts.flush()?;
    Ok(failure)
}

fn sink_failure(run: &Run, failure: &SinkFailure) -> Failure {
    Failure::failed(format!(
        "{}: {failure}. Lines without a verdict may or may not be in the record; once the cause is gone, record the same input again: what is there already is skipped",
        run.store.path.display()
    ))
}
