//! Requests from bytes.

use prost::Message;
use thiserror::Error;

use super::bounds::{self, Budget, MAX_STRUCTURE_BYTES, Shape};
use super::encoding::Encoding;
use super::json;
use super::metrics::MetricsRequest;
use super::model::{LogsRequest, TracesRequest};

/// Why a request could not be decoded. No text of the request is in it.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The bytes are no protobuf, or not that of this request.
    #[error(
        "the request is not the protobuf that OTLP describes; check that it is sent to the path of its signal, whole, and with the content type that it is written in"
    )]
    Protobuf(#[source] prost::DecodeError),
    /// The text is no JSON, or not that of this request.
    #[error(
        "the request is not the JSON that OTLP describes; check that it is sent to the path of its signal, whole, and with the content type that it is written in"
    )]
    Json(#[source] serde_json::Error),
    /// The request has too many parts.
    #[error(
        "the request has so many parts that they would take more than {limit_bytes} bytes of memory; send fewer spans or log records at once"
    )]
    TooLarge {
        /// The most bytes that its parts may take.
        limit_bytes: usize,
    },
}

/// Decodes a request to take spans.
///
/// ```
/// use flightrec_ingest::otlp::{self, Encoding};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat","traceId":"0af7651916cd43dd8448eb211c80319c"}]}]}]}"#;
/// let request = otlp::traces(body, Encoding::Json).unwrap();
/// let span = &request.resource_spans[0].scope_spans[0].spans[0];
/// assert_eq!((span.name.as_str(), span.trace_id[0]), ("chat", 0x0a));
/// ```
pub fn traces(bytes: &[u8], encoding: Encoding) -> Result<TracesRequest, DecodeError> {
    decode(bytes, encoding, Shape::TracesRequest, MAX_STRUCTURE_BYTES)
}

/// Decodes a request to take log records.
pub fn logs(bytes: &[u8], encoding: Encoding) -> Result<LogsRequest, DecodeError> {
    decode(bytes, encoding, Shape::LogsRequest, MAX_STRUCTURE_BYTES)
}

/// Counts the data points of a request to take metrics.
pub fn metrics_count(bytes: &[u8], encoding: Encoding) -> Result<u64, DecodeError> {
    let request: MetricsRequest = decode(bytes, encoding, Shape::MetricsRequest, MAX_STRUCTURE_BYTES)?;
    Ok(request.data_points())
}

fn decode<T>(bytes: &[u8], encoding: Encoding, shape: Shape, limit_bytes: usize) -> Result<T, DecodeError>
where
    T: Message + json::Fill,
{
    let budget = Budget::new(limit_bytes);
    match encoding {
        Encoding::Protobuf => {
            bounds::measure(bytes, shape, &budget).map_err(|bounds::Exceeded| DecodeError::TooLarge { limit_bytes })?;
            T::decode(bytes).map_err(DecodeError::Protobuf)
        }
        Encoding::Json => json::read(bytes, &budget).map_err(|error| {
            if budget.is_exceeded() { DecodeError::TooLarge { limit_bytes } } else { DecodeError::Json(error) }
        }),
    }
}
