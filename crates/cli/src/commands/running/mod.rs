//! `run`: the sessions of a plan, from its file to the last of them.
//!
//! - `plan_file`: the plan as it is read, and what it sees of this machine
//! - `command`: from the arguments to the exit code
//! - `watching`: the time in between: progress, questions, signals
//! - `approvals`: who decides about tools, `prices`: what a run costs
//! - `screen`: progress on a terminal, `lines`: its lines, `changes`: progress elsewhere
//! - `waits`: how long sessions were queued and what held them, `summary`: what is told at the end

mod approvals;
mod changes;
mod command;
mod lines;
mod plan_file;
mod prices;
mod screen;
mod summary;
mod waits;
mod watching;

pub(super) use command::run;
pub(super) use plan_file::Loaded;
pub(super) use prices::ListPrices;
pub(crate) use summary::{Checked, Summary};
