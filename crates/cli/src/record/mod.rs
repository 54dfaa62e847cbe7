//! Lines in, verdicts out: what `record` and `validate` share, and the way from a line to the disk.
//!
//! ```text
//! input ─► lines ─► intake: parse, gather ─► recorder ─► ticket ─┐
//!          (one thread, which alone waits for input)             │ parcels, in the order of the lines
//!                        verdicts, tally, exit code ◄────────────┘ (the other waits for the disk)
//! ```
//! Memory is bounded whatever the input: one buffer of lines, and a window of bytes under way.

mod feed;
mod intake;
mod judge;
mod lines;
mod verdicts;
mod window;

pub(crate) use feed::{Message, feed};
pub(crate) use intake::{Entry, Parcel};
pub(crate) use judge::Judge;
pub(crate) use lines::LineReader;
pub(crate) use verdicts::{Verdict, Verdicts};
pub(crate) use window::Window;
