//! A real server on real sockets, a module for each behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod answers;
mod bodies;
mod calls;
mod client;
mod conditional;
mod doors;
mod giving;
mod golden;
mod lists;
mod matrix;
mod served;
mod sql;
mod stopping;
mod streams;
mod telemetry;
mod timeline;
