//! Sockets: listening, connections, and the end of both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flightrec_recorder::Recorder;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::error::ServeError;
use crate::front;
use crate::gate::Gate;
use crate::intake::Intake;
use crate::options::Options;
use crate::routes::Port;

/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What a peer may send on one stream, and on all streams of a connection, before it is read.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// The most calls at once on one connection.
const MAX_CALLS_PER_CONNECTION: u32 = 128;
/// How often a silent gRPC peer is asked whether it is still there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_mins(1);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to rest when no connection can be accepted, for want of file descriptors for example.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// What a connection beyond the bound gets.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A server that is bound to its addresses and serves as soon as it is told to.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    stop: watch::Sender<bool>,
    doors: Vec<Door>,
}

/// One address that is listened on.
#[derive(Debug)]
struct Door {
    port: Port,
    address: SocketAddr,
    listener: TcpListener,
    gate: Arc<Gate>,
}

impl Server {
    /// Takes the addresses. From then on clients may connect; they are answered once [`Server::serve`] runs.
    ///
    /// # Errors
    /// [`ServeError::NeedsToken`] if an address can be reached from elsewhere and no token is set,
    /// [`ServeError::Bind`] if an address cannot be had.
    pub async fn bind(options: Options, recorder: Arc<Recorder>, intake: Arc<dyn Intake>) -> Result<Self, ServeError> {
        let token = options.token.as_deref();
        if token.is_some_and(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ServeError::BadToken);
        }
        let mut doors = Vec::new();
        for (port, wanted) in [(Port::Http, options.listen), (Port::Grpc, options.grpc_listen)] {
            if !wanted.ip().is_loopback() && token.is_none() {
                return Err(ServeError::NeedsToken(wanted));
            }
            let cannot = |source| ServeError::Bind { address: wanted, source };
            let listener = TcpListener::bind(wanted).await.map_err(cannot)?;
            let address = listener.local_addr().map_err(cannot)?;
            let gate = Arc::new(Gate::new(address, &options.allowed_hosts, token));
            doors.push(Door { port, address, listener, gate });
        }
        let (stop, stopping) = watch::channel(false);
        Ok(Self { app: Arc::new(App::new(recorder, intake, options, stopping)), stop, doors })
    }

    /// Where OTLP/HTTP, the API and the page are.
    pub fn http_address(&self) -> SocketAddr {
        self.address(Port::Http)
    }

    /// Where OTLP over gRPC is.
    pub fn grpc_address(&self) -> SocketAddr {
        self.address(Port::Grpc)
    }

    fn address(&self, port: Port) -> SocketAddr {
        let door = self.doors.iter().find(|door| door.port == port);
        door.expect("every port has a door since the server was bound").address
    }

    /// Serves until `shutdown` is there. Then nothing new is accepted, requests in flight are finished for
    /// as long as [`Limits::grace`](crate::Limits::grace) allows, and live streams end.
    ///
    /// When this returns no request is answered any more. What was answered as recorded is durable; work on
    /// a request that was cut off may still go on in the runtime, which waits for it when it is dropped.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { app, stop, doors } = self;
        let mut listening = JoinSet::new();
        for door in doors {
            listening.spawn(listen(Arc::clone(&app), door));
        }
        shutdown.await;
        stop.send_replace(true);
        while listening.join_next().await.is_some() {}
    }
}

/// Accepts connections until the server stops, then waits for those that are open.
async fn listen(app: Arc<App>, door: Door) {
    let Door { port, listener, gate, address: _ } = door;
    let mut stopping = app.stopping.clone();
    let free = Arc::new(Semaphore::new(app.options.limits.max_connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_REST).await;
            continue;
        };
        // A socket that cannot be set so is slower, and serves all the same.
        let _set = stream.set_nodelay(true).is_ok();
        let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
            connections.spawn(turn_away(port, stream));
            continue;
        };
        let (app, gate) = (Arc::clone(&app), Arc::clone(&gate));
        connections.spawn(async move {
            let _held_until_closed = place;
            match port {
                Port::Http => converse(&app, &gate, stream).await,
                Port::Grpc => converse_grpc(&app, &gate, stream).await,
            }
        });
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off as the set is dropped.
    let _in_time = timeout(app.options.limits.grace, finished).await.is_ok();
}

async fn turn_away(port: Port, mut stream: TcpStream) {
    if port == Port::Http {
        let told = async { stream.write_all(FULL).await.is_ok() && stream.shutdown().await.is_ok() };
        let _told = timeout(ACCEPT_REST, told).await.is_ok();
    }
}

/// One connection of HTTP/1.1.
async fn converse(app: &Arc<App>, gate: &Arc<Gate>, stream: TcpStream) {
    let _counted = app.metrics.connected(Port::Http);
    let service = service_fn(|request| async {
        let answer = front::serve(app, gate, Port::Http, request).await;
        Ok::<_, Infallible>(answer)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(app.options.limits.header_timeout);
    http.max_header_size(MAX_HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopping = app.stopping.clone();
    tokio::select! {
        // How a connection ends is its client's business; what was answered as recorded is.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = connection.await.is_ok();
}

/// One connection of HTTP/2, as gRPC speaks it.
async fn converse_grpc(app: &Arc<App>, gate: &Arc<Gate>, stream: TcpStream) {
    let _counted = app.metrics.connected(Port::Grpc);
    let has_asked = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| {
        has_asked.store(true, Ordering::Relaxed);
        let (app, gate) = (Arc::clone(app), Arc::clone(gate));
        async move { Ok::<_, Infallible>(front::serve(&app, &gate, Port::Grpc, request).await) }
    });
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
    http.max_concurrent_streams(MAX_CALLS_PER_CONNECTION).max_header_list_size(MAX_HEAD_BYTES as u32);
    http.initial_stream_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopping = app.stopping.clone();
    let mut silence = pin!(sleep(app.options.limits.header_timeout));
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stop| *stop) => break,
            () = silence.as_mut(), if !silence.is_elapsed() => {
                if !has_asked.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ended = connection.await.is_ok();
}
