//! `cargo xtask sabotage`: builds that are broken on purpose must be caught.
//!
//! `crates/journal/src/sabotage.rs` names the switches; with the cargo feature `sabotage` and the
//! variable `FLIGHTREC_SABOTAGE` one of them is on. A switch that the journal asks about is for the
//! fault runs: the tests of `sim/` hold each of them to a suite that must notice. A switch that only
//! the recorder asks about is for the recorder's own tests, which must pass clean and fail under
//! it. A switch that nobody notices shows a hole in the tests; it fails this command, as does a
//! switch that no code asks about.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::options::Options;
use crate::process::{Job, Stopwatch};
use crate::workspace::{Side, Workspace};

const VARIABLE: &str = "FLIGHTREC_SABOTAGE";
const SWITCHES: &str = "crates/journal/src/sabotage.rs";

/// What the journal says to a switch that does not exist: no catch, but a typing error.
const UNKNOWN_SWITCH: &str = "no switch is called";

/// The status of a Rust program that ends in a panic.
const PANICKED: i32 = 101;

/// Who has to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jury {
    /// The fault suites of `sim/`.
    Sim,
    /// The tests of `flightrec-recorder`.
    Recorder,
}

/// Which code puts a switch before which jury.
const SOURCES: [(&str, Jury); 2] = [("crates/journal/src", Jury::Sim), ("crates/recorder/src", Jury::Recorder)];

/// One way to break the build.
#[derive(Debug, PartialEq, Eq)]
struct Switch {
    variant: String,
    name: String,
    juries: Vec<Jury>,
}

/// How a run under a switch ended.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// This test, or this broken promise, spoke up.
    Caught(String),
    /// Everything passed.
    Missed,
    /// Nothing was found wrong, yet the run did not pass: that proves nothing.
    Unclear(String),
}

/// Programs to run, by jury; empty for a jury that is not needed.
struct Programs {
    suites: Vec<PathBuf>,
    recorder_tests: Vec<PathBuf>,
}

/// Tries every switch, or with `--only` one. `--sim-passed` leaves out what `sim`'s tests have done.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let only: Option<String> = options.value("--only")?;
    let sim_passed = options.switch("--sim-passed");
    options.finish()?;

    let watch = Stopwatch::start();
    let all = switches(workspace)?;
    let tried: Vec<&Switch> = match &only {
        Some(name) => all.iter().filter(|switch| switch.name == *name).collect(),
        None => all.iter().filter(|switch| !switch.juries.contains(&Jury::Sim)).collect(),
    };
    if let (Some(name), true) = (&only, tried.is_empty()) {
        let names: Vec<&str> = all.iter().map(|switch| switch.name.as_str()).collect();
        return Err(Error::Usage(format!("there is no switch {name:?}; there are {}", names.join(", "))));
    }
    if only.is_none() {
        let journal = all.len() - tried.len();
        if sim_passed {
            println!("{journal} switches of the journal: caught by the tests of sim/, which have passed");
        } else {
            println!("{journal} switches of the journal: the tests of sim/ must catch each");
            workspace.side_cargo(Side::Sim, "test").args(["--test", "it", "--", "sabotage::", "--nocapture"]).run()?;
        }
    }

    let programs = build(workspace, &tried)?;
    for jury in [Jury::Recorder, Jury::Sim] {
        if tried.iter().any(|switch| switch.juries.contains(&jury)) {
            pass_clean(workspace, &programs, jury)?;
        }
    }
    let missed = try_all(workspace, &programs, &tried)?;
    println!(
        "sabotage: {} of {} tried here caught, in {:.1} s",
        tried.len() - missed.len(),
        tried.len(),
        watch.elapsed().as_secs_f64()
    );
    match missed.first() {
        None => Ok(()),
        Some(first) => Err(Error::Check(format!(
            "not caught: {}\n  `cargo xtask sabotage --only {first}` repeats the first",
            missed.join(", ")
        ))),
    }
}

/// Tries one switch after the other; gives the names of those that were not caught.
fn try_all<'a>(workspace: &Workspace, programs: &Programs, tried: &[&'a Switch]) -> Result<Vec<&'a str>, Error> {
    let mut missed = Vec::new();
    for switch in tried {
        let watch = Stopwatch::start();
        let verdict = try_switch(workspace, programs, switch)?;
        let seconds = watch.elapsed().as_secs_f64();
        let name = switch.name.as_str();
        match verdict {
            Verdict::Caught(by) => println!("{name:<20} caught in {seconds:>5.1} s: {by}"),
            Verdict::Missed => {
                println!("{name:<20} NOT CAUGHT in {seconds:.1} s by {:?}", switch.juries);
                missed.push(name);
            }
            Verdict::Unclear(how) => {
                println!("{name:<20} NO VERDICT: {how}");
                missed.push(name);
            }
        }
    }
    Ok(missed)
}

fn pass_clean(workspace: &Workspace, programs: &Programs, jury: Jury) -> Result<(), Error> {
    match judge(workspace, programs, jury, None)? {
        Verdict::Missed => {
            println!("{jury:?}: passes clean");
            Ok(())
        }
        Verdict::Caught(by) | Verdict::Unclear(by) => Err(Error::Check(format!(
            "{jury:?} does not pass without any sabotage, so nothing can be told from the rest: {by}"
        ))),
    }
}

fn try_switch(workspace: &Workspace, programs: &Programs, switch: &Switch) -> Result<Verdict, Error> {
    let mut verdict = Verdict::Unclear(format!("no code asks about Sabotage::{}", switch.variant));
    for jury in &switch.juries {
        verdict = judge(workspace, programs, *jury, Some(&switch.name))?;
        if verdict != Verdict::Missed {
            break;
        }
    }
    Ok(verdict)
}

fn judge(workspace: &Workspace, programs: &Programs, jury: Jury, switch: Option<&str>) -> Result<Verdict, Error> {
    let job = |program: &Path, directory: &str| {
        let job = Job::new(&program.to_string_lossy(), &workspace.root().join(directory)).without_env(VARIABLE);
        match switch {
            Some(switch) => job.env(VARIABLE, switch),
            None => job,
        }
    };
    match jury {
        Jury::Sim => {
            for program in &programs.suites {
                let ended = job(program, Side::Sim.directory()).capture()?;
                let verdict = suites_verdict(ended.status.code(), &ended.stderr);
                if verdict != Verdict::Missed {
                    return Ok(verdict);
                }
            }
            Ok(Verdict::Missed)
        }
        Jury::Recorder => {
            for program in &programs.recorder_tests {
                let job = job(program, "crates/recorder");
                let mut failed = None;
                let status = job.watch(|line| {
                    failed = failed_test(line);
                    failed.is_none()
                })?;
                if let Some(test) = failed {
                    return Ok(Verdict::Caught(test));
                }
                if !status.success() {
                    return Ok(Verdict::Unclear(format!("{} ended with {status}", job.line())));
                }
            }
            Ok(Verdict::Missed)
        }
    }
}

/// Only a panic of the suites is a catch, and its first line says what was noticed.
fn suites_verdict(code: Option<i32>, stderr: &str) -> Verdict {
    let mut lines = stderr.lines().skip_while(|line| !line.contains("panicked at"));
    match (code, lines.next()) {
        (Some(0), _) => Verdict::Missed,
        (Some(PANICKED), Some(place)) if !stderr.contains(UNKNOWN_SWITCH) => {
            let place = place.split_once("panicked at ").map_or(place, |(_, place)| place);
            let said = lines.next().unwrap_or("").trim();
            Verdict::Caught(format!("{} ({})", said.trim_end_matches(':'), place.trim_end_matches(':')))
        }
        (code, _) => Verdict::Unclear(format!(
            "the suites ended with {code:?}: {}",
            stderr.lines().next_back().unwrap_or("nothing on standard error")
        )),
    }
}

fn build(workspace: &Workspace, tried: &[&Switch]) -> Result<Programs, Error> {
    const MESSAGES: [&str; 2] = ["--message-format", "json-render-diagnostics"];
    let needed = |jury| tried.iter().any(|switch| switch.juries.contains(&jury));
    let mut programs = Programs { suites: Vec::new(), recorder_tests: Vec::new() };
    if needed(Jury::Sim) {
        let messages = workspace.side_cargo(Side::Sim, "build").args(["--bin", "suite"]).args(MESSAGES).stdout()?;
        programs.suites = executables(&messages, false);
        if programs.suites.is_empty() {
            return Err(Error::Check("sim/ builds no binary called suite".to_owned()));
        }
    }
    if needed(Jury::Recorder) {
        let messages = workspace
            .cargo("test")
            .args(["--package", "flightrec-recorder", "--features", "sabotage", "--no-run"])
            .args(MESSAGES)
            .stdout()?;
        programs.recorder_tests = executables(&messages, true);
        if programs.recorder_tests.is_empty() {
            return Err(Error::Check("flightrec-recorder has no tests to break".to_owned()));
        }
    }
    Ok(programs)
}

/// The executables among cargo's messages, either test harnesses or plain programs.
fn executables(messages: &str, tests: bool) -> Vec<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["profile"]["test"] == Value::Bool(tests))
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
}

/// All switches of the journal's table, each with the juries of the code that asks about it.
fn switches(workspace: &Workspace) -> Result<Vec<Switch>, Error> {
    let table = workspace.read(SWITCHES)?;
    let mut switches = switch_table(&table)?;
    for (directory, jury) in SOURCES {
        let code = rust_text(&workspace.root().join(directory))?;
        for switch in &mut switches {
            if asks_about(&code, &switch.variant) {
                switch.juries.push(jury);
            }
        }
    }
    Ok(switches)
}

/// Reads the arms `Self::Variant => "name"`, and holds them to the length of the list `ALL`.
fn switch_table(text: &str) -> Result<Vec<Switch>, Error> {
    let switches: Vec<Switch> = text
        .lines()
        .filter_map(|line| {
            let (variant, name) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
            let name = name.strip_suffix("\",")?;
            Some(Switch { variant: variant.to_owned(), name: name.to_owned(), juries: Vec::new() })
        })
        .collect();
    let declared = text
        .split_once("ALL: [Self; ")
        .and_then(|(_, rest)| rest.split_once(']'))
        .and_then(|(count, _)| count.parse::<usize>().ok());
    if switches.is_empty() || declared != Some(switches.len()) {
        return Err(Error::Check(format!(
            "{SWITCHES} declares {declared:?} switches, but {} names were read from it",
            switches.len()
        )));
    }
    Ok(switches)
}

/// True if `Sabotage::Variant` stands in the code as a whole word.
fn asks_about(code: &str, variant: &str) -> bool {
    let wanted = format!("Sabotage::{variant}");
    code.match_indices(&wanted)
        .any(|(at, _)| !code[at + wanted.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// All Rust text under a directory, the table of switches itself left out.
fn rust_text(directory: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::File { action: "read", path: directory.to_owned(), source };
    let mut text = String::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            text.push_str(&rust_text(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with(SWITCHES) {
            text.push_str(&fs::read_to_string(&path).map_err(unreadable)?);
        }
    }
    Ok(text)
}

/// The test that a line of the harness reports as failed.
fn failed_test(line: &str) -> Option<String> {
    let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    let name = test.strip_suffix(" - should panic").unwrap_or(test);
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_test_counts_as_caught() {
        assert_eq!(failed_test("test power::cut ... FAILED").unwrap(), "power::cut");
        assert_eq!(failed_test("test a - should panic ... FAILED").unwrap(), "a");
        for line in ["test power::cut ... ok", "test result: FAILED. 0 passed", "FAILED"] {
            assert_eq!(failed_test(line), None, "{line}");
        }
    }

    #[test]
    fn only_a_panic_of_the_suites_counts_as_caught() {
        let panic = "\nthread 'main' panicked at src/history.rs:7:5:\nrecord 3 is lost\nmore\n";
        assert_eq!(
            suites_verdict(Some(101), panic),
            Verdict::Caught("record 3 is lost (src/history.rs:7:5)".to_owned())
        );
        assert_eq!(suites_verdict(Some(0), ""), Verdict::Missed);
        let typing_error = "panicked at a.rs:1:1:\nFLIGHTREC_SABOTAGE: no switch is called `x`\n";
        for (code, stderr) in [(Some(2), "no suite is called `x`"), (None, ""), (Some(101), typing_error)] {
            assert!(matches!(suites_verdict(code, stderr), Verdict::Unclear(_)), "{code:?} {stderr}");
        }
    }

    #[test]
    fn the_table_is_read_whole_or_refused() {
        let table = "pub const ALL: [Self; 2] = [Self::A, Self::B];\n  Self::A => \"a-a\",\n  Self::B => \"b\",\n";
        let switches = switch_table(table).unwrap();
        assert_eq!(switches[0].name, "a-a");
        assert_eq!(switches[1].variant, "B");
        assert!(switch_table(&table.replace("; 2", "; 3")).is_err());
        assert!(switch_table("").is_err());
    }

    #[test]
    fn a_longer_variant_is_another_one() {
        assert!(asks_about("if sabotaged(Sabotage::NoSync) {", "NoSync"));
        assert!(!asks_about("if sabotaged(Sabotage::NoSyncDir) {", "NoSync"));
    }

    #[test]
    fn harnesses_are_told_from_programs() {
        let messages = r#"{"profile":{"test":false},"executable":"/t/suite"}
{"profile":{"test":true},"executable":"/t/deps/it-1"}
{"profile":{"test":true},"executable":null}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executables(messages, true), [PathBuf::from("/t/deps/it-1")]);
        assert_eq!(executables(messages, false), [PathBuf::from("/t/suite")]);
    }
}
