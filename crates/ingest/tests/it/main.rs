//! What the crate promises, by behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod captures;
mod logs;
mod otlp_damage;
mod otlp_json;
mod otlp_requests;
mod otlp_round_trip;
mod prices;
mod spans;
mod transcripts;
