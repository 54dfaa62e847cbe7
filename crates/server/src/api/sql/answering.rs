//! Rows for a query, all at once, so that a failure has its status. A client that goes ends its query.

use std::sync::Arc;

use flightrec_sql::{Engine, Limits, MAX_QUERY_BYTES, Options, SqlError};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use hyper::http::request::Parts;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::{DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_MS};
use crate::answer::Answer;
use crate::app::App;
use crate::body;
use crate::compression::{Compression, decode};
use crate::front::media_type;
use crate::problem::{Kind, Problem};

/// The most bytes of a request: a query may be escaped all through.
const MAX_REQUEST_BYTES: usize = 8 * MAX_QUERY_BYTES;
/// The most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The engine, once somebody asked.
#[derive(Debug, Default)]
pub(crate) struct Engines(OnceCell<Engine>);

impl Engines {
    async fn get(&self, app: &Arc<App>) -> Result<&Engine, Problem> {
        self.0.get_or_try_init(|| begin(Arc::clone(app))).await
    }
}

/// An engine with a reader of its own: queries hold up neither those who record nor other questions.
async fn begin(app: Arc<App>) -> Result<Engine, Problem> {
    let begun = tokio::task::spawn_blocking(move || {
        let reader = app.recorder.reader().another();
        let reader = reader.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
        Engine::new(reader, &Options::default()).map_err(Problem::from)
    });
    begun.await.map_err(|_| Problem::new(Kind::Internal, "the query engine cannot be started"))?
}

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    query: String,
    max_rows: Option<usize>,
    timeout_ms: Option<u64>,
}

/// `POST /api/v1/sql`
pub(crate) async fn answer(app: &Arc<App>, head: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    if media_type(&head.headers) != "application/json" {
        return Err(Problem::new(Kind::UnsupportedForm, "a query is taken as application/json: set Content-Type"));
    }
    let compression = Compression::of(head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
    let limit = MAX_REQUEST_BYTES.min(app.options.limits.max_body_bytes);
    let mut holding = app.budget.hold();
    let content = body::read(&head.headers, body, limit, &app.options.limits, &mut holding).await?;
    app.metrics.received(content.len());
    let content = decode(content, compression, limit, &mut holding)?;
    let asked: Asked = serde_json::from_slice(&content).map_err(|error| {
        Problem::bad(format!(
            "expected {{\"query\": \"…\", \"max_rows\": …, \"timeout_ms\": …}}, the last two optional: {error}"
        ))
    })?;
    let _admitted = app.admit()?;
    let engine = app.engines.get(app).await?;
    rows(engine, &asked).await.map(|json| Answer::content("application/json", json))
}

/// The whole answer, as JSON.
async fn rows(engine: &Engine, asked: &Asked) -> Result<Vec<u8>, Problem> {
    let limits = Limits {
        max_rows: Some(asked.max_rows.unwrap_or(DEFAULT_MAX_ROWS)),
        timeout_ms: Some(asked.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS)),
    };
    let mut answer = engine.query(&asked.query, limits).await?;
    let columns: Vec<_> =
        answer.columns().iter().map(|column| serde_json::json!({"name": column.name, "type": column.holds})).collect();
    let mut json = format!("{{\"columns\":{},\"rows\":[", serde_json::Value::from(columns)).into_bytes();
    let mut is_first = true;
    while let Some(batch) = answer.next().await? {
        for values in batch.json_rows() {
            json.extend_from_slice(if is_first { b"[" } else { b",[" });
            is_first = false;
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    json.push(b',');
                }
                json.extend_from_slice(value.as_bytes());
            }
            json.push(b']');
        }
        if json.len() > MAX_ANSWER_BYTES {
            return Err(Problem::new(
                Kind::TooLarge,
                format!("the answer has more than {MAX_ANSWER_BYTES} bytes: ask for fewer rows or columns"),
            ));
        }
    }
    json.extend_from_slice(format!("],\"truncated\":{}}}", answer.is_truncated()).as_bytes());
    Ok(json)
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        let kind = match &error {
            SqlError::Empty
            | SqlError::TooLong { .. }
            | SqlError::TooManyWords { .. }
            | SqlError::Several { .. }
            | SqlError::Writes { .. }
            | SqlError::Query { .. }
            | SqlError::Values(_) => Kind::BadRequest,
            SqlError::Timeout { .. } | SqlError::Memory { .. } => Kind::TooCostly,
            SqlError::Store(_)
            | SqlError::Lake(_)
            | SqlError::Damaged(_)
            | SqlError::Threads(_)
            | SqlError::Engine(_) => Kind::Internal,
        };
        if let SqlError::Store(error) = error {
            return error.into();
        }
        Self::new(kind, error.to_string())
    }
}
