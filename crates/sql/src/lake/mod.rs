//! The archives of many nodes on an object store, as one set of tables.
//!
//! - [`Lake`]: a target, and what its nodes have published at the moment of a query
//! - `files`: what a node has published, as files that are only read
//! - `events`: the events of all nodes, with the node of each
//! - `views/*.sql`: the other tables, as queries over events in words that other engines have as well

mod events;
mod files;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use flightrec_archive::push::{Published, PublishedError, Target};

use crate::events::{hex, shown};

/// The tables that are queries, each after those that it asks.
const VIEWS: &[(&str, &str)] = &[
    ("inferences", include_str!("views/inferences.sql")),
    ("costs", include_str!("views/costs.sql")),
    ("messages", include_str!("views/messages.sql")),
    ("tool_calls", include_str!("views/tool_calls.sql")),
    ("spans", include_str!("views/spans.sql")),
    ("sessions", include_str!("views/sessions.sql")),
];

/// A place to which nodes push.
#[derive(Debug, Clone)]
pub struct Lake {
    target: Target,
}

/// What the nodes had published when a query began. Objects that go meanwhile fail the query; nothing of them is mixed up.
#[derive(Debug)]
pub(crate) struct Moment {
    target: Target,
    nodes: Vec<Published>,
}

impl Lake {
    /// The archives at a target.
    pub const fn new(target: Target) -> Self {
        Self { target }
    }

    pub(crate) async fn moment(&self) -> std::result::Result<Moment, PublishedError> {
        Ok(Moment { target: self.target.clone(), nodes: self.target.published().await? })
    }
}

/// Puts the tables of a lake where a query finds them. The views ask for events as the files have them, which is what other
/// engines see; a query is shown ids and hashes as text.
pub(crate) async fn register(context: &SessionContext, moment: Moment) -> Result<()> {
    let events = events::raw(moment);
    let files = SessionContext::new_with_config_rt(context.copied_config(), context.runtime_env());
    files.register_udf(hex());
    files.register_table("events", Arc::clone(&events))?;
    for (name, query) in VIEWS {
        let view = files.sql(query).await?.into_view();
        files.register_table(*name, Arc::clone(&view))?;
        context.register_table(*name, view)?;
    }
    context.register_table("events", shown(events)?)?;
    Ok(())
}
