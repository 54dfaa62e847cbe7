//! The journal's blocks behind the rows of a segment: what the hash chain needs beside the records.
//!
//! With the table and the rows every link of the chain can be computed again, record by record, although the journal's
//! own bytes are gone. Where retention has forgotten records, their hashes stand in for them; where it has forgotten a
//! whole block, the chain is not proven across it. The links are in the table as well, so that a position can be compared
//! with a link that was kept elsewhere without reading a row.
//!
//! ```text
//! byte    version, 1
//! varint  first seq, varint number of blocks; then each block:
//! varint  count * 4 + form: 0 all its records are rows, 1 some are, 2 none is
//! zigzag  stamp less that of the block before
//! 32      its link
//! form 1  varint forgotten records; each: varint places since the last one, 32 bytes of hash
//! ```
//! The bytes are one zstd frame, and base64 in the footer's `flightrec.blocks`.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flightrec_journal::{ChainHash, LinkHasher, RecordHash, Seq};

use crate::varint::{Decoded, read_byte, read_varint, take, unzigzag, write_varint, zigzag};

const VERSION: u8 = 1;
/// More than the table of any segment: a longer one is not ours.
const MAX_BYTES: u64 = 1 << 30;
const ZSTD_LEVEL: i32 = 9;

const WHOLE: u64 = 0;
const PARTLY: u64 = 1;
const GONE: u64 = 2;

/// One block of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEntry {
    /// The position of its first record.
    pub first_seq: Seq,
    /// How many records it had.
    pub count: u32,
    /// Its writer's clock: the rows' `recorded_at`, in microseconds since 1970.
    pub stamp_us: i64,
    /// Its link in the hash chain.
    pub link: ChainHash,
    /// Which of its records are left.
    pub records: Kept,
}

/// Which records of a block are rows of the segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// All of them.
    All,
    /// All but these, which retention has forgotten, rising.
    Some(Vec<(Seq, RecordHash)>),
    /// None: of the block only its link is left.
    None,
}

impl BlockEntry {
    /// The position behind its last record.
    pub fn next_seq(&self) -> Seq {
        self.first_seq.plus(u64::from(self.count))
    }

    /// The link that follows from `prev` and its records; `row` gives the hash of a record that is a row of the segment. `None` where it does not.
    pub fn link_after(&self, prev: ChainHash, mut row: impl FnMut(Seq) -> Option<RecordHash>) -> Option<ChainHash> {
        let forgotten = match &self.records {
            Kept::All => &[][..],
            Kept::Some(forgotten) => forgotten,
            Kept::None => return Some(self.link),
        };
        let mut forgotten = forgotten.iter().peekable();
        let mut hasher = LinkHasher::new(prev, self.first_seq, self.count, self.stamp_us);
        for place in 0..u64::from(self.count) {
            let seq = self.first_seq.plus(place);
            match forgotten.next_if(|(of, _)| *of == seq) {
                Some((_, hash)) => hasher.push(hash),
                None => hasher.push(&row(seq)?),
            }
        }
        Some(hasher.finish())
    }

    /// The positions of its records that were forgotten, rising.
    pub fn forgotten(&self) -> impl Iterator<Item = Seq> {
        let (all, some) = match &self.records {
            Kept::All => (0, &[][..]),
            Kept::Some(forgotten) => (0, &forgotten[..]),
            Kept::None => (u64::from(self.count), &[][..]),
        };
        (0..all).map(|place| self.first_seq.plus(place)).chain(some.iter().map(|(seq, _)| *seq))
    }

    /// How many of its records are rows.
    pub fn rows(&self) -> u64 {
        match &self.records {
            Kept::All => u64::from(self.count),
            Kept::Some(forgotten) => u64::from(self.count).saturating_sub(forgotten.len() as u64),
            Kept::None => 0,
        }
    }
}

/// The table as text for the footer.
pub(crate) fn to_text(blocks: &[BlockEntry]) -> std::io::Result<String> {
    Ok(STANDARD.encode(zstd::bulk::compress(&encode(blocks), ZSTD_LEVEL)?))
}

/// The table behind a text of the footer.
pub(crate) fn from_text(text: &str) -> Decoded<Vec<BlockEntry>> {
    let packed = STANDARD.decode(text).map_err(|_| "the table of blocks is no base64")?;
    let undone = "the table of blocks does not decompress";
    let mut bytes = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(&packed[..]).map_err(|_| undone)?;
    decoder.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|_| undone)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("the table of blocks is too long");
    }
    decode(&bytes)
}

fn encode(blocks: &[BlockEntry]) -> Vec<u8> {
    let mut out = vec![VERSION];
    write_varint(&mut out, blocks.first().map_or(1, |block| block.first_seq.get()));
    write_varint(&mut out, blocks.len() as u64);
    let mut stamp_before = 0;
    for block in blocks {
        let form = match block.records {
            Kept::All => WHOLE,
            Kept::Some(_) => PARTLY,
            Kept::None => GONE,
        };
        write_varint(&mut out, u64::from(block.count) * 4 + form);
        write_varint(&mut out, zigzag(block.stamp_us.wrapping_sub(stamp_before)));
        stamp_before = block.stamp_us;
        out.extend_from_slice(block.link.as_bytes());
        match &block.records {
            Kept::All | Kept::None => {}
            Kept::Some(forgotten) => {
                write_varint(&mut out, forgotten.len() as u64);
                let mut next = block.first_seq.get();
                for (seq, hash) in forgotten {
                    write_varint(&mut out, seq.get() - next);
                    next = seq.get() + 1;
                    out.extend_from_slice(hash.as_bytes());
                }
            }
        }
    }
    out
}

fn decode(mut bytes: &[u8]) -> Decoded<Vec<BlockEntry>> {
    let bytes = &mut bytes;
    if read_byte(bytes)? != VERSION {
        return Err("the table of blocks has an unknown version");
    }
    let mut first_seq = Seq::new(read_varint(bytes)?);
    let count = read_varint(bytes)?;
    let mut blocks = Vec::with_capacity(count.min(bytes.len() as u64) as usize);
    let mut stamp_us = 0_i64;
    for _ in 0..count {
        let head = read_varint(bytes)?;
        let count = u32::try_from(head / 4).ok().filter(|count| *count > 0).ok_or("a block has no size")?;
        stamp_us = stamp_us.wrapping_add(unzigzag(read_varint(bytes)?));
        let link = ChainHash::from_bytes(hash(bytes)?);
        let records = match head % 4 {
            WHOLE => Kept::All,
            PARTLY => Kept::Some(decode_forgotten(bytes, first_seq, count)?),
            GONE => Kept::None,
            _ => return Err("a block has an unknown form"),
        };
        let block = BlockEntry { first_seq, count, stamp_us, link, records };
        first_seq = block.next_seq();
        blocks.push(block);
    }
    if bytes.is_empty() { Ok(blocks) } else { Err("bytes follow the table of blocks") }
}

fn decode_forgotten(bytes: &mut &[u8], first_seq: Seq, count: u32) -> Decoded<Vec<(Seq, RecordHash)>> {
    let end = first_seq.plus(u64::from(count));
    let len = read_varint(bytes)?;
    let mut next = first_seq;
    let mut forgotten = Vec::new();
    for _ in 0..len {
        let seq = next.plus(read_varint(bytes)?);
        if seq >= end {
            return Err("a forgotten record lies outside its block");
        }
        forgotten.push((seq, RecordHash::from_bytes(hash(bytes)?)));
        next = seq.plus(1);
    }
    Ok(forgotten)
}

fn hash(bytes: &mut &[u8]) -> Decoded<[u8; 32]> {
    let mut hash = [0; 32];
    hash.copy_from_slice(take(bytes, 32)?);
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> impl Strategy<Value = Vec<BlockEntry>> {
        let block = (1_u32..40, any::<i64>(), 0_u8..3, prop::collection::vec((0_u64..40, any::<[u8; 32]>()), 0..4));
        (1_u64..1 << 40, prop::collection::vec(block, 0..20)).prop_map(|(first, blocks)| {
            let mut first_seq = Seq::new(first);
            let mut table = Vec::new();
            for (count, stamp_us, form, mut forgotten) in blocks {
                forgotten.retain(|(place, _)| *place < u64::from(count));
                forgotten.sort_unstable_by_key(|(place, _)| *place);
                forgotten.dedup_by_key(|(place, _)| *place);
                let hash = |(place, hash): (u64, [u8; 32])| (first_seq.plus(place), RecordHash::from_bytes(hash));
                let records = match form {
                    0 => Kept::All,
                    1 => Kept::Some(forgotten.into_iter().map(hash).collect()),
                    _ => Kept::None,
                };
                let link = ChainHash::from_bytes([count as u8; 32]);
                table.push(BlockEntry { first_seq, count, stamp_us, link, records });
                first_seq = first_seq.plus(u64::from(count));
            }
            table
        })
    }

    proptest! {
        #[test]
        fn a_table_comes_back(table in table()) {
            prop_assert_eq!(from_text(&to_text(&table).unwrap()).unwrap(), table);
        }

        #[test]
        fn cut_or_changed_bytes_never_panic(table in table(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = encode(&table);
            let at = at.index(bytes.len());
            prop_assert!(decode(&bytes[..at]).is_err());
            bytes[at] ^= 1 << bit;
            let _either = decode(&bytes);
            let _either = from_text(&String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn the_hashes_of_forgotten_records_stand_in_for_them() {
        let records: Vec<RecordHash> = (0..4_u8).map(|n| RecordHash::of(&[n])).collect();
        let prev = ChainHash::from_bytes([9; 32]);
        let whole = BlockEntry { first_seq: Seq::new(5), count: 4, stamp_us: 7, link: prev, records: Kept::All };
        let link = whole.link_after(prev, |seq| records.get(seq.get() as usize - 5).copied()).unwrap();
        let partly = BlockEntry { records: Kept::Some(vec![(Seq::new(6), records[1])]), ..whole.clone() };
        let rows = |seq: Seq| (seq.get() != 6).then(|| records[seq.get() as usize - 5]);
        assert_eq!(partly.link_after(prev, rows), Some(link));
        assert_eq!((whole.rows(), partly.rows()), (4, 3));
        assert_eq!(whole.link_after(prev, rows), None, "a record is missing");
        let gone = BlockEntry { link, records: Kept::None, ..whole };
        assert_eq!((gone.link_after(prev, |_| None), gone.rows()), (Some(link), 0));
    }
}
