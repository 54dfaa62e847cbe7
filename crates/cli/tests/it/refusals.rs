//! Stores that cannot be opened or written: the right line, the right code, nothing changed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::support::{BINARY, Store, bare, created, finish, message, ndjson};

const READING: &[&[&str]] = &[
    &["sessions"],
    &["show", "x"],
    &["events"],
    &["spans"],
    &["messages"],
    &["tree"],
    &["cost"],
    &["rate"],
    &["findings"],
    &["export"],
    &["verify"],
];

#[test]
fn without_a_store_there_is_nothing_to_read() {
    let store = Store::new();
    for args in READING {
        let ran = store.run(*args).code(1);
        assert_eq!(ran.stdout, "");
        let expected = format!("flightrec: {}: there is no store here; ", store.path().display());
        assert!(ran.stderr.starts_with(&expected) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
    assert!(!store.path().exists(), "reading makes nothing");
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let store = Store::with(&[created("s-1", 0)]);
    let file = store.path().join("STORE");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().next().unwrap().replace("\"format\":1", "\"format\":2");
    assert_ne!(text.lines().next(), Some(line.as_str()));
    let digest = Sha256::digest(&line).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    fs::write(&file, format!("{line}\n{digest}\n")).unwrap();
    let before = store.files();
    for args in READING.iter().chain(&[&["record"][..], &["artifact", "put"], &["doctor"]]) {
        let ran = store.feed(*args, &ndjson(&[created("s-2", 1)])).code(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("format 2") && said.contains("newer flightrec"), "{args:?}: {said}");
    }
    assert_eq!(store.files(), before);
}

#[test]
fn a_changed_store_file_is_damage() {
    let store = Store::with(&[created("s-1", 0)]);
    let file = store.path().join("STORE");
    let mut bytes = fs::read(&file).unwrap();
    bytes[3] ^= 1;
    fs::write(&file, bytes).unwrap();
    for args in READING.iter().chain(&[&["record"][..]]) {
        assert!(store.run(*args).code(4).stderr.contains("damaged"), "{args:?}");
    }
}

#[test]
fn inputs_that_cannot_be_read() {
    let store = Store::new();
    let dir = store.beside("");
    for (path, said) in [("/no/such/file", "/no/such/file"), (dir.to_str().unwrap(), "is a directory")] {
        for command in ["record", "validate"] {
            let ran = store.run([command, path]).code(1);
            assert!(ran.stderr.starts_with("flightrec: cannot read ") && ran.stderr.contains(said), "{}", ran.stderr);
        }
    }
    assert!(!store.path().exists(), "nothing is made for an input that is not there");
    assert!(bare().args(["--data", "/dev/null/x", "record"]).output().unwrap().status.code() == Some(1));
}

/// The binary as a user without rights, wherever the build put it.
fn unprivileged(store: &Store, args: &[&str]) -> Command {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return store.command(args);
    }
    let copy = store.beside("flightrec");
    // Copied by a process of its own: while a file is open to be written in this one, children of other tests may hold
    // it too, and it cannot be run.
    assert!(Command::new("cp").arg(BINARY).arg(&copy).status().unwrap().success());
    fs::set_permissions(store.beside(""), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(copy);
    command.arg("--data").arg(store.path()).args(args).env_remove("FLIGHTREC_DATA");
    command.uid(65_534).gid(65_534).current_dir("/");
    command
}

#[test]
fn a_directory_that_may_not_be_written() {
    let store = Store::new();
    fs::create_dir(store.path()).unwrap();
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let ran = finish(unprivileged(&store, &["record"]), &ndjson(&[created("s-1", 0)])).code(1);
    assert!(ran.stderr.starts_with("flightrec: ") && ran.stderr.contains("Permission denied"), "{}", ran.stderr);
    assert!(ran.stderr.contains(store.path().to_str().unwrap()), "{}", ran.stderr);
    assert_eq!(fs::read_dir(store.path()).unwrap().count(), 0);
}

#[test]
fn a_disk_that_takes_no_more_ends_the_recording_and_keeps_what_was_answered() {
    let store = Store::new();
    let mut events: Vec<Value> =
        std::iter::once(created("s-1", 0)).chain((0..40_000).map(|i| message("s-1", 1, i))).collect();
    for (event, i) in events.iter_mut().zip(0_u64..).skip(1) {
        // Hashes that do not compress, so that the log grows.
        let hash = Sha256::digest(i.to_le_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        event["payload"]["content_artifact_id"] = Value::from(format!("sha256:{hash}"));
        event["payload"]["content_hash"] = Value::from(hash);
    }
    // The shell limits the size of files to less than the second segment's, in blocks of 512 bytes; the signal that would come with it is ignored, as on a full disk.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" --data \"$1\" record --format ndjson", BINARY])
        .arg(store.path());
    let ran = finish(command, &ndjson(&events)).code(1);
    assert!(
        ran.stderr.contains("the recorder stopped writing") && ran.stderr.contains("record the same input again"),
        "{}",
        ran.stderr
    );
    let answered: Vec<Value> = ran
        .lines()
        .iter()
        .filter(|verdict| verdict["verdict"] == "accepted")
        .map(|verdict| verdict["event_id"].clone())
        .collect();
    assert!(answered.len() < events.len());
    let held: Vec<Value> = store.list(&["events"]).into_iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(held[..answered.len()], answered);
    // Once there is room again, the same input completes the record.
    store.record(&events).code(0);
    assert_eq!(store.list(&["events", "--kind", "session.message"]).len(), 40_000);
    store.run(["verify"]).code(0);
}
