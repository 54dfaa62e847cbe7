//! The fold over the whole log: what is known of every session without reading it again.

use std::sync::Arc;

use flightrec_events::{Event, Id, Payload, Timestamp};
use flightrec_journal::{BlockRef, ChainHash, SegmentId, Seq};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::rate::RateLog;
use super::session::{Note, SessionFold};
use super::usage::{Charge, Ledger};
use crate::view::FindingKind;

/// How far ahead of the recorder's clock an emitter's clock may run before it is a finding.
const MAX_SKEW_US: i64 = 300_000_000;

/// Where one block of the log lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockPlace {
    segment: u64,
    offset: u64,
    pub(crate) first_seq: u64,
    pub(crate) count: u32,
    stored_bytes: u64,
}

impl BlockPlace {
    fn of(block: &BlockRef) -> Self {
        Self {
            segment: block.segment.get(),
            offset: block.offset,
            first_seq: block.first_seq.get(),
            count: block.count,
            stored_bytes: block.stored_bytes,
        }
    }

    pub(crate) const fn reference(&self) -> BlockRef {
        BlockRef {
            segment: SegmentId::new(self.segment),
            offset: self.offset,
            first_seq: Seq::new(self.first_seq),
            count: self.count,
            stored_bytes: self.stored_bytes,
        }
    }

    pub(crate) const fn last_seq(&self) -> u64 {
        self.first_seq.saturating_add((self.count as u64).saturating_sub(1))
    }
}

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
    /// The link of the last block in the log's hash chain.
    chain: [u8; 32],
    pub(crate) sessions: Vec<SessionFold>,
    by_id: FxHashMap<Arc<str>, u32>,
    /// By the id of a parent, whether it is in this store or not.
    children: FxHashMap<Arc<str>, Vec<u32>>,
    pub(crate) served_models: Vec<ServedModel>,
    served_by_key: FxHashMap<ServedModel, u32>,
    ledger: Ledger,
    pub(crate) rate: RateLog,
    pub(crate) blocks: Vec<BlockPlace>,
    /// What concerns no single session.
    pub(crate) notes: Vec<Note>,
}

impl Projection {
    /// Says that the events to come lie in `block`. Blocks come in the order of the log.
    pub(crate) fn begin_block(&mut self, block: &BlockRef, chain: ChainHash) {
        self.blocks.push(BlockPlace::of(block));
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
        self.last_seq == self.blocks.last().map(BlockPlace::last_seq)
            && self.by_id.len() == self.sessions.len()
            && self.by_id.iter().all(|(id, at)| self.sessions.get(*at as usize).is_some_and(|found| found.id == *id))
            && self.children.values().flatten().all(|at| session(*at))
            && self.served_by_key.values().all(|at| served(*at))
            && self.ledger.charges().all(|charge| session(charge.session) && served(charge.account))
            && self.sessions.iter().all(|session| {
                session.accounts.iter().all(|(at, _)| served(*at))
                    && session.blocks.iter().all(|at| (*at as usize) < self.blocks.len())
            })
    }

    /// Folds one event of the block that was begun last.
    pub(crate) fn apply(&mut self, seq: u64, recorded_at: Timestamp, event: &Event) {
        self.events += 1;
        self.last_seq = Some(seq);
        if let Payload::RecorderEventsDropped(dropped) = &event.payload {
            let detail = format!("{} events were dropped: {}", dropped.count.get(), dropped.cause.as_str());
            self.notes.push(Note { kind: FindingKind::DroppedEvents, span: None, seq, detail });
        }
        let Some(id) = &event.model_session_id else { return };
        let (index, first) = self.session_index(id);
        let block = (self.blocks.len() as u32).saturating_sub(1);
        let session = &mut self.sessions[index as usize];
        if session.blocks.last() != Some(&block) {
            session.blocks.push(block);
        }
        let orphan = session.parent().is_none();
        session.apply(seq, event, first);
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
        if let Payload::LlmInference(inference) = &event.payload {
            let account = self.served_model(inference.model_id.shared(), inference.provider.as_ref().map(Id::shared));
            let charge = Charge::new(index, account, event, inference);
            let posting = self.ledger.post(event, inference, charge);
            if posting.repeated {
                self.sessions[index as usize].note(
                    FindingKind::DuplicateUsage,
                    event.activity_span_id,
                    seq,
                    "this usage was reported before; it counts once",
                );
            }
            for old in posting.take_back.iter().flatten() {
                self.sessions[old.session as usize].take_back(old.account, &old.amounts);
                self.rate.take_back(old);
            }
            if let Some(new) = &posting.make {
                self.sessions[new.session as usize].charge(new.account, &new.amounts);
                self.rate.add(new);
            }
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
            chain,
            sessions,
            by_id,
            children,
            served_models,
            served_by_key,
            ledger,
            rate,
            blocks,
            notes,
        } = self;
        let told =
            |notes: &[Note]| notes.iter().filter(|note| note.kind != FindingKind::Gap).cloned().collect::<Vec<_>>();
        (*events, *last_seq, *chain) == (other.events, other.last_seq, other.chain)
            && (sessions, by_id, children) == (&other.sessions, &other.by_id, &other.children)
            && (served_models, served_by_key) == (&other.served_models, &other.served_by_key)
            && (ledger, rate, blocks) == (&other.ledger, &other.rate, &other.blocks)
            && told(notes) == told(&other.notes)
    }

    /// The sessions that name this one as their parent, in the order in which they came.
    pub(crate) fn children(&self, id: &str) -> impl Iterator<Item = &SessionFold> {
        self.children.get(id).into_iter().flatten().map(|at| &self.sessions[*at as usize])
    }

    /// One session, by its whole id.
    pub(crate) fn session(&self, id: &str) -> Option<&SessionFold> {
        self.by_id.get(id).map(|index| &self.sessions[*index as usize])
    }

    /// The block that holds a position.
    pub(crate) fn block_of(&self, seq: u64) -> Option<&BlockPlace> {
        let after = self.blocks.partition_point(|block| block.first_seq <= seq);
        self.blocks[..after].last().filter(|block| block.last_seq() >= seq)
    }
}
