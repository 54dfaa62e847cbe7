//! The rows of a session, of several, or at one position: found by the page index, read page by page.

use std::ops::Range;

use flightrec_events::{CheckedEvent, Kind, Timestamp};
use flightrec_journal::Seq;

use crate::error::ReadError;
use crate::footer::{Page, SessionEnds};
use crate::rows::assemble;
use crate::schema::{SCHEMA, place};
use crate::segment::Segment;
use crate::slice::{ColumnSlice, OpenColumn};
use crate::values::Value;

/// The most rows that are in memory at once while sessions are read.
const WINDOW_ROWS: usize = 4096;

/// An event as the archive gives it back.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedEvent {
    /// Its position in the store.
    pub seq: Seq,
    /// The recorder's clock when it was recorded.
    pub recorded_at: Timestamp,
    /// The event, exactly as it was recorded.
    pub event: CheckedEvent,
}

/// Rows of one group that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRange {
    pub(crate) group: usize,
    pub(crate) rows: Range<usize>,
}

/// Events in the order of the file: by session, then by position.
#[derive(Debug)]
pub struct Rows<'s> {
    segment: &'s Segment,
    ranges: std::vec::IntoIter<RowRange>,
    rest: Option<RowRange>,
    open: OpenGroup,
    window: Option<(Window, usize)>,
    unwanted: Unwanted,
}

/// The kinds of events that nobody asked for.
#[derive(Debug, Default)]
struct Unwanted {
    built_in: Vec<Kind>,
    declared: bool,
}

impl Unwanted {
    fn holds(&self, kind: Option<Kind>) -> bool {
        kind.map_or(self.declared, |kind| self.built_in.contains(&kind))
    }
}

/// The columns of one group that are being read.
#[derive(Debug, Default)]
struct OpenGroup {
    group: usize,
    columns: Vec<Option<OpenColumn>>,
}

impl OpenGroup {
    /// Some rows of one column; `None` where no row of the group has a value.
    fn read(&mut self, segment: &Segment, range: &RowRange, place: usize) -> Result<Option<ColumnSlice>, ReadError> {
        if self.group != range.group {
            self.columns.clear();
            self.group = range.group;
        }
        self.columns.resize_with(SCHEMA.columns().len(), || None);
        let held = &mut self.columns[place];
        if held.as_ref().is_none_or(|column| !column.is_before(range.rows.start)) {
            *held = segment.open_column(range.group, place)?;
        }
        let Some(column) = held else { return Ok(None) };
        segment.next_rows(column, place, range.rows.clone()).map(Some)
    }
}

impl Segment {
    /// The events of a session, in the order of their positions.
    ///
    /// # Errors
    /// [`ReadError`], here or while the events are read. No damaged page is ever taken for an event.
    pub fn session(&self, session: &str) -> Result<Rows<'_>, ReadError> {
        self.sessions(&[session])
    }

    /// The events of several sessions, one session after the other, sorted by the ids' bytes.
    ///
    /// # Errors
    /// As of [`session`](Self::session).
    pub fn sessions(&self, sessions: &[&str]) -> Result<Rows<'_>, ReadError> {
        let mut sorted = sessions.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut ranges = Vec::new();
        for session in sorted {
            for group in 0..self.footer.groups.len() {
                ranges.extend(self.rows_of(group, session.as_bytes())?);
            }
        }
        Ok(self.rows(ranges))
    }

    /// Whether it holds an event of a session that `wanted` names: only the column of sessions is read.
    ///
    /// # Errors
    /// As of [`session`](Self::session).
    pub fn holds_any(&self, wanted: impl Fn(&str) -> bool) -> Result<bool, ReadError> {
        for (index, group) in self.footer.groups.iter().enumerate() {
            let mut before: Vec<u8> = Vec::new();
            for page in &group.sessions {
                let Some(sessions) = self.column(index, SCHEMA.session, page.rows.clone())? else { continue };
                for row in 0..sessions.rows() {
                    let Some(Value::String(session)) = sessions.get(row) else { continue };
                    if session == before {
                        continue;
                    }
                    if std::str::from_utf8(session).is_ok_and(&wanted) {
                        return Ok(true);
                    }
                    session.clone_into(&mut before);
                }
            }
        }
        Ok(false)
    }

    /// The event at a position; `None` if it is not in this segment, or was forgotten.
    ///
    /// # Errors
    /// As of [`session`](Self::session).
    pub fn event(&self, seq: Seq) -> Result<Option<ArchivedEvent>, ReadError> {
        let wanted = seq.get() as i64;
        for (index, group) in self.footer.groups.iter().enumerate() {
            for page in &group.seqs {
                let (least, greatest) = page.ends;
                if wanted < least || wanted > greatest {
                    continue;
                }
                let rows = page.rows.clone();
                let Some(seqs) = self.column(index, place::SEQ, rows.clone())? else { continue };
                let found = (0..seqs.rows()).find(|row| seqs.get(*row) == Some(Value::Number(wanted)));
                if let Some(row) = found {
                    let at = rows.start + row;
                    let range = RowRange { group: index, rows: at..at + 1 };
                    return self.rows(vec![range]).next().transpose();
                }
            }
        }
        Ok(None)
    }

    pub(crate) fn rows(&self, ranges: Vec<RowRange>) -> Rows<'_> {
        let (open, unwanted) = (OpenGroup::default(), Unwanted::default());
        Rows { segment: self, ranges: ranges.into_iter(), rest: None, open, window: None, unwanted }
    }

    /// All rows, in the order of the file.
    pub(crate) fn all_rows(&self) -> Rows<'_> {
        let ranges = self.footer.groups.iter().enumerate();
        let ranges = ranges.map(|(group, found)| RowRange { group, rows: 0..found.rows }).collect();
        self.rows(ranges)
    }

    /// The rows of a session in one group.
    fn rows_of(&self, group: usize, session: &[u8]) -> Result<Option<RowRange>, ReadError> {
        let found = &self.footer.groups[group];
        let may_hold = |page: &&Page<Option<SessionEnds>>| {
            page.ends.as_ref().is_some_and(|(least, greatest)| **least <= *session && *session <= **greatest)
        };
        let mut pages = found.sessions.iter().filter(may_hold);
        let Some(first) = pages.next() else { return Ok(None) };
        let last = pages.next_back().unwrap_or(first);
        if found.filter.as_ref().is_some_and(|filter| !filter.check(session)) {
            return Ok(None);
        }
        let rows = first.rows.start..last.rows.end;
        let Some(slice) = self.column(group, SCHEMA.session, rows.clone())? else { return Ok(None) };
        let at = |row: usize| if let Some(Value::String(bytes)) = slice.get(row) { Some(bytes) } else { None };
        let start = partition(slice.rows(), |row| at(row) < Some(session));
        let end = partition(slice.rows(), |row| at(row) <= Some(session));
        let rows = rows.start + start..rows.start + end;
        Ok((!rows.is_empty()).then_some(RowRange { group, rows }))
    }
}

/// How many of the first rows keep `before`, which no row does after the first that does not.
fn partition(rows: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn kind_of(code: Value<'_>) -> Option<Kind> {
    let Value::String(code) = code else { return None };
    std::str::from_utf8(code).ok().and_then(Kind::from_code)
}

/// Some rows that are in memory.
#[derive(Debug)]
struct Window {
    columns: Vec<Option<ColumnSlice>>,
    rows: usize,
}

impl Window {
    /// Reads of some rows what the wanted ones among them have.
    fn read(segment: &Segment, open: &mut OpenGroup, range: &RowRange, unwanted: &Unwanted) -> Result<Self, ReadError> {
        let mut columns: Vec<Option<ColumnSlice>> = Vec::new();
        columns.resize_with(SCHEMA.columns().len(), || None);
        columns[place::CODE] = open.read(segment, range, place::CODE)?;
        let mut window = Self { columns, rows: range.rows.len() };
        let mut wanted = vec![false; window.columns.len()];
        let mut kinds = Vec::new();
        for row in 0..window.rows {
            let kind = window.kind(row);
            if !unwanted.holds(kind) && !kinds.contains(&kind) {
                for place in [place::SEQ, place::RECORDED_AT, SCHEMA.stored] {
                    wanted[place] = true;
                }
                kind.iter().flat_map(|kind| SCHEMA.of_kind(*kind)).for_each(|leaf| wanted[leaf.column] = true);
                kinds.push(kind);
            }
        }
        wanted[place::CODE] = false;
        for (place, column) in window.columns.iter_mut().enumerate().filter(|(place, _)| wanted[*place]) {
            *column = open.read(segment, range, place)?;
        }
        Ok(window)
    }

    /// The kind of a row's event; `None` if it is of a declared family.
    fn kind(&self, row: usize) -> Option<Kind> {
        self.value(place::CODE, row).and_then(kind_of)
    }

    fn value(&self, place: usize, row: usize) -> Option<Value<'_>> {
        self.columns[place].as_ref()?.get(row)
    }

    /// The event of a row; what is wrong if there is none.
    fn event(&self, row: usize) -> Result<ArchivedEvent, &'static str> {
        let Some(Value::Number(seq)) = self.value(place::SEQ, row) else { return Err("a row has no position") };
        let Some(Value::Number(recorded_at)) = self.value(place::RECORDED_AT, row) else {
            return Err("a row has no time");
        };
        let event = match self.value(SCHEMA.stored, row) {
            Some(Value::String(stored)) => CheckedEvent::decode(stored).ok(),
            Some(_) => None,
            None => {
                let kind = self.kind(row).ok_or("a row is of an unknown kind")?;
                assemble(kind, |place| self.value(place, row))
            }
        };
        Ok(ArchivedEvent {
            seq: Seq::new(seq as u64),
            recorded_at: Timestamp::from_micros(recorded_at).ok_or("a row has no time")?,
            event: event.ok_or("a row is no event")?,
        })
    }
}

impl Rows<'_> {
    /// Leaves out what is of other kinds than `wanted` names, and does not read it; `None` stands for all declared
    /// families.
    #[must_use]
    pub fn of_kinds(mut self, wanted: impl Fn(Option<Kind>) -> bool) -> Self {
        let built_in = Kind::ALL.iter().copied().filter(|kind| !wanted(Some(*kind))).collect();
        self.unwanted = Unwanted { built_in, declared: !wanted(None) };
        self
    }

    fn step(&mut self) -> Result<Option<ArchivedEvent>, ReadError> {
        loop {
            while let Some((window, next)) = &mut self.window
                && *next < window.rows
            {
                let row = *next;
                *next += 1;
                if self.unwanted.holds(window.kind(row)) {
                    continue;
                }
                let event = window.event(row);
                return event.map(Some).map_err(|what| self.segment.damaged(what, "in a row".to_owned()));
            }
            let Some(range) = self.rest.take().or_else(|| self.ranges.next()) else { return Ok(None) };
            let end = range.rows.end.min(range.rows.start + WINDOW_ROWS);
            let window = RowRange { group: range.group, rows: range.rows.start..end };
            if end < range.rows.end {
                self.rest = Some(RowRange { group: range.group, rows: end..range.rows.end });
            }
            self.window = Some((Window::read(self.segment, &mut self.open, &window, &self.unwanted)?, 0));
        }
    }

    /// After an error there is nothing more.
    fn stop(&mut self) {
        self.window = None;
        self.rest = None;
        self.ranges = Vec::new().into_iter();
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<ArchivedEvent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step();
        if next.is_err() {
            self.stop();
        }
        next.transpose()
    }
}
