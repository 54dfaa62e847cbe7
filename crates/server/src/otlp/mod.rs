//! OTLP at the edge: which form a request has, and answers in the same form.
//!
//! - `answer`: the few messages that a receiver sends, as protobuf and as JSON
//! - `http`: content types and encodings of OTLP/HTTP
//! - `grpc`: the frame around a message, and statuses
//!
//! What requests mean is decided behind [`crate::Intake`]; here they are bytes.

mod answer;
mod grpc;
mod http;

pub(crate) use grpc::{FRAME_BYTES, check as grpc_check};
pub(crate) use grpc::{content_of as grpc_content, refused as grpc_refused, taken as grpc_taken};
pub(crate) use http::{Form, refused as http_refused, taken as http_taken};
