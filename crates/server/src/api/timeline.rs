//! Lanes for a timeline: many sessions with all their spans, in columns.
//!
//! A span is a row of numbers here: words stand once in `words`, times are microseconds from `origin`, and a parent is
//! the place of another span of the same lane. That is a tenth of the bytes of the list of spans, for those who draw
//! a hundred thousand of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flightrec_events::{SpanId, SpanKind, SpanStatus, Timestamp};
use flightrec_recorder::Reader;
use flightrec_recorder::lanes::{HandoverView, LaneView, WaitView};
use flightrec_recorder::query::{SessionFilter, SessionOrder};
use flightrec_recorder::view::{SessionView, SpanView, StateChangeView};
use serde::Serialize;

use super::page::Page;
use super::places::BySession;
use super::{Question, filters};
use crate::answer::Answer;
use crate::problem::Problem;

/// A page ends before the lane with which it would have more spans, but has one lane at least.
const MAX_PAGE_SPANS: u64 = 200_000;

#[derive(Debug, Serialize)]
struct Timeline {
    /// The last position that is told of here; what comes later changes these lanes.
    seq: u64,
    now: Timestamp,
    origin: Timestamp,
    words: Vec<Arc<str>>,
    items: Vec<Lane>,
    next_cursor: Option<String>,
    damage: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Lane {
    session: SessionView,
    states: Vec<StateChangeView>,
    waits: Vec<WaitView>,
    handovers: Vec<HandoverView>,
    spans: Columns,
}

/// The spans of one lane, by start; the n-th entry of each column is of the n-th span.
#[derive(Debug, Default, Serialize)]
struct Columns {
    id: Vec<SpanId>,
    /// The place of the span that it lies in; -1 if that is not in this lane.
    parent: Vec<i64>,
    kind: Vec<Option<SpanKind>>,
    /// The place of its name in `words`.
    name: Vec<u32>,
    start_us: Vec<i64>,
    /// Null while it is open.
    end_us: Vec<Option<i64>>,
    status: Vec<Option<SpanStatus>>,
    nanos: Vec<Option<u64>>,
    tokens: Vec<Option<u64>>,
}

/// Each word once.
#[derive(Debug, Default)]
struct Words {
    words: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
}

impl Words {
    fn place(&mut self, word: &str) -> u32 {
        if let Some(place) = self.places.get(word) {
            return *place;
        }
        let (word, place): (Arc<str>, u32) = (word.into(), self.words.len() as u32);
        self.words.push(Arc::clone(&word));
        self.places.insert(word, place);
        place
    }
}

impl Columns {
    fn of(spans: &[SpanView], origin: Timestamp, words: &mut Words) -> Self {
        let places: HashMap<SpanId, i64> = spans.iter().map(|span| span.span_id).zip(0..).collect();
        let mut columns = Columns::default();
        for (span, at) in spans.iter().zip(0_i64..) {
            let parent = span.parent_span_id.and_then(|parent| places.get(&parent).copied());
            let start = span.start.or(span.end).unwrap_or(origin);
            columns.id.push(span.span_id);
            columns.parent.push(parent.filter(|parent| *parent != at).unwrap_or(-1));
            columns.kind.push(span.kind);
            columns.name.push(words.place(span.name.as_deref().unwrap_or("")));
            columns.start_us.push(start.micros_since(origin));
            columns.end_us.push(span.end.map(|end| end.micros_since(origin)));
            columns.status.push(span.status);
            columns.nanos.push(span.cost_nanos);
            let tokens = [span.tokens_in, span.tokens_out].into_iter().flatten().reduce(u64::saturating_add);
            columns.tokens.push(tokens);
        }
        columns
    }
}

/// `GET /api/v1/timeline`
pub(crate) fn timeline(question: &Question) -> Result<Answer, Problem> {
    let reader = question.reader();
    let seq = reader.last_seq().unwrap_or(0);
    let (since, until) = filters::range(question)?;
    let order = SessionOrder::Updated;
    let named = question.text("session").map(|prefix| reader.resolve(prefix)).transpose()?;
    let filter = SessionFilter { since, until, order, ..filters::sessions(question)? };
    let mut sessions = reader.sessions(&filter);
    if let Some(root) = &named {
        let family = family(&sessions, root);
        sessions.retain(|session| family.contains(&session.session_id));
    }
    if let Some(seen) = question.number("changed_since")? {
        let changed = changed(reader, &sessions, seen);
        sessions.retain(|session| changed.contains(&session.session_id));
    }
    let place = |session: &SessionView| BySession::of(order, session);
    let (sessions, next_cursor) =
        Page::within(question, "timeline", sessions, place, |session| session.spans, MAX_PAGE_SPANS)?.into_parts();
    let read = reader.lanes(sessions)?;
    let mut words = Words::default();
    let origin = read.lanes.iter().filter_map(first_time).min().unwrap_or(question.now);
    let items = read.lanes.into_iter().map(|lane| {
        let spans = Columns::of(&lane.spans, origin, &mut words);
        let LaneView { session, states, waits, handovers, .. } = lane;
        Lane { session, states, waits, handovers, spans }
    });
    let items = items.collect();
    let words = words.words;
    Ok(Answer::json(&Timeline { seq, now: question.now, origin, words, items, next_cursor, damage: read.damage }))
}

fn first_time(lane: &LaneView) -> Option<Timestamp> {
    let spans = lane.spans.iter().filter_map(|span| span.start.or(span.end));
    spans.chain(lane.waits.iter().map(|wait| wait.start)).chain(lane.session.created_at).min()
}

/// A session, all above it, and all below it.
fn family(sessions: &[SessionView], root: &Arc<str>) -> HashSet<Arc<str>> {
    let parents = parents(sessions);
    let mut family = with_ancestors(&parents, [Arc::clone(root)]);
    for session in sessions {
        if with_ancestors(&parents, [Arc::clone(&session.session_id)]).contains(root) {
            family.insert(Arc::clone(&session.session_id));
        }
    }
    family
}

/// The sessions with events after a position, and all above them, whose cost includes theirs.
fn changed(reader: &Reader, sessions: &[SessionView], seen: u64) -> HashSet<Arc<str>> {
    let ids = sessions.iter().map(|session| &session.session_id);
    let later = ids.filter(|id| reader.last_seq_of(id).is_some_and(|last| last > seen)).cloned();
    with_ancestors(&parents(sessions), later)
}

fn parents(sessions: &[SessionView]) -> HashMap<Arc<str>, Arc<str>> {
    let parent = |session: &SessionView| Some((Arc::clone(&session.session_id), session.parent_session_id.clone()?));
    sessions.iter().filter_map(parent).collect()
}

/// Each once, so that sessions which claim to have spawned each other end it.
fn with_ancestors(
    parents: &HashMap<Arc<str>, Arc<str>>,
    sessions: impl IntoIterator<Item = Arc<str>>,
) -> HashSet<Arc<str>> {
    let mut found = HashSet::new();
    for session in sessions {
        let mut next = Some(session);
        while let Some(session) = next {
            next = parents.get(&session).cloned();
            if !found.insert(session) {
                break;
            }
        }
    }
    found
}
