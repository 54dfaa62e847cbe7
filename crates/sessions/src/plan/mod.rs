//! The plan: a TOML file that says which sessions to run, with which models, tools, limits and budgets.
//!
//! [`Plan::parse`] takes the text, checks it whole before anything starts, and gives either a [`Plan`] in which every
//! name leads somewhere, or [`PlanErrors`] with everything that is wrong, each at its line. `docs/plans.md` is the
//! reference of the format.
//!
//! What this is not: it opens nothing. Directories, prompt files and environment variables are for whoever runs the
//! plan, and are told by their names; [`PlannedSession::line`] says where those came from.
//!
//! Limits: [`MAX_PLAN_BYTES`] of text, [`MAX_SESSIONS`] sessions, brackets 16 deep, 16,384 templates of spawned roles.
//!
//! ```
//! use flightrec_sessions::plan::Plan;
//! let text = r#"
//! plan = { name = "hello" }
//! providers.stage.kind = "scripted"
//! models.small.provider = "stage"
//! roles.greeter.model = "small"
//! sessions = [{ name = "hello", role = "greter", prompt = "Greet me." }]
//! scripts.greeter.steps = [{ text = "Good morning." }]
//! "#;
//! let errors = Plan::parse(text).unwrap_err();
//! assert_eq!(errors.errors[0].message, "unknown role `greter`; did you mean `greeter`?");
//! assert_eq!((errors.errors[0].line, errors.errors[0].column), (6, 38));
//! assert!(Plan::parse(&text.replace("greter", "greeter")).is_ok());
//! ```

mod ceilings;
mod contents;
mod endpoints;
mod errors;
mod fields;
mod money;
mod names;
mod order;
mod reading;
mod roles;
mod scripts;
mod sessions;
mod syntax;
mod templates;
mod tools;

#[cfg(test)]
mod tests;

pub use contents::{Model, Plan, PlannedSession, PlannedWorkspace, Provider, ProviderKind};
pub use errors::{MAX_ERRORS_TOLD, PlanError, PlanErrors};
pub use sessions::MAX_SESSIONS;
pub use syntax::MAX_PLAN_BYTES;
