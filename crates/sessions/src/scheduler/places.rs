//! How many run at once: in all, with a provider, with a model, of a group.

use std::collections::BTreeMap;

use flightrec_events::Id;

use super::job::{Limit, QueuedJob};
use crate::limits::Limits;

/// What a running job holds.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) provider: Id,
    model_id: Id,
    pub(super) group: Option<Id>,
    pub(super) expected_tokens: u64,
}

impl Holder {
    pub(super) fn of(job: &QueuedJob) -> Self {
        Self {
            provider: job.provider.clone(),
            model_id: job.model_id.clone(),
            group: job.group.clone(),
            expected_tokens: job.expected_tokens,
        }
    }
}

/// Places and who has taken them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    all: Count,
    providers: BTreeMap<Id, ProviderPlaces>,
    groups: BTreeMap<Id, Count>,
    per_provider: Count,
    per_model: Count,
    per_group: Count,
}

#[derive(Debug, Clone)]
struct ProviderPlaces {
    count: Count,
    models: BTreeMap<Id, Count>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy)]
struct Count {
    taken: usize,
    of: usize,
}

impl Count {
    const fn free(of: usize) -> Self {
        Self { taken: 0, of }
    }

    const fn is_full(self) -> bool {
        self.taken >= self.of
    }
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            all: Count::free(limits.active_sessions),
            providers: BTreeMap::new(),
            groups: BTreeMap::new(),
            per_provider: Count::free(limits.per_provider),
            per_model: Count::free(limits.per_model),
            per_group: Count::free(limits.per_group),
        }
    }

    /// Whether any job at all could get a place.
    pub(super) fn any_free(&self) -> bool {
        !self.all.is_full()
    }

    pub(super) fn provider_is_free(&self, provider: &Id) -> bool {
        !self.provider(provider).is_full()
    }

    pub(super) fn model_is_free(&self, provider: &Id, model_id: &Id) -> bool {
        !self.model(provider, model_id).is_full()
    }

    /// Whether a job of this group could get its place there; true for a job without a group.
    pub(super) fn group_is_free(&self, group: Option<&Id>) -> bool {
        group.is_none_or(|group| !self.group(group).is_full())
    }

    /// The limits that leave this job no place, the narrowest first.
    pub(super) fn lacking(&self, job: &QueuedJob) -> impl Iterator<Item = Limit> {
        let full = [
            (Limit::Group, !self.group_is_free(job.group.as_ref())),
            (Limit::Model, !self.model_is_free(&job.provider, &job.model_id)),
            (Limit::Provider, !self.provider_is_free(&job.provider)),
            (Limit::ActiveSessions, !self.any_free()),
        ];
        full.into_iter().filter_map(|(limit, is_full)| is_full.then_some(limit))
    }

    pub(super) fn all_reason(&self) -> String {
        format!("{} of {} sessions are active", self.all.taken, self.all.of)
    }

    pub(super) fn provider_reason(&self, provider: &Id) -> String {
        let Count { taken, of } = self.provider(provider);
        format!("{taken} of {of} sessions of provider {provider} are active")
    }

    pub(super) fn model_reason(&self, provider: &Id, model_id: &Id) -> String {
        let Count { taken, of } = self.model(provider, model_id);
        format!("{taken} of {of} sessions of model {model_id} of provider {provider} are active")
    }

    pub(super) fn group_reason(&self, group: &Id) -> String {
        let Count { taken, of } = self.group(group);
        format!("{taken} of {of} places of group {group} are taken")
    }

    /// Takes a place everywhere but in the group.
    pub(super) fn take(&mut self, holder: &Holder) {
        self.all.taken += 1;
        let empty = ProviderPlaces { count: self.per_provider, models: BTreeMap::new() };
        let provider = self.providers.entry(holder.provider.clone()).or_insert(empty);
        provider.count.taken += 1;
        provider.models.entry(holder.model_id.clone()).or_insert(self.per_model).taken += 1;
    }

    /// Gives the places back that `take` took.
    pub(super) fn free(&mut self, holder: &Holder) {
        self.all.taken -= 1;
        if let Some(provider) = self.providers.get_mut(&holder.provider) {
            provider.count.taken -= 1;
            if let Some(model) = provider.models.get_mut(&holder.model_id) {
                model.taken -= 1;
            }
        }
    }

    /// Takes a place of a group. Whether it was the last.
    pub(super) fn take_group(&mut self, group: &Id) -> bool {
        let count = self.groups.entry(group.clone()).or_insert(self.per_group);
        count.taken += 1;
        count.taken == count.of
    }

    /// Gives a place of a group back. Whether there was none before.
    pub(super) fn free_group(&mut self, group: &Id) -> bool {
        let Some(count) = self.groups.get_mut(group) else { return false };
        let was_full = count.is_full();
        count.taken -= 1;
        let is_free = !count.is_full();
        // Groups come and go without end, unlike providers and models.
        if count.taken == 0 {
            self.groups.remove(group);
        }
        was_full && is_free
    }

    fn provider(&self, provider: &Id) -> Count {
        self.providers.get(provider).map_or(self.per_provider, |places| places.count)
    }

    fn model(&self, provider: &Id, model_id: &Id) -> Count {
        let models = self.providers.get(provider).map(|places| &places.models);
        models.and_then(|models| models.get(model_id)).copied().unwrap_or(self.per_model)
    }

    fn group(&self, group: &Id) -> Count {
        self.groups.get(group).copied().unwrap_or(self.per_group)
    }

    /// How many places are taken in all.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.all.taken
    }
}
