//! The fold over the whole log: what is known of every session without reading it again.

use std::io;
use std::sync::Arc;

use flightrec_events::families::session::SessionLinked;
use flightrec_events::lifecycle::Life;
use flightrec_events::{Event, Id, LinkRelation, Payload, Timestamp};
use flightrec_journal::{BlockRef, ChainHash};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::blocks::{BlockMap, BlockPlace};
use super::page::{Entries, Key, PAGE_SESSIONS};
use super::places::{Place, Places};
use super::rate::RateLog;
use super::rows::Row;
use super::session::{Extent, Note, SessionFold};
use super::sessions::{SessionRef, Sessions};
use super::told::{Told, is_transcript, telemetry_source};
use super::usage::{Charge, Entry, Ledger, MAX_CHAIN};
use crate::options::Packing;
use crate::view::FindingKind;

/// How far ahead of the recorder's clock an emitter's clock may run before it is a finding.
const MAX_SKEW_US: i64 = 300_000_000;
/// One of so many of the sessions that are too many is packed at a time.
const PACKED_AT_ONCE: usize = 8;

/// A model and who served it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ServedModel {
    pub(crate) model: Arc<str>,
    pub(crate) provider: Option<Arc<str>>,
}

/// Everything that is folded from the log, up to and including `last_seq`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Projection {
    pub(crate) events: u64,
    pub(crate) last_seq: Option<u64>,
    /// How often the store had forgotten something when this was folded.
    pub(crate) forgettings: u64,
    /// When the last event was recorded.
    recorded_us: Option<i64>,
    /// The link of the last block in the log's hash chain.
    chain: [u8; 32],
    #[serde(skip)]
    pub(crate) sessions: Sessions,
    #[serde(skip)]
    pub(crate) ledger: Ledger,
    #[serde(skip)]
    packing: Packing,
    /// How many sessions there must be before it is looked again for some that were left alone.
    #[serde(skip)]
    due: usize,
    pub(crate) places: Places,
    pub(crate) served_models: Vec<ServedModel>,
    served_by_key: FxHashMap<ServedModel, u32>,
    pub(crate) rate: RateLog,
    /// Whether any event came from a transcript.
    has_transcripts: bool,
    /// The blocks that are not sealed yet.
    pub(crate) blocks: BlockMap,
    /// What concerns no single session.
    pub(crate) notes: Vec<Note>,
}

impl Projection {
    /// Nothing is folded yet, of a log that has forgotten something so often.
    pub(crate) fn empty(forgettings: u64) -> Self {
        Self { forgettings, ..Self::default() }
    }

    /// Says that the events to come are those of a block, which lies at `place` if it is not sealed. Blocks come in the
    /// order of the log; `last_seq` is the position of the last event that was ever in it.
    pub(crate) fn begin_block(&mut self, place: Option<&BlockRef>, last_seq: u64, chain: ChainHash) {
        if let Some(place) = place {
            self.blocks.push(place);
        }
        self.last_seq = Some(last_seq);
        self.chain = *chain.as_bytes();
    }

    /// The link of the last block in the log's hash chain; all zeros before the first.
    pub(crate) const fn chain(&self) -> ChainHash {
        ChainHash::from_bytes(self.chain)
    }

    /// Takes in the sessions that were put aside with the rest; `false` if they do not belong together: what was put
    /// aside may come from anywhere.
    pub(crate) fn restore(&mut self, sessions: Sessions, entries: Vec<Entries>) -> bool {
        let count = sessions.len();
        let served = |at: u32| (at as usize) < self.served_models.len();
        let is_sound = self.blocks.last().is_none_or(|last| self.last_seq == Some(last.last_seq()))
            && self.places.is_sound(count as usize)
            && self.served_by_key.values().all(|at| served(*at))
            && sessions.hot_ones().iter().all(|(.., fold)| fold.accounts.iter().all(|(at, _)| served(*at)))
            && entries.iter().flatten().all(|(_, entry)| entry.session() < count);
        if is_sound {
            self.sessions = sessions;
            for entries in entries {
                self.ledger.take_in(entries);
            }
        }
        is_sound
    }

    /// Says when sessions are packed.
    pub(crate) fn pack_by(mut self, packing: Packing) -> Self {
        self.packing = packing;
        self
    }

    pub(crate) const fn packing(&self) -> Packing {
        self.packing
    }

    /// Packs some of the sessions that were left alone, if there are many: a share of those that are too many at a time,
    /// so that nobody waits long for it.
    ///
    /// # Errors
    /// They cannot be packed.
    pub(crate) fn pack(&mut self) -> io::Result<()> {
        let (hot, may_be) = (self.sessions.hot(), self.packing.sessions);
        if hot < self.due.max(may_be) {
            return Ok(());
        }
        let since = self.last_seq.unwrap_or(0).saturating_sub(self.packing.events);
        let mut alone = self.sessions.left_alone_since(since);
        if alone.len() < PAGE_SESSIONS.min(may_be) {
            self.due = hot + may_be / 32;
            return Ok(());
        }
        alone.truncate((hot - may_be + 1).div_ceil(PACKED_AT_ONCE).next_multiple_of(PAGE_SESSIONS));
        for page in alone.chunks(PAGE_SESSIONS) {
            let page = page.iter().map(|at| (*at, self.ledger.give_away(*at))).collect();
            self.ledger.cold.add(self.sessions.put_away(page)?);
        }
        self.due = 0;
        Ok(())
    }

    /// Unpacks whatever an event concerns, so that folding it cannot fail; no answer changes by that.
    ///
    /// # Errors
    /// What was packed cannot be read.
    pub(crate) fn prepare(&mut self, event: &Event) -> io::Result<()> {
        let session = event.model_session_id.as_ref().and_then(|id| self.sessions.find(id.as_str()));
        session.map_or(Ok(()), |at| self.unpack(at))?;
        if let Payload::LlmInference(inference) = &event.payload {
            for key in Ledger::keys_of(event, inference) {
                self.unpack_key(key)?;
            }
        }
        Ok(())
    }

    /// Makes sure that a session can be folded into.
    fn unpack(&mut self, at: u32) -> io::Result<()> {
        if let Some(entries) = self.sessions.take_out(at, self.last_seq.unwrap_or(0))? {
            self.ledger.take_in(entries);
        }
        Ok(())
    }

    /// A session to fold into.
    fn session_mut(&mut self, at: u32) -> io::Result<&mut SessionFold> {
        self.unpack(at)?;
        let touched = self.last_seq.unwrap_or(0);
        self.sessions.get_mut(at, touched).ok_or_else(|| io::Error::other("a session is neither packed nor not"))
    }

    /// Makes sure that the ledger holds whatever was charged under a key.
    fn unpack_key(&mut self, key: Key) -> io::Result<()> {
        let mut key = key;
        for _ in 0..MAX_CHAIN {
            if self.ledger.get(&key).is_none() {
                for session in self.ledger.cold.find(&key)? {
                    self.unpack(session)?;
                    if self.ledger.get(&key).is_some() {
                        break;
                    }
                }
            }
            match self.ledger.get(&key) {
                Some(Entry::Same(next, _)) => key = *next,
                Some(Entry::Charged(..) | Entry::Superseded(_)) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// When the newest event was recorded, on the recorder's clock.
    pub(crate) fn recorded_at(&self) -> Option<Timestamp> {
        self.recorded_us.and_then(Timestamp::from_micros)
    }

    /// The time of a session's latest event, span events of its host apart, in microseconds since 1970.
    pub(crate) fn touched_us(&self, root: u32) -> Option<i64> {
        self.session_at(root).touched_us()
    }

    /// Folds one event of the block that was begun last.
    ///
    /// # Errors
    /// What was packed cannot be read; what is folded so far is of no use any more.
    pub(crate) fn apply(&mut self, seq: u64, recorded_at: Timestamp, event: &Event) -> io::Result<()> {
        self.prepare(event)?;
        self.apply_prepared(seq, recorded_at, event)
    }

    /// Folds one event, for which everything was unpacked.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), if it was not.
    pub(crate) fn apply_prepared(&mut self, seq: u64, recorded_at: Timestamp, event: &Event) -> io::Result<()> {
        self.events += 1;
        self.recorded_us = Some(recorded_at.as_micros());
        if let Payload::RecorderEventsDropped(dropped) = &event.payload {
            let detail = format!("{} events were dropped: {}", dropped.count.get(), dropped.cause.as_str());
            self.notes.push(Note { kind: FindingKind::DroppedEvents, span: None, seq, detail });
        }
        let Some(id) = &event.model_session_id else { return Ok(()) };
        let (index, first) = self.session_index(id);
        let block = self.blocks.at(seq).map(|block| block.first_seq);
        let session = self.session_mut(index)?;
        session.extent.take(seq);
        if let Some(block) = block
            && session.blocks.last() != Some(&block)
        {
            session.blocks.push(block);
        }
        let orphan = session.parent().is_none();
        session.apply(seq, event, first);
        if event.timestamp.micros_since(recorded_at) > MAX_SKEW_US {
            session.note(
                FindingKind::ClockSkew,
                event.activity_span_id,
                seq,
                "its time lies more than five minutes ahead of the recorder's clock",
            );
        }
        if let Some(parent) = session.parent().filter(|_| orphan).cloned() {
            self.sessions.link(&parent, index);
        }
        let source = telemetry_source(event);
        self.has_transcripts |= source.is_some_and(is_transcript);
        if let Payload::SessionLinked(linked) = &event.payload {
            self.link(index, event, linked);
        } else if let Payload::LlmInference(inference) = &event.payload {
            let account = self.served_model(inference.model_id.shared(), inference.provider.as_ref().map(Id::shared));
            let charge = Charge::new(index, account, event, inference);
            let posting = self.ledger.post(event, inference, charge);
            // Telemetry tells of a call in spans and log records both; that is no finding.
            if posting.repeated && source.is_none() {
                self.session_mut(index)?.note(
                    FindingKind::DuplicateUsage,
                    event.activity_span_id,
                    seq,
                    "this usage was reported before; it counts once",
                );
            }
            for old in &posting.take_back {
                self.session_mut(old.session)?.unpost(old);
                self.rate.take_back(old);
            }
            if let Some(new) = &posting.make {
                self.session_mut(new.session)?.post(new);
                self.rate.add(new);
            }
        }
        Ok(())
    }

    /// Takes in that an id belongs to another.
    fn link(&mut self, index: u32, event: &Event, linked: &SessionLinked) {
        let (target, _) = self.session_index(&linked.target_session_id);
        let at_us = event.timestamp.as_micros();
        match linked.relation {
            LinkRelation::PartOf => {
                let span = linked.span_id.map(|span| *span.as_bytes());
                self.places.place(index, Place::new(linked.evidence, at_us, target, span));
            }
            LinkRelation::ChildOf => self.places.spawn(index, target, at_us),
        }
    }

    fn session_index(&mut self, id: &Id) -> (u32, bool) {
        match self.sessions.find(id.as_str()) {
            Some(index) => (index, false),
            None => (self.sessions.add(id.shared(), self.last_seq.unwrap_or(0)), true),
        }
    }

    /// A model and who served it, by its place in the list.
    pub(super) fn served(&self, at: u32) -> ServedModel {
        let unknown = || ServedModel { model: "unknown".into(), provider: None };
        // Only a forged page names one that is not in the list.
        self.served_models.get(at as usize).cloned().unwrap_or_else(unknown)
    }

    fn served_model(&mut self, model: Arc<str>, provider: Option<Arc<str>>) -> u32 {
        let key = ServedModel { model, provider };
        if let Some(index) = self.served_by_key.get(&key) {
            return *index;
        }
        let index = self.served_models.len() as u32;
        self.served_models.push(key.clone());
        self.served_by_key.insert(key, index);
        index
    }

    /// Notes that a part of the log is lost, once however often it is met.
    pub(crate) fn note_damage(&mut self, seq: Option<u64>, detail: String) {
        let note = Note { kind: FindingKind::Gap, span: None, seq: seq.unwrap_or(0), detail };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether both give the same answers about what the log holds. What it lost is told by reading it.
    ///
    /// # Errors
    /// What was packed cannot be read.
    pub(crate) fn same_answers(&self, other: &Self) -> io::Result<bool> {
        let Self {
            events,
            last_seq,
            forgettings,
            recorded_us,
            chain,
            sessions,
            ledger: _,
            packing: _,
            due: _,
            places,
            served_models,
            served_by_key,
            rate,
            has_transcripts,
            blocks,
            notes,
        } = self;
        let told =
            |notes: &[Note]| notes.iter().filter(|note| note.kind != FindingKind::Gap).cloned().collect::<Vec<_>>();
        let is_alike = (*events, *last_seq, *forgettings) == (other.events, other.last_seq, other.forgettings)
            && (*recorded_us, *chain) == (other.recorded_us, other.chain)
            && (sessions.len(), places) == (other.sessions.len(), &other.places)
            && (served_models, served_by_key) == (&other.served_models, &other.served_by_key)
            && (rate, blocks) == (&other.rate, &other.blocks)
            && *has_transcripts == other.has_transcripts
            && told(notes) == told(&other.notes);
        for at in 0..if is_alike { sessions.len() } else { 0 } {
            if self.trimmed(at) != other.trimmed(at) || self.entries_of(at)? != other.entries_of(at)? {
                return Ok(false);
            }
        }
        Ok(is_alike)
    }

    /// A session under its own id alone, with the blocks of the journal that are still there.
    fn trimmed(&self, at: u32) -> SessionFold {
        let mut fold = self.sessions.get(at).into_owned();
        fold.blocks.retain(|first| self.blocks.get(*first).is_some());
        fold
    }

    /// The entries of the ledger that belong to a session under its own id alone, by key.
    pub(super) fn entries_of(&self, at: u32) -> io::Result<Entries> {
        Ok(self.sessions.packed_entries(at)?.unwrap_or_else(|| self.ledger.entries_of(at)))
    }

    /// The indices of all sessions: ids that stand for another, or only hold spans outside any session, are none.
    pub(crate) fn listed(&self) -> impl Iterator<Item = u32> {
        (0..self.sessions.len()).filter(|at| self.is_listed(*at))
    }

    /// Whether an id is that of a session.
    pub(crate) fn is_listed(&self, at: u32) -> bool {
        let linked = !self.places.is_empty();
        if linked && self.places.place_of(at).is_some() {
            return false;
        }
        !self.sessions.is_hidden(at) || (linked && self.places.has_parts(at) && !self.session_at(at).is_hidden())
    }

    /// The indices of everything that stands for no other id and holds events: sessions, and traces without one.
    pub(crate) fn roots(&self) -> impl Iterator<Item = u32> {
        (0..self.sessions.len()).filter(|at| self.is_root(*at))
    }

    /// Whether an id stands for no other and holds events.
    pub(crate) fn is_root(&self, at: u32) -> bool {
        self.places.place_of(at).is_none() && self.places.group(at).iter().any(|id| !self.sessions.is_eventless(*id))
    }

    /// The session that an id names or stands for, whole id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.sessions.find(id).map(|at| self.places.root_of(at))
    }

    /// The life of the session with an id, whatever that stands for.
    pub(crate) fn life_of(&self, id: &str) -> Option<Life> {
        self.sessions.find(id).map(|at| self.sessions.get(at).life)
    }

    /// The id of a session.
    pub(crate) fn id_at(&self, at: u32) -> Arc<str> {
        Arc::clone(&self.sessions.get(at).id)
    }

    /// Everything that is known of a session, under its own id and those that stand for it.
    pub(crate) fn session_at(&self, root: u32) -> SessionRef<'_> {
        let own = self.sessions.get(root);
        let in_parts = self.places.has_parts(root);
        let is_shared = self.may_share(root);
        if !in_parts && !is_shared && own.told.as_ref().is_none_or(|told| !told.may_be_told_twice()) {
            return own;
        }
        let mut whole = own.into_owned();
        if in_parts {
            for at in &self.places.group(root)[1..] {
                whole.merge(&self.sessions.get(*at));
            }
        }
        whole.settle();
        if is_shared && let Some(told) = &mut whole.told {
            for at in self.agents_below(root) {
                self.sessions.get(at).told.iter().for_each(|agent| told.leave_to(agent));
            }
        }
        SessionRef::Whole(Box::new(whole))
    }

    /// Asks what lists and roll-ups ask of a session; most are not unpacked for it.
    pub(crate) fn ask<T>(&self, at: u32, ask: impl FnOnce(&Row<'_>) -> T) -> T {
        let is_alone = |row: &Row<'_>| !row.is_told || !(self.has_transcripts || row.is_told_twice);
        match self.sessions.packed_row(at).filter(is_alone) {
            Some(row) if !self.places.has_parts(at) => ask(&row),
            Some(_) | None => ask(&Row::of(&self.session_at(at))),
        }
    }

    /// Whether telemetry may have told under this session's id what sessions below it said and did.
    fn may_share(&self, root: u32) -> bool {
        if !self.has_transcripts {
            return false;
        }
        let group = if self.places.has_parts(root) { self.places.group(root) } else { vec![root] };
        group.iter().any(|at| self.sessions.get(*at).told.as_ref().is_some_and(|told| told.may_share()))
            && !self.agents_below(root).is_empty()
    }

    /// The sessions below a session that are known from transcripts.
    fn agents_below(&self, root: u32) -> Vec<u32> {
        let (mut found, mut next, mut seen) = (Vec::new(), vec![root], FxHashSet::from_iter([root]));
        while let Some(at) = next.pop() {
            for child in self.children(at) {
                if seen.insert(child) {
                    next.push(child);
                    let session = self.sessions.get(child);
                    let is_transcribed = session.told.as_ref().is_some_and(|told| told.is_transcribed());
                    found.extend(is_transcribed.then_some(child));
                }
            }
        }
        found
    }

    /// Sessions whose telemetry tells messages that are those of their agents, with what is left to them.
    pub(crate) fn sharing(&self, roots: impl Iterator<Item = u32>) -> FxHashMap<Arc<str>, Told> {
        let shared = roots.filter(|root| self.may_share(*root));
        shared.filter_map(|root| Some((self.id_at(root), *self.session_at(root).into_owned().told?))).collect()
    }

    /// The sessions that a session spawned, in the order in which they came.
    pub(crate) fn children(&self, at: u32) -> Vec<u32> {
        let named = self.sessions.children(&self.sessions.get(at).id);
        let mut children: Vec<u32> = named.into_iter().map(|child| self.places.root_of(child)).collect();
        for child in self.places.children_of(at) {
            if !children.contains(&child) {
                children.push(child);
            }
        }
        children
    }

    /// The session that spawned a session: its index if this store holds it, and its id.
    pub(crate) fn parent(&self, at: u32) -> Option<(Option<u32>, Arc<str>)> {
        if let Some(id) = self.sessions.get(at).parent() {
            return Some((self.find(id), Arc::clone(id)));
        }
        let parent = self.places.parent_of(at)?;
        Some((Some(parent), self.id_at(parent)))
    }

    /// The spans that never arrived although spans of this session lie in them.
    pub(crate) fn missing_parents(&self, root: u32) -> Vec<[u8; 8]> {
        if !self.places.has_parts(root) {
            return Vec::new();
        }
        let group = self.places.group(root);
        let places = group.iter().filter_map(|at| self.places.place_of(*at));
        let mut missing: Vec<[u8; 8]> = places.filter(|place| place.is_guess).filter_map(|place| place.span).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// The blocks of the journal that hold events of some sessions, in their order.
    pub(crate) fn blocks_of(&self, roots: &[u32]) -> Vec<BlockPlace> {
        let mut blocks: Vec<u64> = Vec::new();
        for at in roots.iter().flat_map(|root| self.places.group(*root)) {
            blocks.extend(&self.sessions.get(at).blocks);
        }
        blocks.sort_unstable();
        blocks.dedup();
        blocks.into_iter().filter_map(|first| self.blocks.get(first).copied()).collect()
    }

    /// Where in the log the events of some sessions lie.
    pub(crate) fn extent_of(&self, roots: &[u32]) -> Extent {
        let mut extent = Extent::default();
        for at in roots.iter().flat_map(|root| self.places.group(*root)) {
            extent.merge(&self.sessions.get(at).extent);
        }
        extent
    }

    /// Forgets where blocks lie that hold nothing from a position on: they are sealed.
    pub(crate) fn trim(&mut self, before_seq: u64) {
        self.blocks.trim(before_seq);
        let blocks = &self.blocks;
        self.sessions.trim_blocks(|first| blocks.get(first).is_some());
    }

    /// The ids under which the events of a session were recorded.
    pub(crate) fn ids_of(&self, root: u32) -> Vec<Arc<str>> {
        self.places.group(root).into_iter().map(|at| self.id_at(at)).collect()
    }

    /// Every id that stands for another session, and that session's id.
    pub(crate) fn stand_ins(&self) -> FxHashMap<Arc<str>, Arc<str>> {
        (0..self.sessions.len())
            .filter(|at| self.places.place_of(*at).is_some())
            .map(|at| (self.id_at(at), self.id_at(self.places.root_of(at))))
            .collect()
    }
}
