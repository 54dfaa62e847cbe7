//! The events that pass a filter, read part by part as they are taken: from sealed segments, then from the journal.

use std::collections::VecDeque;
use std::sync::Arc;

use flightrec_archive::{SegmentEntry, SegmentLog};
use flightrec_events::{SessionPrefix, StoredKinds, Timestamp};
use flightrec_journal::Seq;
use rustc_hash::FxHashSet;

use crate::error::ReadError;
use crate::fold::BlockPlace;
use crate::open;
use crate::query::EventFilter;
use crate::reader::{Reader, RecordedEvent};
use crate::side_by_side::{at_once, side_by_side};

/// Events, in the order of the log. A part that cannot be read is one error, and what comes after it follows.
#[derive(Debug)]
pub struct Events<'a> {
    reader: &'a Reader,
    filter: EventFilter,
    /// The sessions whose events are wanted; all events if absent.
    sessions: Option<Vec<Arc<str>>>,
    wanted: Wanted,
    /// The kinds of events that are wanted; any if absent.
    kinds: Option<StoredKinds>,
    /// The position that comes next.
    next: u64,
    /// The last position that the reader knew of: what was sealed since may hold later ones.
    last: u64,
    parts: VecDeque<Part>,
    /// What was read of the sealed parts before those, each with its last position.
    read: VecDeque<(u64, Result<Vec<RecordedEvent>, ReadError>)>,
    /// The manifest that the parts were told by.
    generation: u64,
    /// The segment at hand, when all of its events are wanted.
    segment: Option<Box<SegmentLog>>,
    ready: VecDeque<RecordedEvent>,
    left: usize,
}

/// Where some of the events lie.
#[derive(Debug)]
enum Part {
    Sealed(SegmentEntry),
    Block(BlockPlace),
}

impl Part {
    const fn last_seq(&self) -> u64 {
        match self {
            Part::Sealed(entry) => entry.last_seq.get(),
            Part::Block(block) => block.last_seq(),
        }
    }
}

/// The events of which sessions are wanted.
#[derive(Debug)]
enum Wanted {
    All,
    /// Of one session, told from the first bytes of the stored form.
    One(Arc<str>, SessionPrefix),
    /// Of a session that other ids stand for.
    Any(FxHashSet<Arc<str>>),
}

impl Wanted {
    fn of(ids: Option<Vec<Arc<str>>>) -> Self {
        match ids {
            None => Wanted::All,
            Some(ids) => match ids.as_slice() {
                [one] => Wanted::One(Arc::clone(one), SessionPrefix::new(one)),
                _ => Wanted::Any(ids.into_iter().collect()),
            },
        }
    }

    fn ids(&self) -> Vec<&str> {
        match self {
            Wanted::All => Vec::new(),
            Wanted::One(id, _) => vec![id],
            Wanted::Any(ids) => ids.iter().map(|id| &**id).collect(),
        }
    }

    fn may_take(&self, stored: &[u8]) -> bool {
        match self {
            Wanted::One(_, prefix) => prefix.matches(stored),
            Wanted::All | Wanted::Any(_) => true,
        }
    }

    fn takes(&self, event: &RecordedEvent) -> bool {
        match self {
            Wanted::All | Wanted::One(..) => true,
            Wanted::Any(ids) => event.event.model_session_id.as_ref().is_some_and(|id| ids.contains(id.as_str())),
        }
    }
}

impl<'a> Events<'a> {
    pub(crate) fn new(reader: &'a Reader, filter: EventFilter) -> Self {
        let sessions = filter.session.clone().map(|session| vec![session]);
        Self::of_sessions(reader, sessions, filter)
    }

    /// The events of some sessions that pass what else the filter says.
    pub(crate) fn of_sessions(reader: &'a Reader, sessions: Option<Vec<Arc<str>>>, filter: EventFilter) -> Self {
        let ids = sessions.as_ref().map(|ids| ids.iter().flat_map(|id| reader.ids_of(id)).collect());
        let mut events = Self {
            reader,
            wanted: Wanted::of(ids),
            kinds: (!filter.kinds.is_empty()).then(|| StoredKinds::named(filter.kinds.iter().map(String::as_str))),
            sessions,
            next: filter.from_seq.unwrap_or(1),
            last: reader.last_seq().unwrap_or(0),
            parts: VecDeque::new(),
            read: VecDeque::new(),
            generation: 0,
            segment: None,
            ready: VecDeque::new(),
            left: filter.limit.unwrap_or(usize::MAX),
            filter,
        };
        events.plan();
        events
    }

    /// Finds where the events from the next position on lie.
    fn plan(&mut self) {
        // The view is taken while the projection stands still: what that has let go of is in the archive by then.
        let projection = self.reader.projection();
        let view = self.reader.log().view();
        let known = |ids: &Vec<Arc<str>>| ids.iter().filter_map(|id| projection.find(id)).collect();
        let roots: Option<Vec<u32>> = self.sessions.as_ref().map(known);
        let (from, until) = match &roots {
            None => (self.next, u64::MAX),
            Some(roots) => {
                let extent = projection.extent_of(roots);
                (self.next.max(extent.first_seq), extent.last_seq)
            }
        };
        let blocks: Vec<BlockPlace> = match &roots {
            None => projection.blocks.from(from).copied().collect(),
            Some(roots) => projection.blocks_of(roots),
        };
        let live = |block: &BlockPlace| block.last_seq() >= from && block.first_seq >= view.origin_seq();
        let sealed = view.segments(from, until).cloned().map(Part::Sealed);
        self.parts = sealed.chain(blocks.into_iter().filter(live).map(Part::Block)).collect();
        self.generation = view.manifest.generation();
        self.segment = None;
        self.read.clear();
    }

    fn read_next(&mut self) -> Result<bool, ReadError> {
        if let Some(segment) = &mut self.segment {
            if let Some(block) = segment.next() {
                let recorded_at = Timestamp::from_micros(block.stamp_us()).unwrap_or_default();
                for (seq, stored) in block.records() {
                    self.take(seq, recorded_at, stored)?;
                }
                self.next = self.next.max(block.last_seq().get() + 1);
                return Ok(true);
            }
            self.segment = None;
        }
        self.read_sealed();
        let (last, read) = match self.read.pop_front() {
            Some((last, read)) => (last, read.map(|events| self.ready.extend(events))),
            None => match self.parts.pop_front() {
                Some(part) => (part.last_seq(), self.read(&part)),
                None => return Ok(false),
            },
        };
        match read {
            Err(_) if self.reader.log().has_moved_since(self.generation) => self.plan(),
            Err(error) => {
                self.next = last + 1;
                return Err(error);
            }
            Ok(()) if self.segment.is_none() => self.next = last + 1,
            Ok(()) => {}
        }
        Ok(true)
    }

    /// Reads a block of the journal, or begins with a segment of which everything is wanted.
    fn read(&mut self, part: &Part) -> Result<(), ReadError> {
        match part {
            Part::Block(place) => {
                let block = self.reader.block(&place.reference())?;
                let recorded_at = open::stamp(&block);
                for (seq, stored) in block.records() {
                    self.take(seq, recorded_at, stored)?;
                }
            }
            Part::Sealed(entry) => self.segment = Some(Box::new(self.reader.log().segment(entry)?.log()?)),
        }
        Ok(())
    }

    /// Reads what the next sealed segments hold of the wanted sessions: some side by side, if all of it is wanted.
    fn read_sealed(&mut self) {
        if !self.read.is_empty() || matches!(self.wanted, Wanted::All) {
            return;
        }
        let at_once = if self.filter.limit.is_none() { at_once(&**self.reader.log().storage()) } else { 1 };
        let sealed = |part: &Part| if let Part::Sealed(entry) = part { Some(entry.clone()) } else { None };
        let entries: Vec<SegmentEntry> = self.parts.iter().map_while(sealed).take(at_once).collect();
        let lasts = self.parts.drain(..entries.len()).map(|part| part.last_seq()).collect::<Vec<_>>();
        let ids = self.wanted.ids();
        let read = |entry: &SegmentEntry| -> Result<Vec<RecordedEvent>, ReadError> {
            let segment = self.reader.log().segment(entry)?;
            let rows = segment.sessions(&ids)?.of_kinds(|kind| self.filter.may_take(kind));
            let mut events = rows.map(|row| row.map(RecordedEvent::from)).collect::<Result<Vec<_>, _>>()?;
            events.sort_unstable_by_key(|event| event.seq);
            let wanted = self.next..=self.last;
            events.retain(|event| wanted.contains(&event.seq) && self.takes(event));
            Ok(events)
        };
        self.read = lasts.into_iter().zip(side_by_side(&entries, read)).collect();
    }

    fn takes(&self, event: &RecordedEvent) -> bool {
        let is_of_kind = match (self.kinds, event.event.payload.kind()) {
            (Some(kinds), Some(kind)) => kinds.holds(kind),
            // A declared family goes by its names.
            (Some(_), None) => self.filter.names(event),
            (None, _) => true,
        };
        is_of_kind && self.filter.is_in_time(event)
    }

    fn take(&mut self, seq: Seq, recorded_at: Timestamp, stored: &[u8]) -> Result<(), ReadError> {
        let is_of_kind = self.kinds.is_none_or(|kinds| kinds.may_hold(stored));
        if (self.next..=self.last).contains(&seq.get()) && is_of_kind && self.wanted.may_take(stored) {
            let event = RecordedEvent { seq: seq.get(), recorded_at, event: open::decode(seq, stored)? };
            if self.wanted.takes(&event) && self.takes(&event) {
                self.ready.push_back(event);
            }
        }
        Ok(())
    }
}

impl Iterator for Events<'_> {
    type Item = Result<RecordedEvent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.left -= 1;
                return Some(Ok(event));
            }
            match self.read_next() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
