//! The table of messages.

use std::borrow::Cow;

use flightrec_recorder::view::MessageView;

use super::columns::{Column, Take, held, made, number};
use super::folded::{Fold, Wanted};
use crate::error::SqlError;
use crate::snapshot::Snapshot;

pub(super) struct Messages;

impl Fold for Messages {
    type Row = MessageView;

    const NAME: &'static str = "messages";
    const COLUMNS: &'static [Column<MessageView>] = &[
        Column::new("message_id", Take::Text(|row| Some(Cow::Borrowed(&row.message_id)))),
        Column::new("session_id", Take::Text(|row| Some(Cow::Borrowed(&row.session_id)))),
        Column::new("role", Take::Text(|row| made(Some(row.role)))),
        Column::new("content_hash", Take::Text(|row| made(Some(row.content_hash)))),
        Column::new("artifact_id", Take::Text(|row| made(row.artifact_id))),
        Column::new("token_count", Take::Int(|row| row.token_count.map(number))),
        Column::new("timestamp", Take::Time(|row| Some(row.timestamp))),
        Column::new("tool_call_id", Take::Text(|row| held(row.tool_call_id.as_ref()))),
        Column::new("redacted", Take::Bool(|row| row.redacted)),
        Column::new("span_id", Take::Text(|row| made(row.span_id))),
        Column::new("seq", Take::Int(|row| Some(number(row.seq)))),
    ];

    const IS_READ: bool = true;

    fn rows(snapshot: &Snapshot, wanted: &Wanted) -> Result<Vec<MessageView>, SqlError> {
        let read = snapshot.reader.messages_of(&wanted.ids(&snapshot.reader));
        let (messages, gaps) = read.map_err(SqlError::Store)?;
        SqlError::whole(messages, gaps)
    }
}
