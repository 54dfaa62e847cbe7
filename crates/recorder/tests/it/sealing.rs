//! What is sealed answers as it did before, beside what is not, and whoever reads it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flightrec_recorder::events::Id;
use flightrec_recorder::query::{EventFilter, SessionFilter, SpanFilter};
use flightrec_recorder::view::Outcome;
use flightrec_recorder::{CostKey, Reader, Recorder};

use crate::memory::Memory;
use crate::sample::{open, read, take, verify, workload};

/// Everything that can be asked, as text.
fn answers(reader: &Reader) -> String {
    let mut text = String::new();
    for event in reader.events(&EventFilter::default()) {
        let mut json = Vec::new();
        event.unwrap().write_json(&mut json);
        text.push_str(std::str::from_utf8(&json).unwrap());
        text.push('\n');
    }
    writeln!(text, "{:#?}", reader.sessions(&SessionFilter::default())).unwrap();
    writeln!(text, "{:#?}", reader.trees()).unwrap();
    writeln!(text, "{:#?}", reader.spans(&SpanFilter::default()).unwrap()).unwrap();
    writeln!(text, "{:#?}", reader.messages(None).unwrap()).unwrap();
    writeln!(text, "{:#?}", reader.cost(CostKey::Model, &SessionFilter::default())).unwrap();
    writeln!(text, "{:#?}", reader.findings()).unwrap();
    for id in reader.session_ids() {
        writeln!(text, "{:#?}", reader.session(&id).unwrap()).unwrap();
        for event in reader.events(&EventFilter::of_session(id)) {
            write!(text, "{} ", event.unwrap().seq).unwrap();
        }
    }
    text
}

fn record(recorder: &Recorder, rounds: std::ops::Range<u64>) {
    for round in rounds {
        take(recorder, workload(round * 100));
    }
}

#[test]
fn nothing_that_can_be_asked_changes_when_it_is_sealed() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..20);
    let before = answers(recorder.reader());
    let elsewhere = read(&memory);
    let sealed = recorder.seal().unwrap();
    assert_eq!((sealed.segments, sealed.events), (1, recorder.reader().event_count()));
    assert_eq!(answers(recorder.reader()), before);
    assert_eq!(answers(&read(&memory)), before);
    assert_eq!(answers(&elsewhere), before, "one who had opened the store before");
    elsewhere.refresh().unwrap();
    assert_eq!(answers(&elsewhere), before);
    assert_eq!(recorder.seal().unwrap().segments, 0, "there is nothing left to seal");
    assert!(verify(recorder.reader()).ok);

    // Sealed and live mixed, and a second segment.
    record(&recorder, 20..30);
    let mixed = answers(recorder.reader());
    elsewhere.refresh().unwrap();
    assert_eq!(answers(&elsewhere), mixed);
    assert_eq!(recorder.seal().unwrap().segments, 1);
    record(&recorder, 30..31);
    let last = answers(recorder.reader());
    let report = verify(recorder.reader());
    assert!(report.ok, "{report:?}");
    assert_eq!((report.first_seq, report.last_seq), (Some(1), recorder.reader().last_seq()));
    recorder.close().unwrap();

    assert_eq!(answers(&read(&memory)), last);
    let recorder = open(&memory);
    assert_eq!(answers(recorder.reader()), last);
    recorder.close().unwrap();
    memory.delete_dir("derived");
    assert_eq!(answers(&read(&memory)), last, "folded again from the archive and the journal");
    let recorder = open(&memory);
    assert_eq!(answers(recorder.reader()), last);
    elsewhere.refresh().unwrap();
    assert_eq!(answers(&elsewhere), last);
}

#[test]
fn events_are_read_from_any_position_and_one_by_one() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..5);
    recorder.seal().unwrap();
    record(&recorder, 5..8);
    let reader = recorder.reader();
    let last = reader.last_seq().unwrap();
    for from in (1..=last + 1).step_by(11) {
        let filter = EventFilter { from_seq: Some(from), limit: Some(7), ..EventFilter::default() };
        let seqs: Vec<u64> = reader.events(&filter).map(|event| event.unwrap().seq).collect();
        assert_eq!(seqs, (from..=last).take(7).collect::<Vec<_>>());
        assert_eq!(reader.event(from).unwrap().map(|event| event.seq), (from <= last).then_some(from));
    }
}

#[test]
fn a_sealed_event_is_known_again() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..5);
    recorder.seal().unwrap();
    recorder.close().unwrap();
    memory.delete_dir("derived");
    let recorder = open(&memory);
    let again = take(&recorder, workload(300));
    assert!(again.iter().all(|outcome| *outcome == Outcome::Duplicate), "{again:?}");
    let mut changed = flightrec_recorder::events::Event::clone(&workload(300)[0]);
    changed.job_id = Some(Id::new("another").unwrap());
    let conflict = take(&recorder, vec![changed.check().unwrap()]);
    assert!(matches!(conflict[0], Outcome::Rejected(_)), "{conflict:?}");
}

#[test]
fn a_damaged_segment_is_named_and_the_rest_goes_on() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..7);
    recorder.seal().unwrap();
    let first = recorder.reader().last_seq().unwrap();
    // The second segment is smaller: it stays apart.
    record(&recorder, 7..12);
    recorder.seal().unwrap();
    record(&recorder, 12..14);
    let last = recorder.reader().last_seq().unwrap();
    recorder.close().unwrap();
    let path = memory.names().into_iter().find(|path| path.starts_with("archive/events/")).unwrap();
    let whole = memory.get(&path);
    for (at, what) in [(whole.len() / 3, "bad_segment"), (whole.len() - 3, "bad_segment")] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        memory.set(&path, bytes);
        memory.delete_dir("derived");
        let reader = read(&memory);
        let left = reader.events(&EventFilter { from_seq: Some(first + 1), ..EventFilter::default() });
        assert_eq!(left.map(|event| event.unwrap().seq).collect::<Vec<_>>(), (first + 1..=last).collect::<Vec<_>>());
        assert!(reader.findings().iter().any(|finding| finding.detail.contains(what)), "{:?}", reader.findings());
        let report = verify(&reader);
        assert!(!report.ok);
        assert_eq!((report.damage[0].kind.as_str(), report.damage[0].segment.as_str()), (what, path.as_str()));
        assert_eq!((report.damage[0].seq_from, report.damage[0].seq_to), (Some(1), Some(first)));
        // A writer goes on behind it, and seals what it can.
        let recorder = open(&memory.copy());
        assert_eq!(recorder.reader().last_seq(), Some(last));
        record(&recorder, 14..24);
        assert_eq!(recorder.seal().unwrap().segments, 1, "what is damaged is left out of any merging");
        recorder.close().unwrap();
    }
    memory.set(&path, whole);
    memory.delete_dir("derived");
    assert!(verify(&read(&memory)).ok);
}

#[test]
fn small_segments_are_merged_and_whoever_reads_notices_nothing() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..1);
    let elsewhere = read(&memory);
    for round in 1..20 {
        record(&recorder, round..round + 1);
        recorder.seal().unwrap();
    }
    let segments = memory.names().iter().filter(|path| path.starts_with("archive/events/")).count();
    assert!(segments <= 5, "{segments} segments");
    let last = answers(recorder.reader());
    // One who had opened the store before, and its segments, finds everything where it is now.
    elsewhere.refresh().unwrap();
    assert_eq!(answers(&elsewhere), last);
    record(&recorder, 20..40);
    recorder.seal().unwrap();
    assert_eq!(elsewhere.event(1).unwrap().map(|event| event.seq), Some(1));
    assert_eq!(answers(&elsewhere), last);
    assert!(verify(&elsewhere).ok && verify(recorder.reader()).ok);
}

#[test]
fn a_foreign_file_is_named_and_neither_read_nor_removed() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..2);
    recorder.seal().unwrap();
    memory.set("archive/events/mine.parquet", b"PAR1".to_vec());
    let report = verify(recorder.reader());
    assert_eq!(report.damage.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["foreign_file"]);
    recorder.close().unwrap();
    open(&memory).close().unwrap();
    assert_eq!(memory.get("archive/events/mine.parquet"), b"PAR1");
}

#[test]
fn a_checkpoint_within_what_was_sealed_since_still_proves_it() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let mut kept = Vec::new();
    for round in 0..6 {
        record(&recorder, round..round + 1);
        kept.extend(recorder.reader().checkpoint());
        if round % 2 == 1 {
            recorder.seal().unwrap();
        }
    }
    let report = recorder.reader().verify_against(&kept, &mut |_| ()).unwrap();
    assert!(report.ok, "{report:?}");
    for checkpoint in &mut kept {
        checkpoint.seq -= 1;
    }
    let report = recorder.reader().verify_against(&kept, &mut |_| ()).unwrap();
    assert_eq!(report.damage.iter().filter(|one| one.kind == "rewritten").count(), kept.len());
}

#[test]
fn verifying_and_asking_beside_one_who_seals_finds_everything() {
    let memory = Memory::default();
    let recorder = open(&memory);
    record(&recorder, 0..2);
    let done = Arc::new(AtomicBool::new(false));
    let looking = std::thread::spawn({
        let (memory, done) = (memory.clone(), Arc::clone(&done));
        move || {
            let kept_open = read(&memory);
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) || looks == 0 {
                for reader in [&kept_open, &read(&memory)] {
                    reader.refresh().unwrap();
                    let count = reader.event_count();
                    let seqs: Vec<u64> =
                        reader.events(&EventFilter::default()).map(|event| event.unwrap().seq).collect();
                    assert_eq!(seqs[..count as usize], (1..=count).collect::<Vec<_>>());
                    let report = verify(reader);
                    assert!(report.ok, "{report:?}");
                }
                looks += 1;
            }
        }
    });
    for round in 2..12 {
        record(&recorder, round..round + 1);
        recorder.seal().unwrap();
    }
    done.store(true, Ordering::SeqCst);
    looking.join().unwrap();
    assert_eq!(recorder.reader().event_count(), 12 * 24);
}
