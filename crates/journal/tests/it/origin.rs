//! A log that begins later than at its first segment.

use std::fs;
use std::sync::Arc;

use flightrec_journal::{
    BlockRef, ChainHash, DamageKind, OpenError, Origin, ReadError, Reader, ScanItem, SegmentId, Seq, StoreId, Writer,
    remove_before,
};

use crate::common::{STORE, Store, batch, drain, genesis, noise, small};

/// Blocks of one record, three in each of four segments, all closed.
struct Four {
    store: Store,
    blocks: Vec<BlockRef>,
    /// The origins behind segments 1, 2 and 3.
    origins: Vec<Origin>,
    head: ChainHash,
}

impl Four {
    fn new() -> Self {
        let store = Store::new();
        let mut writer = store.writer();
        let (mut blocks, mut origins) = (Vec::new(), Vec::new());
        for number in 0..12 {
            if number > 0 && number % 3 == 0 {
                origins.push(writer.roll_now().expect("a healthy disk"));
            }
            blocks.push(writer.append(&batch([noise(number, 300)])).expect("a healthy disk"));
        }
        let head = writer.chain_head();
        writer.close().expect("a healthy disk");
        Self { store, blocks, origins, head }
    }

    /// Everything that can be asked of a log that begins with segment 3.
    fn assert_begins_at_three(&self) {
        let origin = self.origins[1];
        assert_eq!((origin.segment, origin.seq), (SegmentId::new(3), Seq::new(7)));
        let reader = self.reader(origin);
        let ids: Vec<_> = reader.segments().expect("a healthy disk").iter().map(|segment| segment.id.get()).collect();
        assert_eq!(ids, [3, 4]);
        for from in [1, 6, 7, 9, 10, 12] {
            let records = drain(&mut reader.cursor(Seq::new(from)));
            let first = from.max(7);
            let seqs: Vec<_> = records.iter().map(|(seq, _)| seq.get()).collect();
            assert_eq!(seqs, (first..=12).collect::<Vec<_>>(), "from {from}");
            assert!(records.iter().all(|(seq, record)| *record == noise(seq.get() - 1, 300)), "from {from}");
        }
        assert!(reader.read_block(&self.blocks[6]).is_ok());
        let before = reader.read_block(&self.blocks[5]).expect_err("it lies before");
        assert!(
            matches!(before, ReadError::BeforeOrigin { segment, origin } if segment.get() == 2 && origin.get() == 3)
        );
        let report = self.store.verify_from(origin);
        assert_eq!(report.damage, []);
        assert_eq!((report.segments, report.records), (2, 6));
        assert_eq!((report.first_seq, report.last_seq), (Some(Seq::new(7)), Some(Seq::new(12))));
        assert_eq!(report.chain_head, self.head);
    }

    fn reader(&self, origin: Origin) -> Reader {
        Reader::open(Arc::clone(&self.store.storage), STORE, origin).expect("the log opens")
    }

    fn writer(&self, origin: Origin) -> (Writer, flightrec_journal::Recovery) {
        Writer::open(Arc::clone(&self.store.storage), STORE, origin, small()).expect("the log opens")
    }

    fn remove(&self, segment: u64) {
        fs::remove_file(self.store.segment(segment)).expect("the segment is there");
    }
}

#[test]
fn sealed_segments_tell_the_origin_behind_them() {
    let four = Four::new();
    let told = four.store.reader().origins().unwrap();
    assert_eq!(told.iter().map(|(segment, _)| segment.id.get()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(told.iter().map(|(_, origin)| *origin).collect::<Vec<_>>(), four.origins);
    for (segment, origin) in &told {
        let last = &four.blocks[origin.seq.get() as usize - 2];
        assert_eq!((last.segment, origin.segment), (segment.id, segment.id.plus(1)));
        let block = four.store.reader().read_block(last).unwrap();
        assert_eq!(block.chain, origin.chain, "the link of the last block before");
    }
    assert_eq!(four.reader(four.origins[1]).origins().unwrap(), told[2..]);
    assert_eq!(Store::new().reader().origins().unwrap(), []);
}

#[test]
fn a_segment_that_is_not_sealed_soundly_tells_none() {
    let four = Four::new();
    let told =
        |four: &Four| four.store.reader().origins().unwrap().iter().map(|(one, _)| one.id.get()).collect::<Vec<_>>();
    let whole = fs::read(four.store.segment(2)).unwrap();
    for at in [whole.len() - 1, whole.len() - 144, 40] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(four.store.segment(2), &bytes).unwrap();
        assert_eq!(told(&four), if at == 40 { vec![3] } else { vec![1, 3] }, "byte {at}");
    }
    let mut longer = whole.clone();
    longer.resize(whole.len() + 4096, 0);
    fs::write(four.store.segment(2), &longer).unwrap();
    assert_eq!(told(&four), [1, 3], "its end is not cut yet");
    fs::write(four.store.segment(2), &whole).unwrap();
    four.remove(3);
    assert_eq!(told(&four), [1]);
}

#[test]
fn an_older_copy_of_a_segment_tells_no_origin() {
    let store = Store::new();
    let mut writer = store.writer();
    writer.append(&batch([b"one"])).unwrap();
    writer.close().unwrap();
    let closed = fs::read(store.segment(1)).unwrap();
    let mut writer = store.writer();
    writer.roll_now().unwrap();
    writer.close().unwrap();
    let second = fs::read(store.segment(2)).unwrap();
    let origins = |store: &Store| store.reader().origins().unwrap().len();
    assert_eq!(origins(&store), 1);
    fs::write(store.segment(1), &closed).unwrap();
    assert_eq!(origins(&store), 0, "the end of a log is not the end of a segment");

    fs::remove_file(store.segment(2)).unwrap();
    let mut writer = store.writer();
    writer.append(&batch([b"two"])).unwrap();
    writer.roll_now().unwrap();
    writer.close().unwrap();
    assert_eq!(origins(&store), 1);
    fs::write(store.segment(2), &second).unwrap();
    assert_eq!(origins(&store), 0, "the next segment continues something else");
}

#[test]
fn a_log_reads_and_verifies_and_is_written_on_without_its_first_segments() {
    let four = Four::new();
    let origin = four.origins[1];
    assert_eq!(remove_before(&*four.store.storage, origin.segment).unwrap(), 2);
    assert_eq!(remove_before(&*four.store.storage, origin.segment).unwrap(), 0, "again it has nothing to do");
    assert!(!four.store.segment(1).exists() && !four.store.segment(2).exists());
    four.assert_begins_at_three();

    let (mut writer, recovery) = four.writer(origin);
    assert_eq!((recovery.was_clean, recovery.last_seq), (true, Some(Seq::new(12))));
    assert_eq!(recovery.damage, []);
    let block = writer.append(&batch([b"next"])).unwrap();
    assert_eq!((block.segment.get(), block.first_seq.get()), (4, 13));
    drop(writer);
    let (writer, recovery) = four.writer(origin);
    assert_eq!((recovery.damage, writer.next_seq()), (Vec::new(), Seq::new(14)));
    writer.close().unwrap();
    assert_eq!(four.store.verify_from(origin).records, 7);

    let without_it = store_damage(&four.store);
    assert_eq!(
        without_it,
        (DamageKind::MissingSegment, Some(Seq::FIRST), Some(Seq::new(6))),
        "the beginning is missed"
    );
}

/// The first damage that a log has for those who do not know its origin.
fn store_damage(store: &Store) -> (DamageKind, Option<Seq>, Option<Seq>) {
    let damage = &store.verify().damage[0];
    (damage.kind, damage.seq_from, damage.seq_to)
}

#[test]
fn what_lies_before_the_origin_is_not_looked_at() {
    let four = Four::new();
    four.assert_begins_at_three();
    four.remove(2);
    four.assert_begins_at_three();
    fs::write(four.store.segment(1), b"not a segment").unwrap();
    four.assert_begins_at_three();
    let (writer, recovery) = four.writer(four.origins[1]);
    assert_eq!((recovery.was_clean, recovery.damage), (true, Vec::new()));
    writer.close().unwrap();
    assert_eq!(fs::read(four.store.segment(1)).unwrap(), b"not a segment");
    assert_eq!(remove_before(&*four.store.storage, SegmentId::new(3)).unwrap(), 1);
    four.assert_begins_at_three();
}

#[test]
fn a_reader_moves_to_another_origin() {
    let four = Four::new();
    let reader = four.store.reader();
    assert_eq!(reader.origin(), genesis());
    let later = reader.at(four.origins[2]);
    assert_eq!(later.origin(), four.origins[2]);
    assert_eq!(drain(&mut later.cursor(Seq::FIRST)).len(), 3);
    assert_eq!(drain(&mut reader.cursor(Seq::FIRST)).len(), 12, "the first is as it was");
}

#[test]
fn the_segment_of_the_origin_has_to_be_there() {
    let four = Four::new();
    let origin = four.origins[1];
    four.remove(3);
    let report = four.store.verify_from(origin);
    let [damage] = &report.damage[..] else { panic!("{:?}", report.damage) };
    assert_eq!((damage.kind, damage.segment), (DamageKind::MissingSegment, origin.segment));
    assert_eq!((damage.seq_from, damage.seq_to), (Some(Seq::new(7)), Some(Seq::new(9))));
    assert_eq!(report.records, 3);
    let (writer, recovery) = four.writer(origin);
    assert_eq!(recovery.damage, report.damage);
    assert_eq!(writer.next_seq(), Seq::new(13), "the log goes on where it ended");
    writer.close().unwrap();
}

#[test]
fn a_log_of_which_nothing_is_left_goes_on_behind() {
    let four = Four::new();
    let origin = four.origins[1];
    four.remove(3);
    four.remove(4);
    let mut cursor = four.reader(origin).cursor(Seq::FIRST);
    for call in 0..3 {
        let item = cursor.next().unwrap();
        let told =
            matches!(&item, Some(ScanItem::Damage(one)) if one.seq_from == Some(origin.seq) && one.seq_to.is_none());
        assert_eq!(told, call == 0, "{item:?}");
        assert_eq!(item.is_none(), call > 0, "damage is told once");
    }
    let report = four.store.verify_from(origin);
    assert_eq!(report.damage.iter().map(|one| one.kind).collect::<Vec<_>>(), [DamageKind::MissingSegment]);
    assert_eq!((report.records, report.chain_head), (0, origin.chain));

    let (mut writer, recovery) = four.writer(origin);
    assert_eq!(recovery.damage, report.damage);
    assert_eq!((recovery.was_clean, recovery.last_seq), (false, Some(Seq::new(6))));
    assert_eq!((writer.next_seq(), writer.chain_head()), (origin.seq, origin.chain));
    let block = writer.append(&batch([b"next"])).unwrap();
    assert_eq!((block.segment.get(), block.first_seq), (4, origin.seq));
    writer.close().unwrap();
    assert_eq!(fs::read(four.store.segment(4)).unwrap()[12..16], [1, 0, 0, 0], "begun behind damage");
    assert_eq!(drain(&mut cursor), [(origin.seq, b"next".to_vec())]);
    for _ in 0..2 {
        let report = four.store.verify_from(origin);
        assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
        assert_eq!((report.damage[0].seq_from, report.damage[0].seq_to), (Some(origin.seq), None));
        assert_eq!(report.records, 1);
        four.writer(origin).0.close().unwrap();
    }
}

#[test]
fn the_first_segment_has_to_continue_the_origin() {
    let four = Four::new();
    let origin = four.origins[1];
    let other = ChainHash::from_bytes([9; 32]);
    let cases = [
        (Origin { seq: Seq::new(5), ..origin }, DamageKind::SeqGap, Some((5, 6)), 6),
        (Origin { chain: other, ..origin }, DamageKind::ChainBroken, None, 6),
        (Origin { segment: SegmentId::new(4), ..origin }, DamageKind::SeqGap, Some((7, 9)), 3),
        (Origin { segment: SegmentId::new(2), ..origin }, DamageKind::SeqRepeated, None, 6),
    ];
    for (wrong, kind, lost, records) in cases {
        let report = four.store.verify_from(wrong);
        let first = &report.damage[0];
        assert_eq!((first.kind, first.segment, first.offset), (kind, wrong.segment, 0), "{wrong:?}");
        assert_eq!(first.seq_from.zip(first.seq_to), lost.map(|(from, to)| (Seq::new(from), Seq::new(to))));
        assert_eq!(report.records, records, "{wrong:?}: only what continues the origin is served");
        assert!(report.damage.iter().all(|one| one.kind == kind), "{:?}", report.damage);
        let (writer, recovery) = four.writer(wrong);
        assert_eq!(recovery.damage[0], *first);
        assert_eq!(writer.next_seq(), Seq::new(13));
        writer.close().unwrap();
    }
}

#[test]
fn a_log_that_ends_before_its_origin_goes_on_at_the_origin() {
    for segment in [2, 4] {
        let four = Four::new();
        let origin =
            Origin { segment: SegmentId::new(segment), seq: Seq::new(100), chain: ChainHash::from_bytes([9; 32]) };
        let (mut writer, recovery) = four.writer(origin);
        assert_eq!(recovery.damage[0].kind, DamageKind::SeqRepeated);
        let block = writer.append(&batch([b"next"])).unwrap();
        assert_eq!((block.segment.get(), block.first_seq), (5, origin.seq), "no number before the origin is given");
        writer.close().unwrap();
        let mut cursor = four.reader(origin).cursor(Seq::FIRST);
        let (mut seen, mut damage) = (Vec::new(), 0);
        while let Some(item) = cursor.next().unwrap() {
            match item {
                ScanItem::Block(block) => seen.extend(block.records().map(|(seq, record)| (seq, record.to_vec()))),
                ScanItem::Damage(_) => damage += 1,
            }
        }
        assert_eq!(seen, [(origin.seq, b"next".to_vec())]);
        assert!(damage > 0);
        let (writer, _) = four.writer(origin);
        assert_eq!(writer.next_seq(), Seq::new(101));
    }
}

#[test]
fn a_cursor_at_the_end_of_a_removed_segment_reads_on() {
    let store = Store::new();
    let mut writer = store.writer();
    let mut cursor = store.reader().cursor(Seq::FIRST);
    for round in 0..6 {
        writer.append(&batch([noise(round, 400)])).unwrap();
        assert_eq!(drain(&mut cursor).len(), 1);
        let origin = writer.roll_now().unwrap();
        if round % 2 == 0 {
            writer.append(&batch([noise(100 + round, 400)])).unwrap();
        }
        assert_eq!(remove_before(&*store.storage, origin.segment).unwrap(), 1);
        assert_eq!(drain(&mut cursor).len(), usize::from(round % 2 == 0));
    }
}

#[test]
fn a_cursor_that_comes_too_late_is_told_what_it_missed() {
    let store = Store::new();
    let mut writer = store.writer();
    writer.append(&batch([noise(1, 400)])).unwrap();
    let mut cursor = store.reader().cursor(Seq::FIRST);
    assert_eq!(drain(&mut cursor).len(), 1);
    for number in 2..5 {
        writer.roll_now().unwrap();
        writer.append(&batch([noise(number, 400)])).unwrap();
    }
    remove_before(&*store.storage, SegmentId::new(4)).unwrap();
    let Some(ScanItem::Damage(damage)) = cursor.next().unwrap() else { panic!("segments 2 and 3 are gone") };
    assert_eq!(damage.kind, DamageKind::MissingSegment);
    assert_eq!((damage.seq_from, damage.seq_to), (Some(Seq::new(2)), Some(Seq::new(3))));
    assert_eq!(drain(&mut cursor)[0].0, Seq::new(4));
}

#[test]
fn a_forced_roll_needs_a_block_and_does_not_make_segments_grow() {
    let store = Store::new();
    let mut writer = store.writer();
    assert_eq!(writer.roll_now().unwrap(), genesis(), "an empty log stays at its beginning");
    let first_len = store.reader().segments().unwrap()[0].len;
    for round in 1..6_u64 {
        writer.append(&batch([b"small"])).unwrap();
        let origin = writer.roll_now().unwrap();
        assert_eq!(
            origin,
            Origin { segment: SegmentId::new(round + 1), seq: Seq::new(round + 1), chain: writer.chain_head() }
        );
        assert_eq!(writer.roll_now().unwrap(), origin, "nothing came since");
        assert_eq!(writer.durable_seq(), Some(Seq::new(round)), "a roll makes all durable");
        let segments = store.reader().segments().unwrap();
        assert_eq!((segments.len() as u64, segments.last().unwrap().len), (round + 1, first_len));
    }
    writer.close().unwrap();
    let mut writer = store.writer();
    let origin = writer.roll_now().unwrap();
    assert_eq!(origin.segment.get(), 6, "an end marker is no block");
    writer.append(&batch([b"more"])).unwrap();
    writer.close().unwrap();
    let mut writer = store.writer();
    assert_eq!(writer.roll_now().unwrap().segment.get(), 7, "what was closed can be ended too");
    writer.close().unwrap();
    assert_eq!((store.verify().records, store.verify().damage), (6, Vec::new()));
}

#[test]
fn only_segments_from_the_origin_on_decide_whose_log_it_is() {
    let four = Four::new();
    let other = StoreId::from_bytes([9; 16]);
    let foreign = Store::new();
    Writer::open(Arc::clone(&foreign.storage), other, Origin::genesis(other), small()).unwrap().0.close().unwrap();
    fs::copy(foreign.segment(1), four.store.segment(1)).unwrap();
    four.assert_begins_at_three();
    fs::copy(foreign.segment(1), four.store.segment(3)).unwrap();
    four.remove(4);
    let refused = Writer::open(Arc::clone(&four.store.storage), STORE, four.origins[1], small()).map(|_| ());
    assert!(matches!(refused, Err(OpenError::ForeignStore { found, .. }) if found == other));
}
