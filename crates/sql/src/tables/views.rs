//! Tables that are queries over events. The queries stand in files of their own, in SQL that other engines read too.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::{SessionContext, col};

use crate::snapshot::Snapshot;

/// The views and their queries.
const VIEWS: &[(&str, &str)] =
    &[("inferences", include_str!("../views/inferences.sql")), ("tool_calls", include_str!("../views/tool_calls.sql"))];
const SESSION: &str = "session_id";

/// Puts the views where a query finds them.
pub(super) async fn register(context: &SessionContext, snapshot: &Snapshot) -> Result<()> {
    let standing_in: BTreeMap<Arc<str>, Arc<str>> = snapshot.reader.standing_in().into_iter().collect();
    let whole = (!standing_in.is_empty()).then(|| ScalarUDF::from(WholeSession::new(standing_in)));
    for (name, query) in VIEWS {
        let mut frame = context.sql(query).await?;
        if let Some(whole) = &whole {
            frame = frame.with_column(SESSION, whole.call(vec![col(SESSION)]))?;
        }
        context.register_table(*name, frame.into_view())?;
    }
    Ok(())
}

/// The session that an id stands for, where telemetry came before its session was known.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WholeSession {
    standing_in: BTreeMap<Arc<str>, Arc<str>>,
    signature: Signature,
}

impl WholeSession {
    fn new(standing_in: BTreeMap<Arc<str>, Arc<str>>) -> Self {
        Self { standing_in, signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for WholeSession {
    fn name(&self) -> &'static str {
        "whole_session"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let ids = arrays.first().and_then(|array| array.as_string_view_opt());
        let Some(ids) = ids else { return datafusion::common::exec_err!("{} takes a text", self.name()) };
        let sessions: StringViewArray =
            ids.iter().map(|id| id.map(|id| self.standing_in.get(id).map_or(id, |session| &**session))).collect();
        Ok(ColumnarValue::Array(Arc::new(sessions)))
    }
}
