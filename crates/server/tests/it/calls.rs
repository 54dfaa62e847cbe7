//! OTLP over gRPC, with a client that others use.

use bytes::{Buf, BufMut};
use flightrec_server::{Encoding, Signal};
use serde_json::json;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::served::{Served, created, ndjson, runtime};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Messages as they are.
#[derive(Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

pub(crate) fn plain(endpoint: Endpoint) -> Endpoint {
    endpoint
}

/// Makes calls, each on a connection of its own.
pub(crate) struct Caller(tokio::runtime::Runtime);

impl Caller {
    pub(crate) fn new() -> Self {
        Self(runtime())
    }

    pub(crate) fn call(
        &self,
        served: &Served,
        path: &str,
        body: &[u8],
        endpoint: impl FnOnce(Endpoint) -> Endpoint,
        headers: &[(&'static str, &str)],
    ) -> Result<Vec<u8>, Status> {
        self.call_packed(served, path, body, None, endpoint, headers)
    }

    fn call_packed(
        &self,
        served: &Served,
        path: &str,
        body: &[u8],
        compression: Option<CompressionEncoding>,
        endpoint: impl FnOnce(Endpoint) -> Endpoint,
        headers: &[(&'static str, &str)],
    ) -> Result<Vec<u8>, Status> {
        let endpoint = endpoint(Endpoint::from_shared(format!("http://{}", served.grpc)).unwrap());
        let mut request = Request::new(body.to_vec());
        for (name, value) in headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        self.0.block_on(async {
            let mut grpc = Grpc::new(endpoint.connect().await.unwrap());
            if let Some(compression) = compression {
                grpc = grpc.send_compressed(compression);
            }
            grpc.ready().await.unwrap();
            let answer = grpc.unary(request, path.parse().unwrap(), Raw).await?;
            Ok(answer.into_inner())
        })
    }
}

#[test]
fn the_same_bytes_arrive_whatever_the_compression() {
    let served = Served::new();
    let caller = Caller::new();
    for (path, signal) in [(TRACES, Signal::Traces), (LOGS, Signal::Logs)] {
        for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
            let body = ndjson(&[created(&format!("s-{path}-{compression:?}").replace(['/', '(', ')'], "-"), 1)]);
            let answer = caller.call_packed(&served, path, &body, compression, plain, &[]);
            assert_eq!(answer.unwrap(), b"");
            assert_eq!(served.intake.seen().pop().unwrap(), (signal, Encoding::Protobuf, body));
        }
    }
    assert_eq!(served.events(), 6);
}

#[test]
fn refusals_have_their_statuses() {
    let served = Served::new();
    let caller = Caller::new();
    let call = |body: &[u8]| caller.call(&served, TRACES, body, plain, &[]).unwrap_err();
    assert_eq!(call(b"garbage").code(), Code::InvalidArgument);
    assert_eq!(call(b"garbage").message(), "not telemetry");
    assert_eq!(call(b"huge").code(), Code::ResourceExhausted);
    assert_eq!(call(b"later").code(), Code::Unavailable);
    assert_eq!(call(b"panic").code(), Code::Internal);
    let unknown = caller.call(&served, "/some.Service/Method", b"", plain, &[]).unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    // The server goes on.
    caller.call(&served, TRACES, b"", plain, &[]).unwrap();
}

#[test]
fn metrics_are_taken_and_the_answer_says_that_they_are_not_recorded() {
    let served = Served::new();
    let answer = Caller::new().call(&served, METRICS, b"points", plain, &[]).unwrap();
    assert!(answer.ends_with(b"metrics are not recorded"));
    assert_eq!(answer[..4], [0x0a, 28, 0x08, 3]);
    assert_eq!(served.events(), 0);
}

#[test]
fn what_is_too_large_is_refused_however_it_is_packed() {
    let served = Served::with(|options| options.limits.max_body_bytes = 10_000);
    let caller = Caller::new();
    for (bytes, fits) in [(10_000, true), (10_001, false), (5_000_000, false)] {
        for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
            let body = vec![b'\n'; bytes];
            let answer = caller.call_packed(&served, LOGS, &body, compression, plain, &[]);
            let code = answer.err().map(|status| status.code());
            assert_eq!(code, (!fits).then_some(Code::ResourceExhausted), "{bytes} {compression:?}");
        }
    }
    let seen = served.intake.seen();
    assert!(seen.len() == 3 && seen.iter().all(|(.., body)| body.len() == 10_000));
}

#[test]
fn a_second_delivery_adds_nothing() {
    let served = Served::new();
    let caller = Caller::new();
    let body = ndjson(&[created("s-1", 1), json!({"no": "event"})]);
    let first = caller.call(&served, TRACES, &body, plain, &[]).unwrap();
    let second = caller.call(&served, TRACES, &body, plain, &[]).unwrap();
    assert_eq!(first, second);
    assert_eq!(served.events(), 1);
}
