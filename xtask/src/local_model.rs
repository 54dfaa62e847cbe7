//! `cargo xtask local-model`: a small real model on this machine runs `plans/local.toml` to its end.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::options::Options;
use crate::process::Job;
use crate::workspace::Workspace;

/// The plan: three sessions, one of which spawns another, with tools.
const PLAN: &str = "plans/local.toml";
/// Where the plan expects the model; the check puts the address in that the model took.
const PLANNED_ADDRESS: &str = "http://127.0.0.1:8089/v1";

/// Sets up the model with the scripts in `--tools DIR` (`setup.sh` and `serve.mjs`), serves it on loopback, runs the
/// plan against it and looks at what is on record.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let tools: Option<PathBuf> = options.value("--tools")?;
    options.finish()?;
    let tools = tools.ok_or_else(|| {
        Error::Usage("--tools names the directory with setup.sh and serve.mjs of a small local model".to_owned())
    })?;
    let place = workspace.target().join("local-model");
    let (model, store) = (place.join("model"), place.join("store"));
    for directory in [&place, &model] {
        fs::create_dir_all(directory).map_err(|source| Error::File {
            action: "make",
            path: directory.clone(),
            source,
        })?;
    }
    Job::new("bash", workspace.root()).arg(tools.join("setup.sh")).arg(&model).run()?;

    workspace.cargo("build").args(["--package", "flightrec-cli", "--bin", "flightrec"]).run()?;
    let program = workspace.target().join("debug").join(format!("flightrec{}", env::consts::EXE_SUFFIX));
    let flightrec = || Job::new(&program.to_string_lossy(), workspace.root()).arg("--data").arg(store.clone());
    if store.exists() {
        fs::remove_dir_all(&store).map_err(|source| Error::File { action: "remove", path: store.clone(), source })?;
    }

    // So small a model calls a tool when it likes; the server makes it call one for each task, so that the tools and
    // the spawn are part of every run. What it says is its own.
    let serve = Job::new("node", workspace.root()).arg(tools.join("serve.mjs")).arg("--dir").arg(&model).args([
        "--port",
        "0",
        "--auto-tools",
        "force-once",
        "--quiet",
    ]);
    println!("    $ {}", serve.line());
    let mut server = serve.start()?;
    let address = address(&server.first_line()?)?;
    let plan = place.join("local.toml");
    let ran = write_plan(workspace, &plan, &address)
        .and_then(|()| flightrec().args(["run", "--quiet"]).arg(&plan).run())
        .and_then(|()| flightrec().args(["sessions", "--format", "json"]).stdout())
        .and_then(|sessions| check(&sessions));
    let streamed = ran.and_then(|()| {
        let inferences = flightrec().args(["events", "--kind", "llm_inference", "--format", "json"]).stdout()?;
        check_streams(&inferences)
    });
    let stopped = server.stop();
    streamed?;
    stopped?;
    flightrec().arg("verify").run()
}

/// Where the model is served, from the line that its server prints.
fn address(line: &str) -> Result<String, Error> {
    let told: Value = serde_json::from_str(line).unwrap_or_default();
    let url = told["url"].as_str().map(|url| url.trim_end_matches('/').to_owned());
    let url =
        url.ok_or_else(|| Error::Check(format!("the model's server did not say where it listens but {line:?}")))?;
    Ok(if url.ends_with("/v1") { url } else { format!("{url}/v1") })
}

/// The plan with the model's address, and the project's own directory to look around in.
fn write_plan(workspace: &Workspace, to: &Path, address: &str) -> Result<(), Error> {
    let plan = workspace.read(PLAN)?;
    let directory = format!("directory = '{}'", workspace.root().display());
    let changed = plan.replace(PLANNED_ADDRESS, address).replace("directory = \"..\"", &directory);
    if !changed.contains(address) || !changed.contains(&directory) {
        return Err(Error::Check(format!("{PLAN} has no {PLANNED_ADDRESS} or no directory = \"..\" any more")));
    }
    fs::write(to, changed).map_err(|source| Error::File { action: "write", path: to.to_owned(), source })
}

/// What must hold of the sessions, whatever the model said.
fn check(sessions: &str) -> Result<(), Error> {
    let sessions: Vec<Value> = serde_json::from_str(sessions).unwrap_or_default();
    let wrong = |what: &str| Err(Error::Check(format!("{what}: {}", Value::Array(sessions.clone()))));
    let sum = |field: &str| sessions.iter().filter_map(|session| session[field].as_u64()).sum::<u64>();
    if sessions.iter().filter(|session| session["parent_session_id"].is_null()).count() != 3 {
        return wrong("the plan has three sessions");
    }
    if !sessions.iter().any(|session| session["spawn_depth"] == 1) {
        return wrong("no session was spawned");
    }
    if sessions.iter().any(|session| session["state"] != "COMPLETED") {
        return wrong("a session did not complete");
    }
    if sessions.iter().any(|session| session["tokens"]["input"] == 0 || session["tokens"]["output"] == 0) {
        return wrong("a session has no usage");
    }
    if sessions.iter().any(|session| session["open_spans"] != 0 || session["cost"]["unpriced_runs"] != 0) {
        return wrong("a span is open, or a run unpriced");
    }
    if sum("tool_calls") < 2 {
        return wrong("there are fewer tool calls than a spawn and a look around");
    }
    println!("    {} sessions, {} model runs, {} tool calls", sessions.len(), sum("model_runs"), sum("tool_calls"));
    Ok(())
}

/// Every reply was streamed: its first token came before its end, and the provider named the response.
fn check_streams(inferences: &str) -> Result<(), Error> {
    let inferences: Vec<Value> = serde_json::from_str(inferences).unwrap_or_default();
    let streamed = |event: &Value| {
        let payload = &event["payload"];
        let (first, all) = (payload["time_to_first_token_ms"].as_u64(), payload["latency_ms"].as_u64());
        first.zip(all).is_some_and(|(first, all)| first <= all) && payload["request_id"].is_string()
    };
    match inferences.iter().find(|event| !streamed(event)) {
        None if !inferences.is_empty() => Ok(()),
        None => Err(Error::Check("no model run is on record".to_owned())),
        Some(event) => Err(Error::Check(format!("a reply was not streamed: {event}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_address_is_read_from_the_line_of_the_server() {
        for url in ["http://127.0.0.1:5/v1", "http://127.0.0.1:5", "http://127.0.0.1:5/"] {
            assert_eq!(address(&json!({"ready": true, "url": url}).to_string()).unwrap(), "http://127.0.0.1:5/v1");
        }
        assert!(address("loading").unwrap_err().to_string().contains("where it listens"));
    }

    #[test]
    fn sessions_that_did_not_do_their_work_are_found_out() {
        let session = |parent: Value, depth: u64| {
            json!({
                "parent_session_id": parent, "spawn_depth": depth, "state": "COMPLETED", "open_spans": 0,
                "tokens": {"input": 10, "output": 5}, "cost": {"unpriced_runs": 0}, "tool_calls": 1, "model_runs": 2,
            })
        };
        let good =
            json!([session(Value::Null, 0), session(Value::Null, 0), session(Value::Null, 0), session(json!("x"), 1)]);
        check(&good.to_string()).unwrap();
        for (at, key, value) in [
            (0, "state", json!("FAILED")),
            (1, "open_spans", json!(1)),
            (2, "tokens", json!({"input": 0, "output": 5})),
            (3, "spawn_depth", json!(0)),
            (0, "parent_session_id", json!("y")),
        ] {
            let mut bad = good.clone();
            bad[at][key] = value;
            assert!(check(&bad.to_string()).is_err(), "{key}");
        }
        assert!(check_streams("[]").is_err());
    }

    #[test]
    fn the_plan_can_be_pointed_to_any_address() {
        let plan = Workspace::find().unwrap().read(PLAN).unwrap();
        assert!(plan.contains(PLANNED_ADDRESS) && plan.contains("directory = \"..\""));
    }
}
