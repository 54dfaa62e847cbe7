//! OTLP over gRPC: one message in, one message out.
//!
//! ```text
//! byte 0: 1 if the message is compressed as grpc-encoding says, else 0
//! bytes 1 to 4: the length of the message, most significant byte first; then the message
//! ```
//! All calls here are unary, so the frame is read and written by hand: the body then comes in through the
//! same doors as over HTTP, with the same limits on bytes, time and memory, and the same bytes go on.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::answer;
use crate::answer::Answer;
use crate::body::Held;
use crate::compression::{Compression, decode};
use crate::intake::{Encoding, Signal, Taken};
use crate::problem::{Kind, Problem};

/// What stands before each message.
pub(crate) const FRAME_BYTES: usize = 5;

const MEDIA_TYPE: &str = "application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

/// Reads from the headers how messages are compressed.
pub(crate) fn check(headers: &HeaderMap) -> Result<Compression, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    let subtype = media_type.strip_prefix(MEDIA_TYPE);
    if !matches!(subtype, Some("" | "+proto")) {
        return Err(Problem::new(Kind::UnsupportedForm, "this port speaks gRPC with protobuf messages"));
    }
    Compression::of(headers.get(ENCODING).map(HeaderValue::as_bytes))
}

/// The one message of a body.
pub(crate) fn content_of(
    mut body: Bytes,
    compression: Compression,
    limit: usize,
    held: &mut Held,
) -> Result<Bytes, Problem> {
    let Some((frame, _)) = body.split_first_chunk::<FRAME_BYTES>() else {
        return Err(Problem::bad("the call holds no message"));
    };
    let [flag, length @ ..] = *frame;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(Problem::too_large(limit));
    }
    let message = body.split_off(FRAME_BYTES);
    if message.len() != length {
        return Err(Problem::bad("the call holds less or more than the one message that it announces"));
    }
    match flag {
        0 => decode(message, Compression::Identity, limit, held),
        1 if compression == Compression::Identity => {
            Err(Problem::bad("the message is marked as compressed, and grpc-encoding does not say how"))
        }
        1 => decode(message, compression, limit, held),
        _ => Err(Problem::bad("the first byte of the frame is neither 0 nor 1")),
    }
}

/// The answer to a call that was taken.
pub(crate) fn taken(signal: Signal, taken: &Taken) -> Answer {
    let message = answer::success(signal, Encoding::Protobuf, taken);
    let mut frame = Vec::with_capacity(FRAME_BYTES + message.len());
    frame.push(0);
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    Answer::with_trailers(MEDIA_TYPE, frame, trailers).header(ACCEPT_ENCODING, ACCEPTED)
}

/// The answer to a call that was not taken. It has the status of HTTP too, for whoever looks no further.
pub(crate) fn refused(problem: &Problem) -> Answer {
    let mut answer = Answer::content(MEDIA_TYPE, Vec::new()).because_of(problem);
    // What is wrong with a call is told in terms of gRPC alone; what is wrong with the caller, in both.
    let of_http = matches!(problem.kind, Kind::Unauthenticated | Kind::Forbidden | Kind::Unavailable);
    if !of_http {
        answer = answer.status(hyper::StatusCode::OK);
    }
    answer
        .header(STATUS, problem.kind.grpc_status().into())
        .header(MESSAGE, percent_encoded(&problem.message))
        .header(ACCEPT_ENCODING, ACCEPTED)
}

/// A message as a header may hold it: printable ASCII without `%`, the rest as `%XX`.
fn percent_encoded(message: &str) -> HeaderValue {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _written = write!(text, "%{byte:02X}").is_ok();
        }
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Budget;

    fn frame(flag: u8, length: u32, message: &[u8]) -> Bytes {
        [&[flag][..], &length.to_be_bytes(), message].concat().into()
    }

    fn content(body: Bytes, compression: Compression) -> Result<Vec<u8>, Kind> {
        let mut held = Budget::new(usize::MAX).hold();
        content_of(body, compression, 1_000, &mut held).map(|content| content.to_vec()).map_err(|problem| problem.kind)
    }

    #[test]
    fn frames() {
        let packed = zstd::encode_all(&b"abc"[..], 1).unwrap();
        let length = packed.len() as u32;
        for (body, expected) in [
            (frame(0, 3, b"abc"), Ok(b"abc".to_vec())),
            (frame(0, 0, b""), Ok(Vec::new())),
            (frame(1, length, &packed), Ok(b"abc".to_vec())),
            (frame(0, 4, b"abc"), Err(Kind::BadRequest)),
            (frame(0, 2, b"abc"), Err(Kind::BadRequest)),
            (frame(0, u32::MAX, b"abc"), Err(Kind::TooLarge)),
            (frame(1, 3, b"abc"), Err(Kind::BadRequest)),
            (frame(2, 3, b"abc"), Err(Kind::BadRequest)),
            (Bytes::from_static(b"\0\0\0\0"), Err(Kind::BadRequest)),
            (Bytes::new(), Err(Kind::BadRequest)),
        ] {
            assert_eq!(content(body.clone(), Compression::Zstd), expected, "{body:?}");
        }
        assert_eq!(content(frame(1, length, &packed), Compression::Identity), Err(Kind::BadRequest));
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let packed = zstd::encode_all(&vec![0; 100_000][..], 1).unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(content(frame(1, packed.len() as u32, &packed), Compression::Zstd), Err(Kind::TooLarge));
    }

    #[test]
    fn a_damaged_byte_never_panics_and_a_cut_never_passes_for_whole() {
        let packed = zstd::encode_all(&b"some telemetry, and more of it"[..], 1).unwrap();
        let whole = frame(1, packed.len() as u32, &packed);
        for at in 0..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 0x41;
            let _any_answer = content(damaged.into(), Compression::Zstd);
            assert_eq!(content(whole.slice(..at), Compression::Zstd), Err(Kind::BadRequest), "{at}");
        }
    }

    #[test]
    fn messages_in_headers() {
        assert_eq!(percent_encoded("100 % \u{e4}\n"), "100 %25 %C3%A4%0A");
    }
}
