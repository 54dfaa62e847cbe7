//! What a policy forgets is gone from every answer and every file, the record tells of it, and the rest is as it was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flightrec_recorder::archive::{Forget, Manifest, rewrite};
use flightrec_recorder::events::{CheckedEvent, Event, Payload, Timestamp};
use flightrec_recorder::journal::Seq;
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::view::SessionView;
use flightrec_recorder::{
    FlightRecorder, Forgotten, Options, Reader, Recorder, RetentionError, RetentionPolicy, Vouched,
};

use crate::memory::Memory;
use crate::sample::{self, NOON_US, Standing, message, options, read, take, take_strictly, verify, workload};

/// Everything that was touched longer ago than this goes.
const OLD: RetentionPolicy = RetentionPolicy { older_than_us: Some(500_000_000), keep_bytes: None };

struct Store {
    memory: Memory,
    clock: Arc<Standing>,
}

impl Store {
    /// Ten trees of three sessions, a hundred seconds apart, and content that some of them name.
    fn recorded() -> (Self, Recorder) {
        let store = Self { memory: Memory::default(), clock: Standing::at_noon() };
        let recorder = store.open();
        for round in 0..10 {
            store.clock.0.store(NOON_US + round * 100_000_000, Ordering::SeqCst);
            take(&recorder, workload(round as u64 * 100));
            if round % 3 == 0 {
                recorder.seal().unwrap();
            }
        }
        store.clock.0.store(NOON_US + 950_000_000, Ordering::SeqCst);
        (store, recorder)
    }

    fn open(&self) -> Recorder {
        let options = Options { clock: Arc::clone(&self.clock) as _, retention: OLD, ..options() };
        Recorder::open_storage(self.memory.shared(), options).unwrap()
    }

    fn files_hold(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let holds = |name: &str| self.memory.get(name).windows(bytes.len()).any(|part| part == bytes);
        self.memory.names().iter().any(|name| holds(name))
    }
}

fn sessions(reader: &Reader) -> Vec<SessionView> {
    reader.sessions(&SessionFilter::default())
}

fn ids(reader: &Reader) -> BTreeSet<String> {
    sessions(reader).iter().map(|session| session.session_id.to_string()).collect()
}

fn assert_same(found: &[SessionView], expected: &[SessionView]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
}

fn tombstones(reader: &Reader) -> Vec<(u64, u64, u64)> {
    let events = reader.events(&EventFilter::default()).map(|event| event.unwrap().event);
    let purged = |event: CheckedEvent| {
        let Payload::RecorderRetentionPurged(purged) = &event.payload else { return None };
        Some((purged.first_seq.get(), purged.last_seq.get(), purged.events.get()))
    };
    events.filter_map(purged).collect()
}

fn forget(recorder: &Recorder, policy: RetentionPolicy) -> Forgotten {
    recorder.forget(policy, Vouched::default()).unwrap()
}

#[test]
fn old_trees_are_gone_and_the_rest_is_as_it_was() {
    let (store, recorder) = Store::recorded();
    let elsewhere = read(&store.memory);
    let before = sessions(recorder.reader());
    let plan = recorder.reader().plan_retention(OLD, at(950), Vouched::default()).unwrap();
    let forgotten = forget(&recorder, OLD);
    assert_eq!((forgotten.sessions, forgotten.events), (15, 120));
    assert_eq!((plan.sessions, plan.events), (forgotten.sessions, forgotten.events), "the dry run said so");
    assert_eq!((forgotten.kept_sessions, forgotten.live_sessions), (15, 0));
    let left: Vec<SessionView> = before.into_iter().filter(|session| !is_old(&session.session_id)).collect();
    assert_eq!(tombstones(recorder.reader()).iter().map(|(_, _, events)| events).sum::<u64>(), 120);
    elsewhere.refresh().unwrap();
    for reader in [recorder.reader(), &elsewhere, &read(&store.memory)] {
        assert_same(&sessions(reader), &left);
        let report = verify(reader);
        assert!(report.ok, "{report:?}");
        assert_eq!(report.events, 240 - 120 + 1);
        assert!(reader.session("s-a-0").is_err());
        assert_eq!(reader.events(&EventFilter::default()).count(), 240 - 120 + 1);
        assert_eq!(reader.event(1).unwrap(), None);
    }
    assert!(!store.files_hold("s-b-300"), "no file has its name any more");
    recorder.close().unwrap();
    let recorder = store.open();
    assert_same(&sessions(recorder.reader()), &left);
    assert!(verify(recorder.reader()).ok);
    // There is nothing left to forget, and nothing more is told.
    assert_eq!(forget(&recorder, OLD).events, 0);
    assert_eq!(tombstones(recorder.reader()).len(), 1);
    recorder.close().unwrap();
    store.memory.delete_dir("derived");
    assert_same(&sessions(&read(&store.memory)), &left);
}

fn at(seconds: i64) -> Timestamp {
    sample::at(seconds)
}

/// Whether a session of the workload was touched more than 500 seconds before second 950.
fn is_old(id: &str) -> bool {
    id.rsplit('-').next().unwrap().parse::<u64>().unwrap() + 36 < 450
}

#[test]
fn content_goes_with_the_last_event_that_names_it() {
    let store = Store { memory: Memory::default(), clock: Standing::at_noon() };
    let recorder = store.open();
    let give = |text: &str| recorder.artifacts().put(text.as_bytes()).unwrap();
    let (old, shared, unnamed) = (give("of the old"), give("of both"), give("of none"));
    let names = |n: u64, session: &str, content: &flightrec_recorder::view::ArtifactView| {
        let mut event = Event::clone(&message(n, session));
        let Payload::SessionMessage(message) = &mut event.payload else { unreachable!() };
        message.content_artifact_id = Some(content.artifact_id);
        message.content_hash = content.sha256;
        event.check().unwrap()
    };
    take(&recorder, vec![sample::created(1, "old"), names(2, "old", &old), names(3, "old", &shared)]);
    store.clock.0.store(NOON_US + 900_000_000, Ordering::SeqCst);
    take(&recorder, vec![sample::created(900, "new"), names(901, "new", &shared)]);
    recorder.close().unwrap();
    // What was given in this process a moment ago stays, although nothing names it.
    let recorder = store.open();
    let forgotten = forget(&recorder, OLD);
    assert_eq!((forgotten.events, forgotten.artifacts), (3, 1));
    assert!(recorder.artifacts().get(old.sha256).is_err());
    assert_eq!(recorder.artifacts().get(shared.sha256).unwrap(), b"of both");
    assert_eq!(recorder.artifacts().get(unnamed.sha256).unwrap(), b"of none", "it was never named");
    assert!(verify(recorder.reader()).ok);
}

#[test]
fn what_is_held_stays_with_its_tree() {
    let (_store, recorder) = Store::recorded();
    let held = recorder.reader().change_holds(|holds| holds.insert("s-b-100", "audit", at(0)));
    assert!(held.unwrap());
    let forgotten = forget(&recorder, OLD);
    assert_eq!((forgotten.sessions, forgotten.held_sessions), (12, 3));
    assert!(ids(recorder.reader()).is_superset(&["s-a-100", "s-b-100", "s-c-100"].map(str::to_owned).into()));
    recorder.reader().change_holds(|holds| holds.remove("s-b-100")).unwrap();
    assert_eq!(forget(&recorder, OLD).sessions, 3);
    assert_eq!(tombstones(recorder.reader()).len(), 2);
    assert!(verify(recorder.reader()).ok);
}

#[test]
fn the_trait_carries_out_the_policy_of_the_options_and_a_refusal_has_its_code() {
    let (store, recorder) = Store::recorded();
    assert_eq!(recorder.enforce_retention().unwrap(), 120);
    assert_eq!(recorder.enforce_retention().unwrap(), 0);
    store.clock.0.store(NOON_US - 7_200_000_000, Ordering::SeqCst);
    let refused = recorder.enforce_retention().unwrap_err().to_string();
    assert!(refused.starts_with("HSK-500-DB") && refused.contains("clock went back"), "{refused}");
    store.clock.0.store(NOON_US + 315_360_000_000_000, Ordering::SeqCst);
    assert!(recorder.enforce_retention().unwrap_err().to_string().contains("--trust-clock"));
    assert_eq!(ids(recorder.reader()).len(), 15);
    let all = recorder.forget(OLD, Vouched { clock: true, everything: false }).unwrap_err();
    assert!(matches!(all, RetentionError::Refused(_)), "{all}");
    let all = recorder.forget(OLD, Vouched { clock: true, everything: true }).unwrap();
    assert_eq!(all.sessions, 15);
    assert!(ids(recorder.reader()).is_empty() && verify(recorder.reader()).ok);
    // The store goes on.
    assert_eq!(sample::recorded(&take_strictly(&recorder, vec![sample::created(5_000, "s-a-0")])), 1);
}

#[test]
fn a_session_that_was_forgotten_begins_anew_or_not_at_all() {
    let (store, recorder) = Store::recorded();
    forget(&recorder, OLD);
    let late = take_strictly(&recorder, vec![message(7_000, "s-a-0")]);
    assert_eq!(sample::recorded(&late), 0, "its creation is forgotten: {late:?}");
    recorder.close().unwrap();
    let recorder = store.open();
    assert_eq!(sample::recorded(&take_strictly(&recorder, vec![message(7_001, "s-a-0")])), 0);
    assert_eq!(sample::recorded(&take_strictly(&recorder, vec![sample::created(7_002, "s-a-0")])), 1);
}

#[test]
fn events_that_are_taken_out_without_a_word_are_missed() {
    struct Thief(u64);
    impl Forget for Thief {
        fn forgets(&self, session: &str) -> bool {
            session == "s-c-800"
        }
        fn forgotten(&mut self, _seq: Seq, _event: &CheckedEvent) {
            self.0 += 1;
        }
        fn kept(&mut self, _event: &CheckedEvent) {}
    }
    let (store, recorder) = Store::recorded();
    forget(&recorder, OLD);
    recorder.seal().unwrap();
    recorder.close().unwrap();
    let storage = store.memory.shared();
    let id = flightrec_recorder::journal::StoreId::from_bytes(store_id(&store.memory));
    let manifest = Manifest::load(&*storage, id).unwrap();
    let open = |entry| Arc::new(flightrec_recorder::archive::Segment::open(&*storage, id, entry).unwrap());
    let segments: Vec<_> = manifest.segments().iter().map(open).collect();
    let mut thief = Thief(0);
    let entry = rewrite(&*storage, id, &segments, manifest.next_generation(), &mut thief).unwrap();
    assert_eq!(thief.0, 8);
    let without = manifest.replacing(vec![entry]);
    without.commit(&*storage).unwrap();
    without.settle(&*storage).unwrap();
    store.memory.delete_dir("derived");
    let report = verify(&read(&store.memory));
    let damage: Vec<_> = report.damage.iter().map(|one| (one.kind.as_str(), one.seq_from)).collect();
    assert_eq!(damage, [("deleted_events", Some(209))], "{report:?}");
    assert!(report.damage[0].detail.contains("128 events are missing"), "{report:?}");
}

fn store_id(memory: &Memory) -> [u8; 16] {
    let facts: serde_json::Value =
        serde_json::from_slice(memory.get("STORE").split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    u128::from_str_radix(facts["store_id"].as_str().unwrap(), 16).unwrap().to_be_bytes()
}

#[test]
fn readers_beside_one_who_forgets_see_the_store_before_or_after() {
    let (store, recorder) = Store::recorded();
    let whole = ids(recorder.reader());
    let done = Arc::new(AtomicBool::new(false));
    let looking = std::thread::spawn({
        let (memory, done) = (store.memory.clone(), Arc::clone(&done));
        move || {
            let kept_open = read(&memory);
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) || looks == 0 {
                for reader in [&kept_open, &read(&memory)] {
                    reader.refresh().unwrap();
                    assert!(ids(reader).is_subset(&whole));
                    let report = verify(reader);
                    assert!(report.ok, "{report:?}");
                }
                looks += 1;
            }
            kept_open.refresh().unwrap();
            ids(&kept_open)
        }
    });
    for seconds in [800, 600, 500, 400, 300] {
        let policy = RetentionPolicy { older_than_us: Some(seconds * 1_000_000), keep_bytes: None };
        recorder.forget(policy, Vouched { clock: true, everything: false }).unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert_eq!(looking.join().unwrap(), ids(recorder.reader()));
    assert_eq!(ids(recorder.reader()).len(), 9);
}
