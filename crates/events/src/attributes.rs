//! Open attributes: names to scalars, bounded, never content.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::json::{Json, write_f64, write_i64, write_str};
use crate::text::{Id, fitting};
use crate::value::{
    MAX_ITEMS, Shape, TextClass, TextMap, Value, check_items, is_content_name, object, printable, unexpected,
};
use crate::violation::{Rule, Violation};

/// The most bytes of one attribute's text.
pub(crate) const MAX_ATTRIBUTE_BYTES: usize = 256;

/// Named scalars, in the order of their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(BTreeMap<Id, Scalar>);

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// A text of at most 256 bytes.
    Str(Arc<str>),
    /// At most 1,024 scalars, no further lists.
    List(Vec<Scalar>),
}

impl Attributes {
    /// Adds or replaces one attribute.
    ///
    /// # Errors
    /// [`Rule::InlineContent`] for a name under which content travels, [`Rule::OutOfBounds`] for
    /// too many attributes or too long a text.
    pub fn insert(&mut self, name: Id, value: Scalar) -> Result<(), Violation> {
        check_name(name.as_str())?;
        value.check().map_err(|v| v.within(&printable(name.as_str())))?;
        self.0.insert(name, value);
        check_items(self.0.len())
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Scalar> {
        self.0.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Id, &Scalar)> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check_name(name: &str) -> Result<(), Violation> {
    if is_content_name(name) {
        return Err(unexpected(name));
    }
    Ok(())
}

impl Scalar {
    fn check(&self) -> Result<(), Violation> {
        match self {
            Scalar::Float(n) if !n.is_finite() => Err(Violation::new(Rule::BadValue, "expected a finite number")),
            Scalar::Str(text) if text.len() > MAX_ATTRIBUTE_BYTES => Err(Violation::new(
                Rule::OutOfBounds,
                format!("at most {MAX_ATTRIBUTE_BYTES} bytes, found {}", text.len()),
            )),
            Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::Str(_) => Ok(()),
            Scalar::List(items) => {
                check_items(items.len())?;
                for (i, item) in items.iter().enumerate() {
                    if matches!(item, Scalar::List(_)) {
                        return Err(Violation::at(
                            Rule::WrongType,
                            format!("[{i}]"),
                            "expected a scalar, found an array",
                        ));
                    }
                    item.check().map_err(|v| v.within(&format!("[{i}]")))?;
                }
                Ok(())
            }
        }
    }

    fn from_json(json: &Json<'_>) -> Result<Self, Violation> {
        let scalar = match json {
            Json::Bool(b) => Scalar::Bool(*b),
            Json::Unsigned(n) => i64::try_from(*n).map_or(Scalar::Float(*n as f64), Scalar::Int),
            Json::Negative(n) => Scalar::Int(*n),
            Json::Float(n) => Scalar::Float(*n),
            Json::Str(text) => Scalar::Str(Arc::from(&**text)),
            Json::Array(items) => {
                check_items(items.len())?;
                let scalar = |(i, item)| Self::from_json(item).map_err(|v| v.within(&format!("[{i}]")));
                Scalar::List(items.iter().enumerate().map(scalar).collect::<Result<_, _>>()?)
            }
            Json::Null | Json::Object(_) => return Err(json.wrong_type("a string, number, boolean or array of them")),
        };
        scalar.check().map(|()| scalar)
    }

    fn bulk_bytes(&self) -> usize {
        match self {
            Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => 24,
            Scalar::Str(text) => text.len(),
            Scalar::List(items) => items.iter().map(Self::bulk_bytes).sum::<usize>() + 2 * items.len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Scalar::Bool(b) => b.write(out),
            Scalar::Int(n) => write_i64(out, *n),
            Scalar::Float(n) => write_f64(out, *n),
            Scalar::Str(text) => write_str(out, text),
            Scalar::List(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
        }
    }

    fn encode(&self, out: &mut Encoder<'_>) {
        match self {
            Scalar::Bool(b) => out.byte(u8::from(*b)),
            Scalar::Int(n) => {
                out.byte(2);
                out.varint((*n as u64) << 1 ^ (*n >> 63) as u64);
            }
            Scalar::Float(n) => {
                out.byte(3);
                out.bytes(&n.to_bits().to_le_bytes());
            }
            Scalar::Str(text) => {
                out.byte(4);
                out.str(text);
            }
            Scalar::List(items) => {
                out.byte(5);
                out.varint(items.len() as u64);
                for item in items {
                    item.encode(out);
                }
            }
        }
    }

    fn decode(input: &mut Decoder<'_>, lists_allowed: bool) -> Result<Self, DecodeError> {
        Ok(match input.byte()? {
            0 => Scalar::Bool(false),
            1 => Scalar::Bool(true),
            2 => {
                let zigzag = input.varint()?;
                Scalar::Int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            3 => Scalar::Float(f64::from_bits(u64::from_le_bytes(input.array()?))),
            4 => Scalar::Str(input.str()?),
            5 if lists_allowed => {
                let len = input.varint()?;
                if len > MAX_ITEMS as u64 {
                    return Err(DecodeError("a list is too long"));
                }
                Scalar::List((0..len).map(|_| Self::decode(input, false)).collect::<Result<_, _>>()?)
            }
            _ => return Err(DecodeError("an attribute has an unknown form")),
        })
    }

    fn map_text(&mut self, map: &mut TextMap<'_>) {
        match self {
            Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => {}
            Scalar::Str(text) => {
                if let Some(replacement) = map(TextClass::FreeText, text) {
                    *text = fitting(replacement, MAX_ATTRIBUTE_BYTES).into();
                }
            }
            Scalar::List(items) => items.iter_mut().for_each(|item| item.map_text(map)),
        }
    }
}

impl Value for Attributes {
    const SHAPE: Shape = Shape::Attributes;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        let fields = object(json)?;
        check_items(fields.len())?;
        let mut attributes = Self::default();
        for (name, value) in fields {
            check_name(name)?;
            let within = |v: Violation| v.within(&printable(name));
            let scalar = Scalar::from_json(value).map_err(within)?;
            attributes.0.insert(Id::new(&**name).map_err(within)?, scalar);
        }
        Ok(attributes)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (i, (name, value)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_str(out, name.as_str());
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.varint(self.0.len() as u64);
        for (name, value) in &self.0 {
            name.encode(out);
            value.encode(out);
        }
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let len = input.varint()?;
        if len > MAX_ITEMS as u64 {
            return Err(DecodeError("there are too many attributes"));
        }
        (0..len).map(|_| Ok((Id::decode(input)?, Scalar::decode(input, true)?))).collect::<Result<_, _>>().map(Self)
    }
    fn map_text(&mut self, map: &mut TextMap<'_>) {
        let mut mapped = BTreeMap::new();
        for (mut name, mut value) in std::mem::take(&mut self.0) {
            name.map_text(map);
            value.map_text(map);
            mapped.insert(name, value);
        }
        self.0 = mapped;
    }
    fn bulk_bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.bulk_bytes() + value.bulk_bytes() + 8).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Attributes, Violation> {
        Attributes::parse(&Json::parse(text.as_bytes())?)
    }

    #[test]
    fn scalars_and_lists_of_them_come_back() {
        let text = r#"{"a":true,"b":-3,"c":0.5,"d":"x","e":[1,"two",false]}"#;
        let attributes = parse(text).unwrap();
        let (mut json, mut stored) = (Vec::new(), Vec::new());
        attributes.write(&mut json);
        assert_eq!(String::from_utf8(json).unwrap(), text);
        attributes.encode(&mut Encoder::new(&mut stored));
        assert_eq!(Attributes::decode(&mut Decoder::new(&stored)).unwrap(), attributes);
    }

    #[test]
    fn bounds_and_content_are_refused_by_name() {
        let rule = |text: &str| parse(text).map_err(|v| (v.rule, v.field.unwrap_or_default())).unwrap_err();
        assert_eq!(rule(r#"{"gen_ai.prompt":"hello"}"#), (Rule::InlineContent, "gen_ai.prompt".into()));
        assert_eq!(rule(r#"{"a":{}}"#), (Rule::WrongType, "a".into()));
        assert_eq!(rule(r#"{"a":[1,[2]]}"#), (Rule::WrongType, "a[1]".into()));
        assert_eq!(rule(&format!("{{\"a\":\"{}\"}}", "x".repeat(257))), (Rule::OutOfBounds, "a".into()));
        let many: Vec<String> = (0..1025).map(|i| format!("\"k{i}\":1")).collect();
        assert_eq!(rule(&format!("{{{}}}", many.join(","))).0, Rule::OutOfBounds);
    }
}
