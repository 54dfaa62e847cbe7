//! Telemetry from elsewhere: OTLP and transcripts to events by one documented mapping, and OTLP back.
//!
//! ```text
//! bytes ─► otlp: decoded once, bounded ─► conventions: facts ─► place: sessions ─► emit: events
//! lines ─► transcripts: what each tells ───────────────────────────────────────────┘
//! ```
//!
//! - [`otlp`]: the wire, protobuf and JSON
//! - [`conventions`]: what each convention calls things; [`facts`]: what this project calls them
//! - [`transcripts`]: the session files of coding agents
//! - [`mapper`]: a request becomes events; [`contents`]: where content goes
//! - [`export`]: the way back
//! - [`prices`]: list prices
//!
//! What an attribute becomes is told in docs/telemetry-mapping.md, and a line of a transcript in docs/transcripts.md. What is not here: sockets, files, clocks,
//! and where events are stored.

pub mod attributes;
pub mod contents;
pub mod conventions;
mod emit;
pub mod export;
pub mod facts;
mod ids;
pub mod mapper;
mod memory;
pub mod otlp;
mod place;
pub mod prices;
mod tags;
pub mod transcripts;
