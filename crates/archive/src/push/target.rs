//! A URL and settings to a client, and what may not be asked of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::client::{HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use reqwest::Url;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::error::TargetError;

/// How long a target may take, and how often it is asked again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long nothing may come from the target while a request is under way.
    pub timeout: Duration,
    /// How often a request is tried again, after a growing wait.
    pub retries: usize,
}

/// A place on an object store, or in a directory.
#[derive(Debug, Clone)]
pub struct Target {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    url: String,
    /// Whether objects carry attributes, and so the digest that they were put with.
    pub(super) keeps_attributes: bool,
}

impl Target {
    /// The target behind `s3://BUCKET/PREFIX` or `file:///DIRECTORY`. Settings are names and values of the environment;
    /// those that begin with `AWS_` count. Nothing is asked of the target yet.
    ///
    /// # Errors
    /// [`TargetError`] if the URL or a setting cannot be used, or the endpoint is plain HTTP to another machine.
    pub fn open(
        url: &str,
        settings: impl IntoIterator<Item = (String, String)>,
        patience: Patience,
    ) -> Result<Self, TargetError> {
        let bad = |why: &str| TargetError::Url { url: without_secrets(url), why: why.to_owned() };
        let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(bad("credentials belong into the environment, not into a URL"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(bad("it has a query or a fragment"));
        }
        let prefix = Path::from_url_path(parsed.path()).map_err(|error| bad(&error.to_string()))?;
        let (objects, keeps_attributes): (Arc<dyn ObjectStore>, bool) = match parsed.scheme() {
            "s3" => {
                let bucket = parsed.host_str().filter(|bucket| !bucket.is_empty()).ok_or_else(|| bad("no bucket"))?;
                (Arc::new(s3(bucket, settings, patience)?), true)
            }
            "file" if parsed.host_str().is_none_or(str::is_empty) => {
                (Arc::new(LocalFileSystem::new().with_fsync(true)), false)
            }
            "file" => return Err(bad("it names a host")),
            _ => return Err(bad("its scheme is not known")),
        };
        Ok(Self { objects, prefix, url: url.to_owned(), keeps_attributes })
    }

    /// The store of objects.
    pub const fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// What all names of objects begin with.
    pub const fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The URL, as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A URL that could not be used, without what may stand for a password in it.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((secrets, _)) => format!("{scheme}://…{}", &rest[secrets.len()..]),
        None => url.to_owned(),
    }
}

fn s3(
    bucket: &str,
    settings: impl IntoIterator<Item = (String, String)>,
    patience: Patience,
) -> Result<impl ObjectStore, TargetError> {
    let mut builder = AmazonS3Builder::new().with_checksum_algorithm(Checksum::SHA256).with_retry(RetryConfig {
        max_retries: patience.retries,
        // Several requests that each take all their time, and the waits between them.
        retry_timeout: patience.timeout * (patience.retries as u32 + 1) + Duration::from_mins(1),
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
    });
    let (mut has_credentials, mut allows_http) = (false, false);
    for (name, value) in settings {
        // An empty variable is how some set none.
        let Some(name) = name.strip_prefix("AWS_").filter(|_| !value.is_empty()) else { continue };
        let name = format!("aws_{}", name.to_ascii_lowercase());
        has_credentials |= CREDENTIALS.contains(&&*name);
        allows_http |= name == "aws_allow_http" && value.eq_ignore_ascii_case("true");
        if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .into_iter()
        .find_map(|key| builder.get_config_value(&key));
    let mut is_loopback = false;
    if let Some(endpoint) = endpoint {
        let url = Url::parse(&endpoint)
            .map_err(|error| TargetError::Url { url: without_secrets(&endpoint), why: error.to_string() })?;
        is_loopback = on_this_machine(&url);
        if !has_credentials {
            return Err(TargetError::NoCredentials { endpoint });
        }
        if url.scheme() == "http" && !is_loopback && !allows_http {
            return Err(TargetError::PlainHttp { endpoint });
        }
    }
    builder
        .with_bucket_name(bucket)
        .with_allow_http(is_loopback || allows_http)
        .with_http_connector(Connector(client(patience, is_loopback)?))
        .build()
        .map_err(TargetError::Settings)
}

/// Settings that say as whom a store is asked. Without an endpoint the machine itself may have a role.
const CREDENTIALS: &[&str] = &[
    "aws_access_key_id",
    "aws_skip_signature",
    "aws_web_identity_token_file",
    "aws_container_credentials_relative_uri",
    "aws_container_credentials_full_uri",
];

fn on_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Hands out one client for all requests.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// A client that follows no redirect, repeats nothing by itself, and asks this machine without a proxy.
fn client(patience: Patience, is_loopback: bool) -> Result<reqwest::Client, TargetError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("flightrec/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls(is_loopback)?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .connect_timeout(patience.timeout)
        .read_timeout(patience.timeout);
    let builder = if is_loopback { builder.no_proxy() } else { builder };
    builder.build().map_err(TargetError::Http)
}

/// TLS with the certificates that the operating system trusts. For this machine there need not be any.
fn tls(is_loopback: bool) -> Result<ClientConfig, TargetError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TargetError::Certificates)?;
    let trusted = builder.clone().with_platform_verifier();
    let builder = match trusted {
        Err(_) if is_loopback => builder.with_root_certificates(RootCertStore::empty()),
        trusted => trusted.map_err(TargetError::Certificates)?,
    };
    Ok(builder.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { timeout: Duration::from_secs(1), retries: 0 };

    fn open(url: &str, settings: &[(&str, &str)]) -> Result<Target, TargetError> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Target::open(url, settings, PATIENCE)
    }

    #[test]
    fn only_buckets_and_directories_are_targets() {
        let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        assert_eq!(open("s3://bucket/a/b/", &key).unwrap().prefix().as_ref(), "a/b");
        assert_eq!(open("s3://bucket", &key).unwrap().prefix().as_ref(), "");
        assert_eq!(open("file:///a/b%20c", &[]).unwrap().prefix().as_ref(), "a/b c");
        for url in ["", "bucket", "s3://", "s3:///x", "gs://bucket/x", "file://host/x", "s3://b/x?y", "s3://b/x#y"] {
            let error = open(url, &key).unwrap_err();
            assert!(matches!(error, TargetError::Url { .. }), "{url}: {error}");
        }
    }

    #[test]
    fn a_secret_in_a_url_is_refused_and_not_repeated() {
        for url in ["s3://key:hunter2@bucket/x", "s3://hunter2@bucket", "xx://a:hunter2@@b/?"] {
            let error = open(url, &[]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn plain_http_leaves_this_machine_only_if_that_is_allowed() {
        let with = |endpoint: &str, more: &[(&str, &str)]| {
            let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_ENDPOINT_URL", endpoint)];
            open("s3://bucket/x", &[&key[..], more].concat())
        };
        for endpoint in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://s3.example"] {
            with(endpoint, &[]).unwrap();
        }
        for endpoint in
            ["http://s3.example", "http://10.0.0.1:9", "http://localhost.example", "http://127.0.0.1.example"]
        {
            assert!(matches!(with(endpoint, &[]), Err(TargetError::PlainHttp { .. })), "{endpoint}");
            assert!(matches!(with(endpoint, &[("AWS_ALLOW_HTTP", "false")]), Err(TargetError::PlainHttp { .. })));
            with(endpoint, &[("AWS_ALLOW_HTTP", "true")]).unwrap();
        }
        assert!(with("nonsense", &[]).is_err());
        let none = open("s3://bucket/x", &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ACCESS_KEY_ID", "")]);
        assert!(matches!(none, Err(TargetError::NoCredentials { .. })));
    }
}
