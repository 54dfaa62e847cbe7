//! Help, version, completions, schemas: what the program says about itself.

use serde_json::Value;

use super::support::{Store, bare, finish};

const COMMANDS: &[&str] = &[
    "record",
    "validate",
    "sessions",
    "top",
    "show",
    "events",
    "spans",
    "messages",
    "tree",
    "cost",
    "rate",
    "findings",
    "artifact",
    "artifact put",
    "artifact get",
    "up",
    "run",
    "import otlp",
    "import claude-code",
    "import codex",
    "export",
    "sql",
    "seal",
    "retain",
    "push",
    "hold",
    "checkpoint",
    "verify",
    "schema",
    "doctor",
    "completions",
];

fn ran(args: &[&str]) -> super::support::Ran {
    let mut command = bare();
    command.args(args).env("HOME", "/nonexistent");
    finish(command, b"")
}

#[test]
fn every_command_has_help_with_examples() {
    let top = ran(&["--help"]).code(0).stdout;
    for command in COMMANDS {
        let first = command.split(' ').next().unwrap();
        assert!(top.lines().any(|line| line.trim_start().starts_with(first)), "{command} is not listed");
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = ran(&args).code(0);
        let examples = help.stdout.lines().filter(|line| line.trim_start().starts_with("$ ")).count();
        assert!(examples >= 2, "{command}: {}", help.stdout);
        assert!(help.stdout.contains("Usage: flightrec"), "{command}");
        assert_eq!(help.stderr, "");
    }
    // What comes with later versions is not there as a promise.
}

#[test]
fn bad_usage_ends_with_two() {
    for args in [
        &[][..],
        &["nonsense"],
        &["sessions", "--nonsense"],
        &["show"],
        &["validate"],
        &["cost", "--by", "x"],
        &["sessions", "--format", "yaml"],
        &["sessions", "--format", "markdown"],
        &["sessions", "--limit", "-1"],
        &["sessions", "--state", "running"],
        &["run"],
        &["run", "plan.toml", "--check", "--resume"],
    ] {
        let store = Store::new();
        let ran = store.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn the_version_is_the_crate_s() {
    assert_eq!(ran(&["--version"]).code(0).stdout, format!("flightrec {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ran(&["completions", shell]).code(0).stdout;
        for word in ["sessions", "--overlaps", "artifact"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
    let script = ran(&["completions", "bash"]).stdout;
    let mut shell = std::process::Command::new("bash");
    shell.args(["-n", "/dev/stdin"]);
    finish(shell, script.as_bytes()).code(0);
}

#[test]
fn every_schema_is_json_schema() {
    let all = ran(&["schema", "--format", "json"]).code(0).json();
    assert_eq!(all["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let defs = all["$defs"].as_object().unwrap();
    assert_eq!(defs.len(), 27);
    let table = ran(&["schema"]).code(0).stdout;
    let lines = ran(&["schema", "--format", "ndjson"]).code(0).lines();
    assert_eq!(lines.len(), defs.len());
    for (code, schema) in defs {
        assert!(table.contains(code.as_str()), "{code}");
        assert_eq!(&ran(&["schema", code, "--format", "json"]).code(0).json(), schema, "{code}");
        assert!(lines.contains(schema), "{code}");
        let type_name = schema["title"].as_str().unwrap();
        let shown = ran(&["schema", type_name]).code(0).stdout;
        for field in schema["properties"]["payload"]["properties"].as_object().unwrap().keys() {
            assert!(shown.contains(&format!("payload.{field}")), "{code}: {field}");
        }
    }
    assert!(ran(&["schema", "--format", "markdown"]).code(0).stdout.starts_with("# Events\n"));
    assert!(ran(&["schema", "nonsense"]).code(2).stderr.contains("flightrec schema"));
}

#[test]
fn the_doctor_answers_with_a_code() {
    let store = Store::new();
    let nothing = store.run(["doctor", "--format", "json"]).code(1).json();
    assert_eq!(nothing["ok"], false);
    let home = tempfile::tempdir().unwrap();
    let mut command = bare();
    command.arg("doctor").env("HOME", home.path());
    let fresh = finish(command, b"").code(0).stdout;
    assert!(fresh.contains("none yet"), "{fresh}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    let store = Store::with(&[super::support::created("s-1", 0)]);
    let report = store.run(["doctor", "--format", "json"]).code(0).json();
    assert_eq!(report["ok"], true);
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["store", "contents", "size", "lock", "permissions", "space", "clock", "redaction"]);
    assert!(report["checks"].as_array().unwrap().iter().all(|check| check["status"] == "ok"), "{report:#}");
    std::fs::write(store.path().join("STORE"), "changed").unwrap();
    let report = store.run(["doctor", "--format", "json"]).code(4).json();
    assert_eq!(report["checks"][0]["status"], Value::from("damaged"));
}

#[test]
fn the_directory_comes_from_the_environment_too() {
    let store = Store::with(&[super::support::created("s-1", 0)]);
    let mut command = bare();
    command.arg("sessions").env("FLIGHTREC_DATA", store.path());
    assert!(finish(command, b"").code(0).stdout.contains("s-1"));
    let mut command = bare();
    command.arg("record").env("XDG_DATA_HOME", store.beside("data"));
    finish(command, b"").code(0);
    assert!(store.beside("data/flightrec/STORE").exists());
    let mut command = bare();
    command.arg("sessions").env_remove("HOME");
    assert!(finish(command, b"").code(2).stderr.contains("--data"));
}
