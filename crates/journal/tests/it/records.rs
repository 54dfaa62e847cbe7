//! Any records come back byte for byte.

use flightrec_journal::{Batch, Compression, Seq, WriterOptions};
use proptest::prelude::*;

use crate::common::{Store, drain, small};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_goes_in_comes_out(
        batches in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 1..6),
            1..12,
        ),
        plain in any::<bool>(),
        from in 1..40_u64,
    ) {
        let store = Store::new();
        let compression = if plain { Compression::Off } else { Compression::Zstd(3) };
        let (mut writer, _) = store.writer_with(WriterOptions { compression, ..small() });
        let mut all = Vec::new();
        for records in &batches {
            let mut batch = Batch::new(all.len() as i64);
            for record in records {
                batch.push(record);
            }
            writer.append(&batch).unwrap();
            all.extend(records.iter().cloned());
        }
        writer.close().unwrap();
        let read = drain(&mut store.reader().cursor(Seq::FIRST));
        prop_assert_eq!(read.len(), all.len());
        for (number, (seq, record)) in read.iter().enumerate() {
            prop_assert_eq!(seq.get(), number as u64 + 1);
            prop_assert_eq!(record, &all[number]);
        }
        let late = drain(&mut store.reader().cursor(Seq::new(from)));
        prop_assert!(late.iter().filter(|(seq, _)| seq.get() >= from).eq(read.iter().skip(from as usize - 1)));
    }
}
