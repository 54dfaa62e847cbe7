//! What a host chooses, and the limits that hold where it chooses nothing.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::{Clock, SystemClock};

/// The port of OTLP/HTTP, the API and the page.
pub const DEFAULT_HTTP_PORT: u16 = 4318;
/// The port of OTLP over gRPC.
pub const DEFAULT_GRPC_PORT: u16 = 4317;
/// The most bytes of one request, as sent and as decoded.
pub const DEFAULT_MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// The most items on one page of a list.
pub const MAX_PAGE_ITEMS: usize = 1_000;
/// The most events of one request.
pub const MAX_EVENTS_PER_REQUEST: usize = 65_536;

/// What a host chooses when it starts a server.
#[derive(Clone)]
pub struct Options {
    /// Where OTLP/HTTP, the API and the page are; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where OTLP over gRPC is; port 0 takes any free one.
    pub grpc_listen: SocketAddr,
    /// What requests must show. Without one the server listens on loopback addresses alone.
    pub token: Option<String>,
    /// Names that the server answers to, beside `localhost` and its own addresses.
    pub allowed_hosts: Vec<String>,
    /// How much of everything.
    pub limits: Limits,
    /// The clock that relative times are resolved with.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("grpc_listen", &self.grpc_listen)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("allowed_hosts", &self.allowed_hosts)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        let loopback = |port| SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        Self {
            listen: loopback(DEFAULT_HTTP_PORT),
            grpc_listen: loopback(DEFAULT_GRPC_PORT),
            token: None,
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// How much of everything. What goes beyond is refused with a reason; nothing is cut short in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one request, as sent and as decoded.
    pub max_body_bytes: usize,
    /// The most bytes of all requests that are being read, decoded or recorded at the same time.
    pub max_buffered_bytes: usize,
    /// The most open connections on each port.
    pub max_connections: usize,
    /// The most requests that are worked on or wait for their turn; those that only send do not count.
    pub max_requests: usize,
    /// The most requests that record at the same time. They wait for the disk together, so many are fast.
    pub max_intakes: usize,
    /// The most questions that are answered at the same time.
    pub max_questions: usize,
    /// The most live streams.
    pub max_streams: usize,
    /// How long a client may take to send the head of a request, or rest between two requests.
    pub header_timeout: Duration,
    /// How long a client may pause while it sends a body.
    pub body_idle_timeout: Duration,
    /// How long a client may take to send a whole body.
    pub body_timeout: Duration,
    /// How long requests in flight may take to finish once the server is asked to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            max_buffered_bytes: 4 * DEFAULT_MAX_BODY_BYTES,
            max_connections: 1_024,
            max_requests: 512,
            max_intakes: 16,
            max_questions: 16,
            max_streams: 64,
            header_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_mins(2),
            grace: Duration::from_secs(10),
        }
    }
}
