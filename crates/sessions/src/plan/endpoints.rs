//! Providers and their models.

use std::collections::BTreeMap;

use flightrec_events::{Backend, Id};
use toml::Spanned;

use super::contents::{Model, Provider, ProviderKind};
use super::errors::Report;
use super::fields::Fields;
use super::names;
use crate::price::Price;

/// The most providers, and the most models.
const MOST: usize = 256;

pub(super) const PROVIDER_KEYS: &[&str] = &["kind", "base_url", "api_key_env"];
pub(super) const MODEL_KEYS: &[&str] = &["provider", "id", "backend", "price"];
pub(super) const PRICE_KEYS: &[&str] = &["input", "output", "cached", "cache_write"];

/// Keys under which people put a credential itself.
const KEYS_OF_SECRETS: &[&str] = &[
    "api_key",
    "apikey",
    "key",
    "api_token",
    "token",
    "access_token",
    "auth",
    "authorization",
    "bearer",
    "headers",
    "password",
    "secret",
    "credentials",
];

/// The most characters of an environment variable's name.
const ENV_NAME_CHARS: usize = 64;

/// Reads `[providers.NAME]`. A name whose table has an error leads to nothing, but is known.
pub(super) fn providers(root: &Fields<'_>, report: &mut Report<'_>) -> BTreeMap<Id, Option<Provider>> {
    root.named(report, "providers", MOST)
        .into_iter()
        .map(|(name, value)| {
            let what = format!("provider {}", names::quoted(name.get_ref().as_str()));
            let fields = Fields::open_guarded(report, what, value, PROVIDER_KEYS, KEYS_OF_SECRETS);
            (name.into_inner(), fields.and_then(|fields| provider(&fields, report)))
        })
        .collect()
}

fn provider(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Provider> {
    fields.require(report, "kind", "kind = \"scripted\", \"openai\", \"anthropic\", \"gemini\" or \"ollama\"");
    let kind = fields.word(report, "kind", ProviderKind::ALL, ProviderKind::as_str);
    let base_url = fields.text(report, "base_url");
    if let Some(url) = &base_url
        && let Err(problem) = host(url.get_ref())
    {
        fields.error(report, url.span(), format!("`base_url` {problem}"));
    }
    let api_key_env = fields.text(report, "api_key_env");
    if let Some(name) = &api_key_env
        && !is_variable(name.get_ref())
    {
        report
            .error(
                name.span(),
                "`api_key_env` must be the name of an environment variable: capitals, digits and `_`, not a digit first",
            )
            .hide()
            .help("the name such as OPENAI_API_KEY, never the key: if this was one, have a new one made");
    }
    if kind == Some(ProviderKind::Scripted) {
        for key in ["base_url", "api_key_env"] {
            if fields.has(key) {
                fields.error(report, fields.place(key), format!("a scripted provider is nowhere: it takes no `{key}`"));
            }
        }
    }
    Some(Provider {
        kind: kind?,
        base_url: base_url.map(|url| (*url.get_ref()).to_owned()),
        api_key_env: api_key_env.map(|name| (*name.get_ref()).to_owned()),
    })
}

/// Reads `[models.NAME]`.
pub(super) fn models(
    root: &Fields<'_>,
    providers: &BTreeMap<Id, Option<Provider>>,
    report: &mut Report<'_>,
) -> BTreeMap<Id, Option<Model>> {
    root.named(report, "models", MOST)
        .into_iter()
        .map(|(name, value)| {
            let what = format!("model {}", names::quoted(name.get_ref().as_str()));
            let fields = Fields::open(report, what, value, MODEL_KEYS);
            let model = fields.and_then(|fields| model(&fields, &name, providers, report));
            (name.into_inner(), model)
        })
        .collect()
}

fn model(
    fields: &Fields<'_>,
    name: &Spanned<Id>,
    providers: &BTreeMap<Id, Option<Provider>>,
    report: &mut Report<'_>,
) -> Option<Model> {
    fields.require(report, "provider", "provider = \"NAME\" of one of the [providers.NAME]");
    let provider = fields.id(report, "provider");
    if let Some(provider) = &provider
        && !providers.contains_key(provider.get_ref())
    {
        let known = ("providers", providers.keys().map(Id::as_str));
        report.unknown(provider.span(), "provider", provider.get_ref().as_str(), known);
    }
    let model_id = fields.id(report, "id").map_or_else(|| name.get_ref().clone(), Spanned::into_inner);
    let backend = fields.word(report, "backend", Backend::ALL, Backend::as_str);
    let price = fields.table(report, "price", PRICE_KEYS).and_then(|fields| price(&fields, report));
    let provider = provider?.into_inner();
    let served = providers.get(&provider)?.as_ref()?;
    Some(Model { backend: backend.unwrap_or_else(|| usual_backend(served)), provider, model_id, price })
}

fn price(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Price> {
    for key in ["input", "output"] {
        fields.require(report, key, "in dollars per million tokens; leave `price` out if it is not known");
    }
    let mut dollars = |key| fields.dollars(report, key, true);
    let (input, output) = (dollars("input"), dollars("output"));
    let (cached_nanos, cache_write_nanos) = (dollars("cached"), dollars("cache_write"));
    Some(Price { input_nanos: input?, output_nanos: output?, cached_nanos, cache_write_nanos })
}

/// A model runs here if its provider does.
fn usual_backend(provider: &Provider) -> Backend {
    let is_near = provider.base_url.as_deref().map(|url| host(url).is_ok_and(is_loopback));
    match provider.kind {
        ProviderKind::Scripted => Backend::Local,
        ProviderKind::Ollama => {
            if is_near == Some(false) {
                Backend::Cloud
            } else {
                Backend::Local
            }
        }
        ProviderKind::OpenAi | ProviderKind::Anthropic | ProviderKind::Gemini => {
            if is_near == Some(true) {
                Backend::Local
            } else {
                Backend::Cloud
            }
        }
    }
}

/// The host of a base address, or what is wrong with it.
fn host(url: &str) -> Result<&str, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("must begin with http:// or https://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("must begin with http:// or https://");
    }
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must not hold blanks or characters beyond ASCII");
    }
    if rest.contains(['?', '#']) {
        return Err("must end with its path, without `?` and `#`");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not hold a user or a password: name the key's variable in `api_key_env`");
    }
    // A port follows the last colon, unless that is inside of the brackets of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err("must name a host");
    }
    if port.is_some_and(|port| port.parse::<u16>().ok().is_none_or(|port| port == 0)) {
        return Err("must have a port from 1 to 65535, or none");
    }
    Ok(host)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_variable(name: &str) -> bool {
    name.len() <= ENV_NAME_CHARS
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Tells a model that there is not.
pub(super) fn check_model(models: &BTreeMap<Id, Option<Model>>, name: &Spanned<Id>, report: &mut Report<'_>) {
    if !models.contains_key(name.get_ref()) {
        report.unknown(name.span(), "model", name.get_ref().as_str(), ("models", models.keys().map(Id::as_str)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_addresses_are_weighed() {
        for (url, host_of_it) in [
            ("http://127.0.0.1:8089/v1", Ok("127.0.0.1")),
            ("HTTPS://api.example.com", Ok("api.example.com")),
            ("http://[::1]:11434/", Ok("[::1]")),
            ("http://[::1]/v1", Ok("[::1]")),
            ("ftp://example.com", Err("must begin with http:// or https://")),
            ("127.0.0.1:8089", Err("must begin with http:// or https://")),
            ("http://", Err("must name a host")),
            ("http://:80/", Err("must name a host")),
            (
                "http://a:b@example.com",
                Err("must not hold a user or a password: name the key's variable in `api_key_env`"),
            ),
            ("http://example.com:0", Err("must have a port from 1 to 65535, or none")),
            ("http://example.com:70000", Err("must have a port from 1 to 65535, or none")),
            ("http://example.com/?a=b", Err("must end with its path, without `?` and `#`")),
            ("http://exa mple.com", Err("must not hold blanks or characters beyond ASCII")),
        ] {
            assert_eq!(host(url), host_of_it, "{url}");
        }
    }

    #[test]
    fn a_model_is_local_where_its_provider_is() {
        use ProviderKind::{Anthropic, Gemini, Ollama, OpenAi, Scripted};
        for (kind, base_url, backend) in [
            (Scripted, None, Backend::Local),
            (OpenAi, None, Backend::Cloud),
            (OpenAi, Some("http://127.8.9.1:1/v1"), Backend::Local),
            (OpenAi, Some("http://localhost/v1"), Backend::Local),
            (OpenAi, Some("http://LM.localhost:1234/v1"), Backend::Local),
            (OpenAi, Some("http://10.0.0.7/v1"), Backend::Cloud),
            (OpenAi, Some("http://localhost.example.com/v1"), Backend::Cloud),
            (Anthropic, None, Backend::Cloud),
            (Gemini, None, Backend::Cloud),
            (Ollama, None, Backend::Local),
            (Ollama, Some("http://[::1]:11434"), Backend::Local),
            (Ollama, Some("http://gpu.example.com:11434"), Backend::Cloud),
        ] {
            let provider = Provider { kind, base_url: base_url.map(str::to_owned), api_key_env: None };
            assert_eq!(usual_backend(&provider), backend, "{kind:?} {base_url:?}");
        }
    }
}
