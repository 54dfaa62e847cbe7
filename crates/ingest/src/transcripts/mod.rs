//! Transcripts: the session files that coding agents write, read a line at a time.
//!
//! ```text
//! file ─► lines: one at a time, bounded ─► claude_code, codex: what a line tells ─► told ─► emit: events
//!                                                    └─► threads: turns, calls, responses, counts of words
//! ```
//!
//! A line depends on the lines before it in its file and on nothing else: not on other files, not on what was
//! read before. The same file, or the same with more lines, tells the same again.
//!
//! ```
//! use flightrec_ingest::transcripts::{Agent, Origin, Read, Transcript};
//! let mut transcript = Transcript::new(Agent::ClaudeCode, Origin::default());
//! let line = br#"{"type":"user","sessionId":"s-1","uuid":"u-1","timestamp":"2026-03-01T12:00:00Z",
//!     "message":{"role":"user","content":"Hello"}}"#;
//! assert_eq!(transcript.line(line), Ok(Read::Told));
//! assert_eq!(transcript.take().len(), 2, "the session and its message");
//! ```
//!
//! What becomes of each line is told in docs/transcripts.md.

mod claude_code;
mod codex;
mod fields;
mod lines;
mod reader;
mod threads;
mod told;

pub use lines::{Line, Lines, MAX_LINE_BYTES};
pub use reader::{Agent, Origin, Read, Transcript, Unread};
pub(crate) use told::What;
pub use told::{Told, contents};
