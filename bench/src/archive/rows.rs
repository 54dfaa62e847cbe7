//! Events as rows of a table as others would keep them: the envelope in columns, the payload as JSON.
//!
//! What the questions ask for stands in columns of its own beside the payload, so that nobody has to parse JSON to answer.

use std::fmt::{Display, Write as _};
use std::ops::Range;

use flightrec_recorder::events::{CheckedEvent, Payload};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Int,
    Time,
    Text,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub holds: Holds,
    pub nullable: bool,
}

const fn always(name: &'static str, holds: Holds) -> Column {
    Column { name, holds, nullable: false }
}

const fn sometimes(name: &'static str, holds: Holds) -> Column {
    Column { name, holds, nullable: true }
}

/// The columns of the table, in their order.
pub const COLUMNS: &[Column] = &[
    always("seq", Holds::Int),
    always("event_id", Holds::Text),
    always("code", Holds::Text),
    always("type", Holds::Text),
    always("timestamp", Holds::Time),
    always("actor", Holds::Text),
    sometimes("trace_id", Holds::Text),
    sometimes("job_id", Holds::Text),
    sometimes("model_session_id", Holds::Text),
    sometimes("activity_span_id", Holds::Text),
    sometimes("session_span_id", Holds::Text),
    sometimes("model_id", Holds::Text),
    sometimes("role", Holds::Text),
    sometimes("wp_id", Holds::Text),
    sometimes("to_state", Holds::Text),
    sometimes("tokens", Holds::Int),
    sometimes("cost_nanos", Holds::Int),
    always("payload", Holds::Text),
];

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
}

#[cfg(test)]
impl Cell<'_> {
    fn text(&self) -> &str {
        if let Cell::Text(text) = self { text } else { "" }
    }
}

/// The row of one event after the other, in memory of its own.
#[derive(Debug, Default)]
pub struct Row {
    seq: i64,
    text: String,
    json: Vec<u8>,
    values: Vec<Kept>,
}

/// A value; texts lie one behind the other.
#[derive(Debug)]
enum Kept {
    Null,
    Int(i64),
    Text(Range<usize>),
}

impl Row {
    /// Goes on to the next event.
    pub fn next(&mut self, event: &CheckedEvent) {
        self.seq += 1;
        self.text.clear();
        self.values.clear();
        self.put_int(Some(self.seq));
        self.put(Some(&event.event_id));
        self.put(Some(&event.code()));
        self.put(Some(&event.type_name()));
        self.put_int(Some(event.timestamp.as_micros()));
        self.put(Some(&event.actor));
        self.put(event.trace_id.as_ref());
        self.put(event.job_id.as_ref());
        self.put(event.model_session_id.as_ref());
        self.put(event.activity_span_id.as_ref());
        self.put(event.session_span_id.as_ref());
        self.put_asked_for(&event.payload);
        self.put_payload(event);
    }

    /// Its values, in the order of [`COLUMNS`].
    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.values.iter().map(|value| match value {
            Kept::Null => Cell::Null,
            Kept::Int(number) => Cell::Int(*number),
            Kept::Text(range) => Cell::Text(&self.text[range.clone()]),
        })
    }

    /// Model, role, work packet, state, tokens and cost, where the payload tells of them.
    fn put_asked_for(&mut self, payload: &Payload) {
        let created = if let Payload::SessionCreated(created) = payload { Some(created) } else { None };
        let change = if let Payload::SessionStateChange(change) = payload { Some(change) } else { None };
        let inference = if let Payload::LlmInference(inference) = payload { Some(inference) } else { None };
        let model = created.map(|created| &created.model_id);
        self.put(model.or(inference.map(|inference| &inference.model_id)));
        self.put(created.map(|created| &created.role));
        self.put(created.and_then(|created| created.wp_id.as_ref()));
        self.put(change.map(|change| &change.to_state));
        self.put_int(inference.map(|inference| inference.token_usage.total_tokens.get() as i64));
        self.put_int(inference.and_then(|inference| inference.cost_usd).map(|usd| usd.nanos() as i64));
    }

    fn put_payload(&mut self, event: &CheckedEvent) {
        const BEFORE: &str = ",\"payload\":";
        self.json.clear();
        event.write_json(&mut self.json, None);
        let json = std::str::from_utf8(&self.json).expect("JSON is UTF-8");
        // It is the last field, and no field before it holds a quote that is not escaped.
        let at = json.find(BEFORE).expect("every event has a payload") + BEFORE.len();
        let start = self.text.len();
        self.text.push_str(&json[at..json.len() - 1]);
        self.values.push(Kept::Text(start..self.text.len()));
    }

    fn put_int(&mut self, value: Option<i64>) {
        self.values.push(value.map_or(Kept::Null, Kept::Int));
    }

    fn put(&mut self, value: Option<&impl Display>) {
        let start = self.text.len();
        self.values.push(match value {
            None => Kept::Null,
            Some(value) => {
                write!(self.text, "{value}").expect("a String takes everything");
                Kept::Text(start..self.text.len())
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_value_of_its_kind_for_every_column_and_the_payload_again() {
        let mut row = Row::default();
        for (event, seq) in super::super::workload(2_000).zip(1..) {
            row.next(&event);
            let cells: Vec<Cell<'_>> = row.cells().collect();
            assert_eq!(cells.len(), COLUMNS.len());
            for (cell, column) in cells.iter().zip(COLUMNS) {
                let fits = match cell {
                    Cell::Null => column.nullable,
                    Cell::Int(_) => column.holds != Holds::Text,
                    Cell::Text(_) => column.holds == Holds::Text,
                };
                assert!(fits, "{cell:?} in {}", column.name);
            }
            assert_eq!(cells[0], Cell::Int(seq));
            let mut json = Vec::new();
            event.write_json(&mut json, None);
            let whole: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let Some(Cell::Text(payload)) = cells.last() else { panic!("no payload") };
            assert_eq!(serde_json::from_str::<serde_json::Value>(payload).unwrap(), whole["payload"]);
            assert_eq!(whole["event_id"], cells[1].text());
        }
    }
}
