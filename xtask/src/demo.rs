//! `cargo xtask demo`: the release binary, walked through the bundled sample.

use std::ffi::OsString;
use std::fs;

use crate::error::Error;
use crate::options::Options;
use crate::process::{Job, Stopwatch};
use crate::workspace::Workspace;

/// One call of `flightrec` in the walk.
struct Step {
    tells: &'static str,
    arguments: &'static [&'static str],
}

/// The walk; `--data` is added to each call and names a store made for this run.
const STEPS: &[Step] = &[
    Step { tells: "record a sample of native events", arguments: &["record", "examples/sample.ndjson"] },
    Step { tells: "list the sessions", arguments: &["sessions"] },
    Step { tells: "what each role cost", arguments: &["cost", "--by", "role"] },
    Step { tells: "read everything again and check it", arguments: &["verify"] },
];

/// Builds in release and runs every step against a fresh store under the target directory.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    Options::new(arguments).finish()?;
    let watch = Stopwatch::start();
    workspace.cargo("build").args(["--release", "--package", "flightrec-cli", "--bin", "flightrec"]).run()?;

    let store = workspace.target().join("demo-store");
    if store.exists() {
        fs::remove_dir_all(&store).map_err(|source| Error::File { action: "remove", path: store.clone(), source })?;
    }
    let program = workspace.target().join("release").join(format!("flightrec{}", std::env::consts::EXE_SUFFIX));
    for step in STEPS {
        println!("\n# {}\n$ flightrec {}", step.tells, step.arguments.join(" "));
        Job::new(&program.to_string_lossy(), workspace.root())
            .args([OsString::from("--data"), store.clone().into_os_string()])
            .args(step.arguments)
            .run()?;
    }
    println!("\nThe store is {}; the walk took {:.1} s", store.display(), watch.elapsed().as_secs_f64());
    Ok(())
}
