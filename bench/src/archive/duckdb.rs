//! The steps with DuckDB: the plain file as it lies, and a table of its own that is loaded from it. It is asked through
//! its client for Python.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::figures::Figures;
use super::phase::Place;
use super::questions;
use crate::Res;

/// The program that carries out the steps.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/duckdb_steps.py");

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The plain file.
    Plain,
    /// The table.
    Table,
}

/// Loads the table from the plain file, and makes it durable.
pub fn build(python: &Path, place: &Place, events: usize) -> Res<Figures> {
    let mut figures = step(python, place, "build", Source::Table)?;
    let seconds = figures.get("build_s").ok_or("it did not say how long it took")?;
    figures.set("build_events_per_s", events as f64 / seconds);
    figures.set("bytes_per_event", place.duckdb().metadata()?.len() as f64 / events as f64);
    Ok(figures)
}

/// Opens it, and asks for one session.
pub fn open(python: &Path, place: &Place, source: Source) -> Res<Figures> {
    step(python, place, "open", source)
}

/// Asks everything.
pub fn ask(python: &Path, place: &Place, source: Source) -> Res<Figures> {
    step(python, place, "ask", source)
}

fn step(python: &Path, place: &Place, name: &str, source: Source) -> Res<Figures> {
    let (long, sessions) = place.asked_for()?;
    let costs: serde_json::Map<String, Value> =
        questions::COSTS.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).into())).collect();
    let job = json!({
        "step": name,
        "plain": place.plain(),
        "database": (source == Source::Table).then(|| place.duckdb()),
        "long": long,
        "sessions": sessions,
        "first": questions::FIRST,
        "session": questions::SESSION,
        "spans": questions::SPANS,
        "lists": { "latest": questions::LATEST, "filtered": questions::FILTERED },
        "costs": costs,
    });
    let mut child = Command::new(python)
        .arg(PROGRAM)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("it has no input")?.write_all(job.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("DuckDB: the step {name} ended with {}", output.status).into());
    }
    Figures::parse(&String::from_utf8(output.stdout)?)
}
