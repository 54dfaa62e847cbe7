//! Events in a body: a JSON array, one JSON object, or one object a line.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::front::Given;
use crate::problem::{Kind, Problem};

/// How events stand in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON value: an array of events, or one event.
    Json,
    /// One event a line.
    Lines,
}

impl Form {
    /// Reads the form from the content type.
    pub(super) fn of(given: &Given) -> Result<Self, Problem> {
        match given.media_type.as_str() {
            "application/json" => Ok(Form::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Ok(Form::Lines)
            }
            _ => Err(Problem::new(
                Kind::UnsupportedForm,
                "events are taken as application/json, an array, or as application/x-ndjson, one a line: set Content-Type",
            )),
        }
    }
}

/// Takes one event with its number; a problem ends the reading.
type Take<'t> = dyn FnMut(u64, &[u8]) -> Result<(), Problem> + 't;

/// Calls `take` for every event, numbered from 1: by its line, or by its position in the array.
pub(super) fn for_each_event(
    form: Form,
    body: &[u8],
    mut take: impl FnMut(u64, &[u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let is_array = body.trim_ascii_start().starts_with(b"[");
    match form {
        Form::Json if is_array => for_each_item(body, &mut take),
        Form::Json if serde_json::from_slice::<&RawValue>(body).is_ok() => take(1, body.trim_ascii()),
        Form::Json | Form::Lines => {
            for (line, number) in body.split(|byte| *byte == b'\n').zip(1..) {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.trim_ascii().is_empty() {
                    take(number, line)?;
                }
            }
            Ok(())
        }
    }
}

/// Reads an array item by item, so that what has a bound ends the reading at the bound.
fn for_each_item(body: &[u8], take: &mut Take<'_>) -> Result<(), Problem> {
    let mut stopped = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_seq(Items { take, stopped: &mut stopped }).and_then(|()| json.end());
    match (stopped, read) {
        (Some(problem), _) => Err(problem),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(Problem::bad(format!(
            "the body is not a JSON array: {error}; events before that place are recorded, and are duplicates when \
             they come again"
        ))),
    }
}

struct Items<'t> {
    take: &'t mut Take<'t>,
    stopped: &'t mut Option<Problem>,
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(item) = items.next_element_seed(Raw)? {
            number += 1;
            if let Err(problem) = (self.take)(number, item.get().as_bytes()) {
                *self.stopped = Some(problem);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// Borrows each item as it stands.
struct Raw;

impl<'de> DeserializeSeed<'de> for Raw {
    type Value = &'de RawValue;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(form: Form, body: &[u8]) -> Result<Vec<(u64, String)>, Kind> {
        let mut events = Vec::new();
        for_each_event(form, body, |number, json| {
            events.push((number, String::from_utf8_lossy(json).into_owned()));
            Ok(())
        })
        .map_err(|problem| problem.kind)?;
        Ok(events)
    }

    fn expected(items: &[(u64, &str)]) -> Vec<(u64, String)> {
        items.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn forms() {
        for (form, body, items) in [
            (Form::Lines, &b"{\"a\":1}\r\n\n  \n{\"b\":\n"[..], &[(1, "{\"a\":1}"), (4, "{\"b\":")][..]),
            (Form::Lines, b"\xef\xbb\xbf1", &[(1, "1")]),
            (Form::Lines, b"", &[]),
            (Form::Json, b" [ {\"a\": [1]} ,\n 2, \"x\" ] ", &[(1, "{\"a\": [1]}"), (2, "2"), (3, "\"x\"")]),
            (Form::Json, b"[]", &[]),
            (Form::Json, b"{\n\"a\":1}\n", &[(1, "{\n\"a\":1}")]),
            (Form::Json, b"{\"a\":1}\n{\"b\":2}\n", &[(1, "{\"a\":1}"), (2, "{\"b\":2}")]),
        ] {
            assert_eq!(events(form, body), Ok(expected(items)), "{}", String::from_utf8_lossy(body));
        }
        for body in [&b"[1,"[..], b"[1] 2", b"[1 2]", b"[", b"[{]"] {
            assert_eq!(events(Form::Json, body), Err(Kind::BadRequest), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_bound_ends_the_reading() {
        let mut seen = 0;
        let body = format!("[{}1]", "1,".repeat(1_000));
        let problem = for_each_event(Form::Json, body.as_bytes(), |_, _| {
            seen += 1;
            if seen > 3 { Err(Problem::too_large(3)) } else { Ok(()) }
        });
        assert_eq!((problem.unwrap_err().kind, seen), (Kind::TooLarge, 4));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(body in prop::collection::vec(prop::sample::select(b"[]{},:\"1 \n\xff".to_vec()), 0..40)) {
            for form in [Form::Json, Form::Lines] {
                let _any_answer = events(form, &body);
            }
        }
    }
}
