//! The few messages that a receiver sends.
//!
//! ```text
//! Export…ServiceResponse { partial_success = 1 }
//! Export…PartialSuccess  { rejected_… = 1 (int64), error_message = 2 }
//! google.rpc.Status      { code = 1 (int32), message = 2 }
//! ```

use serde_json::{Value, json};

use crate::intake::{Encoding, Signal, Taken};
use crate::problem::Problem;

const VARINT: u8 = 0;
const BYTES: u8 = 2;

/// The answer to a request that was taken. It is empty if there is nothing to say.
pub(super) fn success(signal: Signal, encoding: Encoding, taken: &Taken) -> Vec<u8> {
    let message = taken.message.as_deref().unwrap_or("");
    let is_full = taken.refused == 0 && message.is_empty();
    match encoding {
        Encoding::Protobuf if is_full => Vec::new(),
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            put_number(&mut partial, 1, taken.refused);
            put_bytes(&mut partial, 2, message.as_bytes());
            let mut answer = Vec::new();
            put_field(&mut answer, 1, BYTES);
            put_varint(&mut answer, partial.len() as u64);
            answer.extend(partial);
            answer
        }
        Encoding::Json if is_full => b"{}".to_vec(),
        Encoding::Json => {
            let refused = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            // 64 bits are a string in protobuf's JSON.
            json!({"partialSuccess": {refused: taken.refused.to_string(), "errorMessage": message}})
                .to_string()
                .into_bytes()
        }
    }
}

/// The answer to a request that was not taken.
pub(super) fn failure(encoding: Encoding, problem: &Problem) -> Vec<u8> {
    let code = problem.kind.grpc_status();
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            put_number(&mut status, 1, code as u64);
            put_bytes(&mut status, 2, problem.message.as_bytes());
            status
        }
        Encoding::Json => {
            let status: Value = json!({"code": code, "message": problem.message});
            status.to_string().into_bytes()
        }
    }
}

fn put_field(out: &mut Vec<u8>, number: u8, wire_type: u8) {
    out.push(number << 3 | wire_type);
}

/// A number; 0 is what an absent one means.
fn put_number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        put_field(out, field, VARINT);
        put_varint(out, value);
    }
}

fn put_bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    if !value.is_empty() {
        put_field(out, field, BYTES);
        put_varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    #[test]
    fn full_success_says_nothing() {
        let taken = Taken { taken: 5, ..Taken::default() };
        for signal in Signal::ALL {
            assert_eq!(success(signal, Encoding::Protobuf, &taken), b"");
            assert_eq!(success(signal, Encoding::Json, &taken), b"{}");
        }
    }

    #[test]
    fn partial_success_names_what_was_refused() {
        let taken = Taken { taken: 5, refused: 300, message: Some("no".to_owned()) };
        // partial_success: 7 bytes; rejected_spans: 300; error_message: 2 bytes.
        assert_eq!(
            success(Signal::Traces, Encoding::Protobuf, &taken),
            [0x0a, 7, 0x08, 0xac, 0x02, 0x12, 2, b'n', b'o']
        );
        for (signal, field) in [
            (Signal::Traces, "rejectedSpans"),
            (Signal::Logs, "rejectedLogRecords"),
            (Signal::Metrics, "rejectedDataPoints"),
        ] {
            let answer: Value = serde_json::from_slice(&success(signal, Encoding::Json, &taken)).unwrap();
            assert_eq!(answer, json!({"partialSuccess": {field: "300", "errorMessage": "no"}}));
        }
    }

    #[test]
    fn a_word_to_the_sender_is_no_refusal() {
        let taken = Taken { taken: 1, refused: 0, message: Some("m".to_owned()) };
        assert_eq!(success(Signal::Logs, Encoding::Protobuf, &taken), [0x0a, 3, 0x12, 1, b'm']);
    }

    #[test]
    fn failures_are_a_status() {
        let problem = Problem::new(Kind::TooLarge, "big");
        assert_eq!(failure(Encoding::Protobuf, &problem), [0x08, 8, 0x12, 3, b'b', b'i', b'g']);
        let status: Value = serde_json::from_slice(&failure(Encoding::Json, &problem)).unwrap();
        assert_eq!(status, json!({"code": 8, "message": "big"}));
    }
}
