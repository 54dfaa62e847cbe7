//! Queries over stores, a module for each behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod agreement;
mod bounds;
mod damage;
mod documents;
mod events;
mod pruning;
mod refusals;
mod support;
#[path = "../../../cli/tests/it/workload.rs"]
mod workload;
