//! Binary ids: events, W3C traces and spans.

use std::fmt;

use uuid::Uuid;

use crate::codec::{DecodeError, Decoder, Encoder, canonical_uuid, hex_array, to_hex};
use crate::columns::{Cell, Cells, byte_array};
use crate::json::Json;
use crate::text::write_quoted;
use crate::value::{Shape, Value};
use crate::violation::{Rule, Violation};

/// An event's stable identity: a UUID, made as version 7 where the recorder makes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// The id from its 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A version 7 id: milliseconds since 1970, then 74 random bits.
    pub const fn v7(unix_ms: u64, random: u128) -> Self {
        let bits = ((unix_ms as u128 & 0xffff_ffff_ffff) << 80)
            | (random & 0xfff_3fff_ffff_ffff_ffff)
            | (0x7 << 76)
            | (0x2 << 62);
        Self(bits.to_be_bytes())
    }

    /// Reads the hyphenated form, in either case.
    ///
    /// # Errors
    /// [`Rule::BadValue`] for anything else.
    pub fn parse_text(text: &str) -> Result<Self, Violation> {
        let bad = || Violation::new(Rule::BadValue, "expected a UUID such as 01999a7b-1c2d-7e3f-8a4b-5c6d7e8f9a0b");
        if let Some(bytes) = canonical_uuid(text) {
            return Ok(Self(bytes));
        }
        if text.len() != 36 {
            return Err(bad());
        }
        Uuid::try_parse(text).map(|uuid| Self(uuid.into_bytes())).map_err(|_| bad())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Uuid::from_bytes(self.0).hyphenated(), f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for EventId {
    const SHAPE: Shape = Shape::Uuid;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        if let Json::Str(text) = json { Self::parse_text(text) } else { Err(json.wrong_type("a string")) }
    }
    fn write(&self, out: &mut Vec<u8>) {
        let mut buffer = [0; 36];
        out.push(b'"');
        out.extend_from_slice(Uuid::from_bytes(self.0).hyphenated().encode_lower(&mut buffer).as_bytes());
        out.push(b'"');
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.bytes(&self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Bytes(&self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        byte_array(cell).map(Self)
    }
}

macro_rules! w3c_id {
    ($(#[doc = $doc:literal])+ $name:ident, $len:literal, $example:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The id from its bytes; `None` if all are zero, which W3C reserves for "invalid".
            pub const fn from_bytes(bytes: [u8; $len]) -> Option<Self> {
                let mut i = 0;
                while i < $len {
                    if bytes[i] != 0 {
                        return Some(Self(bytes));
                    }
                    i += 1;
                }
                None
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads lower-case hex digits.
            ///
            /// # Errors
            /// [`Rule::BadValue`] for another length, other digits, or all zeros.
            pub fn parse_text(text: &str) -> Result<Self, Violation> {
                hex_array(text).and_then(Self::from_bytes).ok_or_else(|| {
                    Violation::new(Rule::BadValue, concat!("expected lower-case hex digits, not all zero, such as ", $example))
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Value for $name {
            const SHAPE: Shape = Shape::Hex { digits: 2 * $len };

            fn parse(json: &Json<'_>) -> Result<Self, Violation> {
                if let Json::Str(text) = json { Self::parse_text(text) } else { Err(json.wrong_type("a string")) }
            }
            fn write(&self, out: &mut Vec<u8>) {
                write_quoted(out, "", &self.0);
            }
            fn encode(&self, out: &mut Encoder<'_>) {
                out.bytes(&self.0);
            }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                Self::from_bytes(input.array()?).ok_or(DecodeError("an id is all zeros"))
            }
            fn shred(&self, cells: &mut Cells<'_>) {
                cells.put(Cell::Bytes(&self.0));
            }
            fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
                Self::from_bytes(byte_array(cell)?).ok_or(DecodeError("an id is all zeros"))
            }
        }
    };
}

w3c_id! {
    /// A W3C trace id: 16 bytes, 32 hex digits, never all zero.
    TraceId, 16, "4bf92f3577b34da6a3ce929d0e0e4736"
}

w3c_id! {
    /// A W3C span id: 8 bytes, 16 hex digits, never all zero.
    SpanId, 8, "00f067aa0ba902b7"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_7_sets_its_bits() {
        let id = EventId::v7(0x0199_9a7b_1c2d, u128::MAX).to_string();
        assert_eq!(id, "01999a7b-1c2d-7fff-bfff-ffffffffffff");
        assert_eq!(EventId::v7(1, 0).to_string(), "00000000-0001-7000-8000-000000000000");
    }

    #[test]
    fn only_the_hyphenated_form_is_an_event_id() {
        assert!(EventId::parse_text("01999A7B-1C2D-7FFF-BFFF-FFFFFFFFFFFF").is_ok());
        for bad in ["01999a7b1c2d7fffbfffffffffffffff", "{01999a7b-1c2d-7fff-bfff-ffffffffffff}", "not-a-uuid", ""] {
            assert!(EventId::parse_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn zeros_are_no_span() {
        assert!(SpanId::parse_text("0000000000000000").is_err());
        assert!(TraceId::parse_text(&"0".repeat(32)).is_err());
        assert!(SpanId::parse_text("00F067AA0BA902B7").is_err());
        assert_eq!(SpanId::parse_text("00f067aa0ba902b7").unwrap().to_string(), "00f067aa0ba902b7");
    }
}
