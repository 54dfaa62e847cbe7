//! A simulated disk, and the fault runs on it.
//!
//! [`SimStorage`] stands in for the disk of a store. It keeps apart what a program sees from what would be there after a
//! power cut, fails any call on request, and does the same thing for the same seed. The suites in [`suite`] drive the
//! journal over it and check the promises after each fault; [`suite::SABOTAGE`] names, for each way to break the
//! journal on purpose, the suites that must notice.

mod disk;
mod history;
mod rng;
mod script;
pub mod suite;

pub use disk::{FailKind, Fault, SimStorage};
pub use history::History;
pub use rng::Rng;
pub use script::{Run, Script, Step};
