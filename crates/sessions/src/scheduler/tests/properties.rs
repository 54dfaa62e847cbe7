//! What holds for any course of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::reference::Reference;
use super::*;
use crate::scheduler::Scheduler;
use crate::scheduler::holds::TOLD_AHEAD;
use crate::scheduler::lanes::{DISPATCHES_PER_PRIORITY, LANES};

/// Something that happens to the scheduler.
#[derive(Debug, Clone)]
enum Happens {
    Enqueue(QueuedJob, Option<i64>),
    Finish(prop::sample::Index, u64),
    Remove(prop::sample::Index),
    Pause(u32, bool),
    PauseProvider(u8, i64),
    Wait(i64),
    WaitForWake,
}

fn some_job() -> impl Strategy<Value = QueuedJob> {
    let place = (0..8u32, 0..2u8, 0..3u8, prop::sample::select(LANES.to_vec()));
    let rank = (prop::sample::select(vec![0u8, 1, 50, 255]), prop::option::weighted(0.4, 0..3u8), 0..900u64);
    (place, rank).prop_map(|((session, provider, model, lane), (priority, group, expected_tokens))| QueuedJob {
        session: SessionKey(session),
        provider: id(&format!("provider-{provider}")),
        model_id: id(&format!("model-{model}")),
        lane,
        priority,
        group: group.map(|group| id(&format!("group-{group}"))),
        expected_tokens,
        ..job(0)
    })
}

fn happens() -> impl Strategy<Value = Happens> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (some_job(), prop::option::weighted(0.2, 0..30_000_000i64)).prop_map(|(job, wait)| Happens::Enqueue(job, wait)),
        6 => (index(), 0..1_200u64).prop_map(|(which, used)| Happens::Finish(which, used)),
        1 => index().prop_map(Happens::Remove),
        1 => (0..8u32, any::<bool>()).prop_map(|(session, paused)| Happens::Pause(session, paused)),
        1 => (0..2u8, 0..20_000_000i64).prop_map(|(provider, wait)| Happens::PauseProvider(provider, wait)),
        3 => (0..8_000_000i64).prop_map(Happens::Wait),
        2 => Just(Happens::WaitForWake),
    ]
}

fn some_limits() -> impl Strategy<Value = Limits> {
    let rate = || (prop::option::of(1..20u32), prop::option::of(1..1_000u64));
    let rates = (rate(), rate()).prop_map(|rates| {
        let of = |(requests_per_minute, tokens_per_minute)| Rates { requests_per_minute, tokens_per_minute };
        BTreeMap::from([(id("provider-0"), of(rates.0)), (id("provider-1"), of(rates.1))])
    });
    let places = (1..6usize, 1..4usize, 1..3usize, 1..3usize);
    let rates = prop_oneof![Just(BTreeMap::new()), rates];
    (places, rates, [1..9u32, 1..9u32, 1..9u32, 1..9u32]).prop_map(|((all, provider, model, group), rates, of)| {
        Limits { rates, lane_weights: weights(of), ..limits([all, provider, model, group]) }
    })
}

/// The scheduler and the plain lists, side by side.
struct Pair {
    scheduler: Scheduler,
    reference: Reference,
    now: Timestamp,
    wake: Option<Timestamp>,
    next_key: u64,
    told: BTreeMap<JobKey, Limit>,
    dispatched: BTreeSet<JobKey>,
    removed: BTreeSet<JobKey>,
    passes: Vec<Pass>,
}

impl Pair {
    fn new(limits: &Limits) -> Self {
        Self {
            scheduler: Scheduler::new(limits),
            reference: Reference::new(limits),
            now: at(0),
            wake: None,
            next_key: 0,
            told: BTreeMap::new(),
            dispatched: BTreeSet::new(),
            removed: BTreeSet::new(),
            passes: Vec::new(),
        }
    }

    fn apply(&mut self, what: Happens) {
        match what {
            Happens::Enqueue(job, wait) => {
                self.next_key += 1;
                let not_before = wait.map(|wait| waits_until(at_us(self.now.as_micros() + wait)));
                let job = QueuedJob { key: JobKey(self.next_key), not_before, ..job };
                assert_eq!(self.scheduler.enqueue(job.clone()), self.reference.enqueue(job));
            }
            Happens::Finish(which, used) if !self.reference.running.is_empty() => {
                let key = which.get(&self.reference.running).key;
                self.finish(key, used);
            }
            Happens::Remove(which) if !self.reference.waiting.is_empty() => {
                let key = which.get(&self.reference.waiting).job.key;
                assert_eq!(self.scheduler.remove(key), self.reference.remove(key));
                assert!(self.removed.insert(key));
            }
            Happens::Finish(..) | Happens::Remove(_) => {}
            Happens::Pause(session, paused) => self.pause(SessionKey(session), paused),
            Happens::PauseProvider(provider, wait) => {
                let (provider, until) = (id(&format!("provider-{provider}")), at_us(self.now.as_micros() + wait));
                self.scheduler.pause_provider(&provider, until);
                let pause = self.reference.pauses.entry(provider).or_insert(until);
                *pause = until.max(*pause);
            }
            Happens::Wait(us) => self.now = at_us(self.now.as_micros() + us),
            Happens::WaitForWake => self.now = self.wake.unwrap_or(self.now),
        }
    }

    fn finish(&mut self, key: JobKey, used: u64) {
        assert!(self.scheduler.finished(key, used, self.now));
        self.reference.finished(key, used, self.now);
    }

    fn pause(&mut self, session: SessionKey, paused: bool) {
        self.scheduler.set_paused(session, paused);
        if paused {
            self.reference.paused.insert(session);
        } else {
            self.reference.paused.remove(&session);
        }
        let of_session = self.reference.waiting.iter().filter(|queued| queued.job.session == session);
        for queued in of_session.filter(|_| paused) {
            self.told.remove(&queued.job.key);
        }
    }

    /// Polls both and compares: what goes, in which order; that every wait has its told cause; when to wake.
    fn poll(&mut self) {
        let due = self.wake.is_some_and(|wake| wake <= self.now);
        let looks = self.scheduler.changed || due;
        let pass = self.scheduler.poll(self.now);
        assert_eq!(pass.dispatched, self.reference.poll(self.now), "at {}", self.now);
        self.reference.assert_within_limits();
        assert_eq!(self.scheduler.places_taken(), self.reference.running.len());
        for job in &pass.dispatched {
            assert!(self.dispatched.insert(job.key) && !self.removed.contains(&job.key), "once");
        }
        for hold in &pass.held {
            self.told.insert(hold.job, hold.limit);
            let of_time = !matches!(hold.limit, Limit::ActiveSessions | Limit::Provider | Limit::Model | Limit::Group);
            assert_eq!(of_time, !hold.backoff.is_zero(), "{hold:?}");
        }
        let looks = looks && self.reference.waiting.len() <= TOLD_AHEAD;
        for job in self.reference.waiting.iter().map(|queued| &queued.job).filter(|_| looks) {
            let told = self.told.get(&job.key).copied();
            let paused = self.reference.paused.contains(&job.session);
            assert_eq!(told.is_none(), paused, "{job:?}");
            // What still has a wait of its own is told again only at its end.
            let own = job.not_before.as_ref().is_some_and(|wait| wait.at > self.now);
            let binds = || self.reference.causes(job, self.now).contains(&told.unwrap());
            assert!(paused || own || binds(), "{told:?} at {}: {job:?}", self.now);
        }
        assert!(pass.wake.is_none_or(|wake| wake > self.now), "a wake lies ahead");
        if due {
            let moved = !pass.dispatched.is_empty() || !pass.held.is_empty();
            let lacks_place = |job: &QueuedJob| self.reference.lacking(job).next().is_some();
            let only_places = self.reference.taking_part(self.now).all(lacks_place);
            assert!(moved || pass.wake.is_some() || only_places, "a wake brings something, or another wake");
        }
        self.wake = pass.wake;
        self.passes.push(pass);
    }

    /// Lets everything run to its end.
    fn drain(&mut self) {
        for session in 0..8 {
            self.pause(SessionKey(session), false);
        }
        self.poll();
        let mut idle_wakes = 0;
        while !self.reference.waiting.is_empty() {
            if let Some(job) = self.reference.running.first() {
                let (key, used) = (job.key, job.expected_tokens);
                self.finish(key, used);
            } else {
                idle_wakes += 1;
                assert!(idle_wakes < 10_000, "it wakes without end and nothing goes");
                self.now = self.wake.expect("what waits with all places free waits for a time");
            }
            self.poll();
        }
        for key in (1..=self.next_key).map(JobKey) {
            assert_ne!(self.dispatched.contains(&key), self.removed.contains(&key), "{key:?}: gone once, one way");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_decides_as_the_plain_rules_do(limits in some_limits(), course in prop::collection::vec(happens(), 0..120)) {
        let mut pair = Pair::new(&limits);
        for what in course {
            pair.apply(what);
            pair.poll();
        }
        pair.drain();
    }

    #[test]
    fn the_same_course_gives_the_same_passes(limits in some_limits(), course in prop::collection::vec(happens(), 0..60)) {
        let run = || {
            let mut pair = Pair::new(&limits);
            for what in course.clone() {
                pair.apply(what);
                pair.poll();
            }
            pair.passes
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn between_a_pass_and_its_wake_nothing_could_go(
        limits in some_limits(), course in prop::collection::vec(happens(), 0..80), part in 0..1_000i64,
    ) {
        let mut pair = Pair::new(&limits);
        for what in course {
            pair.apply(what);
            pair.poll();
            let end_us = pair.wake.map_or(i64::from(u32::MAX) * 1_000, |wake| wake.as_micros() - 1);
            let between = pair.now.as_micros() + (end_us - pair.now.as_micros()) / 1_000 * part;
            for us in [between, end_us] {
                let mut early = pair.scheduler.clone();
                early.changed = true;
                prop_assert_eq!(early.poll(at_us(us)).dispatched, vec![]);
            }
        }
    }

    #[test]
    fn no_window_has_more_than_a_full_bucket_and_its_refill(
        requests in 1..30u32, tokens in 1..5_000u64,
        jobs in prop::collection::vec((1..5_000u64, 0..20_000_000i64), 1..60),
    ) {
        let mut scheduler = Scheduler::new(&rates(Some(requests), Some(tokens)));
        let mut sent: Vec<(i64, u64)> = Vec::new();
        let (mut now, mut wake) = (at(0), None);
        for (key, (expected_tokens, pause_us)) in jobs.iter().enumerate() {
            let expected_tokens = (*expected_tokens).min(tokens);
            scheduler.enqueue(QueuedJob { expected_tokens, ..job(key as u64) });
            let until = at_us(now.as_micros() + pause_us);
            while let Some(next) = [wake, Some(until)].into_iter().flatten().min() {
                now = next.max(now);
                let pass = scheduler.poll(now);
                sent.extend(pass.dispatched.iter().map(|job| (now.as_micros(), job.expected_tokens)));
                wake = pass.wake;
                if now >= until {
                    break;
                }
            }
        }
        for (first, (start_us, _)) in sent.iter().enumerate() {
            let mut sum = 0;
            for (count, (end_us, used)) in sent[first..].iter().enumerate() {
                let window_us = u128::try_from(end_us - start_us).unwrap();
                sum += used;
                let most = |per_minute: u128| per_minute * (60_000_000 + window_us);
                prop_assert!(u128::from(sum) * 60_000_000 <= most(u128::from(tokens)));
                prop_assert!((count as u128 + 1) * 60_000_000 <= most(u128::from(requests)));
            }
        }
    }

    #[test]
    fn no_job_is_passed_by_urgent_ones_for_ever(priority in 1..20u8, backlog in 0..30u64) {
        let mut scheduler = Scheduler::new(&limits([1, 1, 1, 1]));
        let urgent = |key| QueuedJob { priority: 0, ..job(key) };
        scheduler.enqueue(QueuedJob { priority, ..job(0) });
        for key in 1..=backlog {
            scheduler.enqueue(urgent(key));
        }
        let most = u64::from(priority) * DISPATCHES_PER_PRIORITY + backlog;
        let mut passed = 0;
        loop {
            // One more is always there when a place is free.
            scheduler.enqueue(urgent(1_000 + passed));
            let went = keys(&scheduler.poll(at(0)))[0];
            if went == 0 {
                break;
            }
            passed += 1;
            prop_assert!(passed <= most, "{} went before it", passed);
            scheduler.finished(JobKey(went), 0, at(0));
        }
        prop_assert_eq!(passed, most, "urgent jobs do go first, until then");
    }
}

/// Ends the oldest running job each second, offers one more of its kind, and counts the seconds until job 0 goes.
fn passes_before(scheduler: &mut Scheduler, victim: QueuedJob, rivals: &[QueuedJob], most: usize) -> usize {
    let mut next_key = 1;
    let mut offer = |scheduler: &mut Scheduler, rival: &QueuedJob| {
        next_key += 1;
        scheduler.enqueue(QueuedJob { key: JobKey(next_key), ..rival.clone() });
    };
    for rival in rivals.iter().chain(rivals) {
        offer(scheduler, rival);
    }
    let mut running = scheduler.poll(at(0)).dispatched;
    scheduler.enqueue(victim);
    let mut now = at(0);
    for passed in 0..most {
        let pass = scheduler.poll(now);
        running.extend(pass.dispatched);
        if running.iter().any(|job| job.key == JobKey(0)) {
            return passed;
        }
        if running.is_empty() {
            now = pass.wake.unwrap();
            continue;
        }
        now = at_us(now.as_micros() + 1_000_000);
        let ended = running.remove(0);
        scheduler.finished(ended.key, ended.expected_tokens, now);
        offer(scheduler, &ended);
    }
    panic!("{most} went before it");
}

#[test]
fn a_lane_that_can_go_only_when_one_model_is_free_gets_its_turn() {
    let on = |model: &str, lane| QueuedJob { model_id: id(model), lane, ..job(0) };
    let rivals = [
        on("small", Lane::Primary),
        on("large", Lane::Primary),
        on("large", Lane::Subagent),
        on("small", Lane::Validation),
    ];
    let mut scheduler = Scheduler::new(&limits([2, 2, 1, 1]));
    assert!(passes_before(&mut scheduler, on("small", Lane::Background), &rivals, 30) < 10);
}

#[test]
fn a_large_job_is_not_kept_waiting_by_small_ones_that_drain_the_bucket() {
    let expects = |expected_tokens, lane| QueuedJob { lane, expected_tokens, ..job(0) };
    let rivals = [expects(60, Lane::Primary), expects(30, Lane::Subagent)];
    let mut scheduler = Scheduler::new(&Limits { active_sessions: 2, ..rates(None, Some(600)) });
    assert!(passes_before(&mut scheduler, expects(600, Lane::Background), &rivals, 500) < 100);
}

#[test]
fn a_large_job_is_not_passed_by_while_its_lane_goes_on_with_another_provider() {
    let small = QueuedJob { expected_tokens: 60, lane: Lane::Subagent, ..job(0) };
    let elsewhere = QueuedJob { provider: id("spare"), ..job(0) };
    let large = QueuedJob { expected_tokens: 600, ..job(0) };
    for group in [None, Some(id("g"))] {
        let of_group = |job: &QueuedJob| QueuedJob { group: group.clone(), ..job.clone() };
        let rivals = [small.clone(), small.clone(), of_group(&elsewhere)];
        let mut scheduler = Scheduler::new(&Limits { active_sessions: 2, ..rates(None, Some(600)) });
        assert!(passes_before(&mut scheduler, of_group(&large), &rivals, 1_000) < 100, "{group:?}");
    }
}
