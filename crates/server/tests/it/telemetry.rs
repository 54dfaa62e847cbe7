//! OTLP over HTTP: forms, answers, refusals.

use std::io::Write as _;

use flightrec_server::{Encoding, Signal};
use serde_json::json;

use super::client::ask;
use super::served::{JSON, PROTOBUF, Served, created, ndjson};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

#[test]
fn the_same_bytes_arrive_whatever_the_form() {
    let served = Served::new();
    let mut expected = Vec::new();
    for (path, signal) in [("/v1/traces", Signal::Traces), ("/v1/logs", Signal::Logs)] {
        for (content_type, encoding) in [(PROTOBUF, Encoding::Protobuf), (JSON, Encoding::Json)] {
            for packing in [None, Some("gzip"), Some("zstd"), Some("identity")] {
                let content = ndjson(&[created(&format!("s-{}", expected.len()), 1)]);
                let mut headers = vec![content_type];
                headers.extend(packing.map(|packing| ("content-encoding", packing)));
                let body = match packing {
                    Some("gzip") => gzip(&content),
                    Some("zstd") => zstd(&content),
                    _ => content.clone(),
                };
                let answer = served.post(path, &headers, &body).status(200);
                assert_eq!(answer.header("content-type"), Some(content_type.1));
                assert_eq!(answer.body, if encoding == Encoding::Json { &b"{}"[..] } else { b"" });
                expected.push((signal, encoding, content));
            }
        }
    }
    assert_eq!(served.intake.seen(), expected);
    assert_eq!(served.events(), expected.len());
}

#[test]
fn forms_that_nobody_agreed_on_are_refused() {
    let served = Served::new();
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        for headers in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "multipart/form-data")],
            &[PROTOBUF, ("content-encoding", "br")],
            &[PROTOBUF, ("content-encoding", "gzip, gzip")],
        ] {
            assert_eq!(served.post(path, headers, b"x").status, 415, "{path} {headers:?}");
        }
        let answer = served.get(path).status(405);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    assert!(served.intake.seen().is_empty());
}

#[test]
fn refusals_say_whether_to_send_it_again() {
    let served = Served::new();
    for (body, status, code, retry_after) in
        [("garbage", 400, 3, None), ("huge", 413, 8, None), ("later", 503, 14, Some("7")), ("panic", 500, 13, None)]
    {
        let answer = served.post("/v1/traces", &[JSON], body.as_bytes()).status(status);
        assert_eq!(answer.json()["code"], json!(code));
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
        assert_eq!(answer.header("retry-after"), retry_after);
        let answer = served.post("/v1/traces", &[PROTOBUF], body.as_bytes()).status(status);
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(answer.body[..3], [0x08, code, 0x12]);
    }
    served.post("/v1/traces", &[JSON], b"").status(200);
}

#[test]
fn one_bad_item_of_many_is_named_and_the_others_are_kept() {
    let served = Served::new();
    let body = ndjson(&[created("s-1", 1), json!({"no": "event"}), created("s-2", 1)]);
    for _delivery in 0..2 {
        let answer = served.post("/v1/traces", &[JSON], &body).status(200).json();
        assert_eq!(answer, json!({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "1 are no events"}}));
        assert_eq!(served.events(), 2);
    }
    let metrics = served.get("/metrics").status(200).text();
    assert!(metrics.contains("flightrec_otlp_items_taken_total{signal=\"traces\"} 4\n"), "{metrics}");
    assert!(metrics.contains("flightrec_otlp_items_refused_total{signal=\"traces\"} 2\n"));
    assert!(metrics.contains("flightrec_http_requests_total{method=\"POST\",route=\"/v1/traces\",status=\"200\"} 2\n"));
}

#[test]
fn metrics_are_taken_and_the_answer_says_that_they_are_not_recorded() {
    let served = Served::new();
    let answer = served.post("/v1/metrics", &[JSON], b"points").status(200).json();
    assert_eq!(
        answer,
        json!({"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "metrics are not recorded"}})
    );
    assert_eq!(served.events(), 0);
}

#[test]
fn what_is_answered_is_durable() {
    let served = Served::new();
    let last = served.recorder.reader().last_seq().unwrap_or(0);
    served.post("/v1/logs", &[PROTOBUF], &ndjson(&[created("s-1", 1)])).status(200);
    assert_eq!(served.recorder.reader().last_seq(), Some(last + 1));
}

#[test]
fn bombs_end_at_the_limit() {
    let served = Served::with(|options| options.limits.max_body_bytes = 1_000_000);
    let content = vec![b'\n'; 300_000_000];
    for (packing, body) in [("gzip", gzip(&content)), ("zstd", zstd(&content))] {
        assert!(body.len() < 1_000_000, "{}", body.len());
        for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
            let answer = served.post(path, &[PROTOBUF, ("content-encoding", packing)], &body);
            assert_eq!(answer.status, 413, "{path} {packing}");
        }
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", packing)];
        assert_eq!(served.post("/api/v1/events", &headers, &body).status, 413);
        assert_eq!(served.post("/api/v1/artifacts", &headers[1..], &body).status, 413);
    }
    // A bomb within a bomb is compressed content, and no more.
    let nested = gzip(&gzip(&vec![b'\n'; 900_000]));
    served.post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], &nested).status(200);
    assert_eq!(served.intake.seen().len(), 1);
}

#[test]
fn packed_bodies_that_are_damaged_are_refused() {
    let served = Served::new();
    let content = ndjson(&[created("s-1", 1)]);
    for (packing, body) in [("gzip", gzip(&content)), ("zstd", zstd(&content))] {
        for body in [&body[..body.len() - 1], &body[..10], b"not packed", b""] {
            let headers = [PROTOBUF, ("content-encoding", packing)];
            let answer = ask(served.http, "POST", "/v1/traces", &headers, body);
            assert_eq!(answer.status, 400, "{packing} {}", body.len());
        }
    }
    assert_eq!(served.events(), 0);
}
