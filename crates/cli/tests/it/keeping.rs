//! What stays and what goes.

use serde_json::json;

use super::support::{Store, copy, created, keys, message};
use super::wire::Up;

#[test]
fn holds_are_placed_listed_and_released() {
    let store = Store::with(&[created("alpha-1", 0), created("beta-1", 1)]);
    assert!(store.list(&["hold"]).is_empty());
    assert!(store.run(["hold", "alpha", "beta", "--reason", "incident 42"]).code(0).stderr.contains("2 holds placed"));
    assert!(store.run(["hold", "alpha"]).code(0).stderr.contains("1 was held already"));
    let held = store.list(&["hold"]);
    assert_eq!(keys(&held[0]), ["reason", "session_id", "since"]);
    assert_eq!((&held[0]["session_id"], &held[0]["reason"]), (&"alpha-1".into(), &"incident 42".into()));
    assert!(store.run(["hold", "alpha", "--release"]).code(0).stderr.contains("1 hold released"));
    assert_eq!(store.list(&["hold"]).len(), 1);
}

#[test]
fn a_hold_on_nothing_is_refused() {
    let store = Store::with(&[created("alpha-1", 0)]);
    assert!(store.run(["hold", "gamma"]).code(1).stderr.contains("gamma"));
    store.run(["hold", "--release"]).code(2);
    store.run(["hold", "alpha", "--release", "--reason", "x"]).code(2);
    assert!(store.list(&["hold"]).is_empty());
}

#[test]
fn changed_holds_are_not_believed() {
    let store = Store::with(&[created("alpha-1", 0)]);
    store.run(["hold", "alpha"]).code(0);
    let path = store.path().join("HOLDS");
    let text = std::fs::read_to_string(&path).unwrap().replace("alpha-1", "alpha-2");
    std::fs::write(&path, text).unwrap();
    assert!(store.run(["hold"]).code(1).stderr.contains("was changed"));
}

#[test]
fn an_older_copy_does_not_fit_a_checkpoint_that_was_kept_elsewhere() {
    let store = Store::with(&[created("s-1", 0)]);
    let (kept, older) = (store.beside("checkpoints.txt"), store.beside("older"));
    let mut lines = store.run(["checkpoint"]).code(0).stdout;
    copy(&store.path(), &older);
    store.record(&[created("s-2", 1)]).code(0);
    lines.push('\n');
    lines += &store.run(["checkpoint"]).code(0).stdout;
    store.record(&[created("s-3", 2)]).code(0);
    std::fs::write(&kept, &lines).unwrap();
    let against = ["verify", "--against", kept.to_str().unwrap(), "--format", "json"];
    assert_eq!(store.run(against).code(0).json()["damage"], json!([]));

    std::fs::remove_dir_all(store.path()).unwrap();
    copy(&older, &store.path());
    store.run(["verify"]).code(0);
    let found = store.run(against).code(4).json();
    assert_eq!(found["damage"].as_array().unwrap().len(), 1, "the older checkpoint fits: {found}");
    assert_eq!(found["damage"][0]["kind"], "rolled_back");
    assert_eq!((&found["damage"][0]["seq_from"], &found["damage"][0]["seq_to"]), (&json!(2), &json!(2)));

    // Going on from the older copy gives other links under the same positions.
    store.record(&[created("s-4", 1), created("s-5", 2)]).code(0);
    let found = store.run(against).code(4).json();
    assert_eq!(found["damage"][0]["kind"], "rewritten");

    let another = Store::with(&[created("s-1", 0), created("s-2", 1)]);
    let found = another.run(against).code(4).json();
    assert_eq!(
        found["damage"].as_array().unwrap().iter().map(|one| &one["kind"]).collect::<Vec<_>>(),
        ["other_store"; 2]
    );
}

#[test]
fn a_file_without_checkpoints_is_refused_with_its_line() {
    let store = Store::with(&[created("s-1", 0)]);
    let file = store.beside("checkpoints.txt");
    for (text, said) in [("", "holds no checkpoint"), ("\n\nflightrec-checkpoint 1 store=1\n", "line 3")] {
        std::fs::write(&file, text).unwrap();
        let stderr = store.run(["verify", "--against", file.to_str().unwrap()]).code(2).stderr;
        assert!(stderr.contains(said), "{stderr}");
    }
    assert!(store.run(["verify", "--against", "/nonexistent"]).code(1).stderr.contains("/nonexistent"));
    let line = store.run(["checkpoint"]).code(0).stdout;
    let ran = store.feed(["verify", "--against", "-"], line.as_bytes());
    ran.code(0);
    assert!(Store::new().run(["checkpoint"]).code(1).stderr.contains("no store"));
}

#[test]
fn what_is_sealed_is_read_verified_and_known_again() {
    let events = [created("s-1", 0), created("s-2", 1)];
    let store = Store::with(&events);
    let before = store.run(["export"]).code(0).stdout;
    let sealed = store.run(["seal", "--format", "json"]).code(0).json();
    assert_eq!(keys(&sealed), ["archive_bytes", "events", "journal_bytes", "segments"]);
    assert_eq!((&sealed["segments"], &sealed["events"]), (&json!(1), &json!(2)));
    let files = std::fs::read_dir(store.path().join("archive/events")).unwrap();
    let names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["00000000000000000001-00000000000000000002.parquet"]);
    assert_eq!(store.run(["export"]).code(0).stdout, before);
    assert_eq!(store.run(["verify", "--format", "json"]).code(0).json()["events"], 2);
    assert!(store.record(&events).code(0).stderr.contains("2 duplicate"));
    assert!(store.run(["seal"]).code(0).stdout.contains("nothing to seal"));
    let path = store.path().join("archive/events").join(&names[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let found = store.run(["verify", "--format", "json"]).code(4).json();
    assert_eq!(found["damage"][0]["kind"], "bad_segment");
    assert!(Store::new().run(["seal"]).code(1).stderr.contains("no store"));
}

/// A session that nobody forgets for a while.
fn of_today(session: &str) -> serde_json::Value {
    let mut event = created(session, 0);
    event["timestamp"] = "2999-01-01T00:00:00Z".into();
    event
}

#[test]
fn old_sessions_are_forgotten_after_a_dry_run_that_said_so() {
    let store = Store::with(&[created("old-1", 0), message("old-1", 1, 1), created("held-1", 0), of_today("new-1")]);
    store.run(["hold", "held-1"]).code(0);
    let planned = store.run(["retain", "--older-than", "30d", "--dry-run", "--format", "json"]).code(0).json();
    let fields = "artifacts bytes dry_run events held_sessions kept_sessions live_sessions policy sessions";
    assert_eq!(keys(&planned).join(" "), fields);
    assert_eq!((&planned["sessions"], &planned["events"], &planned["artifacts"]), (&json!(1), &json!(2), &json!(null)));
    assert_eq!(store.list(&["sessions"]).len(), 3, "nothing is touched");
    let done = store.run(["retain", "--older-than", "30d", "--format", "json"]).code(0).json();
    for fact in ["policy", "sessions", "events", "kept_sessions", "held_sessions"] {
        assert_eq!(done[fact], planned[fact], "{fact}");
    }
    let left: Vec<_> = store.list(&["sessions"]).iter().map(|view| view["session_id"].clone()).collect();
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&json!("old-1")));
    let told = store.list(&["events", "--kind", "recorder.retention_purged"]);
    assert_eq!(told[0]["payload"]["events"], 2);
    assert_eq!(told[0]["payload"]["policy"], "older than 30d");
    assert_eq!(store.run(["verify", "--format", "json"]).code(0).json()["events"], 3);
    assert!(store.run(["retain", "--older-than", "30d"]).code(0).stdout.contains("nothing to forget"));
    assert!(store.run(["show", "old-1"]).code(1).stderr.contains("old-1"));
}

#[test]
fn a_policy_that_would_take_all_or_none_at_all_is_refused() {
    let store = Store::with(&[created("a-1", 0), created("a-2", 1)]);
    store.run(["retain"]).code(2);
    store.run(["retain", "--older-than", "soon"]).code(2);
    store.run(["retain", "--max-size", "some"]).code(2);
    for dry in [&["--dry-run"][..], &[]] {
        let refused = store.run([&["retain", "--older-than", "30d"], dry].concat()).code(1);
        assert!(refused.stderr.contains("--all"), "{}", refused.stderr);
    }
    assert_eq!(store.list(&["sessions"]).len(), 2);
    assert!(store.run(["retain", "--max-size", "0", "--all"]).code(0).stdout.contains("2 sessions with 2 events"));
    assert!(store.list(&["sessions"]).is_empty());
    store.run(["verify"]).code(0);
    assert!(Store::new().run(["retain", "--older-than", "1d"]).code(1).stderr.contains("no store"));
}

#[test]
fn a_server_carries_out_its_policy() {
    let store = Store::with(&[created("old-1", 0), of_today("new-1")]);
    let server = Up::start_with(&store, &["--retain-older-than", "30d"]);
    // However long it takes: a list with one session is what ends this.
    while server.list("/api/v1/sessions").len() > 1 {
        std::thread::yield_now();
    }
    assert_eq!(store.list(&["sessions"]).len(), 1, "for other processes too");
    server.stop();
    store.run(["verify"]).code(0);
}
