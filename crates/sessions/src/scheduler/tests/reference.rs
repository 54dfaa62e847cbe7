//! The same rules over plain lists, without any index: slow and easy to read.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::scheduler::lanes::{DISPATCHES_PER_PRIORITY, LANES};

/// Parts of a token that come in a microsecond at one token per minute.
const PARTS: i128 = 60_000_000;

#[derive(Debug, Clone)]
pub(super) struct Reference {
    limits: Limits,
    pub(super) waiting: Vec<Queued>,
    pub(super) running: Vec<QueuedJob>,
    pub(super) paused: BTreeSet<SessionKey>,
    pub(super) pauses: BTreeMap<Id, Timestamp>,
    /// Parts left of requests and of tokens, by provider.
    levels: BTreeMap<Id, [i128; 2]>,
    filled: Timestamp,
    /// Of each lane: where it starts next, its dispatches, its last one.
    lanes: [(u128, u64, u64); 4],
    virtual_time: u128,
    arrivals: u64,
    dispatches: u64,
    /// Providers that are kept for a job until it goes.
    kept: BTreeMap<Id, QueuedJob>,
    /// Those of them whose job has all but its rate.
    closed: BTreeMap<Id, QueuedJob>,
}

#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub(super) job: QueuedJob,
    order: (u64, u64),
}

impl Reference {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut new = Self {
            limits: limits.clone(),
            waiting: Vec::new(),
            running: Vec::new(),
            paused: BTreeSet::new(),
            pauses: BTreeMap::new(),
            levels: BTreeMap::new(),
            filled: at(0),
            lanes: [(0, 0, 0); 4],
            virtual_time: 0,
            arrivals: 0,
            dispatches: 0,
            kept: BTreeMap::new(),
            closed: BTreeMap::new(),
        };
        for provider in limits.rates.keys() {
            new.levels.insert(provider.clone(), new.per_minute(provider).map(|rate| rate.unwrap_or(0) * PARTS));
        }
        new
    }

    /// Requests and tokens per minute.
    fn per_minute(&self, provider: &Id) -> [Option<i128>; 2] {
        let rates = self.limits.rates.get(provider);
        let requests = rates.and_then(|rates| rates.requests_per_minute).map(i128::from);
        [requests, rates.and_then(|rates| rates.tokens_per_minute).map(i128::from)]
    }

    pub(super) fn enqueue(&mut self, job: QueuedJob) -> usize {
        self.arrivals += 1;
        let dispatches = self.lanes[slot(job.lane)].1;
        let order = (dispatches + u64::from(job.priority) * DISPATCHES_PER_PRIORITY, self.arrivals);
        self.waiting.push(Queued { job, order });
        self.waiting.len()
    }

    pub(super) fn remove(&mut self, key: JobKey) -> Option<QueuedJob> {
        let index = self.waiting.iter().position(|queued| queued.job.key == key)?;
        Some(self.waiting.remove(index).job)
    }

    pub(super) fn finished(&mut self, key: JobKey, used_tokens: u64, now: Timestamp) {
        self.fill(now);
        let index = self.running.iter().position(|job| job.key == key).unwrap();
        let job = self.running.remove(index);
        if let [_, Some(per_minute)] = self.per_minute(&job.provider) {
            let level = &mut self.levels.get_mut(&job.provider).unwrap()[1];
            let back = i128::from(job.expected_tokens) - i128::from(used_tokens);
            *level = (*level + back * PARTS).min(per_minute * PARTS);
        }
    }

    fn fill(&mut self, now: Timestamp) {
        let passed_us = i128::from(now.micros_since(self.filled));
        self.filled = now;
        for provider in self.limits.rates.keys() {
            let per_minute = self.per_minute(provider);
            let levels = self.levels.get_mut(provider).unwrap();
            for (level, rate) in levels.iter_mut().zip(per_minute) {
                let rate = rate.unwrap_or(0);
                *level = (*level + rate * passed_us).min(rate * PARTS);
            }
        }
    }

    /// Which jobs start now.
    pub(super) fn poll(&mut self, now: Timestamp) -> Vec<QueuedJob> {
        self.fill(now);
        self.closed.clear();
        let mut dispatched = Vec::new();
        for (provider, job) in self.kept.clone() {
            self.kept.remove(&provider);
            if self.pauses(&provider, now) || !self.taking_part(now).any(|other| other.key == job.key) {
                continue;
            }
            let lacking = self.lacking(&job).next();
            match lacking {
                None => {
                    let of_lane = |other: &QueuedJob| other.provider == provider && other.lane == job.lane;
                    let first = self.next(now, of_lane).unwrap();
                    dispatched.extend(self.admit(first));
                }
                Some(Limit::Provider | Limit::ActiveSessions) => {
                    self.kept.insert(provider, job);
                }
                Some(_) => {}
            }
        }
        while let Some(job) = self.next(now, |job| !self.kept.contains_key(&job.provider)) {
            dispatched.extend(self.admit(job));
        }
        dispatched
    }

    fn admit(&mut self, job: QueuedJob) -> Option<QueuedJob> {
        if self.rate_wait(&job).is_some() {
            self.kept.insert(job.provider.clone(), job.clone());
            self.closed.insert(job.provider.clone(), job);
            return None;
        }
        if let Some([requests, tokens]) = self.levels.get_mut(&job.provider) {
            *requests -= PARTS;
            *tokens -= i128::from(job.expected_tokens) * PARTS;
        }
        self.dispatches += 1;
        let share = &mut self.lanes[slot(job.lane)];
        self.virtual_time = self.virtual_time.max(share.0);
        let others = LANES.into_iter().filter(|lane| *lane != job.lane);
        let stride: u128 = others.map(|lane| u128::from(self.limits.lane_weights.of(lane))).product();
        *share = (self.virtual_time + stride, share.1 + 1, self.dispatches);
        self.remove(job.key);
        self.running.push(job.clone());
        Some(job)
    }

    fn next(&self, now: Timestamp, counts: impl Fn(&QueuedJob) -> bool) -> Option<QueuedJob> {
        let could_go = |queued: &&Queued| {
            counts(&queued.job)
                && self.takes_part(&queued.job, now)
                && !self.pauses(&queued.job.provider, now)
                && self.lacking(&queued.job).next().is_none()
        };
        let least = |queued: &&Queued| {
            let (next_start, _, served) = self.lanes[slot(queued.job.lane)];
            (next_start.max(self.virtual_time), served, slot(queued.job.lane), queued.order)
        };
        self.waiting.iter().filter(could_go).min_by_key(least).map(|queued| queued.job.clone())
    }

    fn pauses(&self, provider: &Id, now: Timestamp) -> bool {
        self.pauses.get(provider).is_some_and(|until| *until > now)
    }

    fn takes_part(&self, job: &QueuedJob, now: Timestamp) -> bool {
        !self.paused.contains(&job.session) && job.not_before.as_ref().is_none_or(|wait| wait.at <= now)
    }

    /// The limits that leave a job no place.
    pub(super) fn lacking(&self, job: &QueuedJob) -> impl Iterator<Item = Limit> {
        let running = |same: &dyn Fn(&QueuedJob) -> bool| self.running.iter().filter(|other| same(other)).count();
        let provider = |other: &QueuedJob| other.provider == job.provider;
        let model = |other: &QueuedJob| provider(other) && other.model_id == job.model_id;
        let group = |other: &QueuedJob| job.group.is_some() && other.group == job.group;
        let kept = self.kept.values().filter(|other| group(other)).count();
        let full = [
            (Limit::Group, running(&group) + kept >= self.limits.per_group && job.group.is_some()),
            (Limit::Model, running(&model) >= self.limits.per_model),
            (Limit::Provider, running(&provider) >= self.limits.per_provider),
            (Limit::ActiveSessions, running(&|_| true) >= self.limits.active_sessions),
        ];
        full.into_iter().filter(|(_, is_full)| *is_full).map(|(limit, _)| limit)
    }

    /// The rate that holds a job longest, and for how many microseconds.
    fn rate_wait(&self, job: &QueuedJob) -> Option<(Limit, i128)> {
        let levels = self.levels.get(&job.provider)?;
        let asked = [1, i128::from(job.expected_tokens)];
        let mut longest: Option<(Limit, i128)> = None;
        for (index, limit) in [Limit::RequestRate, Limit::TokenRate].into_iter().enumerate() {
            let Some(rate) = self.per_minute(&job.provider)[index] else { continue };
            let missing = asked[index].min(rate) * PARTS - levels[index];
            let wait_us = (missing + rate - 1).div_euclid(rate);
            if wait_us > longest.map_or(0, |(_, before)| before) {
                longest = Some((limit, wait_us));
            }
        }
        longest
    }

    /// The jobs that wait for no time of their own.
    pub(super) fn taking_part(&self, now: Timestamp) -> impl Iterator<Item = &QueuedJob> {
        self.waiting.iter().map(|queued| &queued.job).filter(move |job| self.takes_part(job, now))
    }

    /// What a job that takes part may be told as its cause after the last poll: the wait that ends last, or any place
    /// that is missing where that wait is one for a rate.
    pub(super) fn causes(&self, job: &QueuedJob, now: Timestamp) -> Vec<Limit> {
        let pause = self.pauses.get(&job.provider).map(|at| (Limit::ProviderPause, i128::from(at.micros_since(now))));
        let closed = self.closed.get(&job.provider).and_then(|next| self.rate_wait(next));
        let mut longest: Option<(Limit, i128)> = None;
        for wait in [pause, self.rate_wait(job), closed].into_iter().flatten() {
            if wait.1 > longest.map_or(0, |(_, before)| before) {
                longest = Some(wait);
            }
        }
        let wait = longest.map(|(limit, _)| limit);
        let places = self.lacking(job).filter(|_| wait != Some(Limit::ProviderPause));
        wait.into_iter().chain(places).collect()
    }

    /// That no limit on places is exceeded.
    pub(super) fn assert_within_limits(&self) {
        let most = |name: &dyn Fn(&QueuedJob) -> Option<String>| {
            let mut counts = BTreeMap::new();
            for name in self.running.iter().filter_map(name) {
                *counts.entry(name).or_insert(0) += 1;
            }
            counts.into_values().max().unwrap_or(0_usize)
        };
        assert!(self.running.len() <= self.limits.active_sessions);
        assert!(most(&|job| Some(job.provider.to_string())) <= self.limits.per_provider);
        assert!(most(&|job| Some(format!("{} {}", job.provider, job.model_id))) <= self.limits.per_model);
        assert!(most(&|job| job.group.as_ref().map(ToString::to_string)) <= self.limits.per_group);
    }
}

fn slot(lane: Lane) -> usize {
    LANES.iter().position(|other| *other == lane).unwrap()
}
