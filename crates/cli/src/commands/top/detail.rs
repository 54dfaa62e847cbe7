//! The selected session: its facts, what runs in it, and its last events.

use flightrec_events::Timestamp;
use flightrec_recorder::RecordedEvent;
use flightrec_recorder::view::{SessionView, SpanView};
use ratatui::style::Style;

use super::canvas::{Canvas, Palette};
use super::columns::{brief_cost, brief_dollars};
use super::picture::Detail;
use crate::console::sign;
use crate::output::words;

/// So many spans under way are shown at most.
const SHOWN_SPANS: usize = 4;

/// Draws the details into the whole of a canvas.
pub(super) fn draw(canvas: &mut Canvas<'_>, detail: &Detail, now: Timestamp) {
    let session = &detail.lane.session;
    let width = canvas.width();
    canvas.text(0, 0, &"─".repeat(width), width, Palette::SOFT);
    let title = format!(" {} {} {} ", session.session_id, sign(session.state), session.state.as_str());
    canvas.text(2, 0, &title, width.saturating_sub(4), Palette::STRONG);
    let mut y = 1;
    for line in facts(session) {
        canvas.text(0, y, &line, width, Style::new());
        y += 1;
    }
    let mut open: Vec<&SpanView> = detail.lane.spans.iter().filter(|span| span.end.is_none()).collect();
    open.reverse();
    for span in open.iter().take(SHOWN_SPANS.min(canvas.height().saturating_sub(y + 2))) {
        canvas.text(0, y, &format!("runs  {}", of_span(span, now)), width, canvas.palette.state(session.state));
        y += 1;
    }
    let room = canvas.height().saturating_sub(y);
    for event in detail.events.iter().skip(detail.events.len().saturating_sub(room)) {
        let x = canvas.text(0, y, &clock(event.event.timestamp), 15, Palette::SOFT) + 2;
        let x = canvas.text(x, y, event.event.type_name(), width, Style::new()) + 2;
        canvas.text(x, y, &payload(event), width, Palette::SOFT);
        y += 1;
    }
}

fn facts(session: &SessionView) -> Vec<String> {
    let fact = |name: &str, value: Option<&str>| value.map(|value| format!("{name} {value}"));
    let worded = [
        fact("label", session.label.as_deref()),
        fact("role", session.role.as_deref()),
        fact("model", session.model_id.as_deref()),
        fact("provider", session.provider.as_deref()),
        fact("wp", session.wp_id.as_deref()),
        fact("parent", session.parent_session_id.as_deref()),
    ];
    let tokens = session.tokens;
    let counts = format!(
        "{} in, {} out  own {}  with children {}  {}  {}  {}",
        words::count(tokens.input),
        words::count(tokens.output),
        brief_cost(session.cost.own_nanos, session.cost.unpriced_runs),
        brief_dollars(session.cost.inclusive_nanos),
        words::counted(session.model_runs, "model run", "model runs"),
        words::counted(session.tool_calls, "tool call", "tool calls"),
        words::counted(session.messages, "message", "messages"),
    );
    let mut lines = vec![worded.into_iter().flatten().collect::<Vec<_>>().join("  "), counts];
    lines.extend(
        session
            .findings
            .iter()
            .take(2)
            .map(|finding| format!("finding  {}: {}", finding.kind.as_str(), finding.detail)),
    );
    lines
}

fn of_span(span: &SpanView, now: Timestamp) -> String {
    let kind = span.kind.map_or("span", |kind| kind.as_str());
    let age = span.start.map(|start| words::duration(now.micros_since(start).max(0))).unwrap_or_default();
    format!("{age}  {kind}  {}", span.name.as_deref().unwrap_or("-"))
}

/// The time of day, to the millisecond.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..23).unwrap_or_default().to_owned()
}

fn payload(event: &RecordedEvent) -> String {
    let mut json = Vec::new();
    event.event.write_json(&mut json, None);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap_or_default();
    let fields = json["payload"].as_object().into_iter().flatten();
    let shown = fields.filter(|(name, value)| !value.is_null() && *name != "session_id");
    let word = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    shown.map(|(name, value)| format!("{name}={}", word(value))).collect::<Vec<_>>().join(" ")
}
