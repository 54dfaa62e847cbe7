//! The primitives of the stored form: variable-length integers and compact strings.
//!
//! ```text
//! varint   LEB128, at most 10 bytes, shortest form only
//! string   form byte, then
//!            0  varint length, UTF-8 bytes
//!            1  16 bytes: a UUID in lower-case hyphenated form
//!            2  varint n, n bytes: 2n lower-case hex digits
//!            3  nothing: the event's own model_session_id
//! ```

use std::sync::Arc;

use crate::recent;

/// The stored form of an event could not be read: the bytes are not what any version has written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored event cannot be read: {0}")]
pub struct DecodeError(pub(crate) &'static str);

const FORM_UTF8: u8 = 0;
const FORM_UUID: u8 = 1;
const FORM_HEX: u8 = 2;
const FORM_SESSION: u8 = 3;

/// The shortest text worth looking at as hexadecimal.
const MIN_HEX_LEN: usize = 8;

/// Writes the stored form into a buffer.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    session: Option<Arc<str>>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, session: None }
    }

    /// From here on, strings equal to `session` take one byte.
    pub(crate) fn set_session(&mut self, session: Option<Arc<str>>) {
        self.session = session;
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    pub(crate) fn str(&mut self, text: &str) {
        if self.session.as_deref() == Some(text) {
            return self.byte(FORM_SESSION);
        }
        if let Some(uuid) = canonical_uuid(text) {
            self.byte(FORM_UUID);
            return self.bytes(&uuid);
        }
        if text.len() >= MIN_HEX_LEN && text.len().is_multiple_of(2) && is_lower_hex(text.as_bytes()) {
            self.byte(FORM_HEX);
            self.varint(text.len() as u64 / 2);
            self.out.extend(hex_bytes(text.as_bytes()));
            return;
        }
        self.byte(FORM_UTF8);
        self.varint(text.len() as u64);
        self.bytes(text.as_bytes());
    }
}

/// Reads the stored form from a slice.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    session: Option<Arc<str>>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, session: None }
    }

    pub(crate) fn set_session(&mut self, session: Option<Arc<str>>) {
        self.session = session;
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or(DecodeError("it ends early"))?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError("it ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError("an integer is too large"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(DecodeError("an integer is not in its shortest form"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(DecodeError("an integer is too long"))
    }

    pub(crate) fn str(&mut self) -> Result<Arc<str>, DecodeError> {
        self.text(|text| text.into())
    }

    /// A text that is likely to come again.
    pub(crate) fn id(&mut self) -> Result<Arc<str>, DecodeError> {
        self.text(recent::shared)
    }

    fn text(&mut self, keep: fn(&str) -> Arc<str>) -> Result<Arc<str>, DecodeError> {
        match self.byte()? {
            FORM_UTF8 => {
                let len = self.varint()?;
                let bytes = self.take(usize::try_from(len).map_err(|_| DecodeError("a length is too large"))?)?;
                Ok(keep(std::str::from_utf8(bytes).map_err(|_| DecodeError("a string is not UTF-8"))?))
            }
            FORM_UUID => {
                let mut buffer = [0; 36];
                Ok(keep(uuid::Uuid::from_bytes(self.array()?).hyphenated().encode_lower(&mut buffer)))
            }
            FORM_HEX => {
                let len = self.varint()?;
                let bytes = self.take(usize::try_from(len).map_err(|_| DecodeError("a length is too large"))?)?;
                let mut buffer = [0; 64];
                match buffer.get_mut(..2 * bytes.len()) {
                    Some(digits) => Ok(keep(write_hex(digits, bytes))),
                    None => Ok(keep(&to_hex(bytes))),
                }
            }
            FORM_SESSION => self.session.clone().ok_or(DecodeError("it refers to a session it does not have")),
            _ => Err(DecodeError("a string has an unknown form")),
        }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError("bytes are left over")) }
    }
}

/// Where the two digits of each byte stand in a hyphenated UUID.
const UUID_DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The 16 bytes of a UUID that is written the one way in which it will be printed again.
pub(crate) fn canonical_uuid(text: &str) -> Option<[u8; 16]> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if [bytes[8], bytes[13], bytes[18], bytes[23]] != [b'-'; 4] {
        return None;
    }
    let mut all = 0;
    let uuid = UUID_DIGITS.map(|at| {
        let (high, low) = (nibble(bytes[at]), nibble(bytes[at + 1]));
        all |= high | low;
        high << 4 | low & 15
    });
    (all < 16).then_some(uuid)
}

/// Exactly `N` bytes as lower-case hex.
pub(crate) fn hex_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !is_lower_hex(digits) {
        return None;
    }
    let mut out = [0; N];
    for (slot, byte) in out.iter_mut().zip(hex_bytes(digits)) {
        *slot = byte;
    }
    Some(out)
}

/// The value of each lower-case hex digit; 0xff for every other byte.
const NIBBLES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    table
};
const DIGITS: &[u8; 16] = b"0123456789abcdef";

const fn nibble(digit: u8) -> u8 {
    NIBBLES[digit as usize]
}

fn is_lower_hex(digits: &[u8]) -> bool {
    digits.iter().fold(0, |all, &digit| all | nibble(digit)) < 16
}

/// The bytes behind lower-case hex digits.
fn hex_bytes(digits: &[u8]) -> impl Iterator<Item = u8> {
    digits.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
}

/// Writes the lower-case hex of `bytes` into a buffer of twice their length.
pub(crate) fn write_hex<'d>(digits: &'d mut [u8], bytes: &[u8]) -> &'d str {
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(digits).expect("hex digits are ASCII")
}

/// Lower-case hex of `bytes`.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; 2 * bytes.len()];
    write_hex(&mut digits, bytes).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(text: &str, session: Option<&str>) -> (usize, String) {
        let session: Option<Arc<str>> = session.map(Into::into);
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.set_session(session.clone());
        encoder.str(text);
        let mut decoder = Decoder::new(&out);
        decoder.set_session(session);
        let back = decoder.str().unwrap();
        decoder.finish().unwrap();
        (out.len(), back.to_string())
    }

    #[test]
    fn ids_take_their_entropy_and_one_byte() {
        let uuid = "01999a7b-0000-7abc-8def-0123456789ab";
        assert_eq!(round_trip(uuid, None), (17, uuid.to_owned()));
        assert_eq!(round_trip(uuid, Some(uuid)), (1, uuid.to_owned()));
        assert_eq!(round_trip("0123456789abcdef", None).0, 10);
        assert_eq!(round_trip(&uuid.to_uppercase(), None).1, uuid.to_uppercase());
    }

    proptest! {
        #[test]
        fn every_string_comes_back(text in "\\PC{0,80}|[0-9a-f]{0,70}") {
            prop_assert_eq!(round_trip(&text, None).1, text);
        }

        #[test]
        fn every_integer_comes_back(value: u64) {
            let mut out = Vec::new();
            Encoder::new(&mut out).varint(value);
            prop_assert_eq!(Decoder::new(&out).varint().unwrap(), value);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = Decoder::new(&bytes);
            while decoder.str().is_ok() {}
        }
    }
}
