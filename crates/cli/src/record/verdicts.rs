//! Verdicts on their way out: printed in the order of the lines, counted, and summed up.
// tidy: no-wildcard

use std::io::Write as _;

use flightrec_events::{EventId, INVALID_EVENT, Violation};
use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::view::{LineError, LineVerdict};
use indicatif::ProgressBar;

use crate::args::Format;
use crate::console::Console;
use crate::escape::escape;
use crate::exit::{Exit, Failure};
use crate::output::Lister;
use crate::output::words::{count, duration};

/// What became of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in the record, and durable.
    Accepted,
    /// The record held it already.
    Duplicate,
    /// It breaks a rule.
    Rejected(Violation),
}

/// Prints verdicts and counts them.
pub(crate) struct Verdicts {
    console: Console,
    /// `None` in a table, which shows rejections alone, and once nobody reads the output any more.
    list: Option<Lister>,
    bar: ProgressBar,
    redactor: Redactor,
    accepted: u64,
    duplicates: u64,
    rejected: u64,
}

impl Verdicts {
    /// Begins to print.
    pub(crate) fn new(console: Console, bar: ProgressBar) -> Result<Self, Failure> {
        let list = match console.format {
            Format::Table => None,
            Format::Json
            | Format::Ndjson
            | Format::Csv
            | Format::Markdown
            | Format::Otlp
            | Format::Parquet
            | Format::Perfetto
            | Format::Html => Some(Lister::new::<LineVerdict>(console, &[])?),
        };
        Ok(Self { console, list, bar, redactor: Redactor::new(), accepted: 0, duplicates: 0, rejected: 0 })
    }

    /// Prints one verdict. That nobody reads them does not end the recording.
    pub(crate) fn print(&mut self, line: u64, event_id: Option<EventId>, verdict: Verdict) -> Result<(), Failure> {
        let (word, error) = match verdict {
            Verdict::Accepted => {
                self.accepted += 1;
                ("accepted", None)
            }
            Verdict::Duplicate => {
                self.duplicates += 1;
                ("duplicate", None)
            }
            Verdict::Rejected(violation) => {
                self.rejected += 1;
                ("rejected", Some(self.line_error(violation)))
            }
        };
        if let Some(list) = &mut self.list {
            let printed = list.item(&LineVerdict { line, event_id, verdict: word, error }, Vec::new);
            return self.unless_closed(printed);
        }
        if let (Format::Table, Some(error)) = (self.console.format, error) {
            let field = error.field.map(|field| format!(" at {field}")).unwrap_or_default();
            let text = format!("line {line}: {}{field}: {}", error.rule, error.message);
            self.bar.suspend(|| {
                let _nobody_listens = writeln!(std::io::stderr(), "{}", escape(&text)).is_ok();
            });
        }
        Ok(())
    }

    /// The name of an unknown field is the emitter's text, and may be a secret that slipped into the wrong place.
    fn line_error(&self, violation: Violation) -> LineError {
        let field = violation.field.map(|field| self.redactor.redact(&field, Context::Token).into_owned());
        LineError { code: INVALID_EVENT, rule: violation.rule.name(), field, message: violation.message }
    }

    /// Hands everything so far to the reader of the output.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.list.as_mut().map_or(Ok(()), Lister::flush);
        self.unless_closed(flushed)
    }

    fn unless_closed(&mut self, printed: Result<(), Failure>) -> Result<(), Failure> {
        match printed {
            Err(Failure::OutputClosed) => {
                self.list = None;
                Ok(())
            }
            other => other,
        }
    }

    /// How many lines have been judged.
    pub(crate) const fn judged(&self) -> u64 {
        self.accepted + self.duplicates + self.rejected
    }

    /// Ends the list, sums up, and answers with the exit code.
    pub(crate) fn finish(mut self, elapsed_us: i64) -> Result<Exit, Failure> {
        self.bar.finish_and_clear();
        let ended = self.list.take().map_or(Ok(()), |list| list.finish(""));
        self.unless_closed(ended)?;
        let per_second = self.judged().saturating_mul(1_000_000) / elapsed_us.max(1) as u64;
        let summary = format!(
            "{} accepted, {} duplicate, {} rejected in {} ({} events/s)",
            count(self.accepted),
            count(self.duplicates),
            count(self.rejected),
            duration(elapsed_us),
            count(per_second),
        );
        if self.console.format == Format::Table {
            let printed = writeln!(std::io::stdout(), "{summary}").map_err(Failure::from);
            self.unless_closed(printed)?;
        } else {
            self.console.note(&summary);
        }
        Ok(if self.rejected > 0 { Exit::Rejected } else { Exit::Done })
    }
}
