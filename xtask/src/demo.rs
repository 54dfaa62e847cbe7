//! `cargo xtask demo`: the main job. A server takes what real agents once sent, runs a plan of its own, and shows the
//! sessions of both.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::options::Options;
use crate::otel_python::addresses;
use crate::process::{Job, Running, Stopwatch};
use crate::workspace::Workspace;

/// Requests as agent frameworks sent them, a directory for each framework.
const CAPTURES: &str = "test-data/captures";

/// What is asked of the store while the server has it open.
const QUESTIONS: &[(&str, &[&str])] = &[
    ("the sessions at work now, and those that wait", &["sessions", "--state", "active,blocked"]),
    ("the sessions that cost most", &["sessions", "--sort", "cost", "--limit", "8"]),
    ("who spawned whom in one of them", &["tree", "01a20217-1ca6"]),
    ("what each model cost", &["cost", "--by", "model"]),
    ("read everything again and check it", &["verify"]),
];

/// Builds in release, starts `flightrec up --demo` on a fresh store, sends it the captures, asks, and leaves the page
/// open.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let once = options.switch("--once");
    options.finish()?;
    let watch = Stopwatch::start();
    workspace.cargo("build").args(["--release", "--package", "flightrec-cli", "--bin", "flightrec"]).run()?;

    let store = workspace.target().join("demo-store");
    if store.exists() {
        fs::remove_dir_all(&store).map_err(|source| Error::File { action: "remove", path: store.clone(), source })?;
    }
    let program = workspace.target().join("release").join(format!("flightrec{}", std::env::consts::EXE_SUFFIX));
    let flightrec = || {
        Job::new(&program.to_string_lossy(), workspace.root())
            .args([OsString::from("--data"), store.clone().into_os_string()])
    };
    println!("\n# take OTLP over HTTP and gRPC, serve the API and the page, run a plan\n$ flightrec up --demo");
    let ports: &[&str] = if once { &["--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"] } else { &[] };
    let mut server = flightrec().args(["up", "--demo", "--format", "ndjson"]).args(ports).start()?;
    let (http, grpc) = addresses(&server.first_line()?)?;
    let address = http.trim_start_matches("http://").to_owned();

    println!("\n# what thirteen agent frameworks once sent, sent again");
    for capture in sorted(&workspace.root().join(CAPTURES))? {
        let requests = replay(&capture, &address)?;
        println!("{:>4} requests  {}", requests, capture.file_name().unwrap_or_default().to_string_lossy());
    }
    wait_for_live_session(&address)?;
    for (tells, arguments) in QUESTIONS {
        println!("\n# {tells}\n$ flightrec {}", arguments.join(" "));
        flightrec().args(*arguments).run()?;
    }
    let page = exchange(&address, &format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"), b"")?;
    if !page.contains("<title>Flight Recorder</title>") {
        return Err(Error::Check(format!("the page at {http}/ is not what it should be")));
    }
    println!("\nready after {:.0} s; the store is {}", watch.elapsed().as_secs_f64(), store.display());
    if once { server.stop() } else { stay(server, &http, &grpc) }
}

/// Waits until the API shows a session of the plan at work.
fn wait_for_live_session(address: &str) -> Result<(), Error> {
    let path = "/api/v1/sessions?state=ACTIVE";
    loop {
        let answer =
            exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"), b"")?;
        if !answer.starts_with("HTTP/1.1 200") {
            let line = answer.lines().next().unwrap_or_default();
            return Err(Error::Check(format!("{path} was answered with {line}")));
        }
        if answer.contains("\"source\":\"native\"") {
            return Ok(());
        }
    }
}

/// Leaves the server to the user, who ends it with Ctrl-C.
fn stay(mut server: Running, http: &str, grpc: &str) -> Result<(), Error> {
    println!("open {http}/ in a browser; Ctrl-C ends it. To see your own agents there:\n");
    println!("  export OTEL_EXPORTER_OTLP_ENDPOINT={http} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
    println!("  export OTEL_EXPORTER_OTLP_ENDPOINT=http://{grpc} OTEL_EXPORTER_OTLP_PROTOCOL=grpc   # or so");
    server.wait()
}

/// Sends every request of a capture as it was sent; gives how many there were.
fn replay(capture: &Path, address: &str) -> Result<usize, Error> {
    let mut requests = 0;
    for path in sorted(capture)?.iter().filter(|path| path.extension().is_some_and(|end| end == "bin")) {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
        };
        let body = read(path)?;
        let told: Value = serde_json::from_slice(&read(&path.with_extension("headers.json"))?).unwrap_or_default();
        let header = |name: &str| told["headers"][name].as_str().unwrap_or_default();
        let packed = match header("content-encoding") {
            "" => String::new(),
            encoding => format!("content-encoding: {encoding}\r\n"),
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {}\r\n{packed}content-length: {}\r\n\r\n",
            told["path"].as_str().unwrap_or_default(),
            header("content-type"),
            body.len()
        );
        let answer = exchange(address, &head, &body)?;
        if !answer.starts_with("HTTP/1.1 200") {
            let line = answer.lines().next().unwrap_or_default();
            return Err(Error::Check(format!("{} was answered with {line}", path.display())));
        }
        requests += 1;
    }
    Ok(requests)
}

/// One request on a connection of its own, and the whole answer.
fn exchange(address: &str, head: &str, body: &[u8]) -> Result<String, Error> {
    let talk = || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    talk().map_err(|source: std::io::Error| Error::File { action: "talk to", path: address.into(), source })
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let cannot = |source| Error::File { action: "list", path: directory.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    Ok(paths)
}
