//! Prints the benches as a table beside their targets. `--events N` sets the size of the store (default 1,000,000),
//! `--only SECTION` runs one of caller, ack, throughput, store, long-session, functions, otlp, sessions, and archive, which
//! is a section of its own, takes long, and therefore runs when it is named and not else; it has 10,000,000 events unless
//! told otherwise, `--keep` leaves its store in place, and `--python PATH` names a Python that has DuckDB.
//!
//! Every ratio is measured in one run on one disk: ours and the raw disk take turns, medians are quoted.

mod archive;
mod measure;
mod otlp;
mod report;
mod sessions;
mod workload;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use flightrec_recorder::events::{CheckedEvent, Registry};
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::{BatchTicket, CostKey, MAX_BATCH_EVENTS, Mode, Reader, Recorder};
use measure::{bytes_below, filled_file, histogram, median, noise, time};
use report::Row;
use workload::Workload;

/// As in the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Res<T> = Result<T, Box<dyn Error>>;

const USAGE: &str = "flightrec-bench [--events N] [--only SECTION] [--keep] [--python PATH]";
/// How many events the store has that is measured beside the rest.
const EVENTS: usize = 1_000_000;

/// What can be measured, by name.
type Section = (&'static str, fn(&mut Vec<Row>, usize) -> Res<()>);
const SECTIONS: &[Section] = &[
    ("caller", caller_side),
    ("ack", durable_ack),
    ("throughput", throughput),
    ("store", store),
    ("long-session", long_session),
    ("functions", functions),
    ("otlp", otlp::ingest),
    ("sessions", sessions::runtime),
];

fn main() -> Res<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut events, mut only, mut keep, mut python) = (None, None, false, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            otlp::SERVE => return otlp::serve(&arguments.next().ok_or("it needs a directory")?),
            archive::PHASE => return archive::serve(arguments),
            "--events" => events = Some(arguments.next().ok_or("--events needs a number")?.parse()?),
            "--only" => only = Some(arguments.next().ok_or("--only needs a name")?),
            "--keep" => keep = true,
            "--python" => python = Some(arguments.next().ok_or("--python needs a path")?.into()),
            other => return Err(format!("unknown argument {other}; usage: {USAGE}").into()),
        }
    }
    if only.as_deref() == Some("archive") {
        let plan = archive::Plan { events: events.unwrap_or(archive::EVENTS), keep, python };
        print!("{}", archive::run(&plan)?);
        return Ok(());
    }
    let events = events.unwrap_or(EVENTS);
    let mut rows = Vec::new();
    for (_, measure) in SECTIONS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        measure(&mut rows, events)?;
    }
    if only.is_none() {
        report::heading();
    }
    report::table(&rows);
    if only.is_none() {
        report::remarks(&rows, events);
    }
    Ok(())
}

/// `record()` as its caller feels it: bursts into a queue that has room, so that the disk is not measured.
fn caller_side(rows: &mut Vec<Row>, _: usize) -> Res<()> {
    let dir = tempfile::tempdir()?;
    let recorder = Recorder::open(dir.path())?;
    let mut overhead = histogram();
    for _ in 0..100_000 {
        overhead.record(time(|| black_box(())).1.max(1))?;
    }
    let clock = overhead.value_at_quantile(0.5);
    let mut workload = Workload::new(3, 64);
    let mut calls = histogram();
    for _ in 0..30 {
        let burst: Vec<CheckedEvent> = workload.by_ref().take(8_192).collect();
        let mut last = None;
        for event in burst {
            let (ticket, nanos) = time(|| event.into_event().check().map(|event| recorder.record(event)));
            last = Some(ticket??);
            calls.record(nanos.saturating_sub(clock).max(1))?;
        }
        last.ok_or("no events")?.durable()?;
    }
    recorder.close()?;
    let (p50, p999) = (calls.value_at_quantile(0.5), calls.value_at_quantile(0.999));
    rows.push(Row {
        what: "check and `record()` of a typed event, caller's side",
        figure: format!("p50 {p50} ns, p99.9 {p999} ns"),
        aim: "≤ 150 ns p50, ≤ 1 µs p99.9",
        met: p50 <= 150 && p999 <= 1000,
        note: "the call itself is one allocation for the ticket and one place in a channel; the tail is the other threads' share of two cores and \
               the wake-up of a sleeping writer. Next: a ticket without an allocation, and a queue of our own that wakes the writer by a flag.",
    });
    Ok(())
}

/// One caller that waits for the disk after each event, beside one write and `fdatasync`.
fn durable_ack(rows: &mut Vec<Row>, _: usize) -> Res<()> {
    let dir = tempfile::tempdir()?;
    let raw = filled_file(&dir.path().join("raw"), 64 << 20)?;
    let recorder = Recorder::open(dir.path().join("store"))?;
    let mut workload = Workload::new(5, 8);
    let block = noise(512);
    let (mut ours, mut theirs, mut ratios) = (histogram(), histogram(), Vec::new());
    let mut at = 0_u64;
    for _ in 0..20 {
        let (mut a, mut b) = (histogram(), histogram());
        for event in workload.by_ref().take(100) {
            let (receipt, nanos) = time(|| recorder.record(event).and_then(|ticket| ticket.durable()));
            receipt?;
            a.record(nanos)?;
        }
        for _ in 0..100 {
            let (done, nanos) =
                time(|| std::os::unix::fs::FileExt::write_all_at(&raw, &block, at).and_then(|()| raw.sync_data()));
            done?;
            at = (at + 512) % (60 << 20);
            b.record(nanos)?;
        }
        ratios.push(a.value_at_quantile(0.5) as f64 / b.value_at_quantile(0.5) as f64);
        ours.add(a)?;
        theirs.add(b)?;
    }
    recorder.close()?;
    let ratio = median(ratios);
    let us = |h: &hdrhistogram::Histogram<u64>, q| h.value_at_quantile(q) as f64 / 1e3;
    rows.push(Row {
        what: "durable ack, one caller, beside one write and `fdatasync`",
        figure: format!("{ratio:.2} × (p50 {:.0} µs against {:.0} µs, p99 {:.0} µs against {:.0} µs)", us(&ours, 0.5), us(&theirs, 0.5), us(&ours, 0.99), us(&theirs, 0.99)),
        aim: "≤ 1.3 ×",
        met: ratio <= 1.3,
        note: "beside the sync there are two wake-ups, the writer's and the caller's, which cost tens of microseconds on a busy machine. \
               Next: let a lonely caller lead the commit itself instead of waking the writer.",
    });
    Ok(())
}

/// Batches from one thread, as many as the disk and the cores take, beside a bare sequential write with 1 MiB syncs.
fn throughput(rows: &mut Vec<Row>, events: usize) -> Res<()> {
    let (mut ours, mut raws, mut stalls) = (Vec::new(), Vec::new(), Vec::new());
    let mut json_bytes = 0.0;
    for round in 0..3 {
        let dir = tempfile::tempdir()?;
        let prepared: Vec<CheckedEvent> = Workload::new(7 + round, 64).take((events / 2).min(500_000)).collect();
        if round == 0 {
            let mut json = Vec::new();
            prepared.iter().take(10_000).for_each(|event| event.write_json(&mut json, None));
            json_bytes = json.len() as f64 / prepared.len().min(10_000) as f64;
        }
        let count = prepared.len();
        let recorder = Recorder::open(dir.path().join("store"))?;
        let (stall, nanos) = time(|| feed(&recorder, prepared));
        ours.push(count as f64 / (nanos as f64 / 1e9));
        stalls.push(stall? as f64 / 1e6);
        recorder.close()?;
        let raw = filled_file(&dir.path().join("raw"), 256 << 20)?;
        let chunk = noise(1 << 20);
        let (done, nanos) = time(|| {
            (0..256_u64).try_for_each(|i| {
                std::os::unix::fs::FileExt::write_all_at(&raw, &chunk, i << 20).and_then(|()| raw.sync_data())
            })
        });
        done?;
        raws.push(f64::from(256 << 20) / (nanos as f64 / 1e9));
    }
    let (rate, raw, stall) = (median(ours), median(raws), median(stalls));
    let aim = (0.8 * raw / json_bytes).min(1e6);
    rows.push(Row {
        what: "durable throughput, batches from one thread",
        figure: format!(
            "{:.0} k events/s = {:.0} MB/s of events ({json_bytes:.0} B as JSON); raw disk {:.0} MB/s; aim here {:.0} k/s",
            rate / 1e3,
            rate * json_bytes / 1e6,
            raw / 1e6,
            aim / 1e3
        ),
        aim: "≥ 80 % of the disk, or ≥ 1 M events/s, whichever is less",
        met: rate >= aim,
        note: "the caller redacts, encodes and hashes, the writer looks ids up, compresses, hashes blocks and folds; both cores are busy, and the disk \
               waits. Next: a cheaper fold for events that change few sums, and compression that skips what is random.",
    });
    rows.push(Row {
        what: "longest wait for a durable answer under that load",
        figure: format!("{stall:.0} ms"),
        aim: "no stall over 50 ms",
        met: stall <= 50.0,
        note: "a group commit of up to 16,384 events, the writing of id files and of the snapshot lie within it. Next: write both on a helper thread.",
    });
    Ok(())
}

/// Feeds all events in batches with a few in flight; answers with the longest wait between two durable answers, in nanoseconds.
fn feed(recorder: &Recorder, events: Vec<CheckedEvent>) -> Res<u64> {
    let mut waiting: std::collections::VecDeque<BatchTicket> = Default::default();
    let mut longest = 0;
    let mut last = Instant::now();
    let mut events = events.into_iter();
    loop {
        let batch: Vec<CheckedEvent> = events.by_ref().take(MAX_BATCH_EVENTS).collect();
        let done = batch.is_empty();
        if !done {
            waiting.push_back(recorder.record_batch(batch, Mode::Strict)?);
        }
        while waiting.len() > if done { 0 } else { 16 } {
            if let Some(ticket) = waiting.pop_front() {
                ticket.durable()?;
                longest = longest.max(last.elapsed().as_nanos() as u64);
                last = Instant::now();
            }
        }
        if done {
            return Ok(longest);
        }
    }
}

/// Size, opening, questions.
fn store(rows: &mut Vec<Row>, events: usize) -> Res<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("store");
    let recorder = Recorder::open(&path)?;
    let mut workload = Workload::new(11, 64);
    for _ in 0..events.div_ceil(100_000) {
        feed(&recorder, workload.by_ref().take(100_000).collect())?;
    }
    let count = recorder.reader().event_count();
    recorder.close()?;
    sizes(rows, &path, count)?;
    opening(rows, &path)?;
    let reader = Reader::open(&path)?;
    let sessions = reader.sessions(&SessionFilter::default());
    let (mut first, mut warm, mut sizes) = (histogram(), histogram(), 0);
    for session in sessions.iter().step_by((sessions.len() / 200).max(1)) {
        let fresh = Reader::open(&path)?;
        let filter = EventFilter::of_session(session.session_id.clone());
        let (found, nanos) = time(|| fresh.events(&filter).count());
        first.record(nanos)?;
        sizes += found;
        warm.record(time(|| fresh.events(&filter).count()).1)?;
    }
    let (first, warm, asked) =
        (first.value_at_quantile(0.5) as f64 / 1e6, warm.value_at_quantile(0.5) as f64 / 1e6, first.len());
    rows.push(Row {
        what: "one session's events out of the store, again and for the first time",
        figure: format!("{warm:.2} ms again, {first:.2} ms first (mean {} events)", sizes as u64 / asked.max(1)),
        aim: "≤ 1 ms warm, ≤ 10 ms cold (of 10 M and 100 M)",
        met: warm <= 1.0 && first <= 10.0,
        note: "the log is in order of arrival, so that a session's events share their blocks with those of 63 others. Next: sealed segments sorted by session.",
    });
    let mut lists = histogram();
    for _ in 0..20 {
        lists.record(time(|| black_box(reader.sessions(&SessionFilter::default()).len())).1)?;
    }
    let mut costs = histogram();
    for _ in 0..20 {
        costs.record(time(|| black_box(reader.cost(CostKey::WorkPacket, &SessionFilter::default()).len())).1)?;
    }
    let per_session = |h: &hdrhistogram::Histogram<u64>| h.value_at_quantile(0.5) as f64 / sessions.len() as f64;
    let scaled = per_session(&costs).max(per_session(&lists)) * 1e6 / 1e6;
    rows.push(Row {
        what: "list all sessions; cost by work packet",
        figure: format!(
            "{:.2} ms and {:.2} ms for {} sessions ({:.0} and {:.0} ns a session)",
            lists.value_at_quantile(0.5) as f64 / 1e6,
            costs.value_at_quantile(0.5) as f64 / 1e6,
            sessions.len(),
            per_session(&lists),
            per_session(&costs)
        ),
        aim: "≤ 20 ms over 1 M sessions, that is 20 ns a session",
        met: scaled <= 20.0,
        note: "every answer walks all sessions and sums their trees anew. Next: keep inclusive sums and the orders that lists ask for in the projection.",
    });
    Ok(())
}

fn sizes(rows: &mut Vec<Row>, path: &Path, count: u64) -> Res<()> {
    let journal = bytes_below(&path.join("journal"))? as f64 / count as f64;
    let derived = bytes_below(&path.join("derived"))? as f64 / count as f64;
    rows.push(Row {
        what: "kept size, after a clean close",
        figure: format!("{journal:.1} B an event in the log, {derived:.1} B derived"),
        aim: "≤ 45 B",
        met: journal + derived <= 45.0,
        note: "the log is in order of arrival and compressed block by block; its floor is about 36 B of random hashes and ids. \
               Next: sealed segments sorted by session, where columns repeat.",
    });
    Ok(())
}

fn opening(rows: &mut Vec<Row>, path: &Path) -> Res<()> {
    let (mut reading, mut writing) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let (reader, nanos) = time(|| Reader::open(path).map(|reader| reader.event_count()));
        reader?;
        reading.push(nanos as f64 / 1e6);
        let (recorder, nanos) = time(|| Recorder::open(path));
        writing.push(nanos as f64 / 1e6);
        recorder?.close()?;
    }
    std::fs::remove_dir_all(path.join("derived"))?;
    let (reader, anew) = time(|| Reader::open(path).map(|reader| reader.event_count()));
    reader?;
    Recorder::open(path)?.close()?;
    let (reading, writing) = (median(reading), median(writing));
    rows.push(Row {
        what: "open to first answer, to read and to write; and without derived files",
        figure: format!("{reading:.0} ms, {writing:.0} ms; {:.0} ms", anew as f64 / 1e6),
        aim: "≤ 200 ms (of 100 M)",
        met: reading <= 200.0 && writing <= 200.0,
        note: "the snapshot is read whole. Next: partial snapshots per segment.",
    });
    Ok(())
}

/// A session of 30,000 spans.
fn long_session(rows: &mut Vec<Row>, _: usize) -> Res<()> {
    let dir = tempfile::tempdir()?;
    let recorder = Recorder::open(dir.path())?;
    let events = Workload::new(13, 1).one_session(15_000);
    let id = events[0].model_session_id.clone().ok_or("a session")?;
    feed(&recorder, events)?;
    let mut times = Vec::new();
    let mut spans = 0;
    for _ in 0..7 {
        let (detail, nanos) = time(|| recorder.reader().session(id.as_str()));
        spans = detail?.spans.len();
        times.push(nanos as f64 / 1e6);
    }
    let ms = median(times);
    rows.push(Row {
        what: "one session with all its spans",
        figure: format!("{ms:.0} ms for {spans} spans"),
        aim: "≤ 30 ms for 30,000 spans",
        met: ms * 30_000.0 / spans as f64 <= 30.0,
        note: "every event of the session is decoded to find its spans. Next: a table of spans in sealed segments.",
    });
    recorder.close()?;
    Ok(())
}

/// Single functions, per event.
fn functions(rows: &mut Vec<Row>, _: usize) -> Res<()> {
    let events: Vec<CheckedEvent> = Workload::new(17, 64).take(50_000).collect();
    let redactor = Redactor::new();
    let mut texts: Vec<Vec<String>> = Vec::new();
    for event in &events {
        let mut of_event = Vec::new();
        event.clone().map_text(&mut |_, text| {
            of_event.push(text.to_owned());
            None
        });
        texts.push(of_event);
    }
    let per_event = |nanos: u64| nanos as f64 / events.len() as f64;
    let redaction = median(
        (0..7)
            .map(|_| {
                per_event(
                    time(|| {
                        texts
                            .iter()
                            .flatten()
                            .for_each(|text| drop(black_box(redactor.redact(text, Context::FreeText))))
                    })
                    .1,
                )
            })
            .collect(),
    );
    rows.push(Row {
        what: "redaction of a clean event, all detectors",
        figure: format!("{redaction:.0} ns"),
        aim: "≤ 1 µs",
        met: redaction <= 1000.0,
        note: "several short strings cost more than one long one. Next: one scan over all strings of an event.",
    });
    let registry = Registry::new();
    let lines: Vec<Vec<u8>> = events
        .iter()
        .map(|event| {
            let mut json = Vec::new();
            event.write_json(&mut json, None);
            json
        })
        .collect();
    let parse = median(
        (0..5)
            .map(|_| per_event(time(|| lines.iter().for_each(|line| drop(black_box(registry.parse(line))))).1))
            .collect(),
    );
    let mut buffer = Vec::new();
    let encode = median(
        (0..5)
            .map(|_| {
                per_event(
                    time(|| {
                        for event in &events {
                            buffer.clear();
                            event.encode(&mut buffer);
                            black_box(&buffer);
                        }
                    })
                    .1,
                )
            })
            .collect(),
    );
    let stored: Vec<Vec<u8>> = events
        .iter()
        .map(|event| {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            bytes
        })
        .collect();
    let decode = median(
        (0..5)
            .map(|_| per_event(time(|| stored.iter().for_each(|bytes| drop(black_box(CheckedEvent::decode(bytes))))).1))
            .collect(),
    );
    let size = stored.iter().map(Vec::len).sum::<usize>() / stored.len();
    rows.push(Row {
        what: "parse from JSON; encode; decode",
        figure: format!("{parse:.0} ns; {encode:.0} ns; {decode:.0} ns ({size} B stored before compression)"),
        aim: "—",
        met: true,
        note: "",
    });
    Ok(())
}
