//! What a host says of an endpoint, and how it is checked before anything is sent.
// tidy: no-wildcard

use std::fmt;
use std::time::Duration;

use reqwest::Url;

/// The protocol that an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// OpenAI's chat completions: OpenAI itself and all that are compatible, such as vLLM and llama.cpp.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Ollama, through its OpenAI-compatible interface.
    Ollama,
}

impl ProviderKind {
    /// The name that plans use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// The endpoint that is asked when none is named.
    pub const fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/",
            Self::Ollama => "http://127.0.0.1:11434/v1/",
        }
    }
}

/// A key that is never printed.
///
/// ```
/// use flightrec_sessions::Secret;
/// assert_eq!(format!("{:?}", Secret::new("sk-123")), "Secret(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a key, without the white space around it that files and shells leave.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into().trim().to_owned())
    }

    /// The key.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An endpoint and how to reach it.
///
/// ```
/// use flightrec_sessions::{ProviderKind, ProviderOptions, Secret};
/// let options = ProviderOptions {
///     base_url: Some("http://127.0.0.1:8089/v1".into()),
///     api_key: Some(Secret::new("sk-123")),
///     ..ProviderOptions::new(ProviderKind::OpenAi)
/// };
/// assert!(!format!("{options:?}").contains("sk-123"));
/// ```
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// The protocol.
    pub kind: ProviderKind,
    /// Where it is, up to and with the version: `https://api.openai.com/v1`; else the provider's own address.
    pub base_url: Option<String>,
    /// The key, if it wants one. A host reads it from an environment variable or a file, never from a plan.
    pub api_key: Option<Secret>,
    /// How long a connection may take to be made. How long a reply may take is for the job to say.
    pub connect_timeout: Duration,
}

impl ProviderOptions {
    /// The provider's own address, without a key, with ten seconds to connect.
    pub const fn new(kind: ProviderKind) -> Self {
        Self { kind, base_url: None, api_key: None, connect_timeout: Duration::from_secs(10) }
    }

    /// The address with a slash at its end, so that paths can be joined to it.
    pub(super) fn checked_base_url(&self) -> Result<Url, ProviderError> {
        let told = self.base_url.as_deref().unwrap_or(self.kind.default_base_url());
        let refuse = |why| ProviderError::BaseUrl { base_url: without_credentials(told), why };
        let mut url = Url::parse(told).map_err(|_| refuse("it is no URL such as http://127.0.0.1:8080/v1"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it has to begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds a user or a password; give the key as `api_key`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a `?` or a `#`; paths are joined to it"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(url)
    }
}

/// What was told, less a password that may stand in it.
fn without_credentials(told: &str) -> String {
    told.rsplit_once('@').map_or_else(|| told.to_owned(), |(_, rest)| format!("..@{rest}"))
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Why there is no client for an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The address cannot be used.
    #[error("base_url `{base_url}`: {why}")]
    BaseUrl {
        /// The address, without credentials.
        base_url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The key cannot be sent in a header.
    #[error("the API key of {kind} holds a character that no HTTP header may have; set it again without line breaks", kind = .0.as_str())]
    ApiKey(ProviderKind),
    /// The certificates that this machine trusts cannot be used.
    #[error(
        "cannot use the certificates that this machine trusts; install ca-certificates, or use an http:// endpoint"
    )]
    Certificates(#[source] rustls::Error),
    /// The HTTP client cannot be built.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
    /// The provider library cannot be set up.
    #[error("cannot set up the provider client")]
    Library(#[source] Box<genai::Error>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(base_url: &str) -> Result<String, String> {
        let options =
            ProviderOptions { base_url: Some(base_url.to_owned()), ..ProviderOptions::new(ProviderKind::OpenAi) };
        options.checked_base_url().map(String::from).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_gets_the_slash_that_joining_needs() {
        assert_eq!(checked("http://127.0.0.1:8080/v1").unwrap(), "http://127.0.0.1:8080/v1/");
        assert_eq!(checked("https://models.example/a/v1/").unwrap(), "https://models.example/a/v1/");
        assert_eq!(checked("http://[::1]:1").unwrap(), "http://[::1]:1/");
    }

    #[test]
    fn an_address_that_would_mislead_is_refused_and_no_password_is_repeated() {
        for (told, part) in [
            ("127.0.0.1:8080", "no URL"),
            ("", "no URL"),
            ("file:///etc", "http://"),
            ("http://user:hunter2@host/v1", "api_key"),
            ("http://host/v1?key=1", "`?`"),
            ("http://host/v1#x", "`#`"),
        ] {
            let error = checked(told).unwrap_err();
            assert!(error.contains(part), "{told}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_addresses_that_come_with_a_kind_are_usable() {
        for kind in [ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Gemini, ProviderKind::Ollama] {
            let url = ProviderOptions::new(kind).checked_base_url().unwrap();
            assert_eq!(url.as_str(), kind.default_base_url());
            assert_eq!(is_loopback(&url), kind == ProviderKind::Ollama);
        }
    }

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for (told, expected) in [
            ("http://localhost:1/", true),
            ("http://models.localhost/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
            ("http://128.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(told).unwrap()), expected, "{told}");
        }
    }
}
