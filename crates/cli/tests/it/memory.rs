//! Bounded memory, whatever comes in.

use std::io::Write;
use std::process::Stdio;

use super::support::{Running, Store, created, message, ndjson};

/// The most memory that a process has held so far.
fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn hundreds_of_megabytes_of_junk_need_little() {
    const LIMIT: u64 = 96 << 20;
    let store = Store::new();
    let mut recording = Running(
        store.command(["record"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap(),
    );
    let mut input = recording.0.stdin.take().unwrap();
    let giant = vec![b'{'; 8 << 20];
    let mut big = b"{\"a\":\"".to_vec();
    big.resize(60_000, b'x');
    big.extend_from_slice(b"\"}\n");
    let mut sent = 0;
    while sent < 300 << 20 {
        input.write_all(&giant).unwrap();
        input.write_all(b"\n").unwrap();
        input.write_all(&big.repeat(20)).unwrap();
        input.write_all(b"junk\n\n").unwrap();
        sent += giant.len() + big.len() * 20;
    }
    // A line of two hundred megabytes, and an event after it.
    for _ in 0..25 {
        input.write_all(&giant).unwrap();
    }
    input.write_all(b"\n").unwrap();
    input.write_all(&ndjson(&[created("s-1", 0)])).unwrap();
    super::live::wait_for_event(&mut recording.0, &store);
    let peak = peak_bytes(recording.0.id());
    assert!(peak < LIMIT, "{} MiB", peak >> 20);
    drop(input);
    assert_eq!(recording.0.wait().unwrap().code(), Some(3));
}

#[test]
fn a_flood_of_events_needs_little() {
    const LIMIT: u64 = 160 << 20;
    let store = Store::with(&[created("s-1", 0)]);
    let mut recording = Running(
        store
            .command(["record", "-q"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut input = recording.0.stdin.take().unwrap();
    for chunk in 0..50 {
        let events: Vec<_> = (0..1_000).map(|i| message("s-1", 1, chunk * 1_000 + i)).collect();
        input.write_all(&ndjson(&events)).unwrap();
    }
    let peak = peak_bytes(recording.0.id());
    assert!(peak < LIMIT, "{} MiB", peak >> 20);
    drop(input);
    assert_eq!(recording.0.wait().unwrap().code(), Some(0));
    assert_eq!(store.list(&["sessions"])[0]["messages"], 50_000);
}
