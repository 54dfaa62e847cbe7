//! An `event_id` stands for one content, for ever: across restarts, lost and damaged indexes.

use flightrec_recorder::events::{CheckedEvent, EventId, Rule};
use flightrec_recorder::view::Outcome;
use flightrec_recorder::{MAX_BATCH_EVENTS, Mode, Recorder};

use crate::memory::Memory;
use crate::sample::{created, creation, event, id, message, open, read, recorded, take, verify};

fn id_files(memory: &Memory) -> Vec<String> {
    memory.names().into_iter().filter(|name| name.starts_with("derived/ids-")).collect()
}

/// The message `n` under a random id, as other programs make them.
fn v4(n: u64) -> CheckedEvent {
    let mut event = message(n, "s-1").into_event();
    let mixed = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    event.event_id = EventId::from_bytes(((mixed & !(0xf << 76)) | (0x4 << 76)).to_be_bytes());
    event.check().unwrap()
}

fn assert_known(recorder: &Recorder, events: &[CheckedEvent]) {
    for event in events {
        assert_eq!(take(recorder, vec![event.clone()]), [Outcome::Duplicate], "{}", event.event_id);
        let mut other = event.clone().into_event();
        other.actor_id = Some(id("somebody else"));
        let Outcome::Rejected(violation) = take(recorder, vec![other.check().unwrap()]).remove(0) else {
            panic!("another content under {}", event.event_id)
        };
        assert_eq!(violation.rule, Rule::EventIdConflict);
    }
}

#[test]
fn ids_are_known_across_restarts_and_without_any_index() {
    let memory = Memory::default();
    let events: Vec<_> = (1..20).flat_map(|n| [message(n, "s-1"), v4(n)]).collect();
    let recorder = open(&memory);
    assert_eq!(recorded(&take(&recorder, events.clone())), events.len());
    assert_known(&recorder, &events);
    recorder.close().unwrap();
    assert_eq!(id_files(&memory).len(), 1);
    let count = read(&memory).event_count();

    let recorder = open(&memory);
    assert_known(&recorder, &events);
    drop(recorder);
    memory.delete_dir("derived/");
    let recorder = open(&memory);
    assert_known(&recorder, &events);
    assert_eq!(recorder.reader().event_count(), count, "no duplicate was recorded");
    recorder.close().unwrap();
    assert!(verify(&read(&memory)).ok, "what was made again is right");
}

#[test]
fn small_files_are_merged_and_both_halves_stay_known() {
    let memory = Memory::default();
    let mut all = Vec::new();
    for round in 0..5 {
        let recorder = open(&memory);
        let events: Vec<_> = (0..200).map(|n| v4(round * 200 + n)).collect();
        assert_eq!(recorded(&take(&recorder, events.clone())), events.len());
        all.extend(events);
        recorder.close().unwrap();
        assert_eq!(id_files(&memory).len(), 1, "{:?}", id_files(&memory));
    }
    let recorder = open(&memory);
    let again = all.iter().step_by(7).cloned().collect::<Vec<_>>();
    assert_known(&recorder, &again);
    recorder.close().unwrap();
}

#[test]
fn a_damaged_index_is_noticed_wherever_it_is_hit_and_made_again() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let events: Vec<_> = (0..300).map(v4).collect();
    take(&recorder, events.clone());
    recorder.close().unwrap();
    let [path] = id_files(&memory).try_into().unwrap();
    let len = memory.get(&path).len();
    let some = [events[0].clone(), events[150].clone(), events[299].clone()];
    for at in (0..len).step_by(97) {
        let copy = memory.copy();
        copy.flip(&path, at, at as u32 % 8);
        let before = verify(&read(&copy));
        assert!(!before.ok && before.damage.iter().any(|found| found.kind == "bad_index"), "byte {at}");
        let recorder = open(&copy);
        assert_known(&recorder, &some);
        assert!(recorder.failure().is_none(), "byte {at}");
        // Ids that were hit in no file are looked up as well.
        take(&recorder, events.clone());
        recorder.close().unwrap();
        assert_eq!(read(&copy).event_count(), 300, "byte {at}");
        assert!(verify(&read(&copy)).ok, "byte {at}");
    }
    let copy = memory.copy();
    copy.set(&path, Vec::new());
    let recorder = open(&copy);
    assert_known(&recorder, &some);
    recorder.close().unwrap();
}

#[test]
fn an_index_of_another_log_is_not_believed() {
    let memory = Memory::default();
    let recorder = open(&memory);
    take(&recorder, (0..10).map(v4).collect());
    recorder.close().unwrap();
    let old = memory.copy();
    let recorder = open(&memory);
    take(&recorder, (10..20).map(v4).collect());
    recorder.close().unwrap();
    // The log is put back, goes on elsewhere, and meets the index of the history that it left.
    let recorder = open(&old);
    take(&recorder, (20..40).map(v4).collect());
    recorder.close().unwrap();
    old.delete_dir("derived/");
    for path in memory.names().into_iter().filter(|name| name.starts_with("derived/")) {
        old.set(&path, memory.get(&path));
    }
    let recorder = open(&old);
    let outcomes = take(&recorder, (0..40).map(v4).collect());
    assert_eq!(recorded(&outcomes), 10, "those of the other history are not here");
    recorder.close().unwrap();
    assert_eq!(read(&old).event_count(), 40);
    assert!(verify(&read(&old)).ok);
}

#[test]
fn names_that_no_recorder_gave_do_no_harm() {
    let memory = Memory::default();
    let recorder = open(&memory);
    take(&recorder, vec![created(1, "s-1")]);
    recorder.close().unwrap();
    for name in [
        "ids-0-0.fri",
        "ids-9-3.fri",
        "ids-18446744073709551615-18446744073709551615.fri",
        "ids-2-9.fri.tmp",
        "ids-x-1.fri",
    ] {
        memory.set(&format!("derived/{name}"), vec![0xff; 300]);
    }
    assert!(!verify(&read(&memory)).ok);
    let recorder = open(&memory);
    assert_eq!(take(&recorder, vec![created(1, "s-1")]), [Outcome::Duplicate]);
    recorder.close().unwrap();
    assert!(verify(&read(&memory)).ok);
}

#[test]
fn more_ids_than_memory_holds_go_to_files_and_stay_known() {
    const EVENTS: u64 = 262_144 + 20_000;
    let memory = Memory::default();
    let recorder = open(&memory);
    let template = event(0, "s-1", creation("s-1", None));
    let numbered = |n: u64| {
        let mut event = template.clone();
        // Two of three in the order of time, the third anywhere.
        event.event_id = if n % 3 == 2 { v4(n).event_id } else { crate::sample::v7(n) };
        event.check().unwrap()
    };
    let mut tickets = Vec::new();
    for first in (0..EVENTS).step_by(MAX_BATCH_EVENTS) {
        let batch = (first..EVENTS.min(first + MAX_BATCH_EVENTS as u64)).map(numbered).collect();
        tickets.push(recorder.record_batch(batch, Mode::Lenient).unwrap());
    }
    let count: usize = tickets.iter().map(|ticket| recorded(&ticket.durable().unwrap())).sum();
    assert_eq!(count as u64, EVENTS);
    let known: Vec<_> = (0..EVENTS).step_by(9_973).map(numbered).collect();
    assert_eq!(take(&recorder, known.clone()), vec![Outcome::Duplicate; known.len()], "while a file may be underway");
    while id_files(&memory).is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(id_files(&memory).len(), 1, "one file is full, the rest is in memory");
    assert_eq!(take(&recorder, known.clone()), vec![Outcome::Duplicate; known.len()]);
    drop(recorder);

    assert_eq!(id_files(&memory).len(), 2, "dropping closes in order");
    let recorder = open(&memory);
    assert_eq!(take(&recorder, known.clone()), vec![Outcome::Duplicate; known.len()]);
    recorder.close().unwrap();
    memory.delete_dir("derived/");
    let recorder = open(&memory);
    assert_eq!(take(&recorder, known.clone()), vec![Outcome::Duplicate; known.len()]);
    assert_eq!(recorder.reader().event_count(), EVENTS);
    recorder.close().unwrap();
}
