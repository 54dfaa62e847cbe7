//! One module for each command, and the way from the arguments to it.

mod artifact;
mod completions;
mod cost;
mod doctor;
mod events;
mod export;
mod findings;
mod import;
mod intake;
mod messages;
mod rate;
mod run;
mod schema;
mod scope;
mod sessions;
mod short_ids;
mod show;
mod spans;
mod tree;
mod up;
mod validate;
mod verify;

pub(crate) use findings::finding_kind;
pub(crate) use import::Imported;
pub(crate) use run::{Run, has_gaps, run};
pub(crate) use up::Listening;
