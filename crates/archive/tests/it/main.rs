//! The archive, on a real disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod damage;
mod manifest;
mod rewrite;
mod round_trip;
mod sample;
