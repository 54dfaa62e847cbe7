//! What can go wrong with a push, and what to do then.

use flightrec_journal::IoFailure;
use object_store::path::Path;

use crate::error::{ManifestError, ReadError};

/// Why a URL is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is no URL, or none that names a place.
    #[error("`{url}` names no place: {why}; give s3://BUCKET/PREFIX or file:///DIRECTORY")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Plain HTTP to another machine.
    #[error(
        "the endpoint {endpoint} is plain HTTP to another machine: use https, or set AWS_ALLOW_HTTP=true if the way there is safe"
    )]
    PlainHttp {
        /// The endpoint.
        endpoint: String,
    },
    /// Nobody to ask as.
    #[error(
        "no credentials for {endpoint}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a store that asks for none"
    )]
    NoCredentials {
        /// The endpoint.
        endpoint: String,
    },
    /// No HTTP client.
    #[error("the certificates that this machine trusts cannot be used")]
    Certificates(#[source] rustls::Error),
    /// No HTTP client either.
    #[error("no HTTP client can be made")]
    Http(#[source] reqwest::Error),
    /// A setting is refused.
    #[error("an AWS_ setting cannot be used; correct or unset it")]
    Settings(#[source] object_store::Error),
}

/// Why an artifact cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// It was removed meanwhile: no failure.
    #[error("it is not there any more")]
    Gone,
    /// It is not what its name says.
    #[error("it is damaged here, and was not pushed; restore it from a copy")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It cannot be read.
    #[error("it cannot be read")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the manifest at a target is not believed.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// It does not match its digest, or is no manifest.
    #[error("`{object}` is damaged: {what}; remove it there and push again")]
    Damaged {
        /// The manifest.
        object: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A later release wrote it.
    #[error("`{object}` has format {found}, this release reads up to {known}; use a later release")]
    NewerFormat {
        /// The manifest.
        object: String,
        /// Its format.
        found: u64,
        /// The newest format that is known here.
        known: u64,
    },
    /// The target failed.
    #[error(transparent)]
    Target(#[from] Box<TargetFailure>),
}

/// Why a push did not come to its end. What was put stays; the manifest at the target is the one before, or the new one
/// if only removing was left. Nothing local was changed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The manifest of the store.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A segment of the store.
    #[error(transparent)]
    Segment(#[from] ReadError),
    /// An artifact of the store.
    #[error("artifact sha256:{name}")]
    Content {
        /// Its hash.
        name: String,
        /// What is wrong with it.
        source: ContentError,
    },
    /// The artifacts of the store cannot be listed.
    #[error("the artifacts cannot be listed")]
    Contents(#[source] ContentError),
    /// The manifest at the target.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] Box<TargetFailure>),
    /// The target holds another length than was put.
    #[error(
        "`{object}` has {found} bytes at the target, and {expected} were put: do not rely on this store; push again elsewhere"
    )]
    WrongSize {
        /// The object.
        object: String,
        /// Its length there.
        found: u64,
        /// The length that was put.
        expected: u64,
    },
    /// The target gives other bytes than were put.
    #[error("`{object}` is not what was put there: do not rely on this store; push again elsewhere")]
    WrongContent {
        /// The object.
        object: String,
    },
    /// The target knows more than the store.
    #[error(
        "`{object}` was published from a later state of this store (generation {found}, here {here}): this is an older copy; push from the newer one, or remove the manifest there to go back"
    )]
    OlderCopy {
        /// The manifest at the target.
        object: String,
        /// Its generation.
        found: u64,
        /// The generation of the store.
        here: u64,
    },
    /// The target has another history.
    #[error(
        "`{object}` was published from another copy of this store that went its own way; remove one of the two, or push this one to another prefix"
    )]
    Diverged {
        /// The manifest at the target.
        object: String,
    },
    /// The manifest at the target changed meanwhile.
    #[error("`{object}` was changed while this push was under way: let one push at a time run, and push again")]
    Raced {
        /// The manifest at the target.
        object: String,
    },
}

impl PushError {
    /// Whether the store itself is damaged.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Manifest(error) => match error {
                ManifestError::Damaged { .. } | ManifestError::ForeignStore { .. } | ManifestError::Broken { .. } => {
                    true
                }
                ManifestError::Io(_) | ManifestError::NewerFormat { .. } => false,
            },
            Self::Segment(error) => error.kind().is_some(),
            Self::Content { source, .. } | Self::Contents(source) => match source {
                ContentError::Damaged(_) => true,
                ContentError::Gone | ContentError::Failed(_) => false,
            },
            Self::Published(_)
            | Self::Target(_)
            | Self::WrongSize { .. }
            | Self::WrongContent { .. }
            | Self::OlderCopy { .. }
            | Self::Diverged { .. }
            | Self::Raced { .. } => false,
        }
    }

    /// Whether what the store was to give is not there.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Segment(ReadError::Missing { .. }))
    }
}

impl From<IoFailure> for PushError {
    fn from(failure: IoFailure) -> Self {
        Self::Segment(ReadError::Io(failure))
    }
}

/// What was asked of a target, and what it said.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{object}`: {}", self.advice())]
pub struct TargetFailure {
    /// What was tried.
    pub doing: &'static str,
    /// The object, or where objects were looked for.
    pub object: String,
    /// What the target said.
    pub source: object_store::Error,
}

impl TargetFailure {
    /// Adds what was tried, and on what, to what a target said.
    pub(super) fn of(doing: &'static str, object: &Path) -> impl FnOnce(object_store::Error) -> Box<Self> {
        move |source| Box::new(Self { doing, object: object.to_string(), source })
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        // Of a listing only the text of the answer is left.
        let said = self.source.to_string();
        let is_refused = ["status code: 401", "status code: 403"].iter().any(|status| said.contains(status));
        let has_no_bucket = said.contains("NoSuchBucket");
        if is_refused || matches!(self.source, PermissionDenied { .. } | Unauthenticated { .. }) {
            "the target refuses these credentials; it has to let them list, read, write and delete objects below the prefix"
        } else if has_no_bucket || matches!(self.source, NotFound { .. }) {
            "it is not there; see that the bucket exists and the endpoint is the right one"
        } else {
            "see that the target can be reached; what was put stays, and the next push goes on from there"
        }
    }
}
