//! Content in and out.

use std::process::Stdio;

use super::support::{Running, Store, created, finish, keys};

#[test]
fn what_is_given_comes_back() {
    let store = Store::new();
    let content = "line one\nünïcode \u{1b}[31m and bytes\n";
    let put = store.feed(["artifact", "put", "--format", "json"], content.as_bytes()).code(0).json();
    assert_eq!(keys(&put), ["artifact_id", "bytes", "redacted", "sha256"]);
    assert_eq!((put["bytes"].as_u64(), put["redacted"].as_bool()), (Some(content.len() as u64), Some(false)));
    let (id, hash) = (put["artifact_id"].as_str().unwrap(), put["sha256"].as_str().unwrap());
    assert_eq!(id, format!("sha256:{hash}"));
    for name in [id, hash, &hash.to_uppercase()] {
        assert_eq!(store.run(["artifact", "get", name]).code(0).stdout, content);
    }
    let file = store.beside("out.txt");
    store.run(["artifact", "get", id, "--output", file.to_str().unwrap()]).code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    // Giving it again, from a file, keeps one.
    let again = store.run(["artifact", "put", file.to_str().unwrap(), "--format", "json"]).code(0).json();
    assert_eq!(again, put);
    let verified = store.run(["verify", "--format", "json"]).code(0).json();
    assert_eq!(verified["artifacts"]["checked"], 1);
}

#[test]
fn nothing_and_binary_are_content_too() {
    let store = Store::new();
    let put = store.feed(["artifact", "put", "--format", "json"], b"").code(0).json();
    assert_eq!(put["sha256"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    let put = store.feed(["artifact", "put", "--format", "json"], &bytes).code(0).json();
    let output = store.command(["artifact", "get", put["sha256"].as_str().unwrap()]).output().unwrap();
    assert_eq!(output.stdout, bytes);
}

#[test]
fn content_can_be_given_while_another_process_records() {
    let store = Store::with(&[created("s-1", 0)]);
    let recording = store.command(["record"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut recording = Running(recording);
    // The lock is taken once the recording has begun; the answer to an event says that it has.
    super::live::answered(&mut recording.0, &store, &created("s-2", 1));
    store.feed(["artifact", "put"], b"meanwhile").code(0);
    drop(recording.0.stdin.take());
    assert!(recording.0.wait().unwrap().success());
}

#[test]
fn what_is_not_there_or_no_id() {
    let store = Store::with(&[created("s-1", 0)]);
    let unknown = "0".repeat(64);
    let stderr = store.run(["artifact", "get", &unknown]).code(1).stderr;
    assert!(stderr.contains(&format!("sha256:{unknown}")) && stderr.contains("never given"), "{stderr}");
    for bad in ["x", "sha256:", "sha256:abc", "../../etc/passwd"] {
        assert!(store.run(["artifact", "get", bad]).code(2).stderr.contains("64 hex digits"), "{bad}");
    }
    store.run(["artifact", "put", "/no/such/file"]).code(1);
    let stderr = Store::new().run(["artifact", "get", &unknown]).code(1).stderr;
    assert!(stderr.contains("there is no store here"), "{stderr}");
}

#[test]
fn damaged_content_is_not_given() {
    let store = Store::new();
    let put = store.feed(["artifact", "put", "--format", "json"], b"some content, long enough").code(0).json();
    let hash = put["sha256"].as_str().unwrap();
    let file = store.path().join("artifacts").join(&hash[..2]).join(hash);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let got = finish(store.command(["artifact", "get", hash]), b"").code(4);
    assert_eq!(got.stdout, "");
    assert!(got.stderr.contains("damaged"), "{}", got.stderr);
    let verified = store.run(["verify", "--format", "json"]).code(4).json();
    assert_eq!(verified["artifacts"]["bad"], 1);
}
