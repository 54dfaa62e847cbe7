//! The format as a whole: good plans, bad plans, the bundled ones, and texts that are anything.

mod any;
mod bad;
mod bundled;
mod good;
