//! The scheduler: which queued model runs start now, why the others wait, and when to look again.
//!
//! A pure structure: time comes in as an argument, and the same inputs give the same passes. It holds no future, no
//! clock and nothing of a session but a number. Whoever drives it tells what changed, then asks for a pass, and asks
//! again after the next change or at the pass's `wake`, whichever is first.
//!
//! - [`job`]: what is queued, and what a pass answers
//! - [`ready`]: the jobs that only wait for their turn, in its order
//! - [`lanes`]: whose turn it is
//! - [`places`]: how many run at once
//! - [`bucket`], [`rates`]: requests and tokens per minute, and providers that asked for a pause
//! - [`queue`]: the scheduler itself: what comes in and goes out
//! - [`pass`]: one look at it all
//! - [`holds`]: why a job waits, told when that changes
//!
//! Whose turn it is:
//!
//! 1. Between lanes that have a job which could go, in proportion to their weights. A lane that had none meanwhile
//!    has saved nothing up.
//! 2. Within a lane by priority, then by the order of arrival. Every [`lanes::DISPATCHES_PER_PRIORITY`] dispatches of
//!    a lane make its waiting jobs one priority better against those that come later: so an urgent job goes first,
//!    and yet none waits for ever.
//! 3. A job that lacks a place blocks nobody. A job whose turn it is and that lacks only requests or tokens of its
//!    provider's minute keeps that provider for itself until it goes: else small jobs would use up what a large one
//!    waits for. Only a more urgent job of its lane goes before it.
//!
//! What a pass costs grows with the models and the dispatches, not with the queue: holds are told for every job when
//! it is queued, and from then on for the first [`holds::TOLD_AHEAD`] of each model and lane.
//!
//! Not bounded here: how many jobs are queued. Each session has one at most, and sessions are capped by
//! [`crate::Limits::live_sessions`].

mod bucket;
mod holds;
mod job;
mod lanes;
mod pass;
mod places;
mod queue;
mod rates;
mod ready;
#[cfg(test)]
mod tests;

pub(crate) use job::{Hold, JobKey, Limit, NotBefore, QueuedJob, SessionKey};
pub(crate) use queue::Scheduler;
