//! Bodies that are cut, lied about, slow, or too many.

use std::time::Duration;

use super::client::{Connection, ask, head};
use super::served::{JSON, NDJSON, PROTOBUF, Served, created, ndjson};

const POSTS: [&str; 5] = ["/v1/traces", "/v1/logs", "/v1/metrics", "/api/v1/events", "/api/v1/artifacts"];

fn content_type(path: &str) -> (&'static str, &'static str) {
    if path.starts_with("/api") { NDJSON } else { PROTOBUF }
}

#[test]
fn chunks_are_one_body() {
    let served = Served::new();
    let body = ndjson(&[created("s-1", 1)]);
    let mut connection = Connection::open(served.http);
    let head = head("POST", "/v1/traces", "localhost", &[PROTOBUF, ("transfer-encoding", "chunked")]);
    connection.send(format!("{head}\r\n").as_bytes());
    for chunk in body.chunks(7) {
        connection.send(format!("{:x}\r\n", chunk.len()).as_bytes());
        connection.send(chunk);
        connection.send(b"\r\n");
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.answer().unwrap().status, 200);
    assert_eq!(served.intake.seen().pop().unwrap().2, body);
}

#[test]
fn the_limit_holds_on_every_route_that_takes_a_body() {
    let served = Served::with(|options| options.limits.max_body_bytes = 1_000);
    for path in POSTS {
        for (bytes, status) in [(1_000, 200), (1_001, 413), (3_000_000, 413)] {
            let answer = served.post(path, &[content_type(path)], &vec![b'\n'; bytes]);
            assert_eq!(answer.status, status, "{path} {bytes}");
        }
        // The same without saying so before: the answer does not wait for an end that never comes.
        let mut connection = Connection::open(served.http);
        let headers = [content_type(path), ("transfer-encoding", "chunked")];
        connection.send(format!("{}\r\n", head("POST", path, "localhost", &headers)).as_bytes());
        for _chunk in 0..50 {
            connection.send(format!("64\r\n{}\r\n", "\n".repeat(100)).as_bytes());
        }
        assert_eq!(connection.answer().unwrap().status, 413, "{path}");
        // Announced, and never sent: the answer does not wait for it.
        let mut connection = Connection::open(served.http);
        connection.request("POST", path, &[content_type(path), ("content-length", "99999999999999")], b"");
        assert_eq!(connection.answer().unwrap().status, 413, "{path}");
    }
}

#[test]
fn a_body_that_is_shorter_than_announced_is_not_taken() {
    let served = Served::with(|options| options.limits.body_idle_timeout = Duration::from_millis(50));
    let body = ndjson(&[created("s-1", 1)]);
    let length = (body.len() + 1).to_string();
    for path in POSTS {
        // The client waits: it is told that the rest did not come.
        let mut connection = Connection::open(served.http);
        connection.request("POST", path, &[content_type(path), ("content-length", &length)], &body);
        assert_eq!(connection.answer().unwrap().status, 408, "{path}");
        assert!(connection.answer().is_none(), "the connection cannot be used any more");
        // The client has gone: there is nobody to tell.
        let mut connection = Connection::open(served.http);
        connection.request("POST", path, &[content_type(path), ("content-length", &length)], &body);
        drop(connection);
    }
    served.get("/healthz").status(200);
    assert!(served.intake.seen().is_empty());
    assert_eq!(served.events(), 0);
}

#[test]
fn what_comes_after_the_announced_length_is_no_part_of_the_body() {
    let served = Served::new();
    let body = ndjson(&[created("s-1", 1)]);
    let length = (body.len() - 1).to_string();
    let mut connection = Connection::open(served.http);
    connection.request(
        "POST",
        "/v1/traces",
        &[PROTOBUF, ("content-length", &length)],
        &[&body[..], b"rest\r\n\r\n"].concat(),
    );
    assert_eq!(connection.answer().unwrap().status, 200);
    assert_eq!(connection.answer().map(|answer| answer.status), Some(400), "the rest is no request");
    assert!(connection.answer().is_none());
    assert_eq!(served.intake.seen().pop().unwrap().2.len(), body.len() - 1);
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let served = Served::new();
    for headers in [
        &[PROTOBUF, ("content-length", "1"), ("content-length", "2")][..],
        &[PROTOBUF, ("content-length", "-1")],
        &[PROTOBUF, ("content-length", "x")],
    ] {
        let mut connection = Connection::open(served.http);
        connection.request("POST", "/v1/traces", headers, b"ab");
        assert_eq!(connection.answer().map(|answer| answer.status), Some(400), "{headers:?}");
    }
    assert!(served.intake.seen().is_empty());
}

#[test]
fn a_slow_writer_is_cut_off_and_harms_nobody() {
    let served = Served::with(|options| {
        options.limits.body_idle_timeout = Duration::from_mins(10);
        options.limits.body_timeout = Duration::from_millis(400);
        options.limits.header_timeout = Duration::from_millis(400);
        options.limits.max_requests = 1;
    });
    let mut slow: Vec<Connection> = (0..40)
        .map(|_| {
            let mut connection = Connection::open(served.http);
            connection.request("POST", "/v1/traces", &[PROTOBUF, ("content-length", "100")], b"a");
            connection
        })
        .collect();
    let mut silent = Connection::open(served.http);
    let mut half_a_head = Connection::open(served.http);
    half_a_head.send(b"GET /healthz HTTP/1.1\r\nho");
    // All the while others are served, although one request is all that may be worked on.
    for i in 0..20 {
        served.post("/v1/traces", &[PROTOBUF], &ndjson(&[created(&format!("s-{i}"), 1)])).status(200);
    }
    for connection in &mut slow {
        connection.send(b"b");
        assert_eq!(connection.answer().unwrap().status, 408);
    }
    assert!(silent.answer().is_none());
    assert!(half_a_head.answer().is_none_or(|answer| answer.status == 408));
    assert_eq!(served.events(), 20);
}

#[test]
fn beyond_the_bounds_a_client_is_asked_to_come_again() {
    let served = Served::with(|options| options.limits.max_requests = 2);
    served.intake.close_gate();
    let mut waiting: Vec<Connection> = (0..2)
        .map(|i| {
            let mut connection = Connection::open(served.http);
            let body = ndjson(&[created(&format!("s-{i}"), 1)]);
            connection.request("POST", "/v1/traces", &[PROTOBUF], &body);
            connection
        })
        .collect();
    served.intake.wait_for(2);
    for (method, path) in [("POST", "/v1/traces"), ("POST", "/api/v1/events"), ("GET", "/api/v1/sessions")] {
        let answer = ask(served.http, method, path, &[content_type(path)], b"").status(503);
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
    }
    // Whether the server lives can be asked at any time.
    served.get("/healthz").status(200);
    served.intake.open_gate();
    for connection in &mut waiting {
        assert_eq!(connection.answer().unwrap().status, 200);
    }
    served.get("/api/v1/sessions").status(200);
    assert_eq!(served.events(), 2);
}

#[test]
fn all_bodies_together_have_a_bound() {
    let served = Served::with(|options| {
        options.limits.max_body_bytes = 1_000;
        options.limits.max_buffered_bytes = 1_500;
    });
    served.intake.close_gate();
    let mut first = Connection::open(served.http);
    first.request("POST", "/v1/traces", &[PROTOBUF], &[b'\n'; 1_000]);
    served.intake.wait_for(1);
    let answer = served.post("/v1/traces", &[PROTOBUF], &[b'\n'; 1_000]).status(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    served.intake.open_gate();
    assert_eq!(first.answer().unwrap().status, 200);
    served.post("/v1/traces", &[PROTOBUF], &[b'\n'; 1_000]).status(200);
}

#[test]
fn connections_have_a_bound() {
    let served = Served::with(|options| options.limits.max_connections = 2);
    let mut open: Vec<Connection> = (0..2).map(|_| Connection::open(served.http)).collect();
    for connection in &mut open {
        connection.request("GET", "/healthz", &[], b"");
        assert_eq!(connection.answer().unwrap().status, 200);
    }
    let mut one_too_many = Connection::open(served.http);
    let answer = one_too_many.answer().unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    // Those that are open go on.
    open[0].request("GET", "/healthz", &[], b"");
    assert_eq!(open[0].answer().unwrap().status, 200);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let served = Served::new();
    let long = "x".repeat(100_000);
    let mut connection = Connection::open(served.http);
    connection.request("GET", "/healthz", &[("x-long", &long)], b"");
    assert!(connection.answer().is_none_or(|answer| answer.status == 431));
    served.get("/healthz").status(200);
}

#[test]
fn one_connection_serves_many_requests() {
    let served = Served::new();
    let mut connection = Connection::open(served.http);
    for i in 0..50 {
        connection.request("POST", "/v1/logs", &[JSON], &ndjson(&[created(&format!("s-{i}"), 1)]));
        assert_eq!(connection.answer().unwrap().status, 200);
        // A refusal on the way does not end the connection.
        connection.request("POST", "/v1/logs", &[("content-type", "text/plain")], b"refused");
        assert_eq!(connection.answer().unwrap().status, 415);
    }
    assert_eq!(served.events(), 50);
}
