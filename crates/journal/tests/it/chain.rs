//! Links follow from the records alone.

use std::collections::BTreeMap;

use flightrec_journal::{
    Batch, ChainHash, Compression, DamageKind, LinkHasher, RecordHash, ScanItem, Seq, WriterOptions,
};
use sha2::{Digest, Sha256};

use crate::common::{STORE, Store, noise, small};

/// What is kept of a block when its records lie elsewhere.
struct Kept {
    first_seq: Seq,
    count: u32,
    stamp_us: i64,
}

#[test]
fn a_kept_link_is_proven_without_the_log() {
    let mut heads = Vec::new();
    for compression in [Compression::Zstd(1), Compression::Off] {
        let store = Store::new();
        let (mut writer, _) = store.writer_with(WriterOptions { compression, ..small() });
        for number in 0..40_u64 {
            let mut batch = Batch::new(number as i64 - 20);
            for part in 0..=number % 4 {
                let record = noise(number * 10 + part, 200 + number as usize);
                batch.push_hashed(&record, RecordHash::of(&record));
            }
            writer.append(&batch).unwrap();
            if number % 16 == 9 {
                writer.roll_now().unwrap();
            }
        }
        let head = writer.chain_head();
        writer.close().unwrap();
        assert_eq!(store.verify().chain_head, head, "an end marker does not move the chain");

        let (mut blocks, mut records) = (Vec::new(), BTreeMap::new());
        let mut cursor = store.reader().cursor(Seq::FIRST);
        let mut last = ChainHash::genesis(STORE);
        while let Some(ScanItem::Block(block)) = cursor.next().unwrap() {
            assert_eq!(block.prev, last);
            last = block.chain;
            let (first_seq, count) = (block.reference.first_seq, block.reference.count);
            blocks.push(Kept { first_seq, count, stamp_us: block.stamp_us });
            records.extend(block.records().map(|(seq, record)| (seq, record.to_vec())));
        }
        // One record was forgotten: its hash is left.
        let forgotten = Seq::new(17);
        let hash = RecordHash::of(&records.remove(&forgotten).unwrap());
        let mut chain = ChainHash::genesis(STORE);
        for block in &blocks {
            let mut link = LinkHasher::new(chain, block.first_seq, block.count, block.stamp_us);
            for number in 0..u64::from(block.count) {
                let seq = block.first_seq.plus(number);
                link.push(&if seq == forgotten { hash } else { RecordHash::of(&records[&seq]) });
            }
            chain = link.finish();
        }
        assert_eq!(chain, head);
        heads.push(head);
    }
    assert_eq!(heads[0], heads[1], "how blocks are compressed does not matter");
}

#[test]
fn a_record_under_a_right_digest_is_found_by_its_link() {
    let store = Store::new();
    let (mut writer, _) = store.writer_with(WriterOptions { compression: Compression::Off, ..small() });
    let block = writer.append(&crate::common::batch([b"one", b"two"])).unwrap();
    writer.append(&crate::common::batch([b"three"])).unwrap();
    let head = writer.chain_head();
    writer.close().unwrap();

    let mut bytes = std::fs::read(store.segment(1)).unwrap();
    let (start, end) = (block.offset as usize, (block.offset + block.stored_bytes) as usize);
    bytes[end - 1] = b'O';
    let mut digest = Sha256::new();
    digest.update(STORE.as_bytes());
    digest.update(1_u64.to_le_bytes());
    digest.update(block.offset.to_le_bytes());
    digest.update(&bytes[start..start + 112]);
    digest.update(&bytes[start + 144..end]);
    bytes[start + 112..start + 144].copy_from_slice(&digest.finalize());
    std::fs::write(store.segment(1), bytes).unwrap();

    let report = store.verify();
    let [damage] = &report.damage[..] else { panic!("{:?}", report.damage) };
    assert_eq!((damage.kind, damage.kind.name()), (DamageKind::BadLink, "bad_link"));
    assert_eq!((damage.segment, damage.offset), (block.segment, block.offset));
    assert_eq!((damage.seq_from, damage.seq_to), (Some(Seq::FIRST), Some(Seq::new(2))));
    assert_eq!((report.records, report.chain_head), (1, head), "what follows is sound");
}
