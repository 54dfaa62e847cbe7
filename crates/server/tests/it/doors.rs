//! Games with `Host`, `Origin` and the token, on every route that there is.

use std::net::SocketAddr;

use flightrec_server::{ServeError, Server, all_routes};

use super::calls::{self, Caller};
use super::client::{Connection, Response};
use super::served::{PROTOBUF, Served, runtime};

/// Every route over HTTP, with something in place of the braces.
fn http_routes() -> Vec<(&'static str, String)> {
    let fill = |path: &str| path.replace("{id}", "s-1").replace("{sha256}", &"0".repeat(64));
    let routes: Vec<_> =
        all_routes().filter(|(port, ..)| *port == "http").map(|(_, method, path)| (method, fill(path))).collect();
    assert!(routes.len() > 25);
    routes
}

/// The head of an answer; a live stream has no end that could be waited for.
#[track_caller]
fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut connection = Connection::open(address);
    connection.request(method, path, headers, body);
    connection.head().unwrap()
}

fn grpc_routes() -> Vec<&'static str> {
    let routes: Vec<_> = all_routes().filter(|(port, ..)| *port == "grpc").map(|(.., path)| path).collect();
    assert_eq!(routes.len(), 3);
    routes
}

#[test]
fn no_route_answers_a_foreign_host() {
    let served = Served::with(|options| options.allowed_hosts = vec!["recorder.example".to_owned()]);
    for (method, path) in http_routes() {
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1:4318", "[2001:db8::1]", "user@localhost", ""] {
            let answer = ask(served.http, method, &path, &[("host", host), PROTOBUF], b"");
            assert_eq!(answer.status, 403, "{method} {path} {host}");
        }
        for host in ["localhost", "127.0.0.1:1", "[::1]:4318", "RECORDER.example"] {
            let answer = ask(served.http, method, &path, &[("host", host), PROTOBUF], b"");
            assert_ne!(answer.status, 403, "{method} {path} {host}");
        }
    }
    let caller = Caller::new();
    for path in grpc_routes() {
        let call =
            |origin: &str| caller.call(&served, path, b"", |endpoint| endpoint.origin(origin.parse().unwrap()), &[]);
        assert_eq!(call("http://evil.example").unwrap_err().code(), tonic::Code::PermissionDenied, "{path}");
        assert_eq!(call("http://10.0.0.1:4317").unwrap_err().code(), tonic::Code::PermissionDenied, "{path}");
        call("http://localhost:4317").unwrap();
        call("http://recorder.example").unwrap();
    }
    assert!(served.intake.seen().iter().all(|(.., body)| body.is_empty()));
}

#[test]
fn no_route_answers_without_a_host() {
    let served = Served::new();
    for (method, path) in http_routes() {
        let mut connection = Connection::open(served.http);
        connection.send(format!("{method} {path} HTTP/1.1\r\ncontent-length: 0\r\n\r\n").as_bytes());
        assert_eq!(connection.answer().unwrap().status, 403, "{method} {path}");
        let mut connection = Connection::open(served.http);
        let absolute =
            format!("{method} http://evil.example{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        connection.send(absolute.as_bytes());
        assert_eq!(connection.answer().unwrap().status, 403, "{method} {path}");
    }
}

#[test]
fn no_route_answers_a_page_of_another_origin() {
    let served = Served::new();
    let own = format!("http://{}", served.http);
    for (method, path) in http_routes() {
        for origin in ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "file://"] {
            let answer = ask(served.http, method, &path, &[("origin", origin), PROTOBUF], b"");
            assert_eq!(answer.status, 403, "{method} {path} {origin}");
        }
        let answer = ask(served.http, method, &path, &[("origin", &own), PROTOBUF], b"");
        assert_ne!(answer.status, 403, "{method} {path}");
        // What a browser asks before it sends what a page may not simply send.
        let preflight = [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
        assert_eq!(ask(served.http, "OPTIONS", &path, &preflight, b"").status, 403, "{path}");
        assert_eq!(ask(served.http, "OPTIONS", &path, &[], b"").status, 405, "{path}");
    }
    let caller = Caller::new();
    for path in grpc_routes() {
        let refused = caller.call(&served, path, b"", calls::plain, &[("origin", "http://evil.example")]);
        assert_eq!(refused.unwrap_err().code(), tonic::Code::PermissionDenied, "{path}");
    }
}

#[test]
fn no_route_answers_without_the_token() {
    let served = Served::with(|options| options.token = Some("s3cret".to_owned()));
    for (method, path) in http_routes() {
        for headers in [
            &[PROTOBUF][..],
            &[PROTOBUF, ("authorization", "Bearer wrong")],
            &[PROTOBUF, ("authorization", "s3cret")],
            &[PROTOBUF, ("cookie", "token=s3cret")],
        ] {
            let answer = ask(served.http, method, &path, headers, b"");
            assert_eq!(answer.status, 401, "{method} {path} {headers:?}");
            assert!(answer.header("www-authenticate").is_some());
        }
        let answer = ask(served.http, method, &format!("{path}?token=s3cret"), &[PROTOBUF], b"");
        assert_eq!(answer.status, 401, "{method} {path}");
        let answer = ask(served.http, method, &path, &[PROTOBUF, ("authorization", "Bearer s3cret")], b"");
        assert_ne!(answer.status, 401, "{method} {path}");
    }
    let caller = Caller::new();
    for path in grpc_routes() {
        let call = |headers: &[(&'static str, &str)]| caller.call(&served, path, b"", calls::plain, headers);
        assert_eq!(call(&[]).unwrap_err().code(), tonic::Code::Unauthenticated, "{path}");
        assert_eq!(call(&[("authorization", "Bearer x")]).unwrap_err().code(), tonic::Code::Unauthenticated, "{path}");
        call(&[("authorization", "Bearer s3cret")]).unwrap();
    }
}

#[test]
fn no_path_leads_out() {
    let served = Served::new();
    for path in [
        "/..",
        "/../../etc/passwd",
        "/app.js/../../Cargo.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/api/v1/artifacts/..%2f..%2fjournal",
        "/api/v1/artifacts/%2e%2e",
        "/api/v1/artifacts/sha256:..",
        "/api/v1/sessions/..%2f..",
        "/api/v1/sessions/%00",
        "//evil.example/",
    ] {
        let answer = served.get(path);
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("root:"), "{path}");
    }
}

#[test]
fn every_answer_is_closed_to_other_origins() {
    let served = Served::new();
    let mut answers = vec![served.get("/nowhere"), ask(served.http, "PUT", "/", &[], b"")];
    for (method, path) in http_routes() {
        let mut connection = Connection::open(served.http);
        connection.request(method, &path, &[PROTOBUF], b"");
        answers.push(connection.head().unwrap());
        answers.push(ask(served.http, method, &path, &[("host", "evil.example")], b""));
    }
    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        assert!(!answer.header_names().any(|name| name.starts_with("access-control")));
    }
}

#[test]
fn only_loopback_addresses_need_no_token() {
    runtime().block_on(async {
        let served = Served::new();
        for (http, grpc) in [("0.0.0.0:0", "127.0.0.1:0"), ("127.0.0.1:0", "0.0.0.0:0"), ("[::]:0", "127.0.0.1:0")] {
            let bind = |token: Option<&str>| {
                let options = flightrec_server::Options {
                    listen: http.parse().unwrap(),
                    grpc_listen: grpc.parse().unwrap(),
                    token: token.map(str::to_owned),
                    ..flightrec_server::Options::default()
                };
                Server::bind(options, served.recorder.clone(), served.intake.clone())
            };
            let refused = bind(None).await.unwrap_err();
            assert!(matches!(refused, ServeError::NeedsToken(_)) && refused.to_string().contains("--token"));
            assert!(matches!(bind(Some("")).await, Err(ServeError::BadToken)));
            assert!(matches!(bind(Some("two words")).await, Err(ServeError::BadToken)));
            // A machine without IPv6 cannot listen on it, token or not.
            assert!(matches!(bind(Some("t")).await, Ok(_) | Err(ServeError::Bind { .. })));
        }
        let taken = flightrec_server::Options { listen: served.http, ..flightrec_server::Options::default() };
        let refused = Server::bind(taken, served.recorder.clone(), served.intake.clone()).await.unwrap_err();
        assert!(matches!(refused, ServeError::Bind { address, .. } if address == served.http));
    });
}
