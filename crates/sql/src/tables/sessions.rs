//! The table of sessions.

use std::borrow::Cow;

use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::SessionView;

use super::columns::{Column, Take, held, made, number};
use super::folded::{Fold, Wanted};
use crate::error::SqlError;
use crate::snapshot::Snapshot;

pub(super) struct Sessions;

impl Fold for Sessions {
    type Row = SessionView;

    const NAME: &'static str = "sessions";
    const COLUMNS: &'static [Column<SessionView>] = &[
        Column::new("session_id", Take::Text(|row| Some(Cow::Borrowed(&row.session_id)))),
        Column::new("parent_session_id", Take::Text(|row| held(row.parent_session_id.as_ref()))),
        Column::new("state", Take::Text(|row| made(Some(row.state)))),
        Column::new("role", Take::Text(|row| held(row.role.as_ref()))),
        Column::new("model_id", Take::Text(|row| held(row.model_id.as_ref()))),
        Column::new("provider", Take::Text(|row| held(row.provider.as_ref()))),
        Column::new("backend", Take::Text(|row| made(row.backend))),
        Column::new("wp_id", Take::Text(|row| held(row.wp_id.as_ref()))),
        Column::new("mt_id", Take::Text(|row| held(row.mt_id.as_ref()))),
        Column::new("spawn_depth", Take::Int(|row| row.spawn_depth.map(number))),
        Column::new("label", Take::Text(|row| held(row.label.as_ref()))),
        Column::new("source", Take::Text(|row| Some(Cow::Borrowed(&row.source)))),
        Column::new("created_at", Take::Time(|row| row.created_at)),
        Column::new("updated_at", Take::Time(|row| row.updated_at)),
        Column::new("ended_at", Take::Time(|row| row.ended_at)),
        Column::new("tokens_input", Take::Int(|row| Some(number(row.tokens.input)))),
        Column::new("tokens_output", Take::Int(|row| Some(number(row.tokens.output)))),
        Column::new("tokens_cached", Take::Int(|row| Some(number(row.tokens.cached)))),
        Column::new("tokens_cache_write", Take::Int(|row| Some(number(row.tokens.cache_write)))),
        Column::new("tokens_reasoning", Take::Int(|row| Some(number(row.tokens.reasoning)))),
        Column::new("tokens_total", Take::Int(|row| Some(number(row.tokens.total)))),
        Column::new("cost_own_nanos", Take::Int(|row| Some(number(row.cost.own_nanos)))),
        Column::new("cost_inclusive_nanos", Take::Int(|row| Some(number(row.cost.inclusive_nanos)))),
        Column::new("cost_unpriced_runs", Take::Int(|row| Some(number(row.cost.unpriced_runs)))),
        Column::new("messages", Take::Int(|row| Some(number(row.messages)))),
        Column::new("model_runs", Take::Int(|row| Some(number(row.model_runs)))),
        Column::new("tool_calls", Take::Int(|row| Some(number(row.tool_calls)))),
        Column::new("spans", Take::Int(|row| Some(number(row.spans)))),
        Column::new("open_spans", Take::Int(|row| Some(number(row.open_spans)))),
        Column::new("findings", Take::Text(|row| made(serde_json::to_string(&row.findings).ok()))),
    ];

    const IS_READ: bool = false;

    fn rows(snapshot: &Snapshot, wanted: &Wanted) -> Result<Vec<SessionView>, SqlError> {
        let reader = &snapshot.reader;
        Ok(match wanted {
            Wanted::Of(ids) => ids.iter().filter_map(|id| reader.session_view(id)).collect(),
            Wanted::All => reader.sessions(&SessionFilter::default()),
        })
    }
}
