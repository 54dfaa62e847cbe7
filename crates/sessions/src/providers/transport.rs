//! The HTTP client: whom it trusts, where it connects, and what it does not do by itself.

use std::sync::Arc;

use reqwest::Url;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::options::{ProviderError, ProviderOptions, is_loopback};

/// Idle connections that are kept for each endpoint.
const IDLE_CONNECTIONS: usize = 4;

/// A client that follows no redirect, repeats nothing, and asks this machine without a proxy.
///
/// A redirect would carry the thread, and with some hosts the key, to somebody whom no plan named. Attempts are
/// counted and recorded by the runtime, so none may happen unseen below it. Compressed answers are not asked for:
/// a small body could grow without bound.
pub(super) fn client(options: &ProviderOptions, base_url: &Url) -> Result<reqwest::Client, ProviderError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("flightrec/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls(base_url)?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .gzip(false)
        .tcp_nodelay(true)
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(IDLE_CONNECTIONS);
    let builder = if is_loopback(base_url) { builder.no_proxy() } else { builder };
    builder.build().map_err(ProviderError::Http)
}

/// TLS with the certificates that the operating system trusts. An endpoint without TLS needs none, and its client
/// then trusts nobody: a machine without certificates still reaches the model beside it.
fn tls(base_url: &Url) -> Result<ClientConfig, ProviderError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ProviderError::Certificates)?;
    let builder = if base_url.scheme() == "https" {
        builder.with_platform_verifier().map_err(ProviderError::Certificates)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ProviderKind;

    #[test]
    fn a_client_is_built_with_and_without_tls() {
        for base_url in ["http://127.0.0.1:1/", "https://models.example/v1/"] {
            client(&ProviderOptions::new(ProviderKind::OpenAi), &Url::parse(base_url).unwrap()).unwrap();
        }
    }
}
