//! Blocks of the journal, in their order, to one segment.

use std::sync::Arc;

use flightrec_events::{CheckedEvent, Timestamp};
use flightrec_journal::{ChainHash, LinkHasher, RecordHash, Seq, Storage, StoreId};
use rustc_hash::FxHashMap;

use crate::blocks::{BlockEntry, Kept};
use crate::entry::{DIR, SegmentEntry};
use crate::error::{SealError, io};
use crate::writer::{Identity, Proof, SegmentWriter};

/// One block of the journal, as its reader gives it.
#[derive(Debug, Clone, Copy)]
pub struct SealedBlock<'a> {
    /// The position of its first record.
    pub first_seq: Seq,
    /// Its stamp, in microseconds since 1970: the `recorded_at` of its records.
    pub stamp_us: i64,
    /// Its link in the hash chain.
    pub link: ChainHash,
    /// Its records, in their order.
    pub records: &'a [&'a [u8]],
}

/// Gathers blocks, and writes them as one segment.
///
/// Memory: the stored form of every record and 24 bytes beside it, about 160 bytes an event; a segment of two million
/// events takes about 350 MB until it is written. Nothing is written before [`write`](Self::write).
#[derive(Debug)]
pub struct Seal {
    store: StoreId,
    proof: Proof,
    records: Vec<u8>,
    rows: Vec<Row>,
    sessions: Sessions,
}

/// Where one record lies.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// The number of its session; 0 for none.
    session: u32,
    block: u32,
    start: u64,
    seq: Seq,
}

/// Sessions by the order in which they came; 0 is no session.
#[derive(Debug, Default)]
struct Sessions {
    numbers: FxHashMap<Arc<str>, u32>,
}

impl Sessions {
    fn number(&mut self, session: Option<Arc<str>>) -> u32 {
        let Some(session) = session else { return 0 };
        let next = self.numbers.len() as u32 + 1;
        *self.numbers.entry(session).or_insert(next)
    }

    /// The rank of each number in the order of the sessions' bytes.
    fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<(&Arc<str>, &u32)> = self.numbers.iter().collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len() + 1];
        for (rank, (_, number)) in sorted.into_iter().enumerate() {
            ranks[*number as usize] = rank as u32 + 1;
        }
        ranks
    }
}

impl Seal {
    /// A segment that begins behind the block with the link `chain_start`; before the first block of a store that is
    /// the chain's beginning.
    pub fn new(store: StoreId, chain_start: ChainHash) -> Self {
        let proof = Proof { chain_start, chain_end: chain_start, blocks: Vec::new() };
        Self { store, proof, records: Vec::new(), rows: Vec::new(), sessions: Sessions::default() }
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// [`SealError`] if it does not follow the block before, does not match its link, or holds a record that is no
    /// event. The seal can then only be dropped.
    pub fn push(&mut self, block: SealedBlock<'_>) -> Result<(), SealError> {
        let count = u32::try_from(block.records.len()).ok().filter(|count| *count > 0).ok_or(SealError::Empty)?;
        if let Some(expected) = self.proof.blocks.last().map(BlockEntry::next_seq)
            && expected != block.first_seq
        {
            return Err(SealError::Gap { expected, found: block.first_seq });
        }
        if Timestamp::from_micros(block.stamp_us).is_none() {
            return Err(SealError::Stamp { seq: block.first_seq });
        }
        let mut link = LinkHasher::new(self.proof.chain_end, block.first_seq, count, block.stamp_us);
        let number = self.proof.blocks.len() as u32;
        let mut seq = block.first_seq;
        for &record in block.records {
            link.push(&RecordHash::of(record));
            let session = CheckedEvent::stored_session(record);
            let session = self.sessions.number(session.map_err(|source| SealError::Record { seq, source })?);
            self.rows.push(Row { session, block: number, start: self.records.len() as u64, seq });
            self.records.extend_from_slice(record);
            seq = seq.plus(1);
        }
        if link.finish() != block.link {
            return Err(SealError::Chain { seq: block.first_seq });
        }
        self.proof.chain_end = block.link;
        let SealedBlock { first_seq, stamp_us, link, .. } = block;
        let entry = BlockEntry { first_seq, count, stamp_us, link, records: Kept::All };
        self.proof.blocks.push(entry);
        Ok(())
    }

    /// Writes the segment to a temporary file in `archive/events` and makes it durable. It becomes part of the archive
    /// when a manifest names it.
    ///
    /// # Errors
    /// [`SealError`] if there is no block, a record is no event, or the storage fails.
    pub fn write(self, storage: &dyn Storage) -> Result<SegmentEntry, SealError> {
        let Self { store, proof, records, rows, sessions } = self;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Err(SealError::Empty) };
        let identity = Identity { store, first_seq: first.seq, last_seq: last.seq, revision: 0 };
        let ends: Vec<u64> = rows.iter().skip(1).map(|row| row.start).chain([records.len() as u64]).collect();
        let stamps: Vec<Timestamp> =
            proof.blocks.iter().map(|block| Timestamp::from_micros(block.stamp_us).unwrap_or_default()).collect();
        let mut writer = SegmentWriter::create(storage, identity)?;
        for index in sorted(&rows, &sessions.ranks()) {
            let row = rows[index];
            let stored = &records[row.start as usize..ends[index] as usize];
            let event = CheckedEvent::decode(stored).map_err(|source| SealError::Record { seq: row.seq, source })?;
            writer.push(row.seq, stamps[row.block as usize], &event, stored)?;
        }
        let entry = writer.finish(&proof)?;
        // The manifest may name the file only once its name is durable, too.
        storage.sync_dir(DIR).map_err(io("sync", DIR))?;
        Ok(entry)
    }
}

/// The rows by the ranks of their sessions; those of one session stay in their order.
fn sorted(rows: &[Row], ranks: &[u32]) -> Vec<usize> {
    let mut starts = vec![0_usize; ranks.len() + 1];
    for row in rows {
        starts[ranks[row.session as usize] as usize + 1] += 1;
    }
    for rank in 1..starts.len() {
        starts[rank] += starts[rank - 1];
    }
    let mut order = vec![0; rows.len()];
    for (index, row) in rows.iter().enumerate() {
        let next = &mut starts[ranks[row.session as usize] as usize];
        order[*next] = index;
        *next += 1;
    }
    order
}
