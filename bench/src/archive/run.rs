//! What is done in which order, and where it lies.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::disk;
use super::duckdb::{self, Source};
use super::figures::Figures;
use super::phase::{self, Place};
use super::report::{self, Column};
use crate::Res;
use crate::measure::median;

/// Processes that open a store which is in the page cache.
const OPENED_WARM: usize = 5;
/// And one that is not.
const OPENED_COLD: usize = 3;
/// What stays free on the disk, whatever is built.
const SPARE_BYTES: u64 = 2 << 30;

/// What is asked for.
#[derive(Debug)]
pub struct Plan {
    pub events: usize,
    /// Whether the store is left where it is.
    pub keep: bool,
    /// A Python that has DuckDB.
    pub python: Option<PathBuf>,
}

/// Others that keep the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Plain,
    DuckDb,
    Sqlite,
}

impl Peer {
    const fn name(self) -> &'static str {
        match self {
            Peer::Plain => "plain Parquet",
            Peer::DuckDb => "DuckDB",
            Peer::Sqlite => "SQLite",
        }
    }

    /// About how much room an event takes while it is built, at most.
    const fn bytes_per_event(self) -> u64 {
        match self {
            Peer::Plain => 100,
            Peer::DuckDb => 250,
            Peer::Sqlite => 600,
        }
    }

    fn path(self, place: &Place) -> PathBuf {
        match self {
            Peer::Plain => place.plain(),
            Peer::DuckDb => place.duckdb(),
            Peer::Sqlite => place.sqlite(),
        }
    }
}

/// Runs all steps, one engine after the other, and tells of them as a section of the report.
pub fn run(plan: &Plan) -> Res<String> {
    let dir = tempfile::tempdir()?;
    let place = Place::new(dir.path());
    let run = Run { plan, place, begin: Instant::now() };
    let ours = run.ours()?;
    if plan.keep {
        let kept = dir.path().with_extension("kept");
        std::fs::rename(run.place.store(), &kept)?;
        eprintln!("the store is kept at {}", kept.display());
    } else {
        std::fs::remove_dir_all(run.place.store())?;
    }
    // The plain file is what DuckDB loads, and goes after it.
    let plain = run.peer(Peer::Plain, &ours)?;
    let duckdb = run.peer(Peer::DuckDb, &ours)?;
    run.remove(Peer::Plain)?;
    let sqlite = run.peer(Peer::Sqlite, &ours)?;
    Ok(report::section(plan.events, &ours, &[duckdb, sqlite, plain]))
}

struct Run<'a> {
    plan: &'a Plan,
    place: Place,
    begin: Instant,
}

impl Run<'_> {
    fn say(&self, what: &str) {
        eprintln!("{:>6.0} s  {what}", self.begin.elapsed().as_secs_f64());
    }

    fn step(&self, name: &str) -> Res<Figures> {
        phase::run(name, &self.place, self.plan.events)
    }

    fn ours(&self) -> Res<Figures> {
        let store = self.place.store();
        self.say("flightrec: record and seal");
        let mut figures = self.step("build")?;
        self.say("flightrec: open");
        self.open(&mut figures, "open", &store, &|| self.step("open"))?;
        self.say("flightrec: ask");
        figures.extend(self.step("ask")?);
        self.say("flightrec: verify");
        figures.extend(self.step("verify")?);
        // Last, because each open is an event of its own.
        self.say("flightrec: open to write");
        self.open(&mut figures, "open_to_write", &store, &|| self.step("open-to-write"))?;
        Ok(figures)
    }

    /// Opens several times, with and without the page cache, each time in a process of its own.
    fn open(&self, figures: &mut Figures, name: &str, path: &Path, open: &dyn Fn() -> Res<Figures>) -> Res<()> {
        for (times, is_cold) in [(OPENED_WARM, false), (OPENED_COLD, true)] {
            let (mut taken, mut listed, mut last) = (Vec::new(), Vec::new(), Figures::default());
            for _ in 0..times {
                if is_cold {
                    disk::sync_all(path)?;
                    disk::make_cold(path)?;
                }
                last = open()?;
                taken.push(last.get("open_ms").ok_or("a step did not say how long it took")?);
                listed.extend(last.get("first_list_ms"));
            }
            let temperature = if is_cold { "cold" } else { "warm" };
            figures.set(&format!("{name}_{temperature}_ms"), median(taken));
            if !listed.is_empty() {
                figures.set(&format!("{name}_list_{temperature}_ms"), median(listed));
            }
            figures.set(&format!("{name}_peak_mib"), last.get("open_peak_mib").unwrap_or(f64::NAN));
        }
        Ok(())
    }

    /// Builds and asks a peer, and removes what it kept; the plain file stays for who loads it.
    fn peer(&self, peer: Peer, ours: &Figures) -> Res<Column> {
        let name = peer.name();
        let skipped = |why: String| Column { name, figures: None, note: Some(format!("{name} is left out: {why}")) };
        let python = self.plan.python.as_deref();
        if peer == Peer::DuckDb && python.is_none() {
            return Ok(skipped("it needs its client for Python, which `cargo xtask bench` installs".to_owned()));
        }
        if peer == Peer::DuckDb && !self.place.plain().exists() {
            return Ok(skipped("it is loaded from the plain file, which is not there".to_owned()));
        }
        let wanted = self.plan.events as u64 * peer.bytes_per_event() + SPARE_BYTES;
        let free = disk::free_bytes(self.place.dir())?;
        if free < wanted {
            let gb = |bytes: u64| bytes as f64 / 1e9;
            return Ok(skipped(format!("it wants {:.0} GB of room, and {:.0} GB are free", gb(wanted), gb(free))));
        }
        self.say(&format!("{name}: build"));
        let mut figures = match (peer, python) {
            (Peer::DuckDb, Some(python)) => duckdb::build(python, &self.place, self.plan.events)?,
            (Peer::Sqlite, _) => self.step("sqlite-build")?,
            (Peer::Plain | Peer::DuckDb, _) => self.step("plain-build")?,
        };
        let mut note = None;
        if peer == Peer::Plain && python.is_none() {
            note = Some("Nobody asks plain Parquet: DuckDB's client for Python is not there".to_owned());
        } else {
            self.say(&format!("{name}: open"));
            let path = peer.path(&self.place);
            self.open(&mut figures, "open", &path, &|| self.open_peer(peer))?;
            self.say(&format!("{name}: ask"));
            figures.extend(self.ask_peer(peer)?);
            if let Some(wrong) = figures.wrong_answer(ours) {
                return Err(format!("{name} does not answer as the store does: {wrong}").into());
            }
        }
        if peer != Peer::Plain {
            self.remove(peer)?;
        }
        Ok(Column { name, figures: Some(figures), note })
    }

    fn open_peer(&self, peer: Peer) -> Res<Figures> {
        match (peer.source(), self.plan.python.as_deref()) {
            (Some(source), Some(python)) => duckdb::open(python, &self.place, source),
            _ => self.step("sqlite-open"),
        }
    }

    fn ask_peer(&self, peer: Peer) -> Res<Figures> {
        match (peer.source(), self.plan.python.as_deref()) {
            (Some(source), Some(python)) => duckdb::ask(python, &self.place, source),
            _ => self.step("sqlite-ask"),
        }
    }

    fn remove(&self, peer: Peer) -> Res<()> {
        let path = peer.path(&self.place);
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else if path.exists() {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

impl Peer {
    /// What DuckDB asks for it, if DuckDB does.
    const fn source(self) -> Option<Source> {
        match self {
            Peer::Plain => Some(Source::Plain),
            Peer::DuckDb => Some(Source::Table),
            Peer::Sqlite => None,
        }
    }
}
