//! Rows for a query, as they are made. Interrupting the program ends the query: reading leaves nothing behind.
// tidy: no-wildcard

use std::io::Read as _;
use std::time::Duration;

use flightrec_archive::push::{Patience, PublishedError};
use flightrec_sql::{Answer, AnswerColumn, Engine, Lake, Limits, MAX_QUERY_BYTES, Options, SqlError};

use crate::args::SqlArgs;
use crate::commands::{Run, has_gaps, open_target};
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::Rows;

/// How long an object store may take to say anything, and how often it is asked again.
const PATIENCE: Patience = Patience { timeout: Duration::from_mins(1), retries: 8 };

pub(in crate::commands) fn run(run: &Run, args: &SqlArgs) -> Outcome {
    let text = text_of(&args.query)?;
    let options = Options { memory_bytes: (args.memory_mib as usize) << 20, ..Options::default() };
    let failed = |error: SqlError| failure(run, &error);
    let (engine, whole) = if let Some(url) = &args.lake {
        (Engine::of_lake(Lake::new(open_target(url, PATIENCE)?), &options), Exit::Done)
    } else {
        let reader = run.reader()?;
        let whole = if has_gaps(&reader) { Exit::Damaged } else { Exit::Done };
        (Engine::new(reader, &options), whole)
    };
    let engine = engine.map_err(failed)?;
    let answer = engine.query_blocking(&text, Limits::default()).map_err(failed)?;
    print(run, answer)?;
    Ok(whole)
}

fn print(run: &Run, mut answer: Answer) -> Result<(), Failure> {
    let column = |column: &AnswerColumn| (column.name.clone(), column.is_number);
    let columns: Vec<(String, bool)> = answer.columns().iter().map(column).collect();
    let mut rows = Rows::new(run.console, columns.iter().map(|(name, is_number)| (name.as_str(), *is_number)))?;
    while let Some(batch) = answer.next_blocking().map_err(|error| failure(run, &error))? {
        for values in batch.json_rows() {
            rows.row(values)?;
        }
    }
    rows.finish()
}

/// The query itself, or what stands on standard input.
fn text_of(query: &str) -> Result<String, Failure> {
    if query != "-" {
        return Ok(query.to_owned());
    }
    let mut text = String::new();
    // One byte more than it may have tells that it is too long.
    let mut input = std::io::stdin().lock().take(MAX_QUERY_BYTES as u64 + 1);
    input.read_to_string(&mut text).map_err(|error| Failure::failed(format!("cannot read the query: {error}")))?;
    Ok(text)
}

fn failure(run: &Run, error: &SqlError) -> Failure {
    let told = |exit| Failure::Told { exit, message: error.to_string() };
    match error {
        SqlError::Empty
        | SqlError::TooLong { .. }
        | SqlError::TooManyWords { .. }
        | SqlError::Several { .. }
        | SqlError::Writes { .. }
        | SqlError::Query { .. } => told(Exit::Usage),
        SqlError::Values(_)
        | SqlError::Timeout { .. }
        | SqlError::Memory { .. }
        | SqlError::Threads(_)
        | SqlError::Engine(_) => told(Exit::Failed),
        SqlError::Damaged(_) => told(Exit::Damaged),
        SqlError::Lake(error) => match error {
            PublishedError::Damaged { .. } => told(Exit::Damaged),
            PublishedError::NewerFormat { .. } | PublishedError::Target(_) => Failure::failed(chain(error)),
        },
        SqlError::Store(error) => run.store.read_failure(error),
    }
}
