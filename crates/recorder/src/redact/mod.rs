//! The secret redactor: text goes in, the same text without secrets comes out.
//!
//! Everything that may reach a disk, a hash or a log passes here first. A hit is replaced by
//! `[REDACTED:<category>:<detector_id>]`, and the replacement is stable: redacting twice gives the
//! same text as redacting once.
//!
//! How a text is judged:
//!
//! 1. prefilter — one pass over the byte classes and one literal automaton; nearly all
//!    texts end here, unchanged and without an allocation.
//! 2. scan — every anchor that was found runs its own matcher at that place. A matcher reads a
//!    bounded stretch, so the work is linear in the text.
//! 3. views — if the text holds escapes, invisible characters, line breaks inside words, or long
//!    base64 or hex runs, each reading of it is scanned too, and a hit there is mapped back to the
//!    bytes it came from.
//!
//! It does not guess from entropy alone, does not look into compressed data, and does not know a
//! secret that has neither a shape nor a name beside it.
//!
//! ```
//! use flightrec_recorder::redact::{Context, Redactor};
//!
//! let redactor = Redactor::new();
//! let clean = redactor.redact("password=correct-horse-7", Context::FreeText);
//! assert_eq!(clean, "password=[REDACTED:password:password_assignment]");
//! ```

mod blobs;
mod bytes;
mod cookies;
#[cfg(any(test, feature = "corpus"))]
pub mod corpus;
mod credentials;
mod detectors;
mod events;
mod keyword;
mod long_runs;
mod personal;
mod policy;
mod prefilter;
mod prefixes;
mod private_keys;
mod redactor;
mod scan;
mod urls;
mod value;
mod views;

#[cfg(test)]
mod tests;

pub use detectors::{Category, Detector};
pub use policy::{Context, Policy};
pub use redactor::Redactor;
