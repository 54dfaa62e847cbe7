//! Spans, messages, findings, the rate, and content by its hash.

use flightrec_events::{ArtifactId, Sha256Hex, Timestamp};
use flightrec_recorder::query::SpanFilter;
use flightrec_recorder::view::{FindingKind, MessageView};

use super::Question;
use super::filters::{Scope, range};
use super::page::Page;
use super::places::{ByFinding, ByStart, ByThread};
use crate::answer::Answer;
use crate::problem::Problem;
use crate::times::{TimeSpan, When, window_s};

/// The window of the rate where none is asked for, in seconds.
const DEFAULT_WINDOW_S: u64 = 60;

/// Whether a time lies in a range; an unknown time does if the range is open on both sides.
fn lies_in(at: Option<Timestamp>, (since, until): (Option<Timestamp>, Option<Timestamp>)) -> bool {
    since.is_none_or(|since| at.is_some_and(|at| at >= since))
        && until.is_none_or(|until| at.is_some_and(|at| at < until))
}

/// `GET /api/v1/spans` and `GET /api/v1/sessions/{id}/spans`
pub(crate) fn spans(question: &Question) -> Result<Answer, Problem> {
    let range = range(question)?;
    let overlaps = question.read("overlaps", |text| TimeSpan::parse(text)?.resolve(question.now))?;
    let scope = Scope::of(question)?;
    let filter = SpanFilter { session: scope.session.clone(), overlaps, limit: None };
    let mut spans = question.reader().spans(&filter)?;
    spans.retain(|span| scope.takes(span.session_id.as_deref()) && lies_in(span.start.or(span.end), range));
    Ok(Answer::json(&Page::of(question, "spans", spans, ByStart::of)?))
}

/// `GET /api/v1/sessions/{id}/messages`
pub(crate) fn messages(question: &Question) -> Result<Answer, Problem> {
    let range = range(question)?;
    let scope = Scope::of(question)?;
    let mut messages = question.reader().messages(scope.session.clone())?;
    messages.retain(|message| lies_in(Some(message.timestamp), range));
    let by_time = scope.session.as_deref().is_some_and(|session| question.reader().is_told(session));
    let place = |message: &MessageView| ByThread {
        said_us: if by_time { message.timestamp.as_micros() } else { 0 },
        seq: message.seq,
    };
    Ok(Answer::json(&Page::of(question, "messages", messages, place)?))
}

/// `GET /api/v1/findings`
pub(crate) fn findings(question: &Question) -> Result<Answer, Problem> {
    let reader = question.reader();
    let session = question.text("session").map(|prefix| reader.resolve(prefix)).transpose()?;
    let kinds: Vec<FindingKind> = question.words("kind").map(finding_kind).collect::<Result<_, _>>()?;
    let mut findings = reader.findings();
    findings.retain(|finding| {
        (session.is_none() || finding.session_id == session) && (kinds.is_empty() || kinds.contains(&finding.kind))
    });
    Ok(Answer::json(&Page::of(question, "findings", findings, ByFinding::of)?))
}

fn finding_kind(word: &str) -> Result<FindingKind, Problem> {
    serde_json::from_value(word.into())
        .map_err(|_| Problem::parameter("kind", "no such kind of finding, such as orphan_parent or unpriced"))
}

/// `GET /api/v1/rate`
pub(crate) fn rate(question: &Question) -> Result<Answer, Problem> {
    let window = question.read("window", window_s)?.unwrap_or(DEFAULT_WINDOW_S);
    let at = question.read("at", When::parse)?.map_or(question.now, |when| when.resolve(question.now));
    Ok(Answer::json(&question.reader().rate(at, window)))
}

/// `GET /api/v1/artifacts/{sha256}`
pub(crate) fn artifact(question: &Question) -> Result<Answer, Problem> {
    let sha256 = hash(question.place("sha256"))?;
    let content = question.reader().artifacts().get(sha256)?;
    Ok(Answer::file(content, &sha256.to_string()))
}

/// An artifact is named by 64 hex digits, with or without `sha256:` before them, and by nothing else.
fn hash(text: &str) -> Result<Sha256Hex, Problem> {
    let id = if text.starts_with("sha256:") { text.to_owned() } else { format!("sha256:{text}") };
    ArtifactId::parse_text(&id.to_ascii_lowercase())
        .map(|id| id.sha256())
        .map_err(|_| Problem::parameter("sha256", "expected 64 hex digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_named_by_their_hash_alone() {
        let digits = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for text in [digits.to_owned(), format!("sha256:{digits}"), digits.to_uppercase()] {
            assert_eq!(hash(&text).unwrap().to_string(), digits);
        }
        for text in ["", "..", "../../store.json", &digits[1..], "sha256:", &format!("{digits}/..")] {
            assert!(hash(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_time_lies_in_no_bounded_range() {
        let at = |us| Timestamp::from_micros(us);
        assert!(lies_in(None, (None, None)));
        assert!(!lies_in(None, (at(1), None)) && !lies_in(None, (None, at(1))));
        assert!(lies_in(at(1), (at(1), at(2))) && !lies_in(at(2), (at(1), at(2))));
    }
}
