//! OTLP/HTTP: the form of a request by its headers, and answers in the same form.

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::answer;
use crate::answer::Answer;
use crate::compression::Compression;
use crate::intake::{Encoding, Signal, Taken};
use crate::problem::{Kind, Problem};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// How the body of a request is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// The encoding, which the answer has too.
    pub(crate) encoding: Encoding,
    /// How it is compressed.
    pub(crate) compression: Compression,
}

impl Form {
    /// Reads the form from the headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let encoding = encoding_of(headers).ok_or_else(|| {
            Problem::new(Kind::UnsupportedForm, format!("telemetry is taken as {PROTOBUF} or {JSON}: set Content-Type"))
        })?;
        let compression = Compression::of(headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
        Ok(Self { encoding, compression })
    }
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    if media_type.eq_ignore_ascii_case(PROTOBUF) {
        Some(Encoding::Protobuf)
    } else if media_type.eq_ignore_ascii_case(JSON) {
        Some(Encoding::Json)
    } else {
        None
    }
}

const fn media_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    }
}

/// The answer to a request that was taken.
pub(crate) fn taken(signal: Signal, encoding: Encoding, taken: &Taken) -> Answer {
    Answer::content(media_type(encoding), answer::success(signal, encoding, taken))
}

/// The answer to a request that was not taken; as JSON if its own form is unknown.
pub(crate) fn refused(headers: &HeaderMap, problem: &Problem) -> Answer {
    let encoding = encoding_of(headers).unwrap_or(Encoding::Json);
    Answer::content(media_type(encoding), answer::failure(encoding, problem)).because_of(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let form = |content_type: Option<&str>, encoding: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(CONTENT_TYPE, content_type), (CONTENT_ENCODING, encoding)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            Form::of(&headers).map_err(|problem| problem.kind)
        };
        let is = |encoding, compression| Ok(Form { encoding, compression });
        assert_eq!(form(Some("application/x-protobuf"), None), is(Encoding::Protobuf, Compression::Identity));
        assert_eq!(form(Some("Application/JSON; charset=utf-8"), Some("gzip")), is(Encoding::Json, Compression::Gzip));
        assert_eq!(form(Some("application/json"), Some("zstd")), is(Encoding::Json, Compression::Zstd));
        for (content_type, encoding) in [
            (None, None),
            (Some("text/plain"), None),
            (Some("application/jsonx"), None),
            (Some("application/x-www-form-urlencoded"), None),
            (Some("application/json"), Some("br")),
        ] {
            assert_eq!(form(content_type, encoding), Err(Kind::UnsupportedForm), "{content_type:?} {encoding:?}");
        }
    }
}
