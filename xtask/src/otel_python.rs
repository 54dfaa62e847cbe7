//! `cargo xtask otel-python`: the official OpenTelemetry SDK for Python against a running `flightrec up`.

use std::env;
use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::options::Options;
use crate::process::Job;
use crate::python;
use crate::workspace::Workspace;

/// The directory of the check, relative to the root.
const CHECK: &str = "tests/otel-python";
/// What it needs, relative to the root; every version is pinned there.
const REQUIREMENTS: &str = "tests/otel-python/requirements.txt";

/// Builds the program, starts it on an empty store, lets the SDK send and ask, stops it and verifies the store.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    Options::new(arguments).finish()?;
    let place = workspace.target().join("otel-python");
    let python = python::environment(workspace, REQUIREMENTS, &place.join("venv"), "opentelemetry.sdk")?;

    workspace.cargo("build").args(["--package", "flightrec-cli", "--bin", "flightrec"]).run()?;
    let program = workspace.target().join("debug").join(format!("flightrec{}", env::consts::EXE_SUFFIX));
    let store = place.join("store");
    python::remove(&store)?;
    let flightrec = || Job::new(&program.to_string_lossy(), workspace.root()).arg("--data").arg(store.clone());

    let up = flightrec()
        .args(["up", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--format", "ndjson"])
        .args(["--prices", &format!("{CHECK}/prices.json")]);
    println!("    $ {}", up.line());
    let mut server = up.start()?;
    let (http, grpc) = addresses(&server.first_line()?)?;
    let checked = check(workspace, &python, &http, &grpc);
    let stopped = server.stop();
    // What the check found comes first: a server that then ends badly is told of by its own words above.
    checked?;
    stopped?;
    flightrec().arg("verify").run()
}

/// One run of the check against a server.
fn check(workspace: &Workspace, python: &Path, http: &str, grpc: &str) -> Result<(), Error> {
    let job = Job::new(&python.to_string_lossy(), workspace.root())
        // A proxy of this machine has no business between two programs on it.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(format!("{CHECK}/check.py"))
        .args(["--http", http, "--grpc", grpc]);
    println!("    $ {}", job.line());
    job.run()
}

/// Where a server listens, from the line that `up --format ndjson` prints: HTTP as a URL, gRPC as an address.
pub(crate) fn addresses(line: &str) -> Result<(String, String), Error> {
    let told: Value = serde_json::from_str(line).unwrap_or_default();
    match (told["http"].as_str(), told["grpc"].as_str()) {
        (Some(http), Some(grpc)) => Ok((http.to_owned(), grpc.to_owned())),
        _ => Err(Error::Check(format!("`flightrec up` did not say where it listens but {line:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_read_from_the_line_of_the_server() {
        let line = r#"{"http":"http://127.0.0.1:4318","grpc":"127.0.0.1:4317"}"#;
        assert_eq!(addresses(line).unwrap(), ("http://127.0.0.1:4318".to_owned(), "127.0.0.1:4317".to_owned()));
        for line in ["", "listening", "{}", r#"{"http":4318,"grpc":"x"}"#] {
            assert!(addresses(line).unwrap_err().to_string().contains("where it listens"), "{line}");
        }
    }

    #[test]
    fn every_requirement_is_held_to_one_version() {
        let text = Workspace::find().unwrap().read(REQUIREMENTS).unwrap();
        let wanted: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(wanted.iter().any(|line| line.starts_with("opentelemetry-sdk==")));
        for line in wanted {
            assert!(
                line.split_once("==").is_some_and(|(name, version)| !name.is_empty() && !version.is_empty()),
                "{line}"
            );
        }
    }
}
