//! `push`: to a store of objects that fails in every way, and to a directory.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::{Value, json};

use super::bucket::{BUCKET, Bucket, Fault, Rule, digest};
use super::support::{Ran, Running, Store, copy, created, finish, keys, message};

const URL: &str = "s3://lake/some/prefix";
const SECRET: &str = "no-one-may-read-this";

/// A store with two sealed segments and three artifacts, one of which no event names. The first segment is so large that
/// the second one is not merged with it.
fn sealed() -> Store {
    let store = Store::new();
    let artifact = |text: &str| {
        let put = store.feed(["artifact", "put", "-", "--format", "json"], text.as_bytes()).code(0).json();
        put["sha256"].as_str().unwrap().to_owned()
    };
    let named = [artifact("first content"), artifact("second content")];
    artifact("content that no event names");
    for (n, hash) in named.iter().enumerate() {
        let session = format!("s-{n}");
        let mut said = message(&session, 1, n as u32);
        said["payload"]["content_hash"] = json!(hash);
        said["payload"]["content_artifact_id"] = json!(format!("sha256:{hash}"));
        let mut events = vec![created(&session, 0), said];
        events.extend((2..5).map(|at_s| message(&session, at_s, at_s)).filter(|_| n == 0));
        store.record(&events).code(0);
        store.run(["seal"]).code(0);
    }
    store
}

fn command(store: &Store, bucket: &Bucket, args: &[&str]) -> std::process::Command {
    let mut command = store.command(["push", URL]);
    for (option, value) in [("--timeout", "60s"), ("--retries", "0")] {
        if !args.contains(&option) {
            command.args([option, value]);
        }
    }
    command.args(args).env("AWS_ENDPOINT_URL", &bucket.endpoint).env("AWS_REGION", "eu-north-1");
    command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

fn push(store: &Store, bucket: &Bucket, args: &[&str]) -> Ran {
    finish(command(store, bucket, args), b"")
}

fn rule(method: &'static str, part: &'static str, fault: Fault) -> Rule {
    Rule { method, part, passes: 0, times: usize::MAX, fault }
}

fn node(store: &Store) -> String {
    let text = std::fs::read_to_string(store.path().join("STORE")).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    line["store_id"].as_str().unwrap().to_owned()
}

/// The manifest at the target, after checking its digest and that all it names is there whole; `None` if there is none.
#[track_caller]
fn published(store: &Store, bucket: &Bucket) -> Option<Value> {
    let objects = bucket.objects();
    let bytes = &objects.get(&format!("some/prefix/manifests/node={}/MANIFEST", node(store)))?.bytes;
    let text = String::from_utf8(bytes.clone()).unwrap();
    let (line, below) = text.split_once('\n').unwrap();
    assert_eq!(below.trim_end(), digest(line.as_bytes()));
    let manifest: Value = serde_json::from_str(line).unwrap();
    for segment in manifest["segments"].as_array().unwrap() {
        let object = &objects[&format!("some/prefix/{}", segment["path"].as_str().unwrap())];
        assert_eq!(digest(&object.bytes), segment["sha256"].as_str().unwrap());
    }
    Some(manifest)
}

/// Checks that everything of the store is at the target, and nothing else.
#[track_caller]
fn assert_whole(store: &Store, bucket: &Bucket) {
    let manifest = published(store, bucket).unwrap();
    let node = node(store);
    let mut wanted = BTreeSet::from([format!("some/prefix/manifests/node={node}/MANIFEST")]);
    for segment in manifest["segments"].as_array().unwrap() {
        wanted.insert(format!("some/prefix/{}", segment["path"].as_str().unwrap()));
    }
    for (path, bytes) in store.files().iter().filter(|(path, _)| path.starts_with(store.path().join("artifacts"))) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let object = format!("some/prefix/artifacts/node={node}/{}/{name}", &name[..2]);
        assert_eq!(&bucket.objects()[&object].bytes, bytes);
        wanted.insert(object);
    }
    assert_eq!(bucket.objects().into_keys().collect::<BTreeSet<_>>(), wanted);
    let own = std::fs::read_to_string(store.path().join("archive/MANIFEST")).unwrap();
    let own: Value = serde_json::from_str(own.lines().next().unwrap()).unwrap();
    assert_eq!(manifest["generation"], own["generation"]);
    assert_eq!(manifest["segments"].as_array().unwrap().len(), own["segments"].as_array().unwrap().len());
}

#[test]
fn everything_is_put_once_and_the_manifest_last() {
    let (store, bucket) = (sealed(), Bucket::start());
    store.record(&[created("later", 9)]).code(0);
    let before = store.files();
    let told = push(&store, &bucket, &["--dry-run", "--format", "json"]).code(0).json();
    assert_eq!((&told["dry_run"], &told["segments"]["put"]), (&json!(true), &json!(2)));
    assert!(bucket.objects().is_empty());
    let ran = push(&store, &bucket, &["--format", "json"]).code(0);
    assert!(ran.stderr.contains("1 event is not sealed yet"), "{}", ran.stderr);
    let told = ran.json();
    assert_eq!(
        keys(&told),
        [
            "artifacts",
            "artifacts_missing_here",
            "bytes_put",
            "dry_run",
            "generation",
            "node",
            "positions_in_journal",
            "positions_sealed",
            "removed",
            "segments",
            "url",
            "verified"
        ]
    );
    assert_eq!(
        (&told["segments"], &told["artifacts"]),
        (&json!({"put": 2, "there": 0}), &json!({"put": 3, "there": 0}))
    );
    assert_eq!((&told["positions_sealed"], &told["positions_in_journal"]), (&json!(7), &json!(1)));
    assert_whole(&store, &bucket);
    let puts: Vec<String> = bucket.take_log().into_iter().filter(|line| line.starts_with("PUT")).collect();
    let place = |part: &str| puts.iter().rposition(|line| line.contains(part)).unwrap();
    assert!(place("/artifacts/") < place("/events/") && place("/events/") < place("/manifests/"), "{puts:?}");
    let told = push(&store, &bucket, &["--verify", "--format", "json"]).code(0).json();
    assert_eq!(
        (&told["segments"], &told["artifacts"]),
        (&json!({"put": 0, "there": 2}), &json!({"put": 0, "there": 3}))
    );
    assert!(bucket.take_log().iter().all(|line| line.starts_with("GET")));
    assert_eq!(store.files(), before, "nothing here is changed by a push");
    let told = push(&store, &bucket, &["--seal", "--format", "json"]).code(0).json();
    assert_eq!((&told["segments"], &told["positions_in_journal"]), (&json!({"put": 1, "there": 2}), &json!(0)));
    assert_whole(&store, &bucket);
}

#[test]
fn what_fails_at_any_request_is_told_and_finished_by_the_next_push() {
    let store = sealed();
    let before = store.files();
    let whole = Bucket::start();
    push(&store, &whole, &["--verify"]).code(0);
    let requests = whole.take_log().len();
    assert!(requests > 15, "{requests}");
    for fault in [Fault::Status(403), Fault::Status(500), Fault::Cut, Fault::CutAnswer, Fault::Hang] {
        for passes in 0..requests {
            let bucket = Bucket::start();
            bucket.set_rules(&[Rule { method: "", part: "", passes, times: 1, fault }]);
            // Only who waits for nothing waits for long.
            let patience: &[&str] = if fault == Fault::Hang { &["--timeout", "1s"] } else { &[] };
            let ran = push(&store, &bucket, &[&["--verify"], patience].concat());
            let name = format!("{fault:?} at request {passes}: {}", ran.stderr);
            assert_eq!(ran.code, 1, "{name}");
            assert!(ran.stderr.contains("cannot ") && ran.stderr.contains("some/prefix/"), "{name}");
            assert!(!ran.stderr.contains(SECRET), "{name}");
            assert_eq!(ran.stderr.contains("credentials"), fault == Fault::Status(403), "{name}");
            published(&store, &bucket);
            bucket.set_rules(&[]);
            push(&store, &bucket, &[]).code(0);
            assert_whole(&store, &bucket);
        }
    }
    assert_eq!(store.files(), before);
}

#[test]
fn a_push_that_is_killed_at_any_request_is_finished_by_the_next() {
    let store = sealed();
    let before = store.files();
    let whole = Bucket::start();
    push(&store, &whole, &[]).code(0);
    for passes in 0..whole.take_log().len() {
        let bucket = Bucket::start();
        bucket.set_rules(&[Rule { method: "", part: "", passes, times: usize::MAX, fault: Fault::Hang }]);
        let mut command = command(&store, &bucket, &["--timeout", "1h"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = Running(child);
        bucket.wait_for_hanging();
        drop(running);
        published(&store, &bucket);
        bucket.set_rules(&[]);
        push(&store, &bucket, &["--verify"]).code(0);
        assert_whole(&store, &bucket);
    }
    assert_eq!(store.files(), before);
}

#[test]
fn what_passes_by_itself_is_waited_for() {
    let store = sealed();
    for fault in [Fault::Status(503), Fault::Status(429), Fault::Cut, Fault::CutAnswer] {
        let bucket = Bucket::start();
        let twice = |method, part| Rule { times: 2, ..rule(method, part, fault) };
        // A listing that breaks off in the middle is told of at once.
        let listing = if fault == Fault::CutAnswer { "MANIFEST" } else { "list-type" };
        bucket.set_rules(&[twice("PUT", "/events/"), twice("GET", listing), twice("HEAD", "")]);
        push(&store, &bucket, &["--retries", "4"]).code(0);
        assert_whole(&store, &bucket);
    }
}

#[test]
fn a_target_that_lies_is_found_out() {
    let store = sealed();
    for (part, named) in [("/events/", ".parquet"), ("/artifacts/", "/artifacts/"), ("/manifests/", "MANIFEST")] {
        let bucket = Bucket::start();
        bucket.set_rules(&[rule("PUT", part, Fault::KeepHalf)]);
        let stderr = push(&store, &bucket, &[]).code(1).stderr;
        assert!(stderr.contains(named), "{part}: {stderr}");
        let bucket = Bucket::start();
        bucket.set_rules(&[rule("GET", part, Fault::Lie)]);
        let stderr = push(&store, &bucket, &["--verify"]).code(1).stderr;
        assert!(stderr.contains(named), "{part}: {stderr}");
    }
}

#[test]
fn what_was_changed_at_the_target_is_put_again_by_a_push_that_verifies() {
    let (store, bucket) = (sealed(), Bucket::start());
    push(&store, &bucket, &[]).code(0);
    for (key, object) in bucket.objects() {
        if key.ends_with("MANIFEST") {
            continue;
        }
        let mut bytes = object.bytes.clone();
        bytes[0] ^= 1;
        bucket.put(&key, &bytes);
        let told = push(&store, &bucket, &["--format", "json"]).code(0).json();
        assert_eq!(told["bytes_put"], 0, "{key}: names and lengths alone are looked at");
        let told = push(&store, &bucket, &["--verify", "--format", "json"]).code(0).json();
        assert_eq!(told["bytes_put"], bytes.len(), "{key}");
        assert_whole(&store, &bucket);
        bucket.put(&key, &bytes[1..]);
        push(&store, &bucket, &[]).code(0);
        assert_whole(&store, &bucket);
        bucket.remove(&key);
        push(&store, &bucket, &[]).code(0);
        assert_whole(&store, &bucket);
    }
}

#[test]
fn a_changed_manifest_at_the_target_is_not_believed() {
    let (store, bucket) = (sealed(), Bucket::start());
    push(&store, &bucket, &[]).code(0);
    let key = format!("some/prefix/manifests/node={}/MANIFEST", node(&store));
    bucket.put(&key, b"{}\nx\n");
    let stderr = push(&store, &bucket, &[]).code(1).stderr;
    assert!(stderr.contains("MANIFEST` is damaged") && stderr.contains("remove it"), "{stderr}");
    bucket.remove(&key);
    push(&store, &bucket, &[]).code(0);
    assert_whole(&store, &bucket);
}

#[test]
fn what_is_damaged_here_is_not_pushed() {
    for dir in ["archive/events", "artifacts"] {
        let (store, bucket) = (sealed(), Bucket::start());
        let (path, bytes) =
            store.files().into_iter().find(|(path, _)| path.starts_with(store.path().join(dir))).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut changed = bytes.clone();
        changed[10] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let stderr = push(&store, &bucket, &[]).code(4).stderr;
        assert!(stderr.contains(name) && stderr.contains("restore it"), "{stderr}");
        assert_eq!(published(&store, &bucket), None);
        assert!(bucket.objects().keys().all(|key| !key.ends_with(name)), "{name}");
        std::fs::write(&path, &bytes).unwrap();
        push(&store, &bucket, &[]).code(0);
        assert_whole(&store, &bucket);
    }
    let (store, bucket) = (sealed(), Bucket::start());
    std::fs::write(store.path().join("archive/MANIFEST"), "{}\n").unwrap();
    push(&store, &bucket, &[]).code(4);
    assert!(bucket.objects().is_empty());
}

#[test]
fn what_the_manifest_no_longer_names_goes_behind_it_and_nothing_of_others_ever() {
    let (store, bucket) = (sealed(), Bucket::start());
    push(&store, &bucket, &[]).code(0);
    let node = node(&store);
    let others = [
        format!("some/prefix/events/node={}/date=2026-01-01/x.parquet", "0".repeat(32)),
        format!("some/prefix/artifacts/node={node}0/ab/x"),
        format!("some/events/node={node}/x.parquet"),
        "some/prefix/README".to_owned(),
    ];
    let obsolete = format!("some/prefix/events/node={node}/date=2026-01-01/0-9.parquet");
    for key in others.iter().chain([&obsolete]) {
        bucket.put(key, b"x");
    }
    // One that no event names, as retention leaves it; and one that an event still names.
    let artifacts: Vec<_> =
        store.files().into_iter().filter(|(path, _)| path.starts_with(store.path().join("artifacts"))).collect();
    for (path, _) in &artifacts {
        std::fs::remove_file(path).unwrap();
    }
    store.record(&[created("s-9", 9)]).code(0);
    bucket.take_log();
    let told = push(&store, &bucket, &["--dry-run", "--no-artifacts", "--format", "json"]).code(0).json();
    assert_eq!((&told["removed"], &told["artifacts"]), (&json!(1), &Value::Null));
    let ran = push(&store, &bucket, &["--seal", "--format", "json"]).code(0);
    assert!(ran.stderr.contains("2 artifacts are there and not here"), "{}", ran.stderr);
    let told = ran.json();
    assert_eq!((&told["removed"], &told["artifacts_missing_here"]), (&json!(2), &json!(2)));
    let log = bucket.take_log();
    let manifest = log.iter().position(|line| line.starts_with("PUT") && line.contains("MANIFEST")).unwrap();
    let first_removal = log.iter().position(|line| line.contains("delete") || line.starts_with("DELETE")).unwrap();
    assert!(manifest < first_removal, "{log:#?}");
    let left = bucket.objects();
    assert!(others.iter().all(|key| left.contains_key(key)));
    assert!(!left.contains_key(&obsolete));
    assert_eq!(left.keys().filter(|key| key.contains(&format!("artifacts/node={node}/"))).count(), 2);
}

#[test]
fn what_was_forgotten_here_is_forgotten_there() {
    let (store, bucket) = (sealed(), Bucket::start());
    // Of today, so that a policy keeps it.
    let today = |mut event: Value| {
        event["timestamp"] = json!("2999-01-01T00:00:00Z");
        event
    };
    store.record(&[today(created("new", 0))]).code(0);
    push(&store, &bucket, &["--seal"]).code(0);
    assert_whole(&store, &bucket);
    let before = published(&store, &bucket).unwrap();
    let told = store.run(["retain", "--older-than", "30d", "--format", "json"]).code(0).json();
    assert_eq!(told["sessions"], 2);
    let told = push(&store, &bucket, &["--seal", "--format", "json"]).code(0).json();
    assert!(told["removed"].as_u64() > Some(2), "segments and artifacts: {told}");
    assert_whole(&store, &bucket);
    let after = published(&store, &bucket).unwrap();
    assert!(before["segments"].as_array().unwrap().iter().all(|old| after["segments"][0]["path"] != old["path"]));
    for hash in ["first content", "second content"].map(|text| digest(text.as_bytes())) {
        assert!(bucket.objects().keys().all(|key| !key.ends_with(&hash)), "{hash}");
    }
}

#[test]
fn an_older_or_another_copy_does_not_take_the_place_of_what_was_published() {
    let (store, bucket) = (sealed(), Bucket::start());
    let copies = [store.beside("one"), store.beside("another")];
    for path in &copies {
        copy(&store.path(), path);
    }
    store.record(&[created("s-9", 9)]).code(0);
    push(&store, &bucket, &["--seal"]).code(0);
    let there: Vec<_> = bucket.objects().into_keys().collect();
    // Each goes on by itself: one up to the same position first, the other beyond it with one segment.
    for (path, steps) in copies.iter().zip([[1, 1, 2], [2, 1, 1]]) {
        let from_copy = |args: &[&str]| push(&store, &bucket, &[&["--data", path.to_str().unwrap()], args].concat());
        let stderr = from_copy(&[]).code(1).stderr;
        assert!(stderr.contains("older copy") && stderr.contains("generation 3"), "{stderr}");
        for (step, events) in steps.into_iter().enumerate() {
            let events: Vec<Value> = (0..events).map(|n| created(&format!("own-{step}-{n}"), 9)).collect();
            let mut record = super::support::bare();
            record.arg("--data").arg(path).arg("record");
            finish(record, &super::support::ndjson(&events)).code(0);
            let stderr = from_copy(&["--seal"]).code(1).stderr;
            assert!(stderr.contains("went its own way"), "{path:?}, step {step}: {stderr}");
        }
    }
    assert_eq!(bucket.objects().into_keys().collect::<Vec<_>>(), there);
}

#[test]
fn a_long_object_goes_in_parts_and_is_invisible_until_it_is_whole() {
    let store = sealed();
    // Bytes that no compression shortens.
    let mut word = 1_u64;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    })
    .take(20 << 17)
    .flatten()
    .collect();
    store.feed(["artifact", "put", "-"], &content).code(0);
    let bucket = Bucket::start();
    push(&store, &bucket, &["--verify"]).code(0);
    assert_whole(&store, &bucket);
    assert_eq!(bucket.take_log().iter().filter(|line| line.contains("partNumber")).count(), 3);
    for (method, part, passes) in [("PUT", "partNumber", 1), ("POST", "uploadId", 0)] {
        let bucket = Bucket::start();
        bucket.set_rules(&[Rule { passes, ..rule(method, part, Fault::Status(403)) }]);
        let stderr = push(&store, &bucket, &[]).code(1).stderr;
        assert!(stderr.contains("some/prefix/artifacts/"), "{stderr}");
        assert_eq!(bucket.open_uploads(), 0, "what cannot be finished is aborted");
        assert!(bucket.objects().values().all(|object| object.bytes.len() < 1 << 20));
        bucket.set_rules(&[]);
        push(&store, &bucket, &[]).code(0);
        assert_whole(&store, &bucket);
    }
}

#[test]
fn a_directory_is_a_target_too() {
    let store = sealed();
    let lake = store.beside("lake dir");
    let url = format!("file://{}", lake.to_str().unwrap().replace(' ', "%20"));
    let told = store.run(["push", &url, "--verify", "--format", "json"]).code(0).json();
    assert_eq!((&told["segments"]["put"], &told["artifacts"]["put"]), (&json!(2), &json!(3)));
    let node = lake.join("events").join(format!("node={}", node(&store)));
    let days: Vec<_> = std::fs::read_dir(&node).unwrap().map(|day| day.unwrap().path()).collect();
    assert!(days.iter().all(|day| day.file_name().unwrap().to_str().unwrap().starts_with("date=20")));
    for day in &days {
        for file in std::fs::read_dir(day).unwrap().map(|file| file.unwrap().path()) {
            let own = store.path().join("archive/events").join(file.file_name().unwrap());
            assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(own).unwrap());
        }
    }
    let told = store.run(["push", &url, "--format", "json"]).code(0).json();
    assert_eq!((&told["segments"]["there"], &told["bytes_put"]), (&json!(2), &json!(0)));
    let file = std::fs::read_dir(&days[0]).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[1..]).unwrap();
    store.run(["push", &url]).code(0);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[test]
fn watching_pushes_what_is_sealed_and_ends_when_asked_to() {
    let (store, bucket) = (sealed(), Bucket::start());
    bucket.set_rules(&[Rule { times: 1, ..rule("PUT", "/events/", Fault::Status(500)) }]);
    let mut command = command(&store, &bucket, &["--watch", "--every", "1s", "--format", "ndjson"]);
    let mut running = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(running.0.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["generation"], 2, "the target that failed was asked again");
    assert_whole(&store, &bucket);
    store.record(&[created("s-9", 9)]).code(0);
    store.run(["seal"]).code(0);
    assert_eq!(next()["generation"], 3);
    assert_whole(&store, &bucket);
    let mut kill = std::process::Command::new("kill");
    kill.args(["-TERM", &running.0.id().to_string()]);
    finish(kill, b"").code(0);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

/// A push that has come to a request which is held or hangs.
fn begun(store: &Store, bucket: &Bucket, rule: Rule) -> std::process::Child {
    bucket.set_rules(&[rule]);
    let mut command = command(store, bucket, &["--timeout", "1h"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bucket.wait_for_hanging();
    child
}

#[test]
fn of_two_pushes_at_once_the_slower_one_does_not_undo_the_other() {
    let (store, bucket) = (sealed(), Bucket::start());
    let slow = begun(&store, &bucket, Rule { times: 1, ..rule("PUT", "/events/", Fault::Hold) });
    store.record(&[created("s-9", 9)]).code(0);
    push(&store, &bucket, &["--seal"]).code(0);
    assert_whole(&store, &bucket);
    bucket.set_rules(&[]);
    let slow = slow.wait_with_output().unwrap();
    let told = String::from_utf8(slow.stderr).unwrap();
    assert!(slow.status.code() == Some(1) && told.contains("let one push at a time run"), "{told}");
    assert_whole(&store, &bucket);
}

#[test]
fn a_push_that_is_asked_to_stop_says_how_to_go_on() {
    let (store, bucket) = (sealed(), Bucket::start());
    let child = begun(&store, &bucket, rule("PUT", "/events/", Fault::Hang));
    let mut kill = std::process::Command::new("kill");
    kill.args(["-TERM", &child.id().to_string()]);
    finish(kill, b"").code(0);
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(1) && told.contains("the next push goes on"), "{told}");
    assert_eq!(published(&store, &bucket), None);
}

#[test]
fn nothing_is_sealed_under_another_process_that_writes() {
    let (store, bucket) = (sealed(), Bucket::start());
    let mut writer = store.command(["record", "--format", "ndjson"]);
    let mut writer = Running(writer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = super::support::ndjson(&[created("s-9", 9)]);
    line.push(b'\n');
    std::io::Write::write_all(writer.0.stdin.as_mut().unwrap(), &line).unwrap();
    let mut verdicts = std::io::BufReader::new(writer.0.stdout.take().unwrap());
    let mut verdict = String::new();
    std::io::BufRead::read_line(&mut verdicts, &mut verdict).unwrap();
    assert!(verdict.contains("accepted"), "{verdict}");
    let before = bucket.objects().len();
    push(&store, &bucket, &["--seal"]).code(1);
    assert_eq!(bucket.objects().len(), before);
    let told = push(&store, &bucket, &["--format", "json"]).code(0).json();
    assert_eq!((&told["segments"]["put"], &told["positions_in_journal"]), (&json!(2), &json!(1)));
}

#[test]
fn what_cannot_be_a_target_is_refused_before_anything_is_asked() {
    let (store, bucket) = (sealed(), Bucket::start());
    for url in ["", "lake", "gs://lake/x", "s3://", "file://host/x", "s3://key:secret@lake/x"] {
        let stderr = store.run(["push", url]).code(2).stderr;
        assert!(!stderr.contains("secret@"), "{stderr}");
    }
    let with = |name: &str, value: &str| {
        let mut command = command(&store, &bucket, &[]);
        command.env(name, value);
        finish(command, b"")
    };
    assert!(with("AWS_ENDPOINT_URL", "http://objects.example").code(2).stderr.contains("AWS_ALLOW_HTTP"));
    assert!(with("AWS_ACCESS_KEY_ID", "").code(1).stderr.contains("AWS_ACCESS_KEY_ID"));
    assert!(bucket.take_log().is_empty());
    let mut elsewhere = store.command(["push", &format!("s3://not-{BUCKET}"), "--retries", "0"]);
    elsewhere.env("AWS_ENDPOINT_URL", &bucket.endpoint).env("AWS_SKIP_SIGNATURE", "true");
    assert!(finish(elsewhere, b"").code(1).stderr.contains("see that the bucket exists"));
    assert!(push(&Store::new(), &bucket, &[]).code(1).stderr.contains("no store"));
}
