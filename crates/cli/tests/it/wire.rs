//! A running server, and clients of it: HTTP word for word, and gRPC.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use bytes::{Buf, BufMut};
use serde_json::Value;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::support::{Running, Store};

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// A running server, and where it listens. It ends with the test.
pub(crate) struct Up {
    running: Running,
    pub(crate) http: String,
    pub(crate) grpc: String,
}

impl Up {
    pub(crate) fn start(store: &Store) -> Self {
        Self::start_with(store, &[])
    }

    pub(crate) fn start_with(store: &Store, options: &[&str]) -> Self {
        let args = ["up", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--format", "ndjson"];
        let mut command = store.command(args.iter().chain(options));
        command.env_remove("FLIGHTREC_TOKEN").env_remove("FLIGHTREC_PRICES");
        let mut running = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name: &str| listening[name].as_str().unwrap().to_owned();
        Self { running, http: text("http").strip_prefix("http://").unwrap().to_owned(), grpc: text("grpc") }
    }

    /// The most memory that it has held so far.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&self.http).unwrap()
    }

    /// A caller of its gRPC services.
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(&self.grpc)
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.connect().ask("POST", path, headers, body).unwrap()
    }

    /// Sends spans as JSON, and gives the answer.
    #[track_caller]
    pub(crate) fn spans(&self, request: &Value) -> Value {
        let answer = self.post("/v1/traces", &[JSON], request.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The items of a list that fits on one page.
    #[track_caller]
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.connect().ask("GET", path, &[], b"").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        assert_eq!(page["next_cursor"], Value::Null, "{path}");
        page["items"].as_array().unwrap().clone()
    }

    /// Ends it at once, as the kernel does when memory runs out.
    pub(crate) fn kill(mut self) {
        self.running.0.kill().unwrap();
        self.running.0.wait().unwrap();
    }

    /// Asks it to end, and waits for that.
    #[track_caller]
    pub(crate) fn stop(self) {
        let (code, said) = self.end("-TERM");
        assert_eq!(code, Some(0), "{said}");
    }

    /// Sends a signal and waits for the end; gives the exit code and what was said.
    #[track_caller]
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.running.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut said = String::new();
        self.running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.running.0.wait().unwrap().code(), said)
    }
}

/// An answer as it was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// One connection, which many requests may share.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) fn open(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        // Head and body are written apart: neither waits until the other has arrived.
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    /// One request and its answer. A body goes in chunks if the headers say so, else in one piece.
    ///
    /// # Errors
    /// The connection was closed before the answer was there.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        // The server may answer, and close, before it has read everything.
        let sent = self.send(method, path, headers, body);
        self.answer().map_err(|error| sent.err().unwrap_or(error))
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        let in_chunks = headers.contains(&("transfer-encoding", "chunked"));
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !in_chunks {
            write!(head, "content-length: {}\r\n", body.len()).unwrap();
        }
        let stream = self.stream.get_mut();
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if !in_chunks {
            return stream.write_all(body);
        }
        for chunk in body.chunks(16_384) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {status_line:?}")))?;
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            assert!(!line.starts_with("transfer-encoding"), "answers have a length: {line}");
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// Calls gRPC services over one connection.
pub(crate) struct Caller {
    runtime: tokio::runtime::Runtime,
    grpc: Grpc<Channel>,
}

impl Caller {
    fn new(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let grpc = Grpc::new(runtime.block_on(endpoint.connect()).unwrap());
        Self { runtime, grpc }
    }

    /// Compresses what is sent from now on.
    pub(crate) fn compressing(self, compression: CompressionEncoding) -> Self {
        Self { grpc: self.grpc.send_compressed(compression), ..self }
    }

    /// Sends one request to the collector service of a signal, such as `trace`; gives the bytes of the answer.
    pub(crate) fn export(&mut self, signal: &str, body: &[u8]) -> Result<Vec<u8>, Status> {
        let service = match signal {
            "traces" => "trace.v1.TraceService",
            "logs" => "logs.v1.LogsService",
            "metrics" => "metrics.v1.MetricsService",
            other => panic!("no signal is called {other}"),
        };
        let path = format!("/opentelemetry.proto.collector.{service}/Export").parse().unwrap();
        let grpc = &mut self.grpc;
        self.runtime.block_on(async {
            grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            Ok(grpc.unary(Request::new(body.to_vec()), path, Raw).await?.into_inner())
        })
    }
}

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
