//! The session runtime: many model sessions at once, every step on record.
//!
//! Limits: see [`Limits`].

mod approval;
mod board;
mod driver;
mod engine;
mod launch;
mod limits;
mod message;
mod model;
pub mod plan;
mod price;
#[cfg(feature = "providers")]
mod providers;
mod record;
mod runtime;
mod scheduler;
mod scripted;
mod seeded;
mod spec;
mod time;
mod tool;
mod tools;
mod words;

pub use flightrec_events as events;

pub use approval::{ApprovalRequest, Approvals, Decision, RefuseAll};
pub use driver::Driver;
pub use engine::{
    Activity, ChildRequest, CommandError, Dependency, Ending, SessionStatus, SpawnAnswer, StartError, ThreadEntry,
};
pub use launch::{Launch, LaunchErrors, LaunchProblem, MAX_PROMPT_BYTES, Started, Surroundings};
pub use limits::{LaneWeights, Limits, RateBudget, Rates};
pub use message::{Source, ToolRequest, Turn};
pub use model::{BoxFuture, Meter, ModelCall, ModelClient, ModelError, ModelErrorKind, ModelReply, ModelRoute, Usage};
pub use plan::{Plan, PlanErrors};
pub use price::{Price, PriceList, Priced};
#[cfg(feature = "providers")]
pub use providers::{ProviderClient, ProviderError, ProviderKind, ProviderOptions, Secret};
pub use record::{ContentName, Record, RecordError, SharedRecord, SteppedRecord};
pub use runtime::{Runtime, RuntimeBuilder, RuntimeError, SessionHandle};
pub use scripted::{Script, ScriptedClient, ScriptedFailure, ScriptedFailureKind, Scripts, Step};
pub use seeded::SeededIds;
pub use spec::{BudgetOptions, JobOptions, SPAWN, SessionSpec};
pub use time::{LiveTime, SimulatedTime, Time};
pub use tool::{Stop, Stopper, Tool, ToolCall, ToolFailure, ToolOutput, ToolSpec};
pub use tools::{CommandProblem, SchemaError, WORKSPACE_TOOLS, Workspace, WorkspaceError};
