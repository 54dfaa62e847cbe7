//! What goes wrong: answers that are errors, streams that break, servers that are silent or talk nonsense.

use std::time::Duration;

use flightrec_sessions::{Meter, ModelClient, ModelErrorKind, ProviderKind};
use tokio::net::TcpListener;

use super::dialects::{self, RESPONSE_ID};
use super::server::{Answer, Server};
use super::{KINDS, ask, client, live, question};

#[test]
fn a_limit_says_how_long_to_wait_in_every_form() {
    live(async {
        for kind in KINDS {
            for (headers, expected_ms) in [
                ("retry-after: 7\r\n", Some(7000)),
                ("retry-after-ms: 250\r\nretry-after: 1\r\n", Some(250)),
                ("date: Sun, 01 Mar 2026 12:00:00 GMT\r\nretry-after: Sun, 01 Mar 2026 12:00:09 GMT\r\n", Some(9000)),
                ("", None),
            ] {
                let body = dialects::refusal(kind, "slow down");
                let server = Server::start(vec![Answer::of("429 Too Many Requests", headers, &body)]).await;
                let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
                assert_eq!(failure.kind, ModelErrorKind::RateLimited, "{kind:?}");
                assert_eq!(failure.retry_after, expected_ms.map(Duration::from_millis), "{kind:?} {headers}");
                assert_eq!(failure.message, "HTTP 429: slow down", "{kind:?}");
            }
        }
        let body = r#"{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [{"retryDelay": "37s"}]}}"#;
        let server = Server::start(vec![Answer::of("429 Too Many Requests", "", body)]).await;
        let failure = ask(&client(ProviderKind::Gemini, &server.base_url)).await.unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(37)));
    });
}

#[test]
fn an_answer_that_is_an_error_says_whether_to_try_again() {
    use ModelErrorKind::{Refused, Unauthorized, Unavailable, UnknownModel};
    live(async {
        for kind in KINDS {
            for (status, expected) in [
                ("400 Bad Request", Refused),
                ("401 Unauthorized", Unauthorized),
                ("404 Not Found", UnknownModel),
                ("500 Internal Server Error", Unavailable),
                ("529 Overloaded", Unavailable),
            ] {
                let server = Server::start(vec![Answer::of(status, "", &dialects::refusal(kind, "told why"))]).await;
                let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
                assert_eq!(failure.kind, expected, "{kind:?} {status}");
                assert!(failure.message.contains("told why"), "{failure}");
            }
            let server =
                Server::start(vec![Answer::of("502 Bad Gateway", "retry-after: 3\r\n", "<html>\u{1b}[31m")]).await;
            let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
            assert_eq!((failure.kind, failure.message.as_str()), (Unavailable, "HTTP 502: <html> [31m"));
            assert_eq!(failure.retry_after, Some(Duration::from_secs(3)));
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    live(async {
        for kind in KINDS {
            let elsewhere = Server::start(vec![Answer::stream(&dialects::text(kind))]).await;
            let location = format!("location: {}/\r\n", elsewhere.base_url);
            let server = Server::start(vec![Answer::of("307 Temporary Redirect", &location, "")]).await;
            let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
            assert_eq!(failure.kind, ModelErrorKind::Refused, "{kind:?}");
            assert!(failure.message.contains("base_url"), "{failure}");
            assert_eq!(elsewhere.requests().len(), 0);
        }
    });
}

#[test]
fn the_key_is_in_no_failure_even_if_the_provider_repeats_it() {
    live(async {
        for kind in KINDS {
            let body = dialects::refusal(kind, "wrong key: sk-very-secret!");
            let server = Server::start(vec![Answer::of("401 Unauthorized", "", &body)]).await;
            let client = client(kind, &server.base_url);
            let failure = ask(&client).await.unwrap_err();
            assert_eq!(failure.message, "HTTP 401: wrong key: [the API key]!");
            assert!(!format!("{failure:?} {client:?}").contains("very-secret"), "{kind:?}");
        }
    });
}

#[test]
fn where_nobody_listens_there_is_no_connection() {
    live(async {
        for kind in KINDS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
            drop(listener);
            let failure = ask(&client(kind, &base_url)).await.unwrap_err();
            assert_eq!(failure.kind, ModelErrorKind::Connection, "{kind:?}");
            assert!(failure.message.contains("refused"), "{failure}");
        }
    });
}

#[test]
fn a_connection_that_ends_before_the_reply_is_no_broken_stream() {
    live(async {
        for kind in KINDS {
            for answer in [Answer::cut(&[]), Answer::stream(&[]), Answer::until_closed("", 1)] {
                let server = Server::start(vec![answer]).await;
                let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
                assert_eq!(failure.kind, ModelErrorKind::Connection, "{kind:?}: {failure}");
            }
        }
    });
}

#[test]
fn a_stream_that_breaks_off_is_never_a_short_success() {
    live(async {
        for kind in KINDS {
            let whole = dialects::text(kind);
            for frames in 1..whole.len() {
                let server = Server::start(vec![Answer::cut(&whole[..frames])]).await;
                let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
                assert_eq!(failure.kind, ModelErrorKind::StreamBroken, "{kind:?} {frames}: {failure}");
                assert_eq!(failure.response_id.as_deref(), Some(RESPONSE_ID), "{kind:?} {frames}");
            }
        }
    });
}

#[test]
fn a_stream_that_ends_without_its_end_marker_is_broken_at_every_byte() {
    live(async {
        for kind in KINDS {
            let whole = dialects::text(kind).concat();
            let first = dialects::text(kind)[0].len();
            // The end is told by the last frame; what follows its data is only the blank line.
            let told = whole.trim_end().len();
            for bytes in (first..told).filter(|at| whole.is_char_boundary(*at)) {
                let server = Server::start(vec![Answer::until_closed(&whole[..bytes], whole.len())]).await;
                match ask(&client(kind, &server.base_url)).await {
                    Ok(reply) => panic!("{kind:?}: {bytes} of {told} bytes gave {reply:?}"),
                    Err(failure) => {
                        let kind_of_failure = failure.kind;
                        assert_eq!(kind_of_failure, ModelErrorKind::StreamBroken, "{kind:?} {bytes}: {failure}");
                    }
                }
            }
        }
    });
}

#[test]
fn what_a_broken_reply_used_is_told_as_far_as_it_was() {
    live(async {
        for kind in [ProviderKind::Anthropic, ProviderKind::Gemini] {
            let whole = dialects::text(kind);
            let server = Server::start(vec![Answer::cut(&whole[..1])]).await;
            let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
            assert_eq!(failure.usage.map(|usage| usage.prompt_tokens), Some(120), "{kind:?}");
        }
    });
}

#[test]
fn an_error_within_the_stream_is_no_reply() {
    live(async {
        for kind in KINDS {
            let mut frames = dialects::text(kind);
            frames.insert(1, dialects::overloaded(kind));
            let server = Server::start(vec![Answer::stream(&frames)]).await;
            let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
            assert_eq!(failure.kind, ModelErrorKind::Unavailable, "{kind:?}: {failure}");
            assert!(failure.message.contains("too much to do"), "{failure}");
        }
    });
}

#[test]
fn nonsense_is_a_bad_reply() {
    live(async {
        for kind in KINDS {
            let first = dialects::text(kind).remove(0);
            let anthropic_event = "event: content_block_delta\ndata: {nonsense}\n\n".to_owned();
            let junk =
                if kind == ProviderKind::Anthropic { anthropic_event } else { "data: {nonsense}\n\n".to_owned() };
            for answer in [
                Answer::stream(&[first, junk]),
                Answer::of("200 OK", "content-type: text/html\r\n", "<html>\n\n<body>Welcome\n\n"),
                Answer::of("200 OK", "content-type: application/json\r\n", "{\"choices\": []}"),
                Answer::of("200 OK", "content-type: text/event-stream\r\n", "\u{1f980} \n\n\r\r\n"),
            ] {
                let server = Server::start(vec![answer]).await;
                let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
                assert_eq!(failure.kind, ModelErrorKind::BadReply, "{kind:?}: {failure}");
            }
        }
    });
}

#[test]
fn a_whole_reply_that_says_nothing_is_a_bad_one() {
    live(async {
        for (kind, frames) in [
            (ProviderKind::OpenAi, vec!["data: {\"id\": \"r\"}\n\n".to_owned(), "data: [DONE]\n\n".to_owned()]),
            (ProviderKind::Anthropic, vec!["event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n".to_owned()]),
        ] {
            let server = Server::start(vec![Answer::stream(&frames)]).await;
            let failure = ask(&client(kind, &server.base_url)).await.unwrap_err();
            assert_eq!(failure.kind, ModelErrorKind::BadReply, "{kind:?}: {failure}");
        }
    });
}

#[test]
fn dropping_a_call_ends_its_request() {
    live(async {
        for kind in KINDS {
            let (silent, silent_left) = Answer::silence();
            let (hanging, hanging_left) = Answer::hang(&[dialects::text(kind)[0].clone(), dialects::piece(kind, "x")]);
            for (answer, left, awaits_text) in [(silent, silent_left, false), (hanging, hanging_left, true)] {
                let server = Server::start(vec![answer]).await;
                let meter = Meter::default();
                let mut call = client(kind, &server.base_url).call(question(), meter.clone());
                let arrived = async {
                    while server.requests().is_empty() || (awaits_text && meter.chunks() == 0) {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    outcome = &mut call => panic!("{kind:?}: {outcome:?}"),
                    () = arrived => {}
                }
                drop(call);
                left.await.unwrap();
            }
        }
    });
}
