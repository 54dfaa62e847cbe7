//! The table of spans.

use std::borrow::Cow;

use flightrec_recorder::view::SpanView;

use super::columns::{Column, Take, held, made, number};
use super::folded::{Fold, Wanted};
use crate::error::SqlError;
use crate::snapshot::Snapshot;

pub(super) struct Spans;

impl Fold for Spans {
    type Row = SpanView;

    const NAME: &'static str = "spans";
    const COLUMNS: &'static [Column<SpanView>] = &[
        Column::new("trace_id", Take::Text(|row| made(row.trace_id))),
        Column::new("span_id", Take::Text(|row| made(Some(row.span_id)))),
        Column::new("parent_span_id", Take::Text(|row| made(row.parent_span_id))),
        Column::new("session_id", Take::Text(|row| held(row.session_id.as_ref()))),
        Column::new("session_span_id", Take::Text(|row| made(row.session_span_id))),
        Column::new("kind", Take::Text(|row| made(row.kind))),
        Column::new("name", Take::Text(|row| row.name.as_deref().map(Cow::Borrowed))),
        Column::new("job_id", Take::Text(|row| held(row.job_id.as_ref()))),
        Column::new("model_id", Take::Text(|row| held(row.model_id.as_ref()))),
        Column::new("start", Take::Time(|row| row.start)),
        Column::new("end", Take::Time(|row| row.end)),
        Column::new("status", Take::Text(|row| made(row.status))),
        Column::new("tokens_in", Take::Int(|row| row.tokens_in.map(number))),
        Column::new("tokens_out", Take::Int(|row| row.tokens_out.map(number))),
        Column::new("cost_nanos", Take::Int(|row| row.cost_nanos.map(number))),
        Column::new("error_code", Take::Text(|row| row.error_code.as_deref().map(Cow::Borrowed))),
        Column::new("tags", Take::Texts(|row| &row.tags)),
        Column::new("links", Take::Text(|row| made(serde_json::to_string(&row.links).ok()))),
    ];

    const IS_READ: bool = true;

    fn rows(snapshot: &Snapshot, wanted: &Wanted) -> Result<Vec<SpanView>, SqlError> {
        let read = snapshot.reader.spans_of(&wanted.ids(&snapshot.reader));
        let (spans, gaps) = read.map_err(SqlError::Store)?;
        SqlError::whole(spans, gaps)
    }
}
