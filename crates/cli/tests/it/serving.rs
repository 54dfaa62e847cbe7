//! The server as users run it: started, asked by other commands, and ended by a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::support::{Running, Store, created, finish};

/// A running server, and where it listens.
struct Up {
    running: Running,
    http: String,
    grpc: String,
}

impl Up {
    fn start(store: &Store) -> Self {
        let args = ["up", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--format", "ndjson"];
        let mut command = store.command(args);
        command.env_remove("FLIGHTREC_TOKEN").env_remove("FLIGHTREC_PRICES");
        let mut running = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| listening[name].as_str().unwrap().to_owned();
        Self { running, http: text("http").strip_prefix("http://").unwrap().to_owned(), grpc: text("grpc") }
    }

    /// Status and body of an answer.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.http,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Sends a signal and waits for the end; gives the exit code and what was said.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.running.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut said = String::new();
        self.running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.running.0.wait().unwrap().code(), said)
    }
}

fn trace(session: &str) -> Vec<u8> {
    let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat gpt-4o", "kind": 3,
        "startTimeUnixNano": "1772366400000000000", "endTimeUnixNano": "1772366401000000000",
        "attributes": [
            attribute("gen_ai.operation.name", json!({"stringValue": "chat"})),
            attribute("gen_ai.conversation.id", json!({"stringValue": session})),
            attribute("gen_ai.request.model", json!({"stringValue": "gpt-4o"})),
            attribute("gen_ai.usage.input_tokens", json!({"intValue": "100"})),
            attribute("gen_ai.usage.output_tokens", json!({"intValue": "20"})),
        ],
    });
    json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "test"}, "spans": [span]}]}]}).to_string().into_bytes()
}

#[test]
fn telemetry_is_taken_and_other_commands_read_it_meanwhile() {
    let store = Store::new();
    let up = Up::start(&store);
    assert!(TcpStream::connect(&up.grpc).is_ok());
    for _delivery in 0..2 {
        assert_eq!(up.ask("POST", "/v1/traces", &trace("conversation-1")), (200, "{}".to_owned()));
    }
    let sessions = store.list(&["sessions"]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(sessions[0]["tokens"]["total"], 120);
    let (status, page) = up.ask("GET", "/api/v1/sessions", b"");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Value>(&page).unwrap()["items"], Value::Array(sessions));
    // One writer at a time.
    store.record(&[created("s-2", 1)]).code(1);
    let (code, said) = up.end("-TERM");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopping"), "{said}");
    store.run(["verify"]).code(0);
    store.record(&[created("s-2", 1)]).code(0);
    assert_eq!(store.list(&["sessions"]).len(), 2);
}

#[test]
fn both_signals_end_it_with_success() {
    for signal in ["-INT", "-TERM"] {
        let store = Store::new();
        let up = Up::start(&store);
        up.ask("POST", "/v1/traces", &trace("conversation-1"));
        assert_eq!(up.end(signal).0, Some(0), "{signal}");
        assert_eq!(store.list(&["sessions"]).len(), 1);
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    let store = Store::new();
    let up = Up::start(&store);
    let (status, _) = up.ask("POST", "/v1/traces", &trace("conversation-1"));
    assert_eq!(status, 200);
    assert_eq!(up.end("-KILL").0, None);
    assert_eq!(store.list(&["sessions"]).len(), 1);
    store.run(["verify"]).code(0);
}

#[test]
fn it_says_why_it_does_not_start() {
    let store = Store::new();
    let up = |args: &[&str]| {
        let mut command = store.command(["up", "--grpc-listen", "127.0.0.1:0"].iter().chain(args));
        command.env_remove("FLIGHTREC_TOKEN").env_remove("FLIGHTREC_PRICES");
        finish(command, b"")
    };
    let refused = up(&["--listen", "0.0.0.0:0"]).code(2);
    assert!(refused.stderr.contains("--token") && refused.stdout.is_empty(), "{}", refused.stderr);
    up(&["--listen", "127.0.0.1:0", "--token", "two words"]).code(2);
    up(&["--listen", "nowhere"]).code(2);
    let other = Store::new();
    let running = Up::start(&other);
    let refused = up(&["--listen", &running.http]).code(1);
    assert!(
        refused.stderr.contains("cannot listen on") && refused.stderr.contains(&running.http),
        "{}",
        refused.stderr
    );
    let running = Up::start(&store);
    let refused = up(&["--listen", "127.0.0.1:0"]).code(1);
    assert!(refused.stderr.contains("another process is writing"), "{}", refused.stderr);
    drop(running);
}
