//! Numbers about the server itself, in the text form that Prometheus reads.
//!
//! A handful of counters needs no registry of metrics: they are fields here, and written out by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::intake::Signal;
use crate::routes::{Port, Route};

/// Upper bounds of the histogram of durations, in seconds; beyond the last is one more bucket.
const BOUNDS_S: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What requests that match no route are counted under.
const NO_ROUTE: (&str, &str) = ("other", "(none)");

/// Numbers about the server itself.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    routes: Mutex<BTreeMap<(&'static str, &'static str), OfRoute>>,
    body_bytes: AtomicU64,
    signals: [OfSignal; Signal::ALL.len()],
    connections: [AtomicI64; Port::ALL.len()],
}

#[derive(Debug, Default)]
struct OfRoute {
    statuses: BTreeMap<u16, u64>,
    buckets: [u64; BOUNDS_S.len() + 1],
    sum: Duration,
}

#[derive(Debug, Default)]
struct OfSignal {
    taken: AtomicU64,
    refused: AtomicU64,
}

/// One open connection, counted as long as this lives.
pub(crate) struct Connected<'m>(&'m AtomicI64);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, route: Option<&'static Route>, status: u16, took: Duration) {
        let key = route.map_or(NO_ROUTE, |route| (route.method.as_str(), route.path));
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = routes.entry(key).or_default();
        *counted.statuses.entry(status).or_default() += 1;
        let bucket = BOUNDS_S.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(BOUNDS_S.len());
        counted.buckets[bucket] += 1;
        counted.sum += took;
    }

    /// Counts the bytes of a body as it was sent.
    pub(crate) fn received(&self, bytes: usize) {
        self.body_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts what became of telemetry.
    pub(crate) fn took(&self, signal: Signal, taken: u64, refused: u64) {
        let counted = &self.signals[signal as usize];
        counted.taken.fetch_add(taken, Ordering::Relaxed);
        counted.refused.fetch_add(refused, Ordering::Relaxed);
    }

    /// Counts an open connection.
    pub(crate) fn connected(&self, port: Port) -> Connected<'_> {
        let open = &self.connections[port as usize];
        open.fetch_add(1, Ordering::Relaxed);
        Connected(open)
    }
}

/// Everything, as text.
pub(crate) fn text(app: &App) -> String {
    let mut out = String::new();
    of_routes(&app.metrics, &mut out);
    let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let bytes = load(&app.metrics.body_bytes);
    plain(&mut out, "flightrec_http_request_body_bytes_total", "counter", "Bytes of bodies, as they were sent.", bytes);
    for (name, help, value) in [
        (
            "taken",
            "Spans, log records and data points that were taken.",
            (|of| &of.taken) as fn(&OfSignal) -> &AtomicU64,
        ),
        ("refused", "Spans, log records and data points that were refused.", |of| &of.refused),
    ] {
        let name = format!("flightrec_otlp_items_{name}_total");
        head(&mut out, &name, "counter", help);
        for signal in Signal::ALL {
            let count = load(value(&app.metrics.signals[signal as usize]));
            line(&mut out, &name, &format!("signal=\"{}\"", signal.as_str()), count);
        }
    }
    head(&mut out, "flightrec_open_connections", "gauge", "Connections that are open now.");
    for port in Port::ALL {
        let open = app.metrics.connections[port as usize].load(Ordering::Relaxed);
        line(&mut out, "flightrec_open_connections", &format!("port=\"{}\"", port.as_str()), open);
    }
    let reader = app.recorder.reader();
    plain(&mut out, "flightrec_events", "gauge", "Events that the store holds.", reader.event_count());
    let last_seq = reader.last_seq().unwrap_or(0);
    plain(&mut out, "flightrec_last_seq", "gauge", "Position of the last durable event.", last_seq);
    let dropped = app.recorder.dropped_events();
    plain(&mut out, "flightrec_dropped_events_total", "counter", "Events dropped because the queue was full.", dropped);
    let ready = u8::from(app.unready().is_none());
    plain(&mut out, "flightrec_ready", "gauge", "1 if events can be recorded now, else 0.", ready);
    out
}

fn of_routes(metrics: &Metrics, out: &mut String) {
    let routes = metrics.routes.lock().unwrap_or_else(PoisonError::into_inner);
    let name = "flightrec_http_requests_total";
    head(out, name, "counter", "Requests, by route and status.");
    for ((method, path), counted) in routes.iter() {
        for (status, count) in &counted.statuses {
            line(out, name, &format!("method=\"{method}\",route=\"{path}\",status=\"{status}\""), count);
        }
    }
    let name = "flightrec_http_request_duration_seconds";
    head(out, name, "histogram", "Time from the head of a request to its answer, by route.");
    for ((method, path), counted) in routes.iter() {
        let labels = format!("method=\"{method}\",route=\"{path}\"");
        let mut below = 0;
        for (bucket, count) in counted.buckets.iter().enumerate() {
            below += count;
            let bound = BOUNDS_S.get(bucket).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
            line(out, &format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), below);
        }
        line(out, &format!("{name}_sum"), &labels, counted.sum.as_secs_f64());
        line(out, &format!("{name}_count"), &labels, below);
    }
}

fn plain(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, kind, help);
    line(out, name, "", value);
}

// Writing to a string does not fail.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _written = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n").is_ok();
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let _written = writeln!(out, "{name}{labels} {value}").is_ok();
}
