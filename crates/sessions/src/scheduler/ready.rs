//! The jobs that wait for nothing but their turn, by provider, model and lane.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_events::Id;

use super::job::{JobKey, QueuedJob};
use super::lanes::{LANES, PerLane, Turn};

/// An index that finds the first job of each lane that could go without looking at those behind it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready(BTreeMap<Id, BTreeMap<Id, ModelQueues>>);

/// The jobs of one model.
type ModelQueues = PerLane<LaneQueue>;

/// The jobs of one model and lane.
#[derive(Debug, Clone, Default)]
struct LaneQueue {
    /// All of them.
    all: BTreeSet<Turn>,
    /// Those that have a group, by group.
    groups: BTreeMap<Id, BTreeSet<Turn>>,
    /// Those that could go as far as groups decide: all without a group, and the first of each group that has a
    /// place.
    heads: BTreeSet<Turn>,
}

impl Ready {
    pub(super) fn insert(&mut self, turn: Turn, job: &QueuedJob, group_is_free: bool) {
        let models = self.0.entry(job.provider.clone()).or_default();
        models.entry(job.model_id.clone()).or_default().get_mut(job.lane).insert(
            turn,
            job.group.as_ref(),
            group_is_free,
        );
    }

    pub(super) fn remove(&mut self, turn: Turn, job: &QueuedJob, group_is_free: bool) {
        let models = self.0.get_mut(&job.provider);
        if let Some(queues) = models.and_then(|models| models.get_mut(&job.model_id)) {
            queues.get_mut(job.lane).remove(turn, job.group.as_ref(), group_is_free);
        }
    }

    /// Tells that a group has a place again, or none any more.
    pub(super) fn set_group(&mut self, group: &Id, is_free: bool) {
        for queue in self.0.values_mut().flat_map(BTreeMap::values_mut).flat_map(PerLane::iter_mut) {
            queue.set_group(group, is_free);
        }
    }

    /// The job that goes first in each lane, among providers and models that have a place.
    pub(super) fn firsts(
        &self,
        provider_is_open: impl Fn(&Id) -> bool,
        model_is_free: impl Fn(&Id, &Id) -> bool,
    ) -> PerLane<Option<JobKey>> {
        let mut firsts = PerLane::<Option<Turn>>::default();
        for (provider, models) in self.0.iter().filter(|(provider, _)| provider_is_open(provider)) {
            for (_, queues) in models.iter().filter(|(model_id, _)| model_is_free(provider, model_id)) {
                for lane in LANES {
                    let first = firsts.get_mut(lane);
                    let head = queues.get(lane).heads.first().copied();
                    *first = [*first, head].into_iter().flatten().min();
                }
            }
        }
        let mut keys = PerLane::default();
        for lane in LANES {
            *keys.get_mut(lane) = firsts.get(lane).map(|turn: Turn| turn.key);
        }
        keys
    }

    /// The first few jobs of each model and lane, whether or not they could go.
    pub(super) fn front(&self, of_each: usize) -> impl Iterator<Item = JobKey> {
        let queues = self.0.values().flat_map(BTreeMap::values).flat_map(PerLane::iter);
        queues.flat_map(move |queue| queue.all.iter().take(of_each).map(|turn| turn.key))
    }

    /// Whether a job of this provider waits here.
    pub(super) fn has_any(&self, provider: &Id) -> bool {
        let models = self.0.get(provider);
        models.is_some_and(|models| models.values().flat_map(PerLane::iter).any(|queue| !queue.all.is_empty()))
    }
}

impl LaneQueue {
    fn insert(&mut self, turn: Turn, group: Option<&Id>, group_is_free: bool) {
        self.all.insert(turn);
        let Some(group) = group else {
            self.heads.insert(turn);
            return;
        };
        let queue = self.groups.entry(group.clone()).or_default();
        let before = queue.first().copied();
        queue.insert(turn);
        if group_is_free && before.is_none_or(|before| turn < before) {
            if let Some(before) = before {
                self.heads.remove(&before);
            }
            self.heads.insert(turn);
        }
    }

    fn remove(&mut self, turn: Turn, group: Option<&Id>, group_is_free: bool) {
        self.all.remove(&turn);
        let was_head = self.heads.remove(&turn);
        let Some(group) = group else { return };
        let Some(queue) = self.groups.get_mut(group) else { return };
        queue.remove(&turn);
        match queue.first() {
            Some(next) if was_head && group_is_free => {
                self.heads.insert(*next);
            }
            Some(_) => {}
            None => {
                self.groups.remove(group);
            }
        }
    }

    fn set_group(&mut self, group: &Id, is_free: bool) {
        if let Some(first) = self.groups.get(group).and_then(BTreeSet::first) {
            if is_free {
                self.heads.insert(*first);
            } else {
                self.heads.remove(first);
            }
        }
    }
}
