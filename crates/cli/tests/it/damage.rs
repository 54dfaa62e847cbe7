//! Damage is named, never served, and does not hide what is whole.

use std::fs;

use serde_json::Value;

use super::support::{Store, created, message};

/// A store whose log has three blocks, the middle one damaged by one bit.
fn damaged() -> Store {
    let store = Store::with(&[created("s-1", 0), created("s-2", 0)]);
    let size = |store: &Store| fs::metadata(segment(store)).unwrap().len();
    let first = size(&store);
    store.record(&(0..50).map(|i| message("s-1", 1, i)).collect::<Vec<_>>()).code(0);
    let second = size(&store);
    store.record(&(0..50).map(|i| message("s-2", 1, 100 + i)).collect::<Vec<_>>()).code(0);
    let mut bytes = fs::read(segment(&store)).unwrap();
    bytes[usize::try_from(u64::midpoint(first, second)).unwrap()] ^= 1;
    fs::write(segment(&store), bytes).unwrap();
    store
}

fn segment(store: &Store) -> std::path::PathBuf {
    let mut segments: Vec<_> =
        fs::read_dir(store.path().join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    segments.remove(0)
}

#[test]
fn verify_names_the_place_and_changes_nothing() {
    let store = damaged();
    let before = store.files();
    let verified = store.run(["verify", "--format", "json"]).code(4).json();
    assert_eq!(verified["ok"], false);
    let damage = &verified["damage"][0];
    assert_eq!(super::support::keys(damage), ["detail", "kind", "segment", "seq_from", "seq_to"]);
    assert_eq!((damage["seq_from"].as_u64(), damage["seq_to"].as_u64()), (Some(3), Some(52)), "{verified:#}");
    let told = store.run(["verify"]).code(4).stdout;
    assert!(told.starts_with("DAMAGED\n") && told.contains("seq 3 to 52"), "{told}");
    assert_eq!(store.files(), before);
}

#[test]
fn what_is_whole_is_still_given_and_the_code_says_that_it_is_not_all() {
    for fold_again in [false, true] {
        let store = damaged();
        if fold_again {
            fs::remove_dir_all(store.path().join("derived")).unwrap();
        }
        for args in [&["events", "--format", "ndjson"][..], &["export"]] {
            let ran = store.run(args).code(4);
            let seqs: Vec<u64> = ran.lines().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
            assert_eq!(seqs, [1, 2].into_iter().chain(53..=102).collect::<Vec<_>>(), "{args:?}");
            assert!(ran.stderr.contains("verify") && ran.stderr.starts_with("flightrec: "), "{}", ran.stderr);
        }
        let other = store.run(["messages", "--session", "s-2", "--format", "json"]).code(0);
        assert_eq!(other.list().len(), 50);
        store.run(["doctor"]);
    }
}

#[test]
fn a_part_that_is_lost_is_said_before_any_answer() {
    let store = damaged();
    fs::remove_dir_all(store.path().join("derived")).unwrap();
    let ran = store.run(["sessions", "--format", "json"]).code(0);
    assert_eq!(ran.list().iter().map(|session| session["messages"].clone()).collect::<Vec<Value>>(), [0, 50]);
    assert!(ran.stderr.contains("a part of this store is lost"), "{}", ran.stderr);
    let findings = store.list(&["findings", "--kind", "gap"]);
    assert_eq!((findings.len(), &findings[0]["severity"]), (1, &Value::from("error")));
    assert!(store.run(["doctor"]).code(4).stdout.contains("1 damaged place"));
}
