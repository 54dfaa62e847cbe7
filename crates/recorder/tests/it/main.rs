//! The recorder as a host sees it: on a real disk, and on one in memory that can be held back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod artifacts;
mod cost;
mod damage;
mod declared;
mod failures;
mod findings;
mod forgetting;
mod identity;
mod kill;
mod memory;
mod overload;
mod packing;
mod reading;
mod sample;
mod sealing;
mod secrets;
mod snapshot;
mod telemetry;
mod tree;
mod usage;
mod vectors;
mod write_path;
