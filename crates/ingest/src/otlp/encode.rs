//! Requests as bytes.

use prost::Message;
use serde::Serialize;

use super::encoding::Encoding;
use super::model::{LogsRequest, TracesRequest};

/// The request in this encoding; its JSON is canonical.
///
/// ```
/// use flightrec_ingest::otlp::{self, Encoding, model::TracesRequest};
/// let request = TracesRequest::default();
/// assert_eq!(otlp::encode_traces(&request, Encoding::Json), b"{}");
/// assert_eq!(otlp::encode_traces(&request, Encoding::Protobuf), b"");
/// ```
pub fn encode_traces(request: &TracesRequest, encoding: Encoding) -> Vec<u8> {
    encode(request, encoding)
}

/// The request in this encoding; its JSON is canonical.
pub fn encode_logs(request: &LogsRequest, encoding: Encoding) -> Vec<u8> {
    encode(request, encoding)
}

fn encode<T: Message + Serialize>(request: &T, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => request.encode_to_vec(),
        Encoding::Json => {
            serde_json::to_vec(request).expect("its keys are texts and nothing in it refuses to be written")
        }
    }
}
