//! A step in a process of its own: its memory is its own, and what it does not find in the page cache it has not read before.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indicatif::{ProgressBar, ProgressStyle};

use super::figures::Figures;
use super::{ours, plain, sqlite};
use crate::Res;

/// The argument that makes this program one step.
pub const PHASE: &str = "--archive-phase";

/// Where everything lies that the steps write.
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

impl Place {
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Our store.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The ids of the long session and of the sessions that are asked for, line by line.
    pub fn sessions(&self) -> PathBuf {
        self.0.join("sessions.txt")
    }

    pub fn plain(&self) -> PathBuf {
        self.0.join("events.parquet")
    }

    pub fn duckdb(&self) -> PathBuf {
        self.0.join("events.duckdb")
    }

    /// A directory: the database has more files than one.
    pub fn sqlite(&self) -> PathBuf {
        self.0.join("sqlite")
    }

    /// The long session, and the others that are asked for.
    pub fn asked_for(&self) -> Res<(String, Vec<String>)> {
        let text = std::fs::read_to_string(self.sessions())?;
        let mut ids = text.lines().map(str::to_owned);
        Ok((ids.next().ok_or("no session is asked for")?, ids.collect()))
    }
}

/// A step of ours or of SQLite, by its name.
type Step = (&'static str, fn(&Place, usize) -> Res<Figures>);
const STEPS: &[Step] = &[
    ("build", ours::build),
    ("open", |place, _| ours::open(place)),
    ("open-to-write", |place, _| ours::open_to_write(place)),
    ("ask", |place, _| ours::ask(place)),
    ("verify", |place, _| ours::verify(place)),
    ("plain-build", |place, events| plain::build(&place.plain(), events)),
    ("sqlite-build", sqlite::build),
    ("sqlite-open", |place, _| sqlite::open(place)),
    ("sqlite-ask", |place, _| sqlite::ask(place)),
];

/// Runs one step in this process: its name, the directory and the number of events follow; what it says goes to
/// standard output.
pub fn serve(mut arguments: impl Iterator<Item = String>) -> Res<()> {
    let mut next = || arguments.next().ok_or("a step needs a name, a directory and a number of events");
    let (name, dir, events) = (next()?, next()?, next()?.parse()?);
    let (_, step) = STEPS.iter().find(|(known, _)| *known == name).ok_or("there is no such step")?;
    println!("{}", step(&Place::new(Path::new(&dir)), events)?);
    Ok(())
}

/// Runs one step in a process of its own.
pub fn run(name: &str, place: &Place, events: usize) -> Res<Figures> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([PHASE, name]).arg(place.dir()).arg(events.to_string());
    said(name, &mut command)
}

/// What a step says that another program carries out.
pub fn said(name: &str, command: &mut Command) -> Res<Figures> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the step {name} ended with {}", output.status).into());
    }
    Figures::parse(&String::from_utf8(output.stdout)?).map_err(|error| format!("the step {name}: {error}").into())
}

/// How far a step has come, on standard error.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new(what: &'static str, events: usize) -> Self {
        let style =
            ProgressStyle::with_template("{msg} [{bar:40}] {human_pos} of {human_len} events, {per_sec}, {eta} left");
        let bar = ProgressBar::new(events as u64).with_message(what);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub fn at(&self, events: usize) {
        self.0.set_position(events as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
