//! A store of objects on a loopback port: as much of the S3 protocol as a push speaks, and faults on demand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use sha2::{Digest, Sha256};

/// The one bucket.
pub(crate) const BUCKET: &str = "lake";

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is answered with this status.
    Status(u16),
    /// It is never answered.
    Hang,
    /// It waits until there are no rules any more.
    Hold,
    /// The connection ends before it is taken.
    Cut,
    /// The connection ends in the middle of its answer.
    CutAnswer,
    /// Half of what is put is kept, and the answer says that all is well.
    KeepHalf,
    /// One byte of what is read is another one.
    Lie,
}

/// Which requests go wrong.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// How its line begins, such as `PUT` or `GET`.
    pub(crate) method: &'static str,
    /// What its object or query contains.
    pub(crate) part: &'static str,
    /// How many of these pass before.
    pub(crate) passes: usize,
    /// How often it happens.
    pub(crate) times: usize,
    pub(crate) fault: Fault,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    sha256: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<u64, BTreeMap<u64, Vec<u8>>>,
    next_upload: u64,
    rules: Vec<Rule>,
    /// Method and object or query of every request, in order.
    log: Vec<String>,
    hanging: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The server. Its threads end with the process.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
}

struct Request {
    method: String,
    key: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// A HEAD has a length and no bytes.
    is_head: bool,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let bucket = Self { endpoint, shared: Arc::default() };
        let server = bucket.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = server.clone();
                // A client that is killed breaks its connection off, which is no matter of the server's.
                thread::spawn(move || server.serve(&stream.unwrap()).unwrap_or_default());
            }
        });
        bucket
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_rules(&self, rules: &[Rule]) {
        self.state().rules = rules.to_vec();
        self.shared.changed.notify_all();
    }

    pub(crate) fn objects(&self) -> BTreeMap<String, Object> {
        self.state().objects.clone()
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        self.state().objects.insert(key.to_owned(), Object { bytes: bytes.to_vec(), sha256: None });
    }

    pub(crate) fn remove(&self, key: &str) {
        self.state().objects.remove(key).unwrap();
    }

    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// Waits until a request hangs or is held.
    pub(crate) fn wait_for_hanging(&self) {
        let mut state = self.state();
        while state.hanging == 0 {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.hanging = 0;
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        while let Some((line, headers)) = head(&mut reader)? {
            let mut words = line.split(' ');
            let method = words.next().unwrap().to_owned();
            let target = decoded(words.next().unwrap());
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let key = path.trim_start_matches('/').strip_prefix(BUCKET).map(|key| key.trim_start_matches('/'));
            let fault = self.fault(&method, &target);
            if fault == Some(Fault::Cut) {
                return Ok(());
            }
            let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            if matches!(fault, Some(Fault::Hang | Fault::Hold)) {
                self.state().hanging += 1;
                self.shared.changed.notify_all();
            }
            if fault == Some(Fault::Hold) {
                let held = |state: &mut State| !state.rules.is_empty();
                drop(self.shared.changed.wait_while(self.state(), held).unwrap_or_else(PoisonError::into_inner));
            }
            if fault == Some(Fault::Hang) {
                // Until the client gives up.
                let _gone = reader.read(&mut [0]);
                return Ok(());
            }
            let answer = match (fault, key) {
                (Some(Fault::Status(status)), _) => Answer::error(status, "Fault"),
                (_, Some(key)) => {
                    let request = Request { method, key: key.to_owned(), query: query.to_owned(), headers, body };
                    self.answer(request, fault)
                }
                (_, None) => Answer::error(404, "NoSuchBucket"),
            };
            let cut = fault == Some(Fault::CutAnswer);
            answer.write(&mut writer, cut)?;
            if cut {
                return Ok(());
            }
        }
        Ok(())
    }

    fn fault(&self, method: &str, target: &str) -> Option<Fault> {
        let mut state = self.state();
        state.log.push(format!("{method} {target}"));
        for rule in &mut state.rules {
            if !method.starts_with(rule.method) || !target.contains(rule.part) || rule.times == 0 {
                continue;
            }
            if rule.passes > 0 {
                rule.passes -= 1;
                continue;
            }
            rule.times -= 1;
            return Some(rule.fault);
        }
        None
    }

    fn answer(&self, request: Request, fault: Option<Fault>) -> Answer {
        let Request { method, key, query, headers, body } = request;
        let mut state = self.state();
        let upload = value(&query, "uploadId").map(|id| id.parse::<u64>().unwrap());
        match (&*method, upload) {
            ("PUT", Some(id)) => {
                let number = value(&query, "partNumber").unwrap().parse().unwrap();
                state.uploads.get_mut(&id).unwrap().insert(number, body);
                Answer::ok(Vec::new()).with("etag", format!("\"{number}\""))
            }
            ("PUT", None) => {
                // As a real one does: what does not have its checksum is not taken.
                let sum = headers.get("x-amz-content-sha256").cloned();
                if sum.is_some_and(|sum| sum != digest(&body)) {
                    return Answer::error(400, "BadDigest");
                }
                state.keep(key, body, headers.get("x-amz-meta-sha256").cloned(), fault);
                Answer::ok(Vec::new()).with("etag", "\"1\"".to_owned())
            }
            ("POST", None) if query.starts_with("uploads") => {
                state.next_upload += 1;
                let id = state.next_upload;
                state.uploads.insert(id, BTreeMap::new());
                let digest = headers.get("x-amz-meta-sha256").cloned();
                // It has no name before it is complete, so the digest waits under one that nobody asks for.
                state.objects.insert(format!("\0{id}"), Object { bytes: Vec::new(), sha256: digest });
                Answer::xml(&format!(
                    "<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ))
            }
            ("POST", Some(id)) => {
                let parts = state.uploads.remove(&id).unwrap();
                let digest = state.objects.remove(&format!("\0{id}")).unwrap().sha256;
                state.keep(key, parts.into_values().flatten().collect(), digest, fault);
                Answer::xml("<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>")
            }
            ("POST", None) if query.starts_with("delete") => {
                let text = String::from_utf8(body).unwrap();
                let keys: Vec<&str> =
                    text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap()).collect();
                let mut told = String::from("<DeleteResult>");
                for key in keys {
                    state.objects.remove(key);
                    told.extend(["<Deleted><Key>", key, "</Key></Deleted>"]);
                }
                Answer::xml(&(told + "</DeleteResult>"))
            }
            ("DELETE", Some(id)) => {
                state.uploads.remove(&id);
                state.objects.remove(&format!("\0{id}"));
                Answer::error(204, "")
            }
            ("GET", None) if query.contains("list-type=2") => state.list(&value(&query, "prefix").unwrap()),
            ("GET" | "HEAD", None) => match state.objects.get(&key) {
                None => Answer::error(404, "NoSuchKey"),
                Some(object) => {
                    let mut bytes = object.bytes.clone();
                    if let (Some(Fault::Lie), Some(byte)) = (fault, bytes.last_mut()) {
                        *byte ^= 1;
                    }
                    let mut answer = Answer::ok(bytes).with("etag", "\"1\"".to_owned());
                    answer.headers.extend(object.sha256.clone().map(|sha256| ("x-amz-meta-sha256", sha256)));
                    answer.is_head = method == "HEAD";
                    answer.with("last-modified", "Sun, 01 Mar 2026 12:00:00 GMT".to_owned())
                }
            },
            other => panic!("{other:?} {key} {query}"),
        }
    }
}

impl State {
    fn keep(&mut self, key: String, mut bytes: Vec<u8>, sha256: Option<String>, fault: Option<Fault>) {
        if fault == Some(Fault::KeepHalf) {
            bytes.truncate(bytes.len() / 2);
        }
        self.objects.insert(key, Object { bytes, sha256 });
    }

    fn list(&self, prefix: &str) -> Answer {
        let mut told = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
        for (key, object) in self.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let size = object.bytes.len().to_string();
            told.extend(["<Contents><Key>", key, "</Key><Size>", &size, "</Size>"]);
            told += "<LastModified>2026-03-01T12:00:00.000Z</LastModified><ETag>\"1\"</ETag></Contents>";
        }
        Answer::xml(&(told + "</ListBucketResult>"))
    }
}

impl Answer {
    fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, headers: Vec::new(), body, is_head: false }
    }

    fn xml(body: &str) -> Self {
        Self::ok(body.as_bytes().to_vec())
    }

    fn error(status: u16, code: &str) -> Self {
        let body = if status == 204 { String::new() } else { format!("<Error><Code>{code}</Code></Error>") };
        Self { status, headers: Vec::new(), body: body.into_bytes(), is_head: false }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn write(self, stream: &mut &TcpStream, cut: bool) -> std::io::Result<()> {
        let mut bytes = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", self.status, self.body.len()).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(b"\r\n");
        if !self.is_head {
            bytes.extend(&self.body);
        }
        let len = if cut { bytes.len() / 2 } else { bytes.len() };
        stream.write_all(&bytes[..len])
    }
}

/// The first line of a request and its headers; `None` at the end of the connection.
fn head(reader: &mut impl BufRead) -> std::io::Result<Option<(String, BTreeMap<String, String>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(Some((line, headers)))
}

fn value(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        plain += &part[2..];
    }
    plain
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
