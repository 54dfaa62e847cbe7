//! What went on over time, as a drawing: a lane for each session, its waits above its spans.

use std::io;

use flightrec_events::{SpanKind, SpanStatus, Timestamp};
use flightrec_recorder::lanes::{LaneView, WaitKind};
use flightrec_recorder::view::SpanView;

use super::super::rows::{self, Edge, rows};
use super::markup::Html;
use crate::output::{cut, words};

/// The drawing's width, in units that the page stretches to its own.
const WIDTH: f64 = 1_000.0;
const NAMES: f64 = 180.0;
const ROW: f64 = 12.0;
const GAP: f64 = 6.0;
const AXIS: f64 = 20.0;
const TICKS: i64 = 5;

/// The least width at which something is still seen.
const LEAST: f64 = 0.8;

/// A lane with its name.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) depth: usize,
    pub(super) lane: LaneView,
}

/// A bar of a lane.
struct Bar {
    row: usize,
    start: Timestamp,
    end: Timestamp,
    class: &'static str,
    title: String,
}

/// Draws lanes on one scale of time; `now` ends what has not ended.
pub(super) fn draw(html: &mut Html<'_>, lanes: &[Named], now: Timestamp) -> io::Result<()> {
    let drawn: Vec<(&Named, Vec<Bar>)> = lanes.iter().map(|named| (named, bars(&named.lane, now))).collect();
    let all = || drawn.iter().flat_map(|(_, bars)| bars);
    let Some(from) = all().map(|bar| bar.start).min() else { return html.element("p", "soft", "Nothing has a time.") };
    let to = all().map(|bar| bar.end).max().unwrap_or(from);
    let whole_us = to.micros_since(from).max(1);
    let x = |at: Timestamp| NAMES + (WIDTH - NAMES) * at.micros_since(from) as f64 / whole_us as f64;
    let heights = drawn.iter().map(|(_, bars)| height(bars) + GAP);
    let height_of_all: f64 = heights.sum::<f64>() + AXIS;
    let view = format!("0 0 {WIDTH} {height_of_all}");
    html.begin(
        "svg",
        &[("viewBox", view.into()), ("role", "img".into()), ("aria-label", "Sessions over time".into())],
    )?;
    for tick in 0..=TICKS {
        let at = NAMES + (WIDTH - NAMES) * tick as f64 / TICKS as f64;
        html.begin("line", &[("x1", at.into()), ("x2", at.into()), ("y1", AXIS.into()), ("y2", height_of_all.into())])?;
        html.end("line")?;
        let anchor = if tick == TICKS { "end" } else { "start" };
        html.begin("text", &[("x", at.into()), ("y", (AXIS - 7.0).into()), ("text-anchor", anchor.into())])?;
        html.text(&words::duration(whole_us * tick / TICKS))?;
        html.end("text")?;
    }
    let mut y = AXIS;
    for (named, bars) in &drawn {
        let indent = 8.0 * named.depth.min(8) as f64;
        html.begin("text", &[("x", (2.0 + indent).into()), ("y", (y + ROW - 2.0).into()), ("class", "name".into())])?;
        html.text(&cut(&named.name, 28 - named.depth.min(8)))?;
        html.end("text")?;
        for bar in bars {
            let (left, top) = (x(bar.start), y + ROW * bar.row as f64);
            let width = (x(bar.end) - left).max(LEAST);
            html.begin(
                "rect",
                &[
                    ("x", left.into()),
                    ("y", top.into()),
                    ("width", width.into()),
                    ("height", (ROW - 2.0).into()),
                    ("class", bar.class.into()),
                ],
            )?;
            html.element("title", "", &bar.title)?;
            html.end("rect")?;
        }
        y += height(bars) + GAP;
    }
    html.end("svg")
}

fn height(bars: &[Bar]) -> f64 {
    ROW * (bars.iter().map(|bar| bar.row).max().unwrap_or(0) + 1) as f64
}

/// The bars of a lane: the session itself, its waits, its spans.
fn bars(lane: &LaneView, now: Timestamp) -> Vec<Bar> {
    let session = &lane.session;
    let last = lane.session.updated_at.filter(|_| session.state.is_terminal()).unwrap_or(now);
    let mut bars = Vec::new();
    if let Some(start) = session.created_at {
        let end = session.ended_at.unwrap_or(last).max(start);
        let title = format!("{} {}", session.state.as_str(), words::duration(end.micros_since(start)));
        bars.push(Bar { row: 0, start, end, class: "of-session", title });
    }
    for wait in &lane.waits {
        let end = wait.end.unwrap_or(last).max(wait.start);
        let (class, what) = match wait.kind {
            WaitKind::Queue => ("of-queue", "queued".to_owned()),
            WaitKind::Hold => ("of-hold", format!("held by {}", wait.limit.as_deref().unwrap_or("a limit"))),
        };
        let title = format!("{what} {}", words::duration(end.micros_since(wait.start)));
        bars.push(Bar { row: 0, start: wait.start, end, class, title });
    }
    bars.extend(of_spans(&lane.spans, last));
    bars
}

/// Spans on rows of their own depth, so that none lies upon another.
fn of_spans(spans: &[SpanView], last: Timestamp) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut first = 1;
    for edges in rows(rows::of_spans(spans)) {
        let (mut depth, mut deepest) = (0, 0);
        for edge in edges {
            let Edge::Begin(n, start) = edge else {
                depth -= 1;
                continue;
            };
            let span = &spans[n];
            let end = span.end.unwrap_or(last).max(start);
            let class = match (span.status, span.kind) {
                (Some(SpanStatus::Error), _) => "of-error",
                (Some(SpanStatus::Cancelled | SpanStatus::Abandoned), _) => "of-broken",
                (_, Some(SpanKind::ModelRun)) => "of-model",
                (_, Some(SpanKind::ToolCall)) => "of-tool",
                (_, Some(SpanKind::Job | SpanKind::Session | SpanKind::Other) | None) => "of-other",
            };
            let name = span.name.as_deref().unwrap_or("span");
            let status = span.status.map_or("open", SpanStatus::as_str);
            let title = format!("{name}, {status}, {}", words::duration(end.micros_since(start)));
            bars.push(Bar { row: first + depth, start, end, class, title });
            depth += 1;
            deepest = deepest.max(depth);
        }
        first += deepest;
    }
    bars
}
