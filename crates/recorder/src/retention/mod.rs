//! Forgetting: what may go, decided before anything is touched, and what must stay whatever the policy says.
//!
//! - [`policy`]: how long and how much is kept
//! - [`plan`]: which sessions go, as a pure function of the store's facts, the holds, the policy and the clock
//! - [`asking`]: the answers of a reader
//! - [`act`]: a policy, carried out
//! - [`holds`]: sessions that stay until their hold is released

mod act;
mod asking;
mod holds;
mod plan;
mod policy;

pub use act::Forgotten;
pub(crate) use act::tombstone;
pub use asking::RetentionError;
pub use holds::{Hold, HoldError, Holds};
pub use plan::{RetentionPlan, RetentionRefusal, Vouched};
pub use policy::RetentionPolicy;
