//! What is put aside saves time, and is believed only when it belongs to the log as it is.

use flightrec_recorder::Reader;
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::ProjectionCheck;

use crate::memory::Memory;
use crate::sample::{created, open, read, take, verify, workload};

const SNAPSHOT: &str = "derived/snapshot.frs";

fn filled(rounds: u64) -> Memory {
    let memory = Memory::default();
    let recorder = open(&memory);
    for round in 0..rounds {
        take(&recorder, workload(round * 100));
    }
    recorder.close().unwrap();
    memory
}

fn assert_same(found: &Reader, wanted: &Reader) {
    let all = SessionFilter::default();
    assert_eq!(found.sessions(&all), wanted.sessions(&all));
    assert_eq!(found.findings(), wanted.findings());
    assert_eq!((found.event_count(), found.last_seq()), (wanted.event_count(), wanted.last_seq()));
    assert_eq!(found.trees(), wanted.trees());
}

/// How many bytes of the log opening reads.
fn opening_reads(memory: &Memory) -> u64 {
    let aside = memory
        .names()
        .iter()
        .filter(|name| name.starts_with("derived/"))
        .map(|name| memory.get(name).len())
        .sum::<usize>();
    memory.take_read_bytes();
    let reader = read(memory);
    assert!(reader.event_count() > 0);
    memory.take_read_bytes().saturating_sub(aside as u64)
}

#[test]
fn opening_reads_what_was_put_aside_instead_of_the_log() {
    let memory = filled(200);
    let with = opening_reads(&memory);
    let plain = memory.copy();
    plain.delete_dir("derived/");
    let without = opening_reads(&plain);
    let log: usize =
        plain.names().iter().filter(|name| name.starts_with("journal/")).map(|name| plain.get(name).len()).sum();
    assert!(without >= log as u64 * 9 / 10, "{without} of {log}");
    assert!(with * 4 < without, "{with} and {without} bytes of the log");
    assert_same(&read(&memory), &read(&plain));
    assert_eq!(verify(&read(&memory)).projections, ProjectionCheck::Match);
}

#[test]
fn every_damaged_snapshot_is_set_aside() {
    let memory = filled(2);
    let plain = memory.copy();
    plain.delete_dir("derived/");
    let wanted = read(&plain);
    let whole = memory.get(SNAPSHOT);
    for at in 0..whole.len() {
        let copy = memory.copy();
        copy.flip(SNAPSHOT, at, at as u32 % 8);
        assert_same(&read(&copy), &wanted);
    }
    for len in (0..whole.len()).step_by(13) {
        let copy = memory.copy();
        copy.set(SNAPSHOT, whole[..len].to_vec());
        assert_same(&read(&copy), &wanted);
        assert!(!verify(&read(&copy)).ok, "{len} of {} bytes", whole.len());
    }
    let copy = memory.copy();
    copy.flip(SNAPSHOT, whole.len() / 2, 0);
    open(&copy).close().unwrap();
    assert!(verify(&read(&copy)).ok, "the next writer makes it again");
    assert!(copy.names().contains(&SNAPSHOT.to_owned()));
}

#[test]
fn a_snapshot_of_a_log_that_was_put_back_is_not_believed() {
    let memory = filled(3);
    let old = memory.copy();
    let recorder = open(&memory);
    take(&recorder, workload(5_000));
    recorder.close().unwrap();
    old.set(SNAPSHOT, memory.get(SNAPSHOT));
    assert_eq!(read(&old).event_count(), 72, "the log is the truth");
    let answer = verify(&read(&old));
    assert!(!answer.ok && answer.damage[0].kind == "bad_snapshot", "{answer:?}");
    // The same position, in another history.
    let recorder = open(&old);
    take(&recorder, workload(7_000));
    recorder.close().unwrap();
    old.set(SNAPSHOT, memory.get(SNAPSHOT));
    let reader = read(&old);
    assert!(reader.resolve("s-a-7000").is_ok() && reader.resolve("s-a-5000").is_err());
}

#[test]
fn a_snapshot_of_another_store_or_version_is_not_believed() {
    let (memory, other) = (filled(2), filled(3));
    memory.set(SNAPSHOT, other.get(SNAPSHOT));
    assert_eq!(read(&memory).event_count(), 48);
    assert!(!verify(&read(&memory)).ok);
}

#[test]
fn opening_and_closing_alone_leaves_a_store_sound() {
    let memory = filled(2);
    memory.delete_dir("derived/");
    for _ in 0..3 {
        open(&memory).close().unwrap();
        let answer = verify(&read(&memory));
        assert!(answer.ok, "{answer:?}");
        memory.take_read_bytes();
    }
    let recorder = open(&memory);
    take(&recorder, vec![created(9_000, "s-last")]);
    recorder.close().unwrap();
    assert!(verify(&read(&memory)).ok);
}
