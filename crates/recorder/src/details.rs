//! Answers that are read from the log when somebody asks: sessions with their states, spans, messages.

use std::sync::Arc;

use flightrec_events::Kind;
use rustc_hash::FxHashMap;

use crate::error::ReadError;
use crate::fold::{DetailFold, Told};
use crate::query::{EventFilter, SpanFilter};
use crate::reader::{AnswerError, Reader};
use crate::selection::Events;
use crate::view::{Finding, FindingKind, MessageView, SessionDetail, SpanView};

/// The kinds that tell of spans.
const SPANS: &[Kind] = &[Kind::SpanOpened, Kind::SpanClosed, Kind::LlmInference];
/// And of messages.
const MESSAGES: &[Kind] = &[Kind::SessionMessage];

impl Reader {
    /// Everything about one session, named by its id or a unique beginning of it.
    ///
    /// # Errors
    /// [`AnswerError`] if no one session answers, or its events cannot be read.
    pub fn session(&self, id: &str) -> Result<SessionDetail, AnswerError> {
        let id = self.resolve(id)?;
        let kinds = [SPANS, &[Kind::SessionStateChange]].concat();
        // Whether telemetry told of anything decides the order of the states.
        let kinds = if self.is_told_of(&id) { &[] } else { &kinds[..] };
        let (fold, gaps) = self.fold_details(Some(std::slice::from_ref(&id)), kinds)?;
        let (spans, states) = fold.finish();
        let mut tree = self.tree(&id)?;
        tree.session.findings.extend(gaps);
        Ok(SessionDetail { session: tree.session, states, spans, children: tree.children })
    }

    /// The spans that pass a filter, by start.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read.
    pub fn spans(&self, filter: &SpanFilter) -> Result<Vec<SpanView>, ReadError> {
        let (fold, _) = self.fold_details(filter.session.as_ref().map(std::slice::from_ref), SPANS)?;
        Ok(filter.arrange(fold.into_spans()))
    }

    /// The spans of some sessions, and the places of the log that could not be read for them.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read, damage apart.
    pub fn spans_of(&self, sessions: &[Arc<str>]) -> Result<(Vec<SpanView>, Vec<Finding>), ReadError> {
        self.fold_details(Some(sessions), SPANS).map(|(fold, gaps)| (fold.into_spans(), gaps))
    }

    /// A session's thread, in the order of the log; of all sessions with `None`.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read.
    pub fn messages(&self, session: Option<Arc<str>>) -> Result<Vec<MessageView>, ReadError> {
        let sessions = session.map(|session| vec![session]);
        let (fold, _) = self.fold_details(sessions.as_deref(), MESSAGES)?;
        Ok(fold.into_messages())
    }

    /// The threads of some sessions, and the places of the log that could not be read for them.
    ///
    /// # Errors
    /// [`ReadError`] if events cannot be read, damage apart.
    pub fn messages_of(&self, sessions: &[Arc<str>]) -> Result<(Vec<MessageView>, Vec<Finding>), ReadError> {
        self.fold_details(Some(sessions), MESSAGES).map(|(fold, gaps)| (fold.into_messages(), gaps))
    }

    /// The ids of all sessions, and of the traces outside any session, in groups: of so many events together, or of one that
    /// has more. Those of a group lie close together in the log.
    pub fn groups(&self, events: u64) -> Vec<Vec<Arc<str>>> {
        let projection = self.projection();
        let mut groups: Vec<Vec<Arc<str>>> = Vec::new();
        let mut room = 0;
        for root in projection.roots() {
            let own = projection.extent_of(&[root]).events;
            match groups.last_mut() {
                Some(group) if own <= room => group.push(projection.id_at(root)),
                Some(_) | None => {
                    groups.push(vec![projection.id_at(root)]);
                    room = events;
                }
            }
            room = room.saturating_sub(own);
        }
        groups
    }

    /// Folds the events of some kinds, or of all, of some sessions, or of all. A damaged block loses its own events and no
    /// others; each is told as a finding.
    fn fold_details(
        &self,
        sessions: Option<&[Arc<str>]>,
        kinds: &[Kind],
    ) -> Result<(DetailFold, Vec<Finding>), ReadError> {
        let mut fold = DetailFold::new(self.stand_ins(sessions), self.sharing(sessions));
        let mut gaps = Vec::new();
        let kinds = kinds.iter().map(|kind| kind.code().to_owned()).collect();
        let filter = EventFilter { kinds, ..EventFilter::default() };
        for event in Events::of_sessions(self, sessions.map(<[_]>::to_vec), filter) {
            match event {
                Ok(event) => fold.apply(event.seq, &event.event),
                Err(error) if error.is_damage() => gaps.push(Finding {
                    kind: FindingKind::Gap,
                    severity: FindingKind::Gap.severity(),
                    session_id: sessions
                        .and_then(|sessions| if let [one] = sessions { Some(Arc::clone(one)) } else { None }),
                    span_id: None,
                    seq: error.first_lost(),
                    detail: format!("a part of the log cannot be read: {error}"),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok((fold, gaps))
    }

    /// Whether telemetry told anything of a session.
    fn is_told_of(&self, id: &str) -> bool {
        let projection = self.projection();
        projection.find(id).is_none_or(|at| projection.session_at(at).told.is_some())
    }

    /// Which ids stand for some sessions, or for any.
    pub(crate) fn stand_ins(&self, sessions: Option<&[Arc<str>]>) -> FxHashMap<Arc<str>, Arc<str>> {
        let projection = self.projection();
        let Some(sessions) = sessions else { return projection.stand_ins() };
        let mut stand_ins = FxHashMap::default();
        for root in sessions.iter().filter_map(|id| projection.find(id)) {
            let ids = projection.ids_of(root).into_iter().skip(1);
            stand_ins.extend(ids.map(|id| (id, projection.id_at(root))));
        }
        stand_ins
    }

    /// Which of some sessions, or of all, share their ids with their agents.
    pub(crate) fn sharing(&self, sessions: Option<&[Arc<str>]>) -> FxHashMap<Arc<str>, Told> {
        let projection = self.projection();
        match sessions {
            Some(sessions) => projection.sharing(sessions.iter().filter_map(|id| projection.find(id))),
            None => projection.sharing(projection.listed()),
        }
    }
}
