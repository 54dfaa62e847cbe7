//! `sql`: questions in SQL, in a build that has the query engine.

#[cfg(not(feature = "sql"))]
mod absent;
#[cfg(feature = "sql")]
mod answering;

#[cfg(not(feature = "sql"))]
pub(super) use absent::run;
#[cfg(feature = "sql")]
pub(super) use answering::run;
