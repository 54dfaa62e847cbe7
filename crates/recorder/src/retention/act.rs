//! A policy, carried out: what may go is sealed first, then forgotten, and then the record tells of it.

use std::sync::Arc;

use flightrec_archive::Forgetting;
use flightrec_events::families::work::RecorderRetentionPurged;
use flightrec_events::{Actor, CheckedEvent, Count, Event, EventId, Label, Timestamp};
use rustc_hash::FxHashSet;

use super::asking::RetentionError;
use super::plan::{RetentionPlan, Vouched};
use super::policy::RetentionPolicy;
use crate::core::Work;
use crate::error::RecorderError;
use crate::log::{Order, Sealer};
use crate::options::{Mode, Overflow};
use crate::prepare::Submitted;
use crate::reader::Reader;
use crate::recorder::Recorder;
use crate::simulated::SteppedRecorder;

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// How many sessions.
    pub sessions: u64,
    /// How many events.
    pub events: u64,
    /// How many artifacts: those that nothing else names.
    pub artifacts: u64,
    /// By how many bytes the log is smaller; artifacts come on top.
    pub bytes: u64,
    /// How many sessions stay.
    pub kept_sessions: u64,
    /// How many sessions stay only because of a hold.
    pub held_sessions: u64,
    /// How many sessions stay only because they were still being recorded.
    pub live_sessions: u64,
}

impl Forgotten {
    /// All sessions stay, for the reasons that the plan gives.
    const fn nothing(plan: &RetentionPlan) -> Self {
        let RetentionPlan { kept_sessions, held_sessions, live_sessions, .. } = *plan;
        Self { sessions: 0, events: 0, artifacts: 0, bytes: 0, kept_sessions, held_sessions, live_sessions }
    }
}

/// The sessions that go, and what has gone of them.
struct Done {
    ids: Arc<FxHashSet<Arc<str>>>,
    forgetting: Option<Forgetting>,
    forgotten: Forgotten,
}

impl Recorder {
    /// Forgets what a policy does not keep. When this returns, it is gone, and the record tells of it; recording and
    /// reading go on meanwhile.
    ///
    /// # Errors
    /// [`RetentionError`]; nothing was forgotten then, or, after a failure behind the decisive step, the next open
    /// finishes it.
    pub fn forget(&self, policy: RetentionPolicy, vouched: Vouched) -> Result<Forgotten, RetentionError> {
        let options = self.options();
        let now = options.clock.now();
        // Whether it would be refused is told before anything is moved.
        let plan = self.reader().plan_retention(policy, now, vouched)?;
        if plan.ids.is_empty() {
            return Ok(Forgotten::nothing(&plan));
        }
        self.seal()?;
        let event_id = options.ids.event_id(now);
        let done = forget(self.reader(), self.sealer(), policy, (now, event_id), vouched)?;
        if let Some(forgetting) = &done.forgetting {
            let events = Submitted::Checked(tombstone(forgetting).into_iter().collect());
            let work = Work::Forget(done.ids);
            self.submit_work(events, Mode::Lenient, Overflow::Block, work)?.durable().map_err(RecorderError::from)?;
            self.sealer().told(forgetting)?;
        }
        Ok(done.forgotten)
    }
}

impl SteppedRecorder {
    /// As [`Recorder::forget`].
    ///
    /// # Errors
    /// As [`Recorder::forget`].
    pub fn forget(
        &mut self,
        policy: RetentionPolicy,
        vouched: Vouched,
        now: Timestamp,
        event_id: EventId,
    ) -> Result<Forgotten, RetentionError> {
        self.seal()?;
        let sealer = Arc::clone(self.sealer());
        let done = forget(self.reader(), &sealer, policy, (now, event_id), vouched)?;
        if let Some(forgetting) = &done.forgetting {
            self.commit_work(tombstone(forgetting).into_iter().collect(), Work::Forget(done.ids))?;
            sealer.told(forgetting)?;
        }
        Ok(done.forgotten)
    }
}

fn forget(
    reader: &Reader,
    sealer: &Sealer,
    policy: RetentionPolicy,
    (decided, event_id): (Timestamp, EventId),
    vouched: Vouched,
) -> Result<Done, RetentionError> {
    let last_seq = reader.log().view().origin_seq() - 1;
    let plan = reader.plan_forgetting(policy, decided, vouched, Some(last_seq))?;
    let mut forgotten = Forgotten::nothing(&plan);
    let RetentionPlan { ids, sessions, .. } = plan;
    let ids: Arc<FxHashSet<Arc<str>>> = Arc::new(ids.into_iter().collect());
    if ids.is_empty() {
        return Ok(Done { ids, forgetting: None, forgotten });
    }
    let before = reader.log_bytes()?;
    let order = Order {
        ids: &ids,
        policy: policy.to_string(),
        event_id,
        decided,
        is_still_wanted: &|| reader.holds().is_ok_and(|holds| !ids.iter().any(|id| holds.is_held(id))),
    };
    let forgetting = sealer.forget(&order, reader.artifacts())?;
    if let Some(forgetting) = &forgetting {
        let bytes = before.saturating_sub(reader.log_bytes()?);
        let (events, artifacts) = (forgetting.events, forgetting.artifacts);
        forgotten = Forgotten { sessions, events, artifacts, bytes, ..forgotten };
    }
    Ok(Done { ids, forgetting, forgotten })
}

/// The event that tells of it; its id follows from the forgetting, so that telling it twice tells it once.
pub(crate) fn tombstone(forgetting: &Forgetting) -> Option<CheckedEvent> {
    let Forgetting { event_id, decided_us, first_seq, last_seq, events, artifacts, policy } = forgetting;
    let payload = RecorderRetentionPurged {
        first_seq: Count::saturating(first_seq.get()),
        last_seq: Count::saturating(last_seq.get()),
        events: Count::saturating(*events),
        policy: Label::new(policy.as_str()).ok()?,
        artifacts: Some(Count::saturating(*artifacts)),
    };
    let decided = Timestamp::from_micros(*decided_us)?;
    Event::new(EventId::from_bytes(*event_id), decided, Actor::System, payload).check().ok()
}
