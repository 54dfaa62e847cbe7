//! Tables that are queries over events. The queries stand in files of their own, in SQL that other engines read too.

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

/// The views and their queries.
const VIEWS: &[(&str, &str)] =
    &[("inferences", include_str!("../views/inferences.sql")), ("tool_calls", include_str!("../views/tool_calls.sql"))];

/// Puts the views where a query finds them.
pub(super) async fn register(context: &SessionContext) -> Result<()> {
    for (name, query) in VIEWS {
        let view = context.sql(query).await?.into_view();
        context.register_table(*name, view)?;
    }
    Ok(())
}
