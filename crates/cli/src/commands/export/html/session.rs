//! One session: facts, states, waits, findings, messages, spans, events.

use std::io;
use std::sync::Arc;

use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::view::{MessageView, SessionView, SpanView};
use flightrec_recorder::{Reader, RecordedEvent};

use super::content::{Content, content};
use super::lanes::Named;
use super::markup::Html;
use crate::output::words;

/// Everything about one session but its drawing, which is that of all.
pub(super) struct Told<'r> {
    pub(super) named: &'r Named,
    pub(super) messages: Vec<MessageView>,
    pub(super) events: Vec<RecordedEvent>,
}

/// Writes a session as a section of its own.
pub(super) fn write(html: &mut Html<'_>, told: &Told<'_>, reader: &Reader, redactor: &Redactor) -> io::Result<()> {
    let lane = &told.named.lane;
    html.begin("section", &[("id", format!("session-{}", lane.session.session_id).into())])?;
    html.element("h2", "", &told.named.name)?;
    facts(html, &lane.session)?;
    if !lane.session.findings.is_empty() {
        html.element("h3", "", "Findings")?;
        let rows = lane.session.findings.iter();
        html.table(
            &["Kind", "#Event", "Detail"],
            rows.map(|finding| vec![finding.kind.as_str().to_owned(), optional(finding.seq), finding.detail.clone()]),
        )?;
    }
    if !lane.states.is_empty() {
        html.element("h3", "", "States")?;
        html.table(
            &["Time", "From", "To", "#Event", "Reason"],
            lane.states.iter().map(|step| {
                let states = [step.from_state, step.to_state].map(|state| state.as_str().to_owned());
                let [from, to] = states;
                vec![step.timestamp.to_string(), from, to, step.seq.to_string(), step.reason.clone()]
            }),
        )?;
    }
    if !lane.waits.is_empty() {
        html.element("h3", "", "Waits")?;
        html.table(
            &["From", "#Waited", "For", "Job", "Reason"],
            lane.waits.iter().map(|wait| {
                let waited =
                    wait.end.map_or_else(|| "still".to_owned(), |end| words::duration(end.micros_since(wait.start)));
                let what = wait.limit.as_deref().unwrap_or("its turn").to_owned();
                let reason = wait.reason.clone().unwrap_or_default();
                vec![wait.start.to_string(), waited, what, wait.job_id.to_string(), reason]
            }),
        )?;
    }
    messages(html, &told.messages, reader, redactor)?;
    spans(html, &lane.spans)?;
    events(html, &told.events, redactor)?;
    html.end("section")
}

fn facts(html: &mut Html<'_>, session: &SessionView) -> io::Result<()> {
    let text = |text: &Option<Arc<str>>| text.as_deref().map_or_else(words::none, str::to_owned);
    let tokens = session.tokens;
    let facts = [
        ("session", session.session_id.to_string()),
        ("state", format!("{} {}", crate::console::sign(session.state), session.state.as_str())),
        ("role", text(&session.role)),
        ("label", text(&session.label)),
        ("model", text(&session.model_id)),
        ("provider", text(&session.provider)),
        ("work packet", text(&session.wp_id)),
        ("parent", text(&session.parent_session_id)),
        ("source", session.source.to_string()),
        ("created", words::time(session.created_at)),
        ("ended", words::time(session.ended_at)),
        ("elapsed", words::elapsed(session)),
        (
            "tokens",
            format!(
                "{} in, {} of them cached; {} out",
                words::count(tokens.input),
                words::count(tokens.cached),
                words::count(tokens.output)
            ),
        ),
        ("own cost", words::cost(session.cost.own_nanos, session.cost.unpriced_runs)),
        ("with descendants", words::dollars(session.cost.inclusive_nanos)),
    ];
    html.markup("<dl>")?;
    for (name, value) in facts {
        html.element("dt", "", name)?;
        html.element("dd", "", &value)?;
    }
    html.markup("</dl>\n")
}

fn messages(html: &mut Html<'_>, messages: &[MessageView], reader: &Reader, redactor: &Redactor) -> io::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    html.element("h3", "", "Messages")?;
    for message in messages {
        html.begin("article", &[])?;
        let tokens = message.token_count.map(|tokens| format!(", {}", words::counted(tokens, "token", "tokens")));
        let call = message.tool_call_id.as_deref().map(|call| format!(", call {call}"));
        let head = format!(
            "{}  {}, event {}{}{}",
            message.role.as_str(),
            message.timestamp,
            message.seq,
            tokens.unwrap_or_default(),
            call.unwrap_or_default()
        );
        html.element("h4", "", &head)?;
        match content(reader, redactor, message.artifact_id) {
            Content::Text(text, left) => {
                html.element("pre", "", &text)?;
                if left > 0 {
                    html.element("p", "soft", &format!("{} more are left out", words::bytes(left as u64)))?;
                }
            }
            Content::Absent(why) => html.element("p", "soft", &why)?,
        }
        html.element("p", "soft hash", &format!("sha256 {}", message.content_hash))?;
        html.end("article")?;
    }
    Ok(())
}

fn spans(html: &mut Html<'_>, spans: &[SpanView]) -> io::Result<()> {
    if spans.is_empty() {
        return Ok(());
    }
    html.begin("details", &[])?;
    html.element("summary", "", &words::counted(spans.len() as u64, "span", "spans"))?;
    let titles = ["Start", "#Took", "Kind", "Name", "Status", "#In", "#Out", "#Cost", "Error", "Span"];
    html.table(
        &titles,
        spans.iter().map(|span| {
            let took = match (span.start, span.end) {
                (Some(start), Some(end)) => words::duration(end.micros_since(start)),
                (_, None) => "open".to_owned(),
                (None, Some(_)) => words::none(),
            };
            vec![
                words::time(span.start),
                took,
                span.kind.map_or_else(words::none, |kind| kind.as_str().to_owned()),
                span.name.clone().unwrap_or_default(),
                span.status.map_or("open", flightrec_events::SpanStatus::as_str).to_owned(),
                optional(span.tokens_in),
                optional(span.tokens_out),
                span.cost_nanos.map_or_else(words::none, |nanos| words::dollars(nanos.into())),
                span.error_code.clone().unwrap_or_default(),
                span.span_id.to_string(),
            ]
        }),
    )?;
    html.end("details")
}

fn events(html: &mut Html<'_>, events: &[RecordedEvent], redactor: &Redactor) -> io::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    html.begin("details", &[])?;
    html.element("summary", "", &words::counted(events.len() as u64, "event", "events"))?;
    html.table(
        &["#Event", "Time", "Type", "Actor", "Payload"],
        events.iter().map(|event| {
            let mut json = Vec::new();
            event.event.write_json(&mut json, None);
            let whole: serde_json::Value = serde_json::from_slice(&json).unwrap_or_default();
            let payload = whole["payload"].to_string();
            vec![
                event.seq.to_string(),
                event.event.timestamp.to_string(),
                event.event.type_name().to_owned(),
                event.event.actor.as_str().to_owned(),
                redactor.redact(&payload, Context::Token).into_owned(),
            ]
        }),
    )?;
    html.end("details")
}

fn optional(number: Option<u64>) -> String {
    number.map_or_else(words::none, words::count)
}
