//! What a store says now. Only what changed is read again: sessions when anything came, and what one does when it has
//! new events.

use std::collections::VecDeque;
use std::sync::Arc;

use flightrec_events::Timestamp;
use flightrec_recorder::budgets::Budgets;
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::view::SessionView;
use flightrec_recorder::{ReadError, Reader};
use rustc_hash::{FxHashMap, FxHashSet};

use super::doing::Doing;
use super::picture::{Detail, Picture, Row};
use crate::args::TopArgs;
use crate::commands::short_ids::ShortIds;
use crate::exit::{Exit, Failure};
use crate::store::Store;

/// The window of the rate, in seconds.
const RATE_WINDOW_S: u64 = 60;

/// So many of a session's last events are kept for its details.
const KEPT_EVENTS: usize = 100;

/// Follows a store.
pub(super) struct Watch<'a> {
    store: &'a Store,
    args: &'a TopArgs,
    reader: Reader,
    budgets: Budgets,
    short: ShortIds,
    /// What live sessions did, each with the position that it is told by.
    doings: FxHashMap<Arc<str>, (u64, Doing)>,
    sessions: Vec<SessionView>,
    seen: Option<u64>,
    detail: Option<(u64, Detail)>,
}

impl<'a> Watch<'a> {
    /// Begins with what the reader has.
    pub(super) fn new(store: &'a Store, args: &'a TopArgs, reader: Reader) -> Self {
        let short = ShortIds::all(&reader);
        Self {
            store,
            args,
            reader,
            budgets: Budgets::default(),
            short,
            doings: FxHashMap::default(),
            sessions: Vec::new(),
            seen: None,
            detail: None,
        }
    }

    /// The store as it is now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn look(&mut self, now: Timestamp) -> Result<Picture, Failure> {
        self.follow()?;
        let (since, until) = self.args.time.resolve(now)?;
        let filter = SessionFilter { since, until, ..self.args.filters.filter() };
        let row = |session: &SessionView| Row {
            session: session.clone(),
            short: self.short.get(&session.session_id).to_owned(),
            doing: self.doings.get(&session.session_id).map_or(Doing::NOTHING, |(_, doing)| doing.clone()),
        };
        Ok(Picture {
            store: self.store.path.display().to_string(),
            now,
            last_seq: self.reader.last_seq(),
            rows: self.sessions.iter().filter(|session| filter.takes(session)).map(row).collect(),
            rate: self.reader.rate(now, RATE_WINDOW_S),
            store_findings: self.reader.store_findings().iter().map(|finding| finding.severity).collect(),
            budgets: self.budgets.views(&self.sessions),
        })
    }

    /// Takes in what came.
    fn follow(&mut self) -> Result<(), Failure> {
        let failed = |error: ReadError| self.store.read_failure(&error);
        // A damaged part is a finding; what comes after it is shown.
        self.reader.refresh().map_err(failed).or_else(unless_damage)?;
        let last = self.reader.last_seq();
        if last == self.seen && last.is_some() {
            return Ok(());
        }
        self.budgets.follow(&self.reader).map_err(failed)?;
        let before = self.sessions.len();
        self.sessions = self.reader.sessions(&SessionFilter::default());
        if self.sessions.len() != before {
            self.short = ShortIds::all(&self.reader);
        }
        let last_of = |session: &SessionView| self.reader.last_seq_of(&session.session_id).unwrap_or(0);
        let is_new = |session: &&SessionView| {
            let known = self.doings.get(&session.session_id).map(|(seq, _)| *seq);
            !session.state.is_terminal() && known != Some(last_of(session))
        };
        let changed: Vec<SessionView> = self.sessions.iter().filter(is_new).cloned().collect();
        let positions: Vec<u64> = changed.iter().map(last_of).collect();
        let lanes = self.reader.lanes(changed).map_err(failed)?.lanes;
        self.doings.extend(
            lanes
                .iter()
                .zip(positions)
                .map(|(lane, seq)| (Arc::clone(&lane.session.session_id), (seq, Doing::of(lane)))),
        );
        // What ended, or was forgotten, does nothing any more.
        let live: FxHashSet<&Arc<str>> = self
            .sessions
            .iter()
            .filter(|session| !session.state.is_terminal())
            .map(|session| &session.session_id)
            .collect();
        self.doings.retain(|id, _| live.contains(id));
        self.seen = last;
        Ok(())
    }

    /// More about one session; `None` if there is no such session.
    ///
    /// # Errors
    /// If its events cannot be read.
    pub(super) fn detail(&mut self, id: &Arc<str>) -> Result<Option<&Detail>, Failure> {
        let last = self.reader.last_seq_of(id).unwrap_or(0);
        let is_known =
            self.detail.as_ref().is_some_and(|(seq, detail)| *seq == last && detail.lane.session.session_id == *id);
        if !is_known {
            let Some(session) = self.sessions.iter().find(|session| session.session_id == *id) else { return Ok(None) };
            let failed = |error: ReadError| self.store.read_failure(&error);
            let mut lanes = self.reader.lanes(vec![session.clone()]).map_err(failed)?.lanes;
            let Some(lane) = lanes.pop() else { return Ok(None) };
            let mut events = VecDeque::with_capacity(KEPT_EVENTS);
            for event in self.reader.events(&EventFilter::of_session(Arc::clone(id))) {
                match event.map_err(failed) {
                    Ok(event) => events.push_back(event),
                    Err(failure) => unless_damage(failure)?,
                }
                if events.len() > KEPT_EVENTS {
                    events.pop_front();
                }
            }
            self.detail = Some((last, Detail { lane, events: events.into() }));
        }
        Ok(self.detail.as_ref().map(|(_, detail)| detail))
    }
}

/// What a damaged part held is lost, and told as a finding; what comes after it is shown.
fn unless_damage(failure: Failure) -> Result<(), Failure> {
    if matches!(failure, Failure::Told { exit: Exit::Damaged, .. }) { Ok(()) } else { Err(failure) }
}
