//! One module for each command, and the way from the arguments to it.

mod artifact;
mod completions;
mod cost;
mod demo;
mod doctor;
mod events;
mod export;
mod findings;
mod import;
mod intake;
mod messages;
mod rate;
mod recovery;
mod run;
mod running;
mod schema;
mod scope;
mod sessions;
mod short_ids;
mod show;
mod signals;
mod spans;
mod transcript_files;
mod transcripts;
mod tree;
mod up;
mod validate;
mod verify;

pub(crate) use findings::finding_kind;
pub(crate) use import::Imported;
pub(crate) use run::{Run, has_gaps, run};
pub(crate) use running::{Checked, Summary};
pub(crate) use transcripts::Transcribed;
pub(crate) use up::Listening;
