//! `events`: what happened, in the order of the record; live with `--follow`.

use std::time::Duration;

use flightrec_recorder::query::EventFilter;
use flightrec_recorder::{ReadError, Reader, RecordedEvent};

use super::scope::{self, Scope};
use super::short_ids::ShortIds;
use super::{Run, has_gaps};
use crate::args::EventsArgs;
use crate::exit::{Exit, Failure, Outcome, tell};
use crate::output::{Align, Cell, Column, Lister};

const COLUMNS: &[Column] = &[
    Column("SEQ", Align::Right),
    Column("TIME", Align::Left),
    Column("TYPE", Align::Left),
    Column("SESSION", Align::Left),
    Column("ACTOR", Align::Left),
    Column("PAYLOAD", Align::Left),
];

/// How long `--follow` rests when nothing new has come.
const REST: Duration = Duration::from_millis(40);

pub(super) fn run(run: &Run, args: &EventsArgs) -> Outcome {
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let kinds = scope::kinds(&reader.registry().map_err(|error| run.store.open_failure(&error))?, &args.kind)?;
    let mut scope = Scope::new(run, &reader, args.session.as_deref(), &args.filters)?;
    let mut short = ShortIds::of(run, &reader);
    let mut list = Lister::new::<RecordedEvent>(run.console, COLUMNS)?;
    let mut is_whole = !has_gaps(&reader);
    let mut filter =
        EventFilter { session: scope.session.clone(), from_seq: args.from_seq, kinds, since, until, limit: None };
    loop {
        let seen = reader.last_seq().unwrap_or(0);
        for event in reader.events(&filter) {
            if args.limit.is_some_and(|limit| list.items() >= limit as u64) {
                break;
            }
            let Some(event) = readable(run, event, &mut is_whole)? else { continue };
            if scope.takes(event.event.model_session_id.as_ref().map(AsRef::as_ref)) {
                list.item(&event, || cells(&event, &short))?;
            }
        }
        if !args.follow || args.limit.is_some_and(|limit| list.items() >= limit as u64) {
            list.finish("events")?;
            return Ok(if is_whole { Exit::Done } else { Exit::Damaged });
        }
        list.flush()?;
        filter.from_seq = Some(filter.from_seq.unwrap_or(1).max(seen + 1));
        wait_for_more(&reader, seen).map_err(|error| run.store.read_failure(&error))?;
        scope.refresh(&reader, &args.filters);
        short = ShortIds::of(run, &reader);
    }
}

/// An event, or `None` where some cannot be read: that is told, and what comes after them follows.
pub(super) fn readable(
    run: &Run,
    event: Result<RecordedEvent, ReadError>,
    is_whole: &mut bool,
) -> Result<Option<RecordedEvent>, Failure> {
    match event {
        Ok(event) => Ok(Some(event)),
        Err(error) => match run.store.read_failure(&error) {
            Failure::Told { exit: Exit::Damaged, message } => {
                tell(&message);
                *is_whole = false;
                Ok(None)
            }
            other @ (Failure::Told { .. } | Failure::Listed { .. } | Failure::OutputClosed | Failure::Arguments(_)) => {
                Err(other)
            }
        },
    }
}

/// Waits until the store holds more than `seen`.
fn wait_for_more(reader: &Reader, seen: u64) -> Result<(), ReadError> {
    loop {
        reader.refresh()?;
        if reader.last_seq().unwrap_or(0) > seen {
            return Ok(());
        }
        std::thread::sleep(REST);
    }
}

fn cells(event: &RecordedEvent, short: &ShortIds) -> Vec<Cell> {
    let mut json = Vec::new();
    event.event.write_json(&mut json, None);
    let session = event.event.model_session_id.as_ref().map(|id| short.get(id.as_str()).to_owned());
    vec![
        event.seq.to_string().into(),
        event.event.timestamp.to_string().into(),
        event.event.type_name().into(),
        Cell::optional(session),
        event.event.actor.as_str().into(),
        payload(&json).into(),
    ]
}

/// The payload as `field=value`, without the session that has a column of its own.
fn payload(event: &[u8]) -> String {
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(event) else { return String::new() };
    let session = event.get("model_session_id").cloned();
    let Some(fields) = event.get("payload").and_then(serde_json::Value::as_object) else { return String::new() };
    let shown = fields.iter().filter(|(_, value)| !value.is_null() && Some(*value) != session.as_ref());
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    shown.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_in_one_line() {
        let event = br#"{"model_session_id":"s-1","payload":{"session_id":"s-1","from_state":"CREATED","n":3,"x":null,"o":{"a":[1]}}}"#;
        assert_eq!(payload(event), "from_state=CREATED n=3 o={\"a\":[1]}");
    }
}
