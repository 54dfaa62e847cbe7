//! A server that answers as a test says, byte by byte.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What one connection is answered.
pub(super) struct Answer {
    pieces: Vec<Vec<u8>>,
    end: End,
}

enum End {
    /// The connection is closed.
    Close,
    /// Nothing more comes; the server tells when the client has left.
    Hang(oneshot::Sender<()>),
    /// The same piece comes again and again until the client leaves.
    Repeat(Vec<u8>, oneshot::Sender<()>),
}

impl Answer {
    /// An answer of a status, with its headers as they stand, and a body.
    pub(super) fn of(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n");
        Self { pieces: vec![head.into_bytes(), body.as_bytes().to_vec()], end: End::Close }
    }

    /// The whole of a stream, each frame a chunk, and the end of the body.
    pub(super) fn stream(frames: &[String]) -> Self {
        let mut answer = Self::cut(frames);
        answer.pieces.push(b"0\r\n\r\n".to_vec());
        answer
    }

    /// A stream whose connection is closed in the middle of its body.
    pub(super) fn cut(frames: &[String]) -> Self {
        let mut pieces = vec![head("transfer-encoding: chunked\r\n")];
        pieces.extend(frames.iter().map(|frame| chunk(frame.as_bytes())));
        Self { pieces, end: End::Close }
    }

    /// A stream that is as long as the connection lives, sent in pieces of this many bytes.
    pub(super) fn until_closed(body: &str, piece_bytes: usize) -> Self {
        let mut pieces = vec![head("connection: close\r\n")];
        pieces.extend(body.as_bytes().chunks(piece_bytes).map(<[u8]>::to_vec));
        Self { pieces, end: End::Close }
    }

    /// These frames, then nothing; the receiver hears when the client has left.
    pub(super) fn hang(frames: &[String]) -> (Self, oneshot::Receiver<()>) {
        let (left, heard) = oneshot::channel();
        (Self { end: End::Hang(left), ..Self::cut(frames) }, heard)
    }

    /// Not even a head.
    pub(super) fn silence() -> (Self, oneshot::Receiver<()>) {
        let (left, heard) = oneshot::channel();
        (Self { pieces: Vec::new(), end: End::Hang(left) }, heard)
    }

    /// One frame without end.
    pub(super) fn endless(frame: &str) -> (Self, oneshot::Receiver<()>) {
        let (left, heard) = oneshot::channel();
        (Self { end: End::Repeat(chunk(frame.as_bytes()), left), ..Self::cut(&[]) }, heard)
    }
}

fn head(framing: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{framing}\r\n").into_bytes()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What a client sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    head: String,
    pub(super) body: Value,
}

impl Request {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A server on a port of its own; each connection gets the next answer.
pub(super) struct Server {
    pub(super) base_url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { base_url, requests }
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, seen: Arc<Mutex<Vec<Request>>>) {
    let request = read(&mut stream).await;
    seen.lock().unwrap().push(request);
    for piece in &answer.pieces {
        if stream.write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    match answer.end {
        End::Close => {}
        End::Hang(left) => {
            let mut rest = [0];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            let _ = left.send(());
        }
        End::Repeat(piece, left) => {
            while stream.write_all(&piece).await.is_ok() {}
            let _ = left.send(());
        }
    }
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "a whole head");
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let mut request = Request { path, head, body: Value::Null };
    let length: usize = request.header("content-length").unwrap().parse().unwrap();
    while bytes.len() < head_end + length {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "a whole body");
    }
    request.body = serde_json::from_slice(&bytes[head_end..]).unwrap();
    request
}
