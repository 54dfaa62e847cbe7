//! Events as they are recorded.

use serde_json::Value;

use super::client::Connection;
use super::served::{Served, created, created_as, message, small_world};

/// A live stream.
struct Stream {
    connection: Connection,
    text: String,
}

impl Stream {
    fn open(served: &Served, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut connection = Connection::open(served.http);
        connection.request("GET", path, headers, b"");
        let head = connection.head().unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        Self { connection, text: String::new() }
    }

    /// The next event with its id; `None` once the stream has ended.
    fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let found = field("id: ")
                    .map(|id| (id.parse().unwrap(), serde_json::from_str(field("data: ").unwrap()).unwrap()));
                self.text = rest.to_owned();
                match found {
                    Some(found) => return Some(found),
                    None => continue,
                }
            }
            let chunk = self.connection.chunk().filter(|chunk| !chunk.is_empty())?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[test]
fn new_events_come_by_themselves_and_a_stream_can_be_resumed() {
    let served = Served::new();
    served.record(&[created("s-1", 1)]);
    let mut stream = Stream::open(&served, "/api/v1/stream", &[]);
    served.record(&[message("s-1", 2, 1), message("s-1", 3, 2)]);
    let first = stream.next().unwrap();
    assert_eq!((first.1["type"].as_str(), first.1["seq"].as_u64()), (Some("session.message"), Some(first.0)));
    let second = stream.next().unwrap();
    assert_eq!(second.0, first.0 + 1);
    drop(stream);
    served.record(&[message("s-1", 4, 3)]);
    for (path, headers) in [
        ("/api/v1/stream".to_owned(), vec![("last-event-id", first.0.to_string())]),
        (format!("/api/v1/stream?from_seq={}", second.0), vec![]),
        // What a client saw last is newer than what its address says.
        ("/api/v1/stream?from_seq=1".to_owned(), vec![("last-event-id", first.0.to_string())]),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut stream = Stream::open(&served, &path, &headers);
        assert_eq!(stream.next().unwrap(), second, "{path}");
        assert_eq!(stream.next().unwrap().0, second.0 + 1, "{path}");
    }
}

#[test]
fn a_stream_from_the_beginning_is_the_whole_record() {
    let served = Served::new();
    served.record(&small_world(40));
    let all = served.list("/api/v1/events");
    let mut stream = Stream::open(&served, "/api/v1/stream?from_seq=1", &[]);
    for event in all {
        assert_eq!(stream.next().unwrap().1, event);
    }
}

#[test]
fn filters_hold_for_sessions_that_come_later() {
    let served = Served::new();
    let mut by_role = Stream::open(&served, "/api/v1/stream?role=validator&kind=session.*", &[]);
    served.record(&[created("s-1", 1)]);
    served.record(&[created_as("s-2", 2, &serde_json::json!({"role": "validator"}))]);
    served.record(&[message("s-1", 3, 1), message("s-2", 4, 2)]);
    assert_eq!(by_role.next().unwrap().1["payload"]["session_id"], "s-2");
    assert_eq!(by_role.next().unwrap().1["type"], "session.message");
    let mut of_session = Stream::open(&served, "/api/v1/stream?session=s-1", &[]);
    served.record(&[message("s-2", 5, 3), message("s-1", 6, 4)]);
    assert_eq!(of_session.next().unwrap().1["model_session_id"], "s-1");
}

#[test]
fn streams_that_make_no_sense_are_refused_before_they_begin() {
    let served = Served::with(|options| options.limits.max_streams = 1);
    served.get("/api/v1/stream?session=nobody").status(404);
    served.get("/api/v1/stream?kind=nothing").status(400);
    super::client::ask(served.http, "GET", "/api/v1/stream", &[("last-event-id", "x")], b"").status(400);
    let _one = Stream::open(&served, "/api/v1/stream", &[]);
    served.get("/api/v1/stream").status(503);
    served.get("/api/v1/sessions").status(200);
}

#[test]
fn a_stream_ends_with_the_server() {
    let mut served = Served::new();
    let mut stream = Stream::open(&served, "/api/v1/stream", &[]);
    served.record(&[created("s-1", 1)]);
    assert!(stream.next().is_some());
    served.stop();
    assert!(stream.next().is_none());
    served.wait();
}
