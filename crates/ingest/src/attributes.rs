//! A borrowed view of the attributes of a span, a log record or a resource.
//!
//! Emitters disagree about types: a number may come as text, a whole number as a fraction. Each getter
//! takes what can be meant by its type and passes over the rest, so that a wrong type is never an error.
//! Where a key is given more than once, the first value that a getter can use wins.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::otlp::base64;
use crate::otlp::model::{Any, AnyValue, KeyValue};

/// Words of the filter of keys.
const FILTER_WORDS: usize = 4;

/// A list of attributes, looked up by key.
///
/// A lookup of a key that is not there mostly costs one test of a bit; any other walks the list. Walk it
/// once with [`Attributes::iter`] where the keys themselves are open-ended.
///
/// ```
/// use flightrec_ingest::attributes::Attributes;
/// use flightrec_ingest::otlp::model::{Any, AnyValue, KeyValue};
/// let list = [KeyValue { key: "tokens".into(), value: Some(AnyValue { value: Some(Any::Str("12".into())) }) }];
/// let attributes = Attributes::new(&list);
/// assert_eq!(attributes.u64("tokens"), Some(12));
/// assert_eq!(attributes.str("tokens"), Some("12"));
/// assert_eq!(attributes.u64("elsewhere"), None);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    list: &'a [KeyValue],
    filter: [u64; FILTER_WORDS],
}

impl<'a> Attributes<'a> {
    /// A view of this list.
    pub fn new(list: &'a [KeyValue]) -> Self {
        let mut filter = [0; FILTER_WORDS];
        for pair in list {
            let (word, bit) = place(&pair.key);
            filter[word] |= bit;
        }
        Self { list, filter }
    }

    /// No attributes at all.
    pub const fn none() -> Self {
        Self { list: &[], filter: [0; FILTER_WORDS] }
    }

    /// How many there are, repetitions included.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every key with its value, in the order in which they were sent, without those that have no value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Any)> + use<'a> {
        self.list.iter().filter_map(|pair| Some((pair.key.as_str(), pair.value.as_ref()?.value.as_ref()?)))
    }

    /// Whether the key has a value.
    #[inline]
    pub fn has(&self, key: &str) -> bool {
        self.find(key, |_| Some(())).is_some()
    }

    /// The first value of the key, of whatever type.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&'a Any> {
        self.find(key, Some)
    }

    /// The first value of the key, of whatever type, as it was sent.
    #[inline]
    pub fn value(&self, key: &str) -> Option<&'a AnyValue> {
        let (word, bit) = place(key);
        if self.filter[word] & bit == 0 {
            return None;
        }
        self.list
            .iter()
            .filter(|pair| pair.key == key)
            .filter_map(|pair| pair.value.as_ref())
            .find(|value| value.value.is_some())
    }

    /// The first text that is not empty of the first of these keys that has one.
    #[inline]
    pub fn first_of(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.str(key))
    }

    /// The first text of the key that is not empty.
    #[inline]
    pub fn str(&self, key: &str) -> Option<&'a str> {
        self.find(key, |any| if let Any::Str(text) = any { (!text.is_empty()).then_some(text.as_str()) } else { None })
    }

    /// The first whole number of the key that is not negative: as such, as a fraction without a remainder,
    /// or as text.
    #[inline]
    pub fn u64(&self, key: &str) -> Option<u64> {
        self.find(key, to_u64)
    }

    /// The first finite number of the key, as such or as text.
    #[inline]
    pub fn f64(&self, key: &str) -> Option<f64> {
        self.find(key, to_f64)
    }

    /// The first truth value of the key, as such or as the text `true` or `false`.
    #[inline]
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.find(key, to_bool)
    }

    /// The first text of the key, the first of its list where it holds a list of texts, or what a JSON text of
    /// such a list begins with.
    pub fn first_str(&self, key: &str) -> Option<Cow<'a, str>> {
        self.find(key, |any| match any {
            Any::Str(text) => first_of_json_list(text),
            Any::Array(list) => list.values.iter().find_map(|value| {
                let Some(Any::Str(text)) = &value.value else { return None };
                (!text.is_empty()).then_some(Cow::Borrowed(text.as_str()))
            }),
            Any::Bool(_) | Any::Int(_) | Any::Double(_) | Any::Map(_) | Any::Bytes(_) => None,
        })
    }

    /// The first value of the key as text; see [`text`].
    #[inline]
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.find(key, |any| Some(any_text(any)))
    }

    /// The first value of the key as JSON: text is parsed where it is JSON, and passed over where it is not.
    pub fn json(&self, key: &str) -> Option<Value> {
        self.find(key, |any| if let Any::Str(text) = any { parse(text) } else { Some(any_json(any)) })
    }

    #[inline]
    fn find<T>(&self, key: &str, usable: impl Fn(&'a Any) -> Option<T>) -> Option<T> {
        let (word, bit) = place(key);
        if self.filter[word] & bit == 0 {
            return None;
        }
        self.list.iter().filter(|pair| pair.key == key).find_map(|pair| usable(pair.value.as_ref()?.value.as_ref()?))
    }
}

/// The longest text that is read as JSON: in memory it takes many times its length.
pub const MAX_JSON_BYTES: usize = 16 << 20;

/// The JSON that a text is; `None` if it is none, or longer than [`MAX_JSON_BYTES`].
pub fn parse(text: &str) -> Option<Value> {
    if text.len() > MAX_JSON_BYTES { None } else { serde_json::from_str(text).ok() }
}

/// The value as text: text as it is, anything else as compact JSON with sorted keys; null is empty.
pub fn text(value: &AnyValue) -> Cow<'_, str> {
    value.value.as_ref().map_or(Cow::Borrowed(""), any_text)
}

/// The value as JSON. Bytes become base64; a number that JSON cannot hold becomes its name as text.
pub fn json(value: &AnyValue) -> Value {
    value.value.as_ref().map_or(Value::Null, any_json)
}

/// What is held as text; see [`text`].
pub fn any_text(any: &Any) -> Cow<'_, str> {
    if let Any::Str(text) = any { Cow::Borrowed(text) } else { Cow::Owned(compact(any_json(any))) }
}

/// Compact JSON with sorted keys, in whatever order the build's maps keep them: the same content has one hash.
pub(crate) fn compact(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

/// What is held as JSON; see [`json`].
pub fn any_json(any: &Any) -> Value {
    match any {
        Any::Str(text) => Value::String(text.clone()),
        Any::Bool(value) => Value::Bool(*value),
        Any::Int(value) => Value::from(*value),
        Any::Double(value) => Number::from_f64(*value).map_or_else(|| Value::String(value.to_string()), Value::Number),
        Any::Array(list) => Value::Array(list.values.iter().map(json).collect()),
        Any::Map(map) => Value::Object(object(&map.values)),
        Any::Bytes(bytes) => Value::String(base64::encode(bytes)),
    }
}

/// Named values as a JSON object; of a repeated name the first stays.
fn object(pairs: &[KeyValue]) -> Map<String, Value> {
    let mut object = Map::new();
    for pair in pairs {
        if !object.contains_key(&pair.key) {
            object.insert(pair.key.clone(), pair.value.as_ref().map_or(Value::Null, json));
        }
    }
    object
}

/// A whole number that is not negative, however it is written.
pub fn to_u64(any: &Any) -> Option<u64> {
    match any {
        Any::Int(value) => u64::try_from(*value).ok(),
        Any::Double(value) => whole(*value),
        Any::Str(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        Any::Bool(_) | Any::Array(_) | Any::Map(_) | Any::Bytes(_) => None,
    }
}

/// A finite number, however it is written.
pub fn to_f64(any: &Any) -> Option<f64> {
    let value = match any {
        Any::Int(value) => *value as f64,
        Any::Double(value) => *value,
        Any::Str(text) => text.trim().parse().ok()?,
        Any::Bool(_) | Any::Array(_) | Any::Map(_) | Any::Bytes(_) => return None,
    };
    value.is_finite().then_some(value)
}

/// A truth value, however it is written.
pub fn to_bool(any: &Any) -> Option<bool> {
    match any {
        Any::Bool(value) => Some(*value),
        Any::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Any::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Any::Str(_) | Any::Int(_) | Any::Double(_) | Any::Array(_) | Any::Map(_) | Any::Bytes(_) => None,
    }
}

/// The number without its fraction, if it has none and fits. 2^53 is the last that a float counts up to.
fn whole(value: f64) -> Option<u64> {
    const LAST: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && (0.0..=LAST).contains(&value)).then_some(value as u64)
}

/// The text itself, or the first text of the JSON list that it is.
fn first_of_json_list(text: &str) -> Option<Cow<'_, str>> {
    if text.is_empty() {
        return None;
    }
    if text.starts_with('[')
        && let Some(Value::Array(list)) = parse(text)
    {
        return list.into_iter().find_map(|value| {
            let Value::String(text) = value else { return None };
            (!text.is_empty()).then_some(Cow::Owned(text))
        });
    }
    Some(Cow::Borrowed(text))
}

/// The bit of the filter that stands for a key, from its length and its end: keys differ there the most.
#[inline]
fn place(key: &str) -> (usize, u64) {
    let bytes = key.as_bytes();
    let mut end = 0_u64;
    let mut at = bytes.len().saturating_sub(8);
    while at < bytes.len() {
        end = (end << 8) | u64::from(bytes[at]);
        at += 1;
    }
    let mixed = (end ^ ((bytes.len() as u64) << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    ((mixed >> 6) as usize, 1 << (mixed & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::model::{ArrayValue, KeyValueList};

    fn pair(key: &str, any: Any) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(any) }) }
    }

    fn value(any: Any) -> AnyValue {
        AnyValue { value: Some(any) }
    }

    fn str(text: &str) -> Any {
        Any::Str(text.to_owned())
    }

    #[test]
    fn a_getter_takes_what_can_be_meant_by_its_type_and_passes_over_the_rest() {
        let cases = [
            (Any::Int(7), Some(7), Some(7.0), None, None),
            (Any::Int(-7), None, Some(-7.0), None, None),
            (Any::Double(7.0), Some(7), Some(7.0), None, None),
            (Any::Double(7.5), None, Some(7.5), None, None),
            (Any::Double(1e300), None, Some(1e300), None, None),
            (Any::Double(f64::NAN), None, None, None, None),
            (Any::Double(f64::INFINITY), None, None, None, None),
            (str("7"), Some(7), Some(7.0), None, Some("7")),
            (str(" 7.0 "), Some(7), Some(7.0), None, Some(" 7.0 ")),
            (str("18446744073709551615"), Some(u64::MAX), Some(u64::MAX as f64), None, Some("18446744073709551615")),
            (str("NaN"), None, None, None, Some("NaN")),
            (str("True"), None, None, Some(true), Some("True")),
            (str("false"), None, None, Some(false), Some("false")),
            (str(""), None, None, None, None),
            (Any::Bool(true), None, None, Some(true), None),
            (Any::Bytes(vec![1]), None, None, None, None),
            (Any::Array(ArrayValue { values: vec![value(Any::Int(1))] }), None, None, None, None),
        ];
        for (any, as_u64, as_f64, as_bool, as_str) in cases {
            let list = [pair("k", any.clone())];
            let attributes = Attributes::new(&list);
            assert_eq!(attributes.u64("k"), as_u64, "{any:?}");
            assert_eq!(attributes.f64("k"), as_f64, "{any:?}");
            assert_eq!(attributes.bool("k"), as_bool, "{any:?}");
            assert_eq!(attributes.str("k"), as_str, "{any:?}");
            assert!(attributes.has("k"));
        }
    }

    #[test]
    fn of_a_repeated_key_the_first_usable_value_wins() {
        let list = [
            pair("thread.id", Any::Int(24)),
            KeyValue { key: "thread.id".to_owned(), value: None },
            pair("thread.id", str("")),
            pair("thread.id", str("0199-a")),
            pair("thread.id", str("0199-b")),
        ];
        let attributes = Attributes::new(&list);
        assert_eq!(attributes.u64("thread.id"), Some(24));
        assert_eq!(attributes.str("thread.id"), Some("0199-a"));
        assert_eq!(attributes.get("thread.id"), Some(&Any::Int(24)));
        assert_eq!(attributes.iter().count(), 4);
    }

    #[test]
    fn a_key_without_a_value_is_not_there() {
        let list = [
            KeyValue { key: "a".to_owned(), value: None },
            KeyValue { key: "b".to_owned(), value: Some(AnyValue::default()) },
        ];
        let attributes = Attributes::new(&list);
        assert!(!attributes.has("a") && !attributes.has("b") && !attributes.has("c"));
        assert_eq!(attributes.len(), 2);
        assert!(Attributes::none().is_empty());
    }

    #[test]
    fn every_key_of_a_long_list_is_found() {
        let list: Vec<_> =
            (0..1_000).map(|number| pair(&format!("llm.input_messages.{number}.role"), Any::Int(number))).collect();
        let attributes = Attributes::new(&list);
        for number in 0..1_000 {
            assert_eq!(attributes.u64(&format!("llm.input_messages.{number}.role")), Some(number));
        }
        assert!(!attributes.has("llm.input_messages.1000.role"));
    }

    #[test]
    fn anything_but_text_is_compact_json_with_sorted_keys() {
        let map = Any::Map(KeyValueList {
            values: vec![
                pair("z", Any::Int(1)),
                pair(
                    "a",
                    Any::Array(ArrayValue {
                        values: vec![value(str("x")), AnyValue::default(), value(Any::Bool(false))],
                    }),
                ),
                pair("z", Any::Int(2)),
                pair("m", Any::Bytes(vec![0xff, 0])),
                pair("n", Any::Double(f64::NAN)),
            ],
        });
        assert_eq!(text(&value(map)), r#"{"a":["x",null,false],"m":"/wA=","n":"NaN","z":1}"#);
        assert_eq!(text(&value(str("as it \"is\""))), "as it \"is\"");
        assert_eq!(text(&AnyValue::default()), "");
    }

    #[test]
    fn a_list_gives_its_first_text_however_it_is_written() {
        let cases = [
            (str("stop"), Some("stop")),
            (str(r#"["tool_call","stop"]"#), Some("tool_call")),
            (str("[not json"), Some("[not json")),
            (str("[]"), None),
            (Any::Array(ArrayValue { values: vec![AnyValue::default(), value(str("stop"))] }), Some("stop")),
            (Any::Int(1), None),
        ];
        for (any, first) in cases {
            let list = [pair("k", any)];
            assert_eq!(Attributes::new(&list).first_str("k").as_deref(), first);
        }
    }

    #[test]
    fn json_is_read_from_text_and_from_structured_values_alike() {
        let list = [
            pair("a", str(r#"{"x":[1,2]}"#)),
            pair("b", Any::Map(KeyValueList { values: vec![pair("x", Any::Int(1))] })),
            pair("c", str("no json")),
        ];
        let attributes = Attributes::new(&list);
        assert_eq!(attributes.json("a"), Some(serde_json::json!({"x": [1, 2]})));
        assert_eq!(attributes.json("b"), Some(serde_json::json!({"x": 1})));
        assert_eq!(attributes.json("c"), None);
    }

    #[test]
    fn text_that_is_too_long_stays_text() {
        let long = format!("[{}]", " ".repeat(MAX_JSON_BYTES));
        assert_eq!(parse(&long), None);
        assert_eq!(parse(&long[long.len() - 4..]), None);
        assert_eq!(parse("[  ]"), Some(serde_json::json!([])));
    }
}
