//! The steps with a store of ours.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flightrec_recorder::events::{CheckedEvent, Payload, State};
use flightrec_recorder::query::{EventFilter, SessionFilter, SessionOrder, SpanFilter};
use flightrec_recorder::view::CostRow;
use flightrec_recorder::{BatchTicket, CostKey, MAX_BATCH_EVENTS, Mode, Reader, Recorder};

use super::asking::{of_each, often};
use super::figures::Figures;
use super::phase::{Place, Progress};
use super::{disk, questions};
use crate::Res;
use crate::measure::{bytes_below, histogram, peak_mib, time};
use crate::workload::Dice;

/// How many batches wait for the disk at once.
const IN_FLIGHT: usize = 16;
/// How many sessions are asked for.
pub const ASKED_FOR: usize = 200;

/// Records all events, from one thread, while the store seals beside it, and closes the store.
pub fn build(place: &Place, events: usize) -> Res<Figures> {
    let progress = Progress::new("flightrec", events);
    let mut figures = Figures::default();
    let sealer = SealerClock::start();
    let recorder = Recorder::open(place.store())?;
    let mut sample = Sample::new();
    let (mut waits, mut gaps) = (histogram(), histogram());
    let mut answered = Instant::now();
    let mut making = 0;
    let mut workload = super::workload(events);
    let mut waiting: VecDeque<BatchTicket> = VecDeque::new();
    let begin = Instant::now();
    for recorded in (0..).step_by(MAX_BATCH_EVENTS) {
        let (batch, nanos) = time(|| workload.by_ref().take(MAX_BATCH_EVENTS).collect::<Vec<CheckedEvent>>());
        making += nanos;
        let is_last = batch.is_empty();
        if !is_last {
            batch.iter().for_each(|event| sample.take(event));
            waiting.push_back(recorder.record_batch(batch, Mode::Strict)?);
        }
        while waiting.len() > if is_last { 0 } else { IN_FLIGHT }
            && let Some(ticket) = waiting.pop_front()
        {
            let (durable, nanos) = time(|| ticket.durable());
            durable?;
            waits.record(nanos.max(1))?;
            gaps.record(answered.elapsed().as_nanos().max(1) as u64)?;
            answered = Instant::now();
        }
        progress.at(recorded.min(events));
        if is_last {
            break;
        }
    }
    let recorded_s = begin.elapsed().as_secs_f64();
    let sealed_before_close: u64 = recorder.reader().manifest().segments().iter().map(|entry| entry.events).sum();
    let (closed, nanos) = time(|| recorder.close());
    closed?;
    let sealer_s = sealer.stop();
    figures.set("build_events_per_s", events as f64 / recorded_s);
    figures.set("making_share", making as f64 / 1e9 / recorded_s);
    figures.set("wait_p50_ms", waits.value_at_quantile(0.5) as f64 / 1e6);
    figures.set("wait_p999_ms", waits.value_at_quantile(0.999) as f64 / 1e6);
    figures.set("gap_p999_ms", gaps.value_at_quantile(0.999) as f64 / 1e6);
    figures.set("gap_max_ms", gaps.max() as f64 / 1e6);
    figures.set("sealed_behind_share", 1.0 - sealed_before_close as f64 / events as f64);
    figures.set("close_s", nanos as f64 / 1e9);
    figures.set("build_peak_mib", peak_mib());
    let sealed: u64 = Reader::open(place.store())?.manifest().segments().iter().map(|entry| entry.events).sum();
    figures.set("sealed_per_cpu_s", sealed as f64 / sealer_s);
    sizes(&mut figures, place, events)?;
    std::fs::write(place.sessions(), sample.lines())?;
    Ok(figures)
}

fn sizes(figures: &mut Figures, place: &Place, events: usize) -> Res<()> {
    let mut sum = 0.0;
    for part in ["archive", "journal", "derived", "artifacts"] {
        let dir = place.store().join(part);
        let bytes = if dir.is_dir() { bytes_below(&dir)? as f64 / events as f64 } else { 0.0 };
        figures.set(&format!("{part}_bytes_per_event"), bytes);
        sum += bytes;
    }
    figures.set("bytes_per_event", sum);
    Ok(())
}

/// A few sessions, each as likely as any other, and the first, which is the long one.
struct Sample {
    dice: Dice,
    long: Option<String>,
    seen: u64,
    kept: Vec<String>,
}

impl Sample {
    fn new() -> Self {
        Self { dice: Dice::new(29), long: None, seen: 0, kept: Vec::new() }
    }

    fn take(&mut self, event: &CheckedEvent) {
        let Payload::SessionCreated(created) = &event.payload else { return };
        let id = created.session_id.to_string();
        if self.long.is_none() {
            self.long = Some(id);
            return;
        }
        self.seen += 1;
        if self.kept.len() < ASKED_FOR {
            self.kept.push(id);
        } else if let Some(kept) = self.kept.get_mut(self.dice.below(self.seen) as usize) {
            *kept = id;
        }
    }

    fn lines(self) -> String {
        self.long.into_iter().chain(self.kept).map(|id| id + "\n").collect()
    }
}

/// How long the store's sealing thread has run, which is gone when the store is closed.
struct SealerClock {
    stop: Arc<AtomicBool>,
    nanos: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl SealerClock {
    /// Looks for the thread of the recorder that is opened first from now on.
    fn start() -> Self {
        const EVERY: Duration = Duration::from_millis(20);
        let (stop, nanos) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, told) = (Arc::clone(&stop), Arc::clone(&nanos));
        let thread = std::thread::spawn(move || {
            let mut sealer = None;
            while !stopped.load(Ordering::Relaxed) {
                sealer = sealer.or_else(Self::find);
                let text = sealer.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
                if let Some(ran) = text.split(' ').next().and_then(|ran| ran.parse().ok()) {
                    told.store(ran, Ordering::Relaxed);
                }
                std::thread::sleep(EVERY);
            }
        });
        Self { stop, nanos, thread }
    }

    /// Where the operating system tells how long the thread ran. It keeps 15 bytes of a thread's name.
    fn find() -> Option<PathBuf> {
        let is_sealer = |path: &PathBuf| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim_end() == "flightrec-seale")
        };
        let threads = std::fs::read_dir("/proc/self/task").ok()?;
        threads.filter_map(|entry| Some(entry.ok()?.path())).find(is_sealer).map(|path| path.join("schedstat"))
    }

    /// Seconds that the thread ran.
    fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        // It has nothing to say at its end.
        drop(self.thread.join());
        self.nanos.load(Ordering::Relaxed) as f64 / 1e9
    }
}

/// Opens the store to read, and asks the two questions that come first.
pub fn open(place: &Place) -> Res<Figures> {
    let (_, ids) = place.asked_for()?;
    let begin = Instant::now();
    let reader = Reader::open(place.store())?;
    first_answers(&reader, &ids[0], begin)
}

/// Opens the store to write, and asks the same.
pub fn open_to_write(place: &Place) -> Res<Figures> {
    let (_, ids) = place.asked_for()?;
    let begin = Instant::now();
    let recorder = Recorder::open(place.store())?;
    let figures = first_answers(recorder.reader(), &ids[0], begin)?;
    recorder.close()?;
    Ok(figures)
}

fn first_answers(reader: &Reader, id: &str, begin: Instant) -> Res<Figures> {
    let mut figures = Figures::default();
    let since = |begin: Instant| begin.elapsed().as_secs_f64() * 1e3;
    reader.session_view(id).ok_or("a session is not there")?;
    figures.set("open_ms", since(begin));
    let begin = Instant::now();
    let one = SessionFilter { limit: Some(1), ..SessionFilter::default() };
    if reader.sessions(&one).len() != 1 {
        return Err("there are no sessions".into());
    }
    figures.set("first_list_ms", since(begin));
    figures.set("open_peak_mib", peak_mib());
    Ok(figures)
}

/// Asks everything of an open store.
pub fn ask(place: &Place) -> Res<Figures> {
    let mut figures = Figures::default();
    let (long, ids) = place.asked_for()?;
    let reader = Reader::open(place.store())?;
    figures.set("sessions", reader.session_ids().len() as f64);
    let events_of = |id: &String| {
        let filter = EventFilter::of_session(id.as_str().into());
        reader.events(&filter).try_fold(0, |count, event| event.map(|_| count + 1)).map_err(Into::into)
    };
    for id in &ids {
        events_of(id)?;
    }
    let found = of_each(&mut figures, "session", &ids, |_| Ok(()), events_of)?;
    figures.answer("events of the sessions", found);
    figures.set("session_events", found as f64 / ids.len() as f64);
    disk::sync_all(&place.store())?;
    let is_cold = |_: &String| Ok(disk::make_cold(&place.store())?);
    of_each(&mut figures, "session_cold", &ids, is_cold, events_of)?;
    let long_filter = SpanFilter { session: Some(long.as_str().into()), ..SpanFilter::default() };
    let spans = often(&mut figures, "long_spans_ms", || Ok(reader.spans(&long_filter)?))?;
    figures.answer("spans of the long session", spans.len());
    often(&mut figures, "long_detail_ms", || Ok(reader.session(&long)?))?;
    often(&mut figures, "tree_ms", || Ok(reader.tree(&long)?))?;
    lists(&mut figures, &reader)?;
    figures.set("ask_peak_mib", peak_mib());
    Ok(figures)
}

/// What concerns all sessions: lists and roll-ups.
fn lists(figures: &mut Figures, reader: &Reader) -> Res<()> {
    let limit = Some(questions::LIST_ROWS);
    let latest = SessionFilter { order: SessionOrder::Updated, limit, ..SessionFilter::default() };
    let filtered = SessionFilter {
        states: vec![State::Completed],
        role: Some(questions::LIST_ROLE.to_owned()),
        model: Some(questions::LIST_MODEL.to_owned()),
        limit,
        ..SessionFilter::default()
    };
    for (name, filter) in [("latest", latest), ("filtered", filtered)] {
        let found = often(figures, &format!("{name}_ms"), || Ok(reader.sessions(&filter)))?;
        let ids: Vec<&str> = found.iter().map(|session| &*session.session_id).collect();
        figures.answer(name, ids.join(" "));
    }
    let keys = [CostKey::WorkPacket, CostKey::Role, CostKey::Model];
    for ((name, _), key) in questions::COSTS.iter().zip(keys) {
        let rows = often(figures, &format!("{name}_ms"), || Ok(reader.cost(key, &SessionFilter::default())))?;
        let line =
            |row: &CostRow| (row.key.as_deref().unwrap_or("").to_owned(), row.tokens.total, row.cost.nanos as u64);
        figures.answer(name, questions::cost_answer(rows.iter().map(line).collect()));
    }
    Ok(())
}

/// Reads everything again.
pub fn verify(place: &Place) -> Res<Figures> {
    let mut figures = Figures::default();
    let reader = Reader::open(place.store())?;
    let (found, nanos) = time(|| reader.verify(&mut |_| {}));
    let found = found?;
    if !found.ok {
        return Err(format!("the store is damaged: {:?}", found.damage).into());
    }
    figures.set("verify_s", nanos as f64 / 1e9);
    figures.set("verify_events_per_s", found.events as f64 / (nanos as f64 / 1e9));
    figures.set("verify_peak_mib", peak_mib());
    Ok(figures)
}
