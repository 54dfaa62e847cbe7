//! Lanes: what went on in sessions over time, side by side. A lane has the session's spans, its states, the time that
//! its jobs waited and what held them, and where work was handed to another session and came back.

use std::sync::Arc;

use flightrec_events::families::session::{SchedulerDispatch, SchedulerRateLimited};
use flightrec_events::{Event, Id, Kind, Payload, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::error::ReadError;
use crate::fold::{DetailFold, telemetry_source};
use crate::query::EventFilter;
use crate::reader::{Reader, RecordedEvent};
use crate::view::{SessionView, SpanView, StateChangeView};

/// Up to so many sessions are read one by one; more are read in one pass over the log.
const READ_ONE_BY_ONE: usize = 32;

/// The kinds of events that a lane is made of: no others are decoded.
const SHOWN: [Kind; 10] = [
    Kind::SessionStateChange,
    Kind::SpanOpened,
    Kind::SpanClosed,
    Kind::LlmInference,
    Kind::SchedulerEnqueue,
    Kind::SchedulerRateLimited,
    Kind::SchedulerDispatch,
    Kind::SchedulerCancelled,
    Kind::SpawnAccepted,
    Kind::AnnounceBack,
];

/// Why a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// It is queued, and nobody has said what holds it.
    Queue,
    /// A limit holds it: its name is in `limit`.
    Hold,
}

/// A stretch of time for which a job waited for one cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitView {
    /// Why.
    pub kind: WaitKind,
    /// The job.
    pub job_id: Arc<str>,
    /// From when on.
    pub start: Timestamp,
    /// Until when; null while it waits.
    pub end: Option<Timestamp>,
    /// The limit that held it, such as `model` or `request_rate`.
    pub limit: Option<Arc<str>>,
    /// Whose limit it is.
    pub provider: Option<Arc<str>>,
    /// What was told to people about it.
    pub reason: Option<String>,
    /// How long it had to wait at least, in milliseconds; 0 where nobody could know.
    pub backoff_ms: Option<u64>,
    /// The event that says so.
    pub seq: u64,
}

/// What was handed from one session to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoverKind {
    /// A task, to a session that was spawned for it.
    Spawn,
    /// A result, back to the session that had asked for it.
    AnnounceBack,
}

/// Work that passed from one session to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandoverView {
    /// What was handed over.
    pub kind: HandoverKind,
    /// The session that gave it.
    pub from_session_id: Arc<str>,
    /// The session that got it.
    pub to_session_id: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// The event that says so.
    pub seq: u64,
}

/// One session over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneView {
    /// Its facts and totals.
    pub session: SessionView,
    /// Its states, in order.
    pub states: Vec<StateChangeView>,
    /// Its spans, by start.
    pub spans: Vec<SpanView>,
    /// Its waits, by start.
    pub waits: Vec<WaitView>,
    /// What it gave to others, in order.
    pub handovers: Vec<HandoverView>,
}

/// Lanes, and what could not be read of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lanes {
    /// A lane for each session that was asked for, in that order.
    pub lanes: Vec<LaneView>,
    /// A sentence for each part of the log that cannot be read.
    pub damage: Vec<String>,
}

impl Reader {
    /// What went on in these sessions over time.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read; damage loses its own events only, and is told beside the lanes.
    pub fn lanes(&self, sessions: Vec<SessionView>) -> Result<Lanes, ReadError> {
        let shown =
            EventFilter { kinds: SHOWN.iter().map(|kind| kind.code().to_owned()).collect(), ..EventFilter::default() };
        let mut damage = Vec::new();
        let mut folds: Vec<LaneFold> =
            sessions.iter().map(|session| LaneFold::new(self, &session.session_id)).collect();
        if sessions.len() <= READ_ONE_BY_ONE {
            for (session, fold) in sessions.iter().zip(&mut folds) {
                let filter = EventFilter { session: Some(Arc::clone(&session.session_id)), ..shown.clone() };
                for event in self.events(&filter) {
                    if let Some(event) = unless_damaged(event, &mut damage)? {
                        fold.apply(event.seq, &event.event);
                    }
                }
            }
        } else {
            let ids = |(at, session): (usize, &SessionView)| {
                self.ids_of(&session.session_id).into_iter().map(move |id| (id, at))
            };
            let places: FxHashMap<Arc<str>, usize> = sessions.iter().enumerate().flat_map(ids).collect();
            let (first_seq, last_seq) = self.extent(&sessions);
            for event in self.events(&EventFilter { from_seq: Some(first_seq), ..shown }) {
                let Some(event) = unless_damaged(event, &mut damage)? else { continue };
                if event.seq > last_seq {
                    break;
                }
                let session = event.event.model_session_id.as_ref();
                if let Some(at) = session.and_then(|session| places.get(session.as_str())) {
                    folds[*at].apply(event.seq, &event.event);
                }
            }
        }
        let lanes = sessions.into_iter().zip(folds).map(|(session, fold)| fold.finish(session));
        Ok(Lanes { lanes: lanes.collect(), damage })
    }

    /// The position of the last event of a session; `None` if there is no such session.
    pub fn last_seq_of(&self, session: &str) -> Option<u64> {
        let projection = self.projection();
        projection.find(session).map(|root| projection.extent_of(&[root]).last_seq)
    }

    /// The positions between which all events of some sessions lie.
    fn extent(&self, sessions: &[SessionView]) -> (u64, u64) {
        let projection = self.projection();
        let roots = sessions.iter().filter_map(|session| projection.find(&session.session_id));
        let extents = roots.map(|root| projection.extent_of(&[root]));
        extents.fold((u64::MAX, 0), |(first, last), extent| (first.min(extent.first_seq), last.max(extent.last_seq)))
    }
}

/// What is found of one session.
#[derive(Debug, Default)]
struct Activity {
    states: Vec<StateChangeView>,
    waits: Vec<WaitView>,
    handovers: Vec<HandoverView>,
    /// The wait of each job that has not ended, by its place in `waits`.
    waiting: FxHashMap<Arc<str>, usize>,
    is_told: bool,
}

impl Activity {
    fn begin(&mut self, wait: WaitView) {
        self.end(&wait.job_id, wait.start);
        self.waiting.insert(Arc::clone(&wait.job_id), self.waits.len());
        self.waits.push(wait);
    }

    /// Ends the wait of a job; `false` if it has none.
    fn end(&mut self, job: &str, at: Timestamp) -> bool {
        let Some(place) = self.waiting.remove(job) else { return false };
        let wait = &mut self.waits[place];
        wait.end = Some(at.max(wait.start));
        true
    }

    fn end_all(&mut self, at: Timestamp) {
        let jobs: Vec<Arc<str>> = self.waiting.keys().cloned().collect();
        for job in jobs {
            self.end(&job, at);
        }
    }

    fn hold(&mut self, seq: u64, at: Timestamp, held: &SchedulerRateLimited) {
        self.begin(WaitView {
            kind: WaitKind::Hold,
            limit: held.limit.as_ref().map(Id::shared),
            provider: Some(held.provider.shared()),
            reason: held.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            backoff_ms: Some(held.backoff_ms.get()),
            ..queued(seq, at, &held.job_id)
        });
    }

    /// A dispatch says how long its job waited, even where nobody recorded that it began to.
    fn dispatch(&mut self, seq: u64, at: Timestamp, dispatch: &SchedulerDispatch) {
        let was_waiting = self.end(dispatch.job_id.as_str(), at);
        let waited_us = i64::try_from(dispatch.queue_wait_ms.get().saturating_mul(1_000)).unwrap_or(i64::MAX);
        let start = Timestamp::from_micros(at.as_micros().saturating_sub(waited_us));
        if let Some(start) = start.filter(|_| !was_waiting && waited_us > 0) {
            self.waits.push(WaitView { end: Some(at), ..queued(seq, start, &dispatch.job_id) });
        }
    }

    fn finish(&mut self) {
        self.waits.retain(|wait| wait.end.is_none_or(|end| end > wait.start));
        self.waits.sort_by_key(|wait| (wait.start, wait.seq));
        if self.is_told {
            self.states.sort_by_key(|state| state.timestamp);
        }
    }
}

fn queued(seq: u64, start: Timestamp, job: &Id) -> WaitView {
    WaitView {
        kind: WaitKind::Queue,
        job_id: job.shared(),
        start,
        end: None,
        limit: None,
        provider: None,
        reason: None,
        backoff_ms: None,
        seq,
    }
}

/// An event; a sentence where some cannot be read.
fn unless_damaged(
    event: Result<RecordedEvent, ReadError>,
    damage: &mut Vec<String>,
) -> Result<Option<RecordedEvent>, ReadError> {
    match event {
        Ok(event) => Ok(Some(event)),
        Err(error) if error.is_damage() => {
            damage.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Folds the events of one session, in the order of the log. Each has a fold of its own: what is put into an order is
/// small, however many there are.
#[derive(Debug)]
struct LaneFold {
    details: DetailFold,
    activity: Activity,
}

impl LaneFold {
    fn new(reader: &Reader, session: &Arc<str>) -> Self {
        let session = Some(std::slice::from_ref(session));
        let details = DetailFold::new(reader.stand_ins(session), reader.sharing(session));
        Self { details, activity: Activity::default() }
    }

    fn apply(&mut self, seq: u64, event: &Event) {
        let at = event.timestamp;
        let handover = |kind, from: &Id, to: &Id| HandoverView {
            kind,
            from_session_id: from.shared(),
            to_session_id: to.shared(),
            at,
            seq,
        };
        let activity = &mut self.activity;
        activity.is_told |= telemetry_source(event).is_some();
        match &event.payload {
            Payload::SessionStateChange(change) => {
                if change.to_state.is_terminal() {
                    activity.end_all(at);
                }
                activity.states.push(StateChangeView {
                    timestamp: at,
                    from_state: change.from_state,
                    to_state: change.to_state,
                    reason: change.reason.as_str().to_owned(),
                    seq,
                });
            }
            Payload::SpanOpened(_) | Payload::SpanClosed(_) | Payload::LlmInference(_) => {
                self.details.apply(seq, event);
            }
            Payload::SchedulerEnqueue(enqueue) => activity.begin(queued(seq, at, &enqueue.job_id)),
            Payload::SchedulerRateLimited(held) => activity.hold(seq, at, held),
            Payload::SchedulerDispatch(dispatch) => activity.dispatch(seq, at, dispatch),
            Payload::SchedulerCancelled(cancelled) => {
                activity.end(cancelled.job_id.as_str(), at);
            }
            Payload::SpawnAccepted(spawn) => activity.handovers.push(handover(
                HandoverKind::Spawn,
                &spawn.requester_session_id,
                &spawn.child_session_id,
            )),
            Payload::AnnounceBack(back) => activity.handovers.push(handover(
                HandoverKind::AnnounceBack,
                &back.child_session_id,
                &back.requester_session_id,
            )),
            Payload::SessionCreated(_)
            | Payload::SessionCompleted(_)
            | Payload::SessionMessage(_)
            | Payload::BudgetWarning(_)
            | Payload::SpawnRequested(_)
            | Payload::SpawnRejected(_)
            | Payload::CascadeCancel(_)
            | Payload::SessionCheckpointed(_)
            | Payload::CrossSessionRead(_)
            | Payload::SessionLinked(_)
            | Payload::ToolCall(_)
            | Payload::WorkflowRecovery(_)
            | Payload::MailboxMessageCreated(_)
            | Payload::RecorderOpened(_)
            | Payload::RecorderRecovered(_)
            | Payload::RecorderRetentionPurged(_)
            | Payload::RecorderEventsDropped(_)
            | Payload::Declared(_) => {}
        }
    }

    fn finish(mut self, session: SessionView) -> LaneView {
        self.activity.finish();
        let Activity { states, waits, handovers, .. } = self.activity;
        LaneView { session, states, spans: self.details.into_spans(), waits, handovers }
    }
}
