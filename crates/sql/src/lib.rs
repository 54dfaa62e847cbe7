//! SQL over a store: tables for a query engine, read-only and bounded.
//!
//! | module | role |
//! |---|---|
//! | [`Engine`] | takes a query, gives an [`Answer`]; one at a time, each over one snapshot |
//! | `statement` | what may be asked: one statement that only reads |
//! | `snapshot` | the store at the moment of a query |
//! | `events` | the table of events: sealed segments with pruning, then what is not sealed yet |
//! | `tables` | the other tables: what the recorder folds from events, and views over events |
//! | `lake` | the archives of many nodes on an object store, as tables |
//! | `literals` | which sessions the conditions of a query leave |
//! | `answer` | rows on their way out |
//! | `error` | what is wrong with a query, and where in it |
//!
//! It knows nothing of HTTP or terminals. Nothing here writes: neither to the store nor elsewhere on the disk.
//!
//! Limits: a query has [`MAX_QUERY_BYTES`]; rows, time and memory are bounded by [`Limits`] and [`Options`].
//!
//! ```
//! use flightrec_recorder::{Reader, Recorder};
//! use flightrec_sql::{Engine, Limits, Options};
//!
//! # let dir = tempfile::tempdir()?;
//! Recorder::open(dir.path())?.close()?;
//! let engine = Engine::new(Reader::open(dir.path())?, &Options::default())?;
//! let mut answer = engine.query_blocking("SELECT count(*) AS events FROM events", Limits::default())?;
//! assert_eq!(answer.columns()[0].name, "events");
//! let batch = answer.next_blocking()?.expect("a count is one row");
//! assert_eq!(batch.json_rows().next().map(|row| &*row[0]), Some("0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod engine;
mod error;
mod events;
mod lake;
mod literals;
mod snapshot;
mod statement;
mod tables;

pub use answer::{Answer, AnswerColumn, Batch};
pub use engine::{Engine, Limits, Options};
pub use error::{Place, SqlError};
pub use lake::Lake;
pub use statement::MAX_QUERY_BYTES;
pub use tables::TABLES;
