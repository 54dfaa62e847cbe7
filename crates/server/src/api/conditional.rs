//! Whether a client has the answer already: its tag follows from the end of the log and from what is asked.
//!
//! A tag is made before the answer is. What is recorded in between is in the answer and not in the tag, so that a client
//! may be given an answer that it has, and is never told that it has one which it has not.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hyper::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};

use super::Question;
use crate::answer::Answer;
use crate::times::{TimeSpan, When};

/// The tag of an answer; none where it depends on the present time.
pub(crate) fn tag(question: &Question) -> Option<HeaderValue> {
    if is_of_its_moment(question) {
        return None;
    }
    let reader = question.reader();
    let end = reader.checkpoint()?;
    let mut asked = DefaultHasher::new();
    question.route.path.hash(&mut asked);
    for part in question.given() {
        part.hash(&mut asked);
    }
    let chain: String = end.chain.to_string().chars().take(16).collect();
    let (version, forgettings) = (env!("CARGO_PKG_VERSION"), reader.forgettings());
    let tag = format!("W/\"{version}.{}.{forgettings}.{chain}.{:016x}\"", end.seq, asked.finish());
    HeaderValue::from_str(&tag).ok()
}

/// Whether the same question has another answer later, though nothing is recorded: a rate up to now, a time that is
/// told from now.
fn is_of_its_moment(question: &Question) -> bool {
    let is_relative = |when: &When| matches!(when, When::BeforeNowUs(_));
    let ends_now = question.route.parameters().any(|parameter| parameter.name == "at") && question.text("at").is_none();
    ends_now
        || question.given().any(|(name, value)| match name {
            "since" | "until" | "at" => When::parse(value).is_ok_and(|when| is_relative(&when)),
            "overlaps" => {
                TimeSpan::parse(value).is_ok_and(|span| [span.from, span.to].iter().flatten().any(is_relative))
            }
            _ => false,
        })
}

/// Whether the client has the answer with this tag.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = tag.to_str().map(bare).unwrap_or_default();
    known.flat_map(|value| value.split(',')).any(|known| bare(known) == tag)
}

/// The answer with its tag; a problem has none.
pub(crate) fn tagged(answer: Answer, tag: Option<HeaderValue>) -> Answer {
    match tag.filter(|_| answer.code().is_success()) {
        Some(tag) => answer.header(ETAG, tag),
        None => answer,
    }
}
