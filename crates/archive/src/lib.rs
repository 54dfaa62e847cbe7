//! The archive of Flight Recorder: ranges of the log, sealed in Parquet.
//!
//! A segment holds the events of a range of positions, sorted by session and then by position, in flat columns that every
//! engine reads. It gives every event back exactly as it was recorded, so that the hash chain of the log is proven over
//! segments as over the journal. It knows columns; how events arrive is not its concern.
//!
//! | module | role |
//! |---|---|
//! | `schema` | the columns |
//! | `rows`, `values`, `strings` | events to rows and rows to events |
//! | `seal`, `writer`, `column`, `sink` | blocks of the journal to one file |
//! | `blocks` | what the hash chain needs beside the rows |
//! | `footer`, `segment`, `checked`, `pages`, `slice` | a file, opened; its pages, checked and read |
//! | `session`, `log` | its events by session, and in the order of the log |
//! | `rewrite`, `forgetting` | segments to one: neighbours merged, what is forgotten left out |
//! | `entry`, `manifest` | which segments there are: the one file that decides it |
//! | `push` | segments and artifacts on an object store; only with the feature `objects` |
//!
//! Limits: a segment is sorted in memory, about 160 bytes an event; half a million events a segment is what the recorder
//! makes. The bytes are drawn in `docs/format.md`.

mod blocks;
mod checked;
mod column;
mod entry;
mod error;
mod footer;
mod forgetting;
mod hex;
mod log;
mod manifest;
mod pages;
#[cfg(feature = "objects")]
pub mod push;
mod rewrite;
mod rows;
mod schema;
mod seal;
mod segment;
mod session;
mod sink;
mod slice;
mod strings;
mod values;
mod varint;
mod writer;

pub use blocks::{BlockEntry, Kept};
pub use entry::SegmentEntry;
pub use error::{ManifestError, ReadError, RewriteError, SealError};
pub use forgetting::Forgetting;
pub use log::{LogBlock, SegmentLog};
pub use manifest::Manifest;
pub use rewrite::{Forget, ForgetNothing, rewrite};
pub use seal::{Seal, SealedBlock};
pub use segment::Segment;
pub use session::{ArchivedEvent, Rows};
