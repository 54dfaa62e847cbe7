//! The simple model: what was submitted, and what was acknowledged.

use std::sync::Arc;

use flightrec_journal::{
    Batch, ChainHash, LinkHasher, Origin, Reader, RecordHash, ScanItem, Seq, Storage, StoreId, verify,
};

use crate::disk::SimStorage;
use crate::rng::Rng;

/// The store of every run.
pub(crate) const STORE: StoreId = StoreId::from_bytes(*b"simulated store!");

/// Where a log begins that was never shortened.
pub(crate) fn genesis() -> Origin {
    Origin::genesis(STORE)
}

/// What a log must hold: the batches submitted, of which a first part is acknowledged.
#[derive(Clone, Debug)]
pub struct History {
    seed: u64,
    opened: u64,
    batches: Vec<Vec<Vec<u8>>>,
    acknowledged: u64,
    origin: Origin,
}

impl History {
    /// Nothing submitted; the seed decides the content of what will be.
    pub fn new(seed: u64) -> Self {
        Self { seed, opened: 0, batches: Vec::new(), acknowledged: 0, origin: genesis() }
    }

    /// Where the log begins now.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// All that lies before `origin` was taken elsewhere, and that is kept in a safe place.
    pub fn trim(&mut self, origin: Origin) {
        let last = origin.seq.get() - 1;
        assert!(last <= self.acknowledged, "only what is durable can be taken elsewhere");
        assert_eq!(self.chain_at(last), origin.chain, "the link follows from the records");
        self.origin = origin;
    }

    /// The link after the record `last`, by the submitted records alone.
    fn chain_at(&self, last: u64) -> ChainHash {
        let (mut chain, mut seq) = (ChainHash::genesis(STORE), 0);
        for batch in &self.batches {
            if seq >= last {
                break;
            }
            let mut link = LinkHasher::new(chain, Seq::new(seq + 1), batch.len() as u32, seq as i64 * 1_000);
            for record in batch {
                link.push(&RecordHash::of(record));
            }
            chain = link.finish();
            seq += batch.len() as u64;
        }
        chain
    }

    /// How many records were submitted.
    pub fn submitted(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }

    /// Every submitted record, in order.
    pub fn records(&self) -> Vec<&[u8]> {
        self.batches.iter().flatten().map(Vec::as_slice).collect()
    }

    /// The first and last seq of each batch.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        let mut next = 1;
        let mut ranges = Vec::new();
        for batch in &self.batches {
            ranges.push((next, next + batch.len() as u64 - 1));
            next += batch.len() as u64;
        }
        ranges
    }

    /// Makes the next batch: its content tells seed, opening and seq, so that no record can stand for another.
    pub fn submit(&mut self, records: u64, most_bytes: u64) -> Batch {
        let mut seq = self.submitted();
        let mut batch = Batch::new(seq as i64 * 1_000);
        let mut kept = Vec::new();
        for _ in 0..records {
            seq += 1;
            let mut rng = Rng::new(self.seed ^ (self.opened << 40) ^ (seq << 8));
            let mut record = format!("{}/{}/{seq}:", self.seed, self.opened).into_bytes();
            let len = rng.below(most_bytes + 1);
            let dense = rng.once_in(2);
            for _ in 0..len {
                record.push(if dense { rng.bits() as u8 } else { b'a' + rng.below(4) as u8 });
            }
            batch.push(&record);
            kept.push(record);
        }
        self.batches.push(kept);
        batch
    }

    /// Everything up to `seq` was promised.
    pub fn acknowledge(&mut self, seq: u64) {
        assert!(seq <= self.submitted(), "acknowledged {seq}, submitted {}", self.submitted());
        assert!(seq >= self.acknowledged, "acknowledged {seq} after {}", self.acknowledged);
        self.acknowledged = seq;
    }

    /// What was promised so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// A writer opened the log and found it to end with `last`: whole batches, nothing promised missing.
    pub fn recovered(&mut self, last: u64) {
        self.opened += 1;
        let kept = self.whole_batches(last);
        self.batches.truncate(kept);
        self.acknowledged = last;
    }

    /// How many batches make up the first `records` records.
    fn whole_batches(&self, records: u64) -> usize {
        assert!(records >= self.acknowledged, "{records} records are there, {} were promised", self.acknowledged);
        let mut sum = 0;
        for (count, batch) in self.batches.iter().enumerate() {
            if sum == records {
                return count;
            }
            sum += batch.len() as u64;
        }
        assert_eq!(sum, records, "the log ends inside a batch, or holds more than was submitted");
        self.batches.len()
    }

    /// The batches behind the first `records` records.
    fn batches_behind(&self, records: u64) -> &[Vec<Vec<u8>>] {
        let mut sum = 0;
        let count = self.batches.iter().take_while(|batch| {
            sum += batch.len() as u64;
            sum <= records
        });
        &self.batches[count.count()..]
    }

    /// Reads the whole log and holds it to the history: no damage, whole batches, all that was promised, nothing else.
    pub fn check(&self, storage: &SimStorage) -> u64 {
        let shared: Arc<dyn Storage> = Arc::new(storage.clone());
        let reader = Reader::open(Arc::clone(&shared), STORE, self.origin).expect("a reader opens");
        let mut cursor = reader.cursor(Seq::FIRST);
        let before = self.origin.seq.get() - 1;
        let (mut records, mut blocks) = (before, Vec::new());
        let batches = self.batches_behind(before);
        while let Some(item) = cursor.next().expect("a sound disk reads") {
            let block = match item {
                ScanItem::Block(block) => block,
                ScanItem::Damage(damage) => panic!("no damage was done: {damage}\n{storage:?}"),
            };
            let want = batches.get(blocks.len()).expect("no more blocks than were submitted");
            assert_eq!(block.reference.first_seq.get(), records + 1, "the numbers have no gap");
            let got: Vec<_> = block.records().map(|(_, record)| record).collect();
            assert_eq!(got, *want, "the batch is as it was submitted");
            assert_eq!(block.stamp_us, records as i64 * 1_000);
            records += want.len() as u64;
            blocks.push(block);
        }
        assert!(records >= self.acknowledged, "{records} are there, {} were promised", self.acknowledged);
        let report = verify(&shared, STORE, self.origin, |_| ()).expect("a sound disk reads");
        assert_eq!(report.damage, Vec::new(), "verify finds no damage");
        assert_eq!(report.records, records - before);
        assert_eq!(report.blocks, blocks.len() as u64);
        assert_eq!(report.last_seq.map_or(before, Seq::get), records);
        assert_eq!(report.chain_head, self.chain_at(records), "the links follow from the records alone");
        // By place and from the middle the same comes back.
        if let Some(block) = blocks.get(blocks.len() / 2) {
            let again = reader.read_block(&block.reference).expect("a block is where it was");
            assert!(again.records().eq(block.records()));
            let from = block.reference.last_seq();
            match reader.cursor(from).next().expect("a sound disk reads") {
                Some(ScanItem::Block(found)) => assert_eq!(found.reference, block.reference),
                other => panic!("a cursor from {from} begins with its block, not {other:?}"),
            }
        }
        records
    }

    /// As [`check`](Self::check), and everything that was submitted is there.
    pub fn check_all(&self, storage: &SimStorage) {
        assert_eq!(self.check(storage), self.submitted(), "everything submitted is there");
    }
}
