//! Sealed segments and artifacts on an object store, where engines read the archives of many nodes as one table.
//!
//! ```text
//! <prefix>/events/node=<store id>/date=<day>/<first>-<last>.parquet   the segments, as they lie in the store
//! <prefix>/artifacts/node=<store id>/<2 hex>/<64 hex>                 the artifacts, as they lie in the store
//! <prefix>/manifests/node=<store id>/MANIFEST                         what of this is whole, put last
//! ```
//! A push is planned first: what the manifest names, less what is there. Artifacts are put, then segments, then the
//! manifest in one step; only then goes what the manifest no longer names. So whoever goes by a manifest sees a whole
//! archive at any moment, and a push that was interrupted goes on where it stopped. Nothing local is ever changed, and
//! nothing of another node is ever touched.
//!
//! | module | role |
//! |---|---|
//! | `target` | a URL and settings to a client, and what may not be asked of it |
//! | `layout` | the names of objects |
//! | `source` | what a store has to give |
//! | `published`, `reading` | the manifest at the target; what readers ask of it |
//! | `plan` | what to put and what to remove: a pure function |
//! | `transfer` | one object there, checked |
//! | `run` | the order of it all |
//!
//! Limits: an object of up to 16 MiB is one request, eight of them at a time; a larger one goes in parts of 8 MiB, four
//! at a time. One push of a store at a time: a second one is found out before it publishes, as far as a store without
//! conditional writes allows.

mod error;
mod layout;
mod plan;
mod published;
mod reading;
mod run;
mod source;
mod target;
mod transfer;

pub use error::{ContentError, PublishedError, PushError, TargetError, TargetFailure};
pub use published::{Published, PublishedSegment};
pub use run::{Progress, Push, PushOptions, Pushed};
pub use source::{Content, Contents};
pub use target::{Patience, Target};
