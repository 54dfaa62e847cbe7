//! The whole recorder on a simulated disk, and everything that can happen to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use flightrec_recorder::events::families::parts::TokenUsage;
use flightrec_recorder::events::families::session::{SessionCreated, SessionMessage, SessionStateChange};
use flightrec_recorder::events::families::work::{LlmInference, SpanClosed, SpanOpened};
use flightrec_recorder::events::{
    Actor, Backend, Count, Event, EventId, Id, Label, MemoryPolicy, MessageRole, Payload, Reason, Rule, Sha256Hex,
    SpanId, SpanKind, SpanStatus, State, Timestamp, TraceId, Usd,
};
use flightrec_recorder::journal::{Compression, Prepare, Storage, WriterOptions};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::{Outcome, ProjectionCheck};
use flightrec_recorder::{Clock, IdSource, Mode, Options, Packing, Reader, SteppedRecorder};
use flightrec_sim::{Fault, Rng, SimStorage};

use crate::recorder_list::{Model, Sent};

/// A password as the redactor knows it, and what must stand in its place.
pub(crate) const SECRET: &str = "correct-horse-7-battery";
const SENT: &str = "log in with password=correct-horse-7-battery";
const KEPT: &str = "log in with password=[REDACTED:password:password_assignment]";
const HOUR_US: i64 = 3_600_000_000;

/// A clock that moves a little with each question, and jumps when it is told to.
#[derive(Debug)]
struct Jumping {
    now_us: AtomicI64,
    step_us: AtomicI64,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let now = self.now_us.fetch_add(self.step_us.load(Ordering::SeqCst), Ordering::SeqCst);
        Timestamp::from_micros(now).unwrap()
    }
}

/// Ids from the seed.
#[derive(Debug)]
struct Seeded(AtomicU64);

impl IdSource for Seeded {
    fn random(&self) -> u128 {
        let mut rng = Rng::new(self.0.fetch_add(1, Ordering::SeqCst));
        u128::from(rng.bits()) << 64 | u128::from(rng.bits())
    }
}

/// A recorder on a simulated disk, with its model.
pub(crate) struct World {
    pub(crate) storage: SimStorage,
    pub(crate) rng: Rng,
    recorder: Option<SteppedRecorder>,
    options: Options,
    clock: Arc<Jumping>,
    model: Model,
    /// Submissions of a call that failed: a first part of them may be there.
    in_doubt: Vec<Vec<Sent>>,
    contents: Vec<(Vec<u8>, Sha256Hex)>,
    next_event: u64,
    /// Files that can be made again were damaged.
    harmed: bool,
    /// How many checks of a whole store there were.
    pub(crate) checks: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let clock = Arc::new(Jumping { now_us: AtomicI64::new(1_772_366_400_000_000), step_us: AtomicI64::new(977) });
        let compression = if rng.once_in(2) { Compression::Off } else { Compression::Zstd(1) };
        let journal = WriterOptions {
            first_segment_bytes: 16 << 10,
            max_segment_bytes: 32 << 10,
            grow_bytes: 8 << 10,
            compression,
            prepare: Prepare::Inline,
        };
        let ids = Arc::new(Seeded(AtomicU64::new(seed << 20)));
        // Sessions are packed as soon as anything happens elsewhere, so that every fault meets pages as well.
        let packing = Packing { sessions: 2, events: 2 };
        let options = Options { clock: Arc::<Jumping>::clone(&clock), ids, journal, packing, ..Options::default() };
        Self {
            storage: SimStorage::new(seed),
            rng,
            recorder: None,
            options,
            clock,
            model: Model::default(),
            in_doubt: Vec::new(),
            contents: Vec::new(),
            next_event: seed << 16,
            harmed: false,
            checks: 0,
        }
    }

    fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.storage.clone())
    }

    /// Opens the store; `false` if a fault hit that.
    pub(crate) fn open(&mut self) -> bool {
        assert!(self.recorder.is_none());
        self.recorder = SteppedRecorder::open(self.shared(), &self.options).ok();
        if self.recorder.is_some() {
            self.settle_doubt();
        }
        self.recorder.is_some()
    }

    /// After an opening nothing is in doubt any more: a first part of the submissions is there, each of them whole.
    fn settle_doubt(&mut self) {
        let reader = self.recorder.as_ref().expect("it is open").reader();
        // A fault that is still set may hit this look; then the doubt stays until the next one.
        let Ok(events) = reader.events(&EventFilter::default()).collect::<Result<Vec<_>, _>>() else { return };
        let there: BTreeSet<EventId> = events.iter().map(|recorded| recorded.event.event_id).collect();
        for submission in std::mem::take(&mut self.in_doubt) {
            let kept = submission.iter().filter(|event| there.contains(&event.sent.event_id)).count();
            assert!(kept == 0 || kept == submission.len(), "a batch is all or nothing: {kept} of {}", submission.len());
            if kept > 0 {
                for event in submission {
                    self.model.take(event);
                }
            }
        }
    }

    /// Takes a fault away, cuts the power if it did, and opens until it works.
    pub(crate) fn recover(&mut self, power_cut: bool) {
        self.recorder = None;
        if power_cut {
            let seed = self.rng.bits();
            self.storage = self.storage.crash(seed);
        }
        self.storage.inject(Fault::None);
        assert!(
            self.open(),
            "a store on a sound disk opens: {:?}",
            SteppedRecorder::open(self.shared(), &self.options).err()
        );
        self.check();
    }

    /// Holds all that can be asked to the model: the writer's answers, a reader's, and `verify`.
    pub(crate) fn check(&mut self) {
        self.checks += 1;
        let reader = self.recorder.as_ref().expect("it is open").reader();
        self.model.check(reader);
        let elsewhere = Reader::open_storage(self.shared()).expect("a reader opens");
        self.model.check(&elsewhere);
        let report = elsewhere.verify(&mut |_| ()).expect("a sound disk reads");
        // An index that was harmed inside is told of until somebody needs that place, and makes it again.
        let told = self.harmed && report.damage.iter().all(|found| found.kind == "bad_index");
        assert!(report.ok || told, "{report:?}\n{:?}", self.storage);
        assert_eq!(report.projections, ProjectionCheck::Match);
        self.harmed &= !report.ok;
        for (content, sha256) in &self.contents {
            assert_eq!(&reader.artifacts().get(*sha256).expect("content that was taken is there"), content);
        }
        for (path, bytes) in self.storage.files() {
            let found = bytes.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes());
            assert!(!found, "a secret is at rest in {path}");
        }
    }

    /// Commits random batches; `false` if a fault hit that.
    pub(crate) fn commit(&mut self) -> bool {
        let mut batches = Vec::new();
        let mut expected = Vec::new();
        let mut after = self.model.clone();
        let mut taken = Vec::new();
        for _ in 0..=self.rng.below(3) {
            let mode = if self.rng.once_in(2) { Mode::Strict } else { Mode::Lenient };
            let mut submission = Vec::new();
            let mut events = Vec::new();
            let mut verdicts = Vec::new();
            for _ in 0..=self.rng.below(6) {
                let event = self.any_event(&after);
                let verdict = after.judge(&event.sent, mode);
                if verdict == Ok(true) {
                    after.take(event.clone());
                    submission.push(event.clone());
                }
                verdicts.push(verdict);
                events.push(event.sent);
            }
            batches.push((events, mode));
            expected.push(verdicts);
            taken.push(submission);
        }
        let recorder = self.recorder.as_mut().expect("it is open");
        let before = recorder.reader().event_count();
        if let Ok(outcomes) = recorder.commit(batches) {
            let mut seq = before;
            for (outcomes, expected) in outcomes.iter().zip(&expected) {
                let told: Vec<Result<bool, Rule>> = outcomes.iter().map(|outcome| told(outcome, &mut seq)).collect();
                assert_eq!(told, *expected, "the verdicts of a batch");
            }
            self.model = after;
            true
        } else {
            assert_eq!(recorder.reader().event_count(), before, "nothing is shown before it is durable");
            assert!(recorder.commit(Vec::new()).is_err(), "nothing is taken after a failure");
            self.in_doubt = taken;
            false
        }
    }

    /// Gives content; `false` if a fault hit that.
    pub(crate) fn put(&mut self) -> bool {
        let content = format!("content {}", self.rng.below(4)).repeat(1 + self.rng.below(40) as usize);
        let recorder = self.recorder.as_ref().expect("it is open");
        let Ok(view) = recorder.reader().artifacts().put(content.as_bytes()) else { return false };
        self.contents.push((content.into_bytes(), view.sha256));
        true
    }

    /// Moves what was recorded into the archive; `false` if a fault hit that. Everything is where it was then.
    pub(crate) fn seal(&mut self) -> bool {
        let recorder = self.recorder.as_mut().expect("it is open");
        let before = recorder.reader().event_count();
        let done = recorder.seal().is_ok();
        assert_eq!(recorder.reader().event_count(), before, "sealing adds and takes nothing");
        done
    }

    /// Closes in order, and opens again; `false` if a fault hit that.
    pub(crate) fn reopen(&mut self) -> bool {
        self.close() && self.open()
    }

    /// Closes in order; `false` if a fault hit that.
    pub(crate) fn close(&mut self) -> bool {
        self.recorder.take().expect("it is open").close().is_ok()
    }

    /// Ends like a process that is killed, and opens again; `false` if a fault hit that.
    pub(crate) fn kill(&mut self) -> bool {
        self.recorder = None;
        self.open()
    }

    pub(crate) fn jump_clock(&mut self) {
        match self.rng.below(4) {
            0 => self.clock.now_us.fetch_sub(HOUR_US, Ordering::SeqCst),
            1 => self.clock.now_us.fetch_add(HOUR_US * 24 * 365 * 10, Ordering::SeqCst),
            2 => self.clock.step_us.swap(0, Ordering::SeqCst),
            _ => self.clock.step_us.swap(1_013, Ordering::SeqCst),
        };
    }

    /// Loses or damages files that can be made again, while nobody has the store open.
    pub(crate) fn harm_derived(&mut self) {
        assert!(self.recorder.is_none());
        self.harmed = true;
        let mut files = self.storage.files();
        let derived: Vec<String> = files.keys().filter(|path| path.starts_with("derived/")).cloned().collect();
        for path in derived {
            match self.rng.below(4) {
                0 => drop(files.remove(&path)),
                1 => {
                    let bytes = files.get_mut(&path).expect("it is listed");
                    let at = self.rng.below(bytes.len() as u64) as usize;
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.rng.below(8);
                    }
                }
                2 => {
                    let bytes = files.get_mut(&path).expect("it is listed");
                    bytes.truncate(self.rng.below(bytes.len() as u64) as usize);
                }
                _ => {}
            }
        }
        let seed = self.rng.bits();
        self.storage = SimStorage::with_files(&files, seed);
    }

    /// The end of the hash chain, and all that was done to the disk.
    pub(crate) fn fingerprint(&self) -> (String, u64, u64) {
        let head = self.recorder.as_ref().expect("it is open").chain_head();
        (head, self.storage.trace(), self.model.log.len() as u64)
    }

    fn any_event(&mut self, model: &Model) -> Sent {
        let again = self.rng.below(model.log.len() as u64) as usize;
        match self.rng.below(12) {
            0 if !model.log.is_empty() => return model.log[again].clone(),
            1 if !model.log.is_empty() => {
                // Another content under a known id.
                let fresh = self.fresh_event(model);
                let mut other = fresh.sent.into_event();
                other.event_id = model.log[again].sent.event_id;
                let other = other.check().expect("it was sound before");
                return Sent { kept: other.clone(), sent: other };
            }
            _ => {}
        }
        self.fresh_event(model)
    }

    fn fresh_event(&mut self, model: &Model) -> Sent {
        self.next_event += 1;
        let number = self.rng.below(5);
        let session = format!("s-{number}");
        let secret = self.rng.once_in(6);
        let payload = self.any_payload(number, &session, model);
        let now = self.clock.now();
        let random = u128::from(self.next_event) << 80 | u128::from(self.rng.bits());
        let event_id = if self.rng.once_in(3) {
            EventId::from_bytes((random & !(0xf << 76) | 4 << 76).to_be_bytes())
        } else {
            EventId::v7(now.as_micros() as u64 / 1_000, u128::from(self.next_event))
        };
        let mut event = Event::new(event_id, now, Actor::Agent, payload).in_session(id(&session));
        event.trace_id = TraceId::from_bytes([1; 16]);
        if matches!(event.payload, Payload::SpanOpened(_) | Payload::SpanClosed(_)) {
            event.activity_span_id = Some(self.any_span(4));
        } else if matches!(event.payload, Payload::LlmInference(_)) && self.rng.once_in(2) {
            event.activity_span_id = Some(self.any_span(6));
        }
        let with_reason = |text: &str| {
            let mut event = event.clone();
            if let Payload::SessionStateChange(change) = &mut event.payload
                && secret
            {
                change.reason = Reason::new(text).expect("it is short");
            }
            event.check().expect("it is sound")
        };
        Sent { sent: with_reason(SENT), kept: with_reason(KEPT) }
    }

    fn any_span(&mut self, bound: u64) -> SpanId {
        SpanId::from_bytes((1 + self.rng.below(bound)).to_be_bytes()).expect("it is not zero")
    }

    fn any_payload(&mut self, number: u64, session: &str, model: &Model) -> Payload {
        let session_id = id(session);
        match self.rng.below(10) {
            0 | 1 => SessionCreated {
                session_id,
                model_id: id("m-1"),
                backend: Backend::Local,
                role: id("coder"),
                wp_id: None,
                mt_id: None,
                memory_policy: MemoryPolicy::Ephemeral,
                spawn_depth: Count::default(),
                // Only of one with a smaller number: the model knows no circles.
                parent_session_id: (number > 0 && self.rng.once_in(2))
                    .then(|| id(&format!("s-{}", self.rng.below(number)))),
                provider: None,
                label: None,
                capability_grants: None,
                trigger_source: None,
                budget: None,
            }
            .into(),
            2 | 3 => {
                let state = model.lives.get(session).map_or(State::Created, |life| life.state);
                let from_state = if self.rng.once_in(4) { self.any_state() } else { state };
                let to_state = self.any_state();
                let reason = Reason::new("because").expect("it is short");
                SessionStateChange { session_id, from_state, to_state, reason, job_id: None }.into()
            }
            4 | 5 => SessionMessage {
                session_id,
                message_id: id(&format!("msg-{}", self.next_event)),
                role: MessageRole::User,
                content_hash: Sha256Hex::from_bytes([self.next_event as u8; 32]),
                token_count: None,
                content_artifact_id: None,
                tool_call_id: None,
                redacted: None,
                source: None,
                attachments: None,
            }
            .into(),
            6 => SpanOpened {
                kind: SpanKind::Other,
                name: Label::new("work").expect("it is short"),
                parent_span_id: None,
                links: None,
                tags: None,
                attributes: None,
            }
            .into(),
            7 => SpanClosed {
                status: SpanStatus::Ok,
                error_code: None,
                tokens_in: None,
                tokens_out: None,
                cost_usd: None,
            }
            .into(),
            _ => self.any_inference().into(),
        }
    }

    fn any_inference(&mut self) -> LlmInference {
        let (input, output) = (Count::saturating(self.rng.below(4)), Count::saturating(self.rng.below(3)));
        LlmInference {
            model_id: id("m-1"),
            token_usage: TokenUsage {
                prompt_tokens: input,
                completion_tokens: output,
                total_tokens: Count::saturating(input.get() + output.get()),
                cached_prompt_tokens: None,
                cache_write_tokens: None,
                reasoning_tokens: None,
            },
            latency_ms: None,
            time_to_first_token_ms: None,
            prompt_hash: None,
            response_hash: None,
            provider: None,
            request_id: self.rng.once_in(2).then(|| id(&format!("r-{}", self.rng.below(5)))),
            finish_reason: None,
            cost_usd: if self.rng.once_in(3) { None } else { Usd::from_nanos(self.rng.below(1_000)) },
            price_source: None,
        }
    }

    fn any_state(&mut self) -> State {
        // Terminal states end a session for good, so they are rarer.
        let states = [State::Created, State::Active, State::Active, State::Paused, State::Blocked, State::Blocked];
        match self.rng.below(10) {
            0 => [State::Completed, State::Failed, State::Cancelled][self.rng.below(3) as usize],
            _ => states[self.rng.below(6) as usize],
        }
    }
}

/// What an outcome says, after holding its position to the order of the batch.
fn told(outcome: &Outcome, last_seq: &mut u64) -> Result<bool, Rule> {
    match outcome {
        Outcome::Recorded { seq } => {
            *last_seq += 1;
            assert_eq!(seq, last_seq, "positions follow each other");
            Ok(true)
        }
        Outcome::Duplicate => Ok(false),
        Outcome::Rejected(violation) => Err(violation.rule),
    }
}

fn id(text: &str) -> Id {
    Id::new(text).expect("it is short")
}
