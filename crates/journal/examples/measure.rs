//! Measures the journal against the bare disk: `cargo run --release -p flightrec-journal --example measure [DIR]`.
//!
//! The two sides of each comparison take turns, so that a noisy machine is noisy for both; medians are shown.

use std::error::Error;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flightrec_journal::{
    Batch, ChainHash, Compression, DiskStorage, LinkHasher, Origin, RecordHash, Seq, StoreId, Writer, WriterOptions,
    verify,
};

const ROUNDS: usize = 2_000;
const RECORD_BYTES: usize = 450;
/// About what an event takes in its stored form.
const EVENT_BYTES: usize = 150;
const BATCH_BYTES: usize = 128 << 10;
const BATCHES: usize = 2_000;

#[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
fn now() -> Instant {
    Instant::now()
}

fn quantile(times: &mut [Duration], of_thousand: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * of_thousand / 1_000].as_secs_f64() * 1e6
}

/// A record of about the entropy of an event: ids and hashes are random, names repeat.
fn record(number: usize, len: usize) -> Vec<u8> {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
        bytes.extend_from_slice(b"session.state_change:reason=awaiting_input;model=");
    }
    bytes.truncate(len);
    bytes
}

/// What the hash chain costs a record, beside what it costs to compress, digest and write it.
#[expect(clippy::print_stdout, reason = "the figures are the output")]
fn measure_chain(dir: &Path) -> Result<(), Box<dyn Error>> {
    let storage = Arc::new(DiskStorage::new(dir.join("chain")));
    let store = StoreId::from_bytes([1; 16]);
    let (mut writer, _) = Writer::open(storage, store, Origin::genesis(store), WriterOptions::default())?;
    let records: Vec<Vec<u8>> = (0..BATCH_BYTES / EVENT_BYTES).map(|number| record(number, EVENT_BYTES)).collect();
    let mut hashes = vec![RecordHash::from_bytes([0; 32]); records.len()];
    let mut batch = Batch::new(0);
    let (mut hashing, mut linking, mut appending) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = now();
        for (hash, record) in hashes.iter_mut().zip(&records) {
            *hash = RecordHash::of(record);
        }
        hashing.push(start.elapsed());

        let start = now();
        let mut link = LinkHasher::new(ChainHash::genesis(store), Seq::FIRST, records.len() as u32, 0);
        for hash in &hashes {
            link.push(hash);
        }
        std::hint::black_box(link.finish());
        linking.push(start.elapsed());

        batch.clear(0);
        for (record, hash) in records.iter().zip(&hashes) {
            batch.push_hashed(record, *hash);
        }
        let start = now();
        writer.append(&batch)?;
        appending.push(start.elapsed());
    }
    writer.close()?;
    let each = |times: &mut [Duration]| quantile(times, 500) * 1e3 / records.len() as f64;
    let (hash, link, append) = (each(&mut hashing), each(&mut linking), each(&mut appending));
    println!(
        "the hash chain, {} records of {EVENT_BYTES} B a block, medians of {ROUNDS} rounds, in ns a record:",
        records.len()
    );
    println!("  hash of the record      {hash:.0}");
    println!("  its part of the link    {link:.0}");
    println!("  append, link included   {append:.0}");
    println!("  hash to append          {:.2}", hash / append);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(parent)?;
    let storage = Arc::new(DiskStorage::new(dir.path().join("store")));
    let store = StoreId::from_bytes([1; 16]);

    let raw = OpenOptions::new().write(true).create_new(true).open(dir.path().join("raw"))?;
    raw.write_all_at(&vec![0; 4 << 20], 0)?;
    raw.sync_all()?;
    let (mut writer, _) = Writer::open(storage.clone(), store, Origin::genesis(store), WriterOptions::default())?;
    let (mut bare, mut journal) = (Vec::new(), Vec::new());
    let mut batch = Batch::new(0);
    for round in 0..ROUNDS {
        let bytes = record(round, RECORD_BYTES);
        let start = now();
        raw.write_all_at(&bytes, (round * RECORD_BYTES) as u64)?;
        raw.sync_data()?;
        bare.push(start.elapsed());

        batch.clear(0);
        batch.push(&bytes);
        let start = now();
        writer.append(&batch)?;
        writer.sync()?;
        journal.push(start.elapsed());
    }
    let (p50_bare, p50) = (quantile(&mut bare, 500), quantile(&mut journal, 500));
    println!("append + sync of one {RECORD_BYTES} B record, {ROUNDS} rounds, in us:");
    println!("  bare write + fdatasync  p50 {p50_bare:.0}  p99 {:.0}", quantile(&mut bare, 990));
    println!("  journal                 p50 {p50:.0}  p99 {:.0}", quantile(&mut journal, 990));
    println!("  ratio of medians        {:.2}", p50 / p50_bare);
    writer.close()?;

    measure_chain(dir.path())?;
    for (name, compression) in [("zstd 1", Compression::Zstd(1)), ("off", Compression::Off)] {
        let storage = Arc::new(DiskStorage::new(dir.path().join(name)));
        let options = WriterOptions { compression, ..WriterOptions::default() };
        let (mut writer, _) = Writer::open(storage.clone(), store, Origin::genesis(store), options)?;
        batch.clear(0);
        let mut number = 0;
        while batch.bytes() < BATCH_BYTES {
            batch.push(&record(number, RECORD_BYTES));
            number += 1;
        }
        let mut appends = Vec::new();
        let mut stored = 0;
        let start = now();
        for round in 0..BATCHES {
            let one = now();
            stored += writer.append(&batch)?.stored_bytes;
            if round % 8 == 7 {
                writer.sync()?;
            }
            appends.push(one.elapsed());
        }
        writer.sync()?;
        let seconds = start.elapsed().as_secs_f64();
        let raw_mib = (batch.bytes() * BATCHES) as f64 / f64::from(1 << 20);
        println!(
            "batches of 128 KiB, synced every MiB, {name}: {:.0} MiB/s of records ({:.0} on disk), \
             {:.0} k records/s, worst append + sync {:.1} ms",
            raw_mib / seconds,
            stored as f64 / f64::from(1 << 20) / seconds,
            (batch.len() * BATCHES) as f64 / seconds / 1e3,
            quantile(&mut appends, 1_000) / 1e3,
        );
        drop(writer);
        let start = now();
        let (writer, recovery) = Writer::open(storage.clone(), store, Origin::genesis(store), options)?;
        println!(
            "  re-open after a kill: {:.0} ms, to record {:?}",
            start.elapsed().as_secs_f64() * 1e3,
            recovery.last_seq.map(Seq::get)
        );
        writer.close()?;
        let shared: Arc<dyn flightrec_journal::Storage> = storage;
        let start = now();
        let report = verify(&shared, store, Origin::genesis(store), |_| ())?;
        println!(
            "  verify: {:.0} MiB/s of records, damage {}",
            raw_mib / start.elapsed().as_secs_f64(),
            report.damage.len()
        );
    }
    Ok(())
}
