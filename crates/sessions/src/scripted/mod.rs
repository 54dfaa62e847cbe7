//! A model that plays a script: the same words, the same numbers, at the same times, every time.
//!
//! [`Scripts`] are [`Script`]s by name. A session plays the one that is named like its label, else like its role, else
//! `default`; a session without any is answered that there is no such model. A script is a list of [`Step`]s: the
//! n-th run of a session that gives a reply plays the n-th step, and when there are no more, the last one again.
//!
//! Nothing is drawn by chance: ids of responses and tool calls are hashes of the session, the job, the attempt and the
//! step, usage that a step does not state follows from lengths (see [`Step`]), and time comes from
//! [`crate::Time`], so that a script plays under [`crate::SimulatedTime`] as under [`crate::LiveTime`].
//!
//! What this is not: it does not look at what it is asked, beyond the two placeholders of [`Step`], and keeps to no
//! `max_output_tokens`.

mod client;
mod failure;
mod format;
mod script;
mod stream;

pub use client::ScriptedClient;
pub use failure::{ScriptedFailure, ScriptedFailureKind};
pub use script::{Script, Scripts, Step};
