//! Opening, writing, rolling, closing, opening again.

use flightrec_journal::Seq;

use crate::common::{Store, batch, drain, noise, small};

#[test]
fn a_log_survives_orderly_and_other_ends() {
    let store = Store::new();
    let mut written = 0;
    for round in 0..8 {
        let (mut writer, recovery) = store.writer_with(small());
        assert_eq!(recovery.last_seq.map_or(0, Seq::get), written);
        assert_eq!(recovery.damage, []);
        assert_eq!(recovery.was_clean, round == 0 || round % 2 == 1);
        for _ in 0..3 {
            let reference = writer.append(&batch([noise(written, 500), vec![]])).unwrap();
            assert_eq!((reference.first_seq.get(), reference.count), (written + 1, 2));
            written += 2;
        }
        assert_eq!(writer.sync().unwrap(), Some(Seq::new(written)));
        if round % 2 == 0 {
            writer.close().unwrap();
        }
    }
    let report = store.verify();
    assert_eq!((report.records, report.damage.len()), (written, 0));
    assert_eq!(report.torn_tail, None);
}

#[test]
fn segments_follow_one_another_and_are_sealed() {
    let store = Store::new();
    let mut writer = store.writer();
    let mut blocks = Vec::new();
    for number in 0..120 {
        blocks.push(writer.append(&batch([noise(number, 2_000)])).unwrap());
    }
    let head = writer.chain_head();
    assert_eq!(writer.sync().unwrap(), Some(Seq::new(120)));
    let reader = store.reader();
    let segments = reader.segments().unwrap();
    assert!(segments.len() > 4);
    for (number, segment) in segments.iter().enumerate() {
        assert_eq!(segment.id.get(), number as u64 + 1);
        assert_eq!(segment.sealed, number + 1 < segments.len());
    }
    for (number, reference) in blocks.iter().enumerate() {
        let block = reader.read_block(reference).unwrap();
        assert_eq!(block.record(reference.first_seq).unwrap(), noise(number as u64, 2_000));
        let records = drain(&mut reader.cursor(reference.first_seq));
        assert_eq!(records.len(), 120 - number);
        assert_eq!(records[0].0, reference.first_seq);
    }
    let report = store.verify();
    assert_eq!((report.chain_head, report.records), (head, 120));
    writer.close().unwrap();
    assert!(!store.dir.path().join("journal/next.frn").exists(), "nothing is left over");
}

#[test]
fn a_closed_log_has_no_byte_too_many_and_closing_twice_adds_none() {
    let store = Store::new();
    let mut writer = store.writer();
    writer.append(&batch([b"only"])).unwrap();
    writer.close().unwrap();
    let len = store.segment(1).metadata().unwrap().len();
    assert_eq!(len, 4096 + (144 + 5) + 144);
    store.writer().close().unwrap();
    assert_eq!(store.segment(1).metadata().unwrap().len(), len);
    drop(store.writer());
    let (writer, recovery) = store.writer_with(small());
    assert!(recovery.was_clean);
    assert_eq!(writer.next_seq(), Seq::new(2));
}

#[test]
fn a_torn_tail_is_cut_and_counted() {
    let store = Store::new();
    let mut writer = store.writer();
    writer.append(&batch([b"kept"])).unwrap();
    writer.sync().unwrap();
    let torn = writer.append(&batch([noise(1, 900)])).unwrap();
    drop(writer);
    let mut bytes = std::fs::read(store.segment(1)).unwrap();
    let middle = torn.offset as usize + 512;
    bytes[middle..].fill(0);
    std::fs::write(store.segment(1), bytes).unwrap();

    let report = store.verify();
    assert_eq!((report.records, report.damage.len()), (1, 0));
    assert_eq!(report.torn_tail.map(|torn| torn.offset), Some(torn.offset));

    let (mut writer, recovery) = store.writer_with(small());
    assert_eq!(recovery.truncated_bytes, 512);
    assert_eq!(recovery.truncated_at, Some((torn.segment, torn.offset)));
    assert_eq!(recovery.last_seq, Some(Seq::FIRST));
    assert!(!recovery.was_clean);
    assert_eq!(writer.append(&batch([b"next"])).unwrap().first_seq, Seq::new(2));
    drop(writer);
    let (_, recovery) = store.writer_with(small());
    assert_eq!(recovery.truncated_bytes, 0);
    let records: Vec<_> = drain(&mut store.reader().cursor(Seq::FIRST));
    assert_eq!(records[1].1, b"next");
}

#[test]
fn a_batch_larger_than_a_segment_gets_a_larger_one() {
    let store = Store::new();
    let mut writer = store.writer();
    writer.append(&batch([b"small"])).unwrap();
    let large = noise(7, 300_000);
    let reference = writer.append(&batch([&large])).unwrap();
    assert_eq!(reference.segment.get(), 2);
    writer.append(&batch([b"after"])).unwrap();
    writer.close().unwrap();
    let records = drain(&mut store.reader().cursor(Seq::FIRST));
    assert_eq!(records[1].1, large);
    assert_eq!(records[2].1, b"after");
}
