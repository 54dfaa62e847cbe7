//! Target of the journal: one segment file of any bytes, through reading, recovery and writing on.

use std::sync::Arc;

use flightrec_journal::{
    Batch, Compression, JournalReport, Origin, Prepare, Reader, ScanItem, Seq, Storage, StoreId, Writer, WriterOptions,
    verify,
};

use crate::memory::MemoryStorage;

const STORE: StoreId = StoreId::from_bytes([7; 16]);

fn genesis() -> Origin {
    Origin::genesis(STORE)
}

/// Every record that a seed holds or that this target writes: no digest vouches for any other.
const KNOWN: [&[u8]; 3] = [b"a record", &[b'x'; 300], b"written on"];

/// Where the first segment lies; a test holds it to what the writer makes.
const SEGMENT: &str = "journal/0000000001.frj";

fn options(compression: Compression) -> WriterOptions {
    WriterOptions {
        first_segment_bytes: 16 << 10,
        max_segment_bytes: 16 << 10,
        grow_bytes: 4 << 10,
        compression,
        prepare: Prepare::Inline,
    }
}

/// Reading changes nothing, invents nothing and agrees with itself; writing on loses no sound record, and what a second
/// writer finds needs no repair.
pub(crate) fn segment(data: &[u8]) {
    let memory = Arc::new(MemoryStorage::with(SEGMENT, data));
    let storage: Arc<dyn Storage> = Arc::clone(&memory) as Arc<dyn Storage>;
    let before = memory.image();
    let Ok(report) = verify(&storage, STORE, genesis(), |_| ()) else {
        return;
    };
    assert_eq!(records_by_cursor(&storage), Some(report.records), "two ways of reading disagree");
    assert_eq!(before, memory.image(), "reading has written");

    if let Some(after) = write_on(&storage) {
        assert_eq!(after.records, report.records + 1, "writing on has lost or invented a record");
        assert!(after.torn_tail.is_none(), "a torn tail outlived the writer");
        assert_eq!(records_by_cursor(&storage), Some(after.records), "two ways of reading disagree");
        let (_, recovery) = Writer::open(Arc::clone(&storage), STORE, genesis(), options(Compression::Off))
            .expect("what a writer has closed can be opened");
        assert_eq!((recovery.was_clean, recovery.truncated_bytes), (true, 0), "a closed log needs repair");
    }
}

/// How many records a cursor meets; `None` if it cannot read on.
fn records_by_cursor(storage: &Arc<dyn Storage>) -> Option<u64> {
    let mut cursor = Reader::open(Arc::clone(storage), STORE, genesis()).ok()?.cursor(Seq::FIRST);
    let mut records = 0;
    loop {
        match cursor.next().ok()? {
            Some(ScanItem::Block(block)) => {
                for (seq, record) in block.records() {
                    assert!(KNOWN.contains(&record), "record {seq} is invented");
                    records += 1;
                }
            }
            Some(ScanItem::Damage(_)) => {}
            None => return Some(records),
        }
    }
}

/// Opens for writing, adds one record and closes; `None` if the writer refuses these bytes.
fn write_on(storage: &Arc<dyn Storage>) -> Option<JournalReport> {
    let (mut writer, _) = Writer::open(Arc::clone(storage), STORE, genesis(), options(Compression::Zstd(1))).ok()?;
    let mut batch = Batch::new(1);
    batch.push(KNOWN[2]);
    writer.append(&batch).ok()?;
    writer.close().ok()?;
    Some(verify(storage, STORE, genesis(), |_| ()).expect("what a writer has closed can be read"))
}

/// A closed segment, one that a killed writer left, and one with compressed blocks.
pub(crate) fn segment_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for compression in [Compression::Off, Compression::Zstd(1)] {
        for closed in [true, false] {
            let memory = Arc::new(MemoryStorage::default());
            write_seed(Arc::clone(&memory) as Arc<dyn Storage>, compression, closed)
                .expect("memory takes a small segment");
            let mut files = memory.image();
            seeds.push(files.remove(SEGMENT).expect("the first segment has this name"));
        }
    }
    seeds
}

fn write_seed(
    storage: Arc<dyn Storage>,
    compression: Compression,
    closed: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let (mut writer, _) = Writer::open(storage, STORE, genesis(), options(compression))?;
    for stamp_us in 0..3 {
        let mut batch = Batch::new(stamp_us);
        batch.push(KNOWN[0]);
        batch.push(KNOWN[1]);
        writer.append(&batch)?;
        writer.sync()?;
    }
    if closed {
        writer.close()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Numbers, mutate};

    fn holding(data: &[u8]) -> Arc<dyn Storage> {
        Arc::new(MemoryStorage::with(SEGMENT, data))
    }

    #[test]
    fn seeds_are_sound_and_can_be_written_on() {
        for seed in segment_seeds() {
            let storage = holding(&seed);
            assert_eq!(verify(&storage, STORE, genesis(), |_| ()).unwrap().records, 6);
            assert_eq!(write_on(&storage).unwrap().records, 7);
        }
    }

    #[test]
    fn mutations_reach_both_damage_and_the_writer() {
        let seeds = segment_seeds();
        let mut numbers = Numbers::named("reach");
        let (mut damaged, mut written, mut torn) = (0, 0, 0);
        for round in 0..2_000 {
            let mut data = seeds[round % seeds.len()].clone();
            mutate(&mut data, &seeds[0], &mut numbers);
            let storage = holding(&data);
            let Ok(report) = verify(&storage, STORE, genesis(), |_| ()) else { continue };
            damaged += u32::from(!report.damage.is_empty());
            torn += u32::from(report.torn_tail.is_some());
            written += u32::from(write_on(&storage).is_some());
        }
        assert!(damaged > 100 && torn > 10 && written > 100, "{damaged} damaged, {torn} torn, {written} written on");
        println!("{damaged} damaged, {torn} torn, {written} written on");
    }
}
