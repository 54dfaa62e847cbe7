//! A slow disk and a full queue: the host's choice holds, and every drop is counted and recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flightrec_recorder::events::{Payload, Timestamp};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::FindingKind;
use flightrec_recorder::{Mode, Options, Overflow, Recorder, RecorderError, SinkFailure};

use crate::memory::Memory;
use crate::sample::{NOON_US, Standing, at, created, message, options, read};

const CAP: usize = 4;

/// A recorder whose writer waits for the disk, and whose queue is full.
fn full(overflow: Overflow) -> (Memory, Recorder, Arc<Standing>) {
    let memory = Memory::default();
    let clock = Standing::at_noon();
    let options = Options { queue_cap: CAP, overflow, clock: Arc::<Standing>::clone(&clock), ..options() };
    let recorder = Recorder::open_storage(memory.shared(), options).unwrap();
    memory.hold_syncs();
    drop(recorder.record(created(0, "s-1")).unwrap());
    memory.wait_for_sync();
    for n in 1..=CAP as u64 {
        drop(recorder.record(message(n, "s-1")).unwrap());
    }
    (memory, recorder, clock)
}

fn is_full(error: &RecorderError) -> bool {
    matches!(error, RecorderError::SinkError(SinkFailure::QueueFull { cap: CAP }))
}

/// Count, first and last time of each record of drops.
fn drops(memory: &Memory) -> Vec<(u64, Timestamp, Timestamp)> {
    let reader = read(memory);
    let events: Vec<_> = reader.events(&EventFilter::default()).map(Result::unwrap).collect();
    events
        .iter()
        .filter_map(|event| {
            let Payload::RecorderEventsDropped(dropped) = &event.event.payload else { return None };
            assert_eq!(dropped.cause.as_str(), "queue full");
            Some((dropped.count.get(), dropped.first_at, dropped.last_at))
        })
        .collect()
}

#[test]
fn dropped_events_are_counted_and_recorded() {
    let (memory, recorder, clock) = full(Overflow::Drop);
    clock.0.store(NOON_US + 3_000_000, Ordering::SeqCst);
    assert!(is_full(&recorder.record(message(100, "s-1")).unwrap_err()));
    clock.0.store(NOON_US + 8_000_000, Ordering::SeqCst);
    let batch = (101..111).map(|n| message(n, "s-1")).collect();
    assert!(is_full(&recorder.record_batch(batch, Mode::Strict).unwrap_err()));
    assert_eq!(recorder.dropped_events(), 11);
    memory.release_syncs();
    recorder.sync().unwrap();
    drop(recorder.record(message(200, "s-1")).unwrap());
    recorder.sync().unwrap();
    let findings = recorder.reader().findings();
    let found = findings.iter().find(|finding| finding.kind == FindingKind::DroppedEvents).expect("a finding");
    assert!(found.detail.contains("11 events"), "{}", found.detail);
    recorder.close().unwrap();
    assert_eq!(drops(&memory), [(11, at(3), at(8))]);
    assert_eq!(read(&memory).event_count(), 1 + CAP as u64 + 1 + 1);
}

#[test]
fn drops_that_nothing_follows_are_recorded_at_the_close() {
    let (memory, recorder, _) = full(Overflow::Drop);
    let refused = recorder.record(message(100, "s-1")).is_err();
    memory.release_syncs();
    recorder.close().unwrap();
    assert!(refused);
    assert_eq!(drops(&memory), [(1, at(0), at(0))]);
}

#[test]
fn a_caller_who_waits_for_a_while_is_told_too() {
    let (memory, recorder, _) = full(Overflow::BlockFor(Duration::from_millis(5)));
    assert!(is_full(&recorder.record(message(100, "s-1")).unwrap_err()));
    assert_eq!(recorder.dropped_events(), 1);
    memory.release_syncs();
    recorder.sync().unwrap();
    assert!(recorder.record(message(101, "s-1")).is_ok(), "there is room again");
    recorder.close().unwrap();
    assert_eq!(drops(&memory), [(1, at(0), at(0))]);
}

#[test]
fn a_caller_who_waits_as_long_as_it_takes_loses_nothing() {
    let (memory, recorder, _) = full(Overflow::Block);
    let recorder = Arc::new(recorder);
    let waiting = std::thread::spawn({
        let recorder = Arc::clone(&recorder);
        move || recorder.record(message(100, "s-1")).unwrap().durable().unwrap()
    });
    memory.release_syncs();
    waiting.join().unwrap();
    assert_eq!(recorder.dropped_events(), 0);
    Arc::into_inner(recorder).unwrap().close().unwrap();
    assert_eq!(drops(&memory), []);
    assert_eq!(read(&memory).event_count(), 2 + CAP as u64);
}

#[test]
fn waiting_for_what_is_queued_drops_nothing_whatever_the_choice() {
    let (memory, recorder, _) = full(Overflow::Drop);
    let recorder = Arc::new(recorder);
    let waiting = std::thread::spawn({
        let recorder = Arc::clone(&recorder);
        move || recorder.sync()
    });
    assert_eq!(recorder.record_batch(Vec::new(), Mode::Strict).map(drop).map_err(|error| is_full(&error)), Err(true));
    memory.release_syncs();
    waiting.join().unwrap().unwrap();
    assert_eq!(recorder.dropped_events(), 0, "no event was dropped");
    Arc::into_inner(recorder).unwrap().close().unwrap();
    assert_eq!(drops(&memory), [], "so none is recorded as dropped");
}
