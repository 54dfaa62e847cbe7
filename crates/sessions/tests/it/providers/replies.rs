//! Replies that arrive: text, usage, ids and tool calls of every provider.

use flightrec_sessions::{Meter, ModelClient, ModelErrorKind, ModelReply, ToolRequest};

use super::dialects::{self, RESPONSE_ID, USAGE};
use super::server::{Answer, Server};
use super::{KINDS, ask, client, live, question};

fn request(id: &str, name: &str, arguments: &str) -> ToolRequest {
    ToolRequest { id: id.into(), name: name.into(), arguments: arguments.into() }
}

#[test]
fn a_streamed_reply_arrives_with_its_usage_and_its_id() {
    live(async {
        for kind in KINDS {
            let server = Server::start(vec![Answer::stream(&dialects::text(kind))]).await;
            let meter = Meter::default();
            let reply = client(kind, &server.base_url).call(question(), meter.clone()).await.unwrap();
            let expected = ModelReply {
                text: "Grüß dich 🦀".to_owned(),
                usage: Some(USAGE),
                response_id: Some(RESPONSE_ID.to_owned()),
                finish_reason: Some(dialects::stopped(kind).to_owned()),
                ..ModelReply::default()
            };
            assert_eq!(reply, expected, "{kind:?}");
            assert_eq!((meter.chunks(), meter.text_bytes()), (2, reply.text.len() as u64), "{kind:?}");
        }
    });
}

#[test]
fn a_stream_is_read_the_same_however_it_is_cut_into_pieces() {
    live(async {
        for kind in KINDS {
            let body = dialects::text(kind).concat();
            for piece_bytes in [1, 2, 3, 7, body.len()] {
                let server = Server::start(vec![Answer::until_closed(&body, piece_bytes)]).await;
                let reply = ask(&client(kind, &server.base_url)).await.unwrap();
                assert_eq!((reply.text.as_str(), reply.usage), ("Grüß dich 🦀", Some(USAGE)), "{kind:?} {piece_bytes}");
            }
        }
    });
}

#[test]
fn two_tool_calls_in_pieces_are_put_together() {
    live(async {
        for kind in KINDS {
            let server = Server::start(vec![Answer::stream(&dialects::two_calls(kind))]).await;
            let reply = ask(&client(kind, &server.base_url)).await.unwrap();
            let [first, second] = reply.tool_calls.as_slice() else { panic!("{kind:?}: {reply:?}") };
            let arguments: serde_json::Value = serde_json::from_str(&first.arguments).unwrap();
            assert_eq!((first.id.as_str(), first.name.as_str()), ("call-a", "read_file"), "{kind:?}");
            assert_eq!(arguments, serde_json::json!({"path": "a.rs"}), "{kind:?}");
            assert_eq!(*second, request("call-b", "list_directory", "{}"), "{kind:?}");
            assert_eq!((reply.text.as_str(), reply.response_id.as_deref()), ("", Some(RESPONSE_ID)), "{kind:?}");
        }
    });
}

#[test]
fn arguments_arrive_as_the_model_wrote_them_however_wrong() {
    live(async {
        for kind in KINDS {
            for written in
                ["{\"path\": ", "no json at all", "\"just text\"", "{ \"b\" : 1.0, \"a\":1e2 }", "[]", "null"]
            {
                let Some(frames) = dialects::call_with(kind, written) else { continue };
                let server = Server::start(vec![Answer::stream(&frames)]).await;
                let reply = ask(&client(kind, &server.base_url)).await.unwrap();
                assert_eq!(reply.tool_calls, [request("call-a", "read_file", written)], "{kind:?}");
            }
        }
    });
}

#[test]
fn a_reply_without_bounds_is_ended_at_its_limit() {
    live(async {
        for kind in KINDS {
            let (answer, left) = Answer::endless(&dialects::piece(kind, &"x".repeat(64 << 10)));
            let server = Server::start(vec![answer]).await;
            let meter = Meter::default();
            let failure = client(kind, &server.base_url).call(question(), meter.clone()).await.unwrap_err();
            assert_eq!(failure.kind, ModelErrorKind::BadReply, "{kind:?}: {failure}");
            assert!(failure.message.contains("4 MiB"), "{failure}");
            assert_eq!(meter.chunks(), 65, "{kind:?}");
            left.await.unwrap();
        }
    });
}

#[test]
fn several_calls_at_once_do_not_mix() {
    live(async {
        for kind in KINDS {
            let frames = [dialects::text(kind), dialects::two_calls(kind)];
            let server = Server::start(frames.iter().map(|frames| Answer::stream(frames)).collect()).await;
            let client = client(kind, &server.base_url);
            let both = futures_util::future::join(ask(&client), ask(&client)).await;
            let (one, other) = (both.0.unwrap(), both.1.unwrap());
            let texts = [one.text.len(), other.text.len()];
            let calls = [one.tool_calls.len(), other.tool_calls.len()];
            assert_eq!(texts.iter().sum::<usize>(), "Grüß dich 🦀".len(), "{kind:?}");
            assert_eq!(calls.iter().sum::<usize>(), 2, "{kind:?}");
            assert!(texts.contains(&0) && calls.contains(&0), "{kind:?}");
        }
    });
}
