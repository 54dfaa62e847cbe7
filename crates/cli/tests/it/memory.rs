//! Bounded memory, whatever comes in.

use std::io::Write;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use super::support::{Running, Store, created, message, ndjson};

/// The most memory that a process has held so far.
fn peak_bytes(process: u32) -> u64 {
    peak_bytes_if_there(process).unwrap()
}

/// The same of a process that may have ended.
fn peak_bytes_if_there(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The most memory that a process has held by the time it ends, as far as it was seen, and how it ended.
fn peak_until_end(running: &mut Running) -> (u64, ExitStatus) {
    let mut peak = 0;
    loop {
        peak = peak_bytes_if_there(running.0.id()).unwrap_or(peak);
        if let Some(ended) = running.0.try_wait().unwrap() {
            return (peak, ended);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(feature = "sql")]
#[test]
fn a_query_that_would_take_all_memory_takes_little_and_says_so() {
    const LIMIT: u64 = 512 << 20;
    let store = Store::with(&[created("s-1", 0)]);
    let query = "SELECT a.value, b.value FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 100000) b \
                 ORDER BY a.value * b.value, a.value";
    let mut asking = Running(
        store
            .command(["sql", query, "--memory-mib", "64"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let (peak, ended) = peak_until_end(&mut asking);
    let said = std::io::read_to_string(asking.0.stderr.take().unwrap()).unwrap();
    assert!(ended.code() == Some(1) && said.contains("67108864 bytes of memory"), "{said}");
    assert!(peak > 0 && peak < LIMIT, "{} MiB", peak >> 20);
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

#[test]
fn a_long_transcript_of_long_lines_needs_little() {
    const LIMIT: u64 = 160 << 20;
    let store = Store::new();
    let path = store.beside("s.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    // Calls that are never answered, answers, and a line that is longer than any that is held.
    for number in 0..80 {
        let head = format!(
            "\"sessionId\":\"s\",\"uuid\":\"u-{number}\",\"timestamp\":\"2026-03-01T12:{:02}:{:02}Z\"",
            number / 60,
            number % 60
        );
        let long = format!("{number} {}", "x".repeat(1 << 20));
        let block = format!(
            "{{\"type\":\"tool_use\",\"id\":\"c-{number}\",\"name\":\"Write\",\"input\":{{\"content\":\"{long}\"}}}}"
        );
        writeln!(file, "{{\"type\":\"assistant\",{head},\"message\":{{\"id\":\"m\",\"content\":[{block}]}}}}").unwrap();
    }
    for _ in 0..48 {
        file.write_all(&vec![b'{'; 1 << 20]).unwrap();
    }
    file.write_all(b"\n{\"type\":\"summary\"}\n").unwrap();
    drop(file);
    let mut importing = Running(
        store
            .command(["import", "claude-code", "--format", "json"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let (peak, ended) = peak_until_end(&mut importing);
    let said = std::io::read_to_string(importing.0.stdout.take().unwrap()).unwrap();
    assert_eq!(ended.code(), Some(3));
    assert!(said.contains("\"too_long\": 1"), "{said}");
    assert!(peak > 0 && peak < LIMIT, "{} MiB", peak >> 20);
    assert_eq!(store.list(&["sessions"])[0]["messages"], 80);
}
