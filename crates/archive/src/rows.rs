//! Events to rows and rows to events.

use flightrec_events::{Cell, CheckedEvent, Kind, LeafType, Payload, Timestamp};
use flightrec_journal::Seq;

use crate::column::ColumnBuffer;
use crate::schema::{SCHEMA, TWINS_LEN, place};
use crate::values::Value;

/// A group of rows that is being gathered.
#[derive(Debug)]
pub(crate) struct RowBuffer {
    columns: Vec<ColumnBuffer>,
    rows: u32,
    again: Vec<u8>,
}

impl RowBuffer {
    pub(crate) fn new() -> Self {
        let columns = SCHEMA.columns().iter().map(ColumnBuffer::new).collect();
        Self { columns, rows: 0, again: Vec::new() }
    }

    pub(crate) fn columns(&self) -> &[ColumnBuffer] {
        &self.columns
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows as usize
    }

    /// About how many bytes its values take.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(ColumnBuffer::bytes).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.columns.iter_mut().for_each(ColumnBuffer::clear);
        self.rows = 0;
    }

    /// Adds the row of an event whose stored form is `stored`.
    ///
    /// What the columns alone do not give back byte for byte keeps its stored form beside them.
    pub(crate) fn push(&mut self, seq: Seq, recorded_at: Timestamp, event: &CheckedEvent, stored: &[u8]) {
        let row = self.rows;
        self.put(row, place::SEQ, Cell::Int(seq.get() as i64));
        self.put(row, place::RECORDED_AT, Cell::Time(recorded_at.as_micros()));
        self.put(row, place::CODE, Cell::Text(event.code()));
        self.put(row, place::TYPE, Cell::Text(event.type_name()));
        let columns = &mut self.columns;
        if let Some(kind) = event.kind() {
            let places = SCHEMA.of_kind(kind);
            event.shred(&mut |leaf, cell| columns[places[leaf].column].push(row, cell));
            self.empty_twins(row);
        } else {
            event.shred(&mut |leaf, cell| columns[place::ENVELOPE + leaf].push(row, cell));
            if let Payload::Declared(payload) = &event.payload {
                self.put(row, SCHEMA.payload_json, Cell::Json(payload.json()));
            }
        }
        if !self.gives_back(row, event.kind(), stored) {
            self.put(row, SCHEMA.stored, Cell::Bytes(stored));
        }
        self.rows += 1;
    }

    fn put(&mut self, row: u32, column: usize, cell: Cell<'_>) {
        self.columns[column].push(row, cell);
    }

    fn empty_twins(&mut self, row: u32) {
        for twin in &SCHEMA.twins {
            let (Some(Value::String(value)), Some(Value::String(of))) =
                (self.columns[twin.column].last(row), self.columns[twin.of].last(row))
            else {
                continue;
            };
            if value == of || is_artifact_of(value, of) {
                self.columns[twin.column].empty_last();
            }
        }
    }

    /// Whether the row's columns are the event again, to the last byte.
    fn gives_back(&mut self, row: u32, kind: Option<Kind>, stored: &[u8]) -> bool {
        let Some(kind) = kind else { return false };
        let columns = &self.columns;
        let Some(event) = assemble(kind, |column| columns[column].last(row)) else { return false };
        self.again.clear();
        event.encode(&mut self.again);
        self.again == stored
    }
}

const ARTIFACT_PREFIX: &str = "sha256:";

/// Whether `text` is the artifact id of the content with this hash.
fn is_artifact_of(text: &[u8], hash: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(ARTIFACT_PREFIX.as_bytes()) else { return false };
    digits.len() == 2 * hash.len() && digits.chunks_exact(2).zip(hash).all(|(pair, byte)| pair == hex_pair(*byte))
}

const fn hex_pair(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

/// The event of a row of a built-in kind; `value` gives the row's value in a column. `None` if it is no event.
pub(crate) fn assemble<'v>(kind: Kind, value: impl Fn(usize) -> Option<Value<'v>>) -> Option<CheckedEvent> {
    let places = SCHEMA.of_kind(kind);
    let twins = Twins::of(&value);
    let mut broken = false;
    let event = CheckedEvent::assemble(kind, &mut |leaf| {
        let place = places[leaf];
        let found = value(place.column)?;
        if found == Value::String(&[])
            && let Some(cell) = twins.cell(place.column, place.leaf_type)
        {
            return Some(cell);
        }
        let cell = found.cell(place.leaf_type);
        broken |= cell.is_none();
        cell
    });
    event.ok().filter(|_| !broken)
}

/// The values that an empty value stands for in one row.
struct Twins<'v>([Option<TwinValue<'v>>; TWINS_LEN]);

struct TwinValue<'v> {
    hash: &'v [u8],
    artifact: String,
}

impl<'v> Twins<'v> {
    fn of(value: impl Fn(usize) -> Option<Value<'v>>) -> Self {
        Self(SCHEMA.twins.map(|twin| {
            let Some(Value::String(&[])) = value(twin.column) else { return None };
            let Some(Value::String(hash)) = value(twin.of) else { return None };
            let mut artifact = String::from(ARTIFACT_PREFIX);
            hash.iter().flat_map(|byte| hex_pair(*byte)).for_each(|digit| artifact.push(char::from(digit)));
            Some(TwinValue { hash, artifact })
        }))
    }

    fn cell(&self, column: usize, leaf_type: LeafType) -> Option<Cell<'_>> {
        let index = SCHEMA.twins.iter().position(|twin| twin.column == column)?;
        let value = self.0[index].as_ref()?;
        Some(if leaf_type == LeafType::Text { Cell::Text(&value.artifact) } else { Cell::Bytes(value.hash) })
    }
}
