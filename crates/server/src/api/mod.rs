//! The API: the questions of the command line, asked over HTTP, in the same shapes.
//!
//! - `question`: a request with its parameters, read by name
//! - `filters`: parameters that several questions share
//! - `page`, `places`: one page of a list at a time, and the cursor that finds the next
//! - `sessions`, `events`, `lists`, `budgets`: the answers
//! - `conditional`: whether a client has the answer already
//! - `given`, `giving`: events and content that are handed in
//! - `timeline`: many sessions with all their spans, in columns; `lanes`: those that were read before
//! - `sql`: questions in SQL
//! - `stream`: events as they are recorded
//! - `schemas`: the shapes, `examples`: answers of a small store, both for the description of the API

pub(crate) mod budgets;
pub(crate) mod conditional;
pub(crate) mod events;
pub(crate) mod examples;
mod filters;
mod given;
pub(crate) mod giving;
pub(crate) mod lanes;
pub(crate) mod lists;
mod page;
mod places;
mod question;
pub(crate) mod schemas;
pub(crate) mod sessions;
pub(crate) mod sql;
pub(crate) mod stream;
pub(crate) mod timeline;

pub(crate) use question::Question;
