//! The server as users run it: started, asked by other commands, and ended by a signal.

use std::net::TcpStream;

use serde_json::{Value, json};

use super::support::{Store, created, finish};
use super::wire::{JSON, Up};

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
        let answer = up.post("/v1/traces", &[JSON], &trace("conversation-1"));
        assert_eq!((answer.status, answer.text()), (200, "{}".to_owned()));
    }
    let sessions = store.list(&["sessions"]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(sessions[0]["tokens"]["total"], 120);
    assert_eq!(up.list("/api/v1/sessions"), sessions);
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
        up.post("/v1/traces", &[JSON], &trace("conversation-1"));
        assert_eq!(up.end(signal).0, Some(0), "{signal}");
        assert_eq!(store.list(&["sessions"]).len(), 1);
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    let store = Store::new();
    let up = Up::start(&store);
    assert_eq!(up.post("/v1/traces", &[JSON], &trace("conversation-1")).status, 200);
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
