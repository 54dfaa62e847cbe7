//! One JSON value, borrowed from its line: the form in which an event is checked.
//!
//! Unlike a general document type it refuses repeated keys, because two readers of such an object
//! may see two different events.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::violation::{Rule, Violation};

/// A JSON value whose strings borrow from the input where they hold no escape.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number of at least 0.
    Unsigned(u64),
    /// A whole number below 0.
    Negative(i64),
    /// Any other number; always finite.
    Float(f64),
    /// A string.
    Str(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object, keys in the order of the input, none twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads one JSON document.
    ///
    /// # Errors
    /// [`Rule::MalformedJson`], with the column but never with the text itself.
    pub fn parse(line: &'a [u8]) -> Result<Self, Violation> {
        // Looking at all bytes at once costs less than at each string.
        let line = std::str::from_utf8(line).map_err(|error| {
            let column = error.valid_up_to() + 1;
            let message = format!("not valid UTF-8 (column {column}); expected one JSON object per line");
            Violation::new(Rule::MalformedJson, message)
        })?;
        serde_json::from_str(line).map_err(|error| {
            let column = error.column();
            let what = match error.classify() {
                serde_json::error::Category::Eof => "the line ends inside a value".to_owned(),
                serde_json::error::Category::Data => error.to_string().chars().take(120).collect(),
                serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not valid JSON".to_owned(),
            };
            Violation::new(Rule::MalformedJson, format!("{what} (column {column}); expected one JSON object per line"))
        })
    }

    /// What a user calls this value's type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Unsigned(_) | Json::Negative(_) | Json::Float(_) => "a number",
            Json::Str(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// The violation for a value of another type than `expected`.
    pub(crate) fn wrong_type(&self, expected: &str) -> Violation {
        Violation::new(Rule::WrongType, format!("expected {expected}, found {}", self.type_name()))
    }

    /// Appends the value without spaces, the keys of each object sorted: equal values give equal text.
    pub(crate) fn write_sorted(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Json::Unsigned(n) => write_u64(out, *n),
            Json::Negative(n) => write_i64(out, *n),
            Json::Float(n) => write_f64(out, *n),
            Json::Str(text) => write_str(out, text),
            Json::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write_sorted(out);
                }
                out.push(b']');
            }
            Json::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by(|(one, _), (other, _)| one.cmp(other));
                out.push(b'{');
                for (i, (name, value)) in fields.into_iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_str(out, name);
                    out.push(b':');
                    value.write_sorted(out);
                }
                out.push(b'}');
            }
        }
    }

    /// The same value as a general document.
    pub fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Unsigned(n) => Value::from(*n),
            Json::Negative(n) => Value::from(*n),
            Json::Float(n) => Value::from(*n),
            Json::Str(s) => Value::String(s.clone().into_owned()),
            Json::Array(items) => Value::Array(items.iter().map(Json::to_value).collect()),
            Json::Object(fields) => {
                Value::Object(fields.iter().map(|(k, v)| (k.clone().into_owned(), v.to_value())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

/// Objects with more keys than this look for repeats in a set instead of by comparison.
const SMALL_OBJECT: usize = 24;

/// One of 64 bits for a key, so that most keys are known to be new without a comparison.
fn mark(key: &str) -> u64 {
    let (first, last) = (key.as_bytes().first().copied(), key.as_bytes().last().copied());
    let hash = key.len() * 7 + usize::from(first.unwrap_or(0)) * 3 + usize::from(last.unwrap_or(0)) * 5;
    1 << (hash % 64)
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Json<'de>, E> {
        Ok(Json::Unsigned(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Json<'de>, E> {
        Ok(u64::try_from(v).map_or(Json::Negative(v), Json::Unsigned))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(v))
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Borrowed(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(v.to_owned())))
    }
    fn visit_string<E>(self, v: String) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(v)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(12);
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        let mut marks = 0;
        while let Some(Key(key)) = map.next_key()? {
            let marked = marks & mark(&key) != 0;
            marks |= mark(&key);
            let repeated = if fields.len() < SMALL_OBJECT {
                marked && fields.iter().any(|(k, _)| *k == key)
            } else {
                if seen.is_empty() {
                    seen.extend(fields.iter().map(|(k, _)| k.clone()));
                }
                !seen.insert(key.clone())
            };
            if repeated {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
            fields.push((key, map.next_value()?));
        }
        Ok(Json::Object(fields))
    }
}

/// An object key, borrowed where it can be.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = Json::deserialize(deserializer)?;
        if let Json::Str(text) = key { Ok(Key(text)) } else { Err(D::Error::custom("a key is no string")) }
    }
}

/// Appends a JSON string, quoted and escaped.
pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        serde_json::to_writer(out, text).expect("writing a string to memory cannot fail");
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Appends a whole number.
pub(crate) fn write_u64(out: &mut Vec<u8>, number: u64) {
    serde_json::to_writer(out, &number).expect("writing a number to memory cannot fail");
}

/// Appends a whole number of either sign.
pub(crate) fn write_i64(out: &mut Vec<u8>, number: i64) {
    serde_json::to_writer(out, &number).expect("writing a number to memory cannot fail");
}

/// Appends a JSON number with the fewest digits that read back as the same value.
pub(crate) fn write_f64(out: &mut Vec<u8>, number: f64) {
    serde_json::to_writer(out, &number).expect("writing a number to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_refused_in_small_and_large_objects() {
        assert_eq!(Json::parse(br#"{"a":1,"a":2}"#).unwrap_err().rule, Rule::MalformedJson);
        let many: Vec<String> = (0..100).map(|i| format!("\"k{i}\":{i}")).collect();
        assert!(Json::parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        let repeated = format!("{{{},\"k7\":0}}", many.join(","));
        assert_eq!(Json::parse(repeated.as_bytes()).unwrap_err().rule, Rule::MalformedJson);
    }

    #[test]
    fn an_error_never_repeats_the_input() {
        let violation = Json::parse(b"{\"password\":\"hunter2\"").unwrap_err();
        assert!(!violation.message.contains("hunter2"), "{}", violation.message);
    }

    #[test]
    fn junk_is_malformed() {
        for junk in ["{", "{\"a\":}", "\u{0}", "NaN", "1e999", "\"\\ud800\"", "[1,]"] {
            assert_eq!(Json::parse(junk.as_bytes()).unwrap_err().rule, Rule::MalformedJson, "{junk}");
        }
        assert_eq!(Json::parse(b"\xff\xfe").unwrap_err().rule, Rule::MalformedJson);
    }
}
