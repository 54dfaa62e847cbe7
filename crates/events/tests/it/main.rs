//! The vocabulary as its users meet it: lines in, verdicts out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod bounds;
mod columns;
mod correlation;
mod damage;
mod declared;
mod life;
mod mutations;
mod order;
mod redaction;
mod round_trips;
mod sample;
mod schema_agreement;
mod vectors;
