//! How a span says that its work failed or was cancelled.

use std::borrow::Cow;

use crate::attributes::Attributes;
use crate::facts::Failure;
use crate::otlp::model::Span;

/// The number of a status that is an error.
const STATUS_ERROR: i32 = 2;

/// What OpenTelemetry writes where the kind of an error is not known.
const OTHER: &str = "_OTHER";

/// Parts of an error's kind that stand for a cancellation, in lower case.
const CANCELLATIONS: [&str; 3] = ["cancel", "aborterror", "keyboardinterrupt"];

/// What a status says of work that was cancelled, in lower case.
const CANCELLED: [&str; 10] = [
    "operation was aborted",
    "operation was canceled",
    "operation was cancelled",
    "request was aborted",
    "request was cancelled",
    "context canceled",
    "task was cancelled",
    "task cancelled",
    "run was cancelled",
    "user aborted",
];

/// The failure that a span tells, beyond its status: the kind of error, and whether it was a cancellation.
///
/// An exception counts only on a span that failed: it may have been handled otherwise.
pub(crate) fn failure<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Option<Failure<'a>> {
    let status = span.status.as_ref().filter(|status| status.code == STATUS_ERROR);
    let told = attributes.str("error.type");
    let cancellation = attributes.str("strands.cancellation.type");
    let has_failed = status.is_some() || told.is_some();
    let exception = has_failed.then(|| exception(span)).flatten();
    let code = told.filter(|code| *code != OTHER).or(exception).or(cancellation).or(told);
    let is_cancelled = code.is_some_and(is_cancellation)
        || exception.is_some_and(is_cancellation)
        || cancellation.is_some()
        || status.is_some_and(|status| tells_cancellation(&status.message));
    (code.is_some() || is_cancelled).then(|| Failure { code: code.map(Cow::Borrowed), cancelled: is_cancelled })
}

/// Whether an error of this kind is a cancellation.
pub(crate) fn is_cancellation(code: &str) -> bool {
    let lower = code.to_ascii_lowercase();
    CANCELLATIONS.iter().any(|part| lower.contains(part))
}

/// Whether a message says that the work was cancelled.
pub(crate) fn tells_cancellation(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    CANCELLED.iter().any(|part| lower.contains(part))
}

/// The type of the last exception that was recorded.
fn exception(span: &Span) -> Option<&str> {
    span.events
        .iter()
        .rev()
        .filter(|event| event.name == "exception")
        .find_map(|event| Attributes::new(&event.attributes).str("exception.type"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::conventions::fixtures::{event, span};
    use crate::otlp::model::Status;

    fn told(attributes: &Value, exceptions: &[&str], status: Option<(i32, &str)>) -> Option<(Option<String>, bool)> {
        let mut span = span("s", attributes);
        span.events = exceptions.iter().map(|name| event("exception", &json!({ "exception.type": name }))).collect();
        span.status = status.map(|(code, message)| Status { message: message.into(), code });
        let failure = failure(&span, &Attributes::new(&span.attributes))?;
        Some((failure.code.map(Cow::into_owned), failure.cancelled))
    }

    #[test]
    fn the_kind_of_an_error_is_told_by_its_attribute_or_its_exception() {
        let code = |code: &str| Some((Some(code.to_owned()), false));
        let error = Some((2, "boom"));
        let timeout = json!({ "error.type": "timeout" });
        let other = json!({ "error.type": "_OTHER" });
        assert_eq!(told(&timeout, &[], error), code("timeout"));
        assert_eq!(told(&timeout, &["ValueError"], None), code("timeout"));
        assert_eq!(told(&other, &["ValueError"], error), code("ValueError"));
        assert_eq!(told(&other, &[], error), code("_OTHER"));
        assert_eq!(told(&json!({}), &["First", "Last"], error), code("Last"));
        assert_eq!(told(&json!({}), &["Handled"], None), None);
        assert_eq!(told(&json!({}), &["Handled"], Some((1, ""))), None);
        assert_eq!(told(&json!({}), &[], error), None);
    }

    #[test]
    fn a_cancellation_is_no_failure() {
        let code = |code: &str| Some((Some(code.to_owned()), true));
        let error = Some((2, ""));
        let cancelled = json!({ "error.type": "asyncio.exceptions.CancelledError" });
        assert_eq!(told(&cancelled, &[], error), code("asyncio.exceptions.CancelledError"));
        assert_eq!(told(&json!({}), &["AbortError"], Some((2, "This operation was aborted"))), code("AbortError"));
        assert_eq!(told(&json!({}), &[], Some((2, "This operation was aborted"))), Some((None, true)));
        assert_eq!(told(&json!({}), &[], Some((2, "context canceled"))), Some((None, true)));
        assert_eq!(told(&json!({}), &[], Some((1, "context canceled"))), None);
        let interrupted = json!({ "strands.cancellation.type": "CancelledError" });
        assert_eq!(told(&interrupted, &[], None), code("CancelledError"));
        assert_eq!(told(&json!({}), &["KeyboardInterrupt"], error), code("KeyboardInterrupt"));
    }
}
