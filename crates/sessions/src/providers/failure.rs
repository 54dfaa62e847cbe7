//! What a failure means for the runtime: whether another attempt may help, and when.

use std::string::FromUtf8Error;

use flightrec_events::Timestamp;
use genai::Error;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::retry_after;
use crate::model::{ModelError, ModelErrorKind};

/// The most bytes of a provider's text that a failure repeats.
const MESSAGE_LIMIT_BYTES: usize = 512;

/// Words for an account that has no money left, which are told with the status of a rate limit.
const EXHAUSTED: [&str; 3] = ["insufficient_quota", "billing_error", "billing_hard_limit_reached"];

/// What the library reports. `began`: something of the reply had arrived.
pub(super) fn told(error: &Error, began: bool, now: Timestamp) -> ModelError {
    match error {
        Error::HttpError { status, body, headers, .. } => answered(status.as_u16(), headers, body, now),
        Error::ChatResponse { body, .. } => within_stream(body),
        Error::StreamParse { serde_error, .. } if serde_error.is_eof() => {
            ModelError::new(ModelErrorKind::StreamBroken, "the stream ended in the middle of an event")
        }
        Error::StreamParse { serde_error, .. } => {
            bad_reply(&format!("an event of the stream is no JSON: {serde_error}"))
        }
        // An answer that is an error comes wrapped into one of the stream; `Error::status` does not see it.
        Error::WebStream { error, .. } => match error.downcast_ref::<Error>() {
            Some(inner) => told(inner, began, now),
            None => transport(&**error, began),
        },
        Error::JsonValueExt(error) => bad_reply(&format!("an event of the stream lacks a field: {error}")),
        Error::SerdeJson(error) => bad_reply(&format!("an event of the stream cannot be read: {error}")),
        Error::NoChatResponse { .. }
        | Error::InvalidJsonResponseElement { .. }
        | Error::ChatResponseGeneration { .. }
        | Error::WebAdapterCall { .. }
        | Error::WebModelCall { .. } => bad_reply(&error.to_string()),
        Error::ChatReqHasNoMessages { .. }
        | Error::LastChatMessageIsNotUser { .. }
        | Error::MessageRoleNotSupported { .. }
        | Error::MessageContentTypeNotSupported { .. }
        | Error::JsonModeWithoutInstruction
        | Error::VerbosityParsing { .. }
        | Error::ReasoningParsingError { .. }
        | Error::ServiceTierParsing { .. }
        | Error::PromptCacheRetentionParsing { .. }
        | Error::RequiresApiKey { .. }
        | Error::NoAuthResolver { .. }
        | Error::NoAuthData { .. }
        | Error::ModelMapperFailed { .. }
        | Error::Resolver { .. }
        | Error::AdapterNotSupported { .. }
        | Error::CacheBreakpointNoEligibleContent { .. }
        | Error::AdapterKindMismatch { .. }
        | Error::Internal(_)
        | Error::ClientBuildFail { .. } => {
            ModelError::new(ModelErrorKind::Refused, format!("no request could be made: {}", plain(&error.to_string())))
        }
    }
}

/// A stream that ended without its end marker.
pub(super) fn ended_early(began: bool, stray: bool) -> ModelError {
    if began {
        ModelError::new(ModelErrorKind::StreamBroken, "the stream ended without its end marker")
    } else if stray {
        bad_reply("the answer is no event stream; check that base_url leads to the API, up to and with its version")
    } else {
        ModelError::new(ModelErrorKind::Connection, "the connection ended before the reply began")
    }
}

/// A reply that is whole and says nothing that could be read.
pub(super) fn empty() -> ModelError {
    bad_reply("the reply holds no text, no tool call and no reason for its end")
}

fn bad_reply(message: &str) -> ModelError {
    ModelError::new(ModelErrorKind::BadReply, plain(message))
}

/// An answer that is no reply.
fn answered(status: u16, headers: &HeaderMap, body: &str, now: Timestamp) -> ModelError {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let said = Said::of(&parsed);
    let kind = kind_of_answer(status, &said);
    let text = match (said.message, status) {
        (Some(text), _) => text.to_owned(),
        (None, 300..=399) => "redirects are not followed; set base_url to where it leads".to_owned(),
        (None, 404) => format!("not found; check the model and base_url: {body}"),
        (None, _) => body.to_owned(),
    };
    let mut failure = ModelError::new(kind, plain(&format!("HTTP {status}: {text}")));
    if kind.is_retryable() {
        failure.retry_after = retry_after::wait(headers, &parsed, now);
    }
    failure
}

fn by_status(status: u16) -> ModelErrorKind {
    match status {
        429 => ModelErrorKind::RateLimited,
        401 | 403 => ModelErrorKind::Unauthorized,
        404 => ModelErrorKind::UnknownModel,
        408 | 409 | 425 | 500..=599 => ModelErrorKind::Unavailable,
        300..=499 => ModelErrorKind::Refused,
        _ => ModelErrorKind::BadReply,
    }
}

/// The body counts for more than the status where a status stands for several things.
fn kind_of_answer(status: u16, said: &Said<'_>) -> ModelErrorKind {
    match (status, said.kind()) {
        // An exhausted account does not recover while a job waits.
        (429, _) if said.words.iter().flatten().any(|word| EXHAUSTED.contains(word)) => ModelErrorKind::Refused,
        (400, Some(kind @ (ModelErrorKind::Unauthorized | ModelErrorKind::UnknownModel))) => kind,
        _ => by_status(status),
    }
}

/// An error that the provider put into the stream of a reply.
fn within_stream(body: &Value) -> ModelError {
    let said = Said::of(body);
    let kind = said.kind().or_else(|| said.number.map(by_status)).unwrap_or(ModelErrorKind::Unavailable);
    let text = said.message.map_or_else(|| body.to_string(), str::to_owned);
    let mut failure = ModelError::new(kind, plain(&format!("the provider broke off: {text}")));
    if kind.is_retryable() {
        failure.retry_after = retry_after::wait(&HeaderMap::new(), body, Timestamp::default());
    }
    failure
}

/// What the body of an error says, in the forms that providers use.
struct Said<'a> {
    message: Option<&'a str>,
    words: [Option<&'a str>; 4],
    number: Option<u16>,
}

impl<'a> Said<'a> {
    fn of(body: &'a Value) -> Self {
        // Gemini may wrap the error into a list; OpenAI's library form has it bare.
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").unwrap_or(body);
        let text = |field: &str| error.get(field).and_then(Value::as_str);
        let reason = error["details"].as_array().and_then(|all| all.iter().find_map(|one| one["reason"].as_str()));
        let number = error["code"].as_u64().or_else(|| text("code")?.parse().ok());
        Self {
            message: text("message").or_else(|| error.as_str()).filter(|text| !text.is_empty()),
            words: [reason, text("code"), text("type"), text("status")],
            number: number.and_then(|number| u16::try_from(number).ok()),
        }
    }

    fn kind(&self) -> Option<ModelErrorKind> {
        self.words.iter().flatten().find_map(|word| kind_of(word))
    }
}

/// The words of OpenAI, Anthropic and Google for what can go wrong.
fn kind_of(word: &str) -> Option<ModelErrorKind> {
    Some(match word {
        "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => ModelErrorKind::RateLimited,
        "overloaded_error"
        | "api_error"
        | "server_error"
        | "timeout_error"
        | "service_unavailable"
        | "UNAVAILABLE"
        | "INTERNAL"
        | "DEADLINE_EXCEEDED" => ModelErrorKind::Unavailable,
        "authentication_error"
        | "permission_error"
        | "invalid_api_key"
        | "API_KEY_INVALID"
        | "UNAUTHENTICATED"
        | "PERMISSION_DENIED" => ModelErrorKind::Unauthorized,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => ModelErrorKind::UnknownModel,
        "insufficient_quota"
        | "billing_error"
        | "billing_hard_limit_reached"
        | "invalid_request_error"
        | "request_too_large"
        | "context_length_exceeded"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION" => ModelErrorKind::Refused,
        _ => return None,
    })
}

/// A failure below HTTP.
fn transport(error: &(dyn std::error::Error + Send + Sync + 'static), began: bool) -> ModelError {
    if let Some(utf8) = error.downcast_ref::<FromUtf8Error>()
        && utf8.utf8_error().error_len().is_some()
    {
        return bad_reply("the reply is not UTF-8");
    }
    if error.is::<std::str::Utf8Error>() {
        return bad_reply("the reply is not UTF-8");
    }
    if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_builder) {
        return ModelError::new(ModelErrorKind::Refused, plain(&format!("no request could be made: {}", cause(error))));
    }
    if began {
        return ModelError::new(
            ModelErrorKind::StreamBroken,
            plain(&format!("the stream broke off: {}", cause(error))),
        );
    }
    ModelError::new(ModelErrorKind::Connection, plain(&format!("no connection: {}", cause(error))))
}

/// The innermost cause, which says what happened; the outer ones repeat addresses.
fn cause(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// One line without control characters, cut to a length that a record can hold.
fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MESSAGE_LIMIT_BYTES));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MESSAGE_LIMIT_BYTES {
            line.truncate(line.floor_char_boundary(MESSAGE_LIMIT_BYTES));
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(status: u16, body: &Value) -> ModelErrorKind {
        answered(status, &HeaderMap::new(), &body.to_string(), Timestamp::default()).kind
    }

    #[test]
    fn a_status_says_what_it_means_for_another_attempt() {
        use ModelErrorKind::{BadReply, RateLimited, Refused, Unauthorized, Unavailable, UnknownModel};
        let nothing = Value::Null;
        for (status, expected) in [
            (204, BadReply),
            (302, Refused),
            (400, Refused),
            (401, Unauthorized),
            (403, Unauthorized),
            (404, UnknownModel),
            (408, Unavailable),
            (409, Unavailable),
            (413, Refused),
            (422, Refused),
            (425, Unavailable),
            (429, RateLimited),
            (500, Unavailable),
            (503, Unavailable),
            (529, Unavailable),
            (600, BadReply),
        ] {
            assert_eq!(kind(status, &nothing), expected, "{status}");
        }
    }

    #[test]
    fn a_body_says_more_where_a_status_stands_for_several_things() {
        use ModelErrorKind::{RateLimited, Refused, Unauthorized, Unavailable, UnknownModel};
        let openai = |code: &str| json!({"error": {"message": "m", "type": "invalid_request_error", "code": code}});
        assert_eq!(kind(400, &openai("model_not_found")), UnknownModel);
        assert_eq!(kind(400, &openai("context_length_exceeded")), Refused);
        assert_eq!(kind(429, &openai("insufficient_quota")), Refused);
        assert_eq!(kind(429, &openai("rate_limit_exceeded")), RateLimited);
        assert_eq!(kind(429, &openai("whatever")), RateLimited);
        assert_eq!(kind(500, &openai("model_not_found")), Unavailable);
        let gemini =
            json!([{"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}]);
        assert_eq!(kind(400, &gemini), Unauthorized);
    }

    #[test]
    fn an_error_within_a_stream_is_known_by_its_words_or_its_number() {
        use ModelErrorKind::{RateLimited, Refused, Unavailable};
        for (body, expected) in [
            (json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}), Unavailable),
            (json!({"type": "rate_limit_error", "message": "slow down"}), RateLimited),
            (json!({"error": {"code": 502, "message": "bad gateway"}}), Unavailable),
            (json!({"code": "429", "message": "slow down"}), RateLimited),
            (json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}), Refused),
            (json!("what"), Unavailable),
        ] {
            assert_eq!(within_stream(&body).kind, expected, "{body}");
        }
    }

    #[test]
    fn a_text_is_one_short_line_for_any_terminal() {
        assert_eq!(plain(" a\u{1b}[31m\n\tb  c\u{7} "), "a [31m b c");
        let long = plain(&"é".repeat(1000));
        assert!(long.len() <= MESSAGE_LIMIT_BYTES + '…'.len_utf8() && long.ends_with('…'));
    }
}
