//! The fold over the whole log: what is known of every session without reading it again.

use std::borrow::Cow;
use std::sync::Arc;

use flightrec_events::families::session::SessionLinked;
use flightrec_events::{Event, Id, LinkRelation, Payload, Timestamp};
use flightrec_journal::{BlockRef, ChainHash};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::blocks::{BlockMap, BlockPlace};
use super::places::{Place, Places};
use super::rate::RateLog;
use super::session::{Extent, Note, SessionFold};
use super::told::{Told, is_transcript, telemetry_source};
use super::usage::{Charge, Ledger};
use crate::view::FindingKind;

/// How far ahead of the recorder's clock an emitter's clock may run before it is a finding.
const MAX_SKEW_US: i64 = 300_000_000;

/// A model and who served it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ServedModel {
    pub(crate) model: Arc<str>,
    pub(crate) provider: Option<Arc<str>>,
}

/// Everything that is folded from the log, up to and including `last_seq`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Projection {
    pub(crate) events: u64,
    pub(crate) last_seq: Option<u64>,
    /// How often the store had forgotten something when this was folded.
    pub(crate) forgettings: u64,
    /// When the last event was recorded.
    recorded_us: Option<i64>,
    /// The link of the last block in the log's hash chain.
    chain: [u8; 32],
    pub(crate) sessions: Vec<SessionFold>,
    by_id: FxHashMap<Arc<str>, u32>,
    /// By the id of a parent, whether it is in this store or not.
    children: FxHashMap<Arc<str>, Vec<u32>>,
    pub(crate) places: Places,
    pub(crate) served_models: Vec<ServedModel>,
    served_by_key: FxHashMap<ServedModel, u32>,
    ledger: Ledger,
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

    /// Whether every index points to something: what was put aside may come from anywhere.
    pub(crate) fn is_sound(&self) -> bool {
        let session = |at: u32| (at as usize) < self.sessions.len();
        let served = |at: u32| (at as usize) < self.served_models.len();
        self.blocks.last().is_none_or(|last| self.last_seq == Some(last.last_seq()))
            && self.by_id.len() == self.sessions.len()
            && self.by_id.iter().all(|(id, at)| self.sessions.get(*at as usize).is_some_and(|found| found.id == *id))
            && self.children.values().flatten().all(|at| session(*at))
            && self.places.is_sound(self.sessions.len())
            && self.served_by_key.values().all(|at| served(*at))
            && self.ledger.charges().all(|charge| session(charge.session) && served(charge.account))
            && self.ledger.placed().all(session)
            && self.sessions.iter().all(|session| {
                session.accounts.iter().all(|(at, _)| served(*at))
                    && session.blocks.iter().all(|first| self.blocks.get(*first).is_some())
            })
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
    pub(crate) fn apply(&mut self, seq: u64, recorded_at: Timestamp, event: &Event) {
        self.events += 1;
        self.recorded_us = Some(recorded_at.as_micros());
        if let Payload::RecorderEventsDropped(dropped) = &event.payload {
            let detail = format!("{} events were dropped: {}", dropped.count.get(), dropped.cause.as_str());
            self.notes.push(Note { kind: FindingKind::DroppedEvents, span: None, seq, detail });
        }
        let Some(id) = &event.model_session_id else { return };
        let (index, first) = self.session_index(id);
        let block = self.blocks.at(seq).map(|block| block.first_seq);
        let session = &mut self.sessions[index as usize];
        session.extent.take(seq);
        if let Some(block) = block
            && session.blocks.last() != Some(&block)
        {
            session.blocks.push(block);
        }
        let orphan = session.parent().is_none();
        session.apply(seq, event, first);
        let source = telemetry_source(event);
        let told = source.is_some();
        self.has_transcripts |= source.is_some_and(is_transcript);
        if let Some(parent) = session.parent().filter(|_| orphan) {
            self.children.entry(Arc::clone(parent)).or_default().push(index);
        }
        if event.timestamp.micros_since(recorded_at) > MAX_SKEW_US {
            session.note(
                FindingKind::ClockSkew,
                event.activity_span_id,
                seq,
                "its time lies more than five minutes ahead of the recorder's clock",
            );
        }
        if let Payload::SessionLinked(linked) = &event.payload {
            self.link(index, event, linked);
        } else if let Payload::LlmInference(inference) = &event.payload {
            let account = self.served_model(inference.model_id.shared(), inference.provider.as_ref().map(Id::shared));
            let charge = Charge::new(index, account, event, inference);
            let posting = self.ledger.post(event, inference, charge);
            // Telemetry tells of a call in spans and log records both; that is no finding.
            if posting.repeated && !told {
                self.sessions[index as usize].note(
                    FindingKind::DuplicateUsage,
                    event.activity_span_id,
                    seq,
                    "this usage was reported before; it counts once",
                );
            }
            for old in &posting.take_back {
                self.sessions[old.session as usize].unpost(old);
                self.rate.take_back(old);
            }
            if let Some(new) = &posting.make {
                self.sessions[new.session as usize].post(new);
                self.rate.add(new);
            }
        }
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
        if let Some(index) = self.by_id.get(id.as_str()) {
            return (*index, false);
        }
        let index = self.sessions.len() as u32;
        let id = id.shared();
        self.sessions.push(SessionFold::new(Arc::clone(&id)));
        self.by_id.insert(id, index);
        (index, true)
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
    pub(crate) fn same_answers(&self, other: &Self) -> bool {
        let Self {
            events,
            last_seq,
            forgettings,
            recorded_us,
            chain,
            sessions,
            by_id,
            children,
            places,
            served_models,
            served_by_key,
            ledger,
            rate,
            has_transcripts,
            blocks,
            notes,
        } = self;
        let told =
            |notes: &[Note]| notes.iter().filter(|note| note.kind != FindingKind::Gap).cloned().collect::<Vec<_>>();
        (*events, *last_seq, *forgettings) == (other.events, other.last_seq, other.forgettings)
            && (*recorded_us, *chain) == (other.recorded_us, other.chain)
            && (sessions, by_id, children, places) == (&other.sessions, &other.by_id, &other.children, &other.places)
            && (served_models, served_by_key) == (&other.served_models, &other.served_by_key)
            && (ledger, rate, blocks) == (&other.ledger, &other.rate, &other.blocks)
            && *has_transcripts == other.has_transcripts
            && told(notes) == told(&other.notes)
    }

    /// The indices of all sessions: ids that stand for another, or only hold spans outside any session, are none.
    pub(crate) fn listed(&self) -> impl Iterator<Item = u32> {
        let all = 0..self.sessions.len() as u32;
        let linked = !self.places.is_empty();
        all.filter(move |at| {
            let own = &self.sessions[*at as usize];
            if linked && self.places.place_of(*at).is_some() {
                return false;
            }
            !own.is_hidden() || (linked && self.places.has_parts(*at) && !self.session_at(*at).is_hidden())
        })
    }

    /// The indices of everything that stands for no other id and holds events: sessions, and traces without one.
    pub(crate) fn roots(&self) -> impl Iterator<Item = u32> {
        let all = 0..self.sessions.len() as u32;
        all.filter(|at| self.places.place_of(*at).is_none())
            .filter(|at| self.places.group(*at).iter().any(|id| self.sessions[*id as usize].extent.events > 0))
    }

    /// The session that an id names or stands for, whole id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).map(|at| self.places.root_of(*at))
    }

    /// The id of a session.
    pub(crate) fn id_at(&self, at: u32) -> &Arc<str> {
        &self.sessions[at as usize].id
    }

    /// Everything that is known of a session, under its own id and those that stand for it.
    pub(crate) fn session_at(&self, root: u32) -> Cow<'_, SessionFold> {
        let own = &self.sessions[root as usize];
        let in_parts = self.places.has_parts(root);
        let is_shared = self.may_share(root);
        if !in_parts && !is_shared && own.told.as_ref().is_none_or(|told| !told.may_be_told_twice()) {
            return Cow::Borrowed(own);
        }
        let mut whole = own.clone();
        if in_parts {
            for at in &self.places.group(root)[1..] {
                whole.merge(&self.sessions[*at as usize]);
            }
        }
        whole.settle();
        if is_shared && let Some(told) = &mut whole.told {
            for at in self.agents_below(root) {
                self.sessions[at as usize].told.iter().for_each(|agent| told.leave_to(agent));
            }
        }
        Cow::Owned(whole)
    }

    /// Whether telemetry may have told under this session's id what sessions below it said and did.
    fn may_share(&self, root: u32) -> bool {
        if !self.has_transcripts {
            return false;
        }
        let group = if self.places.has_parts(root) { self.places.group(root) } else { vec![root] };
        group.iter().any(|at| self.sessions[*at as usize].told.as_ref().is_some_and(|told| told.may_share()))
            && !self.agents_below(root).is_empty()
    }

    /// The sessions below a session that are known from transcripts.
    fn agents_below(&self, root: u32) -> Vec<u32> {
        let (mut found, mut next, mut seen) = (Vec::new(), vec![root], FxHashSet::from_iter([root]));
        while let Some(at) = next.pop() {
            for child in self.children(at) {
                if seen.insert(child) {
                    next.push(child);
                    let told = self.sessions[child as usize].told.as_ref();
                    found.extend(told.is_some_and(|told| told.is_transcribed()).then_some(child));
                }
            }
        }
        found
    }

    /// Sessions whose telemetry tells messages that are those of their agents, with what is left to them.
    pub(crate) fn sharing(&self, roots: impl Iterator<Item = u32>) -> FxHashMap<Arc<str>, Told> {
        let shared = roots.filter(|root| self.may_share(*root));
        shared
            .filter_map(|root| Some((Arc::clone(self.id_at(root)), *self.session_at(root).into_owned().told?)))
            .collect()
    }

    /// The sessions that a session spawned, in the order in which they came.
    pub(crate) fn children(&self, at: u32) -> Vec<u32> {
        let named = self.children.get(self.id_at(at)).into_iter().flatten().map(|child| self.places.root_of(*child));
        let mut children: Vec<u32> = named.collect();
        for child in self.places.children_of(at) {
            if !children.contains(&child) {
                children.push(child);
            }
        }
        children
    }

    /// The session that spawned a session: its index if this store holds it, and its id.
    pub(crate) fn parent(&self, at: u32) -> Option<(Option<u32>, Arc<str>)> {
        if let Some(id) = self.sessions[at as usize].parent() {
            return Some((self.find(id), Arc::clone(id)));
        }
        let parent = self.places.parent_of(at)?;
        Some((Some(parent), Arc::clone(self.id_at(parent))))
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

    /// The blocks of the journal that hold events of a session, in their order.
    pub(crate) fn blocks_of(&self, root: u32) -> Vec<BlockPlace> {
        let mut blocks: Vec<u64> = Vec::new();
        for at in self.places.group(root) {
            blocks.extend(&self.sessions[at as usize].blocks);
        }
        blocks.sort_unstable();
        blocks.dedup();
        blocks.into_iter().filter_map(|first| self.blocks.get(first).copied()).collect()
    }

    /// Where in the log the events of a session lie.
    pub(crate) fn extent_of(&self, root: u32) -> Extent {
        let mut extent = Extent::default();
        for at in self.places.group(root) {
            extent.merge(&self.sessions[at as usize].extent);
        }
        extent
    }

    /// Forgets where blocks lie that hold nothing from a position on: they are sealed.
    pub(crate) fn trim(&mut self, before_seq: u64) {
        self.blocks.trim(before_seq);
        for session in &mut self.sessions {
            session.blocks.retain(|first| self.blocks.get(*first).is_some());
        }
    }

    /// The ids under which the events of a session were recorded.
    pub(crate) fn ids_of(&self, root: u32) -> Vec<Arc<str>> {
        self.places.group(root).into_iter().map(|at| Arc::clone(self.id_at(at))).collect()
    }

    /// Every id that stands for another session, and that session's id.
    pub(crate) fn stand_ins(&self) -> FxHashMap<Arc<str>, Arc<str>> {
        let all = 0..self.sessions.len() as u32;
        all.filter(|at| self.places.place_of(*at).is_some())
            .map(|at| (Arc::clone(self.id_at(at)), Arc::clone(self.id_at(self.places.root_of(at)))))
            .collect()
    }
}
