//! The steps with SQLite: one table, one index, a write-ahead log that is synced with every transaction.

use std::cell::RefCell;
use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row as Found, Statement};

use super::asking::{of_each, often};
use super::figures::Figures;
use super::phase::{Place, Progress};
use super::rows::{COLUMNS, Cell, Holds, Row};
use super::{disk, questions};
use crate::Res;
use crate::measure::{bytes_below, histogram, peak_mib, time};

/// How many events are committed together, as many as the recorder takes at most.
const COMMIT_EVENTS: usize = 16_384;
/// What it may hold in memory; its own 2 MB are from another time.
const CACHE: &str = "PRAGMA cache_size = -65536";

fn path(place: &Place) -> std::path::PathBuf {
    place.sqlite().join("events.db")
}

/// Inserts all events, from one thread, and leaves nothing in the write-ahead log.
pub fn build(place: &Place, events: usize) -> Res<Figures> {
    let progress = Progress::new("SQLite", events);
    let mut figures = Figures::default();
    std::fs::create_dir(place.sqlite())?;
    let begin = Instant::now();
    let connection = Connection::open(path(place))?;
    let column = |column: &super::rows::Column| {
        let holds = if column.holds == Holds::Text { "TEXT" } else { "INTEGER" };
        let key = if column.name == "seq" { " PRIMARY KEY" } else { "" };
        format!("{} {holds}{key}", column.name)
    };
    let columns: Vec<String> = COLUMNS.iter().map(column).collect();
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {CACHE}; CREATE TABLE events ({}); \
         CREATE INDEX events_of_session ON events (model_session_id, seq);",
        columns.join(", ")
    ))?;
    let places = vec!["?"; COLUMNS.len()].join(", ");
    let mut insert = connection.prepare(&format!("INSERT INTO events VALUES ({places})"))?;
    let mut row = Row::default();
    let (mut waits, mut gaps) = (histogram(), histogram());
    let mut answered = Instant::now();
    for (at, event) in super::workload(events).enumerate() {
        if at % COMMIT_EVENTS == 0 {
            connection.execute_batch("BEGIN")?;
        }
        row.next(&event);
        for (place, cell) in row.cells().enumerate() {
            match cell {
                Cell::Null => insert.raw_bind_parameter(place + 1, None::<i64>)?,
                Cell::Int(number) => insert.raw_bind_parameter(place + 1, number)?,
                Cell::Text(text) => insert.raw_bind_parameter(place + 1, text)?,
            }
        }
        insert.raw_execute()?;
        if (at + 1) % COMMIT_EVENTS == 0 || at + 1 == events {
            let (committed, nanos) = time(|| connection.execute_batch("COMMIT"));
            committed?;
            waits.record(nanos.max(1))?;
            gaps.record(answered.elapsed().as_nanos().max(1) as u64)?;
            answered = Instant::now();
            progress.at(at + 1);
        }
    }
    drop(insert);
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)?;
    figures.set("build_events_per_s", events as f64 / begin.elapsed().as_secs_f64());
    figures.set("wait_p50_ms", waits.value_at_quantile(0.5) as f64 / 1e6);
    figures.set("wait_p999_ms", waits.value_at_quantile(0.999) as f64 / 1e6);
    figures.set("gap_p999_ms", gaps.value_at_quantile(0.999) as f64 / 1e6);
    figures.set("gap_max_ms", gaps.max() as f64 / 1e6);
    figures.set("bytes_per_event", bytes_below(&place.sqlite())? as f64 / events as f64);
    figures.set("build_peak_mib", peak_mib());
    Ok(figures)
}

fn connect(place: &Place) -> Res<Connection> {
    let connection = Connection::open_with_flags(path(place), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch(CACHE)?;
    Ok(connection)
}

/// Opens the database, and asks for one session.
pub fn open(place: &Place) -> Res<Figures> {
    let mut figures = Figures::default();
    let (_, ids) = place.asked_for()?;
    let begin = Instant::now();
    let connection = connect(place)?;
    if rows(&mut connection.prepare(questions::FIRST)?, &[&ids[0]])? != 1 {
        return Err("a session is not there".into());
    }
    figures.set("open_ms", begin.elapsed().as_secs_f64() * 1e3);
    figures.set("open_peak_mib", peak_mib());
    Ok(figures)
}

/// Asks everything of an open database.
pub fn ask(place: &Place) -> Res<Figures> {
    let mut figures = Figures::default();
    let (long, ids) = place.asked_for()?;
    let connection = connect(place)?;
    let mut of_session = connection.prepare(questions::SESSION)?;
    for id in &ids {
        rows(&mut of_session, &[id])?;
    }
    let found = of_each(&mut figures, "session", &ids, |_| Ok(()), |id| rows(&mut of_session, &[id]))?;
    figures.answer("events of the sessions", found);
    disk::sync_all(&place.sqlite())?;
    let anew = RefCell::new(connect(place)?);
    let is_cold = |_: &String| {
        // What the connection before has read, it holds.
        *anew.borrow_mut() = connect(place)?;
        anew.borrow().prepare(questions::SESSION)?;
        Ok(disk::make_cold(&place.sqlite())?)
    };
    of_each(&mut figures, "session_cold", &ids, is_cold, |id| {
        rows(&mut anew.borrow().prepare(questions::SESSION)?, &[id])
    })?;
    let mut of_spans = connection.prepare(questions::SPANS)?;
    let spans = often(&mut figures, "long_spans_ms", || rows(&mut of_spans, &[&long]))?;
    figures.answer("spans of the long session", spans);
    for (name, sql) in [("latest", questions::LATEST), ("filtered", questions::FILTERED)] {
        let mut statement = connection.prepare(sql)?;
        let ids = often(&mut figures, &format!("{name}_ms"), || {
            let ids = statement.query_map([], |row| row.get(0))?;
            Ok(ids.collect::<Result<Vec<String>, _>>()?)
        })?;
        figures.answer(name, ids.join(" "));
    }
    for (name, sql) in questions::COSTS {
        let mut statement = connection.prepare(sql)?;
        let row = |row: &Found<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64));
        let found = often(&mut figures, &format!("{name}_ms"), || {
            Ok(statement.query_map([], row)?.collect::<Result<Vec<_>, _>>()?)
        })?;
        figures.answer(name, questions::cost_answer(found));
    }
    figures.set("ask_peak_mib", peak_mib());
    Ok(figures)
}

/// Reads all values of all rows; how many rows there are.
fn rows(statement: &mut Statement<'_>, parameters: &[&String]) -> Res<usize> {
    let columns = statement.column_count();
    let mut found = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        for column in 0..columns {
            // What is not touched is not read.
            match row.get_ref(column)? {
                ValueRef::Text(text) | ValueRef::Blob(text) => drop(std::hint::black_box(text.to_vec())),
                ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {}
            }
        }
        count += 1;
    }
    Ok(count)
}
