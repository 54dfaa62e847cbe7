//! From a checked plan to a runtime and its sessions.
//!
//! [`Launch::prepare`] looks at what a plan needs of the machine: the keys of its providers, its workspace, its prompt
//! files. All that is missing is told at once, before anything starts. [`Launch::builder`] is a runtime with the
//! plan's models, tools and limits; [`Launch::start`] starts the planned sessions in it, in their order.
//!
//! What this is not: it touches neither files nor the environment itself, [`Surroundings`] does; and it neither waits
//! for sessions nor ends them.
//!
//! Limits: a prompt file of [`MAX_PROMPT_BYTES`].
//!
//! ```
//! use std::sync::Arc;
//! use flightrec_recorder::Recorder;
//! use flightrec_sessions::events::FinalState;
//! use flightrec_sessions::{Launch, LiveTime, Plan, Surroundings};
//! let plan = Plan::parse(r#"
//! plan = { name = "hello" }
//! providers.stage.kind = "scripted"
//! models.small.provider = "stage"
//! roles.greeter.model = "small"
//! sessions = [{ name = "hello", role = "greeter", prompt = "Greet me." }]
//! scripts.greeter.steps = [{ text = "Good morning.", duration_ms = 1 }]
//! "#)?;
//! let surroundings = Surroundings {
//!     time: Arc::new(LiveTime::new()),
//!     directory: ".".into(),
//!     variable: &|_| None,
//!     read: &|_| Err(std::io::ErrorKind::NotFound.into()),
//! };
//! let launch = Launch::prepare(&plan, &surroundings)?;
//!
//! let directory = tempfile::tempdir()?;
//! let recorder = Arc::new(Recorder::open(directory.path())?);
//! let runtime = launch.builder()?.start(recorder)?;
//! let executor = tokio::runtime::Builder::new_current_thread().build()?;
//! let ending = executor.block_on(async {
//!     let started = launch.start(&runtime).await.unwrap();
//!     let ending = started[0].session.as_ref().unwrap().ended().await.unwrap();
//!     runtime.shutdown().await.unwrap();
//!     ending
//! });
//! assert_eq!((ending.state, &*ending.output), (FinalState::Completed, "Good morning."));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod prepare;
mod problems;
mod routes;
mod start;

pub use prepare::{Launch, MAX_PROMPT_BYTES, Surroundings};
pub use problems::{LaunchErrors, LaunchProblem};
pub use start::Started;
