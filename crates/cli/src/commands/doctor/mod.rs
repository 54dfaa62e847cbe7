//! `doctor`: whether the environment and the store are as they should be.
//!
//! - `checks`: what is looked at, each a function from facts to a finding
//! - `disk`: facts that only the operating system knows

mod checks;
mod disk;

use std::io::Write;

use serde::Serialize;

use super::Run;
use crate::escape::escape;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Item, print_object};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Error,
    Damaged,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    store: String,
    version: &'static str,
    checks: Vec<Check>,
}

impl Item for Report {
    const FIELDS: &'static [&'static str] = &["ok", "store", "version", "checks"];

    fn write_json(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("a report holds texts, and memory takes what is written");
    }
}

pub(super) fn run(run: &Run) -> Outcome {
    let checks = checks::all(&run.store, run.now());
    let worst = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
    let report = Report {
        ok: worst <= Status::Warning,
        store: run.store.path.display().to_string(),
        version: flightrec_recorder::RECORDER_VERSION,
        checks,
    };
    print_object(run.console, &report, |out| people(run, &report, out))?;
    Ok(match worst {
        Status::Ok | Status::Warning => Exit::Done,
        Status::Error => Exit::Failed,
        Status::Damaged => Exit::Damaged,
    })
}

fn people(run: &Run, report: &Report, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "flightrec {}, store {}", report.version, escape(&report.store))?;
    for check in &report.checks {
        let (word, colour) = match check.status {
            Status::Ok => ("ok", anstyle::AnsiColor::Green),
            Status::Warning => ("warning", anstyle::AnsiColor::Yellow),
            Status::Error => ("error", anstyle::AnsiColor::Red),
            Status::Damaged => ("DAMAGED", anstyle::AnsiColor::Red),
        };
        let style = if run.console.colour { colour.on_default() } else { anstyle::Style::new() };
        writeln!(
            out,
            "{}{word:<8}{} {:<12} {}",
            style.render(),
            style.render_reset(),
            check.name,
            escape(&check.detail)
        )?;
    }
    Ok(())
}
