//! What may be asked: one statement that only reads.

use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Place, SqlError};

/// The most bytes of a query.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;

/// The most words and operators of a query, literals apart: it nests no deeper than that, so that the stack of
/// [`STACK_BYTES`] holds whoever walks it.
const MAX_WORDS: usize = 1_000;
/// The stack of each thread that parses, plans and runs queries. What is not used of it takes no memory.
pub(crate) const STACK_BYTES: usize = 128 << 20;

/// Parses a query that is one statement and only reads.
pub(crate) fn parse(text: &str) -> Result<Parsed, SqlError> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(SqlError::TooLong { bytes: text.len() });
    }
    let words = words_in(text)?;
    if words > MAX_WORDS {
        return Err(SqlError::TooManyWords { words, most: MAX_WORDS });
    }
    let mut parser = DFParserBuilder::new(text).build().map_err(SqlError::of)?;
    let mut statements = parser.parse_statements().map_err(|error| at_the_end(SqlError::of(error), text))?;
    if statements.len() > 1 {
        return Err(SqlError::Several { count: statements.len() });
    }
    let statement = statements.pop_front().ok_or(SqlError::Empty)?;
    if reads(&statement) { Ok(statement) } else { Err(SqlError::Writes { begins: beginning(&statement) }) }
}

/// The parser does not say where a query ends too early.
fn at_the_end(error: SqlError, text: &str) -> SqlError {
    let SqlError::Query { place: None, message } = &error else { return error };
    let Some(expected) = message.strip_suffix("found: EOF") else { return error };
    let last = text.trim_end().lines().enumerate().last();
    let place = last.map(|(line, text)| Place { line: line as u64 + 1, column: text.chars().count() as u64 + 1 });
    SqlError::Query { place, message: format!("{expected}found: the end of the query") }
}

/// How many words and operators a query has. Lists of literals may be long: they do not nest.
fn words_in(text: &str) -> Result<usize, SqlError> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let tokens = tokens.map_err(|error| SqlError::of(ParserError::from(error).into()))?;
    let is_flat = |token: &&Token| {
        matches!(token, Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_))
    };
    Ok(tokens.iter().filter(|token| !is_flat(token)).count())
}

/// Whether a statement is of those that read. The planner refuses whatever writes inside of one as well.
fn reads(statement: &Parsed) -> bool {
    match statement {
        Parsed::Explain(explain) => reads(&explain.statement),
        Parsed::Statement(statement) => matches!(
            **statement,
            Statement::Query(_)
                | Statement::ExplainTable { .. }
                | Statement::ShowTables { .. }
                | Statement::ShowColumns { .. }
                | Statement::ShowFunctions { .. }
                | Statement::ShowVariable { .. }
        ),
        Parsed::CreateExternalTable(_) | Parsed::CopyTo(_) | Parsed::Reset(_) => false,
    }
}

/// The word that a statement begins with.
fn beginning(statement: &Parsed) -> String {
    statement.to_string().split_whitespace().next().unwrap_or_default().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_is_taken() {
        for text in [
            "SELECT 1",
            "select * from events;",
            "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
            "VALUES (1), (2)",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "DESCRIBE events",
            "SHOW TABLES",
            "SHOW COLUMNS FROM events",
            "-- a comment\nSELECT 1",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn what_writes_is_refused() {
        for (text, word) in [
            ("INSERT INTO events VALUES (1)", "INSERT"),
            ("UPDATE events SET seq = 1", "UPDATE"),
            ("DELETE FROM events", "DELETE"),
            ("DROP TABLE events", "DROP"),
            ("TRUNCATE TABLE events", "TRUNCATE"),
            ("CREATE TABLE x AS SELECT 1", "CREATE"),
            ("CREATE VIEW x AS SELECT 1", "CREATE"),
            ("CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/etc'", "CREATE"),
            ("COPY events TO '/tmp/x.csv'", "COPY"),
            ("COPY (SELECT 1) TO 'x.parquet' STORED AS PARQUET", "COPY"),
            ("SET datafusion.execution.batch_size = 1", "SET"),
            ("RESET datafusion.execution.batch_size", "RESET"),
            ("BEGIN", "BEGIN"),
            ("PREPARE p AS SELECT 1", "PREPARE"),
            ("EXPLAIN INSERT INTO events VALUES (1)", "EXPLAIN"),
            ("EXPLAIN ANALYZE COPY events TO 'x'", "EXPLAIN"),
        ] {
            match parse(text) {
                Err(SqlError::Writes { begins }) => assert_eq!(begins, word, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn one_statement_at_a_time() {
        assert!(matches!(parse("SELECT 1; DROP TABLE events"), Err(SqlError::Several { count: 2 })));
        assert!(matches!(parse(" ; "), Err(SqlError::Empty)));
        assert!(matches!(parse("-- nothing"), Err(SqlError::Empty)));
        let long = format!("SELECT '{}'", "x".repeat(MAX_QUERY_BYTES));
        assert!(matches!(parse(&long), Err(SqlError::TooLong { .. })));
        let many = format!("SELECT 1 {}", "+ x".repeat(600));
        assert!(matches!(parse(&many), Err(SqlError::TooManyWords { words: 1_201, .. })));
        let list = format!("SELECT 1 WHERE 1 IN (1{})", ", 1".repeat(10_000));
        assert!(parse(&list).is_ok());
    }
}
