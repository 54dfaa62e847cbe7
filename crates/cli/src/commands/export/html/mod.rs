//! One session, with its tree where asked, as a page: a file that needs no server, no script and no other file, for a
//! report about it.
//!
//! - `markup`: elements and text; nothing that a store holds becomes markup
//! - `page`: the whole, from head to foot
//! - `lanes`: what went on over time, as a drawing
//! - `session`: one session's facts, messages, spans and events
//! - `content`: what messages say, with secrets looked for once more
//! - `page.css`: how it looks, in light and in dark

mod content;
mod lanes;
mod markup;
mod page;
mod session;

pub(super) use page::write;
