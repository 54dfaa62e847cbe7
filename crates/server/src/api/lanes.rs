//! Lanes that were read before: what goes on in a session follows from its events alone, so that a lane stays as it is
//! until its session has another.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use flightrec_events::{SpanId, SpanKind, SpanStatus, Timestamp};
use flightrec_recorder::lanes::{HandoverView, LaneView, WaitView};
use flightrec_recorder::view::{SessionView, SpanView, StateChangeView};
use flightrec_recorder::{ReadError, Reader};

/// So many spans are held between questions: those of one full page. What was not asked for last goes first.
const MAX_HELD_SPANS: usize = 200_000;

/// What went on in one session, in columns.
#[derive(Debug, Default)]
pub(super) struct HeldLane {
    pub(super) states: Vec<StateChangeView>,
    pub(super) waits: Vec<WaitView>,
    pub(super) handovers: Vec<HandoverView>,
    pub(super) spans: SpanColumns,
}

/// The spans of one lane, by start; the n-th entry of each column is of the n-th span.
#[derive(Debug, Default)]
pub(super) struct SpanColumns {
    pub(super) id: Vec<SpanId>,
    /// The place of the span that it lies in; -1 if that is not in this lane.
    pub(super) parent: Vec<i64>,
    pub(super) kind: Vec<Option<SpanKind>>,
    /// Each name once.
    pub(super) names: Vec<Box<str>>,
    /// The place of its name in `names`.
    pub(super) name: Vec<u32>,
    /// Since 1970; where it is missing the end.
    pub(super) start_us: Vec<Option<i64>>,
    pub(super) end_us: Vec<Option<i64>>,
    pub(super) status: Vec<Option<SpanStatus>>,
    pub(super) nanos: Vec<Option<u64>>,
    pub(super) tokens: Vec<Option<u64>>,
}

impl SpanColumns {
    fn of(spans: &[SpanView]) -> Self {
        let places: HashMap<SpanId, i64> = spans.iter().map(|span| span.span_id).zip(0..).collect();
        let mut names: HashMap<&str, u32> = HashMap::new();
        let mut columns = Self::default();
        for (span, at) in spans.iter().zip(0_i64..) {
            let parent = span.parent_span_id.and_then(|parent| places.get(&parent).copied());
            let name = span.name.as_deref().unwrap_or("");
            columns.id.push(span.span_id);
            columns.parent.push(parent.filter(|parent| *parent != at).unwrap_or(-1));
            columns.kind.push(span.kind);
            columns.name.push(*names.entry(name).or_insert_with(|| {
                columns.names.push(name.into());
                columns.names.len() as u32 - 1
            }));
            columns.start_us.push(span.start.or(span.end).map(Timestamp::as_micros));
            columns.end_us.push(span.end.map(Timestamp::as_micros));
            columns.status.push(span.status);
            columns.nanos.push(span.cost_nanos);
            columns.tokens.push([span.tokens_in, span.tokens_out].into_iter().flatten().reduce(u64::saturating_add));
        }
        columns
    }
}

impl From<LaneView> for HeldLane {
    fn from(lane: LaneView) -> Self {
        let LaneView { states, spans, waits, handovers, .. } = lane;
        Self { states, waits, handovers, spans: SpanColumns::of(&spans) }
    }
}

impl HeldLane {
    /// The first time that there is on the lane of a session.
    pub(super) fn first_time(&self, session: &SessionView) -> Option<Timestamp> {
        let spans = self.spans.start_us.iter().flatten().min().and_then(|us| Timestamp::from_micros(*us));
        spans.into_iter().chain(self.waits.iter().map(|wait| wait.start)).chain(session.created_at).min()
    }
}

/// What a lane was read of: the position of its session's last event, and how often the store had forgotten something.
type Version = (u64, u64);

/// Lanes by their sessions.
type Held = HashMap<Arc<str>, (Version, Arc<HeldLane>)>;

/// Lanes that were read before.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    held: Mutex<Held>,
}

impl Lanes {
    /// The lane of each session, in their order, and a sentence for each part of the log that cannot be read. Only
    /// lanes that have changed are read.
    pub(super) fn of(
        &self,
        reader: &Reader,
        sessions: &[SessionView],
    ) -> Result<(Vec<Arc<HeldLane>>, Vec<String>), ReadError> {
        let forgettings = reader.forgettings();
        let versions: Vec<Version> = sessions
            .iter()
            .map(|session| (reader.last_seq_of(&session.session_id).unwrap_or(0), forgettings))
            .collect();
        let mut lanes: Vec<Option<Arc<HeldLane>>> = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let known = |(session, version): (&SessionView, &Version)| {
                let (of, lane) = held.get(&session.session_id)?;
                (of == version).then(|| Arc::clone(lane))
            };
            sessions.iter().zip(&versions).map(known).collect()
        };
        let missing: Vec<usize> = (0..lanes.len()).filter(|at| lanes[*at].is_none()).collect();
        let read = reader.lanes(missing.iter().map(|at| sessions[*at].clone()).collect())?;
        for (at, lane) in missing.iter().zip(read.lanes) {
            lanes[*at] = Some(Arc::new(HeldLane::from(lane)));
        }
        let lanes: Vec<Arc<HeldLane>> = lanes.into_iter().map(Option::unwrap_or_default).collect();
        // What is damaged is told every time, and so it is read every time.
        if read.damage.is_empty() {
            self.hold(sessions, &versions, &lanes);
        }
        Ok((lanes, read.damage))
    }

    fn hold(&self, sessions: &[SessionView], versions: &[Version], lanes: &[Arc<HeldLane>]) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for ((session, version), lane) in sessions.iter().zip(versions).zip(lanes) {
            held.insert(Arc::clone(&session.session_id), (*version, Arc::clone(lane)));
        }
        let weight =
            |(_, lane): &(Version, Arc<HeldLane>)| lane.spans.id.len() + lane.states.len() + lane.waits.len() + 1;
        if held.values().map(weight).sum::<usize>() > MAX_HELD_SPANS {
            let asked: HashSet<&Arc<str>> = sessions.iter().map(|session| &session.session_id).collect();
            held.retain(|id, _| asked.contains(id));
            let mut room = MAX_HELD_SPANS;
            held.retain(|_, lane| {
                let fits = weight(lane) <= room;
                room -= if fits { weight(lane) } else { 0 };
                fits
            });
        }
    }
}
