//! Simple values, however a sender writes them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::otlp::base64;

/// What a simple value may be written as. Lists and objects in its place are passed over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Absent,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a simple value")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Absent)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Absent)
    }
}

impl Scalar {
    /// As text.
    pub(super) fn into_text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// As a truth value.
    pub(super) fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Text(text) if text == "true" => Some(true),
            Self::Text(text) if text == "false" => Some(false),
            Self::Text(_) | Self::Absent | Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => None,
        }
    }

    /// As a whole number that is not negative.
    pub(super) fn to_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            // The bound is 2^64, which is no u64 itself.
            Self::Float(value) => {
                (value.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(value)).then_some(*value as u64)
            }
            Self::Text(text) => text.trim().parse().ok().or_else(|| Self::Float(text.trim().parse().ok()?).to_u64()),
            Self::Absent | Self::Bool(_) => None,
        }
    }

    /// As a whole number.
    pub(super) fn to_i64(&self) -> Option<i64> {
        match self {
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Signed(value) => Some(*value),
            // The bounds are -2^63, which is an i64, and 2^63, which is none.
            Self::Float(value) => {
                let is_in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(value);
                (value.fract() == 0.0 && is_in_range).then_some(*value as i64)
            }
            Self::Text(text) => text.trim().parse().ok().or_else(|| Self::Float(text.trim().parse().ok()?).to_i64()),
            Self::Absent | Self::Bool(_) => None,
        }
    }

    /// As a number. Text may name one that JSON has no digits for.
    pub(super) fn to_f64(&self) -> Option<f64> {
        match self {
            Self::Unsigned(value) => Some(*value as f64),
            Self::Signed(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(text) => match text.trim() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                digits => digits.parse().ok(),
            },
            Self::Absent | Self::Bool(_) => None,
        }
    }

    /// As a choice, by its number or by its name. A name that is unknown is the choice 0: unspecified.
    pub(super) fn to_choice(&self, names: &[&str]) -> Option<i32> {
        if let Self::Text(text) = self
            && let Some(number) = names.iter().position(|name| name.eq_ignore_ascii_case(text))
        {
            return i32::try_from(number).ok();
        }
        i32::try_from(self.to_i64()?).ok()
    }

    /// As the bytes of an id: that many bytes in hexadecimal, or in base64 as protobuf's own mapping has it.
    ///
    /// Text that is no id of that length becomes a single byte, which no id is: the span that it belongs to
    /// can then be refused, alone and with its reason.
    pub(super) fn to_id(&self, length_bytes: usize) -> Option<Vec<u8>> {
        let text = match self {
            Self::Text(text) => text.trim(),
            Self::Absent => return None,
            Self::Bool(_) | Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => return Some(vec![0]),
        };
        if text.is_empty() {
            return None;
        }
        let id = if text.len() == 2 * length_bytes { unhex(text) } else { base64::decode(text) };
        Some(id.filter(|bytes| bytes.len() == length_bytes).unwrap_or_else(|| vec![0]))
    }

    /// As bytes in base64.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        if let Self::Text(text) = self { base64::decode(text) } else { None }
    }
}

/// The bytes that hexadecimal digits stand for.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16).map(|digit| digit as u8);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Scalar {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn whole_numbers_are_read_from_numbers_and_from_text() {
        let cases = [
            ("5", Some(5), Some(5)),
            ("\"5\"", Some(5), Some(5)),
            ("5.0", Some(5), Some(5)),
            ("\"5.0\"", Some(5), Some(5)),
            ("-5", None, Some(-5)),
            ("\"-5\"", None, Some(-5)),
            ("5.5", None, None),
            ("18446744073709551615", Some(u64::MAX), None),
            ("\"18446744073709551615\"", Some(u64::MAX), None),
            ("\"-9223372036854775808\"", None, Some(i64::MIN)),
            ("1e30", None, None),
            ("\"NaN\"", None, None),
            ("true", None, None),
            ("null", None, None),
            ("[1]", None, None),
            ("{\"a\":[{}]}", None, None),
        ];
        for (json, unsigned, signed) in cases {
            assert_eq!((read(json).to_u64(), read(json).to_i64()), (unsigned, signed), "{json}");
        }
    }

    #[test]
    fn fractions_are_read_by_digits_and_by_name() {
        for (json, value) in
            [("1.5", 1.5), ("\"1.5\"", 1.5), ("2", 2.0), ("-2", -2.0), ("\"-Infinity\"", f64::NEG_INFINITY)]
        {
            assert_eq!(read(json).to_f64().map(f64::to_bits), Some(f64::to_bits(value)), "{json}");
        }
        assert!(read("\"NaN\"").to_f64().unwrap().is_nan());
        assert_eq!(read("\"x\"").to_f64(), None);
    }

    #[test]
    fn choices_are_read_by_number_and_by_name() {
        let names = ["SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL"];
        for (json, choice) in [
            ("1", Some(1)),
            ("\"1\"", Some(1)),
            ("\"SPAN_KIND_INTERNAL\"", Some(1)),
            ("\"OTHER\"", None),
            ("7", Some(7)),
        ] {
            assert_eq!(read(json).to_choice(&names), choice, "{json}");
        }
    }

    #[test]
    fn ids_are_read_from_hexadecimal_and_from_base64() {
        let id = Some(vec![0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3]);
        for json in ["\"deadbeef00010203\"", "\"DEADBEEF00010203\"", "\"3q2+7wABAgM=\"", "\"3q2-7wABAgM\""] {
            assert_eq!(read(json).to_id(8), id, "{json}");
        }
        for json in ["\"deadbeef0001020x\"", "\"deadbeef\"", "\"3q2+7wABAgMEBQ==\"", "\"none\"", "12", "true"] {
            assert_eq!(read(json).to_id(8), Some(vec![0]), "{json}");
        }
        for json in ["\"\"", "null", "{}"] {
            assert_eq!(read(json).to_id(8), None, "{json}");
        }
    }
}
