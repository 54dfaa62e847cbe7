//! The table of costs: model runs, each once however often it was reported.

use std::borrow::Cow;

use flightrec_recorder::view::ModelRunView;

use super::columns::{Column, Take, held, made, number};
use super::folded::{Fold, Wanted};
use crate::error::SqlError;
use crate::snapshot::Snapshot;

pub(super) struct Costs;

impl Fold for Costs {
    type Row = ModelRunView;

    const NAME: &'static str = "costs";
    const COLUMNS: &'static [Column<ModelRunView>] = &[
        Column::new("session_id", Take::Text(|row| Some(Cow::Borrowed(&row.session_id)))),
        Column::new("event_id", Take::Text(|row| made(Some(row.event_id)))),
        Column::new("timestamp", Take::Time(|row| Some(row.timestamp))),
        Column::new("role", Take::Text(|row| held(row.role.as_ref()))),
        Column::new("wp_id", Take::Text(|row| held(row.wp_id.as_ref()))),
        Column::new("model_id", Take::Text(|row| Some(Cow::Borrowed(&row.model_id)))),
        Column::new("provider", Take::Text(|row| held(row.provider.as_ref()))),
        Column::new("backend", Take::Text(|row| made(row.backend))),
        Column::new("tokens_input", Take::Int(|row| Some(number(row.tokens.input)))),
        Column::new("tokens_output", Take::Int(|row| Some(number(row.tokens.output)))),
        Column::new("tokens_cached", Take::Int(|row| Some(number(row.tokens.cached)))),
        Column::new("tokens_cache_write", Take::Int(|row| Some(number(row.tokens.cache_write)))),
        Column::new("tokens_reasoning", Take::Int(|row| Some(number(row.tokens.reasoning)))),
        Column::new("tokens_total", Take::Int(|row| Some(number(row.tokens.total)))),
        Column::new("cost_nanos", Take::Int(|row| row.cost_nanos.map(number))),
    ];

    const IS_READ: bool = false;

    fn rows(snapshot: &Snapshot, wanted: &Wanted) -> Result<Vec<ModelRunView>, SqlError> {
        let reader = &snapshot.reader;
        match wanted {
            Wanted::Of(ids) => {
                let runs = ids
                    .iter()
                    .map(|id| reader.model_runs(Some(id)))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(SqlError::Store)?;
                Ok(runs.into_iter().flatten().collect())
            }
            Wanted::All => reader.model_runs(None).map_err(SqlError::Store),
        }
    }
}
