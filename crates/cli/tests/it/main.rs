//! The real binary, driven from outside, a module for each behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod acknowledged;
mod artifacts;
mod bad_telemetry;
mod bucket;
mod captures;
mod conformance;
mod damage;
mod families;
mod filters;
mod help;
mod input;
mod keeping;
mod live;
mod memory;
mod pictures;
mod push;
mod refusals;
mod running;
mod secrets;
mod serving;
mod shapes;
mod sql;
mod support;
mod terminals;
mod top;
mod transcripts;
mod truth;
mod wire;
mod workload;
