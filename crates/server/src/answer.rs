//! Answers on their way out, each with the headers that keep a browser from doing more with it than it should.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::problem::{Kind, Problem};

/// The body of an answer.
pub(crate) type Content = UnsyncBoxBody<Bytes, Infallible>;

/// The one policy of every answer: scripts, styles and requests of this origin alone, nothing inline,
/// nothing framed, no form that leads anywhere, no text that a script could turn into markup.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What every answer has. There is no header in here, and none anywhere, that would let another origin read one.
const ON_EVERY_ANSWER: [(HeaderName, HeaderValue); 6] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer(Response<Content>);

impl Answer {
    /// Any content.
    pub(crate) fn content(media_type: &'static str, content: impl Into<Bytes>) -> Self {
        Self::flowing(media_type, Full::new(content.into()))
    }

    /// Content that comes bit by bit.
    pub(crate) fn flowing(
        media_type: &'static str,
        content: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
    ) -> Self {
        let mut response = Response::new(content.boxed_unsync());
        let headers = response.headers_mut();
        for (name, value) in ON_EVERY_ANSWER {
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Self(response)
    }

    /// Content with trailers after it.
    pub(crate) fn with_trailers(media_type: &'static str, content: Vec<u8>, trailers: HeaderMap) -> Self {
        let trailers = std::future::ready(Some(Ok(trailers)));
        Self::flowing(media_type, Full::new(Bytes::from(content)).with_trailers(trailers))
    }

    /// JSON.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::json_of_about(value, 128)
    }

    /// JSON of about so many bytes: a long answer that grows is copied again and again.
    pub(crate) fn json_of_about(value: &impl Serialize, bytes: usize) -> Self {
        let mut json = Vec::with_capacity(bytes);
        match serde_json::to_writer(&mut json, value) {
            Ok(()) => Self::content("application/json", json),
            Err(_) => Self::problem(&Problem::new(Kind::Internal, "the answer cannot be written as JSON")),
        }
    }

    /// Bytes that somebody recorded. A browser saves them, and never shows or runs them.
    pub(crate) fn file(content: Vec<u8>, name: &str) -> Self {
        let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
        Self::content("application/octet-stream", content)
            .header(CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")))
    }

    /// Nothing: the client has the answer already.
    pub(crate) fn known(tag: HeaderValue) -> Self {
        let mut answer = Self::content("application/json", Bytes::new()).status(StatusCode::NOT_MODIFIED);
        answer.0.headers_mut().remove(CONTENT_TYPE);
        answer.header(ETAG, tag)
    }

    /// A problem, in the form of the API.
    pub(crate) fn problem(problem: &Problem) -> Self {
        let error = json!({"error": {"code": problem.kind.code(), "message": problem.message}});
        // A message may repeat what the client sent. It says the same without any sign of markup, should anything ever
        // read it as a page.
        let error = error.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        Self::content("application/json", error).because_of(problem)
    }

    /// The status and the headers of a problem.
    pub(crate) fn because_of(self, problem: &Problem) -> Self {
        let mut answer = self.status(problem.kind.status());
        if let Some(seconds) = problem.retry_after_s {
            answer = answer.header(RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = problem.allow.as_deref().and_then(|methods| HeaderValue::from_str(methods).ok()) {
            answer = answer.header(ALLOW, methods);
        }
        if problem.kind == Kind::Unauthenticated {
            answer = answer.header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"flightrec\", Bearer"));
        }
        answer
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }

    /// The status of the answer as it stands.
    pub(crate) fn code(&self) -> StatusCode {
        self.0.status()
    }

    /// The answer as it is sent.
    pub(crate) fn into_response(self) -> Response<Content> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_closed_to_other_origins() {
        let problem = Problem::new(Kind::Unavailable, "later");
        for answer in [Answer::json(&1), Answer::file(vec![1], "x"), Answer::problem(&problem)] {
            let response = answer.into_response();
            let headers = response.headers();
            for (name, value) in ON_EVERY_ANSWER {
                assert_eq!(headers.get(&name), Some(&value), "{name}");
            }
            assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control")));
        }
        assert!(!POLICY.contains("unsafe"));
        let response = Answer::problem(&problem).into_response();
        assert_eq!((response.status().as_u16(), response.headers()[RETRY_AFTER].as_bytes()), (503, &b"1"[..]));
    }
}
