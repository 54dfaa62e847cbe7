//! The engine: a whole runtime as a state that inputs go into and events and effects come out of. It has no clock, no
//! threads and no futures, so that the same inputs always give the same record.
//!
//! ```text
//! commands, replies, results, decisions, timers ──► Engine ──► events (first), answers, effects
//! ```
//!
//! - `core`: the state, and how an event comes about; `input`: what goes in and comes out; `timers`
//! - `session`: one session and what it is doing
//! - `birth`: how sessions begin; `spawning`: how they ask for others; `announcing`: how those tell of their end
//! - `control`: how they are paused, resumed, cancelled, and end
//! - `queue`, `run`, `tooling`: a job's way through the scheduler, the model, and its tools
//! - `budget`: what was spent; `checkpoint`, `past`, `recovery`: coming back
//! - `commands`, `reading`: what a host asks for; `status`: what it sees
//!
//! What one input brings about is one group of events, and so one batch of the record: after a crash it has happened
//! as a whole or not at all.

mod announcing;
mod birth;
mod budget;
mod checkpoint;
mod commands;
mod control;
mod core;
mod input;
mod past;
mod queue;
mod reading;
mod recovery;
mod run;
mod session;
mod spawning;
mod status;
mod timers;
mod tooling;

pub(crate) use self::commands::nobody;
pub(crate) use self::core::{Cx, Engine, Setup};
pub(crate) use self::input::{CallKey, Command, Effect, Input, Outbox, Who};
pub use self::input::{ChildRequest, CommandError, Dependency, Ending, SpawnAnswer, StartError, ThreadEntry};
pub(crate) use self::spawning::SPAWN_TOOL;
pub use self::status::{Activity, SessionStatus};
pub(crate) use self::tooling::RegisteredTool;
