//! `cargo xtask lake`: two nodes push to a store of objects, and engines answer over both.

use std::env;

use crate::error::Error;
use crate::options::Options;
use crate::process::Job;
use crate::python;
use crate::suite::WITH_SQL;
use crate::workspace::Workspace;

/// What the check needs, relative to the root; every version is pinned there.
const REQUIREMENTS: &str = "tests/lake/requirements.txt";

/// Builds the program and runs the check, which starts the store of objects and the engines itself.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    Options::new(arguments).finish()?;
    if !Job::new("java", workspace.root()).arg("-version").works() {
        return Err(Error::Check("Spark needs Java 17 or later; Debian has it in openjdk-17-jre-headless".to_owned()));
    }
    let place = workspace.target().join("lake");
    let python = python::environment(workspace, REQUIREMENTS, &place.join("venv"), "moto, pyspark, chdb")?;
    // With its own engine of SQL, which is held to the others; as the tests of it build it, so that the engine is built once.
    workspace.cargo("test").args(WITH_SQL).args(["--lib", "--bins", "--tests", "--no-run"]).run()?;
    let program = workspace.target().join("debug").join(format!("flightrec{}", env::consts::EXE_SUFFIX));
    let job = Job::new(&python.to_string_lossy(), workspace.root())
        // A proxy of this machine has no business between two programs on it.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("tests/lake/check.py")
        .arg("--flightrec")
        .arg(program)
        .arg("--work")
        .arg(place.join("work"));
    println!("    $ {}", job.line());
    job.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_held_to_one_version() {
        let text = Workspace::find().unwrap().read(REQUIREMENTS).unwrap();
        let wanted: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '-'])).collect();
        assert!(wanted.iter().any(|line| line.starts_with("pyspark==")));
        assert!(wanted.iter().all(|line| line.split_once("==").is_some_and(|(_, version)| !version.is_empty())));
    }
}
