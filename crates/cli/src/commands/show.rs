//! `show`: everything about one session.

use std::io::Write;

use flightrec_recorder::view::{SessionDetail, SessionView};

use super::short_ids::ShortIds;
use super::{Run, findings, spans, tree};
use crate::args::{Format, ShowArgs};
use crate::console::{Console, of_state};
use crate::escape::escape;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, Cell, Column, Lister, Table, print_object, words};

const STATES: &[Column] = &[
    Column("TIME", Align::Left),
    Column("FROM", Align::Left),
    Column("TO", Align::Left),
    Column("SEQ", Align::Right),
    Column("REASON", Align::Left),
];

pub(super) fn run(run: &Run, args: &ShowArgs) -> Outcome {
    let reader = run.reader()?;
    let id = run.store.resolve(&reader, &args.session)?;
    let detail = reader.session(&id).map_err(|error| run.store.answer_failure(&error))?;
    if run.console.format == Format::Csv {
        // A row has room for the facts; states and spans have commands of their own.
        let mut list = Lister::new::<SessionView>(run.console, &[])?;
        list.item(&detail.session, Vec::new)?;
        list.finish("")?;
        return Ok(Exit::Done);
    }
    print_object(run.console, &detail, |out| people(run.console, &detail, &ShortIds::of(run, &reader), out))?;
    Ok(Exit::Done)
}

fn people(console: Console, detail: &SessionDetail, short: &ShortIds, out: &mut dyn Write) -> Result<(), Failure> {
    facts(&detail.session, out)?;
    if !detail.states.is_empty() {
        let mut table = Table::new(STATES, console.colour, console.width);
        for step in &detail.states {
            table.row(vec![
                step.timestamp.to_string().into(),
                Cell::new(step.from_state.as_str()).style(of_state(step.from_state)),
                Cell::new(step.to_state.as_str()).style(of_state(step.to_state)),
                step.seq.to_string().into(),
                step.reason.as_str().into(),
            ]);
        }
        section("States", &mut table, out)?;
    }
    if !detail.spans.is_empty() {
        let mut table = Table::new(spans::COLUMNS, console.colour, console.width);
        for span in &detail.spans {
            table.row(spans::cells(span, short));
        }
        section("Spans", &mut table, out)?;
    }
    if !detail.children.is_empty() {
        let mut table = tree::drawing(console);
        for child in &detail.children {
            tree::draw(&mut table, child, short);
        }
        section("Spawned", &mut table, out)?;
    }
    if !detail.session.findings.is_empty() {
        let mut table = Table::new(findings::COLUMNS, console.colour, console.width);
        for finding in &detail.session.findings {
            table.row(findings::cells(finding, short));
        }
        section("Findings", &mut table, out)?;
    }
    Ok(())
}

fn section(title: &str, table: &mut Table, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "\n{title}")?;
    Ok(table.print(out)?)
}

fn facts(session: &SessionView, out: &mut dyn Write) -> Result<(), Failure> {
    let text = |text: Option<&str>| text.map_or_else(words::none, |text| escape(text).into_owned());
    let tokens = session.tokens;
    let rows = [
        ("session", text(Some(&session.session_id))),
        ("label", text(session.label.as_deref())),
        ("state", session.state.to_string()),
        ("role", text(session.role.as_deref())),
        ("model", text(session.model_id.as_deref())),
        ("provider", text(session.provider.as_deref())),
        ("backend", text(session.backend.map(flightrec_events::Backend::as_str))),
        ("work packet", text(session.wp_id.as_deref())),
        ("micro task", text(session.mt_id.as_deref())),
        ("parent", text(session.parent_session_id.as_deref())),
        ("depth", session.spawn_depth.map_or_else(words::none, words::count)),
        ("source", text(Some(&session.source))),
        ("created", words::time(session.created_at)),
        ("updated", words::time(session.updated_at)),
        ("ended", words::time(session.ended_at)),
        ("elapsed", words::elapsed(session)),
        (
            "tokens",
            format!(
                "{} = {} in ({} cached, {} written to the cache) + {} out ({} reasoning)",
                words::count(tokens.total),
                words::count(tokens.input),
                words::count(tokens.cached),
                words::count(tokens.cache_write),
                words::count(tokens.output),
                words::count(tokens.reasoning),
            ),
        ),
        ("own cost", words::cost(session.cost.own_nanos, session.cost.unpriced_runs)),
        ("inclusive cost", words::dollars(session.cost.inclusive_nanos)),
        (
            "activity",
            format!(
                "{}, {}, {}, {} ({} open)",
                words::counted(session.messages, "message", "messages"),
                words::counted(session.model_runs, "model run", "model runs"),
                words::counted(session.tool_calls, "tool call", "tool calls"),
                words::counted(session.spans, "span", "spans"),
                words::count(session.open_spans),
            ),
        ),
    ];
    for (name, value) in rows {
        writeln!(out, "{name:<14}  {value}")?;
    }
    Ok(())
}
