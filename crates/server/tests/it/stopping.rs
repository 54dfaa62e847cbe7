//! The end of a server, and of what it records into.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flightrec_recorder::journal::{Access, DiskStorage, LockGuard, Storage, StorageFile};
use flightrec_recorder::{Options, Recorder};

use super::calls::{Caller, plain};
use super::client::Connection;
use super::served::{JSON, PROTOBUF, Served, created, message, ndjson, small_world};

#[test]
fn requests_in_flight_are_finished_and_nothing_is_lost() {
    let mut served = Served::new();
    served.intake.close_gate();
    let mut in_flight = Connection::open(served.http);
    in_flight.request("POST", "/v1/traces", &[PROTOBUF], &ndjson(&[created("s-1", 1)]));
    served.intake.wait_for(1);
    let mut idle = Connection::open(served.http);
    idle.request("GET", "/healthz", &[], b"");
    assert_eq!(idle.answer().unwrap().status, 200);
    served.stop();
    // A connection without a request ends at once, and nobody new is let in.
    assert!(idle.answer().is_none());
    while let Ok(stream) = TcpStream::connect(served.http) {
        drop(stream);
    }
    served.intake.open_gate();
    let answer = in_flight.answer().unwrap();
    assert_eq!(answer.status, 200);
    assert!(in_flight.answer().is_none());
    served.wait();
    assert_eq!(served.events(), 1);
}

#[test]
fn who_does_not_finish_in_time_is_cut_off() {
    let mut served = Served::with(|options| options.limits.grace = Duration::from_millis(50));
    let mut slow = Connection::open(served.http);
    slow.request("POST", "/v1/traces", &[PROTOBUF, ("content-length", "10")], b"a");
    served.get("/healthz").status(200);
    served.stop();
    served.wait();
    assert!(slow.answer().is_none());
    assert!(served.intake.seen().is_empty());
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let keep = tempfile::tempdir().unwrap();
    let mut served = Served::over(keep, Recorder::open(&path).unwrap(), |_| {});
    served.record(&small_world(3));
    let before = served.list("/api/v1/events");
    served.stop();
    served.wait();
    drop(served);
    let again = Served::over(dir, Recorder::open(&path).unwrap(), |_| {});
    assert_eq!(again.list("/api/v1/events")[..before.len()], before);
}

/// A disk whose syncs fail from a certain moment on.
#[derive(Debug)]
struct Failing {
    disk: DiskStorage,
    fails: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn StorageFile>,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn file(&self, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(FailingFile { file, fails: Arc::clone(&self.fails) })
    }
}

impl Storage for Failing {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn create(&self, path: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.disk.create(path).map(|file| self.file(file))
    }
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        self.disk.open(path, access).map(|file| self.file(file))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.disk.lock(path)
    }
}

impl StorageFile for FailingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            Err(io::Error::other("the disk is on fire"))
        } else {
            self.file.sync_data()
        }
    }
}

#[test]
fn a_recorder_that_stopped_is_told_on_every_door_and_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let storage = Failing { disk: DiskStorage::new(dir.path().join("store")), fails: Arc::clone(&fails) };
    let recorder = Recorder::open_storage(Arc::new(storage), Options::default()).unwrap();
    let served = Served::over(dir, recorder, |_| {});
    served.record(&small_world(2));
    let before = served.list("/api/v1/sessions");
    fails.store(true, Ordering::SeqCst);
    let body = ndjson(&[message("s-1", 500, 77)]);
    for _attempt in 0..2 {
        let answer = served.post("/v1/traces", &[JSON], &body).status(503);
        assert!(answer.header("retry-after").is_some());
        let answer = served.post("/api/v1/events", &[JSON], &serde_json::to_vec(&[message("s-1", 501, 78)]).unwrap());
        let (code, message) = answer.status(503).error();
        assert!(code == "unavailable" && !message.contains("fire"), "{message}");
        let status = Caller::new()
            .call(&served, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", &body, plain, &[])
            .unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }
    assert_eq!(served.get("/readyz").status(503).error().0, "unavailable");
    served.get("/healthz").status(200);
    assert!(served.get("/metrics").status(200).text().contains("flightrec_ready 0\n"));
    assert_eq!(served.list("/api/v1/sessions"), before);
}
