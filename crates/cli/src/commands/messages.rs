//! `messages`: the threads of sessions. Content is in artifacts; here are its hash and place.

use flightrec_recorder::view::MessageView;

use super::Run;
use super::scope::Scope;
use super::short_ids::ShortIds;
use crate::args::MessagesArgs;
use crate::exit::{Exit, Outcome};
use crate::output::{Align, Cell, Column, Lister, words};

const COLUMNS: &[Column] = &[
    Column("SEQ", Align::Right),
    Column("TIME", Align::Left),
    Column("SESSION", Align::Left),
    Column("ROLE", Align::Left),
    Column("TOKENS", Align::Right),
    Column("REDACTED", Align::Left),
    Column("CONTENT", Align::Left),
];

pub(super) fn run(run: &Run, args: &MessagesArgs) -> Outcome {
    let (since, until) = args.time.resolve(run.now())?;
    let reader = run.reader()?;
    let scope = Scope::new(run, &reader, args.session.as_deref(), &args.filters)?;
    let messages = reader.messages(scope.session.clone()).map_err(|error| run.store.read_failure(&error))?;
    let short = ShortIds::of(run, &reader);
    let mut list = Lister::new::<MessageView>(run.console, COLUMNS)?;
    let wanted = messages.iter().filter(|message| {
        scope.takes(Some(&message.session_id))
            && since.is_none_or(|since| message.timestamp >= since)
            && until.is_none_or(|until| message.timestamp < until)
    });
    for message in wanted.take(args.limit.unwrap_or(usize::MAX)) {
        list.item(message, || cells(message, &short))?;
    }
    list.finish("messages")?;
    Ok(Exit::Done)
}

fn cells(message: &MessageView, short: &ShortIds) -> Vec<Cell> {
    let content =
        message.artifact_id.map_or_else(|| format!("{} (hash only)", message.content_hash), |id| id.to_string());
    vec![
        message.seq.to_string().into(),
        message.timestamp.to_string().into(),
        short.get(&message.session_id).into(),
        message.role.as_str().into(),
        Cell::optional(message.token_count.map(words::count)),
        Cell::optional(message.redacted.map(|redacted| if redacted { "yes" } else { "no" })),
        content.into(),
    ]
}
