//! How long one event takes on its way in and out, in nanoseconds, for events from standard input.
//!
//! ```text
//! cargo run --release -p flightrec-events --example parse_speed < events.ndjson
//! ```
//! Each step runs over slices of 1,000 events; the median and the fastest slice are printed, because
//! the slow slices tell of the machine and not of the code.
#![expect(clippy::disallowed_methods, reason = "this program measures time and nothing else reads its clock")]
#![expect(clippy::print_stdout, reason = "printing the figures is its purpose")]

use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use flightrec_events::{Cell, CheckedEvent, Kind, Registry};

/// How many events are timed together.
const SLICE: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let registry = Registry::new();
    let events = lines.iter().map(|line| registry.parse(line)).collect::<Result<Vec<_>, _>>()?;
    let stored: Vec<Vec<u8>> = events.iter().map(stored).collect();
    let bytes = |of: usize| of as f64 / events.len() as f64;
    println!(
        "{} events, {:.0} bytes of JSON, {:.0} bytes stored, each",
        events.len(),
        bytes(input.len()),
        bytes(stored.iter().map(Vec::len).sum())
    );

    measure("parse", &lines, |slice| {
        for line in slice {
            black_box(registry.parse(black_box(line)).is_ok());
        }
    });
    // The copy stands outside of the timed part, because a caller of `check` owns its event.
    let mut checks = Vec::new();
    for slice in events.chunks(SLICE) {
        let owned: Vec<_> = slice.iter().map(|event| event.clone().into_event()).collect();
        let mut done = Vec::with_capacity(owned.len());
        let start = Instant::now();
        done.extend(owned.into_iter().map(|event| black_box(event).check()));
        checks.push(start.elapsed().as_nanos() as f64 / slice.len() as f64);
        black_box(done);
    }
    print("check", checks);
    let mut out = Vec::with_capacity(4 << 20);
    measure("encode", &events, |slice| {
        out.clear();
        for event in slice {
            black_box(event).encode(&mut out);
        }
        black_box(&out);
    });
    measure("decode", &stored, |slice| {
        for bytes in slice {
            black_box(CheckedEvent::decode(black_box(bytes)).is_ok());
        }
    });
    measure("shred", &events, |slice| {
        for event in slice {
            event.shred(&mut |leaf, cell| {
                black_box((leaf, cell));
            });
        }
    });
    let rows: Vec<(Kind, Vec<Option<Owned>>)> = events.iter().filter_map(row).collect();
    measure("assemble", &rows, |slice| {
        for (kind, row) in slice {
            let event = CheckedEvent::assemble(*kind, &mut |leaf| row.get(leaf)?.as_ref().map(Owned::cell));
            black_box(event.is_ok());
        }
    });
    measure("write_json", &events, |slice| {
        out.clear();
        for event in slice {
            black_box(event).write_json(&mut out, None);
        }
        black_box(&out);
    });
    Ok(())
}

/// A cell that outlives its event.
enum Owned {
    Text(String),
    Json(String),
    Bytes(Vec<u8>),
    Other(Cell<'static>),
}

impl Owned {
    fn new(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Json(text) => Self::Json(text.to_owned()),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Cell::Int(n) => Self::Other(Cell::Int(n)),
            Cell::Time(time) => Self::Other(Cell::Time(time)),
            Cell::Double(n) => Self::Other(Cell::Double(n)),
            Cell::Bool(b) => Self::Other(Cell::Bool(b)),
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Json(text) => Cell::Json(text),
            Self::Bytes(bytes) => Cell::Bytes(bytes),
            Self::Other(cell) => *cell,
        }
    }
}

/// The leaves of an event of a built-in kind, by their numbers.
fn row(event: &CheckedEvent) -> Option<(Kind, Vec<Option<Owned>>)> {
    let mut row = Vec::new();
    event.shred(&mut |leaf, cell| {
        row.resize_with(leaf, || None);
        row.push(Some(Owned::new(cell)));
    });
    Some((event.kind()?, row))
}

fn stored(event: &CheckedEvent) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

fn measure<T>(name: &str, items: &[T], mut step: impl FnMut(&[T])) {
    let mut times = Vec::new();
    for slice in items.chunks(SLICE) {
        let start = Instant::now();
        step(slice);
        times.push(start.elapsed().as_nanos() as f64 / slice.len() as f64);
    }
    print(name, times);
}

fn print(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    println!("{name:10} {:7.0} ns median, {:7.0} ns at best", at(times.len() / 2), at(0));
}
