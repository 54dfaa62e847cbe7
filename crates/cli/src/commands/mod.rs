//! One module for each command, and the way from the arguments to it.

mod artifact;
mod checkpoint;
mod completions;
mod cost;
mod demo;
mod doctor;
mod events;
mod export;
mod findings;
mod hold;
mod import;
mod intake;
mod messages;
mod push;
mod rate;
mod recovery;
mod retain;
mod run;
mod running;
mod schema;
mod scope;
mod seal;
mod sessions;
mod short_ids;
mod show;
mod signals;
mod spans;
mod sql;
mod transcript_files;
mod transcripts;
mod tree;
mod up;
mod validate;
mod verify;

pub(crate) use checkpoint::Kept;
pub(crate) use findings::finding_kind;
pub(crate) use hold::Held;
pub(crate) use import::Imported;
pub(crate) use push::Sent;
#[cfg_attr(not(feature = "sql"), expect(unused_imports, reason = "only SQL over a lake asks for it elsewhere"))]
pub(crate) use push::open_target;
pub(crate) use retain::Retained;
pub(crate) use run::{Run, has_gaps, run};
pub(crate) use running::{Checked, Summary};
pub(crate) use transcripts::Transcribed;
pub(crate) use up::Listening;
