//! The conformance vectors, through `record` into fresh stores, and through `validate`.

use serde_json::Value;

use super::support::{Store, bare, finish};

struct Vector {
    name: String,
    mode: String,
    input: Vec<u8>,
    expect: Vec<Value>,
}

fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test-data/conformance.ndjson");
    let text = std::fs::read_to_string(path).unwrap();
    let vectors = text.lines().map(|line| {
        let vector: Value = serde_json::from_str(line).unwrap();
        let lines = vector["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        Vector {
            name: vector["name"].as_str().unwrap().to_owned(),
            mode: format!("--{}", vector["mode"].as_str().unwrap()),
            input: lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes(),
            expect: vector["expect"].as_array().unwrap().clone(),
        }
    });
    vectors.collect()
}

/// Whether the verdicts are those that the vector expects. A rule or field that it leaves open may be any.
fn agrees(vector: &Vector, verdicts: &[Value], code: i32) -> Result<(), String> {
    let fits = |expected: &Value, verdict: &Value| {
        let error = &verdict["error"];
        let is = |key: &str| expected[key].is_null() || expected[key] == error[key];
        let rejected = expected["verdict"] == "rejected";
        expected["verdict"] == verdict["verdict"] && is("rule") && is("field") && error.is_null() != rejected
    };
    let fit = vector.expect.len() == verdicts.len() && vector.expect.iter().zip(verdicts).all(|(e, v)| fits(e, v));
    let rejected = vector.expect.iter().any(|expect| expect["verdict"] == "rejected");
    if fit && code == if rejected { 3 } else { 0 } {
        return Ok(());
    }
    Err(format!("{}: exit {code}, expected {:?}, found {verdicts:?}", vector.name, vector.expect))
}

fn all_agree(verdicts: impl Fn(&Vector) -> (Vec<Value>, i32)) {
    let vectors = vectors();
    assert!(vectors.len() > 400);
    let wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| {
            let (verdicts, code) = verdicts(vector);
            agrees(vector, &verdicts, code).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

#[test]
fn recording_gives_every_expected_verdict() {
    all_agree(|vector| {
        let store = Store::new();
        let ran = store.feed(["record", &vector.mode, "--format", "ndjson", "-"], &vector.input);
        (ran.lines(), ran.code)
    });
}

#[test]
fn validating_gives_the_same_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    all_agree(|vector| {
        let mut command = bare();
        command.current_dir(home.path()).env("HOME", home.path());
        command.args(["validate", "-", &vector.mode, "--format", "ndjson"]);
        let ran = finish(command, &vector.input);
        (ran.lines(), ran.code)
    });
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
