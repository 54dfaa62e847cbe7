//! What time holds back: rates of providers, and pauses that they asked for.

use std::collections::BTreeMap;

use flightrec_events::{Id, Timestamp};

use super::bucket::Bucket;
use super::job::{JobKey, Limit, QueuedJob};
use crate::limits::Limits;

/// Rates and pauses by provider.
#[derive(Debug, Clone)]
pub(super) struct ProviderRates {
    buckets: BTreeMap<Id, Buckets>,
    pauses: BTreeMap<Id, Timestamp>,
    /// Providers that are kept for one job.
    reserved: BTreeMap<Id, Reserved>,
}

#[derive(Debug, Clone)]
struct Buckets {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// A limit that passes with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) limit: Limit,
    /// Its end, in microseconds since 1970; the largest number if there is none.
    pub(super) end_us: i64,
}

/// The job whose turn it was when its provider's rates did not let it go.
#[derive(Debug, Clone)]
pub(super) struct Reserved {
    pub(super) next: JobKey,
    /// Its group, of which it has a place already.
    pub(super) group: Option<Id>,
    /// What it waits for; `None` if it lacks a place besides.
    wait: Option<Wait>,
}

impl ProviderRates {
    pub(super) fn new(limits: &Limits) -> Self {
        let buckets = limits.rates.iter().map(|(provider, rates)| {
            let requests = rates.requests_per_minute.map(|requests| Bucket::new(u64::from(requests)));
            (provider.clone(), Buckets { requests, tokens: rates.tokens_per_minute.map(Bucket::new) })
        });
        Self { buckets: buckets.collect(), pauses: BTreeMap::new(), reserved: BTreeMap::new() }
    }

    /// Refills everything and ends the pauses that are over.
    pub(super) fn begin_pass(&mut self, now: Timestamp) {
        for bucket in self.buckets.values_mut().flat_map(Buckets::both_mut) {
            bucket.advance(now);
        }
        self.pauses.retain(|_, until| *until > now);
    }

    /// Makes a provider pause; a longer pause stays. Whether that changed anything.
    pub(super) fn pause(&mut self, provider: &Id, until: Timestamp) -> bool {
        let longer = self.pauses.get(provider).is_none_or(|before| *before < until);
        if longer {
            self.pauses.insert(provider.clone(), until);
        }
        longer
    }

    /// Whether this provider pauses.
    pub(super) fn pauses(&self, provider: &Id) -> bool {
        self.pauses.contains_key(provider)
    }

    /// Whether any job of this provider may go.
    pub(super) fn is_open(&self, provider: &Id) -> bool {
        !self.pauses(provider) && !self.reserved.contains_key(provider)
    }

    /// Takes what the job needs, or tells how long that will not be there.
    pub(super) fn admit(&mut self, job: &QueuedJob, now: Timestamp) -> Result<(), Wait> {
        if let Some(wait) = self.rate_waits(job, now).into_iter().flatten().reduce(longer) {
            return Err(wait);
        }
        if let Some(Buckets { requests, tokens }) = self.buckets.get_mut(&job.provider) {
            if let Some(requests) = requests {
                requests.take(1);
            }
            if let Some(tokens) = tokens {
                tokens.take(job.expected_tokens);
            }
        }
        Ok(())
    }

    /// Keeps a job's provider for it.
    pub(super) fn reserve(&mut self, job: &QueuedJob, wait: Option<Wait>) {
        let reserved = Reserved { next: job.key, group: job.group.clone(), wait };
        self.reserved.insert(job.provider.clone(), reserved);
    }

    /// Keeps a provider for nobody.
    pub(super) fn release(&mut self, provider: &Id) -> Option<Reserved> {
        self.reserved.remove(provider)
    }

    /// The providers that are kept for one job, and that job.
    pub(super) fn reserved(&self) -> impl Iterator<Item = (&Id, JobKey)> {
        self.reserved.iter().map(|(provider, reserved)| (provider, reserved.next))
    }

    /// Puts right what a job took by what it used.
    pub(super) fn settle(&mut self, provider: &Id, expected_tokens: u64, used_tokens: u64, now: Timestamp) {
        if let Some(tokens) = self.buckets.get_mut(provider).and_then(|buckets| buckets.tokens.as_mut()) {
            tokens.advance(now);
            tokens.take(used_tokens.saturating_sub(expected_tokens));
            tokens.give_back(expected_tokens.saturating_sub(used_tokens));
        }
    }

    /// What of all this binds the job longest, as of the running pass.
    pub(super) fn wait(&self, job: &QueuedJob, now: Timestamp) -> Option<Wait> {
        let pause = self.pauses.get(&job.provider);
        let pause = pause.map(|until| Wait { limit: Limit::ProviderPause, end_us: until.as_micros() });
        let before_it = self.reserved.get(&job.provider).and_then(|reserved| reserved.wait);
        let [requests, tokens] = self.rate_waits(job, now);
        [pause, requests, tokens, before_it].into_iter().flatten().reduce(longer)
    }

    /// Whether it is this job for which its provider is kept.
    pub(super) fn is_next(&self, job: &QueuedJob) -> bool {
        self.reserved.get(&job.provider).is_some_and(|reserved| reserved.next == job.key)
    }

    /// The first end of a pause, among the providers that `count`.
    pub(super) fn pause_ends(&self, count: impl Fn(&Id) -> bool) -> Option<Timestamp> {
        self.pauses.iter().filter(|(provider, _)| count(provider)).map(|(_, until)| *until).min()
    }

    /// When the first of the jobs for which providers are kept can go.
    pub(super) fn rate_ends(&self) -> Option<Timestamp> {
        let waits = self.reserved.values().filter_map(|reserved| reserved.wait);
        waits.filter_map(|wait| Timestamp::from_micros(wait.end_us)).min()
    }

    pub(super) fn request_reason(&self, provider: &Id) -> String {
        let requests = self.buckets.get(provider).and_then(|buckets| buckets.requests.as_ref());
        let per_minute = requests.map_or(0, Bucket::per_minute);
        format!("the {per_minute} requests per minute of provider {provider} are used up")
    }

    pub(super) fn token_reason(&self, job: &QueuedJob) -> String {
        let tokens = self.buckets.get(&job.provider).and_then(|buckets| buckets.tokens.as_ref());
        let (left, per_minute) = tokens.map_or((0, 0), |bucket| (bucket.left(), bucket.per_minute()));
        let QueuedJob { provider, expected_tokens, .. } = job;
        if left < (*expected_tokens).min(per_minute) {
            format!(
                "{left} of the {per_minute} tokens per minute of provider {provider} are left, {expected_tokens} are expected"
            )
        } else {
            format!(
                "the {per_minute} tokens per minute of provider {provider} are kept for a larger job that goes first"
            )
        }
    }

    fn rate_waits(&self, job: &QueuedJob, now: Timestamp) -> [Option<Wait>; 2] {
        let Some(buckets) = self.buckets.get(&job.provider) else { return [None, None] };
        let wait = |bucket: &Option<Bucket>, amount, limit| {
            let wait_us = bucket.as_ref().map_or(0, |bucket| bucket.wait_us(amount));
            let end_us = now.as_micros().saturating_add(i64::try_from(wait_us).unwrap_or(i64::MAX));
            (wait_us > 0).then_some(Wait { limit, end_us })
        };
        [wait(&buckets.requests, 1, Limit::RequestRate), wait(&buckets.tokens, job.expected_tokens, Limit::TokenRate)]
    }
}

impl Buckets {
    fn both_mut(&mut self) -> impl Iterator<Item = &mut Bucket> {
        self.requests.iter_mut().chain(self.tokens.iter_mut())
    }
}

/// The wait that ends later; of two that end together the first.
pub(super) fn longer(one: Wait, other: Wait) -> Wait {
    if other.end_us > one.end_us { other } else { one }
}
