//! What is wrong with a query, and where in it.
// tidy: no-wildcard

use std::error::Error;
use std::fmt;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Diagnostic, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use flightrec_archive::push::PublishedError;
use flightrec_recorder::ReadError;
use flightrec_recorder::view::Finding;

use crate::statement::MAX_QUERY_BYTES;
use crate::tables::TABLES;

/// A place in a query, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in it.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// There is no statement in it.
    #[error("there is no statement in the query; try SELECT * FROM sessions LIMIT 10")]
    Empty,
    /// It is too long.
    #[error("the query has {bytes} bytes; {MAX_QUERY_BYTES} are the most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has too many words.
    #[error(
        "the query has {words} words and operators; {most} are the most: use IN, VALUES or a join in place of long chains"
    )]
    TooManyWords {
        /// How many.
        words: usize,
        /// How many it may have.
        most: usize,
    },
    /// It is more than one statement.
    #[error("the query is {count} statements; send them one at a time")]
    Several {
        /// How many.
        count: usize,
    },
    /// It would change something.
    #[error(
        "{begins} is refused: the record is only read here; SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW are taken"
    )]
    Writes {
        /// The word that it begins with.
        begins: String,
    },
    /// It cannot be understood, or names what is not there.
    #[error("{}{message}", place.map_or_else(String::new, |place| format!("{place}: ")))]
    Query {
        /// Where in the query, if that is known.
        place: Option<Place>,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// Its values do not fit what is done with them.
    #[error("{0}")]
    Values(String),
    /// It took more time than it may.
    #[error("the query took more than {limit_ms} ms; narrow it, such as by session_id or seq, or give it more time")]
    Timeout {
        /// The time that it had.
        limit_ms: u64,
    },
    /// It needs more memory than it may have.
    #[error(
        "the query needs more than the {limit_bytes} bytes of memory that it may use; narrow it, sort fewer columns, or group by less: {what}"
    )]
    Memory {
        /// The memory that it may use.
        limit_bytes: usize,
        /// Which part of it wanted more.
        what: String,
    },
    /// The store cannot be read.
    #[error("a part of the store cannot be read: {0}")]
    Store(#[source] ReadError),
    /// What was pushed cannot be read.
    #[error("what was pushed cannot be read: {0}")]
    Lake(#[source] PublishedError),
    /// A part of the log that the answer needs is damaged.
    #[error("the answer would not be whole: {0}; `flightrec verify` names the damage")]
    Damaged(String),
    /// Threads to run queries on cannot be had.
    #[error("no threads to run queries on")]
    Threads(#[source] std::io::Error),
    /// The query engine failed.
    #[error("the query engine failed: {0}")]
    Engine(String),
}

impl SqlError {
    /// Rows, if all of the log that they come from could be read.
    pub(crate) fn whole<T>(rows: Vec<T>, gaps: Vec<Finding>) -> Result<Vec<T>, Self> {
        gaps.into_iter().next().map_or(Ok(rows), |gap| Err(Self::Damaged(gap.detail)))
    }

    /// What an error of the query engine means, before it is known how much memory there was.
    pub(crate) fn of(error: DataFusionError) -> Self {
        Self::within(error, 0)
    }

    /// What an error of the query engine means.
    pub(crate) fn within(error: DataFusionError, limit_bytes: usize) -> Self {
        let error = match taken_out(error) {
            Ok(known) => return known,
            Err(error) => error,
        };
        let place = error.diagnostic().and_then(place_of);
        match error.find_root() {
            DataFusionError::SQL(error, _) => syntax(error),
            DataFusionError::SchemaError(schema, _) => Self::Query { place, message: name_error(schema) },
            DataFusionError::Plan(message) => Self::Query { place, message: plan_error(message) },
            DataFusionError::NotImplemented(message) => {
                Self::Query { place, message: format!("not supported: {message}") }
            }
            DataFusionError::Configuration(message) => Self::Query { place, message: message.clone() },
            DataFusionError::ResourcesExhausted(what) => Self::Memory { limit_bytes, what: first_line(what) },
            DataFusionError::ArrowError(error, _) => arrow_error(error),
            DataFusionError::Execution(message) => Self::Values(first_line(message)),
            other @ (DataFusionError::ParquetError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::IoError(_)
            | DataFusionError::Internal(_)
            | DataFusionError::ExecutionJoin(_)
            | DataFusionError::External(_)
            | DataFusionError::Context(..)
            | DataFusionError::Substrait(_)
            | DataFusionError::Diagnostic(..)
            | DataFusionError::Collection(_)
            | DataFusionError::Shared(_)
            | DataFusionError::Ffi(_)) => Self::Engine(first_line(&other.strip_backtrace())),
        }
    }
}

/// An error of ours that went through the engine.
fn taken_out(error: DataFusionError) -> Result<SqlError, DataFusionError> {
    if let DataFusionError::External(inner) = error {
        return match inner.downcast::<SqlError>() {
            Ok(known) => Ok(*known),
            Err(inner) => match inner.downcast::<ReadError>() {
                Ok(read) => Ok(SqlError::Store(*read)),
                Err(inner) => damage_in(&*inner).ok_or(DataFusionError::External(inner)),
            },
        };
    }
    damage_in(&error).ok_or(error)
}

/// What could not be read, if that is the cause of an error somewhere below.
fn damage_in(error: &(dyn Error + 'static)) -> Option<SqlError> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(SqlError::Damaged(what)) = error.downcast_ref::<SqlError>() {
            return Some(SqlError::Damaged(what.clone()));
        }
        if let Some(read) = error.downcast_ref::<ReadError>() {
            return Some(SqlError::Damaged(read.to_string()));
        }
        at = error.source();
    }
    None
}

fn place_of(diagnostic: &Diagnostic) -> Option<Place> {
    let start = diagnostic.span?.start;
    (start.line > 0).then_some(Place { line: start.line, column: start.column })
}

/// What the parser says ends with the place, if it has one.
fn syntax(error: &ParserError) -> SqlError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => "the query is nested too deep; take it apart with WITH",
    };
    let number = |text: &str| text.trim().parse().ok();
    let place = message.rsplit_once(" at Line: ").and_then(|(before, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((before, Place { line: number(line)?, column: number(column)? }))
    });
    match place {
        Some((before, place)) => SqlError::Query { place: Some(place), message: before.to_owned() },
        None => SqlError::Query { place: None, message: message.to_owned() },
    }
}

fn name_error(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut known: Vec<&str> = valid_fields.iter().map(|field| field.name.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            unknown("column", &field.name, &known)
        }
        SchemaError::AmbiguousReference { field } => {
            format!("several tables have a column `{}`; write table.{} for one of them", field.name, field.name)
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            format!("two columns are named `{name}`; give one of them another name with AS")
        }
    }
}

/// The planner tells of unknown tables and functions in a text alone.
fn plan_error(message: &str) -> String {
    let message = first_line(message);
    let table = message.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found"));
    match table.and_then(|table| table.rsplit('.').next()) {
        Some(table) => unknown("table", table, TABLES),
        None => message,
    }
}

fn arrow_error(error: &ArrowError) -> SqlError {
    if let ArrowError::MemoryError(what) = error {
        SqlError::Engine(what.clone())
    } else {
        SqlError::Values(first_line(&error.to_string()))
    }
}

/// The most names that an error lists.
const MAX_LISTED: usize = 40;

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let close = known.iter().min_by_key(|known| distance(name, known)).filter(|known| distance(name, known) <= 3);
    let guess = close.map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
    let listed = known[..known.len().min(MAX_LISTED)].join(", ");
    let more = if known.len() > MAX_LISTED { ", …" } else { "" };
    format!("there is no {what} `{name}`{guess} There are: {listed}{more}").replace("` There", "`. There")
}

/// How many characters two words differ in.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "abc", 3), ("event", "events", 1), ("sesions", "sessions", 1), ("a", "a", 0)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn an_unknown_name_has_a_suggestion_only_if_one_is_close() {
        assert_eq!(
            unknown("table", "event", &["events"]),
            "there is no table `event`; did you mean `events`? There are: events"
        );
        assert_eq!(unknown("table", "xyzzy", &["events"]), "there is no table `xyzzy`. There are: events");
    }
}
