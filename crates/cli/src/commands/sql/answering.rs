//! Rows for a query, as they are made. Interrupting the program ends the query: reading leaves nothing behind.
// tidy: no-wildcard

use std::io::Read as _;

use flightrec_sql::{Answer, AnswerColumn, Engine, Limits, MAX_QUERY_BYTES, Options, SqlError};

use crate::args::SqlArgs;
use crate::commands::{Run, has_gaps};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Rows;

pub(in crate::commands) fn run(run: &Run, args: &SqlArgs) -> Outcome {
    let text = text_of(&args.query)?;
    let reader = run.reader()?;
    let whole = if has_gaps(&reader) { Exit::Damaged } else { Exit::Done };
    let options = Options { memory_bytes: (args.memory_mib as usize) << 20, ..Options::default() };
    let failed = |error: SqlError| failure(run, &error);
    let engine = Engine::new(reader, &options).map_err(failed)?;
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
        SqlError::Store(error) => run.store.read_failure(error),
    }
}
