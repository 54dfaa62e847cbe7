//! Every convention that is understood, each in a module of its own: what it calls things becomes [`Facts`].
//!
//! [`span`] and [`log`] tell which convention a span or a log record follows and read it. What each attribute
//! becomes is told in docs/telemetry-mapping.md, and an attribute that is not there is not read.
//!
//! What is not here: anything that takes more than one span or record to know.
//!
//! [`Facts`]: crate::facts::Facts
//! [`log`]: logs::log

mod claude_code;
pub(crate) mod codex;
mod detect;
mod failure;
#[cfg(test)]
mod fixtures;
mod gemini_cli;
mod gen_ai;
mod gen_ai_content;
mod indexed;
pub mod logs;
pub(crate) mod messages;
mod named;
mod openinference;
mod provider;
mod traceloop;
pub(crate) mod usage;
mod vercel;

pub use detect::span;
