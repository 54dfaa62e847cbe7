//! Events from placed spans and log records.
//!
//! - [`emitter`]: what all events of one share, and a span's own beginning and end
//! - [`links`]: that sessions exist, whose part a stand-in is, who spawned whom
//! - [`work`]: messages, calls of tools, use of models
//! - [`log`]: log records
//! - [`transcript`]: what transcripts tell

mod emitter;
mod links;
mod log;
mod transcript;
mod work;

pub(crate) use emitter::Emitter;
