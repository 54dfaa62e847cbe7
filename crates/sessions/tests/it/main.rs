//! How the session runtime behaves, from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the events that it is about")]

mod crowd;
mod demo;
mod hands;
mod launch;
mod lives;
#[cfg(feature = "providers")]
mod providers;
mod scripted;
mod spawning;
mod tools;
mod world;
