//! The hash chain: how a block's link follows from its records and the link before.
//!
//! A link is SHA-256 over the fields below, numbers little-endian. Nothing in it depends on how the records lie on disk:
//! it can be computed from the records alone, after their blocks are gone, and from their hashes alone, after records
//! are gone.
//!
//! | bytes | chained |
//! |---|---|
//! | 23 | the text `flightrec journal block` |
//! | 32 | link before |
//! | 8 | seq of the first record |
//! | 4 | number of records |
//! | 8 | stamp |
//! | 32 each | hash of each record, in order |

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::{Seq, StoreId, write_hex};
use crate::payload::take_record;
use crate::sabotage::{Sabotage, sabotaged};

const GENESIS_TEXT: &[u8] = b"flightrec journal chain";
const LINK_TEXT: &[u8] = b"flightrec journal block";

/// A SHA-256 value: a link of the hash chain.
///
/// Kept elsewhere together with the seq of its last record, a link proves later what the log held up to there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// Takes the 32 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The link that the first block of `store` continues: bound to the store, so that no log can be passed off as
    /// another's.
    pub fn genesis(store: StoreId) -> Self {
        let mut hash = Sha256::new();
        hash.update(GENESIS_TEXT);
        if !sabotaged(Sabotage::NoStoreBinding) {
            hash.update(store.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// The SHA-256 of one record's bytes: what a link takes of it.
///
/// ```
/// use flightrec_journal::RecordHash;
///
/// let hash = RecordHash::of(b"abc");
/// assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
/// assert_eq!(RecordHash::from_bytes(*hash.as_bytes()), hash);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHash([u8; 32]);

impl RecordHash {
    /// Hashes a record.
    pub fn of(record: &[u8]) -> Self {
        Self(Sha256::digest(record).into())
    }

    /// Takes the 32 bytes of a hash that was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Computes the link of one block from the hashes of its records, one after the other.
///
/// It is the same value that the writer put into the block, whether the records now lie in the log, in another form or
/// nowhere. Hashes in another order, or not as many as `count` says, give a link that no block has.
///
/// ```
/// # use std::sync::Arc;
/// use flightrec_journal::{
///     Batch, ChainHash, DiskStorage, LinkHasher, Origin, RecordHash, Seq, StoreId, Writer, WriterOptions,
/// };
///
/// # let dir = tempfile::tempdir()?;
/// # let storage = Arc::new(DiskStorage::new(dir.path()));
/// let store = StoreId::from_bytes([1; 16]);
/// let (mut writer, _) = Writer::open(storage, store, Origin::genesis(store), WriterOptions::default())?;
/// let mut batch = Batch::new(1_700_000_000_000_000);
/// batch.push(b"kept");
/// batch.push(b"forgotten");
/// writer.append(&batch)?;
///
/// let hash_that_was_kept = RecordHash::of(b"forgotten");
/// let mut link = LinkHasher::new(ChainHash::genesis(store), Seq::FIRST, 2, 1_700_000_000_000_000);
/// link.push(&RecordHash::of(b"kept"));
/// link.push(&hash_that_was_kept);
/// assert_eq!(link.finish(), writer.chain_head());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LinkHasher {
    hash: Sha256,
}

impl LinkHasher {
    /// Begins the link of a block that continues `prev` and holds `count` records from `first_seq` on; `stamp_us` is
    /// the batch's.
    pub fn new(prev: ChainHash, first_seq: Seq, count: u32, stamp_us: i64) -> Self {
        let mut hash = Sha256::new();
        hash.update(LINK_TEXT);
        hash.update(prev.as_bytes());
        hash.update(first_seq.get().to_le_bytes());
        hash.update(count.to_le_bytes());
        hash.update(stamp_us.to_le_bytes());
        Self { hash }
    }

    /// Adds the hash of the next record.
    pub fn push(&mut self, record: &RecordHash) {
        self.hash.update(record.as_bytes());
    }

    /// The link.
    pub fn finish(self) -> ChainHash {
        ChainHash(self.hash.finalize().into())
    }
}

/// The link that follows from a raw payload.
pub(crate) fn link_of_payload(prev: ChainHash, first_seq: Seq, count: u32, stamp_us: i64, mut raw: &[u8]) -> ChainHash {
    let mut link = LinkHasher::new(prev, first_seq, count, stamp_us);
    while let Some(record) = take_record(&mut raw) {
        link.push(&RecordHash::of(record));
    }
    link.finish()
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordHash({self})")
    }
}

impl fmt::Debug for LinkHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkHasher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::push_record;

    const PREV: ChainHash = ChainHash::from_bytes([8; 32]);

    fn link(prev: ChainHash, first_seq: u64, stamp_us: i64, records: &[&[u8]]) -> ChainHash {
        let mut link = LinkHasher::new(prev, Seq::new(first_seq), records.len() as u32, stamp_us);
        for record in records {
            link.push(&RecordHash::of(record));
        }
        link.finish()
    }

    #[test]
    fn the_drawing_is_what_is_hashed() {
        let page = include_str!("../../../docs/format.md");
        let rows = [
            "| 23 | the text `flightrec journal block` |",
            "| 32 | link before |",
            "| 8 | seq of the first record |",
            "| 4 | number of records |",
            "| 8 | stamp |",
            "| 32 each | hash of each record, in order |",
        ];
        let mut after = 0;
        for row in rows {
            assert!(include_str!("chain.rs").contains(&format!("//! {row}")), "the module draws {row}");
            after += page[after..].find(row).unwrap_or_else(|| panic!("docs/format.md draws {row} in its place"));
        }
        let mut bytes = b"flightrec journal block".to_vec();
        assert_eq!(bytes.len(), 23);
        bytes.extend_from_slice(&[8; 32]);
        bytes.extend_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[2, 0, 0, 0]);
        bytes.extend_from_slice(&(-5_i64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(b"one"));
        bytes.extend_from_slice(&Sha256::digest(b""));
        let want: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(link(PREV, 7, -5, &[b"one", b""]), ChainHash::from_bytes(want));
    }

    #[test]
    fn everything_that_is_said_of_a_block_is_in_its_link() {
        let records: [&[u8]; 2] = [b"one", b"two"];
        let links = [
            link(PREV, 7, 1, &records),
            link(ChainHash::from_bytes([9; 32]), 7, 1, &records),
            link(PREV, 8, 1, &records),
            link(PREV, 7, 2, &records),
            link(PREV, 7, 1, &[b"two", b"one"]),
            link(PREV, 7, 1, &[b"one"]),
            link(PREV, 7, 1, &[b"one", b"two", b""]),
            link(PREV, 7, 1, &[b"onetwo", b""]),
            ChainHash::genesis(StoreId::from_bytes([1; 16])),
            ChainHash::genesis(StoreId::from_bytes([2; 16])),
        ];
        let distinct: std::collections::HashSet<_> = links.iter().collect();
        assert_eq!(distinct.len(), links.len());
        let mut short = LinkHasher::new(PREV, Seq::new(7), 2, 1);
        short.push(&RecordHash::of(b"one"));
        assert!(!links.contains(&short.finish()), "a hash that is left out shows");
    }

    #[test]
    fn links_stay_as_they_were_published() {
        let genesis = ChainHash::genesis(StoreId::from_bytes([1; 16]));
        let first = link(genesis, 1, 1_700_000_000_000_000, &[b"first", b"second"]);
        assert_eq!(genesis.to_string(), "67da5063c19e405646894995aab72b0e581218e72994e4d3501ebdd59aec4c18");
        assert_eq!(first.to_string(), "db2fa8a7235ca3e25d97c1339b7c6d68a7016e76f915ced5aa39f22972958866");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn payload_and_hashes_give_the_same_link(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20),
            first_seq in 1..u64::MAX / 2,
            stamp_us in any::<i64>(),
        ) {
            let mut raw = Vec::new();
            for record in &records {
                push_record(&mut raw, record);
            }
            let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            let count = records.len() as u32;
            let by_payload = link_of_payload(PREV, Seq::new(first_seq), count, stamp_us, &raw);
            prop_assert_eq!(by_payload, link(PREV, first_seq, stamp_us, &slices));
        }
    }
}
