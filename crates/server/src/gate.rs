//! Who may ask at all: the `Host` that was meant, the `Origin` that asks, the token that is shown.
//!
//! A browser sends the requests of any page to any address, this one included. It says honestly for
//! which host the page thinks it asks, and which page asks; so both are looked at on every request.

use std::net::{IpAddr, SocketAddr};

use hyper::Uri;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use subtle::ConstantTimeEq;

use crate::problem::{Kind, Problem};

/// Decides on every request before anything else does.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The address that the server listens on, if it is one that others can reach.
    address: Option<IpAddr>,
    names: Vec<String>,
    token: Option<Token>,
}

/// A token that is never printed.
struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Gate {
    /// The gate of a server at one address.
    pub(crate) fn new(address: SocketAddr, allowed_hosts: &[String], token: Option<&str>) -> Self {
        Self {
            address: Some(address.ip()).filter(|ip| !ip.is_loopback()),
            names: allowed_hosts.iter().map(|name| bare_name(name)).collect(),
            token: token.map(|token| Token(token.as_bytes().to_vec())),
        }
    }

    /// Lets a request pass, or says why not.
    pub(crate) fn check(&self, head: &Parts) -> Result<(), Problem> {
        let host = self.check_host(head)?;
        check_origin(&head.headers, &host)?;
        self.check_token(&head.headers)
    }

    /// Every name that the request gives for its host must be one of ours.
    fn check_host(&self, head: &Parts) -> Result<Authority, Problem> {
        let mut found = None;
        let named = head.headers.get_all(HOST).into_iter().map(|value| value.to_str().unwrap_or(""));
        for text in head.uri.authority().map(Authority::as_str).into_iter().chain(named) {
            let authority = Authority::try_from(text).ok().filter(|_| !text.contains('@'));
            let ours = authority.filter(|authority| self.is_ours(authority.host())).ok_or_else(|| {
                Problem::new(
                    Kind::Forbidden,
                    "this server does not answer to that Host; ask for localhost, or start it with --allow-host NAME",
                )
            })?;
            if found.as_ref().is_some_and(|other: &Authority| !same_authority(other, &ours, 80)) {
                return Err(Problem::new(Kind::Forbidden, "the request names two different hosts"));
            }
            found = Some(ours);
        }
        found.ok_or_else(|| Problem::new(Kind::Forbidden, "the request names no Host"))
    }

    /// An address cannot be made to point elsewhere, a name can; so names are listed, addresses judged.
    fn is_ours(&self, host: &str) -> bool {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = literal.parse::<IpAddr>() {
            return ip.is_loopback() || self.address.is_some_and(|ours| ours.is_unspecified() || ours == ip);
        }
        let name = bare_name(host);
        name == "localhost" || self.names.contains(&name)
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(Token(token)) = &self.token else { return Ok(()) };
        let shown = headers.get(AUTHORIZATION).and_then(|value| credentials(value.as_bytes()));
        // Never shorter for a token that begins right.
        if shown.is_some_and(|shown| bool::from(shown.ct_eq(token))) {
            return Ok(());
        }
        Err(Problem::new(Kind::Unauthenticated, "this server wants its token: send `Authorization: Bearer TOKEN`"))
    }
}

/// A page of another origin may not ask. Programs send no `Origin`.
fn check_origin(headers: &HeaderMap, host: &Authority) -> Result<(), Problem> {
    for origin in headers.get_all(ORIGIN) {
        let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
        let same = origin.as_ref().is_some_and(|origin| {
            let default_port = match origin.scheme_str() {
                Some("http") => 80,
                Some("https") => 443,
                Some(_) | None => return false,
            };
            origin.authority().is_some_and(|authority| same_authority(authority, host, default_port))
        });
        if !same {
            return Err(Problem::new(Kind::Forbidden, "pages of another origin may not use this server"));
        }
    }
    Ok(())
}

fn same_authority(a: &Authority, b: &Authority, default_port: u16) -> bool {
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    !a.as_str().contains('@') && a.host().eq_ignore_ascii_case(b.host()) && port(a) == port(b)
}

/// A name as names are compared: in lower case, without the dot that may end it.
fn bare_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// What `Authorization` shows: a bearer's token, or the password of `Basic`, which is what a browser asks for.
fn credentials(value: &[u8]) -> Option<Vec<u8>> {
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&value[..at], value[at..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if scheme.eq_ignore_ascii_case(b"basic") {
        let pair = from_base64(rest)?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        return Some(pair[colon + 1..].to_vec());
    }
    None
}

fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;
    use proptest::prelude::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn gate(address: &str, names: &[&str], token: Option<&str>) -> Gate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Gate::new(address.parse().unwrap(), &names, token)
    }

    fn kind(gate: &Gate, uri: &str, headers: &[(&str, &str)]) -> Option<Kind> {
        gate.check(&head(uri, headers)).err().map(|problem| problem.kind)
    }

    #[test]
    fn hosts_that_are_ours_and_hosts_that_are_not() {
        let local = gate("127.0.0.1:4318", &["recorder.example"], None);
        for host in [
            "localhost",
            "LOCALHOST:4318",
            "localhost.:1",
            "127.0.0.1:4318",
            "127.8.7.6",
            "[::1]:4318",
            "recorder.example",
            "Recorder.Example.:443",
        ] {
            assert_eq!(kind(&local, "/", &[("host", host)]), None, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "xlocalhost",
            "10.0.0.1",
            "0.0.0.0:4318",
            "[::]",
            "[2001:db8::1]",
            "user@localhost",
            "localhost@evil.example",
            "127.0.0.1.nip.example",
            "localhost/..",
            "local host",
            "recorder.example.evil",
            "2130706433",
            "0x7f000001",
        ] {
            assert_eq!(kind(&local, "/", &[("host", host)]), Some(Kind::Forbidden), "{host}");
        }
        assert_eq!(kind(&local, "/", &[]), Some(Kind::Forbidden));
    }

    #[test]
    fn every_name_that_a_request_gives_counts() {
        let local = gate("127.0.0.1:4318", &[], None);
        assert_eq!(kind(&local, "http://localhost:4318/", &[]), None);
        assert_eq!(kind(&local, "http://localhost:4318/", &[("host", "localhost:4318")]), None);
        for (uri, headers) in [
            ("http://evil.example/", &[("host", "localhost")][..]),
            ("http://localhost/", &[("host", "evil.example")]),
            ("/", &[("host", "localhost"), ("host", "evil.example")]),
            ("/", &[("host", "localhost:1"), ("host", "localhost:2")]),
            ("http://localhost:1/", &[("host", "127.0.0.1:1")]),
        ] {
            assert_eq!(kind(&local, uri, headers), Some(Kind::Forbidden), "{uri} {headers:?}");
        }
    }

    #[test]
    fn addresses_that_others_can_reach() {
        let one = gate("192.0.2.7:4318", &[], Some("t"));
        let any = gate("0.0.0.0:4318", &[], Some("t"));
        let auth = ("authorization", "Bearer t");
        assert_eq!(kind(&one, "/", &[("host", "192.0.2.7:4318"), auth]), None);
        assert_eq!(kind(&one, "/", &[("host", "192.0.2.8:4318"), auth]), Some(Kind::Forbidden));
        assert_eq!(kind(&any, "/", &[("host", "192.0.2.8:4318"), auth]), None);
        assert_eq!(kind(&any, "/", &[("host", "evil.example"), auth]), Some(Kind::Forbidden));
    }

    #[test]
    fn origins() {
        let local = gate("127.0.0.1:4318", &[], None);
        let with = |origin: &str| kind(&local, "/", &[("host", "localhost:4318"), ("origin", origin)]);
        for origin in ["http://localhost:4318", "HTTP://LocalHost:4318"] {
            assert_eq!(with(origin), None, "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost",
            "http://localhost:4319",
            "http://127.0.0.1:4318",
            "http://localhost:4318.evil.example",
            "http://localhost:4318@evil.example",
            "http://x@localhost:4318",
            "file://localhost:4318",
            "localhost:4318",
        ] {
            assert_eq!(with(origin), Some(Kind::Forbidden), "{origin}");
        }
        // Behind something that speaks TLS.
        assert_eq!(kind(&local, "/", &[("host", "localhost"), ("origin", "https://localhost")]), None);
        let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example")];
        assert_eq!(kind(&local, "/", &twice), Some(Kind::Forbidden));
    }

    #[test]
    fn tokens() {
        let gate = gate("127.0.0.1:4318", &[], Some("s3cret"));
        let with = |value: &str| kind(&gate, "/", &[("host", "localhost"), ("authorization", value)]);
        // `Basic` holds `anybody:s3cret` and `anybody:wrong`.
        for value in ["Bearer s3cret", "bearer s3cret", "Basic YW55Ym9keTpzM2NyZXQ="] {
            assert_eq!(with(value), None, "{value}");
        }
        for value in [
            "",
            "s3cret",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3crets",
            "Basic YW55Ym9keTp3cm9uZw==",
            "Basic !",
            "Digest s3cret",
        ] {
            assert_eq!(with(value), Some(Kind::Unauthenticated), "{value}");
        }
        assert_eq!(kind(&gate, "/", &[("host", "localhost")]), Some(Kind::Unauthenticated));
        assert_eq!(kind(&gate, "/", &[("host", "evil.example")]), Some(Kind::Forbidden));
        assert!(!format!("{gate:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn base64_never_panics_and_has_the_right_length(text in "[A-Za-z0-9+/]{0,40}={0,2}") {
            let digits = text.trim_end_matches('=').len();
            let length = from_base64(text.as_bytes()).map(|bytes| bytes.len());
            prop_assert_eq!(length, (digits % 4 != 1).then_some(digits * 6 / 8));
        }
    }
}
