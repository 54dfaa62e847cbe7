//! A process dies with a session at work; the next one finds it PAUSED, and goes on with it.
//!
//! ```text
//! cargo run -p flightrec-sessions --example after_a_crash
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::events::{Backend, Id, Timestamp};
use flightrec_recorder::journal::DiskStorage;
use flightrec_recorder::{Options, SteppedRecorder};
use flightrec_sessions::{
    Driver, ModelRoute, Runtime, RuntimeError, Script, ScriptedClient, Scripts, SeededIds, SessionSpec, SimulatedTime,
    Step, SteppedRecord, Time,
};
use futures_util::future::{join, select};

/// A process: a runtime on the store in a directory. Time is simulated, so that nobody waits.
fn process(dir: &Path, time: &SimulatedTime, seed: u64) -> Result<(Runtime, Driver), Box<dyn Error>> {
    let options = Options { clock: Arc::new(time.clone()), ..Options::default() };
    let recorder = SteppedRecorder::open(Arc::new(DiskStorage::new(dir)), &options)?;
    let script = Script::of([Step::say("Once upon a time.").taking(Duration::from_secs(1), Duration::from_mins(1))]);
    let client = ScriptedClient::new(Arc::new(time.clone()), Scripts::new().with("teller", script));
    let route = ModelRoute {
        model_id: Id::new("script-1")?,
        provider: Id::new("scripted")?,
        backend: Backend::Local,
        client: Arc::new(client),
        price: None,
    };
    let builder = Runtime::builder().ids(Arc::new(SeededIds::new(seed))).model(Id::new("small")?, route);
    let driven: Result<_, RuntimeError> = builder.drive(Box::new(SteppedRecord::new(recorder)), Arc::new(time.clone()));
    Ok(driven?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let time = SimulatedTime::new(Timestamp::parse_text("2026-05-01T12:00:00Z")?);

    // The first process dies in the middle of the story: its future is dropped, and nothing is tidied up.
    {
        let (runtime, driver) = process(dir.path(), &time, 1)?;
        let spec = SessionSpec {
            prompt: Some("Tell me a story.".into()),
            ..SessionSpec::new(Id::new("teller")?, Id::new("small")?)
        };
        let body = Box::pin(async {
            let session = runtime.session(spec).await;
            time.sleep_until(Timestamp::parse_text("2026-05-01T12:00:30Z").unwrap_or_default()).await;
            session.is_ok()
        });
        time.run(select(body, Box::pin(driver.run())));
    }

    // The second one finds the session, and an operator lets it go on.
    let (runtime, driver) = process(dir.path(), &time, 2)?;
    let recovered = runtime.recovered().to_vec();
    for status in runtime.sessions() {
        println!("{} {} ({})", status.session_id, status.state, status.reason);
    }
    assert_eq!(recovered.len(), 1);
    let session = runtime.handle(recovered[0].clone());
    let operator = Id::new("ada")?;
    let body = async {
        session.resume(operator).await?;
        let ending = session.ended().await;
        drop((runtime, session));
        ending
    };
    let (_, ending) = time.run(join(driver.run(), body)).ok_or("something waits for ever")?;
    let ending = ending?;
    println!("{}: {}", ending.state, ending.output);
    assert_eq!(&*ending.output, "Once upon a time.");
    Ok(())
}
