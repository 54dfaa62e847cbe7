//! `cargo xtask fuzz-smoke`: every fuzz target for a short while.
//!
//! With a nightly toolchain and cargo-fuzz the targets run under libFuzzer for some seconds
//! each. Without them the stable runner in `fuzz/` takes the same functions through their seeds
//! and a fixed number of mutations; it repeats exactly, so that a failure can be shown to others.

use std::fs;

use crate::error::Error;
use crate::options::Options;
use crate::process::{Job, Stopwatch};
use crate::workspace::{Side, Workspace};

const DEFAULT_SECONDS: u32 = 10;
const DEFAULT_ROUNDS: u32 = 20_000;

/// Runs each target by whichever way this machine has.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let seconds = options.value("--seconds")?.unwrap_or(DEFAULT_SECONDS);
    let rounds = options.value("--rounds")?.unwrap_or(DEFAULT_ROUNDS);
    options.finish()?;

    let watch = Stopwatch::start();
    let targets = targets(workspace)?;
    if cargo_fuzz(workspace).arg("--version").works() {
        println!("cargo-fuzz is here: {seconds} s for each of {}", targets.join(", "));
        for target in &targets {
            under_libfuzzer(workspace, target, seconds)?;
        }
    } else {
        println!(
            "no cargo-fuzz with a nightly toolchain here: the stable runner takes {} through \
             their seeds and {rounds} mutations each",
            targets.join(", ")
        );
        for target in &targets {
            smoke(workspace).args(["run", target, "--rounds", &rounds.to_string()]).run()?;
        }
    }
    println!("fuzz-smoke: {} targets in {:.1} s", targets.len(), watch.elapsed().as_secs_f64());
    Ok(())
}

fn smoke(workspace: &Workspace) -> Job {
    workspace.side_cargo(Side::Fuzz, "run").args(["--quiet", "--bin", "fuzz-smoke", "--"])
}

fn targets(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let listing = smoke(workspace).arg("list").stdout()?;
    let targets: Vec<String> = listing.lines().map(str::to_owned).collect();
    if targets.is_empty() {
        return Err(Error::Check("fuzz/ lists no target; a smoke run of nothing proves nothing".to_owned()));
    }
    Ok(targets)
}

/// cargo-fuzz under the nightly toolchain; this program's own toolchain is hidden from it.
fn cargo_fuzz(workspace: &Workspace) -> Job {
    Job::new("rustup", workspace.root())
        .without_env("CARGO")
        .without_env("RUSTUP_TOOLCHAIN")
        .without_env("RUSTC")
        .args(["run", "nightly", "cargo", "fuzz"])
}

fn under_libfuzzer(workspace: &Workspace, target: &str, seconds: u32) -> Result<(), Error> {
    let corpus = workspace.target().join("fuzz-corpus").join(target);
    fs::create_dir_all(&corpus).map_err(|source| Error::File { action: "create", path: corpus.clone(), source })?;
    let seeds = corpus.to_string_lossy();
    smoke(workspace).args(["seeds", target, &*seeds]).run()?;
    cargo_fuzz(workspace)
        .args(["run", "--features", "libfuzzer", "--target-dir"])
        .arg(workspace.target().join("fuzz").into_os_string())
        .args([target, &*seeds, "--"])
        .arg(format!("-max_total_time={seconds}"))
        .run()
}
