//! Damage on a real disk: found, bounded, left in place.

use flightrec_journal::{DamageKind, ReadError, ScanItem, Seq};

use crate::common::{Store, batch, noise, small};

#[test]
fn a_flipped_byte_loses_its_block_alone_and_stays_reported() {
    let store = Store::new();
    let mut writer = store.writer();
    let mut blocks = Vec::new();
    for number in 0..9 {
        blocks.push(writer.append(&batch([noise(number, 200), noise(number, 20)])).unwrap());
        writer.sync().unwrap();
    }
    drop(writer);
    let bad = blocks[4];
    for at in [0, 9, 30, 60, 100, 120, 144, bad.stored_bytes - 1] {
        let mut bytes = std::fs::read(store.segment(bad.segment.get())).unwrap();
        let place = (bad.offset + at) as usize;
        bytes[place] ^= 0x10;
        std::fs::write(store.segment(bad.segment.get()), &bytes).unwrap();

        let report = store.verify();
        assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
        let damage = &report.damage[0];
        assert_eq!(damage.kind, DamageKind::BadBlock);
        assert_eq!((damage.segment, damage.offset), (bad.segment, bad.offset));
        assert_eq!((damage.seq_from, damage.seq_to), (Some(Seq::new(9)), Some(Seq::new(10))));
        assert_eq!(report.records, 16);
        let read = store.reader().read_block(&bad);
        assert!(matches!(read, Err(ReadError::Damaged(_))), "byte {at}");
        assert!(store.reader().read_block(&blocks[5]).is_ok());

        let (writer, recovery) = store.writer_with(small());
        assert_eq!(recovery.damage, report.damage);
        assert_eq!((recovery.truncated_bytes, writer.next_seq()), (0, Seq::new(19)));
        drop(writer);
        let after = std::fs::read(store.segment(bad.segment.get())).unwrap();
        assert_eq!(after, bytes, "nothing is repaired or removed");
        bytes[place] ^= 0x10;
        std::fs::write(store.segment(bad.segment.get()), &bytes).unwrap();
    }
    assert!(store.verify().damage.is_empty());
}

#[test]
fn a_cursor_goes_on_behind_damage() {
    let store = Store::new();
    let mut writer = store.writer();
    for number in 0..60 {
        writer.append(&batch([noise(number, 1_000)])).unwrap();
    }
    writer.close().unwrap();
    let mut bytes = std::fs::read(store.segment(2)).unwrap();
    bytes[5_000..9_000].fill(0xaa);
    std::fs::write(store.segment(2), &bytes).unwrap();
    let mut cursor = store.reader().cursor(Seq::FIRST);
    let (mut records, mut lost) = (0, 0);
    while let Some(item) = cursor.next().unwrap() {
        match item {
            ScanItem::Block(block) => {
                records += 1;
                let (seq, record) = block.records().next().unwrap();
                assert_eq!(record, noise(seq.get() - 1, 1_000));
            }
            ScanItem::Damage(damage) => {
                lost += damage.seq_to.unwrap().get() - damage.seq_from.unwrap().get() + 1;
            }
        }
    }
    assert!(lost >= 4);
    assert_eq!(records + lost, 60, "every record is served or reported");
}

#[test]
fn a_lost_block_before_an_end_marker_breaks_no_chain() {
    let store = Store::new();
    let mut writer = store.writer();
    let mut blocks = Vec::new();
    for number in 0..4 {
        blocks.push(writer.append(&batch([noise(number, 200)])).unwrap());
        match number {
            0 => {}
            1 => drop(writer.roll_now().unwrap()),
            _ => {
                writer.close().unwrap();
                writer = store.writer();
            }
        }
    }
    writer.close().unwrap();
    for (number, bad) in blocks.iter().enumerate() {
        let path = store.segment(bad.segment.get());
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[(bad.offset + bad.stored_bytes - 1) as usize] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let report = store.verify();
        assert_eq!(report.damage.len(), 1, "block {number}: {:?}", report.damage);
        assert_eq!((report.damage[0].kind, report.records), (DamageKind::BadBlock, 3));
        std::fs::write(&path, whole).unwrap();
    }
}
