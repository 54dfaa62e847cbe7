//! What was answered with success is in the record, whenever the server is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use flightrec_ingest::otlp::{self, Encoding};
use serde_json::{Value, json};

use super::support::Store;
use super::wire::{Caller, Connection, JSON, PROTOBUF, Up};

const ROUNDS: u64 = 50;
const SENDERS: u64 = 4;
/// How many new requests each sender has in a round.
const REQUESTS: u64 = 4;
const SPANS: u64 = 3;
/// Input tokens of the one model call of a request.
const TOKENS: u64 = 7;

/// A trace and a span of it, as text.
type SpanIds = (String, String);

/// A request of three spans that no other request has.
#[derive(Debug, Clone)]
struct Request {
    body: Vec<u8>,
    spans: Vec<SpanIds>,
}

impl Request {
    fn new(round: u64, sender: u64, number: u64) -> Self {
        let trace = format!("{:08x}{:08x}{:016x}", round + 1, sender + 1, number + 1);
        let span = |nth: u64| format!("{round:04x}{sender:04x}{number:04x}{nth:04x}");
        let start = 1_772_366_400_000_000_000 + (round * 1_000 + number) * 1_000_000;
        let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
        let described = |nth: u64, operation: &str, name: &str| {
            json!({
                "traceId": trace, "spanId": span(nth), "parentSpanId": if nth == 1 { String::new() } else { span(1) },
                "name": format!("{operation} {name}"), "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + 500_000).to_string(),
                "attributes": [
                    attribute("gen_ai.operation.name", json!({"stringValue": operation})),
                    attribute("gen_ai.conversation.id", json!({"stringValue": session(sender)})),
                    attribute("gen_ai.request.model", json!({"stringValue": "gpt-4o"})),
                    attribute("gen_ai.usage.input_tokens", json!({"intValue": TOKENS.to_string()})),
                    attribute("gen_ai.input.messages", json!({"stringValue": json!([
                        {"role": "user", "parts": [{"type": "text", "content": format!("question {trace}")}]},
                    ]).to_string()})),
                ],
            })
        };
        // The child comes before its parent, as exporters send them.
        let spans =
            [described(3, "execute_tool", "search"), described(2, "chat", "gpt-4o"), described(1, "invoke_agent", "a")];
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
        Self { body: body.to_string().into_bytes(), spans: (1..=SPANS).map(|nth| (trace.clone(), span(nth))).collect() }
    }

    fn as_protobuf(&self) -> Vec<u8> {
        otlp::encode_traces(&otlp::traces(&self.body, Encoding::Json).unwrap(), Encoding::Protobuf)
    }
}

fn session(sender: u64) -> String {
    format!("sender-{sender}")
}

/// A sender's own connection, and the form that it sends in.
enum Line {
    Json(Connection),
    Protobuf(Connection),
    Grpc(Box<Caller>),
}

impl Line {
    fn open(up: &Up, sender: u64) -> Self {
        match sender {
            0 => Line::Grpc(Box::new(up.caller())),
            1 => Line::Protobuf(up.connect()),
            _ => Line::Json(up.connect()),
        }
    }

    /// Whether the request was acknowledged. Without an answer nobody knows what became of it.
    fn send(&mut self, request: &Request) -> bool {
        let answer = match self {
            Line::Json(connection) => connection.ask("POST", "/v1/traces", &[JSON], &request.body),
            Line::Protobuf(connection) => connection.ask("POST", "/v1/traces", &[PROTOBUF], &request.as_protobuf()),
            Line::Grpc(caller) => return caller.export("traces", &request.as_protobuf()).is_ok(),
        };
        answer.is_ok_and(|answer| {
            assert_eq!(answer.status, 200, "{}", answer.text());
            true
        })
    }
}

/// Sends everything at once, each sender in its own order, and kills the server as soon as so many requests
/// were acknowledged. Gives those that were, and what of each sender was not.
fn send_and_kill(up: Up, queues: Vec<Vec<Request>>, after: usize) -> (Vec<Request>, Vec<Vec<Request>>) {
    let mut lines: Vec<Line> = (0..SENDERS).map(|sender| Line::open(&up, sender)).collect();
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let sending: Vec<_> = lines
            .iter_mut()
            .zip(queues)
            .map(|(line, queue)| {
                let tell = tell.clone();
                scope.spawn(move || {
                    let mut queue = queue.into_iter();
                    let mut left = Vec::new();
                    for request in queue.by_ref() {
                        if line.send(&request) {
                            tell.send(request).unwrap();
                        } else {
                            left.push(request);
                            break;
                        }
                    }
                    left.extend(queue);
                    left
                })
            })
            .collect();
        drop(tell);
        let mut acknowledged: Vec<Request> = told.iter().take(after).collect();
        up.kill();
        let left = sending.into_iter().map(|sender| sender.join().unwrap()).collect();
        // Answers that were under way when it was killed are acknowledgements, too.
        acknowledged.extend(told.iter());
        (acknowledged, left)
    })
}

/// How often each span was recorded.
fn recorded(store: &Store) -> BTreeMap<SpanIds, usize> {
    let mut recorded = BTreeMap::new();
    for event in store.run(["events", "--kind", "span.opened", "--format", "ndjson"]).code(0).lines() {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        *recorded.entry((text("trace_id"), text("activity_span_id"))).or_default() += 1;
    }
    recorded
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let store = Store::new();
    let mut sent: BTreeSet<SpanIds> = BTreeSet::new();
    let mut acknowledged: BTreeSet<SpanIds> = BTreeSet::new();
    let mut left: Vec<Vec<Request>> = vec![Vec::new(); SENDERS as usize];
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        // What was not answered is sent again: it may be in the record already.
        for (sender, queue) in (0..SENDERS).zip(&mut left) {
            queue.extend((0..REQUESTS).map(|number| Request::new(round, sender, number)));
        }
        sent.extend(left.iter().flatten().flat_map(|request| request.spans.clone()));
        let waiting = left.iter().map(Vec::len).sum();
        let in_the_middle = round % 2 == 1;
        let after = if in_the_middle { 1 + (round % 13) as usize } else { waiting };
        let (answered, unanswered) = send_and_kill(Up::start(&store), left, after);
        assert_eq!(answered.len() + unanswered.iter().map(Vec::len).sum::<usize>(), waiting);
        assert!(in_the_middle || answered.len() == waiting, "round {round}: {unanswered:?}");
        acknowledged.extend(answered.into_iter().flat_map(|request| request.spans));
        left = unanswered;
        cut_off += left.iter().map(Vec::len).sum::<usize>();

        let recorded = recorded(&store);
        for ids in &acknowledged {
            assert!(recorded.contains_key(ids), "round {round}: {ids:?} was acknowledged and is lost");
        }
        for (ids, times) in &recorded {
            assert_eq!(*times, 1, "round {round}: {ids:?}");
            assert!(sent.contains(ids), "round {round}: {ids:?} was never sent");
        }
    }
    assert!(cut_off > 0, "no round was cut off in the middle");

    let up = Up::start(&store);
    for (sender, queue) in (0..SENDERS).zip(&left) {
        let mut line = Line::open(&up, sender);
        assert!(queue.iter().all(|request| line.send(request)));
    }
    up.stop();
    assert_eq!(recorded(&store).into_keys().collect::<BTreeSet<_>>(), sent);
    let text = |span: &Value, name: &str| span[name].as_str().unwrap().to_owned();
    let spans = store.list(&["spans"]);
    assert!(spans.iter().all(|span| span["status"] == "ok"));
    let listed: Vec<SpanIds> = spans.iter().map(|span| (text(span, "trace_id"), text(span, "span_id"))).collect();
    assert_eq!(listed.len(), sent.len());
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), sent);

    let sessions = store.list(&["sessions"]);
    assert_eq!(sessions.len() as u64, SENDERS);
    for session in &sessions {
        let requests = ROUNDS * REQUESTS;
        assert_eq!(session["tokens"]["input"], requests * TOKENS, "{session}");
        assert_eq!(
            (&session["spans"], &session["messages"]),
            (&json!(requests * SPANS), &json!(requests)),
            "{session}"
        );
        assert_eq!(session["findings"], json!([]), "{session}");
    }
    let verified = store.run(["verify", "--format", "json"]).code(0).json();
    assert_eq!((&verified["ok"], &verified["projections"]), (&json!(true), &json!("match")), "{verified}");
}
