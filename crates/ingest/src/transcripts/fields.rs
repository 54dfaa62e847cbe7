//! Fields of JSON objects, read leniently: what is not as it should be is as good as not there.

use flightrec_events::Timestamp;
use serde_json::Value;

use crate::ids;

/// The value at the end of a path of names.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// Text that is not empty.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Text that names something, as events name it: what is too long for a name is named by its hash.
pub(super) fn name(value: &Value, path: &[&str]) -> Option<String> {
    text(value, path).map(|text| ids::id(text).as_str().to_owned())
}

/// A count; a fraction without a remainder counts as one.
pub(super) fn count(value: &Value, path: &[&str]) -> Option<u64> {
    let value = at(value, path)?;
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let is_count = number.fract() == 0.0 && (0.0..9e15).contains(&number);
        is_count.then_some(number as u64)
    })
}

/// A whole number of either sign.
pub(super) fn whole(value: &Value, path: &[&str]) -> Option<i64> {
    at(value, path).and_then(Value::as_i64)
}

/// Whether a flag is set.
pub(super) fn is_set(value: &Value, path: &[&str]) -> bool {
    at(value, path).and_then(Value::as_bool) == Some(true)
}

/// A time in RFC 3339 and UTC.
pub(super) fn time(value: &Value, path: &[&str]) -> Option<Timestamp> {
    Timestamp::parse_text(text(value, path)?).ok()
}

/// Whether text begins with one of these.
pub(super) fn begins(text: &str, beginnings: &[&str]) -> bool {
    let text = text.trim_start();
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_it_should_be_is_not_there() {
        let value = json!({"a": {"b": "x", "n": 3, "f": 4.0, "g": 4.5, "m": -1, "e": "", "t": true}});
        assert_eq!(text(&value, &["a", "b"]), Some("x"));
        for path in [&["a", "e"][..], &["a", "n"], &["b"], &["a", "b", "c"]] {
            assert_eq!(text(&value, path), None);
        }
        let counts: Vec<_> = ["n", "f", "g", "m", "b"].iter().map(|name| count(&value, &["a", name])).collect();
        assert_eq!(counts, [Some(3), Some(4), None, None, None]);
        assert_eq!(
            (whole(&value, &["a", "m"]), is_set(&value, &["a", "t"]), is_set(&value, &["a"])),
            (Some(-1), true, false)
        );
        assert_eq!(time(&json!({"t": "yesterday"}), &["t"]), None);
        assert!(begins("  <command-name>", &["<x>", "<command-"]) && !begins("a <command-", &["<command-"]));
    }
}
