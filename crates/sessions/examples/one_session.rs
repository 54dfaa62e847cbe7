//! One session with a scripted model and a real tool: started, watched, and read back from the record.
//!
//! ```text
//! cargo run -p flightrec-sessions --example one_session
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use flightrec_recorder::Recorder;
use flightrec_recorder::events::{Backend, Id};
use flightrec_sessions::{
    LiveTime, ModelRoute, Price, Runtime, Script, ScriptedClient, Scripts, SessionSpec, Step, Workspace,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let recorder = Arc::new(Recorder::open(dir.path().join("record"))?);

    // A model that plays a script: it looks into a directory, and then answers.
    let script = Script::of([
        Step::call("list_directory", serde_json::json!({ "path": "." })),
        Step::say("There is one file: notes.txt.").taking(Duration::from_millis(50), Duration::from_millis(200)),
    ]);
    let client = ScriptedClient::new(Arc::new(LiveTime::new()), Scripts::new().with("librarian", script));
    let route = ModelRoute {
        model_id: Id::new("script-1")?,
        provider: Id::new("scripted")?,
        backend: Backend::Local,
        client: Arc::new(client),
        // A dollar per million tokens read, four per million written.
        price: Some(Price { input_nanos: 1_000_000_000, output_nanos: 4_000_000_000, ..Price::default() }),
    };

    // A tool that sees one directory and nothing else.
    std::fs::create_dir(dir.path().join("desk"))?;
    std::fs::write(dir.path().join("desk/notes.txt"), "buy milk")?;
    let workspace = Workspace::open(dir.path().join("desk"), ["cat"])?;
    let mut builder = Runtime::builder().model(Id::new("small")?, route);
    for tool in workspace.tools() {
        builder = builder.tool(tool)?;
    }
    let runtime = builder.start(Arc::clone(&recorder))?;

    let session = runtime
        .session(SessionSpec {
            prompt: Some("What is on the desk?".into()),
            tools: vec![Id::new("list_directory")?],
            capabilities: [Id::new("fs.list")?].into(),
            ..SessionSpec::new(Id::new("librarian")?, Id::new("small")?)
        })
        .await?;
    let ending = session.ended().await?;
    println!("{}: {}", ending.state, ending.output);
    runtime.shutdown().await?;

    // Everything that happened is on record, and found by the session's id.
    let told = recorder.reader().session(session.id().as_str())?;
    for step in &told.states {
        println!("{} {} ({})", step.timestamp, step.to_state, step.reason);
    }
    println!("{} spans, {} tokens, {} nano-dollars", told.spans.len(), ending.tokens, told.session.cost.own_nanos);
    assert_eq!((told.session.model_runs, told.session.tool_calls), (2, 1));
    Ok(())
}
