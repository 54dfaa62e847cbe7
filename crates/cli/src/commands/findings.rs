//! `findings`: what is wrong or incomplete in the record.

use flightrec_recorder::view::{Finding, FindingKind};

use super::Run;
use super::short_ids::ShortIds;
use crate::args::FindingsArgs;
use crate::console::of_severity;
use crate::exit::{Exit, Outcome};
use crate::output::{Align, Cell, Column, Lister, words};

pub(super) const COLUMNS: &[Column] = &[
    Column("SEVERITY", Align::Left),
    Column("KIND", Align::Left),
    Column("SESSION", Align::Left),
    Column("SPAN", Align::Left),
    Column("SEQ", Align::Right),
    Column("DETAIL", Align::Left),
];

const KINDS: [FindingKind; 11] = [
    FindingKind::OrphanParent,
    FindingKind::MissingStart,
    FindingKind::MissingEnd,
    FindingKind::IllegalTransition,
    FindingKind::AfterTerminal,
    FindingKind::LateEvent,
    FindingKind::Unpriced,
    FindingKind::ClockSkew,
    FindingKind::DuplicateUsage,
    FindingKind::DroppedEvents,
    FindingKind::Gap,
];

/// Reads the kind of a finding.
pub(crate) fn finding_kind(text: &str) -> Result<FindingKind, String> {
    let found = KINDS.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("no such kind of finding; use one of {}", KINDS.map(FindingKind::as_str).join(", ")))
}

pub(super) fn run(run: &Run, args: &FindingsArgs) -> Outcome {
    let reader = run.reader()?;
    let session = args.session.as_deref().map(|prefix| run.store.resolve(&reader, prefix)).transpose()?;
    let findings = reader.findings();
    let short = ShortIds::of(run, &reader);
    let mut list = Lister::new::<Finding>(run.console, COLUMNS)?;
    let wanted = findings.iter().filter(|finding| {
        (session.is_none() || finding.session_id == session)
            && (args.kind.is_empty() || args.kind.contains(&finding.kind))
    });
    for finding in wanted.take(args.limit.unwrap_or(usize::MAX)) {
        list.item(finding, || cells(finding, &short))?;
    }
    list.finish("findings")?;
    Ok(Exit::Done)
}

/// One row of the table of findings.
pub(super) fn cells(finding: &Finding, short: &ShortIds) -> Vec<Cell> {
    vec![
        Cell::new(format!("{:?}", finding.severity).to_lowercase()).style(of_severity(finding.severity)),
        finding.kind.as_str().into(),
        Cell::optional(finding.session_id.as_deref().map(|id| short.get(id))),
        Cell::optional(finding.span_id.map(|id| id.to_string())),
        Cell::optional(finding.seq.map(words::count)),
        finding.detail.as_str().into(),
    ]
}
