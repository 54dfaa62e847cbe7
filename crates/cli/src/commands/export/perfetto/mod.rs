//! Sessions as a trace for the Perfetto UI: a file of its own protobuf packets.
//!
//! - `proto`: the few messages of the format that are used
//! - `tracks`: a session as tracks: its states, its spans, its waits, its cost
//! - `trace`: all of them in one file
//!
//! The packets and not the JSON of the older format: tracks of sessions nest as sessions do, flows and counters have
//! ids instead of names, and each packet is written as it is made.

mod proto;
mod trace;
mod tracks;

pub(super) use trace::write;
