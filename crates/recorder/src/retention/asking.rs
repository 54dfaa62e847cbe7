//! What a reader answers about forgetting, without touching anything but the file of holds.

use std::sync::Arc;

use flightrec_events::Timestamp;

use super::holds::{HoldError, Holds};
use super::plan::{ClockReading, RetentionPlan, RetentionRefusal, StoreFacts, Tree, Vouched, plan};
use super::policy::RetentionPolicy;
use crate::error::{ReadError, RecorderError};
use crate::fold::{Projection, SpawnForest};
use crate::log::{ForgetError, SealError};
use crate::reader::Reader;

/// Nothing can be forgotten, or it cannot be told what would be.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The policy is not carried out.
    #[error(transparent)]
    Refused(#[from] RetentionRefusal),
    /// It is not known what is held.
    #[error(transparent)]
    Holds(#[from] HoldError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was recorded lately cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It could not be carried out.
    #[error(transparent)]
    Forget(#[from] ForgetError),
    /// What was forgotten could not be told in the record; it is told at the next open.
    #[error(transparent)]
    Tell(#[from] RecorderError),
}

impl Reader {
    /// The sessions that no policy touches.
    ///
    /// # Errors
    /// [`HoldError`] if the file was changed or cannot be read.
    pub fn holds(&self) -> Result<Holds, HoldError> {
        Holds::load(&*self.files().storage)
    }

    /// Changes the holds, one change at a time. When this returns, the change is durable. It needs no writer of the
    /// store, and works while there is one.
    ///
    /// # Errors
    /// [`HoldError`]; nothing was changed then.
    pub fn change_holds<T>(&self, change: impl FnOnce(&mut Holds) -> T) -> Result<T, HoldError> {
        Holds::change(&*self.files().storage, change)
    }

    /// What a policy would forget now. Nothing is changed.
    ///
    /// # Errors
    /// [`RetentionError`] if the policy would not be carried out, or it cannot be told.
    pub fn plan_retention(
        &self,
        policy: RetentionPolicy,
        now: Timestamp,
        vouched: Vouched,
    ) -> Result<RetentionPlan, RetentionError> {
        self.plan_forgetting(policy, now, vouched, None)
    }

    /// What a policy forgets of what lies up to a position; of everything with `None`.
    pub(super) fn plan_forgetting(
        &self,
        policy: RetentionPolicy,
        now: Timestamp,
        vouched: Vouched,
        sealed_seq: Option<u64>,
    ) -> Result<RetentionPlan, RetentionError> {
        let holds = self.holds()?;
        let bytes = self.log_bytes()?;
        let (facts, last_recorded) = {
            let projection = self.projection();
            (facts(&projection, bytes, sealed_seq), projection.recorded_at())
        };
        Ok(plan(facts, &holds, policy, ClockReading { now, last_recorded }, vouched)?)
    }
}

fn facts(projection: &Projection, bytes: u64, sealed_seq: Option<u64>) -> StoreFacts {
    let forest = SpawnForest::new(projection);
    let tree = |sessions: Vec<u32>, count: usize| Tree {
        ids: sessions.iter().flat_map(|at| projection.ids_of(*at)).collect::<Vec<Arc<str>>>(),
        sessions: count as u64,
        events: sessions.iter().map(|at| projection.extent_of(*at).events).sum(),
        updated_us: sessions.iter().filter_map(|at| projection.touched_us(*at)).max(),
        last_seq: sessions.iter().map(|at| projection.extent_of(*at).last_seq).max().unwrap_or(0),
    };
    let spawned = forest.roots().into_iter().map(|root| forest.members(root)).map(|members| {
        let count = members.len();
        tree(members, count)
    });
    // Traces whose spans lie outside any session go by their own age.
    let mut listed = projection.listed().peekable();
    let outside = projection.roots().filter(|at| {
        while listed.next_if(|session| session < at).is_some() {}
        listed.next_if_eq(at).is_none()
    });
    let trees = spawned.chain(outside.map(|at| tree(vec![at], 0))).collect();
    StoreFacts { trees, events: projection.events, bytes, sealed_seq }
}
