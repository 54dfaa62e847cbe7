//! The scheduler: what comes in and goes out between two passes.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_events::{Id, Timestamp};

use super::job::{JobKey, QueuedJob, SessionKey};
use super::lanes::{Lanes, Turn};
use super::places::{Holder, Places};
use super::rates::{ProviderRates, Wait};
use super::ready::Ready;
use crate::limits::Limits;

/// Decides which queued model runs start. See the module for the rules.
#[derive(Debug, Clone)]
pub(crate) struct Scheduler {
    pub(super) waiting: BTreeMap<JobKey, Waiting>,
    pub(super) running: BTreeMap<JobKey, Holder>,
    /// The waiting jobs whose own wait is over and whose session is not paused.
    pub(super) ready: Ready,
    /// The waiting jobs whose own wait is not known to be over and whose session is not paused, by its end.
    pub(super) timers: BTreeSet<(Timestamp, JobKey)>,
    by_session: BTreeSet<(SessionKey, JobKey)>,
    paused: BTreeSet<SessionKey>,
    pub(super) lanes: Lanes,
    pub(super) places: Places,
    pub(super) rates: ProviderRates,
    /// Jobs to look at once after the next dispatches, wherever they stand in the queue.
    pub(super) untold: BTreeSet<JobKey>,
    /// The latest time that was given: it never goes back.
    pub(super) latest: Option<Timestamp>,
    /// Whether a pass may find anything else than the one before at the same time.
    pub(super) changed: bool,
    /// What the last pass said.
    pub(super) wake: Option<Timestamp>,
    /// How many jobs passes looked at, to find the next or to tell why it waits.
    #[cfg(test)]
    pub(super) examined: usize,
}

/// A job in the queue.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) job: QueuedJob,
    pub(super) turn: Turn,
    pub(super) stands: Stands,
    /// The cause that was told last.
    pub(super) told: Option<Told>,
}

/// Where a waiting job is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// With those that wait for their turn.
    Ready,
    /// With those that wait for this time.
    Timed(Timestamp),
    /// Nowhere: its session is paused.
    Aside,
}

/// A cause as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// A place is missing.
    Place(super::Limit),
    /// Time has to pass.
    Wait(Wait),
}

impl Scheduler {
    /// An empty queue. Of the limits, those on places, rates and lanes count here.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            ready: Ready::default(),
            timers: BTreeSet::new(),
            by_session: BTreeSet::new(),
            paused: BTreeSet::new(),
            lanes: Lanes::new(&limits.lane_weights),
            places: Places::new(limits),
            rates: ProviderRates::new(limits),
            untold: BTreeSet::new(),
            latest: None,
            changed: false,
            wake: None,
            #[cfg(test)]
            examined: 0,
        }
    }

    /// Queues a job behind its equals, and tells how many jobs wait now, this one and those of paused sessions
    /// included. A job that comes again after a failed attempt comes as a new one; it may keep its key once it is
    /// finished here. A queued job of the same key is replaced.
    pub(crate) fn enqueue(&mut self, job: QueuedJob) -> usize {
        let key = job.key;
        debug_assert!(!self.running.contains_key(&key), "{key:?} still has its places");
        self.remove(key);
        let turn = self.lanes.draw_turn(job.lane, job.priority, key);
        self.by_session.insert((job.session, key));
        let aside = self.paused.contains(&job.session);
        self.waiting.insert(key, Waiting { job, turn, stands: Stands::Aside, told: None });
        if !aside {
            self.bring_in(key);
        }
        self.changed = true;
        self.waiting.len()
    }

    /// Takes a job out of the queue: it was cancelled. `None` if it does not wait.
    pub(crate) fn remove(&mut self, key: JobKey) -> Option<QueuedJob> {
        self.put_aside(key);
        let waiting = self.waiting.remove(&key)?;
        self.by_session.remove(&(waiting.job.session, key));
        self.changed = true;
        Some(waiting.job)
    }

    /// Holds back the queued jobs of a session, those that come later included, or lets them take part again. They
    /// keep their places in the queue; why they wait is told anew afterwards. A session that has ended must not be
    /// left paused, or its number stays here.
    pub(crate) fn set_paused(&mut self, session: SessionKey, paused: bool) {
        let changes = if paused { self.paused.insert(session) } else { self.paused.remove(&session) };
        if !changes {
            return;
        }
        let jobs = self.by_session.range((session, JobKey(0))..=(session, JobKey(u64::MAX)));
        for key in jobs.map(|(_, key)| *key).collect::<Vec<_>>() {
            if paused {
                self.put_aside(key);
            } else {
                self.bring_in(key);
            }
        }
        self.changed = true;
    }

    /// Dispatches nothing to a provider before `until`. A pause is never made shorter.
    pub(crate) fn pause_provider(&mut self, provider: &Id, until: Timestamp) {
        self.changed |= self.rates.pause(provider, until);
    }

    /// Frees the places of a dispatched job that ended, failed, or was suspended, and puts the token rate right by
    /// what it used. False if it has no places: it was not dispatched, or is finished already.
    pub(crate) fn finished(&mut self, key: JobKey, used_tokens: u64, now: Timestamp) -> bool {
        let Some(holder) = self.running.remove(&key) else { return false };
        let now = self.not_before_latest(now);
        self.rates.settle(&holder.provider, holder.expected_tokens, used_tokens, now);
        self.places.free(&holder);
        self.free_group(holder.group.as_ref());
        self.changed = true;
        true
    }

    /// The time as it counts here: it never goes back.
    pub(super) fn not_before_latest(&mut self, now: Timestamp) -> Timestamp {
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        now
    }

    /// Lets a job that stands aside take part.
    fn bring_in(&mut self, key: JobKey) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            if let Some(wait) = &waiting.job.not_before {
                waiting.stands = Stands::Timed(wait.at);
                self.timers.insert((wait.at, key));
            } else {
                self.make_ready(key);
            }
            self.untold.insert(key);
        }
    }

    /// Puts a job that is kept nowhere with those that wait for their turn.
    pub(super) fn make_ready(&mut self, key: JobKey) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.stands = Stands::Ready;
            let group_is_free = self.places.group_is_free(waiting.job.group.as_ref());
            self.ready.insert(waiting.turn, &waiting.job, group_is_free);
        }
    }

    /// Keeps a job from taking part.
    fn put_aside(&mut self, key: JobKey) {
        let Some(waiting) = self.waiting.get_mut(&key) else { return };
        match waiting.stands {
            Stands::Ready => {
                let group_is_free = self.places.group_is_free(waiting.job.group.as_ref());
                self.ready.remove(waiting.turn, &waiting.job, group_is_free);
            }
            Stands::Timed(at) => {
                self.timers.remove(&(at, key));
            }
            Stands::Aside => {}
        }
        waiting.stands = Stands::Aside;
        waiting.told = None;
        self.untold.remove(&key);
    }

    /// Moves a ready job to its places.
    pub(super) fn start(&mut self, key: JobKey) -> Option<QueuedJob> {
        let job = self.remove(key)?;
        let holder = Holder::of(&job);
        self.places.take(&holder);
        self.take_group(holder.group.as_ref());
        self.running.insert(key, holder);
        self.lanes.dispatched(job.lane);
        Some(job)
    }

    /// Takes a place of a group; the group's other jobs leave the index if it was the last.
    pub(super) fn take_group(&mut self, group: Option<&Id>) {
        if let Some(group) = group
            && self.places.take_group(group)
        {
            self.ready.set_group(group, false);
        }
    }

    /// Gives a place of a group back.
    pub(super) fn free_group(&mut self, group: Option<&Id>) {
        if let Some(group) = group
            && self.places.free_group(group)
        {
            self.ready.set_group(group, true);
        }
    }

    /// How many places are taken.
    #[cfg(test)]
    pub(crate) fn places_taken(&self) -> usize {
        self.places.taken()
    }
}
