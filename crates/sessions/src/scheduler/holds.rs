//! Why a job waits, told when that changes.
// tidy: no-wildcard

use std::collections::BTreeSet;
use std::time::Duration;

use flightrec_events::Timestamp;

use super::job::{Hold, JobKey, Limit, QueuedJob};
use super::queue::{Scheduler, Stands, Told, Waiting};
use super::rates::{Wait, longer};

/// How many jobs of each model and lane are told when the cause of their waiting changes. Those behind them wait for
/// these in the first place; they are told when they have come up so far.
pub(super) const TOLD_AHEAD: usize = 8;

impl Scheduler {
    /// The holds that are new or changed, by job.
    pub(super) fn tell_holds(&mut self, now: Timestamp) -> Vec<Hold> {
        let mut keys: BTreeSet<JobKey> = std::mem::take(&mut self.untold);
        keys.extend(self.ready.front(TOLD_AHEAD));
        keys.extend(self.rates.reserved().map(|(_, key)| key));
        #[cfg(test)]
        {
            self.examined += keys.len();
        }
        let mut holds = Vec::new();
        for key in keys {
            let Some(waiting) = self.waiting.get(&key) else { continue };
            let Some(cause) = self.cause(waiting, now) else { continue };
            if !self.is_news(waiting, cause) {
                continue;
            }
            holds.push(self.hold(&waiting.job, cause, now));
            if let Some(waiting) = self.waiting.get_mut(&key) {
                waiting.told = Some(cause);
            }
        }
        holds
    }

    /// What binds a job: the wait that ends last, or the narrowest limit that leaves it no place.
    fn cause(&self, waiting: &Waiting, now: Timestamp) -> Option<Told> {
        let job = &waiting.job;
        let own = match (waiting.stands, &job.not_before) {
            (Stands::Timed(at), Some(wait)) => Some(Wait { limit: wait.limit, end_us: at.as_micros() }),
            (Stands::Ready | Stands::Timed(_), _) => None,
            (Stands::Aside, _) => return None,
        };
        let wait = own.into_iter().chain(self.rates.wait(job, now)).reduce(longer);
        wait.map(Told::Wait).or_else(|| self.places.lacking(job).next().map(Told::Place))
    }

    /// Whether a job has to be told its cause, after what it was told before.
    ///
    /// A missing place that was told stays the cause for as long as it is missing, though a narrower one may have
    /// become full meanwhile, or a rate be used up: else jobs of busy models would be told with every dispatch. Always
    /// told are a pause, a wait of the job's own, and a rate that is all it waits for. The end of a rate's wait moves
    /// with every dispatch of its provider; only the job whose turn is next is told of that.
    fn is_news(&self, waiting: &Waiting, cause: Told) -> bool {
        let of_rate = |limit| matches!(limit, Limit::RequestRate | Limit::TokenRate);
        match (waiting.told, cause) {
            (None, Told::Place(_) | Told::Wait(_)) | (Some(Told::Wait(_)), Told::Place(_)) => true,
            (Some(Told::Place(before)), Told::Wait(wait)) => {
                !of_rate(wait.limit) || self.rates.is_next(&waiting.job) || !self.still_lacks(waiting, before)
            }
            (Some(Told::Place(before)), Told::Place(_)) => !self.still_lacks(waiting, before),
            (Some(Told::Wait(before)), Told::Wait(wait)) => {
                before.limit != wait.limit
                    || before.end_us != wait.end_us && (!of_rate(wait.limit) || self.rates.is_next(&waiting.job))
            }
        }
    }

    fn still_lacks(&self, waiting: &Waiting, limit: Limit) -> bool {
        self.places.lacking(&waiting.job).any(|lacking| lacking == limit)
    }

    fn hold(&self, job: &QueuedJob, cause: Told, now: Timestamp) -> Hold {
        let (limit, backoff) = match cause {
            Told::Place(limit) => (limit, Duration::ZERO),
            Told::Wait(Wait { limit, end_us }) => {
                let left_us = u64::try_from(end_us.saturating_sub(now.as_micros())).unwrap_or(0);
                (limit, Duration::from_micros(left_us))
            }
        };
        Hold { job: job.key, limit, reason: self.reason(job, cause, limit), backoff }
    }

    fn reason(&self, job: &QueuedJob, cause: Told, limit: Limit) -> String {
        // The job's own wait has its own reason; it is told only while it is the one that binds.
        if let (Some(own), Told::Wait(wait)) = (&job.not_before, cause)
            && (own.limit, own.at.as_micros()) == (wait.limit, wait.end_us)
        {
            return own.reason.clone();
        }
        match limit {
            Limit::ActiveSessions => self.places.all_reason(),
            Limit::Provider => self.places.provider_reason(&job.provider),
            Limit::Model => self.places.model_reason(&job.provider, &job.model_id),
            Limit::Group => job.group.as_ref().map_or_else(String::new, |group| self.places.group_reason(group)),
            Limit::RequestRate => self.rates.request_reason(&job.provider),
            Limit::TokenRate => self.rates.token_reason(job),
            Limit::ProviderPause => format!("provider {} asked to wait", job.provider),
            Limit::Backoff => "the wait between two attempts is not over".to_owned(),
        }
    }
}
