//! Several processes at once: one writes, others read, follow, or want to write too.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::support::{Running, Store, created, finish, message, ndjson};

fn piped(mut command: Command) -> Running {
    Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Gives a running `record` one event and waits until the store holds it.
pub(crate) fn answered(recording: &mut Child, store: &Store, event: &Value) {
    recording.stdin.as_mut().unwrap().write_all(&ndjson(std::slice::from_ref(event))).unwrap();
    let id = event["event_id"].as_str().unwrap();
    while !store.run(["events", "--format", "ndjson"]).stdout.contains(id) {
        assert!(recording.try_wait().unwrap().is_none(), "the recording ended");
    }
}

/// Waits until a store that was empty holds an event.
pub(crate) fn wait_for_event(recording: &mut Child, store: &Store) {
    while store.run(["events", "--limit", "1"]).stdout.is_empty() {
        assert!(recording.try_wait().unwrap().is_none(), "the recording ended");
    }
}

#[test]
fn each_line_that_trickles_in_is_answered_before_the_next_comes() {
    let store = Store::new();
    let mut recording = piped(store.command(["record", "--format", "ndjson"]));
    let mut input = recording.0.stdin.take().unwrap();
    let mut output = BufReader::new(recording.0.stdout.take().unwrap());
    for i in 0..20 {
        let event = created(&format!("s-{i}"), i);
        input.write_all(&ndjson(std::slice::from_ref(&event))).unwrap();
        let mut verdict = String::new();
        output.read_line(&mut verdict).unwrap();
        let verdict: Value = serde_json::from_str(&verdict).unwrap();
        assert_eq!((&verdict["verdict"], &verdict["event_id"]), (&Value::from("accepted"), &event["event_id"]));
        // What was answered is in the store already, for every other process.
        assert_eq!(store.list(&["events"]).len(), i as usize + 1);
    }
    // Half a line is no line yet; its other half makes it one.
    let whole = ndjson(&[created("s-20", 20)]);
    let (first, second) = whole.split_at(100);
    input.write_all(first).unwrap();
    input.write_all(second).unwrap();
    let mut verdict = String::new();
    output.read_line(&mut verdict).unwrap();
    assert!(verdict.contains("accepted"), "{verdict}");
    drop(input);
    assert!(recording.0.wait().unwrap().success());
}

#[test]
fn what_was_answered_survives_the_death_of_the_recording() {
    let store = Store::new();
    let mut recording = piped(store.command(["record", "--format", "ndjson"]));
    let mut input = recording.0.stdin.take().unwrap();
    let mut output = BufReader::new(recording.0.stdout.take().unwrap());
    let events: Vec<Value> = (0..50).map(|i| created(&format!("s-{i}"), i)).collect();
    input.write_all(&ndjson(&events)).unwrap();
    let mut answered = Vec::new();
    for _ in &events {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        answered.push(serde_json::from_str::<Value>(&line).unwrap()["event_id"].clone());
    }
    recording.0.kill().unwrap();
    recording.0.wait().unwrap();
    let held: Vec<Value> = store.list(&["events"]).into_iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(held, answered);
    store.run(["verify"]).code(0);
    store.record(&events).code(0);
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let store = Store::new();
    let mut recording = piped(store.command(["record", "--format", "ndjson"]));
    answered(&mut recording.0, &store, &created("s-1", 0));
    let before = store.files();
    let second = store.record(&[created("s-2", 1)]).code(1);
    assert!(second.stderr.contains("another process is writing to this store"), "{}", second.stderr);
    assert!(second.stderr.contains(store.path().to_str().unwrap()), "{}", second.stderr);
    assert_eq!(store.files(), before);
    for command in
        ["sessions", "events", "spans", "messages", "tree", "cost", "rate", "findings", "verify", "export", "schema"]
    {
        store.run([command]).code(0);
    }
    let doctor = store.run(["doctor"]).code(0).stdout;
    assert!(doctor.contains(&format!("process {} writes to it", recording.0.id())), "{doctor}");
    drop(recording.0.stdin.take());
    assert!(recording.0.wait().unwrap().success());
    store.record(&[created("s-2", 1)]).code(0);
    assert!(store.run(["doctor"]).code(0).stdout.contains("no process writes to it"));
}

#[test]
fn readers_see_whole_prefixes_while_one_writes() {
    let store = Store::with(&[created("s-1", 0)]);
    let mut recording = piped(store.command(["record", "-q"]));
    let mut input = recording.0.stdin.take().unwrap();
    std::thread::scope(|scope| {
        let feeding = scope.spawn(move || {
            for chunk in 0..40 {
                let events: Vec<Value> = (0..100).map(|i| message("s-1", 1, chunk * 100 + i)).collect();
                input.write_all(&ndjson(&events)).unwrap();
            }
        });
        let mut last = 0;
        while last < 4_001 {
            let finished = feeding.is_finished();
            let seqs: Vec<u64> = store.list(&["events"]).iter().map(|event| event["seq"].as_u64().unwrap()).collect();
            assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
            assert!(seqs.len() >= last, "a reader went back");
            last = seqs.len();
            store.run(["verify"]).code(0);
            if finished {
                assert!(recording.0.wait().unwrap().success());
            }
        }
    });
    assert_eq!(store.list(&["sessions"])[0]["messages"], 4_000);
}

#[test]
fn following_shows_what_is_there_and_what_comes() {
    let store = Store::with(&[created("s-1", 0), message("s-1", 1, 1)]);
    let mut all = piped(store.command(["events", "--follow", "--format", "ndjson"]));
    let mut all_lines = BufReader::new(all.0.stdout.take().unwrap()).lines();
    let mut some = piped(store.command([
        "events",
        "-f",
        "--role",
        "writer",
        "--kind",
        "session.created",
        "--limit",
        "1",
        "--format",
        "ndjson",
    ]));
    let mut table = piped(store.command(["events", "--follow", "--session", "s-1"]));
    let mut table_lines = BufReader::new(table.0.stdout.take().unwrap()).lines();
    let mut next = |seq: u64| {
        let event: Value = serde_json::from_str(&all_lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["seq"], seq);
    };
    next(1);
    next(2);
    assert!(table_lines.next().unwrap().unwrap().contains("SEQ"));
    assert!(table_lines.next().unwrap().unwrap().contains("session.created"));
    assert!(table_lines.next().unwrap().unwrap().contains("session.message"));
    store
        .record(&[super::support::created_as("s-2", 2, &serde_json::json!({"role": "writer"})), message("s-1", 3, 2)])
        .code(0);
    next(3);
    next(4);
    assert!(table_lines.next().unwrap().unwrap().contains("session.message"));
    // A limit ends the following by itself.
    let mut found = String::new();
    some.0.stdout.take().unwrap().read_to_string(&mut found).unwrap();
    assert!(found.lines().count() == 1 && found.contains("\"writer\""), "{found}");
    assert!(some.0.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let events: Vec<Value> =
        std::iter::once(created("s-1", 0)).chain((0..3_000).map(|i| message("s-1", 1, i))).collect();
    let store = Store::with(&events);
    for args in [
        &["events"][..],
        &["events", "--format", "json"],
        &["messages", "--format", "csv"],
        &["export"],
        &["schema", "--format", "json"],
    ] {
        let mut child = piped(store.command(args));
        drop(child.0.stdout.take());
        let mut stderr = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.0.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_recording_goes_on_when_nobody_reads_its_verdicts() {
    let store = Store::new();
    let events: Vec<Value> =
        std::iter::once(created("s-1", 0)).chain((0..3_000).map(|i| message("s-1", 1, i))).collect();
    let mut recording = piped(store.command(["record", "--format", "ndjson"]));
    drop(recording.0.stdout.take());
    recording.0.stdin.take().unwrap().write_all(&ndjson(&events)).unwrap();
    assert!(recording.0.wait().unwrap().success());
    assert_eq!(store.list(&["events"]).len(), 3_001);
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let store = Store::with(&[created("s-1", 0)]);
    for args in
        [&["sessions"][..], &["sessions", "--format", "json"], &["export"], &["schema"], &["completions", "bash"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = store.command(args).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr.starts_with("flightrec: cannot write the output: "), "{args:?}: {stderr}");
    }
    let ran = finish(store.command(["export", "--output", "/dev/full"]), b"").code(1);
    assert!(ran.stderr.contains("cannot write /dev/full"), "{}", ran.stderr);
}
