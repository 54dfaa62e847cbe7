//! The power is cut, or a call fails, at every step of forgetting: all of it has happened or nothing, the record tells of
//! it, and what is left is as it was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use flightrec_recorder::events::families::session::{SessionCreated, SessionMessage};
use flightrec_recorder::events::{
    Actor, Backend, CheckedEvent, Count, Event, EventId, Id, MemoryPolicy, MessageRole, Payload, Timestamp,
};
use flightrec_recorder::journal::{Compression, Prepare, Storage, WriterOptions};
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::view::ArtifactView;
use flightrec_recorder::{Clock, IdSource, Mode, Options, Packing, Reader, RetentionPolicy, SteppedRecorder, Vouched};
use flightrec_sim::{FailKind, Fault, SimStorage};

const BEGIN_US: i64 = 1_772_366_400_000_000;
const DAY_US: i64 = 86_400_000_000;
const POLICY: RetentionPolicy = RetentionPolicy { older_than_us: Some(30 * DAY_US as u64), keep_bytes: None };
/// What every session says, and what each says alone.
const SHARED: &str = "said by all of them";

#[derive(Debug)]
struct Days(AtomicI64);

impl Clock for Days {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(BEGIN_US + self.0.load(Ordering::SeqCst) * DAY_US).unwrap()
    }
}

#[derive(Debug)]
struct Counted(AtomicU64);

impl IdSource for Counted {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::SeqCst)) << 70 | 7
    }
}

struct World {
    storage: SimStorage,
    clock: Arc<Days>,
    options: Options,
    recorder: Option<SteppedRecorder>,
    next: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(Days(AtomicI64::new(0)));
        let journal = WriterOptions {
            first_segment_bytes: 16 << 10,
            max_segment_bytes: 32 << 10,
            grow_bytes: 8 << 10,
            compression: Compression::Off,
            prepare: Prepare::Inline,
        };
        let ids = Arc::new(Counted(AtomicU64::new(seed)));
        // Sessions are packed as soon as anything happens elsewhere, so that every fault meets pages as well.
        let packing = Packing { sessions: 2, events: 2 };
        let options = Options { clock: Arc::<Days>::clone(&clock), ids, journal, packing, ..Options::default() };
        Self { storage: SimStorage::new(seed), clock, options, recorder: None, next: 0 }
    }

    fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.storage.clone())
    }

    fn open(&mut self) -> bool {
        self.recorder = None;
        self.recorder = SteppedRecorder::open(self.shared(), &self.options).ok();
        self.recorder.is_some()
    }

    fn recorder(&mut self) -> &mut SteppedRecorder {
        self.recorder.as_mut().expect("it is open")
    }

    /// A session that says what all say, and something of its own.
    fn session(&mut self, name: &str, day: i64) -> bool {
        self.clock.0.store(day, Ordering::SeqCst);
        let give = |world: &mut Self, text: &str| world.recorder().reader().artifacts().put(text.as_bytes()).ok();
        let (Some(shared), Some(own)) = (give(self, SHARED), give(self, &own_words(name))) else { return false };
        let events = vec![self.created(name), self.says(name, &shared), self.says(name, &own)];
        self.recorder().commit(vec![(events, Mode::Strict)]).is_ok()
    }

    fn event(&mut self, name: &str, payload: impl Into<Payload>) -> CheckedEvent {
        self.next += 1;
        let now = self.clock.now();
        let id = EventId::v7(now.as_micros() as u64 / 1_000, u128::from(self.next));
        Event::new(id, now, Actor::Agent, payload).in_session(Id::new(name).unwrap()).check().unwrap()
    }

    fn created(&mut self, name: &str) -> CheckedEvent {
        let created = SessionCreated {
            session_id: Id::new(name).unwrap(),
            model_id: Id::new("m-1").unwrap(),
            backend: Backend::Local,
            role: Id::new("coder").unwrap(),
            wp_id: None,
            mt_id: None,
            memory_policy: MemoryPolicy::Ephemeral,
            spawn_depth: Count::default(),
            parent_session_id: None,
            provider: None,
            label: None,
            capability_grants: None,
            trigger_source: None,
            budget: None,
        };
        self.event(name, created)
    }

    fn says(&mut self, name: &str, content: &ArtifactView) -> CheckedEvent {
        let message = SessionMessage {
            session_id: Id::new(name).unwrap(),
            message_id: Id::new(format!("msg-{}", self.next)).unwrap(),
            role: MessageRole::User,
            content_hash: content.sha256,
            token_count: None,
            content_artifact_id: Some(content.artifact_id),
            tool_call_id: None,
            redacted: None,
            source: None,
            attachments: None,
        };
        self.event(name, message)
    }

    fn forget(&mut self) -> bool {
        let now = self.clock.now();
        let id = EventId::v7(now.as_micros() as u64 / 1_000, 1 << 60 | u128::from(self.next));
        self.recorder().forget(POLICY, Vouched::default(), now, id).is_ok()
    }

    /// Two old sessions, of which one is sealed before; a new one in the midst; then the old ones go.
    fn work(&mut self) -> bool {
        self.open()
            && self.session("old-1", 0)
            && self.recorder().seal().is_ok()
            && self.session("old-2", 1)
            && self.session("new-1", 40)
            && self.open()
            && self.forget()
            && self.session("new-2", 41)
    }

    /// Takes the fault away, and looks at what is there.
    fn recover(&mut self, power_cut: bool, seed: u64) -> BTreeSet<String> {
        self.recorder = None;
        if power_cut {
            self.storage = self.storage.crash(seed);
        }
        self.storage.inject(Fault::None);
        assert!(self.open(), "a store on a sound disk opens");
        self.check()
    }

    /// Holds everything that can be asked to what must hold whatever happened; the sessions that are there.
    fn check(&mut self) -> BTreeSet<String> {
        let elsewhere = Reader::open_storage(self.shared()).expect("a reader opens");
        let report = elsewhere.verify(&mut |_| ()).expect("a sound disk reads");
        assert!(report.ok, "{report:?}");
        let names = |reader: &Reader| -> BTreeSet<String> {
            reader.sessions(&SessionFilter::default()).iter().map(|view| view.session_id.to_string()).collect()
        };
        let sessions = names(&elsewhere);
        assert_eq!(names(self.recorder().reader()), sessions);
        for name in &sessions {
            let thread = elsewhere.messages(Some(name.as_str().into())).expect("a sound disk reads");
            let said: Vec<Vec<u8>> = thread
                .iter()
                .map(|message| elsewhere.artifacts().get(message.content_hash).expect("what is named is there"))
                .collect();
            assert_eq!(said, [SHARED.as_bytes().to_vec(), own_words(name).into_bytes()]);
        }
        let tombstones = elsewhere
            .events(&EventFilter::default())
            .filter(|event| {
                matches!(
                    &event.as_ref().expect("a sound disk reads").event.payload,
                    Payload::RecorderRetentionPurged(_)
                )
            })
            .count();
        let forgotten = sessions.contains("new-1") && !sessions.contains("old-1");
        assert_eq!(tombstones, usize::from(forgotten), "the record tells of it once, if it happened");
        if forgotten {
            assert!(!sessions.contains("old-2"), "all of it or nothing");
            for (path, bytes) in self.storage.files() {
                let found = ["old-1", "old-2"].iter().any(|words| holds(&bytes, words));
                assert!(!found, "{path} holds what was forgotten");
            }
        }
        sessions
    }
}

fn own_words(name: &str) -> String {
    format!("the words of {name}")
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|part| part == words.as_bytes())
}

/// After a fault the same is tried again, and then it is done.
fn goes_on(world: &mut World, sessions: &BTreeSet<String>) {
    if sessions.contains("new-1") {
        assert!(world.forget() && world.open(), "it goes on");
        let left = world.check();
        assert!(!left.contains("old-1") && left.contains("new-1"), "{left:?}");
    }
}

#[test]
fn a_power_cut_at_every_operation_of_forgetting() {
    let mut cases = 0;
    for seed in 1..=3 {
        let mut whole = World::new(seed);
        assert!(whole.work(), "without a fault all is done");
        assert_eq!(whole.check(), BTreeSet::from(["new-1", "new-2"].map(str::to_owned)));
        for at in 0..whole.storage.changes() {
            let mut world = World::new(seed);
            world.storage.inject(Fault::PowerCut { at });
            let _noticed = !world.work();
            let sessions = world.recover(true, seed << 32 | at);
            goes_on(&mut world, &sessions);
            cases += 1;
        }
    }
    println!("{cases} power cuts");
    assert!(cases >= 200, "{cases}");
}

#[test]
fn a_failure_at_every_call_of_forgetting() {
    let mut cases = 0;
    let mut whole = World::new(9);
    assert!(whole.work(), "without a fault all is done");
    for at in 0..whole.storage.calls() {
        for (kind, forever) in [(FailKind::Io, false), (FailKind::NoSpace, true)] {
            let mut world = World::new(9);
            world.storage.inject(Fault::FailCall { at, kind, forever });
            let _noticed = !world.work();
            let sessions = world.recover(at % 2 == 0, at);
            goes_on(&mut world, &sessions);
            cases += 1;
        }
    }
    println!("{cases} failures");
    assert!(cases >= 400, "{cases}");
}
