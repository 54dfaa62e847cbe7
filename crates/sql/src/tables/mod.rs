//! The tables that a query may name.
//!
//! - `columns`: a view of the recorder as columns of an engine
//! - `folded`: rows that the recorder folds, as a table
//! - `sessions`, `spans`, `messages`, `costs`: which rows, and their columns
//! - `views`: tables that are queries over events

mod columns;
mod costs;
mod folded;
mod messages;
mod sessions;
mod spans;
mod views;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use crate::events;
use crate::snapshot::Snapshot;
use costs::Costs;
use folded::FoldedTable;
use messages::Messages;
use sessions::Sessions;
use spans::Spans;

/// The names of all tables.
pub const TABLES: &[&str] = &["costs", "events", "inferences", "messages", "sessions", "spans", "tool_calls"];

/// Puts the tables of a snapshot where a query finds them.
pub(crate) async fn register(context: &SessionContext, snapshot: &Arc<Snapshot>) -> Result<()> {
    context.register_table("events", events::table(snapshot)?)?;
    context.register_table("sessions", Arc::new(FoldedTable::<Sessions>::new(Arc::clone(snapshot))))?;
    context.register_table("spans", Arc::new(FoldedTable::<Spans>::new(Arc::clone(snapshot))))?;
    context.register_table("messages", Arc::new(FoldedTable::<Messages>::new(Arc::clone(snapshot))))?;
    context.register_table("costs", Arc::new(FoldedTable::<Costs>::new(Arc::clone(snapshot))))?;
    views::register(context, snapshot).await
}
