//! A real `kill -9`, again and again, on one store: whatever was acknowledged is there, once.
//!
//! The test runs itself as a child that records from 1, 4 or 16 threads and prints every event id the
//! moment its ticket is durable. The parent keeps the list, kills the child after a random number of
//! acknowledgements, opens the store and compares.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use flightrec_recorder::events::families::session::SchedulerCancelled;
use flightrec_recorder::events::{Actor, Id, Reason};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::Outcome;
use flightrec_recorder::{Mode, Reader, Recorder};

const STORE: &str = "FLIGHTREC_TEST_KILL_STORE";
const WRITERS: &str = "FLIGHTREC_TEST_KILL_WRITERS";
const ROUNDS: usize = 100;

/// The child. Without its variables it has nothing to do.
#[test]
fn child_that_gets_killed() {
    let (Ok(store), Ok(writers)) = (std::env::var(STORE), std::env::var(WRITERS)) else { return };
    let recorder = Recorder::open(store).unwrap();
    let out = Mutex::new(std::io::stdout());
    std::thread::scope(|scope| {
        for writer in 0..writers.parse::<u64>().unwrap() {
            let (recorder, out) = (&recorder, &out);
            scope.spawn(move || {
                for n in 0_u64.. {
                    record_one(recorder, out, writer, n);
                }
            });
        }
    });
}

fn record_one(recorder: &Recorder, out: &Mutex<std::io::Stdout>, writer: u64, n: u64) {
    let session = Id::new(format!("writer-{writer}")).unwrap();
    let cancelled = SchedulerCancelled {
        session_id: session.clone(),
        job_id: Id::new(format!("job-{n}")).unwrap(),
        reason: Reason::new("the operator asked, at some length, so that blocks fill").unwrap(),
        cancelled_by: Id::new("operator").unwrap(),
        lane: None,
        attempt: None,
    };
    let event = recorder.new_event(Actor::Human, cancelled).in_session(session).check().unwrap();
    let id = event.event_id;
    let ticket = recorder.record_batch(vec![event], Mode::Lenient).unwrap();
    let Outcome::Recorded { seq } = ticket.durable().unwrap().remove(0) else { panic!("it was refused") };
    let mut out = out.lock().unwrap();
    writeln!(out, "ack {id} {seq}").unwrap();
    out.flush().unwrap();
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let mut acknowledged: HashMap<String, u64> = HashMap::new();
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..ROUNDS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let writers = [1, 4, 16][round % 3];
        let wanted = 1 + (dice >> 33) as usize % (20 * writers);
        kill_after(&store, writers, wanted, &mut acknowledged);
        compare(&store, &acknowledged, round);
    }
    assert!(acknowledged.len() > ROUNDS, "{}", acknowledged.len());
    let report = Reader::open(&store).unwrap().verify(&mut |_| ()).unwrap();
    assert!(report.ok, "{report:?}");
    println!("{ROUNDS} kills, {} acknowledged events, {} in the record", acknowledged.len(), report.events);
}

/// Runs the child until it has acknowledged so many events, kills it, and takes in what it had printed.
fn kill_after(store: &std::path::Path, writers: usize, wanted: usize, acknowledged: &mut HashMap<String, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child_that_gets_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(STORE, store)
        .env(WRITERS, writers.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut take = |line: &str| {
        let mut parts = line.split_whitespace().skip_while(|word| *word != "ack").skip(1);
        if let (Some(id), Some(seq)) = (parts.next(), parts.next())
            && let (36, Ok(seq)) = (id.len(), seq.parse())
        {
            assert!(acknowledged.insert(id.to_owned(), seq).is_none(), "{id} was acknowledged twice");
            return 1;
        }
        0
    };
    let mut seen = 0;
    while seen < wanted {
        seen += take(&lines.next().expect("the child ended by itself").unwrap());
    }
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    // What lay in the pipe was acknowledged before the death; a last line may be cut off.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    for line in rest.iter().filter(|line| line.split_whitespace().count() == 3) {
        take(line);
    }
}

fn compare(store: &std::path::Path, acknowledged: &HashMap<String, u64>, round: usize) {
    // Opening to write is what recovers the log; the next event must follow without a gap.
    let recorder = Recorder::open(store).unwrap();
    let mut found: HashMap<String, u64> = HashMap::new();
    let mut next = 1;
    for event in recorder.reader().events(&EventFilter::default()) {
        let event = event.unwrap();
        assert_eq!(event.seq, next, "round {round}");
        next += 1;
        assert!(
            found.insert(event.event.event_id.to_string(), event.seq).is_none(),
            "round {round}: an event stands twice"
        );
    }
    for (id, seq) in acknowledged {
        assert_eq!(found.get(id), Some(seq), "round {round}: {id} was acknowledged");
    }
    let event = recorder.new_event(
        Actor::System,
        SchedulerCancelled {
            session_id: Id::new("after").unwrap(),
            job_id: Id::new("job").unwrap(),
            reason: Reason::new("after the kill").unwrap(),
            cancelled_by: Id::new("test").unwrap(),
            lane: None,
            attempt: None,
        },
    );
    let event = event.in_session(Id::new("after").unwrap()).check().unwrap();
    let outcome = recorder.record_batch(vec![event], Mode::Lenient).unwrap().durable().unwrap().remove(0);
    assert_eq!(outcome, Outcome::Recorded { seq: next });
    recorder.close().unwrap();
}
