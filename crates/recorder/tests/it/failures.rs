//! A failing disk and a panic: nothing is promised afterwards, reading goes on, the host lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flightrec_recorder::events::Timestamp;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::{Clock, Options, Receipt, Recorder, RecorderError, SinkFailure};

use crate::memory::Memory;
use crate::sample::{at, created, message, open, options, read, session, take, verify};

fn poisoned<T: std::fmt::Debug>(result: Result<T, RecorderError>) -> String {
    match result {
        Err(error @ RecorderError::SinkError(SinkFailure::Poisoned(_))) => error.to_string(),
        other => panic!("the recorder has stopped: {other:?}"),
    }
}

#[test]
fn after_a_failed_sync_nothing_is_promised_until_a_reopen() {
    let memory = Memory::default();
    let recorder = open(&memory);
    take(&recorder, vec![created(1, "s-1"), message(2, "s-1")]);
    memory.fail_syncs(true);
    let text = poisoned(recorder.record(message(3, "s-1")).unwrap().durable());
    assert!(text.starts_with("HSK-500-DB") && text.contains("re-open"), "{text}");
    memory.fail_syncs(false);
    poisoned(recorder.record(message(4, "s-1")));
    poisoned(recorder.sync());
    assert!(matches!(recorder.failure(), Some(SinkFailure::Poisoned(_))));
    assert_eq!(session(recorder.reader(), "s-1").messages, 1, "only what is durable is answered");
    assert_eq!(recorder.reader().events(&EventFilter::default()).count(), 2);
    poisoned(recorder.close());

    let recorder = open(&memory);
    let kept = recorder.reader().event_count();
    assert!((2..=3).contains(&kept), "{kept}: all that was promised, and nothing that was not submitted");
    let receipt = recorder.record(message(4, "s-1")).unwrap().durable().unwrap();
    assert_eq!(receipt, Receipt::Recorded { seq: kept + 1 });
    recorder.close().unwrap();
    assert!(verify(&read(&memory)).ok);
}

#[test]
fn a_full_disk_stops_the_recorder_and_not_the_host() {
    let memory = Memory::default();
    let recorder = open(&memory);
    take(&recorder, vec![created(1, "s-1")]);
    memory.fail_writes(true);
    let text = poisoned(recorder.record(message(2, "s-1")).unwrap().durable());
    assert!(text.contains("full"), "{text}");
    for n in 3..20 {
        assert!(recorder.record(message(n, "s-1")).map(|ticket| ticket.durable()).is_err(), "refused at once");
    }
    assert_eq!(recorder.reader().event_count(), 1);
    drop(recorder);
    memory.fail_writes(false);
    let recorder = open(&memory);
    assert_eq!(recorder.reader().event_count(), 1);
    recorder.close().unwrap();
}

#[test]
fn whoever_is_in_the_queue_when_it_fails_is_told() {
    let memory = Memory::default();
    let recorder = open(&memory);
    memory.hold_syncs();
    memory.fail_syncs(true);
    let first = recorder.record(created(1, "s-1")).unwrap();
    memory.wait_for_sync();
    let queued: Vec<_> = (2..30).map(|n| recorder.record(message(n, "s-1")).unwrap()).collect();
    memory.release_syncs();
    poisoned(first.durable());
    for ticket in queued {
        poisoned(ticket.durable());
    }
    poisoned(recorder.close());
}

/// A clock that panics when it is told to.
#[derive(Debug, Default)]
struct Bomb(AtomicBool);

impl Clock for Bomb {
    fn now(&self) -> Timestamp {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the clock broke");
        at(0)
    }
}

#[test]
fn a_panic_in_the_writer_ends_the_writing_and_nothing_else() {
    let memory = Memory::default();
    let clock = Arc::new(Bomb::default());
    let options = Options { clock: Arc::<Bomb>::clone(&clock), ..options() };
    let recorder = Recorder::open_storage(memory.shared(), options).unwrap();
    take(&recorder, vec![created(1, "s-1")]);
    clock.0.store(true, Ordering::SeqCst);
    let text = poisoned(recorder.record(message(2, "s-1")).unwrap().durable());
    assert!(text.contains("panicked"), "{text}");
    poisoned(recorder.record(message(3, "s-1")));
    assert_eq!(session(recorder.reader(), "s-1").messages, 0);
    poisoned(recorder.close());
    let recorder = open(&memory);
    assert_eq!(take(&recorder, vec![message(2, "s-1")]).len(), 1);
    recorder.close().unwrap();
}

#[test]
fn derived_files_that_cannot_be_written_stop_nothing() {
    let memory = Memory::default();
    let recorder = open(&memory);
    take(&recorder, vec![created(1, "s-1")]);
    recorder.close().unwrap();
    memory.delete_dir("derived/");
    let recorder = open(&memory);
    memory.fail_writes(true);
    // Nothing was recorded, so that closing has derived files alone to write; an end marker is there.
    let closed = recorder.close();
    memory.fail_writes(false);
    assert!(closed.is_ok(), "{closed:?}");
    assert!(
        !memory.names().iter().any(|name| name.strip_suffix(".fri").is_some() || name.strip_suffix(".frs").is_some())
    );
    assert!(verify(&read(&memory)).ok);
}
