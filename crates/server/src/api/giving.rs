//! What is handed in: native events, each with its own verdict, and content.

use flightrec_events::{CheckedEvent, EventId, INVALID_EVENT, Rejection, Violation};
use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::view::{LineError, LineVerdict, Outcome};
use flightrec_recorder::{BatchTicket, MAX_BATCH_EVENTS, Mode, Recorder, RecorderError};
use serde::Serialize;

use super::Question;
use super::given::{Form, for_each_event};
use crate::answer::Answer;
use crate::front::Given;
use crate::options::MAX_EVENTS_PER_REQUEST;
use crate::problem::{Kind, Problem};

/// A batch is closed when its events reach this size as JSON.
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// The verdicts on what was handed in, in its order.
#[derive(Debug, Serialize)]
struct Verdicts {
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    items: Vec<LineVerdict>,
    next_cursor: Option<String>,
}

/// `POST /api/v1/events`
pub(crate) fn events(question: &Question, given: &Given) -> Result<Answer, Problem> {
    let form = Form::of(given)?;
    let mode = question.read("mode", |word| match word {
        "strict" => Ok(Mode::Strict),
        "lenient" => Ok(Mode::Lenient),
        _ => Err("expected strict or lenient"),
    })?;
    let mut batches = Batches::new(&question.app.recorder, mode.unwrap_or_default());
    for_each_event(form, &given.content, |line, json| batches.take(line, json))?;
    Ok(Answer::json(&batches.finish()?))
}

/// `POST /api/v1/artifacts`
pub(crate) fn artifact(question: &Question, given: &Given) -> Result<Answer, Problem> {
    Ok(Answer::json(&question.app.recorder.artifacts().put(&given.content)?))
}

/// One event on its way.
enum Entry {
    Rejected(u64, Box<Rejection>),
    Submitted(u64, EventId),
}

/// Gathers events into batches, submits them without waiting, and waits for all of them at the end: so
/// that one request costs a few syncs, however many events it holds.
struct Batches<'r> {
    recorder: &'r Recorder,
    mode: Mode,
    entries: Vec<Entry>,
    open: Vec<CheckedEvent>,
    open_bytes: usize,
    tickets: Vec<BatchTicket>,
}

impl<'r> Batches<'r> {
    fn new(recorder: &'r Recorder, mode: Mode) -> Self {
        Self { recorder, mode, entries: Vec::new(), open: Vec::new(), open_bytes: 0, tickets: Vec::new() }
    }

    fn take(&mut self, line: u64, json: &[u8]) -> Result<(), Problem> {
        if self.entries.len() >= MAX_EVENTS_PER_REQUEST {
            return Err(Problem::new(
                Kind::TooLarge,
                format!(
                    "a request holds at most {MAX_EVENTS_PER_REQUEST} events: send the rest in another; those before \
                     are recorded, and are duplicates when they come again"
                ),
            ));
        }
        match self.recorder.registry().parse(json) {
            Err(rejection) => self.entries.push(Entry::Rejected(line, Box::new(rejection))),
            Ok(event) => {
                if self.open.len() >= MAX_BATCH_EVENTS || self.open_bytes + json.len() > MAX_BATCH_BYTES {
                    self.submit()?;
                }
                self.entries.push(Entry::Submitted(line, event.event_id));
                self.open.push(event);
                self.open_bytes += json.len();
            }
        }
        Ok(())
    }

    fn submit(&mut self) -> Result<(), Problem> {
        self.open_bytes = 0;
        if self.open.is_empty() {
            return Ok(());
        }
        match self.recorder.record_batch(std::mem::take(&mut self.open), self.mode) {
            Ok(ticket) => self.tickets.push(ticket),
            Err(RecorderError::SinkError(failure)) => return Err(failure.into()),
            Err(RecorderError::InvalidEvent(violation)) => {
                return Err(Problem::new(Kind::Internal, format!("a batch was refused for one event: {violation}")));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Verdicts, Problem> {
        self.submit()?;
        let mut outcomes = Vec::with_capacity(self.entries.len());
        for ticket in self.tickets {
            outcomes.extend(ticket.durable()?);
        }
        let mut outcomes = outcomes.into_iter();
        let mut verdicts = Verdicts { accepted: 0, duplicate: 0, rejected: 0, items: Vec::new(), next_cursor: None };
        for entry in self.entries {
            match entry {
                Entry::Rejected(line, rejection) => verdicts.reject(line, rejection.event_id, rejection.violation),
                Entry::Submitted(line, event_id) => match outcomes.next() {
                    Some(Outcome::Recorded { .. }) => verdicts.accept(line, event_id),
                    Some(Outcome::Duplicate) => verdicts.repeat(line, event_id),
                    Some(Outcome::Rejected(violation)) => verdicts.reject(line, Some(event_id), violation),
                    None => return Err(Problem::new(Kind::Internal, "an event was submitted and has no outcome")),
                },
            }
        }
        Ok(verdicts)
    }
}

impl Verdicts {
    fn accept(&mut self, line: u64, event_id: EventId) {
        self.accepted += 1;
        self.items.push(LineVerdict { line, event_id: Some(event_id), verdict: "accepted", error: None });
    }

    fn repeat(&mut self, line: u64, event_id: EventId) {
        self.duplicate += 1;
        self.items.push(LineVerdict { line, event_id: Some(event_id), verdict: "duplicate", error: None });
    }

    /// The name of an unknown field is the sender's text, and may be a secret that slipped into the wrong place.
    fn reject(&mut self, line: u64, event_id: Option<EventId>, violation: Violation) {
        self.rejected += 1;
        let redactor = Redactor::new();
        let field = violation.field.map(|field| redactor.redact(&field, Context::Token).into_owned());
        let error = LineError { code: INVALID_EVENT, rule: violation.rule.name(), field, message: violation.message };
        self.items.push(LineVerdict { line, event_id, verdict: "rejected", error: Some(error) });
    }
}
