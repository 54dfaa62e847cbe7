//! OTLP as it stands on the wire: protobuf and JSON, both ways.
//!
//! A request is decoded once, as a whole, into [`model`]; its metrics are only counted. Nothing here knows
//! what an attribute means. Decompression and the limit on the bytes of a request are the caller's.
//!
//! Limits: what the parts of a request take in memory ([`MAX_STRUCTURE_BYTES`]), the depth of nested values
//! (100 messages in protobuf, 128 brackets in JSON).
//!
//! ```
//! use flightrec_ingest::otlp::{self, Encoding};
//! let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
//! let request = otlp::traces(json, Encoding::sniff(json)).unwrap();
//! let protobuf = otlp::encode_traces(&request, Encoding::Protobuf);
//! assert_eq!(otlp::traces(&protobuf, Encoding::Protobuf).unwrap(), request);
//! ```

pub(crate) mod base64;
mod bounds;
mod decode;
mod encode;
mod encoding;
mod json;
mod metrics;
pub mod model;
mod wire;

pub use bounds::MAX_STRUCTURE_BYTES;
pub use decode::{DecodeError, logs, metrics_count, traces};
pub use encode::{encode_logs, encode_traces};
pub use encoding::Encoding;
