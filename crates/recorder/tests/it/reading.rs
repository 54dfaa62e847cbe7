//! Questions: filters, prefixes, order, spans over time, and a reader that follows a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flightrec_recorder::events::{EventId, Payload, State};
use flightrec_recorder::query::{EventFilter, SpanFilter};
use flightrec_recorder::{AnswerError, LookupError, OpenError, Reader, Recorder};

use crate::memory::Memory;
use crate::sample::{
    at, change, created, message, open, options, read, session, span, span_closed, span_opened, take, v7, workload,
};

fn seqs(reader: &Reader, filter: &EventFilter) -> Vec<u64> {
    reader.events(filter).map(|event| event.unwrap().seq).collect()
}

#[test]
fn events_pass_every_filter() {
    let memory = Memory::default();
    let recorder = open(&memory);
    for n in 0..10 {
        take(&recorder, vec![created(3 * n, &format!("s-{n}")), message(3 * n + 1, "s-0"), message(3 * n + 2, "s-1")]);
    }
    recorder.close().unwrap();
    let reader = read(&memory);
    let open = EventFilter::default;
    assert_eq!(seqs(&reader, &open()), (1..=30).collect::<Vec<_>>());
    assert_eq!(seqs(&reader, &EventFilter { from_seq: Some(29), ..open() }), [29, 30]);
    assert_eq!(seqs(&reader, &EventFilter { from_seq: Some(31), ..open() }), [0; 0]);
    assert_eq!(seqs(&reader, &EventFilter { limit: Some(2), from_seq: Some(8), ..open() }), [8, 9]);
    assert_eq!(seqs(&reader, &EventFilter { limit: Some(0), ..open() }), [0; 0]);
    let created = ["session.created".to_owned(), "FR-EVT-SESS-001".to_owned()];
    for kind in created {
        let kinds = vec![kind];
        assert_eq!(seqs(&reader, &EventFilter { kinds, ..open() }), (0..10).map(|n| 3 * n + 1).collect::<Vec<_>>());
    }
    assert_eq!(seqs(&reader, &EventFilter { since: Some(at(27)), until: Some(at(29)), ..open() }), [28, 29]);
    let of = |id: &str| EventFilter::of_session(id.into());
    assert_eq!(seqs(&reader, &of("s-9")), [28]);
    assert_eq!(seqs(&reader, &EventFilter { from_seq: Some(26), ..of("s-0") }), [26, 29]);
    assert_eq!(seqs(&reader, &of("s-10")), [0; 0], "a whole id, not a beginning");
    let event = reader.event(5).unwrap().unwrap();
    assert_eq!((event.seq, event.event.event_id, event.recorded_at), (5, v7(4), at(0)));
    assert!(reader.event(0).unwrap().is_none() && reader.event(31).unwrap().is_none());
    let mut json = Vec::new();
    event.write_json(&mut json);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["seq"], &json["model_session_id"]), (&5.into(), &"s-0".into()));
}

#[test]
fn a_beginning_is_enough_when_it_is_unique() {
    let recorder = open(&Memory::default());
    take(&recorder, vec![created(1, "abc"), created(2, "abcd"), created(3, "b")]);
    let resolve = |prefix| recorder.reader().resolve(prefix).map(|id| id.to_string());
    assert_eq!(resolve("b").unwrap(), "b");
    assert_eq!(resolve("abc").unwrap(), "abc", "a whole id wins over longer ones");
    assert_eq!(resolve("abcd").unwrap(), "abcd");
    let LookupError::Ambiguous { count, examples, .. } = resolve("ab").unwrap_err() else { panic!("there are two") };
    assert_eq!((count, examples.as_str()), (2, "abc, abcd"));
    assert!(matches!(resolve("").unwrap_err(), LookupError::Ambiguous { count: 3, .. }));
    assert_eq!(resolve("x\u{1b}[31m").unwrap_err(), LookupError::NotFound("x[31m".to_owned()), "no escape is echoed");
    assert!(matches!(recorder.reader().session("zz"), Err(AnswerError::Lookup(LookupError::NotFound(_)))));
    recorder.close().unwrap();
}

#[test]
fn a_thread_is_in_the_order_of_the_log() {
    let recorder = open(&Memory::default());
    take(&recorder, vec![message(900, "s-1"), message(5, "s-2"), message(4, "s-1"), message(500, "s-1")]);
    let ids = |session: Option<Arc<str>>| -> Vec<String> {
        recorder.reader().messages(session).unwrap().iter().map(|message| message.message_id.to_string()).collect()
    };
    assert_eq!(ids(Some("s-1".into())), ["msg-900", "msg-4", "msg-500"]);
    assert_eq!(ids(None), ["msg-900", "msg-5", "msg-4", "msg-500"]);
    assert_eq!(ids(Some("s-3".into())), [""; 0]);
    recorder.close().unwrap();
}

#[test]
fn spans_overlap_half_open() {
    let recorder = open(&Memory::default());
    take(
        &recorder,
        vec![
            span_opened(1, "s-1", 1, 10),
            span_closed(2, "s-1", 1, 20),
            span_opened(3, "s-1", 2, 15),
            span_opened(4, "s-2", 3, 5),
            span_closed(5, "s-2", 3, 5),
            span_closed(6, "s-2", 4, 12),
        ],
    );
    let found = |session: Option<&str>, overlaps: Option<(i64, i64)>| -> Vec<_> {
        let overlaps = overlaps.map(|(from, to)| (at(from), at(to)));
        let filter = SpanFilter { session: session.map(Into::into), overlaps, limit: None };
        recorder.reader().spans(&filter).unwrap().iter().map(|found| found.span_id).collect()
    };
    assert_eq!(found(None, None), [span(3), span(1), span(4), span(2)], "by start, by end where there is none");
    assert_eq!(found(Some("s-1"), None), [span(1), span(2)]);
    assert_eq!(found(None, Some((0, 10))), [span(3)], "one that starts at the end of the range is outside");
    assert_eq!(found(None, Some((0, 11))), [span(3), span(1)]);
    assert_eq!(found(None, Some((20, 21))), [span(2)], "one that ended at its start as well; an open one is not over");
    assert_eq!(found(None, Some((19, 20))), [span(1), span(2)]);
    assert_eq!(found(None, Some((5, 6))), [], "an empty interval overlaps nothing that starts with it");
    let filter = SpanFilter { limit: Some(1), ..SpanFilter::default() };
    let only = &recorder.reader().spans(&filter).unwrap()[0];
    assert_eq!((only.start, only.end), (Some(at(5)), Some(at(5))));
    recorder.close().unwrap();
}

#[test]
fn a_reader_elsewhere_sees_exactly_what_is_written_once_it_looks() {
    let memory = Memory::default();
    assert!(matches!(Reader::open_storage(memory.shared()), Err(OpenError::NoStore)));
    let recorder = open(&memory);
    let reader = read(&memory);
    assert_eq!((reader.event_count(), reader.last_seq()), (0, None));
    for round in 0..40 {
        take(&recorder, workload(round * 100));
        assert_eq!(reader.event_count(), round * 24, "nothing moves under a question");
        reader.refresh().unwrap();
        assert_eq!(reader.event_count(), (round + 1) * 24);
        let name = format!("s-b-{}", round * 100);
        assert_eq!(session(&reader, &name), session(recorder.reader(), &name));
    }
    reader.refresh().unwrap();
    assert_eq!(reader.findings(), recorder.reader().findings());
    assert!(memory.names().iter().filter(|name| name.starts_with("journal/")).count() > 1, "it followed over segments");
    recorder.close().unwrap();
    reader.refresh().unwrap();
    assert_eq!(reader.last_seq(), Some(40 * 24));
    assert_eq!(read(&memory).trees(), reader.trees(), "what was put aside at the close says the same");
}

#[test]
fn a_reader_beside_a_busy_writer_never_sees_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::open_with(dir.path(), options()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (path, done) = (dir.path().to_owned(), Arc::clone(&done));
        move || {
            let reader = Reader::open(path).unwrap();
            let mut looks = 0_u64;
            loop {
                let last_look = done.load(Ordering::SeqCst);
                reader.refresh().unwrap();
                let count = reader.event_count();
                assert_eq!(reader.last_seq().unwrap_or(0), count);
                assert_eq!(seqs(&reader, &EventFilter::default()), (1..=count).collect::<Vec<_>>());
                looks += 1;
                if last_look {
                    return (looks, count);
                }
            }
        }
    });
    for round in 0..60 {
        take(&recorder, workload(round * 100));
    }
    done.store(true, Ordering::SeqCst);
    let (looks, count) = reading.join().unwrap();
    assert!(looks > 1);
    assert_eq!(count, 60 * 24);
    assert!(recorder.reader().verify(&mut |_| ()).unwrap().ok, "verifying beside the writer");
    recorder.close().unwrap();
}

#[test]
fn verifying_beside_a_writer_compares_the_same_events() {
    let memory = Memory::default();
    let recorder = Arc::new(open(&memory));
    take(&recorder, workload(0));
    let stop = Arc::new(AtomicBool::new(false));
    let writing = std::thread::spawn({
        let (recorder, stop) = (Arc::clone(&recorder), Arc::clone(&stop));
        move || {
            // The log grows all the while, but not beyond what ten verifications can read in a test.
            for round in 1..400 {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                take(&recorder, workload(round * 100));
            }
        }
    });
    for _ in 0..10 {
        let answer = read(&memory).verify(&mut |_| ()).unwrap();
        assert!(answer.ok, "{answer:?}");
    }
    stop.store(true, Ordering::SeqCst);
    writing.join().unwrap();
    Arc::into_inner(recorder).unwrap().close().unwrap();
}

#[test]
fn a_question_under_way_is_not_disturbed_by_what_comes() {
    let recorder = open(&Memory::default());
    take(&recorder, workload(0));
    let filter = EventFilter::default();
    let mut events = recorder.reader().events(&filter);
    assert_eq!(events.next().unwrap().unwrap().seq, 1);
    take(&recorder, workload(100));
    assert_eq!(events.count(), 23, "what was there when it was asked");
    assert_eq!(recorder.reader().events(&filter).count(), 48);
    recorder.close().unwrap();
}

#[test]
fn blocks_are_read_once_while_they_are_held() {
    let memory = Memory::default();
    let recorder = open(&memory);
    for round in 0..100 {
        take(&recorder, workload(round * 100));
    }
    recorder.close().unwrap();
    let reader = read(&memory);
    let ask = |first: u64| -> (usize, u64) {
        memory.take_read_bytes();
        let filter = EventFilter::of_session(format!("s-a-{first}").into());
        (reader.events(&filter).count(), memory.take_read_bytes())
    };
    let (events, cold) = ask(0);
    assert!(events == 8 && cold > 0);
    assert_eq!(ask(0), (8, 0), "held");
    for round in 1..100 {
        assert_eq!(ask(round * 100).0, 8);
    }
    assert_eq!(ask(0), (8, cold), "let go in favour of later ones");
}

#[test]
fn events_keep_their_identity_through_the_record() {
    let recorder = open(&Memory::default());
    let sent = [workload(0), vec![change(90, "s-a-0", State::Active, State::Completed)]].concat();
    take(&recorder, sent.clone());
    let kept: Vec<_> = recorder.reader().events(&EventFilter::default()).map(|event| event.unwrap().event).collect();
    assert_eq!(kept, sent);
    let ids: Vec<EventId> = kept.iter().map(|event| event.event_id).collect();
    assert_eq!(ids.len(), 25);
    assert!(matches!(kept[24].payload, Payload::SessionStateChange(_)));
    recorder.close().unwrap();
}
