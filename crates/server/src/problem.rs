//! What a client is told when it does not get what it asked for: a closed list of kinds, each with its
//! status on every port. Here alone are status codes decided.
// tidy: no-wildcard

use flightrec_recorder::{AnswerError, ArtifactError, LookupError, ReadError, SinkFailure};
use hyper::StatusCode;

use crate::intake::Refusal;

/// How long a client is asked to wait before it tries again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request makes no sense.
    BadRequest,
    /// The token is missing or wrong.
    Unauthenticated,
    /// The request comes from where none may come from.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// There is, but not by this method.
    MethodNotAllowed,
    /// The client took too long to send it.
    TooSlow,
    /// Several things answer to the name.
    Ambiguous,
    /// It is larger than can be taken.
    TooLarge,
    /// It is in a form that is not understood.
    UnsupportedForm,
    /// The store or the server is at fault.
    Internal,
    /// Not now, but later.
    Unavailable,
}

impl Kind {
    /// The status over HTTP.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Kind::Ambiguous => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The status over gRPC, which is also the `code` of the message that OTLP/HTTP answers with.
    pub(crate) const fn grpc_status(self) -> i32 {
        match self {
            Kind::BadRequest => 3,
            Kind::TooSlow => 4,
            Kind::NotFound => 5,
            Kind::Forbidden => 7,
            Kind::TooLarge => 8,
            Kind::Ambiguous => 9,
            Kind::MethodNotAllowed | Kind::UnsupportedForm => 12,
            Kind::Internal => 13,
            Kind::Unavailable => 14,
            Kind::Unauthenticated => 16,
        }
    }

    /// The stable word for programs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Kind::BadRequest => "bad_request",
            Kind::Unauthenticated => "unauthenticated",
            Kind::Forbidden => "forbidden",
            Kind::NotFound => "not_found",
            Kind::MethodNotAllowed => "method_not_allowed",
            Kind::TooSlow => "too_slow",
            Kind::Ambiguous => "ambiguous",
            Kind::TooLarge => "too_large",
            Kind::UnsupportedForm => "unsupported_form",
            Kind::Internal => "internal",
            Kind::Unavailable => "unavailable",
        }
    }

    #[cfg(test)]
    pub(crate) const ALL: [Kind; 11] = [
        Kind::BadRequest,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::TooSlow,
        Kind::Ambiguous,
        Kind::TooLarge,
        Kind::UnsupportedForm,
        Kind::Internal,
        Kind::Unavailable,
    ];
}

/// Why a request has no answer, for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What kind of problem it is.
    pub(crate) kind: Kind,
    /// What happened and what to do, without anything that is not the client's business.
    pub(crate) message: String,
    /// When to try again, in seconds; `None` if that is of no use.
    pub(crate) retry_after_s: Option<u64>,
    /// The methods that the path has, if the method is at fault.
    pub(crate) allow: Option<String>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let retry_after_s = (kind == Kind::Unavailable).then_some(RETRY_AFTER_S);
        Self { kind, message: message.into(), retry_after_s, allow: None }
    }

    /// The request makes no sense.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// One of its parameters makes no sense.
    pub(crate) fn parameter(name: &str, message: impl std::fmt::Display) -> Self {
        Self::bad(format!("parameter `{name}`: {message}"))
    }

    /// There is too much to do.
    pub(crate) fn busy(what: &str) -> Self {
        Self::new(Kind::Unavailable, format!("{what}; try again in {RETRY_AFTER_S} s"))
    }

    /// More bytes than a request may have.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            Kind::TooLarge,
            format!("the body has more than {limit} bytes, as sent or as decoded: send it in parts"),
        )
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let kind = match &error {
            LookupError::NotFound(_) => Kind::NotFound,
            LookupError::Ambiguous { .. } => Kind::Ambiguous,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let message = match &error {
            ReadError::Journal(_) | ReadError::Archive(_) | ReadError::Manifest(_) | ReadError::Event { .. } => {
                format!("a part of the store cannot be read: {error}; `flightrec verify` names the damage")
            }
            ReadError::Io { .. } => "the store cannot be read: the file system refused".to_owned(),
        };
        Self::new(Kind::Internal, message)
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Lookup(error) => error.into(),
            AnswerError::Read(error) => error.into(),
        }
    }
}

impl From<ArtifactError> for Problem {
    fn from(error: ArtifactError) -> Self {
        let (kind, message) = match &error {
            ArtifactError::NotFound(_) => (Kind::NotFound, error.to_string()),
            ArtifactError::TooLarge { .. } => (Kind::TooLarge, error.to_string()),
            ArtifactError::Damaged(_) => (Kind::Internal, error.to_string()),
            ArtifactError::Io { doing, .. } => {
                (Kind::Internal, format!("cannot {doing} the artifact: the file system refused"))
            }
        };
        Self::new(kind, message)
    }
}

impl From<SinkFailure> for Problem {
    fn from(failure: SinkFailure) -> Self {
        match failure {
            SinkFailure::Poisoned(_) => Self::new(
                Kind::Unavailable,
                "the recorder has stopped writing, and a restart verifies the store before it writes again; what was \
                 not acknowledged may be sent again",
            ),
            SinkFailure::Closed => Self::new(Kind::Unavailable, "the recorder is closing; send it again later"),
            SinkFailure::Retention(_) => Self::new(Kind::Internal, "the retention policy was not carried out"),
            SinkFailure::QueueFull { .. } => Self::busy("the recorder's queue is full"),
            SinkFailure::BatchTooLarge { .. } => Self::new(Kind::TooLarge, failure.to_string()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Malformed(_) => Self::bad(message),
            Refusal::TooLarge => Self::new(Kind::TooLarge, message),
            Refusal::Unavailable { retry_after_s } => {
                Self { retry_after_s: Some(retry_after_s), ..Self::new(Kind::Unavailable, message) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_sent_again_says_so() {
        for kind in Kind::ALL {
            let retryable_over_http = kind.status() == StatusCode::SERVICE_UNAVAILABLE;
            let retryable_over_grpc = kind.grpc_status() == 14;
            assert_eq!(retryable_over_http, retryable_over_grpc, "{kind:?}");
            assert_eq!(Problem::new(kind, "").retry_after_s.is_some(), retryable_over_http, "{kind:?}");
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }

    #[test]
    fn a_client_is_told_no_path_of_this_machine() {
        let io = || std::io::Error::other("secret detail");
        for problem in [
            Problem::from(ReadError::Io { path: "log/0001".to_owned(), source: io() }),
            Problem::from(ArtifactError::Io { doing: "read", path: "artifacts/ab".to_owned(), source: io() }),
            Problem::from(SinkFailure::Poisoned("cannot sync log/0001: secret detail".to_owned())),
        ] {
            assert!(!problem.message.contains("0001") && !problem.message.contains("secret"), "{}", problem.message);
        }
    }
}
