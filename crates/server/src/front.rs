//! The one way in: every request on either port goes through [`serve`], and every answer comes out of it.
//!
//! ```text
//! head ─► gate: Host, Origin, token ─► route ─► parameters ─► body: bytes, time, budget ─► turn ─► work ─► answer
//! ```
//! There is no other path to a route, so a new one cannot forget a check.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::time::{Instant, timeout};

use crate::answer::{Answer, Content};
use crate::api::{Question, conditional, sql, stream};
use crate::app::{App, Lane};
use crate::body;
use crate::compression::{Compression, decode};
use crate::gate::Gate;
use crate::intake::{Encoding, Signal};
use crate::otlp;
use crate::problem::{Kind, Problem};
use crate::routes::{Action, Found, Lookup, Port, Route, find};

/// How long the rest of a refused body is read and thrown away, so that its sender comes to read the answer.
const DRAIN_TIME: Duration = Duration::from_secs(5);
const DRAIN_BYTES: usize = 256 * 1024 * 1024;

/// What a client handed in.
#[derive(Debug)]
pub(crate) struct Given {
    /// The content type, in lower case, without parameters.
    pub(crate) media_type: String,
    /// The body, decoded.
    pub(crate) content: Bytes,
}

/// Answers one request.
pub(crate) async fn serve(app: &Arc<App>, gate: &Gate, port: Port, request: Request<Incoming>) -> Response<Content> {
    let began = Instant::now();
    let (head, mut body) = request.into_parts();
    let lookup = find(port, &head.method, head.uri.path());
    let route = match &lookup {
        Lookup::Found(found) => Some(found.route),
        Lookup::WrongMethod(_) | Lookup::Nothing => None,
    };
    let answer = match gate.check(&head) {
        Ok(()) => answer(app, lookup, &head, &mut body).await,
        Err(problem) => Err(problem),
    };
    let answer = answer.unwrap_or_else(|problem| {
        if problem.kind != Kind::TooSlow {
            tokio::spawn(drain(body));
        }
        refused(port, route, &head.headers, &problem)
    });
    app.metrics.answered(route, answer.code().as_u16(), began.elapsed());
    answer.into_response()
}

async fn answer(app: &Arc<App>, lookup: Lookup, head: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let found = match lookup {
        Lookup::Found(found) => found,
        Lookup::WrongMethod(methods) => {
            let problem = Problem::new(Kind::MethodNotAllowed, format!("this path has: {methods}"));
            return Err(Problem { allow: Some(methods), ..problem });
        }
        Lookup::Nothing => {
            return Err(Problem::new(
                Kind::NotFound,
                "there is nothing at this path; /openapi.json lists what there is",
            ));
        }
    };
    match found.route.action {
        Action::Tell(tell) => Ok(tell(app)),
        Action::Show(asset) => Ok(asset.answer()),
        Action::Ask(ask) => {
            let question = question(app, found, head)?;
            let tag = conditional::tag(&question);
            if let Some(tag) = tag.as_ref().filter(|tag| conditional::is_known(&head.headers, tag)) {
                return Ok(Answer::known(tag.clone()));
            }
            let answer = app.work(Lane::Question, move || ask(&question)).await??;
            Ok(conditional::tagged(answer, tag))
        }
        Action::Give(give) => {
            let question = question(app, found, head)?;
            let compression = Compression::of(head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
            let media_type = media_type(&head.headers);
            with_body(app, head, body, 0, move |encoded, limit, held| {
                let content = decode(encoded, compression, limit, held)?;
                give(&question, &Given { media_type, content })
            })
            .await
        }
        Action::Follow => stream::begin(question(app, found, head)?, &head.headers).await,
        Action::Query => sql::answer(app, head, body).await,
        Action::Take(signal) => take(app, head, body, signal).await,
        Action::Call(signal) => call(app, head, body, signal).await,
    }
}

fn question(app: &Arc<App>, found: Found, head: &Parts) -> Result<Question, Problem> {
    Question::new(Arc::clone(app), found, head.uri.query())
}

/// The content type of a request, in lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Telemetry over HTTP.
async fn take(app: &Arc<App>, head: &Parts, body: &mut Incoming, signal: Signal) -> Result<Answer, Problem> {
    let form = otlp::Form::of(&head.headers)?;
    let shared = Arc::clone(app);
    with_body(app, head, body, 0, move |encoded, limit, held| {
        let content = decode(encoded, form.compression, limit, held)?;
        let taken = hand_on(&shared, signal, form.encoding, &content)?;
        Ok(otlp::http_taken(signal, form.encoding, &taken))
    })
    .await
}

/// Telemetry over gRPC.
async fn call(app: &Arc<App>, head: &Parts, body: &mut Incoming, signal: Signal) -> Result<Answer, Problem> {
    let compression = otlp::grpc_check(&head.headers)?;
    let shared = Arc::clone(app);
    with_body(app, head, body, otlp::FRAME_BYTES, move |framed, limit, held| {
        let content = otlp::grpc_content(framed, compression, limit, held)?;
        let taken = hand_on(&shared, signal, Encoding::Protobuf, &content)?;
        Ok(otlp::grpc_taken(signal, &taken))
    })
    .await
}

/// Hands telemetry to whoever understands it, and returns once it is durable.
fn hand_on(app: &App, signal: Signal, encoding: Encoding, content: &[u8]) -> Result<crate::intake::Taken, Problem> {
    let taken = app.intake.take(signal, encoding, content)?;
    app.metrics.took(signal, taken.taken, taken.refused);
    Ok(taken)
}

/// Reads a body, `extra` bytes around its content included, and does the work on it when its turn comes.
/// Decoding is part of the work: it may take long, and memory.
async fn with_body(
    app: &Arc<App>,
    head: &Parts,
    body: &mut Incoming,
    extra: usize,
    work: impl FnOnce(Bytes, usize, &mut body::Held) -> Result<Answer, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let limits = &app.options.limits;
    let limit = limits.max_body_bytes;
    let mut holding = app.budget.hold();
    let content = body::read(&head.headers, body, limit.saturating_add(extra), limits, &mut holding).await?;
    app.metrics.received(content.len());
    app.work(Lane::Intake, move || work(content, limit, &mut holding)).await?
}

/// A problem, in the terms of whoever asked.
fn refused(port: Port, route: Option<&Route>, headers: &HeaderMap, problem: &Problem) -> Answer {
    match (port, route.map(|route| route.action)) {
        (Port::Grpc, None) if problem.kind == Kind::NotFound => {
            // What gRPC calls a method is a path here; an unknown one has a status of its own.
            otlp::grpc_refused(&Problem { kind: Kind::MethodNotAllowed, ..problem.clone() })
        }
        (Port::Grpc, _) => otlp::grpc_refused(problem),
        (Port::Http, Some(Action::Take(_))) => otlp::http_refused(headers, problem),
        (
            Port::Http,
            None
            | Some(
                Action::Tell(_)
                | Action::Show(_)
                | Action::Ask(_)
                | Action::Give(_)
                | Action::Query
                | Action::Follow
                | Action::Call(_),
            ),
        ) => Answer::problem(problem),
    }
}

/// Reads what a client still sends, and forgets it.
async fn drain(mut body: Incoming) {
    let mut bytes = 0;
    let forgotten = async {
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > DRAIN_BYTES {
                break;
            }
        }
    };
    // Whoever sends longer than that finds the connection closed.
    let _in_time = timeout(DRAIN_TIME, forgotten).await.is_ok();
}
