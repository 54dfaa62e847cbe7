//! `cargo xtask fuzz-smoke`: every fuzz target for a short while.
//!
//! The stable runner in `fuzz/` takes the targets through their seeds and a fixed number of
//! mutations; it repeats exactly, so that a failure can be shown to others. With `--libfuzzer` the
//! same functions run under cargo-fuzz and a nightly toolchain, which this asks for by name only.

use std::fs;

use crate::error::Error;
use crate::options::Options;
use crate::process::{Job, Stopwatch};
use crate::workspace::{Side, Workspace};

const DEFAULT_SECONDS: u32 = 10;

/// Runs each target by the stable runner, or with `--libfuzzer` by cargo-fuzz.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let seconds: Option<u32> = options.value("--seconds")?;
    let rounds: Option<u32> = options.value("--rounds")?;
    let libfuzzer = options.switch("--libfuzzer");
    options.finish()?;
    if libfuzzer && rounds.is_some() {
        return Err(Error::Usage("cargo-fuzz runs by time: give it --seconds".to_owned()));
    }

    let watch = Stopwatch::start();
    let targets = targets(workspace)?;
    if libfuzzer {
        if !cargo_fuzz(workspace).arg("--version").works() {
            return Err(Error::Check(
                "--libfuzzer needs a nightly toolchain and `cargo install cargo-fuzz`; without it the stable runner \
                 takes the same targets"
                    .to_owned(),
            ));
        }
        for target in &targets {
            under_libfuzzer(workspace, target, seconds.unwrap_or(DEFAULT_SECONDS))?;
        }
    } else {
        let limit = |name: &str, number: Option<u32>| number.map(|number| [name.to_owned(), number.to_string()]);
        let limits = [limit("--rounds", rounds), limit("--seconds", seconds)];
        for target in &targets {
            smoke(workspace).args(["run", target]).args(limits.iter().flatten().flatten()).run()?;
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
        .args(["run", "--fuzz-dir", Side::Fuzz.directory(), "--features", "libfuzzer", "--target-dir"])
        .arg(workspace.target().join("fuzz").into_os_string())
        .args([target, &*seeds, "--"])
        .arg(format!("-max_total_time={seconds}"))
        .run()
}
