//! One look at the queue: what goes, what waits, and when to look again.

use flightrec_events::{Id, Timestamp};

use super::job::{JobKey, Limit, Pass, QueuedJob};
use super::lanes::PerLane;
use super::queue::{Scheduler, Stands};
use super::rates::Wait;

impl Scheduler {
    /// Dispatches all that can go, in turn, then tells the holds that are new or changed. Call it after every change
    /// and at [`Pass::wake`]; at any other time it costs next to nothing.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Pass {
        let now = self.not_before_latest(now);
        if !self.changed && self.wake.is_none_or(|wake| now < wake) {
            return Pass { wake: self.wake, ..Pass::default() };
        }
        self.end_timers(now);
        self.rates.begin_pass(now);
        let mut dispatched = self.serve_reserved(now);
        while let Some(key) = self.next_in_turn() {
            // A job that its rate holds closes its provider to the others, so each round has fewer left.
            dispatched.extend(self.try_to_start(key, now));
        }
        let held = self.tell_holds(now);
        self.changed = false;
        self.wake = self.next_wake(now);
        Pass { dispatched, held, wake: self.wake }
    }

    /// Lets the jobs take their turns whose own wait is over.
    fn end_timers(&mut self, now: Timestamp) {
        while let Some(&(at, key)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            self.make_ready(key);
            self.untold.insert(key);
        }
    }

    /// Dispatches the jobs for which a provider is kept and that can go now. Of its own lane a more urgent one goes
    /// first.
    fn serve_reserved(&mut self, now: Timestamp) -> Vec<QueuedJob> {
        let providers: Vec<Id> = self.rates.reserved().map(|(provider, _)| provider.clone()).collect();
        let mut dispatched = Vec::new();
        for provider in providers {
            let Some(reserved) = self.rates.release(&provider) else { continue };
            self.free_group(reserved.group.as_ref());
            let ready = self.waiting.get(&reserved.next).filter(|waiting| waiting.stands == Stands::Ready);
            let Some(job) = ready.map(|waiting| &waiting.job).filter(|_| !self.rates.pauses(&provider)) else {
                continue;
            };
            let (lane, lacking) = (job.lane, self.places.lacking(job).next());
            match lacking {
                None => {
                    let firsts = self.firsts(|other| *other == provider);
                    dispatched.extend(self.try_to_start(firsts.get(lane).unwrap_or(reserved.next), now));
                }
                // Then nobody else of this provider can go either.
                Some(Limit::Provider | Limit::ActiveSessions) => self.keep_provider(reserved.next, None),
                // It has lost a place, and takes its turn again.
                Some(_) => {}
            }
        }
        dispatched
    }

    /// Dispatches a job that has its places, or keeps its provider for it.
    fn try_to_start(&mut self, key: JobKey, now: Timestamp) -> Option<QueuedJob> {
        match self.rates.admit(&self.waiting.get(&key)?.job, now) {
            Ok(()) => self.start(key),
            Err(wait) => {
                self.keep_provider(key, Some(wait));
                None
            }
        }
    }

    /// Keeps a provider for a job until that goes, and with it a place of the job's group. Else others would use up
    /// what it waits for whenever its lane has gone on elsewhere meanwhile.
    fn keep_provider(&mut self, key: JobKey, wait: Option<Wait>) {
        if let Some(waiting) = self.waiting.get(&key) {
            self.rates.reserve(&waiting.job, wait);
            let group = waiting.job.group.clone();
            self.take_group(group.as_ref());
        }
    }

    /// The job that goes next if its provider's rates let it.
    fn next_in_turn(&mut self) -> Option<JobKey> {
        let firsts = self.firsts(|provider| self.rates.is_open(provider));
        #[cfg(test)]
        {
            self.examined += firsts.iter().flatten().count();
        }
        let lane = self.lanes.next(|lane| firsts.get(lane).is_some())?;
        *firsts.get(lane)
    }

    /// The first job of each lane that has a place, among providers that `count`.
    fn firsts(&self, count: impl Fn(&Id) -> bool) -> PerLane<Option<JobKey>> {
        if !self.places.any_free() {
            return PerLane::default();
        }
        self.ready.firsts(
            |provider| count(provider) && self.places.provider_is_free(provider),
            |provider, model_id| self.places.model_is_free(provider, model_id),
        )
    }

    /// The first time at which a wait ends that keeps a job from going.
    fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let pause = self.rates.pause_ends(|provider| self.ready.has_any(provider));
        let wake = [timer, pause, self.rates.rate_ends()].into_iter().flatten().min();
        debug_assert!(wake.is_none_or(|wake| wake > now), "waits that are over were ended above");
        wake
    }
}
