//! Accepted, written, durable; batches; many callers at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use flightrec_recorder::events::{Actor, Reason, Rule, State};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::Outcome;
use flightrec_recorder::{
    FlightRecorder, MAX_BATCH_EVENTS, Mode, OpenError, Receipt, Recorder, RecorderError, SinkFailure,
};

use crate::memory::Memory;
use crate::sample::{
    change, created, creation, event, id, message, open, options, read, recorded, session, take, take_strictly, v7,
    verify,
};

#[test]
fn accepted_written_and_durable_are_three_moments() {
    let memory = Memory::default();
    let recorder = open(&memory);
    memory.hold_syncs();
    let ticket = recorder.record_batch(vec![created(1, "s-1")], Mode::Strict).unwrap();
    assert_eq!(ticket.written().unwrap(), [Outcome::Recorded { seq: 1 }], "written while the sync still waits");
    memory.wait_for_sync();
    assert!(ticket.try_durable().is_none(), "nothing is durable before the sync");
    assert_eq!(recorder.reader().event_count(), 0, "nothing is answered before it is durable");
    memory.release_syncs();
    assert_eq!(ticket.durable().unwrap(), [Outcome::Recorded { seq: 1 }]);
    assert_eq!(ticket.try_durable(), Some(Ok(vec![Outcome::Recorded { seq: 1 }])));
    assert_eq!(recorder.reader().event_count(), 1);
    recorder.close().unwrap();
}

#[test]
fn what_comes_during_a_sync_is_committed_together() {
    let memory = Memory::default();
    let recorder = open(&memory);
    memory.hold_syncs();
    let first = recorder.record(created(1, "s-1")).unwrap();
    memory.wait_for_sync();
    let tickets: Vec<_> = (2..50).map(|n| recorder.record(message(n, "s-1")).unwrap()).collect();
    memory.release_syncs();
    first.durable().unwrap();
    let seqs: Vec<_> = tickets.iter().map(|ticket| ticket.durable().unwrap()).collect();
    let expected: Vec<_> = (2..50).map(|seq| Receipt::Recorded { seq }).collect();
    assert_eq!(seqs, expected, "the order of the queue is the order of the record");
    recorder.close().unwrap();
}

#[test]
fn a_bad_event_harms_no_other_of_its_batch() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let batch = vec![
        message(1, "s-1"),
        created(2, "s-1"),
        created(2, "s-1"),
        change(3, "s-1", State::Active, State::Blocked),
        created(4, "s-1"),
        message(2, "s-1"),
        message(5, "s-1"),
    ];
    let rules: Vec<_> = take_strictly(&recorder, batch)
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Recorded { seq } => Ok(Some(seq)),
            Outcome::Duplicate => Ok(None),
            Outcome::Rejected(violation) => Err(violation.rule),
        })
        .collect();
    let expected = [
        Err(Rule::UnknownSession),
        Ok(Some(1)),
        Ok(None),
        Err(Rule::IllegalTransition),
        Err(Rule::IllegalTransition),
        Err(Rule::EventIdConflict),
        Ok(Some(2)),
    ];
    assert_eq!(rules, expected);
    assert_eq!(session(recorder.reader(), "s-1").messages, 1);
    recorder.close().unwrap();
    assert_eq!(read(&memory).event_count(), 2);
}

#[test]
fn a_terminal_session_takes_nothing_new_strictly_and_all_leniently() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let end = change(2, "s-1", State::Created, State::Failed);
    take_strictly(&recorder, vec![created(1, "s-1"), end]);
    let late = || change(3, "s-1", State::Failed, State::Active);
    let Outcome::Rejected(violation) = take_strictly(&recorder, vec![late()]).remove(0) else { panic!("rejected") };
    assert_eq!(violation.rule, Rule::AfterTerminal);
    assert_eq!(take(&recorder, vec![late(), message(4, "s-1")]).len(), 2);
    let view = session(recorder.reader(), "s-1");
    assert_eq!((view.state, view.messages), (State::Failed, 1), "a terminal state is sticky");
    recorder.close().unwrap();
}

#[test]
fn too_many_events_and_too_many_bytes_are_refused_whole() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let many: Vec<_> = (0..=MAX_BATCH_EVENTS as u64).map(|n| message(n, "s-1")).collect();
    let refused = recorder.record_batch(many.clone(), Mode::Lenient).unwrap_err();
    assert!(matches!(refused, RecorderError::SinkError(SinkFailure::BatchTooLarge { .. })), "{refused}");
    assert!(refused.to_string().contains("1024 events"), "{refused}");
    let fits = recorder.record_batch(many[..MAX_BATCH_EVENTS].to_vec(), Mode::Lenient).unwrap().durable().unwrap();
    assert_eq!(recorded(&fits), MAX_BATCH_EVENTS);

    let heavy: Vec<_> = (0..600).map(|n| heavy_event(10_000 + n)).collect();
    let outcome = recorder.record_batch(heavy, Mode::Lenient).unwrap();
    assert!(matches!(outcome.written(), Err(SinkFailure::BatchTooLarge { .. })), "nobody waits in vain");
    assert!(matches!(outcome.durable(), Err(SinkFailure::BatchTooLarge { .. })));
    let next = recorder.record(created(5_000, "s-2")).unwrap().durable().unwrap();
    assert_eq!(next, Receipt::Recorded { seq: MAX_BATCH_EVENTS as u64 + 1 }, "the recorder goes on");
    recorder.close().unwrap();
}

/// About 16 KiB in the stored form.
fn heavy_event(n: u64) -> flightrec_recorder::events::CheckedEvent {
    let mut created = creation("s-1", None);
    created.capability_grants =
        Some((0..70).map(|grant| id(&format!("{grant}-{n}-{}", "ab ".repeat(78).trim_end()))).collect());
    event(n, "s-1", created).check().unwrap()
}

#[test]
fn sixteen_callers_get_gap_free_positions_and_lose_nothing() {
    const CALLERS: u64 = 16;
    const EACH: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let recorder = Arc::new(Recorder::open_with(dir.path(), options()).unwrap());
    let start = Arc::new(Barrier::new(CALLERS as usize));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (recorder, start) = (Arc::clone(&recorder), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let name = format!("s-{caller}");
                let mut seqs = Vec::new();
                for n in 0..EACH {
                    let n = caller * EACH + n;
                    let event = if n.is_multiple_of(EACH) { created(n, &name) } else { message(n, &name) };
                    let ticket = recorder.record(event).unwrap();
                    // Some wait for each event, others for the last of many.
                    if n.is_multiple_of(caller + 1) {
                        let Receipt::Recorded { seq } = ticket.durable().unwrap() else { panic!("it is new") };
                        seqs.push((seq, n));
                    }
                }
                recorder.sync().unwrap();
                seqs
            })
        })
        .collect();
    let acknowledged: Vec<(u64, u64)> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    Arc::into_inner(recorder).unwrap().close().unwrap();

    let reader = flightrec_recorder::Reader::open(dir.path()).unwrap();
    let events: Vec<_> = reader.events(&EventFilter::default()).map(Result::unwrap).collect();
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=CALLERS * EACH).collect::<Vec<_>>());
    let ids: BTreeSet<_> = events.iter().map(|event| event.event.event_id).collect();
    assert_eq!(ids.len() as u64, CALLERS * EACH);
    for (seq, n) in acknowledged {
        assert_eq!(events[seq as usize - 1].event.event_id, v7(n), "the position that was told is the event's");
    }
    assert!(verify(&reader).ok);
}

#[test]
fn a_store_has_one_writer_and_is_free_after_close_and_drop() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::open_with(dir.path(), options()).unwrap();
    assert!(matches!(Recorder::open_with(dir.path(), options()), Err(OpenError::Locked)));
    let unwaited = recorder.record(created(1, "s-1")).unwrap();
    recorder.close().unwrap();
    assert_eq!(unwaited.durable().unwrap(), Receipt::Recorded { seq: 1 }, "closing records what is queued");
    let recorder = Recorder::open_with(dir.path(), options()).unwrap();
    let unwaited = recorder.record(message(2, "s-1")).unwrap();
    drop(recorder);
    assert_eq!(unwaited.durable().unwrap(), Receipt::Recorded { seq: 2 }, "so does dropping");
    let recorder = Recorder::open_with(dir.path(), options()).unwrap();
    assert_eq!(recorder.reader().event_count(), 2);
    recorder.close().unwrap();
}

#[test]
fn a_dropped_ticket_changes_nothing_and_an_empty_batch_is_one() {
    let memory = Memory::default();
    let recorder = open(&memory);
    drop(recorder.record(created(1, "s-1")).unwrap());
    assert_eq!(take(&recorder, Vec::new()), []);
    recorder.sync().unwrap();
    assert_eq!(recorder.reader().last_seq(), Some(1));
    recorder.close().unwrap();
}

#[test]
fn the_seam_that_others_implement_tells_what_happened() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let seam: &dyn FlightRecorder = &recorder;
    seam.record_event(event(1, "s-1", creation("s-1", None))).unwrap();
    seam.record_event(event(1, "s-1", creation("s-1", None))).unwrap();
    let mut wrong = creation("s-2", None);
    wrong.label = Some(flightrec_recorder::events::Label::new("other").unwrap());
    let error = seam.record_event(event(1, "s-2", wrong)).unwrap_err();
    assert!(error.to_string().starts_with("HSK-400-INVALID-EVENT: event_id_conflict"), "{error}");
    let error = seam.record_event(event(3, "s-9", creation("s-1", None))).unwrap_err();
    assert!(error.to_string().contains("correlation_mismatch"), "{error}");
    assert_eq!(seam.enforce_retention().unwrap(), 0);
    assert_eq!(recorder.reader().event_count(), 1);
    recorder.close().unwrap();
}

#[test]
fn events_made_by_the_recorder_carry_its_clock_and_ids() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let made = recorder.new_event(Actor::System, creation("s-1", None)).in_session(id("s-1"));
    let again = recorder.new_event(Actor::System, creation("s-1", None)).in_session(id("s-1"));
    assert_ne!(made.event_id, again.event_id);
    assert_eq!(made.timestamp, crate::sample::at(0));
    let mut noisy = made.clone();
    noisy.actor_id = Some(id("agent-7"));
    let cancel = flightrec_recorder::events::families::session::CascadeCancel {
        root_session_id: id("s-1"),
        cancelled_session_ids: vec![],
        reason: Reason::new("over").unwrap(),
    };
    assert_eq!(recorded(&take(&recorder, vec![noisy.check().unwrap(), event(9, "s-1", cancel).check().unwrap()])), 2);
    recorder.close().unwrap();
}
