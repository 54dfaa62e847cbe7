//! Seals events from NDJSON and reads sessions again: bytes an event by column, rates, times.
//!
//! `cargo run --release -p flightrec-archive --example measure -- events.ndjson [sessions]`

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures, and prints what it measured")]

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Instant;

use flightrec_archive::{Seal, SealedBlock, Segment};
use flightrec_events::Registry;
use flightrec_journal::{ChainHash, DiskStorage, LinkHasher, RecordHash, Seq, Storage, StoreId};

const BLOCK: usize = 290;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a file of events")?;
    let limit: usize = arguments.next().map_or(Ok(usize::MAX), |text| text.parse())?;
    let registry = Registry::new();
    let mut records = Vec::new();
    let mut sessions = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(path)?).lines().take(limit) {
        let event = registry.parse(line?.as_bytes()).map_err(|error| error.to_string())?;
        sessions.extend(event.model_session_id.as_ref().map(|id| id.as_str().to_owned()));
        let mut stored = Vec::new();
        event.encode(&mut stored);
        records.push(stored);
    }
    sessions.sort();
    sessions.dedup();
    let stored: usize = records.iter().map(Vec::len).sum();
    println!("{} events, {:.1} bytes stored, {} sessions", records.len(), per(stored, records.len()), sessions.len());

    let dir = tempfile::tempdir()?;
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(dir.path()));
    let store = StoreId::from_bytes([7; 16]);
    let start = Instant::now();
    let mut link = ChainHash::genesis(store);
    let mut seal = Seal::new(store, link);
    for (at, block) in records.chunks(BLOCK).enumerate() {
        let (first_seq, stamp_us) = (Seq::new((at * BLOCK + 1) as u64), 1_760_000_000_000_000 + at as i64 * 9_000);
        let mut hasher = LinkHasher::new(link, first_seq, block.len() as u32, stamp_us);
        for record in block {
            hasher.push(&RecordHash::of(record));
        }
        link = hasher.finish();
        let records: Vec<&[u8]> = block.iter().map(Vec::as_slice).collect();
        seal.push(SealedBlock { first_seq, stamp_us, link, records: &records })?;
    }
    let entry = seal.write(&*storage)?;
    let took = start.elapsed();
    println!(
        "sealed in {:.2} s: {:.0} events/s, {:.2} bytes an event, of these {:.2} footer",
        took.as_secs_f64(),
        records.len() as f64 / took.as_secs_f64(),
        per(entry.bytes as usize, records.len()),
        per(entry.tail_bytes as usize, records.len()),
    );

    let start = Instant::now();
    let segment = Segment::open(&*storage, store, &entry)?;
    println!("opened in {:?}, {} bytes in memory", start.elapsed(), segment.memory_bytes());
    let mut times = Vec::new();
    let mut read = 0;
    for session in sessions.iter().step_by((sessions.len() / 500).max(1)) {
        let start = Instant::now();
        read += segment.session(session)?.filter_map(Result::ok).count();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "{} sessions, {read} events: p50 {:?}, p99 {:?}",
        times.len(),
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
    let mut columns: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (name, bytes) in segment.column_bytes() {
        columns.entry(bytes).or_default().push(name);
    }
    for (bytes, names) in columns.into_iter().rev().take(28) {
        println!("{:8.3}  {}", per(bytes as usize, records.len()), names.join(", "));
    }
    Ok(())
}

fn per(bytes: usize, events: usize) -> f64 {
    bytes as f64 / events as f64
}
