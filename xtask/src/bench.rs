//! `cargo xtask bench`: today's figures of this machine, written to `docs/benchmarks.md`.

use crate::error::Error;
use crate::process::Stopwatch;
use crate::workspace::{Side, Workspace};

const REPORT: &str = "docs/benchmarks.md";

/// Runs the benches in release with the arguments passed on; their markdown becomes the report.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let watch = Stopwatch::start();
    let job = workspace.side_cargo(Side::Bench, "run").args(["--release", "--"]).args(arguments);
    println!("$ {}", job.line());
    let report = job.stdout()?;
    if !report.trim_start().starts_with('#') {
        return Err(Error::Check(format!("the benches printed no markdown report; {REPORT} is left as it is")));
    }
    workspace.write(REPORT, &report)?;
    print!("{report}");
    println!("\nwrote {REPORT} after {:.1} s", watch.elapsed().as_secs_f64());
    Ok(())
}
