//! `import claude-code`, `import codex`: the sessions that coding agents keep as transcripts.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use flightrec_ingest::transcripts::{Agent, Line, Lines, MAX_LINE_BYTES, Origin, Read as What, Transcript};
use flightrec_server::telemetry::{Recorded, Telemetry, TelemetryError};
use indicatif::ProgressBar;
use rustc_hash::{FxHashSet, FxHasher};
use serde::Serialize;

use super::transcript_files::{self, TranscriptFile};
use super::{Run, import};
use crate::args::TranscriptArgs;
use crate::exit::{Exit, Failure, Outcome, chain, tell};
use crate::output::print_object;

/// How many things are told before they are recorded.
const BATCH: usize = 2_000;
/// How many bytes of lines are read before what they tell is recorded.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes that a compressed file may grow to.
const MAX_UNPACKED_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// The most bytes of a file that tells of an agent.
const MAX_META_BYTES: u64 = 64 * 1024;
/// How many lines of a file that cannot be understood are named.
const NAMED_LINES: u64 = 10;
/// How many kinds of lines that nobody knows are told apart.
const MAX_KINDS: usize = 64;

/// What was imported.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Transcribed {
    files: u64,
    lines: u64,
    sessions: u64,
    events_added: u64,
    events_duplicate: u64,
    /// Events that the record does not take.
    refused: u64,
    /// Lines that tell nothing that is recorded.
    left_out: u64,
    /// Last lines that are still being written.
    unfinished: u64,
    /// Lines that cannot be understood.
    skipped: u64,
    skipped_because: BTreeMap<&'static str, u64>,
    /// Lines of kinds that nobody knows, by kind.
    unknown: BTreeMap<String, u64>,
    #[serde(skip)]
    seen: FxHashSet<u64>,
}

/// Why a file could not be taken whole.
enum Stopped {
    Input(io::Error),
    Recorder(TelemetryError),
}

/// Imports one file after the other.
struct Import<'r> {
    run: &'r Run,
    telemetry: &'r Telemetry,
    bar: ProgressBar,
    imported: Transcribed,
}

pub(super) fn run(run: &Run, agent: Agent, args: &TranscriptArgs) -> Outcome {
    let prices = import::prices(&args.prices)?;
    let found = transcript_files::find(agent, &args.directory)?;
    if found.files.is_empty() && found.unreadable.is_empty() {
        return Err(Failure::failed(format!(
            "{} holds no transcripts: name the directory that {}",
            args.directory.display(),
            match agent {
                Agent::ClaudeCode => "Claude Code keeps them in, such as ~/.claude",
                Agent::Codex => "Codex keeps them in, such as ~/.codex",
            }
        )));
    }
    let mut exit = Exit::Done;
    for (path, error) in &found.unreadable {
        exit = Exit::Rejected;
        tell(&format!("cannot read {}: {error}", path.display()));
    }
    if found.links > 0 {
        run.console.note(&format!("{} symbolic links are not followed", found.links));
    }
    let recorder = Arc::new(run.store.recorder()?);
    let telemetry = Telemetry::open(Arc::clone(&recorder), prices).map_err(|error| run.store.read_failure(&error))?;
    let total = found.files.iter().map(|file| file.bytes).sum();
    let bar = run
        .console
        .progress(Some(total), "{bar:32} {percent:>3}%  {bytes}/{total_bytes}  {bytes_per_sec}  {msg}  {eta} left");
    let mut import = Import { run, telemetry: &telemetry, bar, imported: Transcribed::default() };
    for file in &found.files {
        match import.file(agent, file) {
            Ok(()) => {}
            Err(Stopped::Input(error)) => {
                exit = Exit::Rejected;
                import.bar.suspend(|| tell(&format!("cannot read {}: {error}", file.path.display())));
            }
            Err(Stopped::Recorder(error)) => {
                return Err(Failure::failed(format!(
                    "{}: {}; import the same directory again: what is in the record already is not taken twice",
                    run.store.path.display(),
                    chain(&error)
                )));
            }
        }
    }
    let Import { bar, imported, .. } = import;
    bar.finish_and_clear();
    drop(telemetry);
    if let Some(recorder) = Arc::into_inner(recorder) {
        recorder.close().map_err(|error| Failure::failed(format!("{}: {error}", run.store.path.display())))?;
    }
    if imported.skipped > 0 || imported.refused > 0 {
        exit = Exit::Rejected;
    }
    print_object(run.console, &imported, |out| imported.print(out))?;
    Ok(exit)
}

impl Import<'_> {
    fn file(&mut self, agent: Agent, file: &TranscriptFile) -> Result<(), Stopped> {
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.bar.set_message(name.clone());
        let began = self.bar.position();
        let mut transcript = Transcript::new(agent, origin(&name, &file.path));
        let mut lines = Lines::new(open(&file.path).map_err(Stopped::Input)?);
        let (mut bytes, mut faults) = (0, 0);
        let mut stopped = None;
        loop {
            let (number, line) = match lines.next_line() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error) => {
                    stopped = Some(Stopped::Input(error));
                    break;
                }
            };
            self.imported.lines += 1;
            bytes += match line {
                Line::Whole(line) | Line::Unfinished(line) => line.len(),
                Line::TooLong { .. } => 0,
            };
            if let Err((reason, why)) = self.line(&mut transcript, &line) {
                faults += 1;
                self.imported.skipped += 1;
                *self.imported.skipped_because.entry(reason).or_default() += 1;
                if faults <= NAMED_LINES {
                    self.bar.suspend(|| tell(&format!("{}:{number}: {why}", file.path.display())));
                }
            }
            if transcript.waiting() >= BATCH || bytes >= BATCH_BYTES {
                self.record(&mut transcript).map_err(Stopped::Recorder)?;
                self.bar.set_position(began + lines.bytes().min(file.bytes));
                bytes = 0;
            }
        }
        if lines.bytes() >= MAX_UNPACKED_BYTES {
            stopped = Some(Stopped::Input(io::Error::other("it grows beyond 16 GiB; what stands before was read")));
        }
        transcript.end();
        self.record(&mut transcript).map_err(Stopped::Recorder)?;
        if faults > NAMED_LINES {
            let more = faults - NAMED_LINES;
            self.bar.suspend(|| tell(&format!("{}: {more} more lines cannot be understood", file.path.display())));
        }
        self.bar.set_position(began + file.bytes);
        self.imported.files += 1;
        stopped.map_or(Ok(()), Err)
    }

    /// Reads one line. If it cannot be understood, says why: in a word to count by, and in a sentence.
    fn line(&mut self, transcript: &mut Transcript, line: &Line<'_>) -> Result<(), (&'static str, String)> {
        let read = match line {
            Line::Whole(line) => transcript.line(line),
            Line::Unfinished(line) => {
                let read = transcript.line(line);
                if read.is_err() {
                    self.imported.unfinished += 1;
                    return Ok(());
                }
                read
            }
            Line::TooLong { bytes } => {
                return Err(("too_long", format!("it has {bytes} bytes, and at most {MAX_LINE_BYTES} are held")));
            }
        };
        match read {
            Ok(What::Told | What::Again) => {}
            Ok(What::LeftOut) => self.imported.left_out += 1,
            Ok(What::Unknown(kind)) => {
                self.imported.left_out += 1;
                let is_word =
                    kind.len() <= 48 && kind.bytes().all(|byte| byte.is_ascii_lowercase() || b"_- ".contains(&byte));
                let is_told = self.imported.unknown.len() < MAX_KINDS || self.imported.unknown.contains_key(&kind);
                // What is no word may be anything, a secret too.
                let kind = if is_word && is_told { kind } else { "others".to_owned() };
                *self.imported.unknown.entry(kind).or_default() += 1;
            }
            Err(unread) => return Err((unread.reason(), unread.to_string())),
        }
        Ok(())
    }

    /// Records what was told, and waits until it is durable.
    fn record(&mut self, transcript: &mut Transcript) -> Result<(), TelemetryError> {
        let told = transcript.take();
        if told.is_empty() {
            return Ok(());
        }
        for one in &told {
            let mut hasher = FxHasher::default();
            one.session().as_str().hash(&mut hasher);
            self.imported.seen.insert(hasher.finish());
        }
        self.imported.sessions = self.imported.seen.len() as u64;
        let Recorded { added, duplicates, refused, why } = self.telemetry.transcript(&told)?;
        self.imported.events_added += added;
        self.imported.events_duplicate += duplicates;
        self.imported.refused += refused;
        if let Some(why) = why {
            self.bar.suspend(|| self.run.console.note(&why));
        }
        Ok(())
    }
}

impl Transcribed {
    fn print(&self, out: &mut dyn io::Write) -> Result<(), Failure> {
        let Self { files, sessions, events_added, events_duplicate, refused, unfinished, skipped, .. } = self;
        writeln!(
            out,
            "{sessions} sessions in {files} files; {events_added} events added, {events_duplicate} were there already"
        )?;
        if *refused > 0 {
            writeln!(out, "{refused} events refused")?;
        }
        if *skipped > 0 {
            writeln!(
                out,
                "{skipped} of {} lines cannot be understood: {}",
                self.lines,
                counted(&self.skipped_because)
            )?;
        }
        if *unfinished > 0 {
            writeln!(out, "{unfinished} files end in a line that is still being written: import them again later")?;
        }
        if !self.unknown.is_empty() {
            writeln!(out, "left out, because nobody here knows their kind: {}", counted(&self.unknown))?;
        }
        Ok(())
    }
}

/// Names with counts, in one line.
fn counted<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> String {
    let each = counts.iter().map(|(name, count)| format!("{count} {}", crate::escape::escape(name.as_ref())));
    each.collect::<Vec<_>>().join(", ")
}

/// What is known of a transcript beside its lines.
fn origin(name: &str, path: &Path) -> Origin {
    let origin = Origin::new(name);
    let Some(stem) = name.strip_suffix(".jsonl").filter(|stem| stem.starts_with("agent-")) else { return origin };
    let mut meta = Vec::new();
    let path = path.with_file_name(format!("{stem}.meta.json"));
    // Older versions have none, and a symbolic link is followed no more than others.
    if !std::fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_file()) {
        return origin;
    }
    match File::open(path).and_then(|file| file.take(MAX_META_BYTES).read_to_end(&mut meta)) {
        Ok(_) => origin.with_meta(&meta),
        Err(_) => origin,
    }
}

/// The lines of a file, unpacked if its first bytes say that it is packed.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    if !file.fill_buf()?.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(Box::new(file));
    }
    let unpacked = zstd::stream::read::Decoder::with_buffer(file)?;
    Ok(Box::new(BufReader::with_capacity(256 * 1024, unpacked.take(MAX_UNPACKED_BYTES))))
}
