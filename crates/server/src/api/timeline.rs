//! Lanes for a timeline: many sessions with all their spans, in columns.
//!
//! A span is a row of numbers here: words stand once in `words`, times are microseconds from `origin`, and a parent is
//! the place of another span of the same lane. That is a tenth of the bytes of the list of spans, for those who draw
//! a hundred thousand of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flightrec_events::{SpanId, SpanKind, SpanStatus, Timestamp};
use flightrec_recorder::Reader;
use flightrec_recorder::lanes::{HandoverView, WaitView};
use flightrec_recorder::query::{SessionFilter, SessionOrder};
use flightrec_recorder::view::{SessionView, StateChangeView};
use serde::Serialize;

use super::lanes::SpanColumns;
use super::page::Page;
use super::places::BySession;
use super::{Question, filters};
use crate::answer::Answer;
use crate::problem::Problem;

/// A page ends before the lane with which it would have more spans, but has one lane at least.
const MAX_PAGE_SPANS: u64 = 200_000;

/// What a lane without spans takes of an answer, and what each span does.
const LANE_BYTES: usize = 2_000;
const SPAN_BYTES: usize = 120;

#[derive(Debug, Serialize)]
struct Timeline<'a> {
    /// The last position that is told of here; what comes later changes these lanes.
    seq: u64,
    now: Timestamp,
    origin: Timestamp,
    words: Vec<&'a str>,
    items: Vec<Lane<'a>>,
    next_cursor: Option<String>,
    damage: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Lane<'a> {
    session: SessionView,
    states: &'a [StateChangeView],
    waits: &'a [WaitView],
    handovers: &'a [HandoverView],
    spans: Columns<'a>,
}

/// The spans of one lane, by start; the n-th entry of each column is of the n-th span.
#[derive(Debug, Serialize)]
struct Columns<'a> {
    id: &'a [SpanId],
    parent: &'a [i64],
    kind: &'a [Option<SpanKind>],
    /// The place of its name in `words`.
    name: Vec<u32>,
    start_us: Vec<i64>,
    /// Null while it is open.
    end_us: Vec<Option<i64>>,
    status: &'a [Option<SpanStatus>],
    nanos: &'a [Option<u64>],
    tokens: &'a [Option<u64>],
}

/// Each word once.
#[derive(Debug, Default)]
struct Words<'a> {
    words: Vec<&'a str>,
    places: HashMap<&'a str, u32>,
}

impl<'a> Words<'a> {
    fn place(&mut self, word: &'a str) -> u32 {
        let words = &mut self.words;
        *self.places.entry(word).or_insert_with(|| {
            words.push(word);
            words.len() as u32 - 1
        })
    }
}

impl<'a> Columns<'a> {
    /// Columns as an answer has them: times from its origin, names by their places among its words.
    fn of(spans: &'a SpanColumns, origin: Timestamp, words: &mut Words<'a>) -> Self {
        let origin_us = origin.as_micros();
        let places: Vec<u32> = spans.names.iter().map(|name| words.place(name)).collect();
        Self {
            id: &spans.id,
            parent: &spans.parent,
            kind: &spans.kind,
            name: spans.name.iter().map(|name| places[*name as usize]).collect(),
            start_us: spans.start_us.iter().map(|start| start.map_or(0, |start| start - origin_us)).collect(),
            end_us: spans.end_us.iter().map(|end| end.map(|end| end - origin_us)).collect(),
            status: &spans.status,
            nanos: &spans.nanos,
            tokens: &spans.tokens,
        }
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
    let (lanes, damage) = question.app.lanes.of(reader, &sessions)?;
    let mut words = Words::default();
    let origin = sessions.iter().zip(&lanes).filter_map(|(session, lane)| lane.first_time(session)).min();
    let origin = origin.unwrap_or(question.now);
    let items = sessions.into_iter().zip(&lanes).map(|(session, lane)| {
        let spans = Columns::of(&lane.spans, origin, &mut words);
        Lane { session, states: &lane.states, waits: &lane.waits, handovers: &lane.handovers, spans }
    });
    let items: Vec<Lane<'_>> = items.collect();
    let words = words.words;
    let bytes = lanes.iter().map(|lane| LANE_BYTES + SPAN_BYTES * lane.spans.id.len()).sum();
    let timeline = Timeline { seq, now: question.now, origin, words, items, next_cursor, damage };
    Ok(Answer::json_of_about(&timeline, bytes))
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
