//! `up`: the server, from its start to the last acknowledged event.
// tidy: no-wildcard

use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::{FlightRecorder, Options as RecorderOptions, Recorder};
use flightrec_server::telemetry::Telemetry;
use flightrec_server::{Limits, Options, ServeError, Server};
use serde::Serialize;
use tokio::sync::oneshot;

use super::Run;
use super::demo::{self, Demo};
use super::import::prices;
use super::signals::Signals;
use crate::args::UpArgs;
use crate::exit::{Exit, Failure, Outcome, chain};
use crate::output::{print_object, words};

/// How often the retention policy is carried out.
const RETENTION_PERIOD: Duration = Duration::from_hours(1);

/// Where the server listens.
#[derive(Debug, Serialize)]
pub(crate) struct Listening {
    /// OTLP/HTTP, the API and the page.
    http: String,
    /// OTLP over gRPC.
    grpc: String,
}

pub(super) fn run(run: &Run, args: &UpArgs) -> Outcome {
    let prices = prices(&args.prices)?;
    let policy = args.retention.policy();
    let recorder =
        Arc::new(run.store.recorder_with(RecorderOptions { retention: policy, ..RecorderOptions::default() })?);
    let demo = if args.demo {
        Some(Demo::new(run, &recorder, prices.clone())?)
    } else {
        demo::pick_up(run, &recorder);
        None
    };
    let telemetry = Telemetry::open(Arc::clone(&recorder), prices).map_err(|error| run.store.read_failure(&error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("flightrec-server")
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the server's threads: {error}")))?;
    let served = runtime.block_on(serve(run, options(args), Arc::clone(&recorder), Arc::new(telemetry), demo));
    // This waits for work that was cut off and is recording still.
    drop(runtime);
    if let Some(recorder) = Arc::into_inner(recorder) {
        recorder.close().map_err(|error| Failure::failed(format!("{}: {error}", run.store.path.display())))?;
    }
    served.map(|()| Exit::Done)
}

fn options(args: &UpArgs) -> Options {
    let limits = Limits { max_body_bytes: args.max_body_bytes, ..Limits::default() };
    Options {
        listen: args.listen,
        grpc_listen: args.grpc_listen,
        // An empty variable is how some set none.
        token: args.token.clone().filter(|token| !token.is_empty()),
        allowed_hosts: args.allow_host.clone(),
        limits: Limits { max_buffered_bytes: limits.max_buffered_bytes.max(4 * args.max_body_bytes), ..limits },
        ..Options::default()
    }
}

async fn serve(
    run: &Run,
    options: Options,
    recorder: Arc<Recorder>,
    telemetry: Arc<Telemetry>,
    demo: Option<Demo>,
) -> Result<(), Failure> {
    // Before anybody is told that the server is there, so that no signal is missed.
    let mut signals = Signals::new()?;
    let server_recorder = Arc::clone(&recorder);
    let server = Server::bind(options, recorder, telemetry).await.map_err(|error| start_failure(&error))?;
    announce(run, &server)?;
    let retained = enforce_retention(run, Arc::clone(&server_recorder));
    let (stop, stopped) = oneshot::channel();
    let mut cut_off = false;
    let told_twice = async {
        signals.next().await;
        run.console.note("stopping: requests in flight are finished first");
        // The receiver lives as long as the server does.
        let _told = stop.send(()).is_ok();
        signals.next().await;
        run.console.note("stopping now: requests in flight are cut off");
        cut_off = true;
    };
    let played = async {
        if let Some(demo) = &demo {
            demo.play(run).await;
        }
        // The server goes on.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = server.serve(async { drop(stopped.await) }) => {}
        () = told_twice => {}
        () = played => {}
        () = retained => {}
    }
    if let Some(demo) = demo.filter(|_| !cut_off) {
        tokio::select! {
            () = demo.stop() => {}
            // Whoever opens the store next pauses what is cut off.
            () = signals.next() => {}
        }
    }
    Ok(())
}

/// Once an hour, what the policy does not keep is forgotten. It never ends.
async fn enforce_retention(run: &Run, recorder: Arc<Recorder>) {
    while !recorder.retention().keeps_everything() {
        let recorder = Arc::clone(&recorder);
        match tokio::task::spawn_blocking(move || recorder.enforce_retention()).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(events)) => {
                let forgotten = words::counted(events, "event", "events");
                run.console.note(&format!("retention: {forgotten} forgotten"));
            }
            Ok(Err(error)) => run.console.note(&format!("retention: {error}")),
        }
        tokio::time::sleep(RETENTION_PERIOD).await;
    }
    std::future::pending::<()>().await;
}

/// Says where the server is. That nobody reads it does not stop the server.
fn announce(run: &Run, server: &Server) -> Result<(), Failure> {
    let listening =
        Listening { http: format!("http://{}", server.http_address()), grpc: server.grpc_address().to_string() };
    let told = print_object(run.console, &listening, |out| {
        let Listening { http, grpc } = &listening;
        Ok(writeln!(out, "listening on {http} (OTLP/HTTP, API, page) and {grpc} (OTLP/gRPC)")?)
    });
    match told {
        Err(Failure::OutputClosed) => Ok(()),
        other => other,
    }
}

fn start_failure(error: &ServeError) -> Failure {
    match error {
        ServeError::NeedsToken(_) | ServeError::BadToken => Failure::usage(error.to_string()),
        ServeError::Bind { .. } => Failure::failed(chain(error)),
    }
}
