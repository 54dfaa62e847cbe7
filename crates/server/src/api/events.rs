//! Events: what happened, in the order of the record.

use flightrec_events::SpanId;
use flightrec_recorder::journal::ReadError as JournalReadError;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::{ReadError, RecordedEvent};

use super::Question;
use super::filters::{Scope, kinds, range};
use super::page::{after, cursor, limit};
use super::places::BySeq;
use crate::answer::Answer;
use crate::problem::{Kind, Problem};

const LIST: &str = "events";

/// `GET /api/v1/events` and `GET /api/v1/sessions/{id}/events`
pub(crate) fn list(question: &Question) -> Result<Answer, Problem> {
    let limit = limit(question)?;
    let (filter, scope) = filter(question)?;
    let span = OfSpan(question.read("span", SpanId::parse_text)?);
    let mut json = b"{\"items\":[".to_vec();
    let mut items = 0;
    let mut last_seq = None;
    let mut next_cursor = None;
    let mut damage = Vec::new();
    for event in question.reader().events(&filter) {
        let Some(event) = readable(event, &mut damage)? else { continue };
        if !scope.takes(event.event.model_session_id.as_ref().map(AsRef::as_ref)) || !span.takes(&event) {
            continue;
        }
        if items == limit {
            next_cursor = last_seq.map(|seq| cursor(LIST, &BySeq(seq)));
            break;
        }
        if items > 0 {
            json.push(b',');
        }
        event.write_json(&mut json);
        last_seq = Some(event.seq);
        items += 1;
    }
    json.extend_from_slice(b"],\"next_cursor\":");
    json.extend_from_slice(serde_json::json!(next_cursor).to_string().as_bytes());
    if !damage.is_empty() {
        json.extend_from_slice(b",\"damage\":");
        json.extend_from_slice(serde_json::json!(damage).to_string().as_bytes());
    }
    json.push(b'}');
    Ok(Answer::content("application/json", json))
}

/// The events of one span, or all: an event that names no activity belongs to its session's own span.
struct OfSpan(Option<SpanId>);

impl OfSpan {
    fn takes(&self, event: &RecordedEvent) -> bool {
        self.0.is_none() || event.event.activity_span_id.or(event.event.session_span_id) == self.0
    }
}

/// The events that are wanted. One of the positions may come from a cursor.
pub(super) fn filter(question: &Question) -> Result<(EventFilter, Scope), Problem> {
    let (since, until) = range(question)?;
    let registry = question.reader().registry();
    let registry = registry.map_err(|_| {
        Problem::new(Kind::Internal, "the families of the store cannot be read; `flightrec doctor` says more")
    })?;
    let scope = Scope::of(question)?;
    let after_cursor = after::<BySeq>(question, LIST)?.map(|BySeq(seq)| seq.saturating_add(1));
    let from_seq = question.number("from_seq")?.max(after_cursor);
    let kinds = kinds(&registry, question)?;
    Ok((EventFilter { session: scope.session.clone(), from_seq, kinds, since, until, limit: None }, scope))
}

/// An event, or `None` where some cannot be read: that is noted, and what comes after them follows.
pub(super) fn readable(
    event: Result<RecordedEvent, ReadError>,
    damage: &mut Vec<String>,
) -> Result<Option<RecordedEvent>, Problem> {
    match event {
        Ok(event) => Ok(Some(event)),
        Err(ReadError::Journal(JournalReadError::Damaged(found))) => {
            damage.push(found.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
