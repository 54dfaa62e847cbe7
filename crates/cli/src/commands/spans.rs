//! `spans`: work as intervals of time, by start.

use flightrec_events::SpanStatus;
use flightrec_recorder::query::SpanFilter;
use flightrec_recorder::view::SpanView;

use super::Run;
use super::scope::Scope;
use super::short_ids::ShortIds;
use crate::args::SpansArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, Cell, Column, Lister, words};

pub(super) const COLUMNS: &[Column] = &[
    Column("SPAN", Align::Left),
    Column("SESSION", Align::Left),
    Column("KIND", Align::Left),
    Column("START", Align::Left),
    Column("DURATION", Align::Right),
    Column("STATUS", Align::Left),
    Column("TOKENS", Align::Right),
    Column("COST", Align::Right),
    Column("NAME", Align::Left),
];

pub(super) fn run(run: &Run, args: &SpansArgs) -> Outcome {
    let now = run.now();
    let (since, until) = args.time.resolve(now)?;
    let overlaps = args
        .overlaps
        .map(|span| span.resolve(now))
        .transpose()
        .map_err(|why| Failure::usage(format!("--overlaps {why}")))?;
    let reader = run.reader()?;
    let scope = Scope::new(run, &reader, args.session.as_deref(), &args.filters)?;
    let filter = SpanFilter { session: scope.session.clone(), overlaps, limit: None };
    let spans = reader.spans(&filter).map_err(|error| run.store.read_failure(&error))?;
    let short = ShortIds::of(run, &reader);
    let mut list = Lister::new::<SpanView>(run.console, COLUMNS)?;
    let begins = |span: &SpanView| span.start.or(span.end);
    let wanted = spans.iter().filter(|span| {
        scope.takes(span.session_id.as_deref())
            && since.is_none_or(|since| begins(span).is_some_and(|at| at >= since))
            && until.is_none_or(|until| begins(span).is_some_and(|at| at < until))
    });
    for span in wanted.take(args.limit.unwrap_or(usize::MAX)) {
        list.item(span, || cells(span, &short))?;
    }
    list.finish("spans")?;
    Ok(Exit::Done)
}

/// One row of the table of spans.
pub(super) fn cells(span: &SpanView, short: &ShortIds) -> Vec<Cell> {
    let length = span.start.zip(span.end).map(|(start, end)| words::duration(end.micros_since(start)));
    let tokens = match (span.tokens_in, span.tokens_out) {
        (None, None) => None,
        (tokens_in, tokens_out) => Some(words::count(tokens_in.unwrap_or(0) + tokens_out.unwrap_or(0))),
    };
    let status = match span.status {
        Some(status) => Cell::new(status.as_str()).style(of_status(status)),
        None => Cell::new("open").style(anstyle::AnsiColor::Green.on_default()),
    };
    vec![
        span.span_id.to_string().into(),
        Cell::optional(span.session_id.as_deref().map(|id| short.get(id))),
        Cell::optional(span.kind.map(flightrec_events::SpanKind::as_str)),
        words::time(span.start).into(),
        Cell::optional(length),
        status,
        Cell::optional(tokens),
        Cell::optional(span.cost_nanos.map(|nanos| words::dollars(u128::from(nanos)))),
        Cell::optional(span.name.as_deref()),
    ]
}

const fn of_status(status: SpanStatus) -> anstyle::Style {
    match status {
        SpanStatus::Ok => anstyle::Style::new(),
        SpanStatus::Error => anstyle::AnsiColor::Red.on_default(),
        SpanStatus::Cancelled | SpanStatus::Abandoned => anstyle::AnsiColor::Yellow.on_default(),
    }
}
